package socketapi

import "strconv"

// Code is the first number of a Socket API answer, which says what became of
// the message. The second number is always zero.
type Code int

// The codes that Hologram documents for the Socket API (Embedded APIs,
// "Response") and its own SDKs name.
const (
	CodeNone            Code = -1 // no answer, or none that names a code; never sent by the cloud
	CodeOK              Code = 0  // the message was taken
	CodeClosedEarly     Code = 1  // the connection closed before the terminator; the message may be fine
	CodeInvalidMessage  Code = 2  // the message could not be parsed
	CodeInvalidAuth     Code = 3  // the credentials are wrong
	CodeInvalidPayload  Code = 4  // the payload type is invalid
	CodeInvalidProtocol Code = 5  // the protocol type is invalid
	CodeInternal        Code = 6  // an internal error of the cloud
	CodeInvalidMetadata Code = 7  // the metadata is malformed
	CodeInvalidTopic    Code = 8  // a topic has invalid characters or is too long
)

var codeNames = [...]string{
	"message taken",
	"connection closed before the end of the message",
	"message could not be parsed",
	"credentials refused",
	"payload type invalid",
	"protocol type invalid",
	"internal error of the cloud",
	"metadata malformed",
	"topic invalid or too long",
}

// String names the code in words.
func (c Code) String() string {
	switch {
	case c == CodeNone:
		return "no code"
	case c >= 0 && int(c) < len(codeNames):
		return codeNames[c]
	}
	return "unknown code " + strconv.Itoa(int(c))
}

// verdict is what a complete answer with this code says about the message.
func (c Code) verdict() Verdict {
	switch c {
	case CodeOK:
		return Delivered
	case CodeInvalidMessage, CodeInvalidPayload, CodeInvalidProtocol, CodeInvalidMetadata, CodeInvalidTopic:
		return Refused
	case CodeInvalidAuth:
		return RefusedCredentials
	}
	// CodeClosedEarly comes with "message might be fine"; how far the cloud
	// got before CodeInternal is not told, and a code that nobody has
	// documented may mean anything.
	return Unknown
}

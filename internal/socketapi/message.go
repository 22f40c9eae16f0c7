package socketapi

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxTopicLen is the longest topic in bytes. Hologram's documentation asks for
// "less than 32 characters".
const MaxTopicLen = 31

// terminator ends every message.
const terminator = "\n\n"

// Message is one message to the Hologram cloud.
type Message struct {
	// Data is the payload: UTF-8 text of any length. The cloud hands it on
	// as bytes. Hologram documents no limit; keeping one is the caller's.
	Data string
	// Topics are the user topics under which the cloud routes the message;
	// each must satisfy [ValidTopic]. None is allowed.
	Topics []string
}

// FieldNames chooses how the fields of a message are named. The Socket API
// refuses a message that mixes both.
type FieldNames int

// The field names that the Socket API knows.
const (
	ShortNames FieldNames = iota // k, d, t; s, c: 11 to 18 bytes shorter
	FullNames                    // devicekey, data, tags; source, checksum
)

// String returns "short" or "full".
func (n FieldNames) String() string {
	if n == FullNames {
		return "full"
	}
	return "short"
}

// fieldNames are the punctuation and names around the values, as few bytes as
// JSON allows.
type fieldNames struct {
	deviceKey, source, checksum, data, tags string
}

func (n FieldNames) fields() *fieldNames {
	if n == FullNames {
		return &fieldNames{`{"devicekey":"`, `{"source":"`, `","checksum":"`, `","data":"`, `,"tags":`}
	}
	return &fieldNames{`{"k":"`, `{"s":"`, `","c":"`, `","d":"`, `,"t":`}
}

// ValidTopic says what is wrong with a topic of a message, nil if nothing: it
// must have 1 to [MaxTopicLen] ASCII letters, digits, '-', '_' and '/', and
// must not begin with '_', which marks the cloud's own topics.
func ValidTopic(s string) error {
	if s == "" {
		return errors.New("topic is empty")
	}
	if len(s) > MaxTopicLen {
		return fmt.Errorf("topic %.40q has %d bytes, at most %d are allowed", s, len(s), MaxTopicLen)
	}
	if s[0] == '_' {
		return fmt.Errorf("topic %q begins with '_', which is reserved for the cloud's own topics", s)
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '/':
		default:
			return fmt.Errorf("topic %q: only letters, digits, '-', '_' and '/' are allowed", s)
		}
	}
	return nil
}

// AppendMessage appends to dst the exact bytes that are sent for a message,
// the two newlines at the end included. An error means that dst is returned as
// it was: the credentials, a topic or the data is not valid. It never contains
// the credentials or the data.
func AppendMessage(dst []byte, cred Credentials, names FieldNames, m Message) ([]byte, error) {
	if err := cred.Validate(); err != nil {
		return dst, err
	}
	for _, t := range m.Topics {
		if err := ValidTopic(t); err != nil {
			return dst, err
		}
	}
	if !utf8.ValidString(m.Data) {
		return dst, errors.New("data is not valid UTF-8")
	}
	f := names.fields()
	if cred.DeviceKey != "" {
		dst = append(dst, f.deviceKey...)
		dst = appendEscaped(dst, cred.DeviceKey)
	} else {
		dst = append(dst, f.source...)
		dst = appendEscaped(dst, cred.SourceID)
		dst = append(dst, f.checksum...)
		dst = appendEscaped(dst, cred.SourceKey)
	}
	dst = append(dst, f.data...)
	dst = appendEscaped(dst, m.Data)
	dst = append(dst, '"')
	if len(m.Topics) > 0 {
		dst = append(dst, f.tags...)
		dst = appendTopics(dst, m.Topics)
	}
	dst = append(dst, '}')
	return append(dst, terminator...), nil
}

// appendTopics writes one topic as a string and several as an array. No
// character of a valid topic needs escaping.
func appendTopics(dst []byte, topics []string) []byte {
	if len(topics) == 1 {
		dst = append(dst, '"')
		dst = append(dst, topics[0]...)
		return append(dst, '"')
	}
	sep := byte('[')
	for _, t := range topics {
		dst = append(dst, sep, '"')
		dst = append(dst, t...)
		dst = append(dst, '"')
		sep = ','
	}
	return append(dst, ']')
}

// MessageSize is the number of bytes that [AppendMessage] appends for a valid
// message, computed without building it.
func MessageSize(cred Credentials, names FieldNames, m Message) int {
	return Overhead(cred, names, m.Topics) + EscapedSize(m.Data)
}

// Overhead is the size in bytes of a message with these topics and no data.
// What data adds is its [EscapedSize].
func Overhead(cred Credentials, names FieldNames, topics []string) int {
	f := names.fields()
	n := len(f.data) + len(`"}`) + len(terminator)
	if cred.DeviceKey != "" {
		n += len(f.deviceKey) + EscapedSize(cred.DeviceKey)
	} else {
		n += len(f.source) + EscapedSize(cred.SourceID) + len(f.checksum) + EscapedSize(cred.SourceKey)
	}
	if len(topics) == 0 {
		return n
	}
	n += len(f.tags)
	if len(topics) > 1 {
		n += len(`[`) + len(topics) // the closing bracket takes the place of the last comma
	}
	for _, t := range topics {
		n += len(`""`) + len(t)
	}
	return n
}

// EscapedSize is the number of bytes that s takes inside of a JSON string:
// the 94 characters from space to DEL other than '"' and '\' and everything
// beyond ASCII take their own length, the others 2 or 6 bytes.
func EscapedSize(s string) int {
	n := len(s)
	for i := range len(s) {
		n += int(escapeCost[s[i]])
	}
	return n
}

// escapeCost is what escaping adds to the one byte of a character.
var escapeCost = func() (t [256]uint8) {
	for c := range ' ' {
		t[c] = uint8(len(`\u0000`) - 1)
	}
	for _, c := range "\b\f\n\r\t\"\\" {
		t[c] = uint8(len(`\n`) - 1)
	}
	return t
}()

// appendEscaped appends s, which is valid UTF-8, as the inside of a JSON
// string. It escapes only what JSON demands, where encoding/json spends six
// bytes on each '<', '>' and '&' as well.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i := range len(s) {
		if escapeCost[s[i]] == 0 {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, s[from:]...)
}

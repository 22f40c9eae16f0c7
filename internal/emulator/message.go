package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"telegraf-hologram/internal/socketapi"
)

const (
	keyLength      = 8  // bytes of a device key, or of a Source ID and Source Key joined
	sourceLength   = 4  // bytes of a Source ID, and of a Source Key
	maxTopicLength = 31 // "less than 32 characters"
	maxE164Digits  = 15
)

// request is one message as the client wrote it, taken apart but not yet
// matched against the known devices.
type request struct {
	kind   Kind
	key    string   // credentials: 8 bytes, secret
	data   string   // payload, or text of an SMS
	topics []string // as the client gave them
	to     string   // destination of an SMS
}

// refusal says with which code a message is refused, and why. The reason never
// quotes the message, since that would show credentials.
type refusal struct {
	code   socketapi.Code
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(code socketapi.Code, format string, args ...any) *refusal {
	return &refusal{code: code, reason: fmt.Sprintf(format, args...)}
}

// endOfMessage looks for the earliest terminator in buf: two newlines as
// documented, two carriage returns as Hologram's own SDKs send, or two CRLF as
// Arduino's println makes them. It returns the length of the message and of the
// message with its terminator. Bytes before from have been looked at already.
func endOfMessage(buf []byte, from int) (end, next int, ok bool) {
	for i := max(from, 1); i < len(buf); i++ {
		switch {
		case buf[i] != '\n' && buf[i] != '\r':
		case buf[i] == buf[i-1]:
			return i - 1, i + 1, true
		case buf[i] == '\n' && i >= 3 && bytes.Equal(buf[i-3:i+1], []byte("\r\n\r\n")):
			return i - 3, i + 1, true
		}
	}
	return 0, 0, false
}

// kindOf tells by its first byte which procedure a message asks for.
func kindOf(msg []byte) Kind {
	if len(msg) == 0 {
		return KindUnknown
	}
	switch msg[0] {
	case '{':
		return KindMessage
	case 'S':
		return KindSMS
	default:
		return KindUnknown
	}
}

// parseMessage takes a message without its terminator apart. auth decides on
// the credentials between the form of the message and its contents, in the
// order of the documented codes: a message with a wrong key tells nothing about
// its payload. On a refusal the request holds what was understood so far.
func parseMessage(msg []byte, maxSMS int, auth func(key string) *refusal) (request, *refusal) {
	kind := kindOf(msg)
	switch {
	case kind == KindMessage:
		return parseJSON(msg, auth)
	case kind == KindSMS:
		return parseSMS(msg, maxSMS, auth)
	case len(msg) == 0:
		return request{}, refuse(socketapi.CodeInvalidMessage, "empty message")
	default:
		return request{}, refuse(socketapi.CodeInvalidProtocol, "first byte 0x%02x is neither { nor S", msg[0])
	}
}

// fields are the members of a JSON message by their short names.
type fields struct {
	values      map[string]any
	full, short bool // which spelling was seen
}

// shortName maps the documented full names; short names map to themselves.
func shortName(name string) (short string, full, ok bool) {
	switch name {
	case "devicekey":
		return "k", true, true
	case "data":
		return "d", true, true
	case "tags":
		return "t", true, true
	case "source":
		return "s", true, true
	case "checksum":
		return "c", true, true
	case "k", "d", "t", "s", "c", "m":
		return name, false, true
	default:
		return "", false, false
	}
}

func parseJSON(msg []byte, auth func(string) *refusal) (request, *refusal) {
	req := request{kind: KindMessage}
	f, ref := readFields(msg)
	if ref != nil {
		return req, ref
	}
	if req.key, ref = f.credentials(); ref != nil {
		return req, ref
	}
	if ref = auth(req.key); ref != nil {
		return req, ref
	}
	if ref = f.checkMetadata(); ref != nil {
		return req, ref
	}
	data, isString := f.values["d"].(string)
	switch _, given := f.values["d"]; {
	case !given:
		return req, refuse(socketapi.CodeInvalidPayload, "no data")
	case !isString:
		return req, refuse(socketapi.CodeInvalidPayload, "data is not a string")
	case data == "":
		return req, refuse(socketapi.CodeInvalidPayload, "data is empty")
	}
	req.data = data
	req.topics, ref = f.topics()
	return req, ref
}

// readFields reads the object token by token, because decoding into a map or a
// struct would hide duplicate and unknown names.
func readFields(msg []byte) (*fields, *refusal) {
	// encoding/json would quietly replace invalid UTF-8.
	if !utf8.Valid(msg) {
		return nil, refuse(socketapi.CodeInvalidMessage, "not UTF-8")
	}
	notJSON := refuse(socketapi.CodeInvalidMessage, "not a JSON object")
	dec := json.NewDecoder(bytes.NewReader(msg))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, notJSON
	}
	f := &fields{values: make(map[string]any, 4)}
	for dec.More() {
		tok, err := dec.Token()
		name, isString := tok.(string)
		if err != nil || !isString {
			return nil, notJSON
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, notJSON
		}
		short, full, known := shortName(name)
		if !known {
			return nil, refuse(socketapi.CodeInvalidMessage, "unknown field")
		}
		f.full = f.full || full
		f.short = f.short || !full
		if _, twice := f.values[short]; twice && f.full != f.short {
			return nil, refuse(socketapi.CodeInvalidMessage, "field %s given twice", name)
		}
		f.values[short] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse(socketapi.CodeInvalidMessage, "text after the JSON object")
	}
	if f.full && f.short {
		return nil, refuse(socketapi.CodeInvalidMessage, "full and abbreviated field names are mixed")
	}
	return f, nil
}

// credentials returns the eight bytes of the device key, or of the older Source
// ID and Source Key, which joined are the same eight bytes.
func (f *fields) credentials() (string, *refusal) {
	key, hasKey := f.values["k"]
	id, hasID := f.values["s"]
	check, hasCheck := f.values["c"]
	switch {
	case hasKey && (hasID || hasCheck):
		return "", refuse(socketapi.CodeInvalidAuth, "both a device key and a source with checksum")
	case hasKey:
		s, isString := key.(string)
		if !isString || len(s) != keyLength {
			return "", refuse(socketapi.CodeInvalidAuth, "device key is not a string of %d bytes", keyLength)
		}
		return s, nil
	case hasID && hasCheck:
		s, isString := id.(string)
		c, isString2 := check.(string)
		if !isString || !isString2 || len(s) != sourceLength || len(c) != sourceLength {
			return "", refuse(socketapi.CodeInvalidAuth, "source and checksum are not strings of %d bytes", sourceLength)
		}
		return s + c, nil
	case hasID:
		return "", refuse(socketapi.CodeInvalidAuth, "source without checksum")
	case hasCheck:
		return "", refuse(socketapi.CodeInvalidAuth, "checksum without source")
	default:
		return "", refuse(socketapi.CodeInvalidAuth, "no credentials")
	}
}

// checkMetadata accepts the undocumented field m as Hologram's SDKs send it:
// U+0001, then the name of the modem and the version of the SDK.
func (f *fields) checkMetadata() *refusal {
	m, given := f.values["m"]
	if !given {
		return nil
	}
	if s, isString := m.(string); !isString || len(s) < 2 || s[0] != '\x01' {
		return refuse(socketapi.CodeInvalidMetadata, "metadata is not a string that starts with U+0001")
	}
	return nil
}

func (f *fields) topics() ([]string, *refusal) {
	var topics []string
	switch t := f.values["t"].(type) {
	case nil:
		if _, given := f.values["t"]; given {
			return nil, refuse(socketapi.CodeInvalidTopic, "topics are null")
		}
		return nil, nil
	case string:
		topics = []string{t}
	case []any:
		topics = make([]string, 0, len(t))
		for i, v := range t {
			s, isString := v.(string)
			if !isString {
				return nil, refuse(socketapi.CodeInvalidTopic, "topic %d is not a string", i+1)
			}
			topics = append(topics, s)
		}
	default:
		return nil, refuse(socketapi.CodeInvalidTopic, "topics are neither a string nor an array of strings")
	}
	for i, t := range topics {
		if ref := checkTopic(i+1, t); ref != nil {
			return nil, ref
		}
	}
	return topics, nil
}

func checkTopic(number int, topic string) *refusal {
	switch {
	case topic == "":
		return refuse(socketapi.CodeInvalidTopic, "topic %d is empty", number)
	case topic[0] == '_':
		return refuse(socketapi.CodeInvalidTopic, "topic %d starts with an underscore, which is reserved for the system", number)
	}
	for _, r := range topic {
		if !isTopicRune(r) {
			return refuse(socketapi.CodeInvalidTopic, "topic %d contains %q: only letters, digits, hyphen, underscore and slash are allowed", number, r)
		}
	}
	if len(topic) > maxTopicLength {
		return refuse(socketapi.CodeInvalidTopic, "topic %d has %d characters, more than %d", number, len(topic), maxTopicLength)
	}
	return nil
}

func isTopicRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '/'
}

// parseSMS reads S, eight bytes of credentials, the number, a space and the
// text. maxSMS bounds the text in characters; negative is no bound.
func parseSMS(msg []byte, maxSMS int, auth func(string) *refusal) (request, *refusal) {
	req := request{kind: KindSMS}
	rest := msg[1:]
	if len(rest) < keyLength {
		return req, refuse(socketapi.CodeInvalidMessage, "SMS ends within its credentials")
	}
	req.key = string(rest[:keyLength])
	if ref := auth(req.key); ref != nil {
		return req, ref
	}
	number, text, found := bytes.Cut(rest[keyLength:], []byte(" "))
	if !found {
		return req, refuse(socketapi.CodeInvalidMessage, "no space between number and text of the SMS")
	}
	if !isE164(number) {
		return req, refuse(socketapi.CodeInvalidMessage, "number of the SMS is not + and at most %d digits (E.164)", maxE164Digits)
	}
	switch {
	case len(text) == 0:
		return req, refuse(socketapi.CodeInvalidPayload, "text of the SMS is empty")
	case !utf8.Valid(text):
		return req, refuse(socketapi.CodeInvalidPayload, "text of the SMS is not UTF-8")
	case maxSMS >= 0 && utf8.RuneCount(text) > maxSMS:
		return req, refuse(socketapi.CodeInvalidPayload, "text of the SMS has %d characters, more than %d", utf8.RuneCount(text), maxSMS)
	}
	req.to, req.data = string(number), string(text)
	return req, nil
}

func isE164(number []byte) bool {
	if len(number) < 3 || len(number) > 1+maxE164Digits || number[0] != '+' || number[1] == '0' {
		return false
	}
	for _, c := range number[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

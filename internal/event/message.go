package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Message is one message of a device, as the cloud tells of it. Only Data is in every shape; what is not told is zero.
type Message struct {
	// RecordID is the cloud's name of the message; only the data log tells it for certain.
	RecordID string
	// DeviceID and DeviceName are of the device, or of its SIM.
	DeviceID, DeviceName string
	// Received is when the cloud took the message.
	Received time.Time
	// Topics are the user's and the cloud's; those of the cloud begin and end with an underscore.
	Topics []string
	// SMS tells that the message came as one, through the network or the Socket API.
	SMS bool
	// Data is what the device sent.
	Data []byte
}

// MaxItems is how many items a list may have.
const MaxItems = 10_000

// ErrNoMessage says that a body is JSON, but in none of the shapes that hold a message.
var ErrNoMessage = errors.New("JSON without data, body or a list of items")

// Messages returns the messages in a body that the cloud sent or answered: an event with the device in an object or flat,
// an event of an SMS, an item of the data log, a list of items, or the answer of the REST API with such a list.
//
// The messages of a list that can be read are returned even if others cannot; then there is an error as well.
func Messages(body []byte) ([]Message, error) {
	body = bytes.TrimLeft(body, " \t\r\n")
	if bytes.HasPrefix(body, []byte("[")) {
		return messagesOf(body)
	}
	var o envelope
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", shortError(err))
	}
	if len(o.Data) > 0 && o.Data[0] == '[' {
		return messagesOf(o.Data)
	}
	m, err := o.message()
	if err != nil {
		return nil, err
	}
	return []Message{m}, nil
}

// shortError is an error of encoding/json without what it quotes of the text, as far as that is more than a character.
func shortError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("member %s is no %s", wrong.Field, wrong.Type)
	}
	return err
}

// messagesOf reads a list of items.
func messagesOf(text []byte) ([]Message, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", shortError(err))
	}
	if len(items) > MaxItems {
		return nil, fmt.Errorf("a list of more than %d items", MaxItems)
	}
	var messages []Message
	p := parts{name: "item", total: len(items)}
	for i, item := range items {
		var o envelope
		err := json.Unmarshal(item, &o)
		if err != nil {
			p.failed(i, fmt.Errorf("reading JSON: %w", shortError(err)))
			continue
		}
		m, err := o.message()
		if err != nil {
			p.failed(i, err)
			continue
		}
		messages = append(messages, m)
	}
	return messages, p.err()
}

// envelope has the members of all shapes.
type envelope struct {
	Received text `json:"received"`
	Logged   text `json:"logged"`
	Device   struct {
		ID   text `json:"id"`
		Name text `json:"name"`
	} `json:"device"`
	DeviceID    text            `json:"device_id"`
	DeviceName  text            `json:"device_name"`
	LogDeviceID text            `json:"deviceid"`
	RecordID    text            `json:"record_id"`
	Tags        topics          `json:"tags"`
	Data        json.RawMessage `json:"data"`
	Body        *string         `json:"body"`
}

// text is a member that is a text or a number; of anything else nothing is known.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case b[0] == '"':
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		s = string(b)
	}
	*t = text(strings.TrimSpace(s))
	return nil
}

// topics is a member that is a list of texts, or one text.
type topics []string

func (t *topics) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = SplitTopics(s)
	case '[':
		var list []text
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		for _, s := range list {
			if s != "" {
				*t = append(*t, string(s))
			}
		}
	}
	return nil
}

// SplitTopics returns the topics of a text such as a template of the cloud makes of them: divided by commas or space,
// perhaps in brackets and quotes.
func SplitTopics(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,[]'\"\t\r\n", r) })
}

// message returns the message of an event or an item.
func (o *envelope) message() (Message, error) {
	m := o.head()
	switch {
	case o.Body != nil:
		m.SMS = true
		var err error
		m.Data, err = Base64("body", *o.Body)
		return m, err
	case o.Data == nil || string(o.Data) == "null":
		return Message{}, ErrNoMessage
	}
	var data string
	if err := json.Unmarshal(o.Data, &data); err != nil {
		return Message{}, errors.New("data is not a text; a template must have \"<<data>>\", which is base64")
	}
	if !strings.HasPrefix(data, "{") {
		var err error
		m.Data, err = Base64("data", data)
		m.openSMS()
		return m, err
	}
	// An item of the data log: its data is the event.
	var inner envelope
	if err := json.Unmarshal([]byte(data), &inner); err != nil {
		return Message{}, fmt.Errorf("reading the event in data: %w", shortError(err))
	}
	if strings.HasPrefix(string(inner.Data), `"{`) {
		return Message{}, errors.New("an event in an event in data")
	}
	event, err := inner.message()
	if err != nil {
		return Message{}, err
	}
	event.complete(&m)
	return event, nil
}

// head returns what there is beside the data.
func (o *envelope) head() Message {
	m := Message{
		RecordID:   string(o.RecordID),
		DeviceID:   first(o.Device.ID, o.DeviceID, o.LogDeviceID),
		DeviceName: first(o.Device.Name, o.DeviceName),
		Topics:     o.Tags,
	}
	// A time that cannot be read is as good as none.
	m.Received, _ = ParseReceived(first(o.Received, o.Logged))
	for _, t := range m.Topics {
		m.SMS = m.SMS || strings.HasPrefix(t, "_SMS")
	}
	return m
}

func first(texts ...text) string {
	for _, t := range texts {
		if t != "" {
			return string(t)
		}
	}
	return ""
}

// complete takes what the message does not tell from the item around it.
func (m *Message) complete(item *Message) {
	if m.RecordID == "" {
		m.RecordID = item.RecordID
	}
	if m.DeviceID == "" {
		m.DeviceID = item.DeviceID
	}
	if m.DeviceName == "" {
		m.DeviceName = item.DeviceName
	}
	if m.Received.IsZero() {
		m.Received = item.Received
	}
	if m.Topics == nil {
		m.Topics = item.Topics
	}
	m.SMS = m.SMS || item.SMS
}

// openSMS takes the text out of the event of an SMS that is the data of a message.
func (m *Message) openSMS() {
	if !m.SMS || !bytes.HasPrefix(m.Data, []byte("{")) {
		return
	}
	var o envelope
	if json.Unmarshal(m.Data, &o) != nil || o.Body == nil {
		return
	}
	if body, err := Base64("body", *o.Body); err == nil {
		m.Data = body
	}
}

// Base64 reads a member of that name as base64, with or without = at its end. Its error holds nothing of the text.
func Base64(member, text string) ([]byte, error) {
	encoding := base64.StdEncoding
	text = strings.TrimSpace(text)
	if len(text)%4 != 0 && !strings.HasSuffix(text, "=") {
		encoding = base64.RawStdEncoding
	}
	data, err := encoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s as base64: %w", member, err)
	}
	return data, nil
}

// ParseReceived reads a time in one of the ways in which the cloud writes them; without a zone it is UTC. An empty text
// is the zero time.
func ParseReceived(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := receivedTime(s)
	return at.UTC(), err
}

package emulator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/socketapi"
)

// Kind says what a client sent.
type Kind int

// The kinds that the first byte of a message tells apart.
const (
	KindUnknown  Kind = iota // neither of the others, or nothing was read
	KindMessage              // a JSON message
	KindSMS                  // an SMS over IP
	KindModemSMS             // a circuit-switched SMS of the modem, to the cloud's number
)

func (k Kind) String() string {
	switch k {
	case KindMessage:
		return "message"
	case KindSMS:
		return "sms"
	case KindModemSMS:
		return "sms-do"
	default:
		return "unknown"
	}
}

// NoAnswer is the Code of an [Event] whose client got no answer.
const NoAnswer socketapi.Code = -1

// CloudNumber is the long code on which the cloud takes circuit-switched SMS.
const CloudNumber = "310000202"

// Event is one message that a client sent, or tried to. It never holds
// credentials.
type Event struct {
	// Received is when the message had been read.
	Received time.Time
	// Kind is what the first byte said.
	Kind Kind
	// DeviceID and DeviceName tell whose credentials the message carried: 0 and
	// empty if it carried none that are known.
	DeviceID   int
	DeviceName string
	// Topics are the client's topics, then the tags that the cloud adds. They
	// are empty unless the message is valid.
	Topics []string
	// Data is the payload of a message or what an SMS carries: its text, or any bytes
	// from a modem. It is empty unless the message is valid.
	Data string
	// To is the number that an SMS goes to.
	To string
	// BytesIn counts the bytes read on the connection, with the terminator;
	// BytesOut those of the answer (which follows the event). Of an SMS of the modem,
	// BytesIn counts those of Data.
	BytesIn, BytesOut int
	// Taken says whether the message counts as taken by the cloud: it is valid,
	// and no fault lost it.
	Taken bool
	// Code is what the client is answered, or NoAnswer, as for an SMS of the modem.
	Code socketapi.Code
	// Reason says why the message was not taken; empty if it was.
	Reason string
	// Fault is the failure mode that was applied, empty for none.
	Fault string
	// Metrics are what Config.Decode made of Data, if the message was taken.
	Metrics []telegraf.Metric
	// DecodeErr is why Config.Decode made nothing of Data.
	DecodeErr error
	// RecordID is a random UUID, as the cloud gives each of its records.
	RecordID string

	decoded bool // Decode was asked
	topics  int  // how many of Topics are the client's
}

// UserTopics returns the client's own topics, without the cloud's tags.
func (e Event) UserTopics() []string { return e.Topics[:min(e.topics, len(e.Topics))] }

// status is the outcome in a word or two.
func (e Event) status() string {
	switch {
	case e.Taken:
		return "taken"
	case e.Code == NoAnswer || e.Code == socketapi.CodeOK:
		return "lost"
	default:
		return "refused " + strconv.Itoa(int(e.Code))
	}
}

// String returns one line for a terminal: time, device, kind, outcome, bytes,
// and then what it was: the number of metrics and the topics of a message,
// number and text of an SMS, the reason of a refusal. It contains no control
// characters.
func (e Event) String() string {
	var b strings.Builder
	device := e.DeviceName
	if device == "" {
		device = "-"
	}
	fmt.Fprintf(&b, "%s  %-10s  %-7s  %-9s  %7d B", e.Received.Format("15:04:05.000"), device, e.Kind, e.status(), e.BytesIn)
	switch {
	case !e.Taken:
		b.WriteString("  " + e.Reason)
	case e.Kind == KindSMS, e.Kind == KindModemSMS:
		b.WriteString("  to " + e.To + ": " + strconv.Quote(e.Data))
	default:
		b.WriteString("  " + e.metricsText() + "  " + topicsText(e.UserTopics()))
	}
	if e.Fault != "" {
		b.WriteString("  (" + e.Fault + ")")
	}
	return b.String()
}

func (e Event) metricsText() string {
	const maxError = 80
	switch {
	case e.DecodeErr != nil:
		return "no metrics (" + clean(e.DecodeErr.Error(), maxError) + ")"
	case !e.decoded:
		return fmt.Sprintf("%4d characters", utf8.RuneCountInString(e.Data))
	case len(e.Metrics) == 1:
		return "   1 metric "
	default:
		return fmt.Sprintf("%4d metrics", len(e.Metrics))
	}
}

// topicsText keeps a line readable however many topics there are.
func topicsText(topics []string) string {
	const maxShown = 8
	if len(topics) == 0 {
		return "-"
	}
	if more := len(topics) - maxShown; more > 0 {
		return strings.Join(topics[:maxShown], ",") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(topics, ",")
}

// clean returns at most n characters of s without control characters.
func clean(s string, n int) string {
	s = strings.Trim(strconv.Quote(s), `"`)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// cloudTime is one of the forms in which the cloud writes a time, always UTC.
const cloudTime = "2006-01-02T15:04:05.000000"

// cloudDevice is the nested form of the device of an event.
type cloudDevice struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// cloudEvent is an event as the cloud hands it to webhooks and logs.
type cloudEvent struct {
	RecordID    string       `json:"record_id,omitempty"`
	Received    string       `json:"received"`
	AuthType    string       `json:"authtype"`
	Tags        []string     `json:"tags"`
	Device      *cloudDevice `json:"device,omitempty"`
	DeviceID    int          `json:"device_id,omitempty"`
	DeviceName  string       `json:"device_name,omitempty"`
	ErrorCode   int          `json:"errorcode"`
	Source      string       `json:"source,omitempty"`
	Timestamp   string       `json:"timestamp"`
	Data        *string      `json:"data,omitempty"`
	Body        *string      `json:"body,omitempty"`
	Destination string       `json:"destination,omitempty"`
	Direction   string       `json:"direction,omitempty"`
	Type        string       `json:"type,omitempty"`
	Status      string       `json:"status,omitempty"`
}

// MarshalJSON returns the event in the shape of the Hologram cloud's own event
// JSON, with the device as an object: a message has its payload in data, an SMS
// its text in body, both base64.
func (e Event) MarshalJSON() ([]byte, error) { return json.Marshal(e.cloud(false)) }

// MarshalFlatJSON returns the older shape of the cloud's event JSON, which has
// device_id and device_name instead of the object.
func (e Event) MarshalFlatJSON() ([]byte, error) { return json.Marshal(e.cloud(true)) }

func (e Event) cloud(flat bool) cloudEvent {
	c := cloudEvent{
		RecordID:  e.RecordID,
		Received:  e.Received.UTC().Format(cloudTime),
		AuthType:  "psk",
		Tags:      e.Topics,
		Timestamp: "0", // the cloud knows no time of the device
	}
	if c.Tags == nil {
		c.Tags = []string{}
	}
	if !e.Taken {
		c.ErrorCode = int(e.Code)
	}
	if e.DeviceID != 0 {
		// The real one shows the Source ID here, which is half of the key.
		c.Source = fmt.Sprintf("%04d", e.DeviceID)
		if flat {
			c.DeviceID, c.DeviceName = e.DeviceID, e.DeviceName
		} else {
			c.Device = &cloudDevice{ID: e.DeviceID, Name: e.DeviceName}
		}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(e.Data))
	if e.Kind == KindModemSMS {
		c.AuthType = "deviceid" // the SIM is what the cloud knows it by
	}
	if e.Kind == KindSMS || e.Kind == KindModemSMS {
		c.Body = &encoded
		c.Destination, c.Direction, c.Type = e.To, "DO", "T"
		if e.Taken {
			c.Status = "delivered"
		}
	} else {
		c.Data = &encoded
	}
	return c
}

// systemTags returns the tags that the cloud adds to what a device sends.
func systemTags(kind Kind, deviceID int) []string {
	device := fmt.Sprintf("_DEVICE_%d_", deviceID)
	switch kind {
	case KindSMS:
		return []string{device, "_SMSOVERIP_", "_SMS_"}
	case KindModemSMS:
		return []string{device, "_SMS_", "_SMS_DO_"}
	}
	return []string{device, "_SOCKETAPI_", "_JSONSTRING_"}
}

// newUUID returns a random UUID (version 4).
func newUUID() string {
	var b [16]byte
	// It names a record and protects nothing, which math/rand is enough for.
	binary.NativeEndian.PutUint64(b[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(b[8:], rand.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Package event reads what comes out of the Hologram cloud, and what goes in,
// back into metrics: compact payloads, line protocol and JSON as the data of a
// Socket API message, of an event (new and flat shape), of an item of the data
// log, or of an SMS, or alone.
package event

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

// Event is what one text carried.
type Event struct {
	// Metrics are in the order in which they were sent.
	Metrics []telegraf.Metric
	// Payload is the compact payload's identity; nil for other data.
	Payload *payload.Batch
}

// maxNesting bounds how often an event's data may itself be an event, which it
// is once in the data log of the REST API.
const maxNesting = 3

// Decode returns the metrics of a text: one payload, message, event, or record
// of line protocol. It fails when there is anything in it that it cannot read.
func Decode(text string) (Event, error) { return decode(text, 0) }

// cutSMS returns the text of a Socket API SMS: S, eight characters of
// credentials, + and the number, a space and the text.
func cutSMS(message string) (text string, ok bool) {
	const head = len("SABCDWXYZ")
	if len(message) < head || message[0] != 'S' {
		return "", false
	}
	number, text, ok := strings.Cut(message[head:], " ")
	return text, ok && socketapi.ValidNumber(number) == nil
}

func decode(text string, depth int) (Event, error) {
	switch {
	case payload.IsCompact(text):
		b, err := payload.Decode(text)
		if err != nil {
			return Event{}, err
		}
		return Event{Metrics: b.Metrics, Payload: &b}, nil
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return decodeJSON(text, depth)
	}
	if body, ok := cutSMS(text); ok && depth == 0 {
		return decode(body, depth+1)
	}
	metrics, err := decodeLines(text)
	return Event{Metrics: metrics}, err
}

// decodeLines reads line protocol, whose records may have newlines in strings.
func decodeLines(text string) ([]telegraf.Metric, error) {
	s := execd.NewSplitter(execd.MaxRecord, nil)
	records := s.Split(nil, []byte(text+"\n"))
	if rest := s.Finish(); rest != nil {
		records = append(records, rest)
	}
	if len(records) == 0 {
		return nil, errors.New("no compact payload, JSON or line protocol")
	}
	metrics := make([]telegraf.Metric, 0, len(records))
	for i, r := range records {
		m, err := execd.ParseRecord(r, time.Now())
		if err != nil {
			return nil, fmt.Errorf("reading record %d as line protocol: %w", i+1, err)
		}
		metrics = append(metrics, m)
	}
	return metrics, nil
}

// envelope has the members of all shapes that carry data.
type envelope struct {
	// A Socket API message.
	D         *string `json:"d"`
	K         string  `json:"k"`
	DeviceKey string  `json:"devicekey"`
	Checksum  string  `json:"checksum"`

	// An event; a message with full names has data as well.
	Data     json.RawMessage `json:"data"`
	Body     *string         `json:"body"`
	Received string          `json:"received"`
	AuthType string          `json:"authtype"`
	RecordID string          `json:"record_id"`

	// Metrics as Telegraf's JSON serializer writes them.
	Metrics []jsonMetric   `json:"metrics"`
	Name    string         `json:"name"`
	Fields  map[string]any `json:"fields"`
}

func decodeJSON(text string, depth int) (Event, error) {
	if depth >= maxNesting {
		return Event{}, errors.New("events within events within events")
	}
	if strings.HasPrefix(text, "[") {
		return Event{}, errors.New("a JSON array is no message, event or metric")
	}
	var e envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return Event{}, fmt.Errorf("reading JSON: %w", err)
	}
	switch {
	case e.D != nil:
		return decode(*e.D, depth+1)
	case e.Metrics != nil:
		return fromJSON(e.Metrics)
	case e.Fields != nil:
		var m jsonMetric
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return Event{}, fmt.Errorf("reading a JSON metric: %w", err)
		}
		return fromJSON([]jsonMetric{m})
	case e.Body != nil:
		return decodeBase64("body", *e.Body, depth)
	case e.Data == nil:
		return Event{}, errors.New("JSON without d, data, body, metrics or fields")
	}

	var data string
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return Event{}, errors.New("data is not a string")
	}
	switch {
	case e.DeviceKey != "" || e.Checksum != "":
		// A message with full names; its data is as it was sent.
		return decode(data, depth+1)
	case strings.HasPrefix(data, "{"):
		// An item of the data log: its data is the event.
		return decodeJSON(data, depth+1)
	}
	return decodeBase64("data", data, depth)
}

func decodeBase64(member, text string, depth int) (Event, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Event{}, fmt.Errorf("reading %s as base64: %w", member, err)
	}
	return decode(string(data), depth+1)
}

// jsonMetric is a metric as Telegraf's JSON serializer writes it.
type jsonMetric struct {
	Name      string            `json:"name"`
	Tags      map[string]string `json:"tags"`
	Fields    map[string]any    `json:"fields"`
	Timestamp json.Number       `json:"timestamp"`
}

// fromJSON makes metrics. JSON does not tell integers from floats, so that all
// numbers are floats, as Telegraf's JSON parser has it.
func fromJSON(in []jsonMetric) (Event, error) {
	var e Event
	for i, m := range in {
		if m.Name == "" || len(m.Fields) == 0 {
			return Event{}, fmt.Errorf("JSON metric %d has no name or no fields", i+1)
		}
		at, err := m.Timestamp.Int64()
		if err != nil {
			return Event{}, fmt.Errorf("JSON metric %d: timestamp %q is not a whole number", i+1, m.Timestamp)
		}
		for k, v := range m.Fields {
			switch v := v.(type) {
			case string, bool:
			case float64:
				if math.IsInf(v, 0) {
					return Event{}, fmt.Errorf("JSON metric %d: field %q is out of range", i+1, k)
				}
			default:
				return Event{}, fmt.Errorf("JSON metric %d: field %q is no number, string or boolean", i+1, k)
			}
		}
		e.Metrics = append(e.Metrics, metric.New(m.Name, m.Tags, m.Fields, jsonTime(at)))
	}
	return e, nil
}

// jsonTime takes the number for seconds, milliseconds, microseconds or
// nanoseconds, by its size: Telegraf's serializer may be set to any of them,
// and their ranges for the years from 1973 to 2262 do not overlap.
func jsonTime(n int64) time.Time {
	size := n
	if size < 0 {
		size = -size
	}
	switch {
	case size < 1e11:
		return time.Unix(n, 0)
	case size < 1e14:
		return time.UnixMilli(n)
	case size < 1e17:
		return time.UnixMicro(n)
	}
	return time.Unix(0, n)
}

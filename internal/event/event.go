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
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

// Event is what one text carried.
type Event struct {
	// Metrics are in the order in which they were sent.
	Metrics []telegraf.Metric
	// Payload is the compact payload's identity; nil for other data and for a
	// list of several items.
	Payload *payload.Batch
}

// maxNesting bounds how often data may itself be JSON with data: a list of items
// of the data log holds items, which hold events, which hold JSON metrics.
const maxNesting = 4

// Decode returns the metrics of a text: one payload in either of its forms,
// message, event, item of the data log or list of them, or line protocol. A record of line protocol without
// a time gets the time at which the cloud received it, or the current time
// where nothing tells that.
//
// Decode fails when there is anything that it cannot read. Where a text has
// several parts, records of line protocol or items of a list, the metrics of
// the others are returned with the error.
func Decode(text string) (Event, error) { return decode(text, scope{}) }

// scope is what the texts around a text tell about it.
type scope struct {
	depth    int
	received string // empty where nothing tells
}

func (s scope) within() scope {
	s.depth++
	return s
}

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

func decode(text string, sc scope) (Event, error) {
	if payload.IsCompact(text) {
		b, err := payload.Decode(text)
		if err != nil {
			return Event{}, fmt.Errorf("reading a compact payload: %w", err)
		}
		return Event{Metrics: b.Metrics, Payload: &b}, nil
	}
	switch trimmed := strings.TrimLeft(text, " \t\r\n"); {
	case strings.HasPrefix(trimmed, "{"):
		return decodeObject([]byte(trimmed), sc)
	case strings.HasPrefix(trimmed, "["):
		return decodeList([]byte(trimmed), sc)
	}
	if body, ok := cutSMS(text); ok && sc.depth == 0 {
		return decode(body, sc.within())
	}
	return decodeLines(text, sc)
}

// decodeLines reads line protocol, whose records may have newlines in strings.
func decodeLines(text string, sc scope) (Event, error) {
	oversized := 0
	s := execd.NewSplitter(execd.MaxRecord, func([]byte) { oversized++ })
	records := s.Split(nil, []byte(text+"\n"))
	if rest := s.Finish(); rest != nil {
		records = append(records, rest)
	}
	var e Event
	p := parts{name: "record", total: len(records) + oversized}
	for i, r := range records {
		m, err := parseRecord(r, sc)
		if err != nil {
			p.failed(i, err)
			continue
		}
		e.Metrics = append(e.Metrics, m)
	}
	if oversized > 0 {
		p.failed(len(records), fmt.Errorf("longer than %d bytes", execd.MaxRecord))
	}
	switch {
	case p.total == 0:
		return e, errors.New("no compact payload, no JSON and no line protocol")
	case len(e.Metrics) == 0:
		return e, fmt.Errorf("no compact payload and no JSON; %w", p.err())
	}
	return e, p.err()
}

func parseRecord(record []byte, sc scope) (telegraf.Metric, error) {
	m, err := execd.ParseRecord(record, time.Time{})
	if err != nil || !m.Time().IsZero() {
		return m, err
	}
	at, err := receivedTime(sc.received)
	if err != nil {
		return nil, fmt.Errorf("the metric has no time: %w", err)
	}
	m.SetTime(at)
	return m, nil
}

// receivedTime reads the member received, which the cloud writes in three ways.
// All are UTC where they do not say otherwise.
func receivedTime(s string) (time.Time, error) {
	if s == "" {
		return time.Now(), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00", time.DateTime} {
		if t, err := time.Parse(layout, s); err == nil { // any fraction of a second is read as well
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("received %q is no time", s)
}

// parts collects the failures of the parts of a text. It keeps the first, so
// that the error stays short however many there are.
type parts struct {
	name  string
	total int
	first error
	count int
}

func (p *parts) failed(i int, err error) {
	if p.count++; p.first != nil {
		return
	}
	if p.total > 1 {
		err = fmt.Errorf("%s %d: %w", p.name, i+1, err)
	}
	p.first = err
}

func (p *parts) err() error {
	if p.count > 1 {
		return fmt.Errorf("%w (%d of %d %ss cannot be read)", p.first, p.count, p.total, p.name)
	}
	return p.first
}

// object has the members of all shapes that carry data.
type object struct {
	// A Socket API message.
	D         *string `json:"d"`
	DeviceKey string  `json:"devicekey"`
	Checksum  string  `json:"checksum"`

	// An event or an item of the data log; a message with full names has data
	// as well, and a list of items has them there.
	Data     json.RawMessage `json:"data"`
	Body     *string         `json:"body"`
	Received string          `json:"received"`

	// Metrics as Telegraf's JSON serializer writes them.
	Metrics []jsonMetric   `json:"metrics"`
	Fields  map[string]any `json:"fields"`
}

func decodeObject(text []byte, sc scope) (Event, error) {
	if sc.depth >= maxNesting {
		return Event{}, errors.New("JSON within JSON too many times")
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return Event{}, fmt.Errorf("reading JSON: %w", err)
	}
	if o.Received != "" {
		sc.received = o.Received
	}
	switch {
	case o.D != nil:
		return decode(*o.D, sc.within())
	case o.Metrics != nil:
		return fromJSON(o.Metrics)
	case o.Fields != nil:
		var m jsonMetric
		if err := json.Unmarshal(text, &m); err != nil {
			return Event{}, fmt.Errorf("reading a JSON metric: %w", err)
		}
		return fromJSON([]jsonMetric{m})
	case o.Body != nil:
		return decodeBase64("body", *o.Body, sc)
	case o.Data == nil:
		return Event{}, errors.New("JSON without d, data, body, metrics or fields")
	case o.Data[0] == '[':
		return decodeList(o.Data, sc)
	}

	var data string
	if err := json.Unmarshal(o.Data, &data); err != nil {
		return Event{}, errors.New("data is neither a string nor a list")
	}
	switch {
	case o.DeviceKey != "" || o.Checksum != "":
		// A message with full names; its data is as it was sent.
		return decode(data, sc.within())
	case strings.HasPrefix(data, "{"):
		// An item of the data log: its data is the event.
		return decodeObject([]byte(data), sc.within())
	}
	return decodeBase64("data", data, sc)
}

// decodeList reads a list of items, as the REST API gives the data log.
func decodeList(text []byte, sc scope) (Event, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return Event{}, fmt.Errorf("reading JSON: %w", err)
	}
	var e Event
	p := parts{name: "item", total: len(items)}
	for i, item := range items {
		if item[0] != '{' {
			p.failed(i, errors.New("no JSON object"))
			continue
		}
		one, err := decodeObject(item, sc.within())
		if err != nil {
			p.failed(i, err)
		}
		e.Metrics = append(e.Metrics, one.Metrics...)
		if len(items) == 1 {
			e.Payload = one.Payload
		}
	}
	return e, p.err()
}

func decodeBase64(member, text string, sc scope) (Event, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Event{}, fmt.Errorf("reading %s as base64: %w", member, err)
	}
	if len(data) == 0 {
		return Event{}, fmt.Errorf("%s is empty", member)
	}
	return decode(string(data), sc.within())
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
		var tags []telegraf.Tag
		for k, v := range m.Tags {
			tags = append(tags, telegraf.Tag{Key: k, Value: v})
		}
		var fields []telegraf.Field
		for _, k := range slices.Sorted(maps.Keys(m.Fields)) {
			switch m.Fields[k].(type) {
			case string, bool, float64:
			default:
				return Event{}, fmt.Errorf("JSON metric %d: field %q is no number, string or boolean", i+1, k)
			}
			fields = append(fields, telegraf.Field{Key: k, Value: m.Fields[k]})
		}
		e.Metrics = append(e.Metrics, metric.New(m.Name, tags, fields, jsonTime(at)))
	}
	return e, nil
}

// jsonTime takes the number for seconds, milliseconds, microseconds or
// nanoseconds, by its size: Telegraf's serializer may be set to any of them,
// and their ranges for the years from 1973 to 2262 do not overlap.
func jsonTime(n int64) time.Time {
	switch {
	case -1e11 < n && n < 1e11:
		return time.Unix(n, 0)
	case -1e14 < n && n < 1e14:
		return time.UnixMilli(n)
	case -1e17 < n && n < 1e17:
		return time.UnixMicro(n)
	}
	return time.Unix(0, n)
}

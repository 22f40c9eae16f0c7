package event

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
)

// Limits of JSON that becomes fields. What is beyond them stays text.
const (
	maxJSONDepth = 32
	maxFields    = 4096
	maxFieldName = 1024
)

// DefaultMeasurement is the name of metrics whose data brings none.
const DefaultMeasurement = "hologram_message"

// Decoder makes metrics of the data of messages. The zero value is ready for use.
type Decoder struct {
	// Measurement is the name of metrics whose data brings none; empty is DefaultMeasurement.
	Measurement string
	// StringFields tells which texts and booleans of JSON become fields; nil lets all numbers become fields, and nothing
	// else, as Telegraf's parser json does.
	StringFields func(name string) bool
	// TagKeys tells which values of JSON become tags, nil none.
	TagKeys func(name string) bool
	// NameKey is the field of JSON, if any, that is the name of the metric, if it is a text.
	NameKey string
	// TimeKey is the field of JSON, if any, that is the time, in TimeFormat: "unix", "unix_ms", "unix_us", "unix_ns", or
	// a layout of package time.
	TimeKey, TimeFormat string
}

// Decoded is what the data of a message was.
type Decoded struct {
	// Metrics are in the order in which they were sent, at least one.
	Metrics []telegraf.Metric
	// Payload is the identity of a compact payload, without its metrics; nil for other data.
	Payload *payload.Batch
	// Err is why data that looks like metrics, or a part of it, is kept as text.
	Err error
}

// Decode makes metrics of the data of a message. It never fails: data that is no compact payload, no line protocol and no
// JSON becomes a metric with the field text, or data in base64 where it is not UTF-8, and so does, with the field error,
// what is damaged. Metrics without a time get the one at which the cloud received the message, or now.
func (d *Decoder) Decode(m *Message, now time.Time) Decoded {
	at := m.Received
	if at.IsZero() {
		at = now
	}
	text := string(m.Data)
	if payload.IsCompact(text) {
		b, err := payload.Decode(text)
		if err != nil {
			err = fmt.Errorf("no compact payload: %w", err)
			return Decoded{Metrics: []telegraf.Metric{d.text(m.Data, apart(m, at), err)}, Err: err}
		}
		metrics := b.Metrics
		b.Metrics = nil
		if len(metrics) == 0 {
			metrics = []telegraf.Metric{d.text(m.Data, apart(m, at), nil)}
		}
		return Decoded{Metrics: metrics, Payload: &b}
	}
	switch trimmed := strings.TrimLeft(text, " \t\r\n"); {
	case strings.HasPrefix(trimmed, "{"), strings.HasPrefix(trimmed, "["):
		if metrics, err := d.json([]byte(trimmed), apart(m, at)); err == nil && len(metrics) > 0 {
			return Decoded{Metrics: metrics}
		} else if err != nil && !errors.Is(err, errNotJSON) {
			return Decoded{Metrics: []telegraf.Metric{d.text(m.Data, apart(m, at), err)}, Err: err}
		}
	default:
		if metrics, rest, err := lines(m.Data, at); len(metrics) > 0 {
			if err != nil {
				metrics = append(metrics, d.text(rest, apart(m, at), err))
			}
			return Decoded{Metrics: metrics, Err: err}
		}
	}
	return Decoded{Metrics: []telegraf.Metric{d.text(m.Data, apart(m, at), nil)}}
}

// apart returns a time in the same millisecond that is the message's own where the cloud tells whole seconds: without
// it, the later of two texts of one second would take the place of the earlier in a database. It depends on nothing but
// the message, so that a message that comes twice takes its own place.
func apart(m *Message, at time.Time) time.Time {
	if at.Nanosecond() != 0 {
		return at
	}
	h := fnv.New64a()
	_, _ = h.Write(m.Data)
	var id [8]byte
	return at.Add(time.Duration(binary.BigEndian.Uint64(h.Sum(id[:0])) % uint64(time.Millisecond)))
}

// lines reads line protocol. rest are the records that cannot be read, and err why the first of them cannot.
func lines(data []byte, at time.Time) (metrics []telegraf.Metric, rest []byte, err error) {
	s := execd.NewSplitter(execd.MaxRecord, func(head []byte) {
		err = errors.Join(err, fmt.Errorf("a record is longer than %d bytes", execd.MaxRecord))
		rest = append(append(rest, head...), '\n')
	})
	// The splitter's records are parts of what it is given.
	records := s.Split(nil, append(slices.Clone(data), '\n'))
	if last := s.Finish(); last != nil {
		records = append(records, last)
	}
	for _, r := range records {
		m, e := execd.ParseRecord(r, at)
		if e != nil {
			if err == nil {
				err = errors.New("a line is no line protocol")
			}
			rest = append(append(rest, r...), '\n')
			continue
		}
		metrics = append(metrics, m)
	}
	return metrics, bytes.TrimSuffix(rest, []byte("\n")), err
}

// Text makes the metric of a message whose data is kept as it is, because of problem.
func (d *Decoder) Text(m *Message, now time.Time, problem error) telegraf.Metric {
	at := m.Received
	if at.IsZero() {
		at = now
	}
	return d.text(m.Data, apart(m, at), problem)
}

// text makes the metric of data that holds none.
func (d *Decoder) text(data []byte, at time.Time, problem error) telegraf.Metric {
	m := metric.New(d.measurement(), nil, nil, at)
	if utf8.Valid(data) {
		m.AddField("text", string(data))
	} else {
		m.AddField("data", base64.StdEncoding.EncodeToString(data))
	}
	if problem != nil {
		m.AddField("error", problem.Error())
	}
	return m
}

func (d *Decoder) measurement() string {
	if d.Measurement == "" {
		return DefaultMeasurement
	}
	return d.Measurement
}

var (
	errNotJSON = errors.New("no JSON")
	errBeyond  = fmt.Errorf("JSON with more than %d fields, %d levels, or %d bytes of a name", maxFields, maxJSONDepth, maxFieldName)
)

// json makes metrics of JSON: those of Telegraf's JSON serializer as they were, and of every other object one.
func (d *Decoder) json(data []byte, at time.Time) ([]telegraf.Metric, error) {
	var o struct {
		Metrics []jsonMetric    `json:"metrics"`
		Name    string          `json:"name"`
		Fields  map[string]any  `json:"fields"`
		Time    json.RawMessage `json:"timestamp"`
	}
	if json.Unmarshal(data, &o) == nil && (len(o.Metrics) > 0 || o.Name != "" && len(o.Fields) > 0 && o.Time != nil) {
		metrics := o.Metrics
		if len(metrics) == 0 {
			metrics = make([]jsonMetric, 1)
			if json.Unmarshal(data, &metrics[0]) != nil {
				metrics = nil
			}
		}
		if e, err := fromJSON(metrics); err == nil && len(e.Metrics) > 0 {
			return e.Metrics, nil
		}
	}
	var value any
	if json.Unmarshal(data, &value) != nil {
		return nil, errNotJSON
	}
	objects, ok := value.([]any)
	if !ok {
		objects = []any{value}
	}
	var metrics []telegraf.Metric
	for i, object := range objects {
		fields, ok := object.(map[string]any)
		if !ok {
			return nil, errNotJSON
		}
		// Objects of a list must not have one time: the last would take the place of the others.
		m, err := d.object(fields, at.Add(time.Duration(i)))
		if err != nil {
			return nil, err
		}
		if m != nil {
			metrics = append(metrics, m)
		}
	}
	return metrics, nil
}

// object makes a metric of an object; nil if that has no field.
func (d *Decoder) object(object map[string]any, at time.Time) (telegraf.Metric, error) {
	f := flattener{}
	if err := f.add("", object, 0); err != nil {
		return nil, err
	}
	m := metric.New(d.measurement(), nil, nil, at)
	slices.SortFunc(f.fields, func(a, b telegraf.Field) int { return strings.Compare(a.Key, b.Key) })
	for _, field := range f.fields {
		text, _ := field.Value.(string)
		switch _, isNumber := field.Value.(float64); {
		case field.Key == d.TimeKey && d.TimeKey != "":
			at, err := jsonTimeIn(d.TimeFormat, field.Value)
			if err != nil {
				return nil, err
			}
			m.SetTime(at)
		case field.Key == d.NameKey && d.NameKey != "" && text != "":
			m.SetName(text)
			d.add(m, field.Key, text, true)
		default:
			d.add(m, field.Key, field.Value, !isNumber)
		}
	}
	if len(m.FieldList()) == 0 {
		return nil, nil //nolint:nilnil // there is neither
	}
	return m, nil
}

// add adds a value as a tag or a field, as the options have it.
func (d *Decoder) add(m *metric.Metric, key string, value any, chosen bool) {
	switch {
	case d.TagKeys != nil && d.TagKeys(key):
		switch v := value.(type) {
		case string:
			m.AddTag(key, v)
		case bool:
			m.AddTag(key, strconv.FormatBool(v))
		case float64:
			m.AddTag(key, strconv.FormatFloat(v, 'f', -1, 64))
		}
	case !chosen, d.StringFields != nil && d.StringFields(key):
		m.AddField(key, value)
	}
}

// flattener collects the leaves of JSON under the names of the way to them, joined by underscores.
type flattener struct {
	fields []telegraf.Field
}

func (f *flattener) add(name string, value any, depth int) error {
	if depth > maxJSONDepth || len(name) > maxFieldName || len(f.fields) >= maxFields {
		return errBeyond
	}
	under := func(key string) string {
		if name == "" {
			return key
		}
		return name + "_" + key
	}
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if err := f.add(under(key), member, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for i, member := range v {
			if err := f.add(under(strconv.Itoa(i)), member, depth+1); err != nil {
				return err
			}
		}
	case nil:
	default:
		f.fields = append(f.fields, telegraf.Field{Key: name, Value: v})
	}
	return nil
}

var errTime = errors.New("the time of JSON is not in the format that is set")

// jsonTimeIn reads the time of an object.
func jsonTimeIn(format string, value any) (time.Time, error) {
	// How many are a second.
	units := map[string]float64{"unix": 1, "unix_ms": 1e3, "unix_us": 1e6, "unix_ns": 1e9}
	unit, isUnix := units[format]
	text, isText := value.(string)
	if !isUnix {
		if !isText {
			return time.Time{}, errTime
		}
		at, err := time.Parse(format, text)
		if err != nil {
			return time.Time{}, errTime
		}
		return at, nil
	}
	number, ok := value.(float64)
	if isText {
		var err error
		number, err = strconv.ParseFloat(text, 64)
		ok = err == nil
		if whole, err := strconv.ParseInt(text, 10, 64); err == nil && format == "unix_ns" {
			return time.Unix(0, whole), nil
		}
	}
	seconds := math.Floor(number / unit)
	if !ok || math.IsNaN(seconds) || math.Abs(seconds) >= math.MaxInt64/1e9 {
		return time.Time{}, errTime
	}
	rest := number - seconds*unit // exact, in the unit
	return time.Unix(int64(seconds), int64(math.Round(rest*(1e9/unit)))), nil
}

// CheckTimeFormat tells whether a format of times can be told from a text by mistake: it must be one of the units or have
// an element of a layout.
func CheckTimeFormat(format string) bool {
	switch format {
	case "unix", "unix_ms", "unix_us", "unix_ns":
		return true
	}
	// What has no element gives the same text for any time.
	a := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC).Format(format)
	return a != time.Date(2022, 11, 23, 17, 48, 59, 999, time.UTC).Format(format)
}

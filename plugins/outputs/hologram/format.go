package hologram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/serializers/influx"

	"telegraf-hologram/internal/payload"
)

// format turns ranges of metrics into data strings.
type format interface {
	// reset forgets all metrics.
	reset()
	// add appends a metric, or says why no message can carry it.
	add(telegraf.Metric) error
	// encode returns the data of the metrics from index from up to but not
	// including index to.
	encode(from, to int, seq payload.Sequence) (string, error)
}

// newFormat returns the format of the name, or nil.
func newFormat(name string) format {
	switch name {
	case formatCompact:
		return &compact{}
	case formatInflux:
		return &lines{serialize: influxSerializer(), separator: "\n"}
	case formatJSON:
		return &lines{serialize: serializeJSON, before: `{"metrics":[`, separator: ",", after: "]}"}
	}
	return nil
}

// compact is the compact payload.
type compact struct {
	encoder payload.Encoder
	buf     []byte
}

func (c *compact) reset()                      { c.encoder.Reset() }
func (c *compact) add(m telegraf.Metric) error { return c.encoder.Add(m) }

func (c *compact) encode(from, to int, seq payload.Sequence) (string, error) {
	var err error
	c.buf, err = c.encoder.Append(c.buf[:0], from, to, seq)
	return string(c.buf), err
}

// lines is a format of metrics that are written one by one.
type lines struct {
	serialize                func(telegraf.Metric) ([]byte, error)
	before, separator, after string
	all                      []byte
	ends                     []int // of each metric in all, without the separator
}

func (l *lines) reset() { l.all, l.ends = l.all[:0], l.ends[:0] }

func (l *lines) add(m telegraf.Metric) error {
	b, err := l.serialize(m)
	if err != nil {
		return err
	}
	if len(l.ends) > 0 {
		l.all = append(l.all, l.separator...)
	}
	l.all = append(l.all, b...)
	l.ends = append(l.ends, len(l.all))
	return nil
}

func (l *lines) encode(from, to int, _ payload.Sequence) (string, error) {
	start := 0
	if from > 0 {
		start = l.ends[from-1] + len(l.separator)
	}
	// What is not UTF-8 cannot be in JSON; line protocol may bring it.
	return strings.ToValidUTF8(l.before+string(l.all[start:l.ends[to-1]])+l.after, "\ufffd"), nil
}

func influxSerializer() func(telegraf.Metric) ([]byte, error) {
	s := &influx.Serializer{UintSupport: true}
	initErr := s.Init()
	return func(m telegraf.Metric) ([]byte, error) {
		if initErr != nil {
			return nil, initErr
		}
		b, err := s.Serialize(m)
		return bytes.TrimSuffix(b, []byte("\n")), err
	}
}

// serializeJSON writes a metric as Telegraf's JSON serializer does, with the
// time in nanoseconds.
func serializeJSON(m telegraf.Metric) ([]byte, error) {
	fields := make(map[string]any, len(m.FieldList()))
	for _, f := range m.FieldList() {
		// JSON has no way to write these; Telegraf's serializer drops them too.
		if v, ok := f.Value.(float64); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			continue
		}
		fields[f.Key] = f.Value
	}
	if len(fields) == 0 {
		return nil, errors.New("has no fields that JSON can carry")
	}
	tags := make(map[string]string, len(m.TagList()))
	for _, t := range m.TagList() {
		tags[t.Key] = t.Value
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(struct {
		Fields    map[string]any    `json:"fields"`
		Name      string            `json:"name"`
		Tags      map[string]string `json:"tags"`
		Timestamp int64             `json:"timestamp"`
	}{fields, m.Name(), tags, m.Time().UnixNano()}); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return slices.Clone(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

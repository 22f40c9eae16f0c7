package hologram

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/jsonwrite"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/order"
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
		return &lines{append: metric.AppendLine, separator: "\n"}
	case formatJSON:
		return &lines{append: appendJSON, before: `{"metrics":[`, separator: ",", after: "]}"}
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
	append                   func([]byte, telegraf.Metric) ([]byte, error)
	before, separator, after string
	all                      []byte
	ends                     []int // of each metric in all, without the separator
}

func (l *lines) reset() { l.all, l.ends = l.all[:0], l.ends[:0] }

func (l *lines) add(m telegraf.Metric) error {
	all := l.all
	if len(l.ends) > 0 {
		all = append(all, l.separator...)
	}
	all, err := l.append(all, m)
	if err != nil {
		return err
	}
	l.all = all
	l.ends = append(l.ends, len(all))
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

// appendJSON appends a metric as Telegraf's JSON serializer writes it, with the
// time in nanoseconds.
func appendJSON(dst []byte, m telegraf.Metric) ([]byte, error) {
	w := jsonwrite.NewWriter(dst)
	w.BeginObject()
	w.Name("fields").BeginObject()
	fields := slices.Clone(m.FieldList())
	order.Sort(len(fields), func(i, j int) bool { return fields[i].Key < fields[j].Key }, func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	some := false
	for _, f := range fields {
		// JSON has no way to write these; Telegraf's serializer drops them too.
		if v, ok := f.Value.(float64); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			continue
		}
		if !w.Name(f.Key).Value(f.Value) {
			return dst, fmt.Errorf("the field %q has a value of the type %T, which no field can have", f.Key, f.Value)
		}
		some = true
	}
	if !some {
		return dst, errors.New("has no fields that JSON can carry")
	}
	w.EndObject()
	w.Name("name").String(m.Name())
	w.Name("tags").BeginObject()
	for _, t := range m.TagList() {
		w.Name(t.Key).String(t.Value)
	}
	w.EndObject()
	w.Name("timestamp").Int(m.Time().UnixNano())
	w.EndObject()
	return w.Bytes(), nil
}

package payload

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
)

// newTestMetric makes a metric as Telegraf does.
func newTestMetric(name string, tags map[string]string, fields map[string]any, unixNano int64) telegraf.Metric {
	return metric.New(name, tags, fields, time.Unix(0, unixNano))
}

// describe writes all that a payload carries of a metric, floats by their bits.
func describe(m telegraf.Metric) string {
	var lines []string
	for _, f := range m.FieldList() {
		v := fmt.Sprintf("%q", fmt.Sprint(f.Value))
		if x, ok := f.Value.(float64); ok {
			v = fmt.Sprintf("%016x", math.Float64bits(x))
		}
		lines = append(lines, fmt.Sprintf("  field %q %T %s\n", f.Key, f.Value, v))
	}
	slices.Sort(lines)
	var b strings.Builder
	fmt.Fprintf(&b, "%q at %d\n", m.Name(), m.Time().UnixNano())
	for _, t := range m.TagList() {
		fmt.Fprintf(&b, "  tag %q %q\n", t.Key, t.Value)
	}
	return b.String() + strings.Join(lines, "")
}

// difference says where two lists of metrics differ, "" where they do not.
func difference(want, got []telegraf.Metric) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%d metrics, want %d", len(got), len(want))
	}
	for i := range want {
		if sameMetric(want[i], got[i]) {
			continue
		}
		return fmt.Sprintf("metric %d\n--- want\n%s--- got\n%s", i, describe(want[i]), describe(got[i]))
	}
	return ""
}

// fewItems is the number of fields from which on it is quicker to search.
const fewItems = 64

func sameMetric(a, b telegraf.Metric) bool {
	if a.Name() != b.Name() || a.Time().UnixNano() != b.Time().UnixNano() ||
		len(a.TagList()) != len(b.TagList()) || len(a.FieldList()) != len(b.FieldList()) {
		return false
	}
	for i, t := range a.TagList() {
		if *t != *b.TagList()[i] {
			return false
		}
	}
	fields := b.FieldList()
	if len(fields) > fewItems {
		fields = slices.Clone(fields)
		slices.SortFunc(fields, func(x, y *telegraf.Field) int { return strings.Compare(x.Key, y.Key) })
	}
	for _, f := range a.FieldList() {
		i := slices.IndexFunc(fields, func(x *telegraf.Field) bool { return x.Key == f.Key })
		if len(fields) > fewItems {
			i, _ = slices.BinarySearchFunc(fields, f.Key, func(x *telegraf.Field, key string) int { return strings.Compare(x.Key, key) })
		}
		if i < 0 || i >= len(fields) || fields[i].Key != f.Key || !sameValue(f.Value, fields[i].Value) {
			return false
		}
	}
	return true
}

func sameValue(a, b any) bool {
	x, ok := a.(float64)
	y, ok2 := b.(float64)
	if ok && ok2 {
		return math.Float64bits(x) == math.Float64bits(y)
	}
	return a == b
}

// requireRoundTrip encodes the metrics, decodes the payload, and returns it.
func requireRoundTrip(t testing.TB, metrics []telegraf.Metric) string {
	t.Helper()
	text := encodeReused(t, metrics, 77)
	requireText(t, string(text))
	b, err := Decode(string(text))
	require.NoError(t, err)
	require.Equal(t, Sequence(77), b.Sequence)
	if d := difference(metrics, b.Metrics); d != "" {
		t.Fatal("not the same: " + d)
	}
	return string(text)
}

// encoders keeps Encoders, as a new one takes its time.
var encoders = sync.Pool{New: func() any { return new(Encoder) }}

func encodeReused(t testing.TB, metrics []telegraf.Metric, seq Sequence) string {
	t.Helper()
	e := encoders.Get().(*Encoder)
	defer encoders.Put(e)
	e.Reset()
	for _, m := range metrics {
		require.NoError(t, e.Add(m))
	}
	text, err := e.Append(nil, 0, e.Len(), seq)
	require.NoError(t, err)
	return string(text)
}

// requireText fails where a payload has characters that JSON escapes.
func requireText(t testing.TB, text string) {
	t.Helper()
	require.True(t, IsCompact(text))
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > 0x7f || c == '"' || c == '\\' {
			t.Fatalf("character %q at %d", c, i)
		}
	}
}

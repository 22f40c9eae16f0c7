package payload

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
)

// odd is a metric that Telegraf would not make.
type odd struct {
	telegraf.Metric
	name   string
	tags   []*telegraf.Tag
	fields []*telegraf.Field
}

func (m *odd) Name() string                 { return m.name }
func (m *odd) TagList() []*telegraf.Tag     { return m.tags }
func (m *odd) FieldList() []*telegraf.Field { return m.fields }
func (m *odd) Time() time.Time              { return time.Unix(0, 0) }

func newOdd(name string, tags []*telegraf.Tag, fields ...*telegraf.Field) *odd {
	return &odd{name: name, tags: tags, fields: fields}
}

// state is what Add may change.
func (e *Encoder) state() string {
	measurements := ""
	for _, m := range e.measurements {
		measurements += fmt.Sprintln(m.name, m.tags, m.columns, m.shapes, m.series, len(m.shapeAt))
	}
	return fmt.Sprintln(e.rows, e.values, e.texts, len(e.byName), e.series, measurements)
}

func TestRefusedMetricChangesNothing(t *testing.T) {
	tag := func(k, v string) *telegraf.Tag { return &telegraf.Tag{Key: k, Value: v} }
	field := func(k string, v any) *telegraf.Field { return &telegraf.Field{Key: k, Value: v} }
	many := make([]*telegraf.Tag, MaxValues)
	for i := range many {
		many[i] = tag(fmt.Sprintf("%06d", i), "v")
	}
	half := strings.Repeat("x", MaxText/2)
	for _, c := range []struct {
		name   string
		metric telegraf.Metric
		want   string
		large  bool
	}{
		{"no name", newOdd("", nil, field("f", 1.5)), "has no name", false},
		{"no fields", newOdd("m", []*telegraf.Tag{tag("new", "v")}), "has no fields", false},
		{"field of no type", newOdd("new", nil, field("a", "text"), field("f", nil)), `field "f" has the unsupported type <nil>`, false},
		{"field of a strange type", newOdd("new", nil, field("a", "text"), field("f", []int{1})), `field "f" has the unsupported type []int`, false},
		{"field twice", newOdd("new", nil, field("f", "text"), field("g", 1.5), field("f", "text")), `field "f" occurs twice`, false},
		{"field twice with two types", newOdd("new", nil, field("f", "text"), field("f", int64(1))), `field "f" occurs twice`, false},
		{"tag twice", newOdd("new", []*telegraf.Tag{tag("a", "b"), tag("a", "b")}, field("f", "text")), `tag "a" occurs twice`, false},
		{"tag twice, in disorder", newOdd("new", []*telegraf.Tag{tag("a", "b"), tag("b", "b"), tag("a", "b")}, field("f", "text")), `tag "a" occurs twice`, false},
		{"too many values", newOdd("new", many, field("f", "text")), "262145 tags and fields", true},
		{"too much text", newOdd("new", []*telegraf.Tag{tag("a", half)}, field("f", half)), "16777221 bytes of text", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e Encoder
			require.NoError(t, e.Add(newTestMetric("m", map[string]string{"t": "v"}, map[string]any{"f": "text"}, 1)))
			before := e.state()
			err := e.Add(c.metric)
			require.ErrorContains(t, err, c.want)
			if c.large {
				require.ErrorIs(t, err, ErrTooLarge)
			}
			require.Equal(t, before, e.state())

			_, err = Encode([]telegraf.Metric{newTestMetric("m", nil, map[string]any{"f": 1.5}, 1), c.metric}, 0)
			var me *MetricError
			require.ErrorAs(t, err, &me)
			require.Equal(t, 1, me.Index)
		})
	}
}

func TestTagsInDisorder(t *testing.T) {
	m := newOdd("m", []*telegraf.Tag{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}}, &telegraf.Field{Key: "f", Value: 1.5})
	want := newTestMetric("m", map[string]string{"a": "2", "b": "1"}, map[string]any{"f": 1.5}, 0)
	text, err := Encode([]telegraf.Metric{m, want}, 0)
	require.NoError(t, err)
	b, err := Decode(string(text))
	require.NoError(t, err)
	require.Empty(t, difference([]telegraf.Metric{want, want}, b.Metrics))
	require.Equal(t, "b", m.tags[0].Key, "the metric is the caller's")
}

func TestLimits(t *testing.T) {
	repeat := func(m telegraf.Metric, n int) []telegraf.Metric {
		all := make([]telegraf.Metric, n)
		for i := range all {
			all[i] = m
		}
		return all
	}
	small := newTestMetric("m", nil, map[string]any{"f": int64(1)}, epoch)
	fields := map[string]any{}
	for i := range 1024 {
		fields[fmt.Sprintf("%04d", i)] = int64(1)
	}
	wide := newTestMetric("m", nil, fields, epoch)
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, MaxContent)
	for i := range noise {
		noise[i] = byte('0' + random.IntN(64))
	}
	kilobyte := newTestMetric("m", nil, map[string]any{"f": strings.Repeat("x", 1022)}, epoch)
	for _, c := range []struct {
		name    string
		metrics []telegraf.Metric
		ok      bool
		slow    bool
	}{
		{"as many metrics as can be", repeat(small, MaxMetrics), true, true},
		{"one metric more", repeat(small, MaxMetrics+1), false, false},
		{"as many values as can be", repeat(wide, MaxValues/1024), true, true},
		{"one value more", append(repeat(wide, MaxValues/1024), small), false, false},
		{"as much text as can be", repeat(kilobyte, MaxText/1024), true, true},
		{"more text", append(repeat(kilobyte, MaxText/1024), small), false, false},
		{"almost as much content as can be", []telegraf.Metric{newTestMetric("m", nil, map[string]any{"f": string(noise[20:])}, epoch)}, true, true},
		{"too much content", []telegraf.Metric{newTestMetric("m", nil, map[string]any{"f": string(noise)}, epoch)}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if raceEnabled && c.slow {
				t.Skip("takes its time with the race detector, which has nothing to find here")
			}
			if c.ok {
				requireRoundTrip(t, c.metrics)
				return
			}
			_, err := Encode(c.metrics, 1)
			require.ErrorIs(t, err, ErrTooLarge)
		})
	}
}

func TestNoSuchRange(t *testing.T) {
	var e Encoder
	require.NoError(t, e.Add(newTestMetric("m", nil, map[string]any{"f": 1.5}, 1)))
	for _, r := range [][2]int{{0, 0}, {-1, 1}, {0, 2}, {1, 1}, {1, 0}} {
		got, err := e.Append([]byte("before"), r[0], r[1], 0)
		require.ErrorContains(t, err, "no such range")
		require.Equal(t, "before", string(got))
	}
	got, err := e.Append([]byte("before"), 0, 1, SequenceLimit)
	require.ErrorContains(t, err, "sequence number 4096")
	require.Equal(t, "before", string(got))
}

func TestSequence(t *testing.T) {
	for s, want := range map[Sequence]Sequence{0: 1, 1: 2, 4094: 4095, 4095: 1} {
		require.Equal(t, want, s.Next())
	}
	m := []telegraf.Metric{newTestMetric("m", nil, map[string]any{"f": 1.5}, 1)}
	sums := map[uint32]bool{}
	for _, s := range []Sequence{0, 1, 255, 256, 4095} {
		text, err := Encode(m, s)
		require.NoError(t, err)
		b, err := Decode(string(text))
		require.NoError(t, err)
		require.Equal(t, s, b.Sequence)
		sums[b.Checksum] = true
	}
	require.Len(t, sums, 5, "the checksum covers the sequence number")
}

package metric_test

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	original "github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/metric"
)

// values are values of fields of all types, some of which no metric can have.
var values = []any{
	true, false, 0, math.MaxInt, math.MinInt, int8(-8), int16(-16), int32(-32), int64(math.MinInt64),
	uint(1), uint8(8), uint16(16), uint32(32), uint64(math.MaxUint64), float32(0.1), float32(math.MaxFloat32), 0.1,
	math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 1e-7,
	"", "text", "two\nlines", "\xff", `"\`, []byte(nil), []byte("bytes"),
	new(true), new(-1), new(int8(-8)), new(int16(-16)), new(int32(-32)), new(int64(-64)),
	new(uint(1)), new(uint8(8)), new(uint16(16)), new(uint32(32)), new(uint64(64)),
	new(float32(0.1)), new(0.1), new("text"), new([]byte("bytes")),
	(*bool)(nil), (*int)(nil), (*int8)(nil), (*int16)(nil), (*int32)(nil), (*int64)(nil), (*uint)(nil), (*uint8)(nil), (*uint16)(nil),
	(*uint32)(nil), (*uint64)(nil), (*float32)(nil), (*float64)(nil), (*string)(nil), (*[]byte)(nil),
	nil, time.Second, time.Time{}, complex(1, 2), struct{}{}, []string{"a"}, map[string]any{}, new(new(1)), uintptr(1), error(nil),
}

// texts are names, keys and values: few, so that they meet again, or any.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "b", "c", "ab", "A", "a b", "a,b", "a=b", `a\`, `\`, `\\`, `a\ `, " ", "\n", "\t", "\r", "\f", `"`, "é", "\xff", "\x00"}),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

// same requires that all that a metric tells is what Telegraf's own tells.
func same(t require.TestingT, want, got telegraf.Metric) {
	require.Equal(t, want.Name(), got.Name())
	require.True(t, want.Time().Equal(got.Time()))
	require.Equal(t, want.Type(), got.Type())
	require.Equal(t, want.Tags(), got.Tags())
	require.Equal(t, want.Fields(), got.Fields())
	require.Len(t, got.TagList(), len(want.TagList()))
	for i, tag := range want.TagList() {
		require.Equal(t, tag, got.TagList()[i])
	}
	require.Len(t, got.FieldList(), len(want.FieldList()))
	for i, field := range want.FieldList() {
		require.Equal(t, field, got.FieldList()[i])
	}
	require.Equal(t, want.HashID(), got.HashID())
	require.Equal(t, want.(interface{ String() string }).String(), got.(interface{ String() string }).String())
}

// A metric is what Telegraf's own is after the same calls in any order.
func TestSameAsTelegraf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, at := texts().Draw(t, "name"), time.Unix(0, rapid.Int64().Draw(t, "time"))
		want := original.New(name, nil, nil, at)
		var got telegraf.Metric = metric.New(name, nil, nil, at)
		type pair struct{ want, got telegraf.Metric }
		var left []pair // that were copied and must not change
		value := rapid.SampledFrom(values)
		both := func(f func(telegraf.Metric)) { f(want); f(got) }
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { same(t, want, got) },
			"name": func(t *rapid.T) {
				s := texts().Draw(t, "s")
				both(func(m telegraf.Metric) { m.SetName(s) })
			},
			"prefix": func(t *rapid.T) {
				s := texts().Draw(t, "s")
				both(func(m telegraf.Metric) { m.AddPrefix(s); m.AddSuffix(s + "x") })
			},
			"time": func(t *rapid.T) {
				at := time.Unix(0, rapid.Int64().Draw(t, "at"))
				both(func(m telegraf.Metric) { m.SetTime(at) })
			},
			"type": func(t *rapid.T) {
				kind := rapid.SampledFrom([]telegraf.ValueType{0, telegraf.Counter, telegraf.Gauge, telegraf.Histogram}).Draw(t, "kind")
				both(func(m telegraf.Metric) { m.SetType(kind) })
			},
			"add tag": func(t *rapid.T) {
				k, v := texts().Draw(t, "k"), texts().Draw(t, "v")
				both(func(m telegraf.Metric) { m.AddTag(k, v) })
			},
			"remove tag": func(t *rapid.T) {
				k := texts().Draw(t, "k")
				both(func(m telegraf.Metric) { m.RemoveTag(k) })
			},
			"add field": func(t *rapid.T) {
				k, v := texts().Draw(t, "k"), value.Draw(t, "v")
				both(func(m telegraf.Metric) { m.AddField(k, v) })
			},
			"remove field": func(t *rapid.T) {
				k := texts().Draw(t, "k")
				both(func(m telegraf.Metric) { m.RemoveField(k) })
			},
			"get": func(t *rapid.T) {
				k := texts().Draw(t, "k")
				require.Equal(t, want.HasTag(k), got.HasTag(k))
				require.Equal(t, want.HasField(k), got.HasField(k))
				wantTag, wantHas := want.GetTag(k)
				gotTag, gotHas := got.GetTag(k)
				require.Equal(t, wantTag, gotTag)
				require.Equal(t, wantHas, gotHas)
				wantField, wantHas := want.GetField(k)
				gotField, gotHas := got.GetField(k)
				require.Equal(t, wantField, gotField)
				require.Equal(t, wantHas, gotHas)
				wantTemplate, gotTemplate := want.(telegraf.TemplateMetric), got.(telegraf.TemplateMetric)
				require.Equal(t, wantTemplate.Tag(k), gotTemplate.Tag(k))
				require.Equal(t, wantTemplate.Field(k), gotTemplate.Field(k))
			},
			"hash": func(t *rapid.T) {
				tags, fields := rapid.SliceOf(texts()).Draw(t, "tags"), rapid.SliceOf(texts()).Draw(t, "fields")
				require.Equal(t, want.HashIDWithFieldsFiltered(tags, fields), got.HashIDWithFieldsFiltered(tags, fields))
			},
			"copy": func(*rapid.T) {
				left = append(left, pair{want, got})
				want, got = want.Copy(), got.Copy()
			},
			"settle": func(*rapid.T) {
				both(func(m telegraf.Metric) { m.Accept(); m.Reject(); m.Drop() })
			},
		})
		for _, p := range left {
			same(t, p.want, p.got)
		}
	})
}

// New does what adding one by one does, but leaves out what no metric can have.
func TestNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tags []telegraf.Tag
		var fields []telegraf.Field
		at := time.Unix(0, rapid.Int64().Draw(t, "time"))
		want := original.New("m", nil, nil, at)
		// More fields than are compared one by one, too.
		key := rapid.OneOf(texts(), rapid.Map(rapid.IntRange(0, 99), strconv.Itoa))
		for range rapid.IntRange(0, 20).Draw(t, "tags") {
			k, v := key.Draw(t, "k"), key.Draw(t, "v")
			tags = append(tags, telegraf.Tag{Key: k, Value: v})
			want.AddTag(k, v)
		}
		n := rapid.SampledFrom([]int{0, 1, 20, 100}).Draw(t, "fields")
		sorted := rapid.Bool().Draw(t, "sorted")
		for range n {
			fields = append(fields, telegraf.Field{Key: key.Draw(t, "k"), Value: rapid.SampledFrom(values).Draw(t, "v")})
		}
		if sorted {
			slices.SortStableFunc(fields, func(a, b telegraf.Field) int { return len(a.Key) - len(b.Key) })
		}
		for _, f := range fields {
			if original.New("", nil, map[string]any{"v": f.Value}, at).HasField("v") {
				want.AddField(f.Key, f.Value)
			}
		}
		tagsBefore, fieldsBefore := slices.Clone(tags), slices.Clone(fields)
		got := metric.New("m", tags, fields, at)
		same(t, want, got)

		// The slices remain the caller's.
		require.Equal(t, tagsBefore, tags)
		require.Equal(t, fieldsBefore, fields)
		clear(tags)
		clear(fields)
		got.AddTag("more", "v")
		want.AddTag("more", "v")
		got.AddField("more", 1)
		want.AddField("more", 1)
		same(t, want, got)
	})
}

// Every type of a value is converted as Telegraf does, by New and by AddField.
func TestValues(t *testing.T) {
	at := time.Unix(1, 2)
	for _, v := range values {
		want := original.New("m", nil, map[string]any{"v": v}, at)
		same(t, want, metric.New("m", nil, []telegraf.Field{{Key: "v", Value: v}}, at))

		want, got := original.New("m", nil, nil, at), metric.New("m", nil, nil, at)
		want.AddField("v", v)
		got.AddField("v", v)
		same(t, want, got)
	}
}

// A list that was given out does not see the field that replaces another.
func TestReplacedField(t *testing.T) {
	m := metric.New("m", nil, []telegraf.Field{{Key: "v", Value: 1}}, time.Time{})
	before := m.FieldList()[0]
	m.AddField("v", 2)
	require.Equal(t, int64(1), before.Value)
	require.Equal(t, int64(2), m.FieldList()[0].Value)
}

func BenchmarkNew(b *testing.B) {
	tags := []telegraf.Tag{{Key: "cpu", Value: "cpu0"}, {Key: "host", Value: "gateway-17"}}
	fields := []telegraf.Field{{Key: "user", Value: 1.25}, {Key: "system", Value: 0.5}, {Key: "idle", Value: 98.25}, {Key: "state", Value: "on"}}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			metric.New("cpu", tags, fields, time.Time{})
		}
	})
	b.Run("telegraf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := original.New("cpu", nil, nil, time.Time{})
			for _, t := range tags {
				m.AddTag(t.Key, t.Value)
			}
			for _, f := range fields {
				m.AddField(f.Key, f.Value)
			}
		}
	})
}

package payload

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/corpus"
)

var (
	extremeInts   = []int64{0, 1, -1, 63, 64, 127, 128, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1 << 53, -1 << 53, 1 << 62}
	extremeUints  = []uint64{0, 1, 127, 128, math.MaxUint32, 1<<63 - 1, 1 << 63, 1<<63 + 1, math.MaxUint64, math.MaxUint64 - 127}
	extremeFloats = []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, -0.1, 0.3, 1.0 / 3, math.Pi, 21.5, 1e-7, 1e15, 1e16, 1e22, 1e23, 1e300, 1e-300,
		math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 2.2250738585072011e-308,
		math.Inf(1), math.Inf(-1), math.NaN(), math.Float64frombits(0x7ff0000000000001), math.Float64frombits(0xfff8dead0000beef),
		1<<53 - 1, 1 << 53, 1<<53 + 2, -1 << 53, 9007199254740993, math.MaxInt64, math.MinInt64, math.MaxUint64,
	}
	extremeTexts = []string{
		"", "\x00", "\x01", "\x00\x00", "\x01\x01", "\x01\x02", "a\x00b", "a\x01b", "\n", "a\nb", "\r\n", `"`, `\`, `\"`, `a b,c=d`, "'", "`",
		"é", "ÿ", "Ω", "€", "漢字", "😀", "\U0010ffff", "\ufffd", "\xff", "\xc3", "\xed\xa0\x80", "a\xffb", "\u2028", "\ufeff",
		"0", "9", "00", "09", "10", "007", "truck-007", "truck-7", "truck-10", "x0", "999999999999999999", "1000000000000000000",
		"18446744073709551615", "18446744073709551616", "000000000000000000", "0000000000000000000", "v1.2.3", "-1", "+1", " 1", "٣",
	}
	extremeTimes = []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MinInt64 + epoch, math.MinInt64 + epoch - 1, math.MinInt64 + epoch + 1, epoch, epoch - 1, epoch + 1, math.MaxInt64 - epoch}
)

func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom(extremeTexts),
		rapid.StringN(0, 12, 40),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
		rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("%s%0*d", rapid.SampledFrom([]string{"", "n", "truck-", "1."}).Draw(t, "prefix"),
				rapid.IntRange(0, 20).Draw(t, "width"), rapid.Uint64().Draw(t, "number"))
		}),
	)
}

// fieldValues makes values of one type, in one of the ways that devices have.
func fieldValues(t *rapid.T) *rapid.Generator[any] {
	digits := rapid.IntRange(0, 6).Draw(t, "digits")
	return rapid.SampledFrom([]*rapid.Generator[any]{
		rapid.Int64().AsAny(),
		rapid.Int64Range(-100, 100).AsAny(),
		rapid.Map(rapid.Int64Range(0, 50), func(v int64) int64 { return v << 12 }).AsAny(),
		rapid.SampledFrom(extremeInts).AsAny(),
		rapid.Uint64().AsAny(),
		rapid.SampledFrom(extremeUints).AsAny(),
		rapid.Float64().AsAny(),
		rapid.Map(rapid.Uint64(), math.Float64frombits).AsAny(),
		rapid.SampledFrom(extremeFloats).AsAny(),
		rapid.Map(rapid.Int64Range(-5000, 5000), func(v int64) float64 { return float64(v) / powers[digits] }).AsAny(),
		rapid.Map(rapid.Int64Range(-5000, 5000), func(v int64) float64 { return float64(v) * negativePowers[digits] }).AsAny(),
		rapid.OneOf(
			rapid.Map(rapid.Int64Range(-5000, 5000), func(v int64) float64 { return float64(v) / powers[digits] }),
			rapid.Map(rapid.Int64Range(-5000, 5000), func(v int64) float64 { return float64(v) / powers[digits] }),
			rapid.Map(rapid.Int64Range(-5000, 5000), func(v int64) float64 { return float64(v) / powers[digits] }),
			rapid.Map(rapid.Int64Range(-5000, 5000), func(v int64) float64 { return float64(v) / powers[digits] }),
			rapid.SampledFrom(extremeFloats)).AsAny(),
		rapid.Bool().AsAny(),
		texts().AsAny(),
		rapid.SampledFrom([]any{int64(1), uint64(1), 1.0, true, "1"}),
	}).Draw(t, "values")
}

// batches makes metrics of a few measurements which have tags and fields in
// common, as far as those of a device have.
func batches() *rapid.Generator[[]telegraf.Metric] {
	return rapid.Custom(func(t *rapid.T) []telegraf.Metric {
		pool := rapid.SliceOfN(texts(), 1, 6)
		type measurement struct {
			name   string
			tags   []string
			values []string
			fields []string
			kinds  []*rapid.Generator[any]
			sparse bool
		}
		var ms []measurement
		for range rapid.IntRange(1, 4).Draw(t, "measurements") {
			m := measurement{
				name:   rapid.Map(texts(), func(s string) string { return "m" + s }).Draw(t, "name"),
				tags:   rapid.SliceOfN(texts(), 0, 4).Draw(t, "tags"),
				values: pool.Draw(t, "tag values"),
				fields: pool.Draw(t, "fields"),
				sparse: rapid.Bool().Draw(t, "sparse"),
			}
			for range m.fields {
				m.kinds = append(m.kinds, fieldValues(t))
			}
			ms = append(ms, m)
		}
		unit := rapid.SampledFrom(unitNanos[:]).Draw(t, "unit")
		at := rapid.Int64Range(-1000, 2_000_000_000).Draw(t, "start") * unit
		step := rapid.Int64Range(-1, 60).Draw(t, "step") * unit
		wild := rapid.IntRange(0, 9).Draw(t, "wild") == 0
		constant := rapid.Bool().Draw(t, "constant")
		var all []telegraf.Metric
		for i := range rapid.IntRange(1, 40).Draw(t, "n") {
			m := ms[(i+rapid.IntRange(0, 1).Draw(t, "skip"))%len(ms)]
			tags := map[string]string{}
			for _, k := range m.tags {
				if m.sparse && rapid.IntRange(0, 3).Draw(t, "leave tag") == 0 {
					continue
				}
				tags[k] = rapid.SampledFrom(m.values).Draw(t, "tag")
			}
			fields := map[string]any{}
			for j, f := range m.fields {
				if len(fields) > 0 && m.sparse && rapid.IntRange(0, 3).Draw(t, "leave field") == 0 {
					continue
				}
				if constant && i >= len(ms) {
					if v, ok := all[0].GetField(f); ok {
						fields[f] = v
						continue
					}
				}
				fields[f] = m.kinds[j].Draw(t, "value")
			}
			at += step
			ns := at
			if wild {
				ns = rapid.SampledFrom(extremeTimes).Draw(t, "time")
			}
			all = append(all, newTestMetric(m.name, tags, fields, ns))
		}
		return all
	})
}

func TestGenerated(t *testing.T) {
	var reused Encoder
	rapid.Check(t, func(t *rapid.T) {
		metrics := batches().Draw(t, "metrics")
		seq := Sequence(rapid.Uint16Range(0, SequenceLimit-1).Draw(t, "sequence"))
		text, err := Encode(metrics, seq)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Decode(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if b.Sequence != seq {
			t.Fatalf("sequence %d, want %d", b.Sequence, seq)
		}
		if d := difference(metrics, b.Metrics); d != "" {
			t.Fatal(d)
		}
		// Decoded metrics, in an Encoder that has held others, make the same text.
		reused.Reset()
		for _, m := range b.Metrics {
			if err := reused.Add(m); err != nil {
				t.Fatal(err)
			}
		}
		again, err := reused.Append(nil, 0, reused.Len(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if string(again) != string(text) {
			t.Fatalf("a second encoding differs:\n%q\n%q", text, again)
		}
		// So do ranges.
		from := rapid.IntRange(0, len(metrics)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(metrics)).Draw(t, "to")
		want, err := Encode(metrics[from:to], seq)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := reused.Append(nil, from, to, seq); err != nil || string(got) != string(want) {
			t.Fatalf("metrics %d to %d: %v", from, to, err)
		}
	})
}

// Every extreme value alone, as a column with itself, and among all others.
func TestExtremeValues(t *testing.T) {
	var values []any
	for _, v := range extremeInts {
		values = append(values, v)
	}
	for _, v := range extremeUints {
		values = append(values, v)
	}
	for _, v := range extremeFloats {
		values = append(values, v)
	}
	for _, v := range extremeTexts {
		values = append(values, v)
	}
	values = append(values, true, false)
	one := func(v any, at int64) telegraf.Metric {
		return newTestMetric("m", map[string]string{"a": "b"}, map[string]any{"f": v}, at)
	}
	var all []telegraf.Metric
	for i, v := range values {
		at := extremeTimes[i%len(extremeTimes)]
		requireRoundTrip(t, []telegraf.Metric{one(v, at)})
		requireRoundTrip(t, []telegraf.Metric{one(v, at), one(v, at), one(v, at)})
		all = append(all, one(v, at))
	}
	requireRoundTrip(t, all)
	for _, w := range corpus.Windows(all, 7, len(all)) {
		requireRoundTrip(t, w)
	}
	for _, w := range corpus.Windows(all, 2, len(all)) {
		requireRoundTrip(t, w)
	}
}

func TestExtremeNames(t *testing.T) {
	for _, s := range extremeTexts {
		if s != "" {
			requireRoundTrip(t, []telegraf.Metric{newTestMetric(s, nil, map[string]any{"f": int64(1)}, 5)})
		}
		requireRoundTrip(t, []telegraf.Metric{newTestMetric("m", map[string]string{s: "v", "k": s}, map[string]any{s: s, "x" + s: 1.5}, 5)})
		for i, s2 := range extremeTexts {
			if (i+len(s))%7 != 0 {
				continue
			}
			requireRoundTrip(t, []telegraf.Metric{
				newTestMetric("m", map[string]string{"k": s}, map[string]any{"f": s2}, 5),
				newTestMetric("m", map[string]string{"k": s2}, map[string]any{"f": s}, 6),
			})
		}
	}
}

func TestTimeUnits(t *testing.T) {
	for e, unit := range unitNanos {
		for _, base := range []int64{0, epoch, epoch + 86400*1e9} {
			var all []telegraf.Metric
			for i := range int64(10) {
				all = append(all, newTestMetric("m", nil, map[string]any{"f": i}, base+(i*i+1)*unit))
			}
			requireRoundTrip(t, all)
			assert(t, e == timeUnitOf(t, all), "unit %d, want %d", timeUnitOf(t, all), e)
		}
	}
	// Whatever is at the ends of the range of times together with what is not.
	var all []telegraf.Metric
	for _, a := range extremeTimes {
		for _, b := range extremeTimes {
			requireRoundTrip(t, []telegraf.Metric{
				newTestMetric("m", nil, map[string]any{"f": 1.0}, a), newTestMetric("m", nil, map[string]any{"f": 1.0}, b),
			})
			all = append(all, newTestMetric("m", nil, map[string]any{"f": 1.0}, a), newTestMetric("m", nil, map[string]any{"f": 1.0}, b))
		}
	}
	requireRoundTrip(t, all)
}

func assert(t *testing.T, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		t.Errorf(format, args...)
	}
}

func timeUnitOf(t *testing.T, metrics []telegraf.Metric) int {
	t.Helper()
	return int(contentOf(t, metrics)[0] & headUnit)
}

// contentOf is what a payload of the metrics has between layout and entropy stage.
func contentOf(t testing.TB, metrics []telegraf.Metric) []byte {
	t.Helper()
	var e Encoder
	for _, m := range metrics {
		require.NoError(t, e.Add(m))
	}
	content, err := e.appendContent(nil, 0, e.Len())
	require.NoError(t, err)
	return content
}

func TestManyOfEverything(t *testing.T) {
	tags, fields := map[string]string{}, map[string]any{}
	for i := range 10_000 {
		tags[fmt.Sprintf("tag%d", i)] = fmt.Sprintf("value-%05d", i)
	}
	for i := range 5_000 {
		fields[fmt.Sprintf("field%d", i)] = extremeFloats[i%len(extremeFloats)]
	}
	wide := newTestMetric("wide", tags, map[string]any{"f": int64(1)}, epoch)
	deep := newTestMetric("deep", nil, fields, epoch)
	cases := map[string]func() []telegraf.Metric{
		"10000 tags":       func() []telegraf.Metric { return []telegraf.Metric{wide} },
		"10000 tags twice": func() []telegraf.Metric { return []telegraf.Metric{wide, wide} },
		"10000 tags, then one less, then none": func() []telegraf.Metric {
			less := wide.Copy()
			less.RemoveTag("tag77")
			return []telegraf.Metric{wide, less, newTestMetric("wide", nil, map[string]any{"f": int64(1)}, epoch)}
		},
		"5000 fields": func() []telegraf.Metric { return []telegraf.Metric{deep} },
		"5000 fields, sparse": func() []telegraf.Metric {
			less := deep.Copy()
			less.RemoveField("field4999")
			return []telegraf.Metric{deep, less, deep}
		},
		"3000 measurements": func() []telegraf.Metric {
			var all []telegraf.Metric
			for i := range 3000 {
				all = append(all, newTestMetric(fmt.Sprintf("m%d", i), nil, map[string]any{"f": int64(i % 3)}, epoch))
			}
			return all
		},
		"every metric with fields of its own": func() []telegraf.Metric {
			var all []telegraf.Metric
			for i := range 1000 {
				all = append(all, newTestMetric("m", map[string]string{fmt.Sprintf("k%d", i): "v"}, map[string]any{fmt.Sprintf("f%d", i): 1.5}, epoch))
			}
			return all
		},
		"one field with five types": func() []telegraf.Metric {
			var all []telegraf.Metric
			for i := range 50 {
				v := []any{int64(1), uint64(1), 1.5, true, "text"}[i*i%5]
				all = append(all, newTestMetric("m", nil, map[string]any{"f": v, "g": []any{1.5, int64(2)}[i%2]}, epoch))
			}
			return all
		},
		"one series again and again": func() []telegraf.Metric {
			var all []telegraf.Metric
			for range 20_000 {
				all = append(all, newTestMetric("m", map[string]string{"a": "b"}, map[string]any{"f": 1.5, "s": "same", "b": true, "i": int64(-5)}, epoch))
			}
			return all
		},
		"numbered series": func() []telegraf.Metric {
			var all []telegraf.Metric
			for i := range 1200 {
				all = append(all, newTestMetric("m", map[string]string{"truck": fmt.Sprintf("truck-%03d", i), "n": strconv.Itoa(i)}, map[string]any{"s": strconv.FormatInt(999_999_999_999_999_990+int64(i), 10)}, epoch))
			}
			return all
		},
		"numbers behind a long prefix": func() []telegraf.Metric {
			prefix := strings.Repeat("long prefix ", 500)
			var all []telegraf.Metric
			for i := range 1000 {
				all = append(all, newTestMetric("m", nil, map[string]any{"s": prefix + strconv.Itoa(i)}, epoch))
			}
			return all
		},
		"many tags in many series": func() []telegraf.Metric {
			var all []telegraf.Metric
			for i := range 20 {
				m := newTestMetric("m", tags, map[string]any{"f": 1.5}, epoch)
				m.AddTag("series", strconv.Itoa(i))
				all = append(all, m)
			}
			return all
		},
	}
	for name, metrics := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRoundTrip(t, metrics())
		})
	}
}

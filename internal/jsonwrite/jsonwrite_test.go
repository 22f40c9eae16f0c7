package jsonwrite_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/jsonwrite"
)

// standard is what encoding/json writes, on one line or indented.
func standard(t require.TestingT, v any, indent string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	require.NoError(t, enc.Encode(v))
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// write writes what encoding/json reads into an any.
func write(w *jsonwrite.Writer, v any) {
	switch v := v.(type) {
	case map[string]any:
		w.BeginObject()
		var names []string
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			w.Name(name)
			write(w, v[name])
		}
		w.EndObject()
	case []any:
		w.BeginArray()
		for _, e := range v {
			write(w, e)
		}
		w.EndArray()
	case time.Time:
		w.Time(v)
	default:
		if !w.Value(v) {
			panic(v)
		}
	}
}

// same requires that v is written as encoding/json writes it.
func same(t require.TestingT, v any) {
	w := jsonwrite.NewWriter([]byte("before"))
	write(w, v)
	require.Equal(t, "before"+standard(t, v, ""), string(w.Bytes()))
	for _, indent := range []string{"  ", "\t"} {
		w = jsonwrite.NewIndented(indent)
		write(w, v)
		require.Equal(t, standard(t, v, indent), string(w.Bytes()))
	}
}

func TestValues(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, v := range []any{
		nil, true, false, int64(0), int64(math.MinInt64), uint64(math.MaxUint64), map[string]any{}, []any{}, []any{[]any{}, map[string]any{}},
		0.0, math.Copysign(0, -1), 1.0, -1.5, 1e-6, 0.999999e-6, 1e-7, -1e-7, 1e-9, 1e-10, 1e-99, 1e-100, 1e20, 1e21, -1e21, 999999999999999999999.0, 1e100,
		math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 1.0 / 3, 123456789.125, float64(1 << 53),
		"", "plain", string(all), "<a href=\"x\">&amp;</a>", "a\u2028b\u2029c", "\x7f", "\xff", "\xc3", "a\xed\xa0\x80b", "\ufffd", "é漢😀",
		time.Unix(1, 2).UTC(), time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), time.Date(2026, 3, 4, 5, 6, 7, 120_000_000, time.FixedZone("", 3600)),
		map[string]any{"b": 1.0, "a": []any{1.0, "x", nil, map[string]any{"c": true}}, "\n": map[string]any{"": ""}},
	} {
		same(t, v)
	}
}

func TestAnything(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	floats := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Uint64(), math.Float64frombits),
		rapid.Map(rapid.Int64Range(-99999, 99999), func(v int64) float64 { return float64(v) / 1e9 })).
		Filter(func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) })
	values := rapid.OneOf(texts.AsAny(), floats.AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil))
	for range 3 {
		inner := values
		values = rapid.OneOf(inner, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(texts, inner, 0, 4).AsAny())
	}
	rapid.Check(t, func(t *rapid.T) { same(t, values.Draw(t, "value")) })
}

// What is no number is null, and what is no value is told.
func TestNoValues(t *testing.T) {
	w := jsonwrite.NewWriter(nil)
	w.BeginArray()
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		w.Float(v)
	}
	require.False(t, w.Value(int32(1)))
	w.EndArray()
	require.Equal(t, "[null,null,null]", string(w.Bytes()))
}

func FuzzString(f *testing.F) {
	f.Add("\x00\u2028\xff<\"")
	f.Fuzz(func(t *testing.T, s string) { same(t, map[string]any{s: s}) })
}

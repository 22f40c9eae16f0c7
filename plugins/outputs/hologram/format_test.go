package hologram

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// standardJSON is what encoding/json makes of a metric, nil where it has no field
// that JSON can carry.
func standardJSON(t require.TestingT, m telegraf.Metric) []byte {
	fields := m.Fields()
	for k, v := range fields {
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			delete(fields, k)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(struct {
		Fields    map[string]any    `json:"fields"`
		Name      string            `json:"name"`
		Tags      map[string]string `json:"tags"`
		Timestamp int64             `json:"timestamp"`
	}{fields, m.Name(), m.Tags(), m.Time().UnixNano()}))
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func requireSameJSON(t require.TestingT, m telegraf.Metric) {
	const before = "[1,"
	got, err := appendJSON([]byte(before), m)
	if want := standardJSON(t, m); want != nil {
		require.NoError(t, err)
		require.Equal(t, before+string(want), string(got))
	} else {
		require.EqualError(t, err, "has no fields that JSON can carry")
		require.Equal(t, before, string(got))
	}
}

// Metrics are written as encoding/json would, byte for byte.
func TestAppendJSON(t *testing.T) {
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "<&>", "\u2028", "\xff", "\"\\\n\x01\x7f"}), rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	values := rapid.OneOf(texts.AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Bool().AsAny(), rapid.Float64().AsAny(),
		rapid.Map(rapid.Uint64(), math.Float64frombits).AsAny(),
		rapid.SampledFrom([]any{nil, math.NaN(), math.Inf(1), math.Inf(-1), 1e-7, 1e21, math.Copysign(0, -1)}))
	rapid.Check(t, func(t *rapid.T) {
		m := metric.New(texts.Draw(t, "name"), nil, nil, time.Unix(0, rapid.Int64().Draw(t, "time")))
		for range rapid.IntRange(0, 4).Draw(t, "tags") {
			m.AddTag(texts.Draw(t, "k"), texts.Draw(t, "v"))
		}
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			m.AddField(texts.Draw(t, "k"), values.Draw(t, "v"))
		}
		requireSameJSON(t, m)
	})
	for _, name := range allCorpora {
		for _, m := range metricsOf(t, name, 200) {
			requireSameJSON(t, m)
		}
	}
}

// A metric that cannot be written leaves no trace between its neighbours.
func TestLinesAfterAFailure(t *testing.T) {
	at := time.Unix(0, 5)
	for name, want := range map[string]string{
		formatInflux: "a v=1i 5\nb v=2i 5",
		formatJSON:   `{"metrics":[{"fields":{"v":1},"name":"a","tags":{},"timestamp":5},{"fields":{"v":2},"name":"b","tags":{},"timestamp":5}]}`,
	} {
		f := newFormat(name)
		none := metric.New("none", nil, map[string]any{"v": math.NaN()}, at)
		require.Error(t, f.add(none))
		require.NoError(t, f.add(metric.New("a", nil, map[string]any{"v": 1}, at)))
		require.Error(t, f.add(none))
		require.NoError(t, f.add(metric.New("b", nil, map[string]any{"v": 2}, at)))
		got, err := f.encode(0, 2, 0)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

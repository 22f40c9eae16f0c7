package metric_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	original "github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
)

// sameLine requires that a metric gives the line, or the error, that it gives
// with Telegraf's serializer.
func sameLine(t require.TestingT, serializer *influx.Serializer, m telegraf.Metric) {
	want, wantErr := serializer.Serialize(m)
	const before = "what is there already,"
	got, err := metric.AppendLine([]byte(before), m)
	if wantErr != nil {
		require.EqualError(t, err, wantErr.Error())
		require.Equal(t, before, string(got))
		return
	}
	require.NoError(t, err)
	require.Equal(t, before+string(want), string(got)+"\n")
}

func newSerializer(t testing.TB) *influx.Serializer {
	t.Helper()
	s := &influx.Serializer{UintSupport: true}
	require.NoError(t, s.Init())
	return s
}

func TestAppendLine(t *testing.T) {
	serializer := newSerializer(t)
	rapid.Check(t, func(t *rapid.T) {
		m := original.New(texts().Draw(t, "name"), nil, nil, time.Unix(0, rapid.Int64().Draw(t, "time")))
		for range rapid.IntRange(0, 4).Draw(t, "tags") {
			m.AddTag(texts().Draw(t, "k"), texts().Draw(t, "v"))
		}
		value := rapid.OneOf(rapid.SampledFrom(values), rapid.Just[any](math.NaN()), texts().AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(),
			rapid.Float64().AsAny(), rapid.Map(rapid.Uint64(), math.Float64frombits).AsAny())
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			m.AddField(texts().Draw(t, "k"), value.Draw(t, "v"))
		}
		sameLine(t, serializer, m)
	})
}

// What every metric of the corpora is.
func TestAppendLineOfCorpora(t *testing.T) {
	files, err := filepath.Glob("../../testdata/corpora/*.lp")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	serializer := newSerializer(t)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, r := range execd.NewSplitter(execd.MaxRecord, nil).Split(nil, text) {
			if m, err := execd.ParseRecord(r, time.Time{}); err == nil {
				sameLine(t, serializer, m)
			}
		}
	}
}

func TestAppendLineRefuses(t *testing.T) {
	at := time.Unix(0, 1)
	for want, m := range map[string]*metric.Metric{
		"invalid name":                            metric.New("", nil, []telegraf.Field{{Key: "v", Value: 1}}, at),
		`"m,a=b": no serializable fields`:         metric.New("m", []telegraf.Tag{{Key: "a", Value: "b"}}, nil, at),
		`"nan": no serializable fields`:           metric.New("nan", nil, []telegraf.Field{{Key: "v", Value: math.NaN()}}, at),
		`"without\\ key": no serializable fields`: metric.New("without key", nil, []telegraf.Field{{Value: 1}}, at),
	} {
		_, err := metric.AppendLine(nil, m)
		require.EqualError(t, err, want)
		sameLine(t, newSerializer(t), m)
	}
}

func FuzzAppendLine(f *testing.F) {
	f.Add("m", "k", "v", "f", "text", 1.5, int64(1))
	f.Add("a b", `k=\`, "v,\n", "\t", "\"\\\n", math.NaN(), int64(-1))
	serializer := newSerializer(f)
	f.Fuzz(func(t *testing.T, name, tag, value, field, text string, number float64, integer int64) {
		m := metric.New(name, []telegraf.Tag{{Key: tag, Value: value}, {Key: value, Value: tag}}, []telegraf.Field{
			{Key: field, Value: number}, {Key: text, Value: integer}, {Key: tag, Value: uint64(integer)}, {Key: value, Value: text}, {Key: name, Value: integer < 0},
		}, time.Unix(0, integer))
		sameLine(t, serializer, m)
	})
}

func BenchmarkAppendLine(b *testing.B) {
	m := metric.New("cpu", []telegraf.Tag{{Key: "cpu", Value: "cpu0"}, {Key: "host", Value: "gateway-17"}},
		[]telegraf.Field{{Key: "user", Value: 1.25}, {Key: "system", Value: 0.5}, {Key: "idle", Value: 98.25}, {Key: "state", Value: "on line"}}, time.Unix(0, 1))
	b.Run("ours", func(b *testing.B) {
		var line []byte
		b.ReportAllocs()
		for b.Loop() {
			line, _ = metric.AppendLine(line[:0], m)
		}
	})
	b.Run("telegraf", func(b *testing.B) {
		serializer := newSerializer(b)
		b.ReportAllocs()
		for b.Loop() {
			_, err := serializer.Serialize(m)
			require.NoError(b, err)
		}
	})
}

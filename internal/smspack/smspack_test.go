package smspack_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/smspack"
)

const cloud = "310000202"

func parse(t require.TestingT, lines ...string) []telegraf.Metric {
	var metrics []telegraf.Metric
	for _, l := range lines {
		m, err := execd.ParseRecord([]byte(l), time.Time{})
		require.NoError(t, err)
		metrics = append(metrics, m)
	}
	return metrics
}

// texts packs metrics as a sender does, and returns the SMS.
func texts(t require.TestingT, metrics []telegraf.Metric) (all []string, refused map[int]error) {
	refused = map[int]error{}
	pieces := smspack.Split(metrics, cloud, func(i int, err error) { refused[i] = err })
	for seq := payload.Sequence(0); len(pieces) > 0; seq = seq.Next() {
		text, n, err := smspack.Fill(pieces, seq)
		require.NoError(t, err)
		require.Positive(t, n)
		require.LessOrEqual(t, len(text), smspack.MaxText)
		all, pieces = append(all, text), pieces[n:]
	}
	return all, refused
}

// merged is what arrives, as a database has it: the fields of all pieces.
func merged(t require.TestingT, texts []string) map[string]map[string]any {
	points := map[string]map[string]any{}
	for _, text := range texts {
		b, err := payload.Decode(text)
		require.NoError(t, err)
		merge(points, b.Metrics)
	}
	return points
}

func merge(points map[string]map[string]any, metrics []telegraf.Metric) {
	for _, m := range metrics {
		var id strings.Builder
		id.WriteString(m.Name() + m.Time().UTC().Format(time.RFC3339Nano))
		for _, tag := range m.TagList() {
			id.WriteString("," + tag.Key + "=" + tag.Value)
		}
		if points[id.String()] == nil {
			points[id.String()] = map[string]any{}
		}
		for _, f := range m.FieldList() {
			points[id.String()][f.Key] = f.Value
		}
	}
}

// noise is text of n characters that does not get smaller.
func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"[r.IntN(64)]
	}
	return string(b)
}

func TestSmallMetricsShareAnSMS(t *testing.T) {
	metrics := parse(t,
		"pump,station=7 level=4.81 1700000000000000000",
		"pump,station=8 level=1.20 1700000000000000000",
		"pump,station=9 level=2.75 1700000000000000000",
	)
	all, refused := texts(t, metrics)
	require.Empty(t, refused)
	require.Len(t, all, 1)
	b, err := payload.Decode(all[0])
	require.NoError(t, err)
	require.Len(t, b.Metrics, 3)
}

func TestLargeMetricGoesInPieces(t *testing.T) {
	var fields []string
	for i, k := range []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta"} {
		fields = append(fields, k+`="`+noise(uint64(i), 60)+`"`)
	}
	metrics := parse(t, "state,host=a "+strings.Join(fields, ",")+" 1700000000000000000")
	all, refused := texts(t, metrics)
	require.Empty(t, refused)
	require.Greater(t, len(all), 1)
	want := map[string]map[string]any{}
	merge(want, metrics)
	require.Equal(t, want, merged(t, all))
}

func TestWhatFitsNoSMSIsRefusedAlone(t *testing.T) {
	long := noise(7, 160)
	metrics := parse(t,
		"a,k=v f=1 1",
		`b f=1,g="`+long+`" 1`,
		"c,k=v f=1 1",
	)
	all, refused := texts(t, metrics)
	require.Len(t, refused, 1)
	require.ErrorContains(t, refused[1], `metric "b" cannot be sent: with nothing but its field "g" it is longer than an SMS`)
	require.NotContains(t, refused[1].Error(), long)
	points := merged(t, all)
	require.Len(t, points, 2)
}

func TestKeys(t *testing.T) {
	a := parse(t, "a f=1 1")[0]
	first, err := smspack.Key(a, cloud)
	require.NoError(t, err)
	again, err := smspack.Key(a.Copy(), cloud)
	require.NoError(t, err)
	require.Equal(t, first, again)
	for _, other := range []struct{ line, to string }{{"a f=2 1", cloud}, {"a f=1 2", cloud}, {"a f=1i 1", cloud}, {"a f=1 1", "+15125550100"}} {
		key, err := smspack.Key(parse(t, other.line)[0], other.to)
		require.NoError(t, err)
		require.NotEqual(t, first, key, other)
	}
	_, err = smspack.Key(metric.New("a", nil, nil, time.Unix(0, 1)), cloud)
	require.Error(t, err)
}

func TestEverythingArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"cpu", "pump", "alarm_high"})
		key := rapid.SampledFrom([]string{"a", "usage_idle", "level", "b", "temperature", "x1", "x2", "x3"})
		value := rapid.OneOf(rapid.Float64Range(-1e6, 1e6).AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(), rapid.StringMatching(`[a-z ]{0,40}`).AsAny())
		var metrics []telegraf.Metric
		for i := range rapid.IntRange(1, 12).Draw(t, "metrics") {
			var fields []telegraf.Field
			for k, v := range rapid.MapOfN(key, value, 1, 8).Draw(t, "fields") {
				fields = append(fields, telegraf.Field{Key: k, Value: v})
			}
			tags := []telegraf.Tag{{Key: "host", Value: rapid.StringMatching(`[a-z0-9]{1,12}`).Draw(t, "host")}}
			metrics = append(metrics, metric.New(name.Draw(t, "name"), tags, fields, time.Unix(1700000000, int64(i))))
		}
		all, refused := texts(t, metrics)
		require.Empty(t, refused)
		want := map[string]map[string]any{}
		merge(want, metrics)
		require.Equal(t, want, merged(t, all))
	})
}

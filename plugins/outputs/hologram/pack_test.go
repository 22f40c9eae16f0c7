package hologram

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

var allCorpora = []string{"events", "gps", "host", "meters", "mock", "modbus", "nab", "tgreal", "tsbs_devops", "tsbs_iot"}

// Every message but the last is so full that the next metric would not have
// fitted, all metrics are there in order, and finding that out takes no more
// than a few encodings of the batch: three on average, more where every metric
// is of another kind.
func TestPackFills(t *testing.T) {
	const mostEncodings, meanEncodings = 7, 3.5
	var total float64
	var cases int
	defer func() {
		mean := total / float64(cases)
		t.Logf("%.2f encodings of a batch of 1000 metrics on average", mean)
		require.LessOrEqual(t, mean, meanEncodings)
	}()
	for _, name := range allCorpora {
		for _, format := range []string{formatCompact, formatInflux, formatJSON} {
			for _, size := range []int{1400, 4096, 30000} {
				if format != formatCompact && size != 4096 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", name, format, size), func(t *testing.T) {
					metrics := metricsOf(t, name, 1000)
					h := New()
					h.DeviceKey = key
					h.DataFormat = format
					h.MessageSize = execd.Size(size)
					require.NoError(t, h.Init())
					p := h.packer
					next, messages, refused := 0, 0, 0
					check := newFormat(format)
					for _, m := range metrics {
						require.NoError(t, check.add(m))
					}
					sizeOf := func(from, to int) int {
						topics := make([]string, 0, to-from)
						for _, m := range metrics[from:to] {
							topics = append(topics, topic("", m.Name()))
						}
						data, err := check.encode(from, to, 0)
						require.NoError(t, err)
						text, err := socketapi.AppendMessage(nil, p.credentials, p.names, socketapi.Message{Data: data, Topics: distinct(topics, nil)})
						require.NoError(t, err)
						return len(text)
					}
					_, err := p.pack(metrics, indicesOf(metrics), 0, false, func(i int, err error) {
						require.Equal(t, next, i)
						require.Greater(t, sizeOf(i, i+1), size, "%v", err)
						next++
						refused++
					}, func(m message, taken []int) (payload.Sequence, error) {
						for _, i := range taken {
							require.Equal(t, next, i)
							next++
						}
						require.LessOrEqual(t, m.size, size)
						require.Equal(t, sizeOf(taken[0], next), m.size)
						if next < len(metrics) {
							require.Greater(t, sizeOf(taken[0], next+1), size)
						}
						messages++
						return 0, nil
					})
					require.NoError(t, err)
					require.Equal(t, len(metrics), next)
					encodings := float64(p.encoded) / float64(len(metrics))
					total += encodings
					cases++
					t.Logf("%d messages, %d refused, %.1f encodings", messages, refused, encodings)
					require.LessOrEqual(t, encodings, float64(mostEncodings))
				})
			}
		}
	}
}

func TestTopic(t *testing.T) {
	for name, want := range map[string]string{
		"cpu":                              "cpu",
		"a-b_c/D9":                         "a-b_c/D9",
		"cpu usage":                        "",
		"_reserved":                        "",
		"":                                 "",
		"Temperatur°C":                     "",
		"this_name_is_31_characters_long":  "this_name_is_31_characters_long",
		"this_name_is_32_characters_long_": "",
		"cpu/-000000000":                   "", // looks like a mapped one
	} {
		got := topic("", name)
		require.NoError(t, socketapi.ValidTopic(got), name)
		if want != "" {
			require.Equal(t, want, got)
		} else {
			require.NotEqual(t, name, got)
			require.True(t, looksMapped(got), got)
		}
	}
}

func TestTopicsStayApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z_]{0,12}[/ .-]{0,3}[0-9a-v]{0,12}`))
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		prefix := rapid.StringMatching(`([a-z/-][a-z_/-]{0,15})?`).Draw(t, "prefix")
		ta, tb := topic(prefix, a), topic(prefix, b)
		require.NoError(t, socketapi.ValidTopic(ta))
		require.Equal(t, a == b, ta == tb)
		// The topic of a topic is another one, unless it is a legal name.
		require.True(t, topic("", ta) != ta || !looksMapped(ta))
	})
}

func TestReduce(t *testing.T) {
	m := metric.New("m", nil, map[string]any{"f": 123.456789, "i": int64(123456789), "inf": math.Inf(1), "max": math.MaxFloat64},
		time.Date(2026, 11, 23, 10, 20, 29, 500_600_700, time.UTC))
	fields := m.Fields()
	p := packer{precision: time.Nanosecond}
	require.Same(t, m, p.reduce(m))

	p.floatDigits = 4
	got := p.reduce(m)
	require.Equal(t, map[string]any{"f": 123.5, "i": int64(123456789), "inf": math.Inf(1), "max": math.MaxFloat64}, got.Fields())
	require.Equal(t, fields, m.Fields(), "the metric given stays as it is")

	for precision, want := range map[time.Duration]time.Time{
		time.Microsecond: time.Date(2026, 11, 23, 10, 20, 29, 500_601_000, time.UTC),
		time.Millisecond: time.Date(2026, 11, 23, 10, 20, 29, 501_000_000, time.UTC),
		time.Second:      time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC),
		time.Minute:      time.Date(2026, 11, 23, 10, 20, 0, 0, time.UTC),
	} {
		p := packer{precision: precision}
		require.True(t, want.Equal(p.reduce(m).Time()), "%s", precision)
	}
}

func BenchmarkPack(b *testing.B) {
	for _, name := range allCorpora {
		b.Run(name, func(b *testing.B) {
			metrics := metricsOf(b, name, 1000)
			h := New()
			h.DeviceKey = key
			require.NoError(b, h.Init())
			bytes, messages := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				bytes, messages = 0, 0
				h.packer.encoded = 0
				err := h.Encode(metrics, func(int, error) {}, func(m []byte) error {
					bytes += len(m)
					messages++
					return nil
				})
				require.NoError(b, err)
			}
			n := float64(len(metrics))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/metric")
			b.ReportMetric(float64(bytes)/n, "bytes/metric")
			b.ReportMetric(float64(messages), "messages")
			b.ReportMetric(float64(h.packer.encoded)/n, "encodings")
		})
	}
}

var _ telegraf.Output = (*Hologram)(nil)

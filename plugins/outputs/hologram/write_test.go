package hologram

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/corpus"
	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/socketapi"
)

const key = "aB3$xYz9"

// cloud is an emulated cloud and what it has taken.
type cloud struct {
	*emulator.Server
	mu     sync.Mutex
	events []emulator.Event
}

func newCloud(t *testing.T, faults string) *cloud {
	t.Helper()
	c := &cloud{}
	var f emulator.Faults
	if faults != "" {
		var err error
		f, err = emulator.ParseFaults(faults)
		require.NoError(t, err)
	}
	s, err := emulator.Start(t.Context(), emulator.Config{
		DeviceKeys: []string{key},
		Faults:     f,
		OnEvent: func(e emulator.Event) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.events = append(c.events, e)
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	c.Server = s
	return c
}

// taken returns the events of messages that the cloud took.
func (c *cloud) taken() []emulator.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []emulator.Event
	for _, e := range c.events {
		if e.Taken {
			out = append(out, e)
		}
	}
	return out
}

func (c *cloud) metrics(t *testing.T) []telegraf.Metric {
	t.Helper()
	var out []telegraf.Metric
	for _, e := range c.taken() {
		d, err := event.Decode(e.Data)
		require.NoError(t, err)
		out = append(out, d.Metrics...)
	}
	return out
}

func connect(t *testing.T, c *cloud, set func(*Hologram)) *Hologram {
	t.Helper()
	h := New()
	h.Address = c.Addr().String()
	h.DeviceKey = key
	h.Log = silent{}
	if set != nil {
		set(h)
	}
	require.NoError(t, h.Init())
	require.NoError(t, h.Connect())
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

// silent is a logger for tests that look at results.
type silent struct{ telegraf.Logger }

func (silent) Errorf(string, ...any) {}
func (silent) Debugf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}

func metricsOf(t testing.TB, name string, n int) []telegraf.Metric {
	t.Helper()
	all, err := readCorpora()
	require.NoError(t, err)
	return all[name][:min(n, len(all[name]))]
}

var readCorpora = sync.OnceValues(func() (map[string][]telegraf.Metric, error) { return corpus.Read("../../..") })

func requireEqual(t *testing.T, want, got []telegraf.Metric) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Name(), got[i].Name())
		require.Equal(t, want[i].Tags(), got[i].Tags())
		require.Equal(t, want[i].Fields(), got[i].Fields())
		require.Equal(t, want[i].Time().UnixNano(), got[i].Time().UnixNano())
	}
}

func gauge(name string, v float64) telegraf.Metric {
	return metric.New(name, map[string]string{"host": "gw"}, map[string]any{"value": v}, time.Unix(1_800_000_000, 0))
}

func TestWriteArrives(t *testing.T) {
	for _, format := range []string{formatCompact, formatInflux} {
		for _, names := range []string{namesShort, namesFull} {
			t.Run(format+"/"+names, func(t *testing.T) {
				c := newCloud(t, "")
				h := connect(t, c, func(h *Hologram) { h.DataFormat, h.FieldNames = format, names })
				want := metricsOf(t, "host", 300)
				require.NoError(t, h.Write(want))
				requireEqual(t, want, c.metrics(t))
				require.NoError(t, h.Write(want[:3]))
				require.NoError(t, h.Write(nil))
				for _, e := range c.taken() {
					require.LessOrEqual(t, int(e.BytesIn), defaultMessageSize)
				}
			})
		}
	}
}

func TestWriteJSONLosesTypesOnly(t *testing.T) {
	c := newCloud(t, "")
	h := connect(t, c, func(h *Hologram) { h.DataFormat = formatJSON })
	m := metric.New("m", map[string]string{"a": "<&>"}, map[string]any{"i": int64(3), "f": 1.5, "b": true, "s": "x\ny"}, time.Unix(1, 5))
	require.NoError(t, h.Write([]telegraf.Metric{m}))
	want := metric.New("m", m.Tags(), map[string]any{"i": 3.0, "f": 1.5, "b": true, "s": "x\ny"}, time.Unix(1, 5))
	got := c.metrics(t)
	// One second and five nanoseconds after 1970 look like microseconds; see jsonTime.
	want.SetTime(got[0].Time())
	requireEqual(t, []telegraf.Metric{want}, got)
	require.Contains(t, c.taken()[0].Data, `"timestamp":1000000005`)
}

func TestWriteSourceCredentials(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(file, []byte(key[4:]+"\r\n"), 0o600))
	c := newCloud(t, "")
	h := connect(t, c, func(h *Hologram) { h.DeviceKey, h.SourceID, h.SourceKeyFile = "", key[:4], file })
	require.NoError(t, h.Write(metricsOf(t, "gps", 5)))
	require.Len(t, c.taken(), 1)
}

// Topics are the measurement names in order of appearance, then the extra ones.
func TestWriteTopics(t *testing.T) {
	metrics := []telegraf.Metric{gauge("cpu", 1), gauge("mem", 2), gauge("cpu", 3), gauge("no topic", 4)}
	c := newCloud(t, "")
	h := connect(t, c, func(h *Hologram) { h.ExtraTopics, h.TopicPrefix = []string{"plant/7", "p-cpu"}, "p-" })
	require.NoError(t, h.Write(metrics))
	require.Equal(t, []string{"p-cpu", "p-mem", "p-no_topic/-9bllgf9mi", "plant/7"}, c.taken()[0].UserTopics())
	requireEqual(t, metrics, c.metrics(t))

	c = newCloud(t, "")
	h = connect(t, c, func(h *Hologram) { h.Topics = topicsMeasurement })
	require.NoError(t, h.Write(metrics))
	taken := c.taken()
	require.Len(t, taken, 3)
	require.Equal(t, []string{"cpu"}, taken[0].UserTopics())
	require.Equal(t, []string{"mem"}, taken[1].UserTopics())
	requireEqual(t, []telegraf.Metric{metrics[0], metrics[2], metrics[1], metrics[3]}, c.metrics(t))
}

// A metric that no message can carry is refused with its size and the others go out.
func TestWriteRefusesWhatIsTooLarge(t *testing.T) {
	c := newCloud(t, "")
	h := connect(t, c, nil)
	large := metric.New("large", nil, map[string]any{"s": random(9000)}, time.Unix(0, 0))
	metrics := []telegraf.Metric{gauge("a", 1), large, gauge("b", 2)}
	err := h.Write(metrics)
	var partial *execd.PartialWriteError
	require.ErrorAs(t, err, &partial)
	require.Equal(t, []int{0, 2}, partial.MetricsAccept)
	require.Equal(t, []int{1}, partial.MetricsReject)
	require.ErrorContains(t, partial.MetricsRejectErrors[0], `metric "large" cannot be sent: alone it makes a message of 9`)
	requireEqual(t, []telegraf.Metric{metrics[0], metrics[2]}, c.metrics(t))
}

// A message that the cloud refuses for good takes its metrics with it and no others.
func TestWriteRefusedMessage(t *testing.T) {
	for _, fault := range []string{"code-2:1", "code-4:1", "code-5:1", "code-7:1", "code-8:1"} {
		t.Run(fault, func(t *testing.T) {
			c := newCloud(t, fault)
			h := connect(t, c, func(h *Hologram) { h.Topics = topicsMeasurement })
			err := h.Write([]telegraf.Metric{gauge("a", 1), gauge("b", 2), gauge("a", 3)})
			var partial *execd.PartialWriteError
			require.ErrorAs(t, err, &partial)
			require.Equal(t, []int{0, 2}, partial.MetricsReject)
			require.Equal(t, []int{1}, partial.MetricsAccept)
			require.Len(t, c.taken(), 1)
		})
	}
}

// After an unknown outcome the very same bytes are sent again, whatever has come since.
func TestWriteResendsTheSameBytes(t *testing.T) {
	for _, fault := range []string{"close-without-answer-taken:2", "reset-taken:2", "code-6-taken:2", "junk-taken:2"} {
		for _, topics := range []string{topicsBatch, topicsMeasurement} {
			t.Run(fault+"/"+topics, func(t *testing.T) {
				c := newCloud(t, "ok:1,"+fault)
				h := connect(t, c, func(h *Hologram) { h.MessageSize, h.Topics = 300, topics })
				metrics := metricsOf(t, "tsbs_iot", 6)
				left := metrics
				tries := 0
				for len(left) > 0 {
					tries++
					require.Less(t, tries, 10)
					err := h.Write(left)
					if err == nil {
						break
					}
					if partial, ok := errors.AsType[*execd.PartialWriteError](err); ok {
						require.Empty(t, partial.MetricsReject)
						left = rest(left, partial.MetricsAccept)
					}
					left = append(slices.Clip(left), gauge("later", float64(tries)))
				}
				require.Equal(t, 3, tries)
				taken := c.taken()
				require.Equal(t, taken[1].Data, taken[2].Data)
				require.Equal(t, taken[1].Data, taken[3].Data)
				// Without the two repeats everything is there once, in numbered payloads.
				seen := map[string]bool{}
				var sequences []int
				n := 0
				for _, e := range taken {
					if seen[e.Data] {
						continue
					}
					seen[e.Data] = true
					d, err := event.Decode(e.Data)
					require.NoError(t, err)
					n += len(d.Metrics)
					sequences = append(sequences, int(d.Payload.Sequence))
				}
				require.Equal(t, len(metrics)+2, n)
				for i, s := range sequences {
					require.Equal(t, i, s)
				}
			})
		}
	}
}

func rest(metrics []telegraf.Metric, gone []int) []telegraf.Metric {
	var out []telegraf.Metric
	for i, m := range metrics {
		if !slices.Contains(gone, i) {
			out = append(out, m)
		}
	}
	return out
}

// What the host has given up on is not sent again.
func TestWriteForgetsWhatTheHostDropped(t *testing.T) {
	c := newCloud(t, "close-without-answer-lost:1")
	h := connect(t, c, nil)
	a, b := gauge("a", 1), gauge("b", 2)
	require.Error(t, h.Write([]telegraf.Metric{a, b}))
	require.NoError(t, h.Write([]telegraf.Metric{b}))
	requireEqual(t, []telegraf.Metric{b}, c.metrics(t))
}

// A message that certainly did not arrive is packed again with what has come
// since, under the same number.
func TestWriteNotDelivered(t *testing.T) {
	c := newCloud(t, "")
	h := connect(t, c, nil)
	address := h.client.Address
	h.client.Address = "127.0.0.1:1"
	err := h.Write([]telegraf.Metric{gauge("a", 1)})
	var failure *socketapi.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, socketapi.NotDelivered, failure.Verdict)
	h.client.Address = address
	require.NoError(t, h.Write([]telegraf.Metric{gauge("a", 1), gauge("b", 2)}))
	require.Len(t, c.taken(), 1)
	d, err := event.Decode(c.taken()[0].Data)
	require.NoError(t, err)
	require.Zero(t, d.Payload.Sequence)
}

// Code 1 says that the message may be fine: it is sent a few times and then
// counts as delivered.
func TestWriteClosedEarly(t *testing.T) {
	c := newCloud(t, "code-1-taken")
	h := connect(t, c, nil)
	metrics := []telegraf.Metric{gauge("a", 1)}
	require.Error(t, h.Write(metrics))
	require.Error(t, h.Write(metrics))
	require.NoError(t, h.Write(metrics))
	require.Len(t, c.taken(), 3)
}

// Refused credentials keep the data, ask for a long pause, and are read again.
func TestWriteRefusedCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("wrongkey\n"), 0o600))
	c := newCloud(t, "")
	h := connect(t, c, func(h *Hologram) { h.DeviceKey, h.DeviceKeyFile = "", file })
	metrics := []telegraf.Metric{gauge("a", 1)}
	err := h.Write(metrics)
	require.NotContains(t, err.Error(), "wrongkey")
	for _, want := range []time.Duration{15, 30, 60, 60} {
		require.Equal(t, execd.RetryHint{After: want * time.Minute}, hintOf(t, err))
		err = h.Write(metrics)
	}

	require.NoError(t, os.WriteFile(file, []byte(key), 0o600))
	require.NoError(t, h.Write(metrics))
	requireEqual(t, metrics, c.metrics(t))
}

func hintOf(t *testing.T, err error) execd.RetryHint {
	t.Helper()
	var hinter execd.Hinter
	require.ErrorAs(t, err, &hinter)
	return hinter.RetryHint()
}

func TestConnectNeedsTheKeyFile(t *testing.T) {
	h := New()
	h.DeviceKeyFile = filepath.Join(t.TempDir(), "missing")
	require.NoError(t, h.Init())
	require.ErrorContains(t, h.Connect(), "reading device_key_file: open ")
	require.NoError(t, os.WriteFile(h.DeviceKeyFile, []byte("short"), 0o600))
	require.ErrorContains(t, h.Connect(), "checking the credentials")
	require.EqualError(t, h.Write(nil), "writing metrics: not connected")
	require.NoError(t, h.Close())
}

// Close ends a Write that waits for an answer.
func TestCloseEndsWrite(t *testing.T) {
	c := newCloud(t, "never-answer-lost")
	h := New()
	h.Address, h.DeviceKey, h.Log = c.Addr().String(), key, silent{}
	require.NoError(t, h.Init())
	require.NoError(t, h.Connect())
	done := make(chan error)
	go func() { done <- h.Write([]telegraf.Metric{gauge("a", 1)}) }()
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, h.Close())
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("Write still waits")
	}
}

func random(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = ' ' + byte(x>>16)%95
	}
	return string(b)
}

func ExampleHologram_Encode() {
	h := New()
	h.DeviceKey = "ABCDWXYZ"
	h.DataFormat = formatInflux
	if err := h.Init(); err != nil {
		fmt.Println(err)
	}
	_ = h.Encode([]telegraf.Metric{gauge("temperature", 21.5)}, nil, func(message []byte) error {
		fmt.Printf("%q\n", message)
		return nil
	})
	// Output: "{\"k\":\"ABCDWXYZ\",\"d\":\"temperature,host=gw value=21.5 1800000000000000000\",\"t\":\"temperature\"}\n\n"
}

package network

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/loss"
)

var hologram string // our binary, built once by TestMain

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics have a logger of their own
	// The tests wait more than they work; who gives -parallel overrides this.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "telegraf-hologram-net-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if hologram, err = lab.BuildHologram(context.Background(), root(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// root is the folder of our module.
func root() string {
	if dir := os.Getenv("E2E_ROOT"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..")
}

const pluginConf = `
[[outputs.hologram]]
  address = "%s"
  device_key = "aB3-xYz9"
  max_message_size = 1024
  flush_interval = "100ms"
  connect_timeout = "2s"
  answer_timeout = "%s"
  buffer_strategy = "disk"
  buffer_directory = "%s"
  retry_backoff_min = "1s"
  retry_backoff_max = "1s"
`

// fault is what the network does for a time.
type fault struct {
	name    string
	toxic   string // as toxiproxy calls it; none takes the proxy away
	up      bool   // from us to the cloud; the way back otherwise
	values  map[string]any
	percent int // of the connections; 0 is all of them
	// twice says that messages may be taken twice, since answers get lost.
	twice bool
	// unharmed says that no connection fails, so that nothing is sent again.
	unharmed bool
	// answer is the plugin's answer_timeout; 10 s by default.
	answer time.Duration
}

func faults() []fault {
	type values = map[string]any
	return []fault{
		{name: "latency up", toxic: "latency", up: true, values: values{"latency": 300, "jitter": 200}, unharmed: true},
		{name: "latency down", toxic: "latency", values: values{"latency": 300, "jitter": 200}, unharmed: true},
		// The answer comes after the plugin has stopped waiting for it; it still counts.
		{name: "latency down beyond answer_timeout", toxic: "latency", values: values{"latency": 1500}, answer: time.Second, unharmed: true},
		{name: "bandwidth up", toxic: "bandwidth", up: true, values: values{"rate": 2}, unharmed: true},
		{name: "bandwidth down", toxic: "bandwidth", values: values{"rate": 1}, unharmed: true},
		{name: "slow_close up", toxic: "slow_close", up: true, values: values{"delay": 500}, unharmed: true},
		{name: "slow_close down", toxic: "slow_close", values: values{"delay": 500}, unharmed: true},
		{name: "slicer up", toxic: "slicer", up: true, values: values{"average_size": 16, "size_variation": 8, "delay": 500}, unharmed: true},
		{name: "slicer down", toxic: "slicer", values: values{"average_size": 1, "size_variation": 0, "delay": 20000}, unharmed: true},
		{name: "timeout up", toxic: "timeout", up: true, values: values{"timeout": 0}},
		{name: "timeout down", toxic: "timeout", values: values{"timeout": 0}, twice: true},
		{name: "timeout up with close", toxic: "timeout", up: true, values: values{"timeout": 300}},
		{name: "timeout down with close", toxic: "timeout", values: values{"timeout": 300}, twice: true},
		{name: "timeout down of half", toxic: "timeout", values: values{"timeout": 300}, percent: 50, twice: true},
		{name: "reset_peer up", toxic: "reset_peer", up: true, values: values{"timeout": 0}},
		{name: "reset_peer down", toxic: "reset_peer", values: values{"timeout": 0}, twice: true},
		{name: "reset_peer down of half", toxic: "reset_peer", values: values{"timeout": 50}, percent: 50, twice: true},
		{name: "limit_data up", toxic: "limit_data", up: true, values: values{"bytes": 100}},
		// What begins with [0, is an answer.
		{name: "limit_data down in the answer", toxic: "limit_data", values: values{"bytes": 3}, unharmed: true},
		{name: "limit_data down before the code", toxic: "limit_data", values: values{"bytes": 1}, twice: true},
		{name: "refused"},
	}
}

const (
	perSecond = 200
	healthy   = 500 * time.Millisecond // before the fault
	faulty    = 3 * time.Second
	drained   = 20 * time.Second
	lastExit  = 2 * time.Second
)

// TestFaults sends metrics while each of the faults comes and goes.
func TestFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			testFault(t, f)
		})
	}
}

func testFault(t *testing.T, f fault) {
	dir := t.TempDir()
	cloud, err := lab.StartEmulator(t.Context(), hologram, filepath.Join(dir, "cloud.jsonl"), io.Discard, "--quiet", "--log-all")
	require.NoError(t, err)
	defer func() {
		_, err := cloud.Stop()
		assert.NoError(t, err)
	}()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, f.name, "127.0.0.1:0", cloud.Address)
	require.NoError(t, proxy.Start())
	defer proxy.Stop()

	answer := f.answer
	if answer == 0 {
		answer = 10 * time.Second
	}
	conf := filepath.Join(dir, "plugin.conf")
	buffer := filepath.Join(dir, "buffer")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, pluginConf, proxy.Listen, answer, buffer), 0o600))
	plugin, stdin, err := lab.StartPlugin(hologram, conf)
	require.NoError(t, err)
	defer func() {
		_ = stdin.Close()
		_ = plugin.Wait(time.Second)
		if t.Failed() {
			t.Log(plugin.Log())
		}
	}()

	feed := feeder{w: stdin}
	require.NoError(t, feed.run(healthy))
	f.begin(t, proxy)
	require.NoError(t, feed.run(faulty))
	f.end(t, proxy)
	require.NoError(t, feed.run(healthy))

	sent, err := lab.ReadMetrics(bytes.NewReader(feed.sent))
	require.NoError(t, err)
	var messages []lab.Message
	var account loss.Account
	begin := time.Now()
	for time.Since(begin) < drained {
		messages, err = lab.Messages(t.Context(), hologram, cloud.Log)
		require.NoError(t, err)
		account, err = loss.Count(sent, messages)
		require.NoError(t, err)
		if account.Lost == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	took := time.Since(begin)
	require.NoError(t, stdin.Close())
	assert.NoError(t, plugin.Wait(lastExit))
	// With what was still to be repeated.
	messages, err = lab.Messages(t.Context(), hologram, cloud.Log)
	require.NoError(t, err)
	account, err = loss.Count(sent, messages)
	require.NoError(t, err)

	checkRepeats(t, messages)
	assert.Zero(t, account.Lost, "lost: %s", account.Missing)
	assert.Zero(t, account.Invented, "invented")
	if !f.twice {
		assert.Zero(t, account.Duplicates, "taken twice")
	}
	if f.unharmed || f.toxic == "" {
		assert.Len(t, messages, account.Messages, "messages that were not taken")
		// A message that stays without an answer again and again lets others pass.
		assert.Zero(t, account.Late, "out of order")
	}
	t.Logf("%-36s %4d metrics in %3d messages, %d more that were not taken, %d taken again with %d metrics; all there %.1f s after the end",
		f.name, account.Delivered, account.Messages, len(messages)-account.Messages, account.Repeated, account.Duplicates, took.Seconds())
}

// begin lets the fault begin.
func (f fault) begin(t *testing.T, proxy *toxiproxy.Proxy) {
	t.Helper()
	if f.toxic == "" {
		proxy.Stop()
		return
	}
	stream := "downstream"
	if f.up {
		stream = "upstream"
	}
	toxicity := 1.0
	if f.percent > 0 {
		toxicity = float64(f.percent) / 100
	}
	text, err := json.Marshal(map[string]any{
		"name": "fault", "type": f.toxic, "stream": stream, "toxicity": toxicity, "attributes": f.values,
	})
	require.NoError(t, err)
	_, err = proxy.Toxics.AddToxicJson(bytes.NewReader(text))
	require.NoError(t, err)
}

// end ends it.
func (f fault) end(t *testing.T, proxy *toxiproxy.Proxy) {
	t.Helper()
	if f.toxic == "" {
		require.NoError(t, proxy.Start())
		return
	}
	require.NoError(t, proxy.Toxics.RemoveToxic(t.Context(), "fault"))
}

// checkRepeats checks that messages with the same metrics are the very same
// bytes, topics among them.
func checkRepeats(t *testing.T, messages []lab.Message) {
	t.Helper()
	var taken []lab.Message
	for _, m := range messages {
		if m.Taken {
			taken = append(taken, m)
		}
	}
	first := make(map[string]int) // by metric
	for i, m := range taken {
		before := -1
		for _, metric := range m.Metrics {
			if at, found := first[metric.Exact]; found {
				before = at
			} else {
				first[metric.Exact] = i
			}
		}
		if before < 0 {
			continue
		}
		assert.Equal(t, taken[before].Data, m.Data, "message %d repeats message %d with other bytes", i, before)
		assert.Equal(t, taken[before].Topics, m.Topics, "message %d repeats message %d with other topics", i, before)
	}
}

// feeder writes numbered metrics.
type feeder struct {
	w    io.Writer
	sent []byte
	n    int
}

// run writes for a time.
func (f *feeder) run(d time.Duration) error {
	const step = 50 * time.Millisecond
	for range d / step {
		begin := len(f.sent)
		for range perSecond * step / time.Second {
			f.sent = loss.AppendMetric(f.sent, f.n, time.Now())
			f.n++
		}
		if _, err := f.w.Write(f.sent[begin:]); err != nil {
			return fmt.Errorf("cannot feed the plugin: %w", err)
		}
		time.Sleep(step)
	}
	return nil
}

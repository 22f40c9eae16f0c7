package hologram_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
)

// TestFailures runs the plugin under the host with a buffer on disk against a
// cloud that fails in each way that the emulator knows, twice, and then works.
// What the cloud has taken must be what has left the queue: all of it, and
// twice only what the contract allows, as the very same bytes.
func TestFailures(t *testing.T) {
	type row struct {
		tries, messages, doubtful, bytes      int64
		metrics, repeated, refused, leftovers int
	}
	rows := map[string]row{}
	runs := map[string]*run{} // all at once: they mostly wait
	for _, mode := range emulator.Modes() {
		runs[mode] = start(t, failingCloud(t, mode), t.TempDir(), 30)
	}
	for _, mode := range emulator.Modes() {
		t.Run(mode, func(t *testing.T) {
			c, dir := runs[mode].cloud, runs[mode].dir
			if mode == "code-3" {
				// Refused credentials are left alone for 15 minutes; a start tries them.
				for i := range 2 {
					runs[mode].end(t, func(s ledger.State) bool { return s.Total.Failures > int64(i) })
					runs[mode] = start(t, c, dir, 0)
				}
			}
			runs[mode].end(t, func(ledger.State) bool {
				info, err := queue.Inspect(dir)
				return err == nil && info.Records == 0
			})

			state, err := ledger.Read(filepath.Join(dir, "ledger"))
			require.NoError(t, err)
			info, err := queue.Inspect(dir)
			require.NoError(t, err)
			total := state.Total
			r := row{tries: total.Tries, messages: total.Messages, doubtful: total.Doubtful, bytes: total.Bytes(), leftovers: info.Records}

			seen := map[string]int{}
			bodies := map[string]int{}
			for _, e := range c.taken() {
				d, err := event.Decode(e.Data)
				require.NoError(t, err)
				for _, m := range d.Metrics {
					seen[m.Name()]++
				}
				bodies[e.Data]++
			}
			for body, n := range bodies {
				d, err := event.Decode(body)
				require.NoError(t, err)
				r.repeated += (n - 1) * len(d.Metrics)
			}
			r.metrics = len(seen)
			letters, err := os.ReadFile(filepath.Join(dir, "dead_letter.lp"))
			if err != nil {
				require.ErrorIs(t, err, os.ErrNotExist)
			}
			for line := range strings.Lines(string(letters)) {
				if strings.HasPrefix(line, "m") {
					r.refused++
				}
			}

			require.Zero(t, r.leftovers, "the queue is empty")
			require.Equal(t, 30, r.metrics+r.refused, "nothing is lost")
			all := 0
			for _, n := range seen {
				all += n
			}
			require.Equal(t, r.metrics+r.repeated, all, "what comes twice comes as the same bytes")
			require.EqualValues(t, r.metrics, total.Metrics, "what the cloud took is what left the queue")
			require.EqualValues(t, r.refused, total.Refused)
			if r.repeated > 0 {
				require.GreaterOrEqual(t, r.doubtful, int64(1), "what may have come twice is counted")
				require.True(t, mayDouble(mode), "nothing of this mode may come twice")
			}
			if r.refused > 0 {
				require.True(t, refuses(mode))
			}
			rows[mode] = r
		})
	}
	t.Logf("%-28s %6s %9s %8s %9s %9s %8s", "the cloud, twice", "tries", "messages", "bytes", "delivered", "repeated", "refused")
	for _, mode := range emulator.Modes() {
		r := rows[mode]
		t.Logf("%-28s %6d %9d %8d %9d %9d %8d", mode, r.tries, r.messages, r.bytes, r.metrics, r.repeated, r.refused)
	}
}

// mayDouble tells whether the contract allows repeats: the cloud takes the
// message, and its answer does not say so.
func mayDouble(mode string) bool {
	for _, m := range []string{"never-answer", "close-without-answer", "reset", "junk", "code-1", "code-6", "partial-answer-reset"} {
		if mode == m || mode == m+"-taken" {
			return true
		}
	}
	return false
}

func refuses(mode string) bool {
	for _, code := range []int{2, 4, 5, 7, 8} {
		if mode == fmt.Sprintf("code-%d", code) {
			return true
		}
	}
	return false
}

// failingCloud is a cloud that fails twice and then works.
func failingCloud(t *testing.T, mode string) *recordingCloud {
	t.Helper()
	text := mode
	switch mode {
	case "refuse":
		text += "=1s"
	case "late-answer":
		text += "=600ms:2" // within the time for late answers
	case "idle-limit", "slow":
		text += "=20ms:2"
	default:
		text += ":2"
	}
	faults, err := emulator.ParseFaults(text)
	require.NoError(t, err)
	c := &recordingCloud{}
	c.Server, err = emulator.Start(t.Context(), emulator.Config{
		DeviceKeys: []string{"ABCDWXYZ"},
		Faults:     faults,
		OnEvent: func(e emulator.Event) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.events = append(c.events, e)
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

type recordingCloud struct {
	*emulator.Server
	mu     sync.Mutex
	events []emulator.Event
}

func (c *recordingCloud) taken() []emulator.Event {
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

// run is the plugin under the host.
type run struct {
	cloud  *recordingCloud
	dir    string
	stdin  *os.File
	result chan error
}

// start starts the plugin with its buffer in dir and gives it metrics.
func start(t *testing.T, c *recordingCloud, dir string, metrics int) *run {
	t.Helper()
	cfg, err := execd.Parse(fmt.Appendf(nil, `[[outputs.hologram]]
		address = %q
		device_key = "ABCDWXYZ"
		answer_timeout = "300ms"
		late_answer_timeout = "1s"
		flush_interval = "200ms"
		retry_backoff_min = "1s"
		retry_backoff_max = "1s"
		buffer_directory = %q
	`, c.Addr(), dir), "test", execd.Registered())
	require.NoError(t, err)
	stdin, w, err := os.Pipe()
	require.NoError(t, err)
	r := &run{cloud: c, dir: dir, stdin: w, result: make(chan error, 1)}
	go func() {
		err := execd.Run(context.Background(), cfg, stdin, io.Discard, io.Discard)
		r.result <- errors.Join(err, stdin.Close())
	}()
	var text strings.Builder
	for i := range metrics {
		fmt.Fprintf(&text, "m%d v=%di 1700000000%09d\n", i, i, i)
	}
	_, err = w.WriteString(text.String())
	require.NoError(t, err)
	return r
}

// end closes the input when all was taken in and done is true.
func (r *run) end(t *testing.T, done func(ledger.State) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		state, err := ledger.Read(filepath.Join(r.dir, "ledger"))
		return err == nil && state.Total.Taken == 30 && done(state)
	}, time.Minute, 50*time.Millisecond)
	start := time.Now()
	require.NoError(t, r.stdin.Close())
	require.NoError(t, <-r.result)
	require.Less(t, time.Since(start), 2*time.Second)
}

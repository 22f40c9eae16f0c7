package hologram

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
)

// sink is an accumulator that keeps what is printed, as execd's does.
type sink struct {
	telegraf.Accumulator // nothing else is called

	mu      sync.Mutex
	all     []telegraf.Metric
	count   int
	discard bool          // only count
	blocked chan struct{} // Print waits until it is closed; nil does not
	ended   chan struct{} // Print that waits returns execd.ErrEnded
}

var _ execd.Printer = (*sink)(nil)

func (s *sink) Print(metrics ...telegraf.Metric) error {
	s.mu.Lock()
	blocked, ended := s.blocked, s.ended
	s.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ended:
			return execd.ErrEnded
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count += len(metrics); s.discard {
		return nil
	}
	for _, m := range metrics {
		s.all = append(s.all, m.Copy())
	}
	return nil
}

func (s *sink) AddMetric(m telegraf.Metric) { _ = s.Print(m) }

// block lets Print wait until the returned function is called, or end.
func (s *sink) block() (release func()) {
	blocked := make(chan struct{})
	s.mu.Lock()
	s.blocked, s.ended = blocked, make(chan struct{})
	s.mu.Unlock()
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.blocked = nil
		s.mu.Unlock()
		close(blocked)
	})
}

// end is what the host does at the end.
func (s *sink) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		close(s.ended)
		s.ended = nil
	}
}

// data are the metrics of messages as they are printed, in order.
func (s *sink) data() (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.all {
		if m.Name() != receiverMeasurement && m.Name() != deviceMeasurement {
			line, _ := metric.AppendLine(nil, m)
			lines = append(lines, string(line))
		}
	}
	return lines
}

// named returns the metrics of a measurement.
func (s *sink) named(name string) (found []telegraf.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.all {
		if m.Name() == name {
			found = append(found, m)
		}
	}
	return found
}

// testLog is a logger that keeps its lines.
type testLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *testLog) add(level telegraf.LogLevel, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level.Indicator()+" "+text)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (l *testLog) Level() telegraf.LogLevel     { return telegraf.Debug }
func (l *testLog) AddAttribute(string, any)     {}
func (l *testLog) Errorf(f string, args ...any) { l.add(telegraf.Error, fmt.Sprintf(f, args...)) }
func (l *testLog) Error(args ...any)            { l.add(telegraf.Error, fmt.Sprint(args...)) }
func (l *testLog) Warnf(f string, args ...any)  { l.add(telegraf.Warn, fmt.Sprintf(f, args...)) }
func (l *testLog) Warn(args ...any)             { l.add(telegraf.Warn, fmt.Sprint(args...)) }
func (l *testLog) Infof(f string, args ...any)  { l.add(telegraf.Info, fmt.Sprintf(f, args...)) }
func (l *testLog) Info(args ...any)             { l.add(telegraf.Info, fmt.Sprint(args...)) }
func (l *testLog) Debugf(f string, args ...any) { l.add(telegraf.Debug, fmt.Sprintf(f, args...)) }
func (l *testLog) Debug(args ...any)            { l.add(telegraf.Debug, fmt.Sprint(args...)) }
func (l *testLog) Tracef(f string, args ...any) { l.add(telegraf.Trace, fmt.Sprintf(f, args...)) }
func (l *testLog) Trace(args ...any)            { l.add(telegraf.Trace, fmt.Sprint(args...)) }

const testSecret = "correct-horse-battery"

// receiver is a plugin with a sink and a log.
type receiver struct {
	*Hologram
	out *sink
	log *testLog
	t   testing.TB
}

// newReceiver returns a plugin that takes webhooks on a port of loopback, for change to set its options.
func newReceiver(t testing.TB, change func(*Hologram)) *receiver {
	t.Helper()
	r := &receiver{Hologram: New(), out: &sink{}, log: &testLog{}, t: t}
	r.ServiceAddress = "127.0.0.1:0"
	r.Secret = testSecret
	r.RateLimit = 0
	r.DeviceInterval = 0
	r.Hologram.Log = r.log
	if change != nil {
		change(r.Hologram)
	}
	require.NoError(t, r.Init())
	return r
}

// run starts the plugin, until stop or the end of the test.
func (r *receiver) run() *receiver {
	r.t.Helper()
	require.NoError(r.t, r.Start(r.out))
	r.t.Cleanup(r.stop)
	return r
}

func (r *receiver) stop() {
	if r.cancel == nil {
		return
	}
	// As the host does: Stop, and if that takes long, the end of printing.
	timer := time.AfterFunc(700*time.Millisecond, r.out.end)
	defer timer.Stop()
	r.Stop()
	r.cancel = nil
}

func (r *receiver) addr() string { return r.webhook.listener.Addr().String() }

// newClient returns a client with connections of its own, which the test closes.
func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// post sends a body with the secret, and returns the status.
func (r *receiver) post(body string, headers ...string) (status int, text string) {
	r.t.Helper()
	return r.postWith(newClient(r.t), body, headers...)
}

func (r *receiver) postWith(c *http.Client, body string, headers ...string) (status int, text string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.addr()+r.Path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("X-Hologram-Secret", testSecret)
	req.Header.Set("Content-Type", "application/json")
	for h := range slices.Chunk(headers, 2) {
		req.Header.Set(h[0], h[1])
	}
	answer, err := c.Do(req)
	if err != nil {
		r.t.Errorf("no answer: %v", err) // the test may be in another goroutine
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	var b bytes.Buffer
	_, err = io.Copy(&b, answer.Body)
	assert.NoError(r.t, err)
	return answer.StatusCode, b.String()
}

func (r *receiver) eventually(done func() bool, what string) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			require.Failf(r.t, "too late", "%s; log:\n%s", what, r.log)
		}
	}
}

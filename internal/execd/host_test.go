package execd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/queue"
)

// names returns metric names m0 to m(n-1), beginning with from.
func names(from, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("m%d", from+i))
	}
	return out
}

func lines(from, n int) string {
	var b strings.Builder
	for _, name := range names(from, n) {
		b.WriteString(name + " v=1 1\n")
	}
	return b.String()
}

// output collects log lines.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// buried collects dead letters.
type buried struct {
	mu      sync.Mutex
	records []string
	reasons []string
}

func (b *buried) Bury(record []byte, _ time.Time, reason error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, string(record))
	b.reasons = append(b.reasons, reason.Error())
}

// bench is a host on fake time.
type bench struct {
	*host
	t      *testing.T
	in     *io.PipeWriter
	out    output
	errs   output
	dead   buried
	cancel context.CancelFunc
	result chan error
}

// newBench starts a host for r in the bubble of synctest.
func newBench(t *testing.T, r *recorder, options string) *bench {
	t.Helper()
	return newBenchWith(t, pluginsWith(r), nil, options)
}

// newBenchWith starts a host for a plugin and a queue, one in memory if q is nil.
func newBenchWith(t *testing.T, plugins Plugins, q Queue, options string) *bench {
	t.Helper()
	cfg, err := Parse([]byte("[[outputs.recorder]]\n"+options), "test", plugins)
	require.NoError(t, err)
	limits, urgentLimits := cfg.Options.limits()
	if q == nil {
		q = queue.NewMemory(limits)
	}
	var urgent Queue
	if !cfg.priorities().none() {
		urgent = queue.NewMemory(urgentLimits)
	}
	return startBench(t, cfg, newBuffer(q, urgent), "")
}

// newDiskBench starts a host for a plugin with its buffer in a directory.
func newDiskBench(t *testing.T, plugins Plugins, dir, options string) *bench {
	t.Helper()
	cfg, err := Parse(fmt.Appendf(nil, "[[outputs.recorder]]\nbuffer_directory = %q\n%s", dir, options), "test", plugins)
	require.NoError(t, err)
	q, dir, err := openBuffer(t.Context(), cfg)
	require.NoError(t, err)
	return startBench(t, cfg, q, dir)
}

func startBench(t *testing.T, cfg *Config, q *buffer, dir string) *bench {
	t.Helper()
	reader, writer := io.Pipe()
	b := &bench{t: t, in: writer, result: make(chan error, 1)}
	b.host = newHost(cfg, q, &b.dead, openBooks(cfg, dir))
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	cfg.log.attach(&b.out, &b.errs)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := b.run(ctx, reader)
		cancel()
		cfg.log.detach()
		b.result <- err
	}()
	t.Cleanup(func() {
		_ = writer.Close()
		<-ended
	})
	return b
}

func (b *bench) feed(text string) {
	_, err := io.WriteString(b.in, text)
	require.NoError(b.t, err)
	synctest.Wait()
}

// pass lets time go by.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// end closes the input and returns how Run ended and how long that took.
func (b *bench) end() (time.Duration, error) {
	start := time.Now()
	require.NoError(b.t, b.in.Close())
	err := <-b.result
	return time.Since(start), err
}

func TestFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &recorder{}
		b := newBench(t, r, "")
		b.pass(time.Second)
		for range 5 {
			b.feed(lines(0, 3))
			b.pass(30 * time.Second)
		}
		took, err := b.end()
		require.NoError(t, err)
		require.Zero(t, took)
		var at []time.Duration
		for _, c := range r.all() {
			at = append(at, c.at.Sub(start))
		}
		// The interval begins at the start; what waits goes out together; the rest goes out at the end.
		require.Equal(t, []time.Duration{60 * time.Second, 120 * time.Second, 151 * time.Second}, at)
		require.Len(t, r.written(), 15)
		require.Equal(t, 1, r.connects)
		require.Equal(t, 1, r.closes)
		require.Empty(t, b.errs.String())
		require.Equal(t, "ended: 15 metrics taken in, 15 delivered, 0 set aside, 0 dropped, 0 left\n", b.out.String())
	})
}

func TestFlushJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &recorder{}
		b := newBench(t, r, "flush_interval = \"10s\"\nflush_jitter = \"5s\"")
		for range 100 {
			b.feed(lines(0, 1))
			b.pass(10 * time.Second)
		}
		_, err := b.end()
		require.NoError(t, err)
		calls := r.all()
		require.Greater(t, len(calls), 95)
		late := false
		for _, c := range calls[:95] {
			after := c.at.Sub(start) % (10 * time.Second)
			require.Less(t, after, 5*time.Second)
			late = late || after > 2*time.Second
		}
		require.True(t, late)
	})
}

func TestFullBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := newBench(t, r, "metric_batch_size = 10")
		b.feed(lines(0, 9))
		require.Empty(t, r.all())
		b.feed(lines(9, 16))
		require.Equal(t, names(0, 20), r.written(), "full batches do not wait")
		b.pass(time.Minute)
		require.Equal(t, names(0, 25), r.written(), "the rest does")
		require.Len(t, r.all(), 3)
		_, err := b.end()
		require.NoError(t, err)
	})
}

// hintError is an error with a hint.
type hintError struct{ hint RetryHint }

func (e hintError) Error() string        { return "try later" }
func (e hintError) RetryHint() RetryHint { return e.hint }

// TestRetry checks the waits: half of each is random.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &recorder{write: func(call int, _ []telegraf.Metric) error {
			switch {
			case call <= 7:
				return errors.New("no link")
			case call == 8:
				return fmt.Errorf("wrapped: %w", hintError{RetryHint{After: time.Hour}})
			}
			return nil
		}}
		b := newBench(t, r, "metric_batch_size = 10")
		b.feed(lines(0, 3))
		b.pass(61 * time.Second)
		b.feed(lines(3, 4))  // more may follow what failed
		b.feed(lines(7, 30)) // intake goes on
		b.pass(4 * time.Hour)
		var waits []time.Duration
		last := start
		for _, c := range r.all() {
			waits = append(waits, c.at.Sub(last))
			last = c.at
		}
		m := time.Minute
		require.Len(t, waits, 12)
		for i, most := range []time.Duration{m, m / 2, m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, time.Hour + 7*m + 30*time.Second, 0, 0, 0} {
			least := most / 2
			if i == 0 {
				least = most
			}
			if i == 8 {
				least = time.Hour
			}
			require.GreaterOrEqual(t, waits[i], least, i)
			require.LessOrEqual(t, waits[i], most, i)
		}
		require.Equal(t, names(0, 3), r.all()[0].names)
		for _, c := range r.all()[1:9] {
			require.Equal(t, names(0, 10), c.names)
		}
		require.Equal(t, names(0, 37), r.written())
		_, err := b.end()
		require.NoError(t, err)
		require.Contains(t, b.errs.String(), "cannot send: no link; 3 metrics wait for the next try in ")
		require.Contains(t, b.out.String(), "works again after 8 failures\n")
	})
}

// TestRetryWait checks what hints do to the wait, failure after failure.
func TestRetryWait(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	poll, quick := RetryHint{Poll: 12 * s}, RetryHint{Quick: 2 * s}
	for _, test := range []struct {
		name  string
		hints []RetryHint
		least []time.Duration
		most  []time.Duration
	}{
		{"none", []RetryHint{{}, {}, {}}, []time.Duration{15 * s, 30 * s, m}, []time.Duration{30 * s, m, 2 * m}},
		{"a poll leaves the backoff", []RetryHint{{}, poll, poll, {}},
			[]time.Duration{15 * s, 12 * s, 12 * s, 30 * s}, []time.Duration{30 * s, 12 * s, 12 * s, m}},
		{"quick comes once, and first", []RetryHint{quick, quick, quick},
			[]time.Duration{2 * s, 15 * s, 30 * s}, []time.Duration{4 * s, 30 * s, m}},
		{"not quick later", []RetryHint{{}, quick}, []time.Duration{15 * s, 30 * s}, []time.Duration{30 * s, m}},
		{"waited", []RetryHint{{Waited: 2 * m}, {Waited: 2 * m}, {Waited: 10 * s}},
			[]time.Duration{s, s, m - 10*s}, []time.Duration{s, s, 2*m - 10*s}},
		{"after", []RetryHint{{After: 15 * m}, {After: h}}, []time.Duration{15 * m, h}, []time.Duration{17 * m, h + 8*m}},
		{"after in bounds", []RetryHint{{After: 1000 * h}}, []time.Duration{24 * h}, []time.Duration{27 * h}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 50 {
				way := &tries{min: 30 * s, max: 15 * m}
				for i, hint := range test.hints {
					wait := way.wait(hint)
					require.GreaterOrEqual(t, wait, test.least[i], i)
					require.LessOrEqual(t, wait, test.most[i], i)
				}
			}
		})
	}
}

// TestRetryOffersTheSame checks that what is offered again is the very same metrics in the same order.
func TestRetryOffersTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second []telegraf.Metric
		r := &recorder{write: func(call int, metrics []telegraf.Metric) error {
			if call == 1 {
				first = metrics
				return errors.New("unknown outcome")
			}
			second = metrics
			return nil
		}}
		b := newBench(t, r, "")
		b.feed("m b=1,a=2i,z=\"x\ny\",c=true,d=4u\n" + lines(0, 5))
		b.pass(2 * time.Minute)
		_, err := b.end()
		require.NoError(t, err)
		require.Len(t, first, 6)
		for i := range first {
			require.Same(t, first[i], second[i])
		}
		require.Equal(t, "b", first[0].FieldList()[0].Key)
	})
}

func TestPartialWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{write: func(call int, _ []telegraf.Metric) error {
			switch call {
			case 1:
				return fmt.Errorf("batch: %w", &PartialWriteError{
					Err:                 errors.New("timeout"),
					MetricsAccept:       []int{0, 1, 3, 99},
					MetricsReject:       []int{3, 4, 5},
					MetricsRejectErrors: []error{nil, errors.New("too large")},
				})
			case 2:
				return &PartialWriteError{MetricsReject: []int{0}, MetricsAccept: []int{1, 2, 3, 4, 5, 6, 7, 8, 9}}
			}
			return nil
		}}
		b := newBench(t, r, "metric_batch_size = 10\nlog_level = \"debug\"")
		b.feed(lines(0, 20))
		require.Len(t, r.all(), 1)
		require.Equal(t, names(0, 10), r.all()[0].names)
		require.Equal(t, 18, b.queue.Len(), "the front is acknowledged, what is settled behind it waits")
		b.pass(31 * time.Second)
		// All of the second call is settled, so the third follows at once with what is left.
		calls := r.all()
		require.Len(t, calls, 3)
		require.Equal(t, append([]string{"m2", "m6", "m7", "m8", "m9"}, names(10, 5)...), calls[1].names)
		require.Equal(t, names(15, 5), calls[2].names)
		require.Zero(t, b.queue.Len())
		_, err := b.end()
		require.NoError(t, err)
		require.Equal(t, []string{"m2 v=1 1", "m4 v=1 1", "m5 v=1 1"}, b.dead.records)
		require.Equal(t, []string{"not all metrics were accepted", "too large", "timeout"}, b.dead.reasons)
		require.Contains(t, b.out.String(), "20 metrics taken in, 17 delivered, 3 set aside, 0 dropped, 0 left")
		require.Contains(t, b.errs.String(), errBadIndex.Error())
	})
}

// TestStuckFront keeps the first metric unsettled while all others pass.
func TestStuckFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{write: func(call int, metrics []telegraf.Metric) error {
			if call > 12 {
				return nil
			}
			e := &PartialWriteError{Err: errors.New("stuck")}
			for i := range metrics[1:] {
				e.MetricsAccept = append(e.MetricsAccept, i+1)
			}
			return e
		}}
		b := newBench(t, r, "metric_batch_size = 10")
		b.feed(lines(0, 200))
		for len(r.all()) < 12 {
			b.pass(10 * time.Second)
		}
		require.Zero(t, b.queue.Stats().Acked)
		require.EqualValues(t, 81, b.dispatch.lanes[0].settled.Load(), "what is in flight is bounded")
		b.pass(time.Hour)
		seen := make(map[string]int)
		for _, c := range r.all() {
			for _, n := range c.names {
				seen[n]++
			}
		}
		require.Len(t, seen, 200)
		require.Equal(t, 13, seen["m0"])
		for _, n := range names(1, 199) {
			require.Equal(t, 1, seen[n], n)
		}
		_, err := b.end()
		require.NoError(t, err)
	})
}

func TestBadRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := newBench(t, r, "metric_batch_size = 3")
		b.feed("m0 v=1\nbad\nm1 v=1 1\nworse v=\nm2 v=x\nm3 v=1 1\n" + "big v=\"" + strings.Repeat("x\n", MaxRecord) + "\" 1\nm4 v=1 1\ncut v=1")
		_, err := b.end()
		require.NoError(t, err)
		require.Equal(t, []string{"m0", "m1", "m3", "m4"}, r.written())
		require.ElementsMatch(t, []string{"bad", "worse v=", "m2 v=x", "cut v=1"}, b.dead.records)
		require.Contains(t, b.errs.String(), `metric "big" has more than 1MiB and is skipped (1 so far)`)
	})
}

func TestNoTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got time.Time
		r := &recorder{write: func(_ int, m []telegraf.Metric) error { got = m[0].Time(); return nil }}
		b := newBench(t, r, "")
		b.pass(10 * time.Second)
		at := time.Now()
		b.feed("m v=1\n")
		b.pass(time.Hour)
		_, err := b.end()
		require.NoError(t, err)
		require.True(t, at.Equal(got), "the time of intake counts, not that of the flush")
	})
}

func TestConnectIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &recorder{connect: func(try int) error {
			if try < 3 {
				return errors.New("no modem")
			}
			return nil
		}}
		b := newBench(t, r, "metric_batch_size = 10")
		b.feed(lines(0, 25))
		require.Empty(t, r.all())
		b.pass(5 * time.Minute)
		require.Equal(t, names(0, 25), r.written())
		require.LessOrEqual(t, r.all()[0].at.Sub(start), 90*time.Second)
		require.Equal(t, 3, r.connects)
		_, err := b.end()
		require.NoError(t, err)
		require.Contains(t, b.errs.String(), "cannot connect: no modem; ")
	})
}

func TestNeverConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{connect: func(int) error { return errors.New("no modem") }}
		b := newBench(t, r, "")
		b.feed(lines(0, 2))
		_, err := b.end()
		var left *LeftError
		require.ErrorAs(t, err, &left)
		require.Equal(t, 2, left.Metrics)
		require.EqualError(t, err, "2 metrics could not be sent before the end and are lost: no modem")
		require.Zero(t, r.closes)
	})
}

// TestEndWhileFailing ends the input during a long wait: there is one more try, at once.
func TestEndWhileFailing(t *testing.T) {
	for _, lastTry := range []error{nil, errors.New("still no link")} {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{write: func(call int, _ []telegraf.Metric) error {
				if call == 1 {
					return hintError{RetryHint{After: time.Hour}}
				}
				return lastTry
			}}
			b := newBench(t, r, "metric_batch_size = 10")
			b.feed(lines(0, 15))
			b.pass(time.Minute)
			took, err := b.end()
			require.Zero(t, took)
			if lastTry == nil {
				require.NoError(t, err)
				require.Equal(t, names(0, 15), r.written())
			} else {
				require.ErrorIs(t, err, lastTry)
				require.Len(t, r.all(), 2)
				var left *LeftError
				require.ErrorAs(t, err, &left)
				require.Equal(t, 15, left.Metrics)
			}
			require.Equal(t, 1, r.closes)
		})
	}
}

// TestEndWhileWriteHangs ends the input while Write does not return, unless Close makes it.
func TestEndWhileWriteHangs(t *testing.T) {
	for _, closeHelps := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			r := &recorder{write: func(call int, _ []telegraf.Metric) error {
				if call == 2 {
					<-release
					return &PartialWriteError{Err: errors.New("closed"), MetricsAccept: []int{0, 1}}
				}
				return nil
			}}
			if closeHelps {
				r.closed = func() { close(release) }
			}
			b := newBench(t, r, "metric_batch_size = 10")
			b.feed(lines(0, 25))
			took, err := b.end()
			require.LessOrEqual(t, took, 4*time.Second)
			var left *LeftError
			require.ErrorAs(t, err, &left)
			if closeHelps {
				require.Equal(t, 13, left.Metrics)
				require.EqualError(t, err, "13 metrics could not be sent before the end and are lost: closed")
			} else {
				require.Equal(t, 15, left.Metrics)
				require.ErrorContains(t, err, "the time to send them ran out")
				close(release)
			}
			require.Len(t, r.all(), 2)
		})
	}
}

func TestEndWhileSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{write: func(int, []telegraf.Metric) error { time.Sleep(time.Second); return nil }}
		b := newBench(t, r, "metric_batch_size = 10")
		b.feed(lines(0, 95))
		took, err := b.end()
		require.LessOrEqual(t, took, 4*time.Second)
		var left *LeftError
		require.ErrorAs(t, err, &left)
		require.Equal(t, 95-len(r.written()), left.Metrics)
		time.Sleep(2 * time.Second) // let the last Write return
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := newBench(t, r, "")
		b.feed(lines(0, 3))
		b.cancel()
		require.NoError(t, <-b.result)
		require.Equal(t, names(0, 3), r.written())
		require.NoError(t, b.in.Close())
	})
}

func TestReadError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := newBench(t, r, "")
		b.feed(lines(0, 3))
		broken := errors.New("broken")
		require.NoError(t, b.in.CloseWithError(broken))
		require.ErrorIs(t, <-b.result, broken)
		require.Equal(t, names(0, 3), r.written())
	})
}

// TestDrops fills the buffer during an outage.
func TestDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ok := false
		r := &recorder{write: func(int, []telegraf.Metric) error {
			if ok {
				return nil
			}
			return errors.New("no link")
		}}
		b := newBench(t, r, "metric_batch_size = 10\nbuffer_limit = \"64KiB\"")
		for i := range 10 {
			b.feed(lines(1000+200*i, 200))
			b.pass(10 * time.Second)
		}
		ok = true
		_, err := b.end()
		require.NoError(t, err)
		got := r.written()
		require.Equal(t, names(1000, 10), got[:10], "what was offered is not dropped")
		require.Equal(t, "m2999", got[len(got)-1])
		s := b.queue.Stats()
		require.EqualValues(t, 2000, s.Acked+s.DroppedFull)
		require.Contains(t, b.out.String(), "W! the buffer of 64KiB is full: ")
		require.LessOrEqual(t, strings.Count(b.out.String(), "is full"), 4)
	})
}

// BenchmarkHost moves metrics from an input to a plugin's Write: splitting, queueing, parsing, batches of 1000.
func BenchmarkHost(b *testing.B) {
	line := "cpu,cpu=cpu0,host=gateway-17 usage_user=1.25,usage_system=0.5,usage_idle=98.25,state=\"on line\" 1700000000000000000\n"
	r := &recorder{}
	cfg, err := Parse([]byte("[[outputs.recorder]]\nbuffer_limit = \"1TiB\""), "bench", pluginsWith(r))
	require.NoError(b, err)
	cfg.output = discard{}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	b.ResetTimer()
	h := newHost(cfg, newBuffer(queue.NewMemory(queue.Limits{Bytes: 1 << 40}), nil), &buried{}, openBooks(cfg, ""))
	chunk := strings.Repeat(line, 4096/len(line))
	reader, writer := io.Pipe()
	done := make(chan error)
	go func() { done <- h.run(b.Context(), reader) }()
	for n := b.N; n > 0; n -= 4096 / len(line) {
		// What is sent must not fall behind, so that the whole way is measured.
		for h.queue.Len() > 10_000 {
			time.Sleep(100 * time.Microsecond)
		}
		_, _ = io.WriteString(writer, chunk[:min(n, 4096/len(line))*len(line)])
	}
	_ = writer.Close()
	require.NoError(b, <-done)
	require.EqualValues(b, b.N, h.dispatch.delivered.Load())
}

type discard struct{}

func (discard) SampleConfig() string          { return "" }
func (discard) Connect() error                { return nil }
func (discard) Close() error                  { return nil }
func (discard) Write([]telegraf.Metric) error { return nil }

package execd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/queue"
	"telegraf-hologram/internal/slot"
)

// packing is a recorder that packs four metrics into a message, tells of each, and keeps a state.
type packing struct {
	*recorder
	fail     func(message int) error // nil is success
	begin    func()
	end      func(Exchange)
	messages [][]string
	state    packingState
	backlogs int
}

type packingState struct{ Messages int }

func (p *packing) OnExchange(begin func(), end func(Exchange)) { p.begin, p.end = begin, end }

func (s *packingState) MarshalText() ([]byte, error) {
	return strconv.AppendInt(nil, int64(s.Messages), 10), nil
}

func (s *packingState) UnmarshalText(text []byte) error {
	var err error
	s.Messages, err = strconv.Atoi(string(text))
	return err
}

func (p *packing) GetState() any { state := p.state; return &state }

func (p *packing) SetState(state any) error {
	p.state = *state.(*packingState)
	return nil
}

func (p *packing) Write(metrics []telegraf.Metric) error {
	_, err := p.write(metrics, false)
	return err
}

func (p *packing) WriteBacklog(metrics []telegraf.Metric) (int, error) {
	p.backlogs++
	return p.write(metrics, true)
}

func (p *packing) write(metrics []telegraf.Metric, hold bool) (int, error) {
	const size = 4
	var accepted []int
	for from := 0; from < len(metrics); from += size {
		n := min(size, len(metrics)-from)
		if hold && n < size && from > 0 {
			return n, nil
		}
		var names []string
		var indices []int
		for i := from; i < from+n; i++ {
			names = append(names, metrics[i].Name())
			indices = append(indices, i)
		}
		p.begin()
		p.messages = append(p.messages, names)
		if p.fail != nil {
			if err := p.fail(len(p.messages)); err != nil {
				p.end(Exchange{Metrics: n, Sent: 50})
				return 0, &PartialWriteError{Err: err, MetricsAccept: accepted}
			}
		}
		p.state.Messages++
		p.end(Exchange{Accepted: indices, Metrics: n, Delivered: true, Sent: 100, Received: 10})
		accepted = append(accepted, indices...)
	}
	return 0, nil
}

func packingPlugin(p *packing) Plugins {
	return Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output { return p }}}
}

// TestBacklogFillsMessages checks that no message but the last of a backlog has room.
func TestBacklogFillsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &packing{recorder: &recorder{}}
		b := newBenchWith(t, packingPlugin(p), nil, "metric_batch_size = 10")
		b.feed(lines(0, 35))
		require.Len(t, p.messages, 8, "a full batch does not wait, but a message with room does")
		for _, m := range p.messages {
			require.Len(t, m, 4)
		}
		require.Equal(t, 3, b.queue.Len())
		b.pass(time.Minute)
		require.Equal(t, names(32, 3), p.messages[8])
		b.feed(lines(35, 9))
		b.pass(time.Minute)
		require.Len(t, p.messages, 12, "a flush sends all")
		_, err := b.end()
		require.NoError(t, err)
		require.Zero(t, b.queue.Len())
	})
}

// TestExchangeReleases checks that what an exchange has settled is released while Write still runs.
func TestExchangeReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []int
		p := &packing{recorder: &recorder{}}
		var b *bench
		p.fail = func(message int) error {
			held = append(held, b.queue.Len())
			if message == 3 {
				return errors.New("reset")
			}
			return nil
		}
		b = newBenchWith(t, packingPlugin(p), nil, "metric_batch_size = 20")
		b.feed(lines(0, 20))
		require.Equal(t, []int{20, 16, 12}, held)
		require.Equal(t, 12, b.queue.Len())
		b.pass(time.Minute)
		require.Equal(t, p.messages[2], p.messages[3], "the same metrics come first")
		_, err := b.end()
		require.NoError(t, err)
		c := b.books.ledger.Snapshot().Total
		require.EqualValues(t, 20, c.Metrics)
		require.EqualValues(t, 20, c.Taken)
		require.EqualValues(t, 5, c.Messages)
		require.EqualValues(t, 6, c.Tries)
		require.EqualValues(t, 1, c.Failures)
		require.EqualValues(t, 550, c.Sent)
		require.EqualValues(t, 50, c.Received)
	})
}

// TestDrainOrder ends an outage with a backlog.
func TestDrainOrder(t *testing.T) {
	for order, want := range map[string][][]string{
		DrainOldestFirst: {names(0, 10), names(10, 10), names(20, 10), names(30, 5)},
		// What was in flight comes first, as it may have arrived.
		DrainNewestFirst: {names(0, 10), names(25, 10), names(15, 10), names(10, 5)},
	} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var up atomic.Bool
				r := &recorder{write: func(int, []telegraf.Metric) error {
					if !up.Load() {
						return errors.New("no link")
					}
					return nil
				}}
				b := newBench(t, r, "metric_batch_size = 10\ndrain_order = \""+order+"\"")
				b.feed(lines(0, 10))
				b.feed(lines(10, 25))
				up.Store(true)
				b.pass(2 * time.Minute)
				var got [][]string
				for _, c := range r.all()[1:] {
					got = append(got, c.names)
				}
				require.Equal(t, want, got)
				_, err := b.end()
				require.NoError(t, err)
			})
		})
	}
}

// TestUrgent checks that what is urgent takes what waits with it, and goes before a backlog.
func TestUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var slow atomic.Int64
		r := &recorder{write: func(int, []telegraf.Metric) error {
			time.Sleep(time.Duration(slow.Load()))
			return nil
		}}
		b := newBench(t, r, "metric_batch_size = 10\nurgent = [\"alarm*\", \"door/?\"]")
		b.feed(lines(0, 3))
		b.pass(time.Second)
		require.Empty(t, r.all())
		b.feed("door/1,side=left open=true 1\n")
		require.Equal(t, []string{"door/1", "m0", "m1", "m2"}, r.written())
		require.Equal(t, time.Second, r.all()[0].at.Sub(start))
		b.feed("door/12 open=true 1\nopen\\ alarm v=1\n")
		b.pass(time.Second)
		require.Len(t, r.all(), 1, "not urgent")

		slow.Store(int64(time.Second))
		b.feed(lines(100, 100))
		b.feed("alarm_high v=1 1\n")
		b.pass(time.Minute)
		for i, c := range r.all() {
			if names := strings.Join(c.names, " "); strings.Contains(names, "alarm_high") {
				require.LessOrEqual(t, i, 4, "before the backlog")
				break
			}
		}
		require.Len(t, r.written(), 107)
		_, err := b.end()
		require.NoError(t, err)
	})
}

func TestBudget(t *testing.T) {
	for action, want := range map[string]string{
		BudgetWarn: "W! 113 % of the month's data_budget of 64KiB is used\n",
		BudgetSlow: "W! 113 % of the month's data_budget of 64KiB is used; until the next one metrics are sent half as often\n",
		BudgetStop: "W! 113 % of the month's data_budget of 64KiB is used; until the next one nothing is sent\n",
	} {
		t.Run(action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))) // a clock that was set
				p := &packing{recorder: &recorder{}}
				p.fail = func(int) error {
					// Eight of these, with the 110 bytes of the packing itself, are more than the budget.
					p.end(Exchange{Sent: 9 << 10})
					return nil
				}
				b := newBenchWith(t, packingPlugin(p), nil, "data_budget = \"64KiB\"\ndata_budget_action = \""+action+"\"")
				for i := range 7 {
					b.feed(lines(i, 1))
					b.pass(time.Minute)
				}
				require.Len(t, p.messages, 7)
				require.Contains(t, b.out.String(), "W! 85 % of the month's data_budget of 64KiB is used\n")
				for i := range 4 {
					b.feed(lines(i, 1))
					b.pass(time.Minute)
				}
				require.Contains(t, b.out.String(), want)
				switch action {
				case BudgetWarn:
					require.Len(t, p.messages, 11)
				case BudgetSlow:
					require.Len(t, p.messages, 9)
				case BudgetStop:
					require.Len(t, p.messages, 8)
					require.Equal(t, 3, b.queue.Len())
					b.pass(31 * 24 * time.Hour)
					require.Zero(t, b.queue.Len(), "the next month has its own budget")
				}
				b.cancel()
			})
		})
	}
}

// TestSelfMetrics checks that the host's own metric goes the way of all others.
func TestSelfMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []telegraf.Metric
		r := &recorder{write: func(_ int, metrics []telegraf.Metric) error {
			got = append(got, metrics...)
			return nil
		}}
		b := newBench(t, r, "self_metrics_interval = \"30m\"")
		b.feed(lines(0, 3))
		b.pass(65 * time.Minute)
		_, err := b.end()
		require.NoError(t, err)
		require.Len(t, got, 5)
		require.Equal(t, "hologram_link", got[4].Name())
		require.Equal(t, int64(3), got[4].Fields()["metrics_taken"])
	})
}

// failing is a queue whose disk takes nothing for a while.
type failing struct {
	*queue.Memory

	mu       sync.Mutex
	err      error
	overflow int
	tries    int
}

func (f *failing) Append(records [][]byte, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.err != nil {
		return f.err
	}
	return f.Memory.Append(records, at)
}

func (f *failing) Overflow(records [][]byte, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.overflow += len(records)
	return f.Memory.Append(records, at)
}

func (f *failing) Settle() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.overflow = 0
	}
	return f.err
}

func (f *failing) Volatile() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.overflow
}

// set says how Append fails, and returns how many records are in memory alone and how often Append was called.
func (f *failing) set(err error) (overflow, tries int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	return f.overflow, f.tries
}

// TestDiskTakesNothing checks that nothing more is read for 15 s, and that memory helps out then.
func TestDiskTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		f := &failing{Memory: queue.NewMemory(queue.Limits{Bytes: 1 << 20}), err: syscall.ENOSPC}
		b := newBenchWith(t, pluginsWith(r), f, "")
		go func() { b.feed(lines(0, 2) + lines(2, 2)) }()
		b.pass(10 * time.Second)
		overflow, tries := f.set(syscall.ENOSPC)
		require.Zero(t, overflow)
		require.Greater(t, tries, 30)
		b.pass(6 * time.Second)
		overflow, tries = f.set(syscall.ENOSPC)
		require.Equal(t, 4, overflow)
		b.feed(lines(4, 2))
		overflow, more := f.set(nil)
		require.Equal(t, 6, overflow, "patience is over once")
		require.Equal(t, tries+1, more)
		b.feed(lines(6, 2))
		b.pass(time.Minute)
		require.Equal(t, names(0, 8), r.written())
		require.Zero(t, f.Volatile(), "the flush moves it")
		_, err := b.end()
		require.NoError(t, err)
		require.Equal(t, 2, strings.Count(b.errs.String(), "cannot store metrics: no space left on device"))
		require.Contains(t, b.out.String(), "the buffer takes metrics again after ")
	})
}

// TestDiskTakesNothingOfEither has both queues on a disk that takes nothing: what one has waited counts for the other.
func TestDiskTakesNothingOfEither(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		full := func() *failing {
			return &failing{Memory: queue.NewMemory(queue.Limits{Bytes: 1 << 20}), err: syscall.ENOSPC}
		}
		urgent, rest := full(), full()
		cfg, err := Parse([]byte("[[outputs.recorder]]\nurgent = [\"alarm*\"]"), "test", pluginsWith(r))
		require.NoError(t, err)
		b := startBench(t, cfg, newBuffer(rest, urgent), "")
		go func() { b.feed(lines(0, 2) + alarms(0, 2) + lines(2, 2)) }()
		b.pass(diskPatience - time.Second)
		require.Zero(t, urgent.Volatile()+rest.Volatile())
		b.pass(2 * time.Second)
		require.Equal(t, 2, urgent.Volatile())
		require.Equal(t, 4, rest.Volatile())
		require.Equal(t, append(alarmNames(0, 2), names(0, 4)...), r.written(), "delivered out of memory")
		_, tries := rest.set(syscall.ENOSPC)
		require.Equal(t, 1, tries)
		rest.set(nil)
		b.feed(lines(4, 1) + alarms(2, 1))
		_, err = b.end()
		require.NoError(t, err)
		require.Contains(t, b.out.String(), "the buffer takes metrics again after 16s\n")
		require.Contains(t, b.out.String(), "8 metrics taken in, 8 delivered, 0 set aside, 0 dropped, 0 left")
	})
}

// TestDiskTakesNothingUntilTheEnd closes the input while nothing is read, with more in the pipe.
func TestDiskTakesNothingUntilTheEnd(t *testing.T) {
	recorder := &recorder{write: func(int, []telegraf.Metric) error { return errors.New("no link") }}
	cfg, err := Parse([]byte("[[outputs.recorder]]"), "test", pluginsWith(recorder))
	require.NoError(t, err)
	f := &failing{Memory: queue.NewMemory(queue.Limits{Bytes: 1 << 20}), err: syscall.ENOSPC}
	r, w := newPipe(t)
	result := make(chan error, 1)
	go func() { result <- newHost(cfg, newBuffer(f, nil), &buried{}, openBooks(cfg, "")).run(t.Context(), r) }()
	_, err = w.WriteString(lines(0, 20))
	require.NoError(t, err)
	time.Sleep(300 * time.Millisecond)
	_, err = w.WriteString(lines(20, 20))
	require.NoError(t, err)
	start := time.Now()
	require.NoError(t, w.Close())
	err = <-result
	require.Less(t, time.Since(start), 2*time.Second)
	var left *LeftError
	require.ErrorAs(t, err, &left)
	require.Equal(t, 40, left.Metrics)
}

// TestDiskBuffer runs the host on a real directory, ends it in the middle of an outage, and runs it again.
func TestDiskBuffer(t *testing.T) {
	dir := t.TempDir()
	options := fmt.Sprintf("buffer_directory = %q\nmetric_batch_size = 8\nflush_interval = \"100ms\"", dir)
	down := &packing{recorder: &recorder{}, fail: func(n int) error {
		if n > 2 {
			return errors.New("no link")
		}
		return nil
	}}
	run := func(p *packing, input string) (string, error) {
		cfg, err := Parse([]byte("[[outputs.recorder]]\n"+options), "test", packingPlugin(p))
		require.NoError(t, err)
		var out, errs output
		r, w := newPipe(t)
		result := make(chan error, 1)
		go func() { result <- Run(t.Context(), cfg, r, &out, &errs) }()
		_, err = w.WriteString(input)
		require.NoError(t, err)
		time.Sleep(300 * time.Millisecond)
		start := time.Now()
		require.NoError(t, w.Close())
		err = <-result
		require.Less(t, time.Since(start), 2*time.Second)
		return out.String() + errs.String(), err
	}
	log, err := run(down, lines(0, 8)+lines(8, 12))
	require.NoError(t, err, "what is on disk is not lost")
	require.Contains(t, log, "20 metrics taken in, 8 delivered, 0 set aside, 0 dropped, 12 left")
	require.NotContains(t, log, "lost")

	up := &packing{recorder: &recorder{}}
	log, err = run(up, lines(20, 2))
	require.NoError(t, err)
	require.Contains(t, log, "found 12 metrics in "+dir+", 0 places damaged")
	require.Equal(t, 2+len(up.messages), up.state.Messages, "the state was restored")
	var got []string
	for _, m := range up.messages {
		got = append(got, m...)
	}
	require.Equal(t, names(8, 14), got)
}

// stateful is a recorder with a state of the given kind.
type stateful struct {
	*recorder
	state any
}

func (s *stateful) GetState() any { return s.state }

func (s *stateful) SetState(any) error { return nil }

// A state that is damaged, or that has no text, is told, and the plugin runs without.
func TestStateThatCannotBeKept(t *testing.T) {
	for name, c := range map[string]struct {
		state any
		log   string
	}{
		"damaged": {new(packingState), "cannot restore the state of the plugin, it starts without: strconv.Atoi"},
		"no text": {7, "cannot restore the state of the plugin, it starts without: the type int has no text"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, _, err := slot.Open(filepath.Join(dir, stateFile), stateSize)
			require.NoError(t, err)
			require.NoError(t, file.Write([]byte("x")))
			require.NoError(t, file.Close())

			cfg, err := Parse(fmt.Appendf(nil, "[[outputs.recorder]]\nbuffer_directory = %q\n", dir), "test",
				Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output { return &stateful{&recorder{}, c.state} }}})
			require.NoError(t, err)
			var out, errs output
			require.NoError(t, Run(t.Context(), cfg, strings.NewReader(""), &out, &errs))
			require.Contains(t, out.String()+errs.String(), c.log)
			require.Equal(t, name == "no text", strings.Contains(out.String()+errs.String(), "cannot keep the state of the plugin: the type int has no text"))
		})
	}
}

func newPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

package execd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/queue"
)

// errDown is what a link that is down says.
var errDown = errors.New("no link")

// twoWay is an output with a link and a fallback for alarms. What both have taken can be shared by several of them, one
// after the other, as a far side is.
type twoWay struct {
	after time.Duration
	names []string
	far   *farSide

	mu    sync.Mutex
	dead  bool // the process was killed: nothing arrives any more
	calls []call
	tries []call // of the fallback
	close int
	end   func(Exchange)
	write func(metrics []telegraf.Metric) error // nil is success
	fall  func(metrics []telegraf.Metric) error
}

// farSide is what has arrived.
type farSide struct {
	mu           sync.Mutex
	link, second []string
}

func (f *farSide) all() (link, second []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.link), slices.Clone(f.second)
}

func newTwoWay() *twoWay {
	return &twoWay{after: 15 * time.Minute, names: []string{"alarm*"}, far: &farSide{}}
}

func (w *twoWay) plugins() Plugins {
	return Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output { return w }}}
}

func (*twoWay) SampleConfig() string { return "" }
func (*twoWay) Connect() error       { return nil }

func (w *twoWay) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.close++
	return nil
}

func (w *twoWay) Fallback() (Patterns, time.Duration) { return NewPatterns(w.names), w.after }

func (w *twoWay) OnExchange(_ func(), end func(Exchange)) { w.end = end }

func (w *twoWay) Write(metrics []telegraf.Metric) error {
	return w.take(metrics, &w.calls, &w.write, &w.far.link)
}

func (w *twoWay) WriteFallback(metrics []telegraf.Metric) error {
	return w.take(metrics, &w.tries, &w.fall, &w.far.second)
}

func (w *twoWay) take(metrics []telegraf.Metric, calls *[]call, way *func([]telegraf.Metric) error, arrived *[]string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errDown
	}
	names := namesOf(metrics)
	*calls = append(*calls, call{time.Now(), names})
	answer := *way
	w.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(metrics)
	}
	w.mu.Lock()
	w.far.mu.Lock()
	defer w.far.mu.Unlock()
	var partial *PartialWriteError
	switch {
	case errors.As(err, &partial):
		for _, i := range partial.MetricsAccept {
			*arrived = append(*arrived, names[i])
		}
	case err == nil:
		*arrived = append(*arrived, names...)
	}
	return err
}

// set changes how the ways answer.
func (w *twoWay) set(write, fall error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write = func([]telegraf.Metric) error { return write }
	w.fall = func([]telegraf.Metric) error { return fall }
}

// seen returns the calls of both ways.
func (w *twoWay) seen() (link, second []call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls), slices.Clone(w.tries)
}

// kill makes this the end of the process: what is in dir now is what the next one finds. It returns where that is.
func (w *twoWay) kill(t *testing.T, dir string) string {
	t.Helper()
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
	next := t.TempDir()
	require.NoError(t, os.CopyFS(next, os.DirFS(dir)))
	return next
}

func namesOf(metrics []telegraf.Metric) []string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.Name()
	}
	return names
}

func alarms(from, n int) string { return strings.ReplaceAll(lines(from, n), "m", "alarm") }

func alarmNames(from, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("alarm%d", from+i))
	}
	return out
}

// TestUrgentBeforeABacklog has an alarm arrive behind a backlog while the link is down, and another one while it drains.
func TestUrgentBeforeABacklog(t *testing.T) {
	for _, order := range []string{DrainOldestFirst, DrainNewestFirst} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const backlog = 100_000
				var up atomic.Bool
				r := &recorder{write: func(int, []telegraf.Metric) error {
					if !up.Load() {
						return errDown
					}
					time.Sleep(time.Second)
					return nil
				}}
				b := newBench(t, r, "buffer_limit = \"1GiB\"\nurgent = [\"alarm*\"]\ndrain_order = \""+order+"\"")
				for from := 0; from < backlog; from += 10_000 {
					b.feed(lines(from, 10_000))
				}
				b.feed(alarms(0, 1))
				b.pass(time.Hour)
				last := r.all()[len(r.all())-1]
				require.Equal(t, "alarm0", last.names[0], "while the link is down")
				require.Contains(t, last.names, r.all()[0].names[0], "what may have been sent is offered in any case")
				up.Store(true)
				for len(r.written()) == 0 {
					b.pass(time.Second)
				}
				require.Equal(t, "alarm0", r.written()[0], "when it is back")
				b.pass(5 * time.Second)
				before := len(r.all())
				require.Less(t, before, backlog/1000)
				b.feed(alarms(1, 2))
				b.pass(2 * time.Second)
				require.Equal(t, alarmNames(1, 2), r.all()[before].names[:2], "while the backlog drains")
				b.pass(time.Hour)
				require.Len(t, r.written(), backlog+3)
				require.Zero(t, b.queue.Len())
				_, err := b.end()
				require.NoError(t, err)
			})
		})
	}
}

// TestUrgentIsNotHeldBack gives alarms to a plugin that leaves out what makes a message with room for more.
func TestUrgentIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &packing{recorder: &recorder{}}
		var at []time.Duration
		start := time.Now()
		p.fail = func(int) error {
			at = append(at, time.Since(start))
			return nil
		}
		b := newBenchWith(t, packingPlugin(p), nil, "metric_batch_size = 10\nurgent = [\"alarm*\"]")
		b.feed(lines(0, 34) + alarms(0, 5))
		b.pass(time.Second)
		b.feed(alarms(5, 9))
		_, err := b.end()
		require.NoError(t, err)
		// The last of the five waits for three others, which follow at once.
		require.Equal(t, [][]string{alarmNames(0, 4), append(alarmNames(4, 1), names(0, 3)...), names(3, 4)}, p.messages[:3])
		require.Equal(t, [][]string{alarmNames(5, 4), alarmNames(9, 4), alarmNames(13, 1)}, p.messages[len(p.messages)-3:])
		require.Equal(t, []time.Duration{0, 0, time.Second, time.Second, time.Second}, append(at[:2:2], at[len(at)-3:]...))
	})
}

// TestUrgentHeldBackFollowsAtOnce fills a batch, in which two metrics may not be left waiting for the flush.
func TestUrgentHeldBackFollowsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &holding{twoWay: newTwoWay()}
		b := newBenchWith(t, Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output { return p }}},
			nil, "metric_batch_size = 10")
		b.feed(lines(0, 8) + alarms(0, 2))
		link, _ := p.far.all()
		require.Equal(t, alarmNames(0, 2), link)
		b.feed(alarms(2, 12))
		link, _ = p.far.all()
		require.Equal(t, alarmNames(0, 14), link[:14])
		require.Equal(t, 10, p.most, "what was held back does not come on top of a batch")
		b.pass(time.Minute)
		link, _ = p.far.all()
		require.Len(t, link, 22)
		_, err := b.end()
		require.NoError(t, err)
	})
}

// holding takes one metric only where it may.
type holding struct {
	*twoWay
	most int // metrics that it was given at once
}

func (h *holding) WriteBacklog(metrics []telegraf.Metric) (int, error) {
	h.most = max(h.most, len(metrics))
	return len(metrics) - 1, h.Write(metrics[:1])
}

// TestUrgentKeepsWhatWasOffered fills the batch of a try with alarms: what was offered before is in it all the same.
func TestUrgentKeepsWhatWasOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := &recorder{write: func(int, []telegraf.Metric) error {
			if !up.Load() {
				return errDown
			}
			return nil
		}}
		b := newBench(t, r, "metric_batch_size = 10\nurgent = [\"alarm*\"]")
		b.feed(lines(0, 50))
		require.Equal(t, names(0, 10), r.all()[0].names)
		b.feed(alarms(0, 25))
		b.pass(time.Hour)
		calls := r.all()
		require.Equal(t, append(alarmNames(0, 10), names(0, 10)...), calls[len(calls)-1].names)
		up.Store(true)
		b.pass(time.Hour)
		calls = r.all()[len(calls):]
		require.Equal(t, append(alarmNames(0, 10), names(0, 10)...), calls[0].names)
		require.Equal(t, alarmNames(10, 10), calls[1].names)
		require.Equal(t, append(alarmNames(20, 5), names(10, 5)...), calls[2].names)
		require.Equal(t, names(15, 10), calls[3].names)
		require.Len(t, r.written(), 75)
		_, err := b.end()
		require.NoError(t, err)
	})
}

// TestUrgentAcknowledged settles metrics of both queues in another order than that of their arrival.
func TestUrgentAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{write: func(call int, _ []telegraf.Metric) error {
			if call == 1 {
				return &PartialWriteError{Err: errDown, MetricsAccept: []int{1, 2, 3}, MetricsReject: []int{5}}
			}
			return errDown
		}}
		dir := t.TempDir()
		b := newDiskBench(t, pluginsWith(r), dir, "metric_batch_size = 6\nurgent = [\"alarm*\"]")
		b.feed(lines(0, 3) + alarms(0, 3))
		require.Equal(t, append(alarmNames(0, 3), names(0, 3)...), r.all()[0].names)
		require.EqualValues(t, 0, b.queue.urgent().Stats().Acked)
		require.EqualValues(t, 1, b.queue.rest().Stats().Acked)
		_, err := b.end()
		require.NoError(t, err)
		require.Contains(t, b.out.String(), "6 metrics taken in, 3 delivered, 0 set aside, 0 dropped, 2 left")

		// alarm1, alarm2 and m2 are behind what is not settled: that is what a restart repeats.
		again := &recorder{}
		b = newDiskBench(t, pluginsWith(again), dir, "")
		b.pass(time.Minute)
		require.Equal(t, []string{"alarm0", "alarm1", "alarm2", "m1", "m2"}, again.written())
		require.Contains(t, b.out.String(), "found 5 metrics in "+dir)
		_, err = b.end()
		require.NoError(t, err)
	})
}

// TestUrgentOfAnEarlierConfiguration drains what was urgent once, and stores new records of that name with all others.
func TestUrgentOfAnEarlierConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		down := &recorder{write: func(int, []telegraf.Metric) error { return errDown }}
		b := newDiskBench(t, pluginsWith(down), dir, "urgent = [\"alarm*\"]")
		b.feed(lines(0, 3) + alarms(0, 3))
		_, err := b.end()
		require.NoError(t, err)
		require.DirExists(t, filepath.Join(dir, urgentDirectory))

		r := &recorder{}
		b = newDiskBench(t, pluginsWith(r), dir, "")
		b.feed(alarms(3, 1))
		require.Equal(t, 3, b.queue.urgent().Len())
		b.pass(time.Minute)
		require.Equal(t, []string{"alarm0", "alarm1", "alarm2", "m0", "m1", "m2", "alarm3"}, r.written())
		_, err = b.end()
		require.NoError(t, err)
		require.Contains(t, b.out.String(), "1 metrics taken in, 7 delivered, 0 set aside, 0 dropped, 0 left")
	})
}

// TestNoUrgentQueue checks that without need there is no second queue on disk.
func TestNoUrgentQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newDiskBench(t, pluginsWith(&recorder{}), dir, "")
		require.Nil(t, b.queue.urgent())
		_, err := b.end()
		require.NoError(t, err)
		require.NoDirExists(t, filepath.Join(dir, urgentDirectory))
	})
}

// TestUrgentQueueIsFull fills each of the queues: neither takes from the other.
func TestUrgentQueueIsFull(t *testing.T) {
	for _, policy := range []string{FullDropOldest, FullDropNewest} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				r := &recorder{write: func(int, []telegraf.Metric) error { return errDown }}
				b := newDiskBench(t, pluginsWith(r), dir, "metric_batch_size = 10\nbuffer_limit = \"256KiB\"\nurgent = [\"alarm*\"]\nbuffer_full = \""+policy+"\"")
				b.feed(lines(0, 1000))
				for from := 0; from < 20_000; from += 1000 {
					b.feed(alarms(from, 1000))
				}
				rest, urgent := b.queue.rest().Stats(), b.queue.urgent().Stats()
				require.Zero(t, rest.Dropped())
				require.Positive(t, urgent.DroppedFull)
				require.LessOrEqual(t, b.queue.urgent().Bytes(), int64(64<<10))
				require.Contains(t, b.out.String(), "W! the urgent buffer of 64KiB is full: ")
				require.Equal(t, urgent, func() queue.Stats { s := b.queue.Stats(); s.Appended -= rest.Appended; return s }())
				for from := 1000; from < 20_000; from += 1000 {
					b.feed(lines(from, 1000))
				}
				require.Positive(t, b.queue.rest().Stats().DroppedFull)
				require.Equal(t, urgent, b.queue.urgent().Stats())
				require.Contains(t, b.out.String(), "W! the buffer of 256KiB is full: ")
				c := b.books.ledger.Snapshot().Total
				require.EqualValues(t, b.queue.Stats().DroppedFull, c.DroppedFull)
				_, err := b.end()
				require.NoError(t, err)
			})
		})
	}
}

// TestUrgentQueueInMemory checks that what is lost with the process is sent before its end, or told.
func TestUrgentQueueInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{write: func(int, []telegraf.Metric) error { return errDown }}
		b := newBench(t, r, "urgent = [\"alarm*\"]")
		b.feed(lines(0, 3) + alarms(0, 2))
		_, err := b.end()
		var left *LeftError
		require.ErrorAs(t, err, &left)
		require.Equal(t, 5, left.Metrics)
	})
}

// TestUrgentDirectoryFails has a file where the directory of the urgent queue should be.
func TestUrgentDirectoryFails(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, urgentDirectory), nil, 0o600))
	for options, fails := range map[string]bool{"": false, "urgent = [\"x\"]": true} {
		cfg, err := Parse(fmt.Appendf(nil, "[[outputs.recorder]]\nbuffer_directory = %q\n%s", dir, options), "test", pluginsWith(&recorder{}))
		require.NoError(t, err)
		b, _, err := openBuffer(t.Context(), cfg)
		if fails {
			var oe *OptionError
			require.ErrorAs(t, err, &oe)
			require.Equal(t, "buffer_directory", oe.Option)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, b.Close())
	}
}

// TestPriorities checks that the measurement decides, and that it is taken out of a record once.
func TestPriorities(t *testing.T) {
	p := priorities{NewPatterns([]string{"alarm*"}), NewPatterns([]string{"door", "alarm1"})}
	for record, want := range map[string][2]bool{
		"alarm1 v=1": {true, true}, "alarm2,a=b v=1": {true, true}, "door v=1": {true, false}, "doors v=1": {}, "m alarm1=1": {},
		"": {}, "bad": {}, "\xff v=1": {}, "open\\ alarm v=1": {},
	} {
		first, now := p.matchRecord([]byte(record))
		require.Equal(t, want, [2]bool{first, now}, record)
	}
	require.True(t, priorities{}.none())
	require.False(t, p.none())
	record := []byte("cpu,host=a usage=1,idle=2 1700000000000000000")
	one := testing.AllocsPerRun(100, func() { priorities{urgent: p.urgent}.matchRecord(record) })
	two := testing.AllocsPerRun(100, func() { p.matchRecord(record) })
	require.LessOrEqual(t, two, one+1, "the second list costs no second decoding")
}

// TestFallback goes through an outage.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.set(errDown, nil)
		b := newBenchWith(t, w.plugins(), nil, "metric_batch_size = 10\nurgent = [\"alarm*\", \"fire\"]")
		b.pass(10 * time.Second)
		down := time.Now()
		b.feed("fire v=1 1\n" + alarms(0, 3) + lines(0, 2))
		b.pass(15*time.Minute - time.Nanosecond)
		_, second := w.seen()
		require.Empty(t, second)
		b.pass(time.Nanosecond)
		_, second = w.seen()
		require.Equal(t, []call{{down.Add(15 * time.Minute), alarmNames(0, 3)}}, second, "after exactly that time; not fire")
		require.Equal(t, 3, b.dispatch.unsettled())

		b.pass(7 * time.Second)
		b.feed(alarms(3, 1) + lines(2, 1))
		_, second = w.seen()
		require.Equal(t, call{time.Now(), alarmNames(3, 1)}, second[1], "what arrives later does not wait")
		link, _ := w.seen()
		b.pass(time.Hour)
		more, _ := w.seen()
		require.Greater(t, len(more), len(link)+2, "the link is tried as ever")
		for _, c := range more[len(link):] {
			require.Equal(t, []string{"fire", "m0", "m1", "m2"}, c.names)
		}

		w.set(nil, nil)
		b.pass(time.Hour)
		b.feed(alarms(4, 1))
		arrived, sms := w.far.all()
		require.Equal(t, []string{"fire", "m0", "m1", "m2", "alarm4"}, arrived)
		require.Equal(t, alarmNames(0, 4), sms)
		_, err := b.end()
		require.NoError(t, err)
		require.Contains(t, b.out.String(), "the link is down for 15m: 3 metrics and what follows go by the fallback\n")
		require.Contains(t, b.out.String(), "9 metrics taken in, 9 delivered, 0 set aside, 0 dropped, 0 left")
		require.NotContains(t, b.errs.String(), "the fallback")
	})
}

// TestFallbackLeavesNothing has all that waits go the other way, or become too old: there is nothing to try on the link
// until more arrives.
func TestFallbackLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.set(errDown, nil)
		b := newBenchWith(t, w.plugins(), nil, "urgent = [\"alarm*\"]\nbuffer_max_age = \"1h\"")
		b.feed(alarms(0, 1))
		b.pass(15 * time.Minute)
		link, second := w.seen()
		require.Len(t, second, 1)
		b.pass(24 * time.Hour)
		more, _ := w.seen()
		require.Len(t, more, len(link))

		b.feed(alarms(1, 1))
		more, second = w.seen()
		require.Equal(t, call{time.Now(), alarmNames(1, 1)}, more[len(link)], "the link first")
		require.Equal(t, call{time.Now(), alarmNames(1, 1)}, second[1], "it has been down for long enough")
		b.feed(lines(0, 1))
		b.pass(24 * time.Hour)
		w.set(nil, nil)
		b.pass(24 * time.Hour)
		b.feed(alarms(2, 1))
		arrived, sms := w.far.all()
		require.Equal(t, []string{"m0", "alarm2"}, arrived)
		require.Equal(t, alarmNames(0, 2), sms)
		require.Zero(t, b.queue.Len())
		_, err := b.end()
		require.NoError(t, err)
	})
}

// TestFallbackOfWhatIsNotUrgent checks that such metrics wait for the flush, before all others, and go the other way.
func TestFallbackOfWhatIsNotUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		b := newBenchWith(t, w.plugins(), nil, "")
		b.feed(lines(0, 2) + alarms(0, 2))
		link, _ := w.seen()
		require.Empty(t, link)
		b.pass(time.Minute)
		link, _ = w.seen()
		require.Equal(t, append(alarmNames(0, 2), names(0, 2)...), link[0].names)
		w.set(errDown, nil)
		b.feed(alarms(2, 2))
		b.pass(time.Minute)
		b.pass(15 * time.Minute)
		_, second := w.far.all()
		require.Equal(t, alarmNames(2, 2), second)
		_, err := b.end()
		require.NoError(t, err)
	})
}

// TestFallbackFails has the fallback fail: it has a backoff of its own, and hints count.
func TestFallbackFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.after = time.Minute
		w.set(hintError{RetryHint{After: 5 * time.Hour}}, errors.New("no modem"))
		b := newBenchWith(t, w.plugins(), nil, "urgent = [\"alarm*\"]")
		b.feed(alarms(0, 1))
		b.pass(3 * time.Minute)
		link, second := w.seen()
		require.Len(t, link, 1)
		require.GreaterOrEqual(t, len(second), 2)
		require.LessOrEqual(t, len(second), 5)
		wait := second[1].at.Sub(second[0].at)
		require.GreaterOrEqual(t, wait, 15*time.Second)
		require.LessOrEqual(t, wait, 30*time.Second)
		require.Contains(t, b.errs.String(), "the fallback cannot send: no modem; 1 metric wait for its next try in ")

		w.set(hintError{RetryHint{After: 5 * time.Hour}}, hintError{RetryHint{After: time.Hour}})
		b.pass(3 * time.Minute)
		_, second = w.seen()
		b.feed(alarms(1, 1))
		b.pass(50 * time.Minute)
		_, later := w.seen()
		require.Len(t, later, len(second), "it says when")
		w.set(hintError{RetryHint{After: 5 * time.Hour}}, nil)
		b.pass(20 * time.Minute)
		_, arrived := w.far.all()
		require.Equal(t, alarmNames(0, 2), arrived)
		link, _ = w.seen()
		require.Len(t, link, 1, "nothing of that is the link's")
		require.Contains(t, b.out.String(), "the fallback works again after ")
		_, err := b.end()
		require.NoError(t, err)
	})
}

// TestFallbackPartial settles a part, by the error or by an exchange.
func TestFallbackPartial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.set(errDown, nil)
		calls := 0
		var b *bench
		w.fall = func([]telegraf.Metric) error {
			if calls++; calls > 1 {
				return nil
			}
			w.end(Exchange{Accepted: []int{0}, Metrics: 1, Delivered: true, Sent: 10})
			require.Equal(t, 5, b.queue.Len(), "released while the call runs")
			return &PartialWriteError{Err: errDown, MetricsAccept: []int{0, 1}, MetricsReject: []int{2}, MetricsRejectErrors: []error{errors.New("too long")}}
		}
		b = newBenchWith(t, w.plugins(), nil, "urgent = [\"alarm*\"]\nretry_backoff_max = \"30s\"")
		b.feed(alarms(0, 5) + lines(0, 1))
		b.pass(15 * time.Minute)
		require.Equal(t, 4, b.queue.Len(), "what is rejected waits for the link")
		link, _ := w.seen()
		b.pass(time.Minute)
		_, second := w.seen()
		require.Equal(t, alarmNames(3, 2), second[1].names)
		require.Empty(t, b.dead.reasons)
		after, _ := w.seen()
		require.Greater(t, len(after), len(link))
		for _, c := range after[len(link):] {
			require.Equal(t, alarmNames(2, 1), c.names[:1], "the link gets what is left")
		}
		require.EqualValues(t, 1, b.books.ledger.Snapshot().Total.Metrics)
		require.NotZero(t, b.books.ledger.Snapshot().Link.Failures, "a message by the fallback is no sign that the link works")
		w.set(nil, nil)
		_, err := b.end()
		require.NoError(t, err)
		arrived, _ := w.far.all()
		require.Contains(t, arrived, alarmNames(2, 1)[0])
	})
}

// TestFallbackAfterProgress begins to count anew when the link took a message.
func TestFallbackAfterProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.set(errDown, nil)
		b := newBenchWith(t, w.plugins(), nil, "retry_backoff_max = \"30s\"")
		b.feed(lines(0, 3) + alarms(0, 1))
		b.pass(11 * time.Minute) // down since the first minute
		w.mu.Lock()
		n := 0
		w.write = func([]telegraf.Metric) error {
			if n++; n == 1 {
				return &PartialWriteError{Err: errDown, MetricsAccept: []int{1}}
			}
			return errDown
		}
		w.mu.Unlock()
		b.pass(time.Minute)
		b.pass(13 * time.Minute)
		_, second := w.seen()
		require.Empty(t, second)
		b.pass(2 * time.Minute)
		_, second = w.seen()
		require.Len(t, second, 1)
		w.set(nil, nil)
		_, err := b.end()
		require.NoError(t, err)
	})
}

// TestFallbackBehindUrgentOnes has many urgent records before those that may go by the fallback.
func TestFallbackBehindUrgentOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.set(errDown, nil)
		b := newBenchWith(t, w.plugins(), nil, "metric_batch_size = 2\nurgent = [\"m*\"]")
		b.feed(lines(0, 1000) + alarms(0, 5))
		b.pass(15 * time.Minute)
		_, second := w.far.all()
		require.Equal(t, alarmNames(0, 5), second)
		_, calls := w.seen()
		require.Len(t, calls, 3, "in batches")

		// Behind too many it waits, and does not spin.
		b.feed(lines(1000, fallbackWindow))
		b.feed(alarms(5, 1))
		b.pass(time.Hour)
		_, calls = w.seen()
		require.Len(t, calls, 3)
		w.set(nil, nil)
		b.pass(time.Hour)
		link, _ := w.far.all()
		require.Len(t, link, 1000+fallbackWindow+1)
		_, err := b.end()
		require.NoError(t, err)
	})
}

// TestFallbackConnect has Connect fail all the time.
func TestFallbackConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &unconnected{newTwoWay()}
		plugins := Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output { return w }}}
		b := newBenchWith(t, plugins, nil, "urgent = [\"alarm*\"]")
		b.feed(alarms(0, 1))
		b.pass(15 * time.Minute)
		_, second := w.far.all()
		require.Equal(t, alarmNames(0, 1), second)
		_, err := b.end()
		require.NoError(t, err)
		require.Equal(t, 1, w.close, "what the fallback has opened is closed")
	})
}

type unconnected struct{ *twoWay }

func (*unconnected) Connect() error { return errDown }

// TestFallbackAtTheEnd ends the process in an outage: what would be lost goes by the fallback, what is on disk waits.
func TestFallbackAtTheEnd(t *testing.T) {
	for _, disk := range []bool{false, true} {
		t.Run(strconv.FormatBool(disk), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTwoWay()
				w.set(errDown, hintError{RetryHint{After: time.Minute}})
				var b *bench
				if disk {
					b = newDiskBench(t, w.plugins(), t.TempDir(), "urgent = [\"alarm*\"]")
				} else {
					b = newBenchWith(t, w.plugins(), nil, "urgent = [\"alarm*\"]")
				}
				b.feed(alarms(0, 2))
				b.pass(15 * time.Minute)
				_, second := w.seen()
				require.Len(t, second, 1)
				w.set(errDown, nil)
				took, err := b.end()
				require.Zero(t, took)
				_, second = w.seen()
				require.Len(t, second, 1, "it has said when")
				if disk {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, "2 metrics could not be sent")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.set(errDown, nil)
		w.after = 0
		b := newBenchWith(t, w.plugins(), nil, "")
		b.feed(alarms(0, 2) + lines(0, 1))
		_, err := b.end()
		require.ErrorContains(t, err, "1 metric could not be sent")
		_, second := w.far.all()
		require.Equal(t, alarmNames(0, 2), second)
	})
}

// TestFallbackOfTheHostsOwnMetric sends it the second way as well.
func TestFallbackOfTheHostsOwnMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoWay()
		w.names = []string{selfMetric}
		w.set(errDown, nil)
		b := newBenchWith(t, w.plugins(), nil, "self_metrics_interval = \"1h\"")
		b.feed(lines(0, 1))
		b.pass(time.Hour)
		_, second := w.far.all()
		require.Equal(t, []string{selfMetric}, second)
		w.set(nil, nil)
		_, err := b.end()
		require.NoError(t, err)
	})
}

// TestFallbackBudget sends nothing when the budget says so, neither way, and does not spin.
func TestFallbackBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)))
		w := newTwoWay()
		w.write = func([]telegraf.Metric) error {
			w.end(Exchange{Sent: 70 << 10})
			return errDown
		}
		b := newBenchWith(t, w.plugins(), nil, "urgent = [\"alarm*\"]\ndata_budget = \"64KiB\"\ndata_budget_action = \"stop\"")
		b.feed(alarms(0, 1))
		b.pass(24 * time.Hour)
		link, second := w.seen()
		require.Len(t, link, 1)
		require.Empty(t, second)
		w.set(errDown, nil)
		b.pass(31 * 24 * time.Hour)
		_, second = w.seen()
		require.Len(t, second, 1)
		b.cancel()
	})
}

// TestFallbackOverARestart checks that an outage is as long as it is, whatever becomes of the process.
func TestFallbackOverARestart(t *testing.T) {
	for name, test := range map[string]struct {
		away  time.Duration // from the kill to the restart
		waits time.Duration // until the fallback, from the first failure of the new process
	}{
		"at once":  {time.Second, 5*time.Minute - time.Second},
		"later":    {4 * time.Minute, time.Minute},
		"much so":  {time.Hour, 15 * time.Minute}, // nobody knows how the link was meanwhile
		"too late": {12 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)))
				const options = "urgent = [\"alarm*\"]\nretry_backoff_max = \"30s\""
				dir := t.TempDir()
				w := newTwoWay()
				w.set(errDown, nil)
				b := newDiskBench(t, w.plugins(), dir, options)
				b.feed(alarms(0, 1))
				b.pass(10 * time.Minute)
				dir = w.kill(t, dir)
				_, err := b.end()
				require.NoError(t, err)

				time.Sleep(test.away)
				w2 := newTwoWay()
				w2.set(errDown, nil)
				b = newDiskBench(t, w2.plugins(), dir, options)
				start := time.Now()
				b.feed(alarms(1, 1))
				b.pass(test.waits + time.Second)
				_, second := w2.seen()
				require.Len(t, second, 1)
				require.Equal(t, test.waits, second[0].at.Sub(start).Round(time.Second))
				require.Equal(t, alarmNames(0, 2), second[0].names)
				link, _ := w2.seen()
				require.False(t, link[0].at.After(second[0].at), "the link is tried first")
				w2.set(nil, nil)
				_, err = b.end()
				require.NoError(t, err)
			})
		})
	}
}

// TestFallbackKilled kills the process at each step of an outage and starts it again, with what its directory held then.
func TestFallbackKilled(t *testing.T) {
	const options = "metric_batch_size = 10\nurgent = [\"alarm*\"]\nretry_backoff_max = \"30s\""
	all := slices.Concat(alarmNames(0, 3), names(0, 4))
	for _, step := range []string{"stored", "failed", "in write", "in fallback", "after the exchange", "after fallback", "arrived later", "link is back"} {
		t.Run(step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				w := newTwoWay()
				w.set(errDown, nil)
				next := ""
				kill := func() {
					if next == "" {
						next = w.kill(t, dir)
					}
				}
				switch step {
				case "in write":
					w.write = func([]telegraf.Metric) error { kill(); return errDown }
				case "in fallback":
					w.fall = func([]telegraf.Metric) error { kill(); return errDown }
				case "after the exchange":
					w.fall = func(metrics []telegraf.Metric) error {
						w.far.mu.Lock()
						w.far.second = append(w.far.second, metrics[0].Name())
						w.far.mu.Unlock()
						w.end(Exchange{Accepted: []int{0}, Metrics: 1, Delivered: true})
						kill()
						return errDown
					}
				}
				if step == "stored" {
					w.write = func([]telegraf.Metric) error { time.Sleep(time.Minute); return errDown }
				}
				b := newDiskBench(t, w.plugins(), dir, options)
				b.feed(lines(0, 4) + alarms(0, 3))
				b.pass(time.Second)
				switch step {
				case "stored", "failed":
					kill()
				case "after fallback":
					b.pass(15 * time.Minute)
					kill()
				case "arrived later":
					b.pass(15 * time.Minute)
					b.feed(alarms(3, 1))
					kill()
					all = slices.Concat(alarmNames(0, 4), names(0, 4))
				case "link is back":
					b.pass(15 * time.Minute)
					w.set(nil, nil)
					b.pass(time.Minute)
					kill()
				default:
					b.pass(16 * time.Minute)
				}
				require.NotEmpty(t, next)
				_, err := b.end()
				require.NoError(t, err)

				w2 := newTwoWay()
				w2.far = w.far
				w2.set(errDown, nil)
				b = newDiskBench(t, w2.plugins(), next, options)
				b.pass(time.Hour)
				w2.set(nil, nil)
				b.pass(time.Hour)
				link, second := w.far.all()
				got := slices.Concat(second, link)
				slices.Sort(got)
				want := slices.Clone(all)
				slices.Sort(want)
				require.Equal(t, want, got, "each once")
				require.Zero(t, b.queue.Len())
				_, err = b.end()
				require.NoError(t, err)
			})
		})
		all = slices.Concat(alarmNames(0, 3), names(0, 4))
	}
}

// TestKilledAgainAndAgain kills a process ten times at random moments of random outages.
func TestKilledAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const options = "metric_batch_size = 7\nurgent = [\"alarm*\"]\nretry_backoff_max = \"5m\"\nflush_interval = \"10s\""
		random := rand.New(rand.NewPCG(1, 2)) // the same each time
		dir := t.TempDir()
		far := &farSide{}
		fed, rung := 0, 0
		for round := range 11 {
			w := newTwoWay()
			w.far = far
			b := newDiskBench(t, w.plugins(), dir, options)
			for range 20 {
				link, second := error(nil), error(nil)
				if random.IntN(3) > 0 {
					link = errDown
				}
				if random.IntN(3) == 0 {
					second = errDown
				}
				w.set(link, second)
				n, k := random.IntN(30), random.IntN(3)
				b.feed(lines(fed, n) + alarms(rung, k))
				fed, rung = fed+n, rung+k
				b.pass(time.Duration(random.IntN(600)) * time.Second)
			}
			if round == 10 {
				w.set(nil, nil)
				b.pass(time.Hour)
				require.Zero(t, b.queue.Len())
			} else {
				dir = w.kill(t, dir)
			}
			_, err := b.end()
			require.NoError(t, err)
		}
		link, second := far.all()
		require.NotEmpty(t, second)
		require.Subset(t, alarmNames(0, rung), second, "alarms alone")
		t.Logf("%d metrics and %d alarms, %d of them by the fallback", fed, rung, len(second))
		got, want := slices.Concat(link, second), slices.Concat(names(0, fed), alarmNames(0, rung))
		slices.Sort(got)
		slices.Sort(want)
		require.Equal(t, want, got, "each once")
	})
}

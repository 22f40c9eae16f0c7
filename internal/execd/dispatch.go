package execd

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
)

const (
	hintMax = 24 * time.Hour // of what a plugin's RetryHint asks for
	// windowBatches bounds how many batches may be in flight when metrics at the front stay unsettled while later ones
	// are settled.
	windowBatches = 8
	// pollShown is how often a failure that costs nothing, and is therefore tried often, is logged.
	pollShown = time.Hour
)

// errBadIndex says that a plugin's PartialWriteError names a metric that it was not given.
var errBadIndex = errors.New("the plugin settled a metric that was not in the batch")

// dispatcher takes records out of the queue, gives them to the plugin as metrics, and acknowledges what is settled.
// Fields without a note belong to the goroutine that calls run.
type dispatcher struct {
	out   telegraf.Output
	queue Queue
	dead  DeadLetter
	log   telegraf.Logger
	books *books

	batch      int
	interval   time.Duration
	jitter     time.Duration
	backoffMin time.Duration
	backoffMax time.Duration
	order      queue.Order

	wake <-chan struct{} // records have arrived
	stop chan struct{}   // closed when no more will
	done chan struct{}   // closed when run has returned

	window  []*item // in flight: handed out by the queue, not acknowledged; the first is unsettled
	current []*item // those that the plugin has been given, while Write runs
	tick    time.Time
	flushAt time.Time     // tick and jitter
	retryAt time.Time     // the earliest time for the next try; zero when the last one succeeded
	backoff time.Duration // of the last failure, 0 after a success
	quick   bool          // the quick retry before the first backoff is spent
	failed  int           // tries in a row
	polled  time.Time     // when a failure that costs nothing was logged

	persistent bool          // what is left in the queue at the end is kept
	urgent     atomic.Bool   // set by the intake: a record that must not wait has arrived
	connected  atomic.Bool   //
	abandoned  atomic.Bool   // set by the host: start nothing more
	settled    atomic.Int64  // items in the window that are settled
	delivered  atomic.Uint64 // metrics
	setAside   atomic.Uint64 // records given to the dead letter

	errMu sync.Mutex
	err   error // of the last try; guarded by errMu
}

// item is a record in flight. Its metric is kept, so that what is offered again is the very same.
type item struct {
	record  queue.Record
	metric  telegraf.Metric
	settled bool
	reason  error // why it goes to the dead letter; nil if it does not

	unparsable bool
}

func newDispatcher(cfg *Config, q Queue, dead DeadLetter, b *books, wake <-chan struct{}) *dispatcher {
	o := cfg.Options
	d := &dispatcher{
		out:        cfg.output,
		queue:      q,
		dead:       dead,
		log:        cfg.log,
		books:      b,
		batch:      o.MetricBatchSize,
		interval:   time.Duration(o.FlushInterval),
		jitter:     time.Duration(o.FlushJitter),
		backoffMin: time.Duration(o.RetryBackoffMin),
		backoffMax: time.Duration(o.RetryBackoffMax),
		persistent: o.BufferStrategy == BufferDisk,
		wake:       wake,
		stop:       make(chan struct{}),
		done:       make(chan struct{}),
	}
	if o.DrainOrder == DrainNewestFirst {
		d.order = queue.NewestFirst
	}
	if r, ok := cfg.output.(ExchangeReporter); ok {
		r.OnExchange(b.saveState, d.exchanged)
	}
	return d
}

// run works until stop is closed and the queue is empty, a try after that fails, or the host gives up.
func (d *dispatcher) run() {
	defer close(d.done)
	d.tick = time.Now()
	d.schedule()
	if d.queue.Stats().Found > 0 {
		// It has waited long enough; but a fleet must not come back all at once after a power cut.
		d.flushAt = time.Now().Add(rand.N(d.interval))
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	d.connect()
	for {
		due := d.flushAt
		if !d.retryAt.IsZero() {
			due = d.retryAt
		}
		if at := d.books.selfMetrics(time.Now(), d.queue); !at.IsZero() && at.Before(due) {
			due = at
		}
		timer.Reset(time.Until(due))
		select {
		case <-d.stop:
			// What is on disk waits for the next start if the link is down.
			if d.retryAt.IsZero() || d.atRisk() > 0 {
				d.drain(d.unsettled())
			}
			if !d.persistent {
				for _, it := range d.window {
					d.bury(it)
				}
			}
			return
		case <-d.wake:
		case <-timer.C:
		}
		now := time.Now()
		switch {
		case d.books.paused():
		case !d.retryAt.IsZero():
			if !now.Before(d.retryAt) {
				d.drain(d.unsettled())
			}
		case !now.Before(d.flushAt) || d.urgent.Load():
			d.drain(d.unsettled())
		default:
			d.drain(0)
		}
		if !now.Before(d.flushAt) {
			d.settleVolatile()
			d.schedule()
		}
	}
}

// settleVolatile moves what waits in memory to the disk if that takes it by now, should no record come that does so.
func (d *dispatcher) settleVolatile() {
	if q, ok := d.queue.(overflower); ok && q.Volatile() > 0 {
		if err := q.Settle(); err != nil {
			d.log.Debugf("cannot store what is in memory: %v", err)
		}
	}
}

// atRisk is how many of the records that still have to be sent are lost with the process.
func (d *dispatcher) atRisk() int {
	if !d.persistent {
		return d.unsettled()
	}
	if q, ok := d.queue.(overflower); ok {
		return min(q.Volatile(), d.unsettled())
	}
	return 0
}

// schedule sets the time of the next flush: the next whole interval since the start, and jitter.
func (d *dispatcher) schedule() {
	interval := d.books.interval(d.interval)
	missed := time.Since(d.tick) / interval
	d.tick = d.tick.Add((missed + 1) * interval)
	d.flushAt = d.tick
	if d.jitter > 0 {
		d.flushAt = d.flushAt.Add(rand.N(d.jitter))
	}
}

// unsettled is how many records still have to be sent.
func (d *dispatcher) unsettled() int {
	return d.queue.Len() - int(d.settled.Load())
}

// drain writes batch after batch until at least n metrics were tried and no full batch waits any more, or a try fails.
func (d *dispatcher) drain(n int) {
	if !d.connect() {
		return
	}
	for (n > 0 || d.unsettled() >= d.batch) && !d.abandoned.Load() && !d.books.paused() {
		tried, ok := d.try(n)
		if !ok || tried == 0 {
			return
		}
		n -= tried
	}
}

// connect connects the plugin unless it is connected.
func (d *dispatcher) connect() bool {
	if d.connected.Load() {
		return true
	}
	if d.abandoned.Load() {
		return false
	}
	if err := d.out.Connect(); err != nil {
		d.fail("cannot connect", err, false)
		return false
	}
	d.connected.Store(true)
	d.log.Debug("connected")
	d.succeed()
	return true
}

// try offers a batch to the plugin, of which the first n metrics are due. It returns how many records it dealt with and
// whether the next may follow.
func (d *dispatcher) try(n int) (tried int, ok bool) {
	buried := d.fill()
	var metrics []telegraf.Metric
	d.current = d.current[:0]
	for _, it := range d.window {
		if !it.settled && len(d.current) < d.batch {
			metrics = append(metrics, it.metric)
			d.current = append(d.current, it)
		}
	}
	if len(metrics) == 0 {
		d.release()
		return buried, true
	}
	left, err := d.write(metrics, n-buried)
	ok = d.judge(err, left)
	clear(d.current)
	d.release()
	return buried + len(metrics) - left, ok
}

// write gives a batch to the plugin. Of metrics that are not due yet, or behind which a batch follows at once, the
// plugin may leave out the last ones.
func (d *dispatcher) write(metrics []telegraf.Metric, due int) (left int, err error) {
	rest := d.unsettled() - len(metrics)
	if w, ok := d.out.(BacklogWriter); ok && (due <= 0 || rest > 0 && due > len(metrics) || rest >= d.batch) {
		left, err = w.WriteBacklog(metrics)
		return min(max(left, 0), len(metrics)-1), err
	}
	return 0, d.out.Write(metrics)
}

// fill takes records out of the queue until a batch can be made, and returns how many could not be parsed.
func (d *dispatcher) fill() (buried int) {
	for len(d.window) < windowBatches*d.batch {
		want := d.batch - (len(d.window) - int(d.settled.Load()))
		if want <= 0 {
			return buried
		}
		order := d.order
		if d.urgent.Swap(false) {
			// What is urgent is among the newest, and must not wait for a backlog.
			order = queue.NewestFirst
		}
		records, err := d.queue.Next(want, order)
		if err != nil {
			d.log.Errorf("cannot read the buffer: %v", err)
			return buried
		}
		if len(records) == 0 {
			return buried
		}
		for _, r := range records {
			m, err := ParseRecord(r.Data, r.At)
			it := &item{record: r, metric: m, unparsable: err != nil}
			d.window = append(d.window, it)
			if err != nil {
				d.condemn(it, err)
				buried++
			}
		}
	}
	return buried
}

// exchanged takes the report of one exchange, on the goroutine of run and while Write runs.
func (d *dispatcher) exchanged(x Exchange) {
	for _, n := range x.Accepted {
		if n >= 0 && n < len(d.current) {
			d.accept(d.current[n])
		}
	}
	d.release()
	d.books.exchanged(x)
}

// judge settles what Write has settled; the last ones of the current batch were left out.
func (d *dispatcher) judge(err error, left int) (ok bool) {
	items := d.current[:len(d.current)-left]
	if err == nil {
		for _, it := range items {
			d.accept(it)
		}
		d.succeed()
		return true
	}
	var partial *PartialWriteError
	if !errors.As(err, &partial) {
		d.fail("cannot send", err, false)
		return false
	}
	bad := false
	for _, n := range partial.MetricsAccept {
		if n < 0 || n >= len(d.current) {
			bad = true
			continue
		}
		d.accept(d.current[n])
	}
	for i, n := range partial.MetricsReject {
		if n < 0 || n >= len(d.current) {
			bad = true
			continue
		}
		if it := d.current[n]; !it.settled {
			d.condemn(it, partial.rejectReason(i))
		}
	}
	if bad {
		d.log.Error(errBadIndex)
	}
	for _, it := range items {
		if !it.settled {
			d.fail("cannot send all", err, len(partial.MetricsAccept) > 0)
			return false
		}
	}
	d.succeed()
	return true
}

// accept settles an item that was delivered.
func (d *dispatcher) accept(it *item) {
	if !it.settled {
		d.delivered.Add(1)
		d.settle(it)
	}
}

// settle notes that an item in the window needs no more work.
func (d *dispatcher) settle(it *item) {
	it.settled, it.metric = true, nil
	d.settled.Add(1)
}

// condemn settles an item that can never be sent. The dead letter gets it when it leaves the queue, so that it is not there
// twice after a restart.
func (d *dispatcher) condemn(it *item, reason error) {
	it.reason = reason
	d.settle(it)
}

// bury gives an item that was condemned to the dead letter.
func (d *dispatcher) bury(it *item) {
	switch {
	case it.reason == nil:
		return
	case it.unparsable:
		d.books.add(ledger.Counters{Unparsable: 1})
	case errors.Is(it.reason, ErrSetAside):
		d.books.add(ledger.Counters{SetAside: 1})
	default:
		d.books.add(ledger.Counters{Refused: 1})
	}
	d.setAside.Add(1)
	d.dead.Bury(it.record.Data, it.record.At, it.reason)
}

// release acknowledges the settled items at the front of the window.
func (d *dispatcher) release() {
	n := 0
	for n < len(d.window) && d.window[n].settled {
		d.bury(d.window[n])
		n++
	}
	if n == 0 {
		return
	}
	if err := d.queue.Ack(n); err != nil {
		d.log.Errorf("cannot acknowledge in the buffer: %v", err)
	}
	d.settled.Add(int64(-n))
	rest := copy(d.window, d.window[n:])
	clear(d.window[rest:])
	d.window = d.window[:rest]
}

// succeed ends a series of failures.
func (d *dispatcher) succeed() {
	if d.failed > 0 {
		d.log.Infof("works again after %s", plural(d.failed, "failure"))
	}
	d.retryAt, d.backoff, d.quick, d.failed, d.polled = time.Time{}, 0, false, 0, time.Time{}
	d.setError(nil)
	d.books.linkUp()
}

// fail notes a failed try and sets the time of the next. After progress the wait begins at its minimum again.
func (d *dispatcher) fail(what string, err error, progress bool) {
	d.failed++
	if progress {
		d.backoff, d.quick = 0, false
	}
	var hint RetryHint
	if h, ok := errors.AsType[Hinter](err); ok {
		hint = h.RetryHint()
	}
	wait := d.wait(hint)
	now := time.Now()
	d.retryAt = now.Add(wait)
	d.setError(err)
	d.books.linkDown(err, d.retryAt)
	select {
	case <-d.stop: // the host says what is left
		return
	default:
	}
	if hint.Poll > 0 {
		if !d.polled.IsZero() && now.Sub(d.polled) < pollShown {
			return
		}
		d.polled = now
	}
	d.log.Errorf("%s: %v; %s wait for the next try in %v", what, err, plural(d.unsettled(), "metric"), Duration(wait.Round(time.Second)))
}

// wait is how long to wait after a failure. The backoff is that of the link, not of a message: whatever fails next
// continues it. Half of each wait is random, the other half not, so that a fleet spreads and no radio is woken at once.
func (d *dispatcher) wait(hint RetryHint) time.Duration {
	if hint.Poll > 0 {
		return min(hint.Poll, hintMax)
	}
	if hint.Quick > 0 && d.backoff == 0 && !d.quick {
		d.quick = true
		return min(hint.Quick+rand.N(hint.Quick), hintMax)
	}
	d.backoff = min(max(d.backoffMin, 2*d.backoff), d.backoffMax)
	wait := d.backoff/2 + rand.N(d.backoff/2+1)
	// The least wait keeps a far side that never answers from getting the same message in a tight loop.
	wait = max(wait-hint.Waited, min(time.Second, wait))
	if hint.After > 0 {
		after := min(hint.After, hintMax)
		wait = max(wait, after+rand.N(after/8+1))
	}
	return wait
}

func (d *dispatcher) setError(err error) {
	d.errMu.Lock()
	defer d.errMu.Unlock()
	d.err = err
}

// lastError is why the last try failed, nil if it did not.
func (d *dispatcher) lastError() error {
	d.errMu.Lock()
	defer d.errMu.Unlock()
	return d.err
}

package execd

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
)

// windowBatches bounds how many batches of a queue may be in flight when metrics at the front stay unsettled while later
// ones are settled.
const windowBatches = 8

// errBadIndex says that a plugin's PartialWriteError names a metric that it was not given.
var errBadIndex = errors.New("the plugin settled a metric that was not in the batch")

// dispatcher takes records out of the queues, gives them to the plugin as metrics, and acknowledges what is settled.
// Fields without a note belong to the goroutine that calls run.
type dispatcher struct {
	out   telegraf.Output
	queue *buffer
	dead  DeadLetter
	log   telegraf.Logger
	books *books

	batch    int
	interval time.Duration
	jitter   time.Duration
	order    queue.Order

	wake <-chan struct{} // records have arrived
	stop chan struct{}   // closed when no more will
	done chan struct{}   // closed when run has returned

	lanes    []*lane // of the queues, in their order
	current  []*item // those that the plugin has been given, while Write or WriteFallback runs
	idle     bool    // there was nothing to try when that was due
	heldBack bool    // of the urgent ones, the plugin has left some out of its last message
	tick     time.Time
	flushAt  time.Time // tick and jitter

	link      tries
	downSince time.Time // when the link failed first since it worked last; zero while it works
	passed    bool      // the far side has taken a message while Write ran
	fallback  *fallback // nil: there is none
	self      Queue     // for the host's own metric

	hurry     atomic.Bool   // set by the intake: a record that must not wait has arrived
	connected atomic.Bool   //
	abandoned atomic.Bool   // set by the host: start nothing more
	delivered atomic.Uint64 // metrics
	setAside  atomic.Uint64 // records given to the dead letter

	errMu sync.Mutex
	err   error // of the last try; guarded by errMu
}

// lane is a queue and what is in flight of it.
type lane struct {
	queue   Queue
	window  []*item      // handed out by the queue, not acknowledged; the first is unsettled
	settled atomic.Int64 // items in the window that are settled
}

// open is how many of those in flight are not settled.
func (l *lane) open() int { return len(l.window) - int(l.settled.Load()) }

// unsettled is how many records of the queue still have to be sent.
func (l *lane) unsettled() int { return l.queue.Len() - int(l.settled.Load()) }

// atRisk is how many of them are lost with the process.
func (l *lane) atRisk() int { return min(volatile(l.queue), l.unsettled()) }

// item is a record in flight. Its metric is kept, so that what is offered again is the very same.
type item struct {
	lane    *lane
	record  queue.Record
	metric  telegraf.Metric
	offered bool // given to Write: the plugin may have it in a message that it wants to repeat
	second  bool // may go by the fallback
	settled bool
	reason  error // why it goes to the dead letter; nil if it does not

	unparsable bool
}

func newDispatcher(cfg *Config, q *buffer, dead DeadLetter, b *books, wake <-chan struct{}) *dispatcher {
	o := cfg.Options
	d := &dispatcher{
		out:      cfg.output,
		queue:    q,
		dead:     dead,
		log:      cfg.log,
		books:    b,
		batch:    o.MetricBatchSize,
		interval: time.Duration(o.FlushInterval),
		jitter:   time.Duration(o.FlushJitter),
		link:     tries{min: time.Duration(o.RetryBackoffMin), max: time.Duration(o.RetryBackoffMax)},
		wake:     wake,
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	if o.DrainOrder == DrainNewestFirst {
		d.order = queue.NewestFirst
	}
	for _, q := range q.queues {
		d.lanes = append(d.lanes, &lane{queue: q})
	}
	d.fallback = newFallback(cfg, d.lanes)
	d.self = q.rest()
	if first, _ := cfg.priorities().match(selfMetric); first && q.urgent() != nil {
		d.self = q.urgent()
	}
	if r, ok := cfg.output.(ExchangeReporter); ok {
		r.OnExchange(b.saveState, d.exchanged)
	}
	return d
}

// run works until stop is closed and the queues are empty, a try after that fails, or the host gives up.
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
		timer.Reset(time.Until(d.due()))
		select {
		case <-d.stop:
			d.finish()
			return
		case <-d.wake:
			d.fallback.arrived()
		case <-timer.C:
		}
		now := time.Now()
		switch {
		case d.books.paused():
		case !d.link.retryAt.IsZero():
			if !now.Before(d.link.retryAt) {
				d.drain(d.unsettled())
			}
		case !now.Before(d.flushAt) || d.hurry.Load():
			d.drain(d.unsettled())
		default:
			d.drain(0)
		}
		d.idle = !now.Before(d.link.retryAt)
		d.fallBack()
		if !now.Before(d.flushAt) {
			d.settleVolatile()
			d.schedule()
		}
	}
}

// due is when there is something to do, if nothing arrives until then.
func (d *dispatcher) due() time.Time {
	self := d.books.selfMetrics(time.Now(), d.queue, d.storeSelf)
	due := d.flushAt
	if at := d.link.retryAt; !at.IsZero() && !d.idle {
		due = at
	}
	for _, at := range [...]time.Time{self, d.fallback.due(d.downSince)} {
		if !at.IsZero() && at.Before(due) {
			due = at
		}
	}
	return due
}

// storeSelf puts the host's own metric into its queue.
func (d *dispatcher) storeSelf(record []byte, at time.Time) error {
	d.fallback.arrived()
	return d.self.Append([][]byte{record}, at)
}

// finish does what is left to do when no more comes.
func (d *dispatcher) finish() {
	// What is on disk waits for the next start if the link is down.
	if d.link.retryAt.IsZero() || d.atRisk() > 0 {
		d.drain(d.unsettled())
	}
	for more := true; more && d.fallback.atRisk() > 0; {
		more = d.fallBack()
	}
	for _, l := range d.lanes {
		if _, kept := l.queue.(overflower); !kept {
			for _, it := range l.window {
				d.bury(it)
			}
		}
	}
}

// settleVolatile moves what waits in memory to the disk if that takes it by now, should no record come that does so.
func (d *dispatcher) settleVolatile() {
	if err := d.queue.settle(); err != nil {
		d.log.Debugf("cannot store what is in memory: %v", err)
	}
}

// atRisk is how many of the records that still have to be sent are lost with the process.
func (d *dispatcher) atRisk() int {
	n := 0
	for _, l := range d.lanes {
		n += l.atRisk()
	}
	return n
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
	n := 0
	for _, l := range d.lanes {
		n += l.unsettled()
	}
	return n
}

// drain writes batch after batch until at least n metrics were tried and no full batch waits any more, or a try fails.
func (d *dispatcher) drain(n int) {
	if !d.connect() {
		return
	}
	for (n > 0 || d.heldBack || d.unsettled() >= d.batch) && !d.abandoned.Load() && !d.books.paused() {
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
	if d.link.failed > 0 {
		d.succeed()
	} // else nothing was sent yet, and how the link was before this process is not forgotten
	return true
}

// try offers a batch to the plugin, of which the first n metrics are due. It returns how many records it dealt with and
// whether the next may follow.
func (d *dispatcher) try(n int) (tried int, ok bool) {
	buried := d.fill()
	metrics, urgent := d.gather()
	if len(metrics) == 0 {
		d.release()
		return buried, true
	}
	d.passed = false
	left, err := d.write(metrics, urgent, n-buried)
	ok = d.judge(err, left)
	d.current = d.current[:0]
	d.release()
	return buried + len(metrics) - left, ok
}

// fill takes records out of the queues until a batch can be made, and returns how many could not be parsed.
func (d *dispatcher) fill() (buried int) {
	d.hurry.Store(false)
	room := d.batch
	for _, l := range d.lanes {
		buried += d.take(l, windowBatches*d.batch, func() int { return room - l.open() })
		room -= min(l.open(), room)
	}
	return buried
}

// take takes records out of a queue until want asks for no more, or most are in flight, and returns how many could not
// be parsed.
func (d *dispatcher) take(l *lane, most int, want func() int) (buried int) {
	for len(l.window) < most {
		n := want()
		if n <= 0 {
			return buried
		}
		records, err := l.queue.Next(n, d.order)
		if err != nil {
			d.log.Errorf("cannot read the buffer: %v", err)
			return buried
		}
		if len(records) == 0 {
			return buried
		}
		for _, r := range records {
			m, err := ParseRecord(r.Data, r.At)
			it := &item{lane: l, record: r, metric: m, unparsable: err != nil}
			l.window = append(l.window, it)
			if err != nil {
				d.condemn(it, err)
				buried++
				continue
			}
			it.second = d.fallback.takes(it)
		}
	}
	return buried
}

// gather makes a batch, and returns how many of its metrics are urgent: they come first. What was offered before is in
// it in any case, even if it has become too large for that, because the plugin may have to repeat a message.
func (d *dispatcher) gather() (metrics []telegraf.Metric, urgent int) {
	d.current = d.current[:0]
	for i, l := range d.lanes {
		if i > 0 {
			urgent = len(metrics)
		}
		for _, it := range l.window {
			if !it.settled && (it.offered || len(metrics) < d.batch) {
				it.offered = true
				metrics = append(metrics, it.metric)
				d.current = append(d.current, it)
			}
		}
	}
	return metrics, urgent
}

// write gives a batch to the plugin. Of metrics that are not due yet, or behind which a batch follows at once, the
// plugin may leave out the last ones. Urgent ones that it leaves out come first in the batch that follows at once.
func (d *dispatcher) write(metrics []telegraf.Metric, urgent, due int) (left int, err error) {
	d.heldBack = false
	rest := d.unsettled() - len(metrics)
	w, ok := d.out.(BacklogWriter)
	if !ok || due > 0 && (rest <= 0 || due <= len(metrics)) && rest < d.batch {
		return 0, d.out.Write(metrics)
	}
	left, err = w.WriteBacklog(metrics)
	left = min(max(left, 0), len(metrics)-1)
	d.heldBack = left > len(metrics)-urgent
	return left, err
}

// exchanged takes the report of one exchange, on the goroutine of run and while Write or WriteFallback runs.
func (d *dispatcher) exchanged(x Exchange) {
	for _, n := range x.Accepted {
		if n >= 0 && n < len(d.current) {
			d.accept(d.current[n])
		}
	}
	d.passed = d.passed || x.Delivered
	d.release()
	d.books.exchanged(x)
}

// judge settles what Write has settled; the last ones of the current batch were left out.
func (d *dispatcher) judge(err error, left int) (ok bool) {
	items := d.current[:len(d.current)-left]
	for _, it := range d.current[len(items):] {
		it.offered = false
	}
	if d.settleAll(err, items, d.condemn) {
		d.succeed()
		return true
	}
	d.fail(cannotSend(err), err, d.passed)
	return false
}

// settleAll settles what an error of Write or WriteFallback says of the items, and tells whether that is all of them. What
// is rejected is given to reject.
func (d *dispatcher) settleAll(err error, items []*item, reject func(it *item, reason error)) bool {
	if err == nil {
		for _, it := range items {
			d.accept(it)
		}
		return true
	}
	partial, ok := errors.AsType[*PartialWriteError](err)
	if !ok {
		return false
	}
	bad := false
	for _, n := range partial.MetricsAccept {
		if n < 0 || n >= len(d.current) {
			bad = true
			continue
		}
		d.accept(d.current[n])
		d.passed = true
	}
	for i, n := range partial.MetricsReject {
		if n < 0 || n >= len(d.current) {
			bad = true
			continue
		}
		if it := d.current[n]; !it.settled {
			reject(it, partial.rejectReason(i))
		}
	}
	if bad {
		d.log.Error(errBadIndex)
	}
	for i, it := range items {
		if !it.settled && !slices.Contains(partial.MetricsReject, i) {
			return false
		}
	}
	return true
}

// cannotSend says what has failed.
func cannotSend(err error) string {
	if _, ok := errors.AsType[*PartialWriteError](err); ok {
		return "cannot send all"
	}
	return "cannot send"
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
	it.lane.settled.Add(1)
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

// release acknowledges the settled items at the front of the windows.
func (d *dispatcher) release() {
	for _, l := range d.lanes {
		n := 0
		for n < len(l.window) && l.window[n].settled {
			d.bury(l.window[n])
			n++
		}
		if n == 0 {
			continue
		}
		if err := l.queue.Ack(n); err != nil {
			d.log.Errorf("cannot acknowledge in the buffer: %v", err)
		}
		l.settled.Add(int64(-n))
		rest := copy(l.window, l.window[n:])
		clear(l.window[rest:])
		l.window = l.window[:rest]
	}
}

// succeed ends a series of failures of the link.
func (d *dispatcher) succeed() {
	if failed := d.link.succeed(); failed > 0 {
		d.log.Infof("works again after %s", plural(failed, "failure"))
	}
	d.downSince = time.Time{}
	d.fallback.rest()
	d.setError(nil)
	d.books.linkUp()
}

// fail notes a failed try of the link and sets the time of the next. Progress is that a part was delivered.
func (d *dispatcher) fail(what string, err error, progress bool) {
	now := time.Now()
	if progress {
		d.downSince = now
		d.books.linkUp()
	} else if d.downSince.IsZero() {
		d.downSince = now.Add(-d.fallback.before(d.books, now))
	}
	d.fallback.arrived()
	wait, show := d.link.fail(err, progress)
	d.setError(err)
	d.books.linkDown(err, d.link.retryAt)
	d.logFailure(show, "%s: %v; %s wait for the next try in %v", what, err, plural(d.unsettled(), "metric"), Duration(wait.Round(time.Second)))
}

// logFailure logs an error, if show is true and this is not the end: then the host says what is left.
func (d *dispatcher) logFailure(show bool, format string, args ...any) {
	select {
	case <-d.stop:
	default:
		if show {
			d.log.Errorf(format, args...)
		}
	}
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

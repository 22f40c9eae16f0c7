package execd

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/queue"
)

const (
	firstBackoff = 30 * time.Second
	lastBackoff  = 15 * time.Minute
	hintMax      = 24 * time.Hour // of a plugin's RetryAfter
	// windowBatches bounds how many batches may be in flight when metrics at the front stay unsettled while later ones
	// are settled.
	windowBatches = 8
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

	batch    int
	interval time.Duration
	jitter   time.Duration

	wake <-chan struct{} // records have arrived
	stop chan struct{}   // closed when no more will
	done chan struct{}   // closed when run has returned

	window  []item // in flight: handed out by the queue, not acknowledged; the first is unsettled
	tick    time.Time
	flushAt time.Time     // tick and jitter
	retryAt time.Time     // the earliest time for the next try; zero when the last one succeeded
	backoff time.Duration // of the last failure, 0 after a success
	failed  int           // tries in a row

	connected atomic.Bool
	abandoned atomic.Bool   // set by the host: start nothing more
	settled   atomic.Int64  // items in the window that are settled
	delivered atomic.Uint64 // metrics
	setAside  atomic.Uint64 // records given to the dead letter

	errMu sync.Mutex
	err   error // of the last try; guarded by errMu
}

// item is a record in flight. Its metric is kept, so that what is offered again is the very same.
type item struct {
	record  queue.Record
	metric  telegraf.Metric
	settled bool
}

func newDispatcher(cfg *Config, q Queue, dead DeadLetter, wake <-chan struct{}) *dispatcher {
	return &dispatcher{
		out:      cfg.output,
		queue:    q,
		dead:     dead,
		log:      cfg.log,
		batch:    cfg.Options.MetricBatchSize,
		interval: time.Duration(cfg.Options.FlushInterval),
		jitter:   time.Duration(cfg.Options.FlushJitter),
		wake:     wake,
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// run works until stop is closed and the queue is empty, a try after that fails, or the host gives up.
func (d *dispatcher) run() {
	defer close(d.done)
	d.tick = time.Now()
	d.schedule()
	timer := time.NewTimer(0)
	defer timer.Stop()
	d.connect()
	for {
		due := d.flushAt
		if !d.retryAt.IsZero() {
			due = d.retryAt
		}
		timer.Reset(time.Until(due))
		select {
		case <-d.stop:
			d.drain(d.queue.Len())
			return
		case <-d.wake:
		case <-timer.C:
		}
		now := time.Now()
		switch {
		case !d.retryAt.IsZero():
			if !now.Before(d.retryAt) {
				d.drain(d.unsettled())
			}
		case !now.Before(d.flushAt):
			d.drain(d.unsettled())
		default:
			d.drain(0)
		}
		if !now.Before(d.flushAt) {
			d.schedule()
		}
	}
}

// schedule sets the time of the next flush: the next whole interval since the start, and jitter.
func (d *dispatcher) schedule() {
	missed := time.Since(d.tick) / d.interval
	d.tick = d.tick.Add((missed + 1) * d.interval)
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
	for (n > 0 || d.unsettled() >= d.batch) && !d.abandoned.Load() {
		tried, ok := d.try()
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

// try offers a batch to the plugin. It returns how many records it dealt with and whether the next may follow.
func (d *dispatcher) try() (tried int, ok bool) {
	buried := d.fill()
	var metrics []telegraf.Metric
	var items []int // where they are in the window
	for i := range d.window {
		if !d.window[i].settled && len(metrics) < d.batch {
			metrics = append(metrics, d.window[i].metric)
			items = append(items, i)
		}
	}
	if len(metrics) == 0 {
		d.release()
		return buried, true
	}
	err := d.out.Write(metrics)
	ok = d.judge(err, items)
	d.release()
	return buried + len(metrics), ok
}

// fill takes records out of the queue until a batch can be made, and returns how many could not be parsed.
func (d *dispatcher) fill() (buried int) {
	for len(d.window) < windowBatches*d.batch {
		want := d.batch - (len(d.window) - int(d.settled.Load()))
		if want <= 0 {
			return buried
		}
		records, err := d.queue.Next(want, queue.OldestFirst)
		if err != nil {
			d.log.Errorf("cannot read the buffer: %v", err)
			return buried
		}
		if len(records) == 0 {
			return buried
		}
		for _, r := range records {
			m, err := ParseRecord(r.Data, r.At)
			d.window = append(d.window, item{record: r, metric: m})
			if err != nil {
				d.bury(len(d.window)-1, err)
				buried++
			}
		}
	}
	return buried
}

// judge settles what Write has settled; items are where the metrics of the call are in the window.
func (d *dispatcher) judge(err error, items []int) (ok bool) {
	if err == nil {
		for _, i := range items {
			d.settle(i)
		}
		d.delivered.Add(uint64(len(items)))
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
		if n < 0 || n >= len(items) {
			bad = true
			continue
		}
		if d.settle(items[n]) {
			d.delivered.Add(1)
		}
	}
	for i, n := range partial.MetricsReject {
		if n < 0 || n >= len(items) {
			bad = true
			continue
		}
		if !d.window[items[n]].settled {
			d.bury(items[n], partial.rejectReason(i))
		}
	}
	if bad {
		d.log.Error(errBadIndex)
	}
	for _, i := range items {
		if !d.window[i].settled {
			d.fail("cannot send all", err, len(partial.MetricsAccept) > 0)
			return false
		}
	}
	d.succeed()
	return true
}

// settle notes that an item in the window needs no more work, and tells whether that is new.
func (d *dispatcher) settle(i int) bool {
	if d.window[i].settled {
		return false
	}
	d.window[i].settled, d.window[i].metric = true, nil
	d.settled.Add(1)
	return true
}

// bury gives the record of an item to the dead letter.
func (d *dispatcher) bury(i int, reason error) {
	d.setAside.Add(1)
	d.dead.Bury(d.window[i].record.Data, d.window[i].record.At, reason)
	d.settle(i)
}

// release acknowledges the settled items at the front of the window.
func (d *dispatcher) release() {
	n := 0
	for n < len(d.window) && d.window[n].settled {
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
	d.retryAt, d.backoff, d.failed = time.Time{}, 0, 0
	d.setError(nil)
}

// fail notes a failed try and sets the time of the next. After progress the wait begins at its minimum again.
func (d *dispatcher) fail(what string, err error, progress bool) {
	d.failed++
	if progress {
		d.backoff = 0
	}
	d.backoff = min(max(firstBackoff, 2*d.backoff), lastBackoff)
	wait := d.backoff
	var hint interface{ RetryAfter() time.Duration }
	if errors.As(err, &hint) {
		wait = max(wait, min(hint.RetryAfter(), hintMax))
	}
	d.retryAt = time.Now().Add(wait)
	d.setError(err)
	select {
	case <-d.stop: // the host says what is left
	default:
		d.log.Errorf("%s: %v; %s wait for the next try in %v", what, err, plural(d.unsettled(), "metric"), Duration(wait))
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

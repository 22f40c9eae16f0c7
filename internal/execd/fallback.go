package execd

import (
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
)

// fallbackWindow is how many records of the urgent queue may be in flight for the fallback at least: those that may not
// go by it lie between those that may.
const fallbackWindow = 4096

// fallback is the second way of some metrics, which they go while the link is down. Fields without a note belong to the
// goroutine of the dispatcher. On nil, its methods find nothing to do.
type fallback struct {
	out   FallbackWriter
	names Patterns
	after time.Duration // that the link must have been down
	lane  *lane         // the urgent one

	tries   tries
	pending bool        // there may be something to send
	active  bool        // something went this way since the link worked
	used    atomic.Bool // the plugin has something to close
}

// fallback returns the second way of the plugin, nil if it has none.
func (c *Config) fallback() (out FallbackWriter, names Patterns, after time.Duration) {
	w, ok := c.output.(FallbackWriter)
	if !ok {
		return nil, Patterns{}, 0
	}
	if names, after = w.Fallback(); names.Empty() {
		return nil, Patterns{}, 0
	}
	return w, names, max(after, 0)
}

// newFallback returns the fallback of the configuration, nil if there is none.
func newFallback(cfg *Config, lanes []*lane) *fallback {
	out, names, after := cfg.fallback()
	if out == nil || len(lanes) == 1 {
		return nil
	}
	o := cfg.Options
	return &fallback{out: out, names: names, after: after, lane: lanes[0],
		tries: tries{min: time.Duration(o.RetryBackoffMin), max: time.Duration(o.RetryBackoffMax)}}
}

// takes tells whether an item may go this way.
func (f *fallback) takes(it *item) bool {
	return f != nil && it.lane == f.lane && f.names.Match(it.metric.Name())
}

// atRisk is how many records of the urgent queue are lost with the process.
func (f *fallback) atRisk() int {
	if f == nil {
		return 0
	}
	return f.lane.atRisk()
}

// arrived notes that there may be something new to send.
func (f *fallback) arrived() {
	if f != nil {
		f.pending = true
	}
}

// rest notes that the link works: what comes next goes over it.
func (f *fallback) rest() {
	if f != nil {
		f.active = false
	}
}

// due is when there is something to do for a link that is down since then, zero for never.
func (f *fallback) due(downSince time.Time) time.Time {
	if f == nil || !f.pending || downSince.IsZero() {
		return time.Time{}
	}
	at := downSince.Add(f.after)
	if f.tries.retryAt.After(at) {
		at = f.tries.retryAt
	}
	return at
}

// before is for how long the link was down already when this process began, as an earlier one has noted.
func (f *fallback) before(b *books, now time.Time) time.Duration {
	if f == nil {
		return 0
	}
	return b.outage(now, f.after)
}

// fallBack gives a batch of what waits to the fallback if the link has been down for long enough, and tells whether more
// may follow at once.
func (d *dispatcher) fallBack() bool {
	f := d.fallback
	if at := f.due(d.downSince); at.IsZero() || time.Now().Before(at) || d.abandoned.Load() {
		return false
	}
	if d.books.paused() {
		f.pending = false // what fails next, or arrives, makes it look again
		return false
	}
	d.take(f.lane, max(windowBatches*d.batch, fallbackWindow), func() int { return d.batch - f.eligible() })
	var metrics []telegraf.Metric
	d.current = d.current[:0]
	for _, it := range f.lane.window {
		if it.second && !it.settled && len(metrics) < d.batch {
			metrics = append(metrics, it.metric)
			d.current = append(d.current, it)
		}
	}
	if len(metrics) == 0 {
		f.pending = false
		d.release()
		return false
	}
	if !f.active {
		f.active = true
		d.log.Infof("the link is down for %v: %s and what follows go by the fallback", Duration(time.Since(d.downSince).Round(time.Second)),
			plural(f.eligible(), "metric"))
	}
	f.used.Store(true)
	d.passed = false
	err := f.out.WriteFallback(metrics)
	all := d.settleAll(err, d.current, d.leaveToLink)
	d.current = d.current[:0]
	d.release()
	if all {
		if failed := f.tries.succeed(); failed > 0 {
			d.log.Infof("the fallback works again after %s", plural(failed, "failure"))
		}
		return true
	}
	wait, show := f.tries.fail(err, d.passed)
	d.logFailure(show, "the fallback %s: %v; %s wait for its next try in %v", cannotSend(err), err, plural(f.eligible(), "metric"),
		Duration(wait.Round(time.Second)))
	return false
}

// leaveToLink notes that an item cannot go by the fallback, but still by the link.
func (d *dispatcher) leaveToLink(it *item, reason error) {
	it.second = false
	d.log.Infof("left to the link: %v", reason)
}

// eligible is how many of the items in flight wait to go this way.
func (f *fallback) eligible() int {
	n := 0
	for _, it := range f.lane.window {
		if it.second && !it.settled {
			n++
		}
	}
	return n
}

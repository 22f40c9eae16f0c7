package emulator

import (
	"container/heap"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// hookConfig is what a hook needs to know.
type hookConfig struct {
	number  int // of its URL, from 1
	max     int // webhooks that may wait
	retries int
	wait    time.Duration // before the first retry
	faults  *hookFaults
	send    func(context.Context, Event) (status int, err error)
	done    func(Delivery)             // nil is fine
	result  func(id int64, d Delivery) // told of what is final; nil is fine
}

// hook is the queue of one URL. Its webhooks leave in the order of the time at
// which they are due, those of the same time in the order in which they came.
type hook struct {
	hookConfig
	wake chan struct{} // holds a token when a worker is to look at the queue

	mu       sync.Mutex
	jobs     jobHeap
	bytes    int // of data in jobs
	came     uint64
	closing  bool
	counters WebhookCounters
}

// job is one webhook that waits.
type job struct {
	event   Event
	id      int64 // in the data log
	due     time.Time
	number  uint64 // in the order in which they came
	attempt int    // how many have been made
}

func newHook(cfg hookConfig) *hook {
	return &hook{hookConfig: cfg, wake: make(chan struct{}, 1)}
}

// deliver queues what the faults make of an event. It does not wait.
func (h *hook) deliver(e Event, id int64) {
	now := time.Now()
	delays := h.faults.next()
	if len(delays) == 0 {
		h.drop(job{event: e, id: id}, ErrWebhookFault)
	}
	for _, delay := range delays {
		j := job{event: e, id: id, due: now.Add(delay)}
		if err := h.push(j); err != nil {
			h.drop(j, err)
		}
	}
}

func (h *hook) push(j job) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	size := len(j.event.Data)
	switch {
	case h.closing:
		return ErrWebhookStopped
	case j.attempt > 0:
		// It had a place before, and keeps it: there are as many of these as workers.
	case len(h.jobs) >= h.max || h.bytes+size > maxWebhookBytes:
		return ErrWebhookQueue
	}
	h.came++
	j.number = h.came
	h.bytes += size
	heap.Push(&h.jobs, j)
	h.signal()
	return nil
}

func (h *hook) signal() {
	select {
	case h.wake <- struct{}{}:
	default: // there is a token already
	}
}

// work makes attempts until the hook is closed and has nothing left, or ctx ends.
func (h *hook) work(ctx context.Context) {
	for {
		j, ok := h.next(ctx)
		if !ok {
			return
		}
		h.attempt(ctx, j)
	}
}

// next waits for a webhook that is due.
func (h *hook) next(ctx context.Context) (job, bool) {
	for {
		if ctx.Err() != nil {
			return job{}, false
		}
		j, wait, state := h.take()
		switch state {
		case taken:
			return j, true
		case finished:
			return job{}, false
		}
		var due <-chan time.Time
		var timer *time.Timer
		if wait > 0 {
			timer = time.NewTimer(wait)
			due = timer.C
		}
		select {
		case <-h.wake:
		case <-due:
		case <-ctx.Done():
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// takeState is what take has found.
type takeState int

const (
	taken    takeState = iota // a job
	waiting                   // for the first one to be due, or for one to come
	finished                  // closed, and nothing is left
)

// take takes the first webhook if it is due; otherwise it returns how long that
// will be, or 0 if there is none. It passes the token on while there is something
// for another worker to look at.
func (h *hook) take() (j job, wait time.Duration, state takeState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case len(h.jobs) == 0 && h.closing:
		h.signal()
		return job{}, 0, finished
	case len(h.jobs) == 0:
		return job{}, 0, waiting
	}
	if wait = time.Until(h.jobs[0].due); wait > 0 && !h.closing {
		return job{}, wait, waiting
	}
	j = heap.Pop(&h.jobs).(job)
	h.bytes -= len(j.event.Data)
	h.counters.Waiting++ // being sent
	if len(h.jobs) > 0 {
		h.signal()
	}
	return j, 0, taken
}

func (h *hook) attempt(ctx context.Context, j job) {
	j.attempt++
	start := time.Now()
	status, err := h.send(ctx, j.event)
	d := Delivery{
		Webhook:  h.number,
		RecordID: j.event.RecordID,
		Attempt:  j.attempt,
		Status:   status,
		Err:      err,
		Took:     time.Since(start),
		Final:    true,
	}
	if err != nil && j.attempt <= h.retries && worthRetrying(status) {
		j.due = time.Now().Add(h.retryWait(j.attempt))
		d.Final = h.push(j) != nil
	}
	h.mu.Lock()
	h.counters.Waiting--
	if j.attempt > 1 {
		h.counters.Retried++
	}
	switch {
	case err == nil:
		h.counters.Answered++
	case errors.Is(err, ErrWebhookStopped):
		h.counters.Dropped++
	case d.Final:
		h.counters.Failed++
	}
	h.mu.Unlock()
	h.tell(j.id, d)
}

// worthRetrying reports whether the same request could be answered otherwise.
func worthRetrying(status int) bool {
	return status == 0 || status >= http.StatusInternalServerError ||
		status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// retryWait doubles with each attempt.
func (h *hook) retryWait(attempt int) time.Duration {
	wait := h.wait
	for i := 1; i < attempt && wait < maxWebhookWait; i++ {
		wait *= 2
	}
	return min(wait, maxWebhookWait)
}

func (h *hook) drop(j job, why error) {
	h.mu.Lock()
	h.counters.Dropped++
	h.mu.Unlock()
	h.tell(j.id, Delivery{Webhook: h.number, RecordID: j.event.RecordID, Attempt: j.attempt, Err: why, Final: true})
}

func (h *hook) tell(id int64, d Delivery) {
	if d.Final && h.result != nil {
		h.result(id, d)
	}
	if h.done != nil {
		h.done(d)
	}
}

// close makes everything due that waits, and lets the workers end after it.
func (h *hook) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closing = true
	h.signal()
}

// dropAll gives up what is still there when the workers have ended.
func (h *hook) dropAll() {
	h.mu.Lock()
	left := h.jobs
	h.jobs, h.bytes = nil, 0
	h.mu.Unlock()
	for _, j := range left {
		h.drop(j, ErrWebhookStopped)
	}
}

func (h *hook) now() WebhookCounters {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.counters
	c.Waiting += int64(len(h.jobs))
	return c
}

// jobHeap has the job that is due first at its head.
type jobHeap []job

func (q jobHeap) Len() int { return len(q) }

func (q jobHeap) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].number < q[j].number
}

func (q jobHeap) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is for package heap.
func (q *jobHeap) Push(x any) { *q = append(*q, x.(job)) }

// Pop is for package heap.
func (q *jobHeap) Pop() any {
	last := len(*q) - 1
	j := (*q)[last]
	(*q)[last] = job{} // let go of its data
	*q = (*q)[:last]
	return j
}

package execd

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	hintMax = 24 * time.Hour // of what a plugin's RetryHint asks for
	// pollShown is how often a failure that costs nothing, and is therefore tried often, is logged.
	pollShown = time.Hour
)

// tries are those to send one way, one after the other.
type tries struct {
	min, max time.Duration // of the backoff

	retryAt time.Time     // the earliest time for the next; zero when the last one succeeded
	failed  int           // in a row
	backoff time.Duration // of the last failure, 0 after a success
	quick   bool          // the quick retry before the first backoff is spent
	polled  time.Time     // when a failure that costs nothing was logged
}

// succeed ends a series of failures, and returns how many there were.
func (t *tries) succeed() (failed int) {
	failed = t.failed
	*t = tries{min: t.min, max: t.max}
	return failed
}

// fail notes a failure and sets the time of the next try. After progress the wait begins at its minimum again. It tells
// how long the wait is, and whether to log the failure.
func (t *tries) fail(err error, progress bool) (wait time.Duration, show bool) {
	t.failed++
	if progress {
		t.backoff, t.quick = 0, false
	}
	var hint RetryHint
	if h, ok := errors.AsType[Hinter](err); ok {
		hint = h.RetryHint()
	}
	wait = t.wait(hint)
	now := time.Now()
	t.retryAt = now.Add(wait)
	if hint.Poll > 0 {
		if !t.polled.IsZero() && now.Sub(t.polled) < pollShown {
			return wait, false
		}
		t.polled = now
	}
	return wait, true
}

// wait is how long to wait after a failure. The backoff is that of the way, not of a message: whatever fails next
// continues it. Half of each wait is random, the other half not, so that a fleet spreads and no radio is woken at once.
func (t *tries) wait(hint RetryHint) time.Duration {
	if hint.Poll > 0 {
		return min(hint.Poll, hintMax)
	}
	if hint.Quick > 0 && t.backoff == 0 && !t.quick {
		t.quick = true
		return min(hint.Quick+rand.N(hint.Quick), hintMax)
	}
	t.backoff = min(max(t.min, 2*t.backoff), t.max)
	wait := t.backoff/2 + rand.N(t.backoff/2+1)
	// The least wait keeps a far side that never answers from getting the same message in a tight loop.
	wait = max(wait-hint.Waited, min(time.Second, wait))
	if hint.After > 0 {
		after := min(hint.After, hintMax)
		wait = max(wait, after+rand.N(after/8+1))
	}
	return wait
}

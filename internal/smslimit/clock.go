package smslimit

import "time"

// clock is where readings come from.
type clock struct {
	now func() time.Time
	// boot returns what a reading has of the system's start; it may be nil.
	boot func() (boot uint64, up int64)
}

// newClock returns the system's clock, or one that is taken at its word.
func newClock(now func() time.Time) clock {
	if now == nil {
		return clock{now: time.Now, boot: sinceBoot}
	}
	return clock{now: now}
}

func (c clock) read() (now time.Time, r reading) {
	now = c.now()
	r.wall = wallOf(now)
	if c.boot != nil {
		r.boot, r.up = c.boot()
	}
	return now, r
}

package smslimit

import (
	"fmt"
	"time"
)

// The windows in which parts are counted. They slide.
const (
	hour   = time.Hour
	day    = 24 * time.Hour
	period = 30 * 24 * time.Hour
)

// MaxLimit is the largest limit.
const MaxLimit = 1_000_000

// Limits say how many parts of SMS may be sent. Each part of a long SMS is an SMS to the network.
type Limits struct {
	Hour   int // in any hour, 0: no limit
	Day    int // in any 24 hours, 0: no limit
	Period int // in any 30 days, 1 or more
}

// Validate says what is wrong with the limits, nil if nothing.
func (l Limits) Validate() error {
	switch {
	case l.Hour < 0 || l.Hour > MaxLimit:
		return fmt.Errorf("max_per_hour is %d, must be 0 to %d", l.Hour, MaxLimit)
	case l.Day < 0 || l.Day > MaxLimit:
		return fmt.Errorf("max_per_day is %d, must be 0 to %d", l.Day, MaxLimit)
	case l.Period < 1 || l.Period > MaxLimit:
		return fmt.Errorf("max_per_period is %d, must be 1 to %d", l.Period, MaxLimit)
	}
	return nil
}

// windows returns the limits that hold, the shortest first.
func (l Limits) windows() []window {
	all := []window{{"max_per_hour", hour, l.Hour}, {"max_per_day", day, l.Day}, {"max_per_period", period, l.Period}}
	held := all[:0]
	for _, w := range all {
		if w.max > 0 {
			held = append(held, w)
		}
	}
	return held
}

// window is one of the limits.
type window struct {
	option string
	length time.Duration
	max    int
}

// LimitError says that an SMS would be one too many.
type LimitError struct {
	Option string // the limit: max_per_hour, max_per_day or max_per_period
	Max    int    // its value
	Used   int    // parts that count now; they may be more than Max, when Max was more
	Parts  int    // parts that were asked for
	// Free is when the parts may be reserved, if nobody else reserves any. It is zero if they never may: they are
	// more than Max.
	Free time.Time
}

// Error names the limit and its option.
func (e *LimitError) Error() string {
	if e.Free.IsZero() {
		return fmt.Sprintf("an SMS of %d parts is never within %s = %d", e.Parts, e.Option, e.Max)
	}
	return fmt.Sprintf("%d of %s = %d SMS are used, room for %d more at %s",
		e.Used, e.Option, e.Max, e.Parts, e.Free.UTC().Format(time.RFC3339))
}

// Usage is what is used of the limits.
type Usage struct {
	Hour, Day, Period Window
	// Free is when the next part may be sent; zero if it may be sent now.
	Free time.Time
	// Damaged is when the account was found damaged, and the day and half of the period were counted as used; zero if
	// never, or more than 30 days ago.
	Damaged time.Time
}

// Window is what is used of one limit.
type Window struct {
	Used int // parts
	Max  int // 0: no limit
	// Free is when a part may be sent as far as this limit goes; zero if it may be sent now.
	Free time.Time
}

// Left is how many parts are left, 0 without a limit.
func (w Window) Left() int { return max(0, w.Max-w.Used) }

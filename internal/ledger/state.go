package ledger

import (
	"slices"
	"time"
)

const (
	keptDays   = 31
	keptMonths = 13 // this month, and as many as a year has
)

// A clock that shows a time before 2020 or from 2100 on was not set.
var (
	clockFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	clockUntil = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Set tells whether t is from a clock that was set.
func Set(t time.Time) bool { return !t.Before(clockFrom) && t.Before(clockUntil) }

// Period is a day or month (UTC) and what was counted in it.
type Period struct {
	// Start is its first moment.
	Start time.Time `json:"start"`
	Counters
}

// Link is how the link is.
type Link struct {
	// FailingSince is when it began to fail; zero when it works.
	FailingSince time.Time
	// Failures is how often in a row it has failed.
	Failures int64
	// Error is why it failed last.
	Error string
	// NextTry is when the next try is due, if that is known.
	NextTry time.Time
}

// State is all that a ledger knows at a moment.
type State struct {
	// Began is when the ledger began; zero if no clock was set since.
	Began time.Time
	// LastDelivery is when the far side took a message for the last time.
	LastDelivery time.Time
	// Link is how the link is.
	Link Link
	// Total is what was counted since the ledger began.
	Total Counters

	// The days and months that something was counted in, the last used at the end: that is the order of time as long
	// as the clock is right. After a clock that was years ahead, its periods leave in their turn, like any others.
	days, months []period
}

// period is a Period; its key is the number of the day or month since 1970.
type period struct {
	key uint32
	Counters
}

func dayKey(t time.Time) uint32 { return uint32(t.Unix() / (24 * 60 * 60)) }

func dayStart(key uint32) time.Time { return time.Unix(int64(key)*24*60*60, 0).UTC() }

func monthKey(t time.Time) uint32 {
	year, month, _ := t.UTC().Date()
	return uint32((year-1970)*12 + int(month) - 1)
}

func monthStart(key uint32) time.Time {
	return time.Date(1970+int(key/12), time.Month(key%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// Day is what was counted on the day of t. With a clock that was not set it is the day that was counted in last.
func (s State) Day(t time.Time) Counters {
	if !Set(t) {
		return last(s.days)
	}
	return find(s.days, dayKey(t))
}

// Month is what was counted in the month of t. With a clock that was not set it is the month that was counted in last.
func (s State) Month(t time.Time) Counters {
	if !Set(t) {
		return last(s.months)
	}
	return find(s.months, monthKey(t))
}

// PreviousMonth is what was counted in the month before that of t; nothing with a clock that was not set.
func (s State) PreviousMonth(t time.Time) Counters {
	if !Set(t) {
		return Counters{}
	}
	return find(s.months, monthKey(t)-1)
}

// Days are the days that something was counted on, in the order of time, 31 at most.
func (s State) Days() []Period { return sorted(s.days, dayStart) }

// Months are the months that something was counted in, in the order of time, 13 at most.
func (s State) Months() []Period { return sorted(s.months, monthStart) }

func last(list []period) Counters {
	if len(list) == 0 {
		return Counters{}
	}
	return list[len(list)-1].Counters
}

func find(list []period, key uint32) Counters {
	for _, p := range list {
		if p.key == key {
			return p.Counters
		}
	}
	return Counters{}
}

func sorted(list []period, start func(uint32) time.Time) []Period {
	var out []Period
	for _, p := range list {
		out = append(out, Period{start(p.key), p.Counters})
		// They are in the order of time as a rule, so that there is nothing to do.
		for i := len(out) - 1; i > 0 && out[i].Start.Before(out[i-1].Start); i-- {
			out[i-1], out[i] = out[i], out[i-1]
		}
	}
	return out
}

// add counts delta at the time t, and tells whether that begins a day.
func (s *State) add(delta Counters, t time.Time) (newDay bool) {
	s.Total.Add(delta)
	if !Set(t) {
		// The newest periods known go on.
		if len(s.days) > 0 {
			s.days[len(s.days)-1].Add(delta)
		}
		if len(s.months) > 0 {
			s.months[len(s.months)-1].Add(delta)
		}
		return false
	}
	if s.Began.IsZero() {
		s.Began = t
	}
	s.days, newDay = use(s.days, dayKey(t), keptDays)
	s.days[len(s.days)-1].Add(delta)
	s.months, _ = use(s.months, monthKey(t), keptMonths)
	s.months[len(s.months)-1].Add(delta)
	return newDay
}

// use moves the period of that key to the end of the list, or puts it there, in place of the one that was used least
// lately if there are too many.
func use(list []period, key uint32, most int) (_ []period, isNew bool) {
	used := period{key: key}
	i := slices.IndexFunc(list, func(p period) bool { return p.key == key })
	switch isNew = i < 0; {
	case !isNew:
		used = list[i]
		list = slices.Delete(list, i, i+1)
	case len(list) >= most:
		list = slices.Delete(list, 0, len(list)-most+1)
	}
	return append(list, used), isNew
}

func (s State) clone() State {
	s.days, s.months = slices.Clone(s.days), slices.Clone(s.months)
	return s
}

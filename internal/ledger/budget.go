package ledger

import "time"

// Action says what happens when a month's budget is used up. Every action warns first.
type Action int

// The actions.
const (
	Warn Action = iota // nothing else happens
	Slow               // what waits is sent half as often
	Stop               // nothing is sent until the next month
)

// Level is how far a budget is used.
type Level int

// The levels.
const (
	LevelOK   Level = iota // less than 80 %, or no budget
	LevelWarn              // 80 % or more
	LevelOver              // 100 % or more
)

const warnPercent = 80

// Budget is what may go over the link in a month (UTC).
type Budget struct {
	// Limit is the bytes in both directions; 0 is no limit.
	Limit int64
	// Action is what happens at Limit.
	Action Action
}

// Percent is how much of the budget used bytes are, rounded down; 0 without a budget.
func (b Budget) Percent(used int64) int64 {
	if b.Limit <= 0 || used <= 0 {
		return 0
	}
	const most = 1 << 30
	if b.Limit > 1<<56 { // a hundred times it would overflow
		return min(used/(b.Limit/100), most)
	}
	return min(used/b.Limit, most/100)*100 + used%b.Limit*100/b.Limit
}

// Level is how far used bytes use the budget up.
func (b Budget) Level(used int64) Level {
	switch percent := b.Percent(used); {
	case percent >= 100:
		return LevelOver
	case percent >= warnPercent:
		return LevelWarn
	}
	return LevelOK
}

// Interval is how often to send what waits when used bytes are used and interval is how often otherwise.
func (b Budget) Interval(interval time.Duration, used int64) time.Duration {
	if b.Action == Slow && b.Level(used) == LevelOver {
		return max(interval, 2*interval) // should it overflow
	}
	return interval
}

// Stopped tells whether nothing is to be sent when used bytes are used.
func (b Budget) Stopped(used int64) bool { return b.Action == Stop && b.Level(used) == LevelOver }

// NextMonth is when the month of t is over and a budget begins anew.
func NextMonth(t time.Time) time.Time {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
}

package ledger

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBudgetLevels(t *testing.T) {
	for _, c := range []struct {
		limit, used, percent int64
		level                Level
	}{
		{0, 1 << 40, 0, LevelOK},
		{1_000_000, 0, 0, LevelOK},
		{1_000_000, 799_999, 79, LevelOK},
		{1_000_000, 800_000, 80, LevelWarn},
		{1_000_000, 999_999, 99, LevelWarn},
		{1_000_000, 1_000_000, 100, LevelOver},
		{1_000_000, 2_500_000, 250, LevelOver},
		{1, math.MaxInt64, 1 << 30 / 100 * 100, LevelOver},
		{math.MaxInt64, math.MaxInt64, 100, LevelOver},
		{math.MaxInt64, math.MaxInt64 / 100 * 99, 99, LevelWarn},
	} {
		b := Budget{Limit: c.limit}
		require.Equal(t, c.percent, b.Percent(c.used), "%+v", c)
		require.Equal(t, c.level, b.Level(c.used), "%+v", c)
	}
}

func TestBudgetActions(t *testing.T) {
	for _, c := range []struct {
		action            Action
		used              int64
		interval, stopped bool
	}{
		{Warn, 100, false, false},
		{Slow, 99, false, false},
		{Slow, 100, true, false},
		{Stop, 99, false, false},
		{Stop, 100, false, true},
	} {
		b := Budget{Limit: 100, Action: c.action}
		want := time.Minute
		if c.interval {
			want *= 2
		}
		require.Equal(t, want, b.Interval(time.Minute, c.used), "%+v", c)
		require.Equal(t, c.stopped, b.Stopped(c.used), "%+v", c)
	}
	require.False(t, Budget{Action: Stop}.Stopped(1<<40))
	require.Positive(t, Budget{Limit: 1, Action: Slow}.Interval(math.MaxInt64, 1))
}

// The budget is of the month and not of the run.
func TestBudgetAcrossRestartsAndMonths(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	clock := &hand{at("2026-01-31 23:00:00")}
	b := Budget{Limit: 1000, Action: Stop}
	for _, level := range []Level{LevelOK, LevelWarn, LevelOver} {
		l := open(t, path, clock)
		require.NoError(t, l.Add(Counters{Sent: 300, Received: 100}))
		require.Equal(t, level, b.Level(l.MonthBytes()))
		require.NoError(t, l.Close())
	}
	clock.t = NextMonth(clock.t)
	l := open(t, path, clock)
	require.Equal(t, LevelOK, b.Level(l.MonthBytes()))
	require.False(t, b.Stopped(l.MonthBytes()))
}

func TestNextMonth(t *testing.T) {
	require.Equal(t, at("2026-02-01 00:00:00"), NextMonth(at("2026-01-31 23:59:59")))
	require.Equal(t, at("2027-01-01 00:00:00"), NextMonth(at("2026-12-01 00:00:00")))
	// It is the month in UTC that counts.
	east := time.FixedZone("", 5*60*60)
	require.Equal(t, at("2026-01-01 00:00:00"), NextMonth(time.Date(2026, 1, 1, 2, 0, 0, 0, east)))
}

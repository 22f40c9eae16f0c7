package smslimit

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/slot"
)

func writeValue(t testing.TB, name string, value []byte) {
	t.Helper()
	f, _, err := slot.Open(name, slotSize)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, f.Write(value))
	}
	require.NoError(t, f.Close())
}

// sent is what a model knows of a reservation that stands.
type sent struct {
	at    time.Duration // of the true time
	parts int
}

func inWindow(all []sent, now, length time.Duration) int {
	n := 0
	for _, s := range all {
		if now-s.at < length {
			n += s.parts
		}
	}
	return n
}

func drawLimits(t *rapid.T) Limits {
	return Limits{
		Hour:   rapid.IntRange(0, 6).Draw(t, "hour"),
		Day:    rapid.IntRange(0, 10).Draw(t, "day"),
		Period: rapid.IntRange(1, 20).Draw(t, "period"),
	}
}

func drawStep(t *rapid.T) time.Duration {
	most := rapid.SampledFrom([]time.Duration{time.Second, hour, hour, day, day, period + day}).Draw(t, "most")
	return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, "step"))
}

// TestModel compares a file with a list, under a clock that is right, through restarts and other limits.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		name := filepath.Join(dir, "sms", time.Duration(n).String())
		l := drawLimits(t)
		var model []sent
		type held struct {
			*Reservation
			i int
		}
		var open []held
		now := time.Duration(0)
		clock := func() time.Time { return noon.Add(now) }
		a, err := Open(name, l, clock)
		require.NoError(t, err)
		fits := func(parts int, now time.Duration) bool {
			for _, w := range l.windows() {
				if inWindow(model, now, w.length)+parts > w.max {
					return false
				}
			}
			return true
		}
		for range rapid.IntRange(1, 25).Draw(t, "operations") {
			switch rapid.IntRange(0, 5).Draw(t, "operation") {
			case 0, 1, 2:
				parts := rapid.IntRange(1, 4).Draw(t, "parts")
				r, err := a.Reserve(parts)
				if fits(parts, now) {
					require.NoError(t, err)
					open = append(open, held{r, len(model)})
					model = append(model, sent{now, parts})
					continue
				}
				limit := new(LimitError)
				require.ErrorAs(t, err, &limit)
				if limit.Free.IsZero() {
					require.Greater(t, parts, limit.Max)
					continue
				}
				free := limit.Free.Sub(noon)
				require.Greater(t, free, now)
				require.False(t, fits(parts, free-1), "free too late")
				require.True(t, fits(parts, free), "free too early")
			case 3:
				if len(open) > 0 {
					i := rapid.IntRange(0, len(open)-1).Draw(t, "reservation")
					parts := rapid.IntRange(0, 4).Draw(t, "parts")
					require.NoError(t, open[i].ReleaseParts(parts))
					model[open[i].i].parts -= min(parts, model[open[i].i].parts)
				}
			case 4:
				now += drawStep(t)
			case 5:
				l = drawLimits(t)
				open = nil
				a, err = Open(name, l, clock)
				require.NoError(t, err)
			}
			u, err := Read(name, l, clock)
			require.NoError(t, err)
			require.Equal(t, inWindow(model, now, hour), u.Hour.Used)
			require.Equal(t, inWindow(model, now, day), u.Day.Used)
			require.Equal(t, inWindow(model, now, period), u.Period.Used)
			require.Equal(t, fits(1, now), u.Free.IsZero())
		}
	})
}

// TestClocks lets a device's clock do what clocks do, and wants that no true window ever has more than is allowed. The
// clock may be set to anything while the system runs, is not set or behind when it starts, and is then not first
// seen ahead of what it was when it was last seen. Where the system's start is not known it may only be behind.
func TestClocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimits(t)
		var (
			now, booted time.Duration // true
			off         time.Duration // of the clock
			known       time.Duration // how far ahead the account takes the clock to be
			set         = true
			seen        = true // the clock was seen since the start
			boot        = uint64(1)
			hasBoot     = rapid.Bool().Draw(t, "boot is known")
			all         []sent
		)
		c := clock{now: func() time.Time {
			if !set {
				return time.Unix(0, 0).Add(now - booted)
			}
			return noon.Add(now + off)
		}}
		if hasBoot {
			c.boot = func() (uint64, int64) { return boot, int64(now - booted) }
		}
		a, err := open("", l, c)
		require.NoError(t, err)
		_, err = a.Reserve(1) // under the right time
		if err == nil {
			all = append(all, sent{0, 1})
		}
		late := func() time.Duration {
			behind := -time.Duration(rapid.Int64Range(0, int64(period)).Draw(t, "behind"))
			if hasBoot && seen {
				return behind
			}
			return min(behind, known)
		}
		for range rapid.IntRange(1, 80).Draw(t, "operations") {
			switch rapid.IntRange(0, 7).Draw(t, "operation") {
			case 0, 1, 2, 3:
				parts := rapid.IntRange(1, 3).Draw(t, "parts")
				before := a.memory.time
				if _, err := a.Reserve(parts); err == nil {
					all = append(all, sent{now, parts})
				}
				if set {
					seen, known = true, time.Duration(a.memory.wall-noon.UnixNano()-int64(now))
				}
				require.GreaterOrEqual(t, a.memory.time, before)
				for _, w := range l.windows() {
					require.LessOrEqual(t, inWindow(all, now, w.length), w.max, w.option)
				}
				b := appendState(nil, &a.memory)
				again, err := decodeState(b)
				require.NoError(t, err)
				require.Equal(t, b, appendState(nil, &again))
			case 4, 5:
				now += drawStep(t)
			case 6: // the clock is set
				set, off = true, late()
				if hasBoot && seen && rapid.Bool().Draw(t, "ahead") {
					off = 10 * period
				}
			case 7: // the power goes off
				now += drawStep(t)
				booted = now
				boot++
				seen = false
				off = late()
				set = rapid.Bool().Draw(t, "set")
			}
		}
	})
}

// TestClockThatWasNeverSet: what was sent before the clock was set counts from then on.
func TestClockThatWasNeverSet(t *testing.T) {
	now := time.Unix(1000, 0)
	a, err := Open("", Limits{Hour: 2, Period: 5}, func() time.Time { return now })
	require.NoError(t, err)
	_, err = a.Reserve(2)
	require.NoError(t, err)
	now = now.Add(2 * period)
	_, err = a.Reserve(1)
	require.ErrorContains(t, err, "max_per_hour", "its time tells nothing")
	now = noon
	_, err = a.Reserve(1)
	require.ErrorContains(t, err, "max_per_hour")
	now = noon.Add(hour)
	_, err = a.Reserve(2)
	require.NoError(t, err)
	now = noon.Add(period)
	u, err := a.Usage()
	require.NoError(t, err)
	require.Equal(t, 2, u.Period.Used)
}

// TestClockSetForward: with the system's start known, a clock that is set frees nothing.
func TestClockSetForward(t *testing.T) {
	now, up := noon, hour
	a, err := open("", Limits{Hour: 1, Period: 2}, clock{
		now: func() time.Time { return now }, boot: func() (uint64, int64) { return 7, int64(up) },
	})
	require.NoError(t, err)
	_, err = a.Reserve(1)
	require.NoError(t, err)
	now = noon.AddDate(10, 0, 0)
	_, err = a.Reserve(1)
	limit := new(LimitError)
	require.ErrorAs(t, err, &limit)
	require.Equal(t, now.Add(hour), limit.Free)
	now = noon.AddDate(-1, 0, 0)
	up += hour
	_, err = a.Reserve(1)
	require.NoError(t, err, "and keeps nothing")
}

// TestClockToAndFro: a clock that goes back and forth has not gone on.
func TestClockToAndFro(t *testing.T) {
	now := noon
	a, err := Open("", Limits{Hour: 1, Period: 2}, func() time.Time { return now })
	require.NoError(t, err)
	_, err = a.Reserve(1)
	require.NoError(t, err)
	for range 10 {
		for _, now = range []time.Time{noon.Add(-day), noon} {
			_, r := a.clock.read()
			a.memory.advance(r) // as each reservation that is granted does
			_, err = a.Reserve(1)
			require.ErrorContains(t, err, "max_per_hour")
		}
	}
}

// TestClockFarBehind: a clock that was far ahead keeps nothing for longer than a period.
func TestClockFarBehind(t *testing.T) {
	now := noon.AddDate(10, 0, 0)
	a, err := Open("", Limits{Period: 1}, func() time.Time { return now })
	require.NoError(t, err)
	_, err = a.Reserve(1)
	require.NoError(t, err)
	now = noon
	_, err = a.Reserve(1)
	require.Error(t, err)
	_, err = a.Reserve(1)
	require.Error(t, err)
	a.memory.advance(reading{wall: wallOf(now)})
	now = noon.Add(2*period - 1)
	_, err = a.Reserve(1)
	require.Error(t, err)
	now = noon.Add(2 * period)
	_, err = a.Reserve(1)
	require.NoError(t, err)
}

func TestSystemClock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sms")
	a, err := Open(name, Limits{Hour: 1, Period: 2}, nil)
	require.NoError(t, err)
	_, err = a.Reserve(1)
	require.NoError(t, err)
	limit := new(LimitError)
	_, err = a.Reserve(1)
	require.ErrorAs(t, err, &limit)
	require.WithinDuration(t, time.Now().Add(hour), limit.Free, time.Minute)
	if boot, up := sinceBoot(); boot != 0 {
		again, later := sinceBoot()
		require.Equal(t, boot, again)
		require.GreaterOrEqual(t, later, up)
	}
}

// FuzzState wants no panic, and of what is read that it is written in the same way and can be used.
func FuzzState(f *testing.F) {
	s := begin(reading{wall: wallOf(noon), boot: 3, up: 4})
	s.add(3)
	s.charge(Limits{Period: 7})
	f.Add(appendState(nil, &s))
	f.Add([]byte{version})
	f.Add([]byte{version + 1})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			require.Equal(t, state{}, s)
			return
		}
		require.Equal(t, b, appendState(nil, &s))
		l := Limits{Hour: 1, Day: 2, Period: 3}
		now := noon
		for range 3 {
			now = now.Add(day)
			s.advance(reading{wall: wallOf(now), boot: s.boot, up: s.up})
			s.prune()
			_, _ = s.reserve(l, 1, now)
			_ = s.usage(l, now)
			again, err := decodeState(appendState(nil, &s))
			require.NoError(t, err)
			require.True(t, reflect.DeepEqual(again.entries, s.entries) || len(s.entries) == 0)
		}
	})
}

// FuzzFile opens any file, and wants that it can be used or is refused.
func FuzzFile(f *testing.F) {
	f.Add([]byte("junk"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, contents []byte) {
		name := filepath.Join(dir, "sms")
		require.NoError(t, os.WriteFile(name, contents, 0o600))
		a, err := Open(name, Limits{Day: 1, Period: 3}, at(noon))
		require.NoError(t, err)
		_, err = a.Reserve(1)
		require.ErrorContains(t, err, "max_per_day")
	})
}

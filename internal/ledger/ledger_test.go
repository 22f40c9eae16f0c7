package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/slot"
)

// childEnv names the file of a child, which counts until it is killed.
const childEnv = "LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if path, ok := os.LookupEnv(childEnv); ok {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

func child(path string) int {
	l, err := Open(path, time.Now)
	if err != nil {
		println(err.Error())
		return 1
	}
	for n := int64(1); ; n++ {
		if err := l.Add(Counters{Sent: 100, Messages: 1}); err != nil {
			println(err.Error())
			return 1
		}
		if _, err := os.Stdout.WriteString(strconv.FormatInt(n, 10) + "\n"); err != nil {
			return 1
		}
	}
}

// hand is a clock that is set by hand.
type hand struct{ t time.Time }

func (h *hand) now() time.Time { return h.t }

func at(text string) time.Time {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return t
}

func open(t *testing.T, path string, clock *hand) *Ledger {
	t.Helper()
	l, err := Open(path, clock.now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func TestCountsByDayAndMonthAcrossRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	clock := &hand{at("2026-01-31 23:59:59")}
	l := open(t, path, clock)
	require.NoError(t, l.Add(Counters{Sent: 100, Received: 50, Messages: 1, Metrics: 7, Taken: 9}))

	clock.t = at("2026-02-01 00:00:00")
	require.NoError(t, l.Add(Counters{Sent: 10, Tries: 1, Failures: 1}))
	require.NoError(t, l.Failed("no route", clock.t.Add(time.Minute)))
	require.NoError(t, l.Close())

	l = open(t, path, clock)
	require.NoError(t, l.Add(Counters{Sent: 1}))
	for _, s := range []State{l.Snapshot(), read(t, path)} {
		require.Equal(t, Counters{Sent: 11, Tries: 1, Failures: 1}, s.Day(clock.t))
		require.Equal(t, Counters{Sent: 11, Tries: 1, Failures: 1}, s.Month(clock.t))
		require.Equal(t, Counters{Sent: 100, Received: 50, Messages: 1, Metrics: 7, Taken: 9}, s.PreviousMonth(clock.t))
		require.EqualValues(t, 161, s.Total.Bytes())
		require.Equal(t, at("2026-01-31 23:59:59"), s.LastDelivery.UTC())
		require.Equal(t, at("2026-01-31 23:59:59"), s.Began.UTC())
		require.Equal(t, Link{clock.t, 1, "no route", clock.t.Add(time.Minute)}, s.Link)
		require.Len(t, s.Days(), 2)
		require.Equal(t, at("2026-01-31 00:00:00"), s.Days()[0].Start)
		require.Equal(t, at("2026-02-01 00:00:00"), s.Months()[1].Start)
	}
	require.EqualValues(t, 11, l.MonthBytes())
}

func read(t *testing.T, path string) State {
	t.Helper()
	s, err := Read(path)
	require.NoError(t, err)
	return s
}

func TestLink(t *testing.T) {
	clock := &hand{at("2026-05-01 12:00:00")}
	l := open(t, "", clock)
	require.NoError(t, l.Failed("first\nline", time.Time{}))
	clock.t = clock.t.Add(time.Minute)
	require.NoError(t, l.Failed(strings.Repeat("ü", 1000), clock.t.Add(time.Hour)))
	link := l.Snapshot().Link
	require.Equal(t, at("2026-05-01 12:00:00"), link.FailingSince)
	require.EqualValues(t, 2, link.Failures)
	require.LessOrEqual(t, len(link.Error), maxError)
	require.True(t, strings.HasSuffix(link.Error, "ü…"))
	require.NoError(t, l.Works())
	require.Zero(t, l.Snapshot().Link)
}

func TestClockThatWasNotSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	clock := &hand{at("1970-01-01 00:00:10")}
	l := open(t, path, clock)
	require.NoError(t, l.Add(Counters{Sent: 1}))
	require.Zero(t, l.Snapshot().Day(clock.t))
	require.EqualValues(t, 1, l.Snapshot().Total.Sent)
	require.Zero(t, l.Snapshot().Began)

	clock.t = at("2026-03-05 10:00:00")
	require.NoError(t, l.Add(Counters{Sent: 10}))
	require.NoError(t, l.Close())

	clock.t = at("1970-01-01 00:00:10") // the battery of the clock is empty
	l = open(t, path, clock)
	require.NoError(t, l.Add(Counters{Sent: 100}))
	require.EqualValues(t, 110, l.MonthBytes(), "the month that is known goes on")
	s := l.Snapshot()
	require.EqualValues(t, 110, s.Day(at("2026-03-05 00:00:00")).Sent)
	require.EqualValues(t, 111, s.Total.Sent)
	require.Zero(t, s.PreviousMonth(clock.t))
}

func TestClockThatIsSetBack(t *testing.T) {
	clock := &hand{at("2026-03-01 00:30:00")}
	l := open(t, "", clock)
	require.NoError(t, l.Add(Counters{Sent: 1}))
	clock.t = at("2026-02-28 23:30:00")
	require.NoError(t, l.Add(Counters{Sent: 2}))
	clock.t = at("2026-03-01 00:30:00")
	require.NoError(t, l.Add(Counters{Sent: 4}))
	s := l.Snapshot()
	require.EqualValues(t, 5, s.Month(clock.t).Sent)
	require.EqualValues(t, 2, s.PreviousMonth(clock.t).Sent)
}

// A clock that is years ahead for a while makes a period of its own; the real ones stay, and in the end it goes.
func TestClockThatWasAhead(t *testing.T) {
	clock := &hand{at("2026-01-15 12:00:00")}
	l := open(t, "", clock)
	for range 12 {
		require.NoError(t, l.Add(Counters{Sent: 10}))
		clock.t = clock.t.AddDate(0, 1, 0)
	}
	wrong := at("2087-06-01 00:00:00")
	right := clock.t
	clock.t = wrong
	require.NoError(t, l.Add(Counters{Sent: 1000}))
	clock.t = right
	for range 5 {
		require.NoError(t, l.Add(Counters{Sent: 1}))
	}
	s := l.Snapshot()
	require.EqualValues(t, 5, s.Month(right).Sent)
	require.EqualValues(t, 10, s.PreviousMonth(right).Sent)
	require.Len(t, s.Months(), keptMonths)
	require.EqualValues(t, 1000, s.Months()[keptMonths-1].Sent)
	require.Equal(t, at("2026-02-01 00:00:00"), s.Months()[0].Start, "one real month made room")

	for range keptMonths {
		clock.t = clock.t.AddDate(0, 1, 0)
		require.NoError(t, l.Add(Counters{Sent: 1}))
	}
	require.Zero(t, l.Snapshot().Month(wrong))

	clock.t = at("2105-01-01 00:00:00") // as good as not set
	require.NoError(t, l.Add(Counters{Sent: 1}))
	require.EqualValues(t, 2, l.MonthBytes())
}

func TestKeepsSoManyDaysAndMonths(t *testing.T) {
	clock := &hand{at("2025-01-01 12:00:00")}
	l := open(t, "", clock)
	for range 800 {
		require.NoError(t, l.Add(Counters{Sent: 1}))
		clock.t = clock.t.AddDate(0, 0, 1)
	}
	s := l.Snapshot()
	days, months := s.Days(), s.Months()
	require.Len(t, days, keptDays)
	require.Len(t, months, keptMonths)
	require.Equal(t, at("2027-03-11 00:00:00"), days[keptDays-1].Start)
	require.Equal(t, at("2026-03-01 00:00:00"), months[0].Start)
	require.EqualValues(t, 31, months[0].Sent)
	require.EqualValues(t, 800, s.Total.Sent)
}

func TestCountersNeverFallOrOverflow(t *testing.T) {
	c := Counters{Sent: math.MaxInt64 - 5, Received: 3}
	c.Add(Counters{Sent: 10, Received: -3, Metrics: 1})
	require.Equal(t, Counters{Sent: math.MaxInt64, Received: 3, Metrics: 1}, c)
	require.EqualValues(t, math.MaxInt64, c.Bytes())
}

func TestDamagedFileBeginsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	clock := &hand{at("2026-01-15 12:00:00")}
	_, err := Read(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	l := open(t, path, clock)
	require.NoError(t, l.Add(Counters{Sent: 1}))
	require.NoError(t, l.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte{0xa5}, len(data)), 0o600))

	_, err = Read(path)
	require.ErrorContains(t, err, "it is damaged")
	l, err = Open(path, clock.now)
	require.ErrorContains(t, err, "begins anew")
	require.NoError(t, l.Add(Counters{Sent: 7}))
	require.NoError(t, l.Close())
	require.EqualValues(t, 7, read(t, path).Total.Sent)
}

func TestWithoutAPlaceItCountsInMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "ledger")
	l, err := Open(path, time.Now)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "not kept")
	require.NoError(t, l.Add(Counters{Sent: 7}))
	require.EqualValues(t, 7, l.Snapshot().Total.Sent)
	require.NoError(t, l.Close())
}

// What cannot be written now is written with what comes later.
func TestDiskThatFailsForAWhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	clock := &hand{at("2026-01-15 12:00:00")}
	l := open(t, path, clock)
	require.NoError(t, l.Add(Counters{Sent: 1}))
	works := l.file
	broken, _, err := slot.Open(filepath.Join(t.TempDir(), "broken"), slotSize)
	require.NoError(t, err)
	require.NoError(t, broken.Close())

	l.file = broken
	require.ErrorContains(t, l.Add(Counters{Sent: 10}), "cannot write the ledger: ")
	require.Error(t, l.Failed("no route", time.Time{}))
	require.EqualValues(t, 11, l.MonthBytes())
	clock.t = clock.t.Add(syncEvery)
	require.ErrorContains(t, l.Add(Counters{}), "cannot sync ")

	l.file = works
	require.NoError(t, l.Add(Counters{Sent: 100}))
	require.EqualValues(t, 111, read(t, path).Total.Sent)
	require.EqualValues(t, 1, read(t, path).Link.Failures)
}

func TestKilledLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	for range 3 {
		before := int64(0)
		if s, err := Read(path); err == nil {
			before = s.Total.Messages
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said := new(bytes.Buffer)
		chunk := make([]byte, 100)
		for range 50 {
			n, err := out.Read(chunk)
			require.NoError(t, err)
			said.Write(chunk[:n])
		}
		require.NoError(t, cmd.Process.Kill())
		for { // what it wrote before it was killed
			n, err := out.Read(chunk)
			said.Write(chunk[:n])
			if err != nil {
				break
			}
		}
		require.Error(t, cmd.Wait())
		lines := strings.Split(said.String(), "\n") // the last one is cut off
		confirmed, err := strconv.ParseInt(lines[len(lines)-2], 10, 64)
		require.NoError(t, err)
		got := read(t, path).Total.Messages - before
		require.GreaterOrEqual(t, got, confirmed)
		require.LessOrEqual(t, got, confirmed+1)
	}
}

func TestManyGoroutines(t *testing.T) {
	l, err := Open(filepath.Join(t.TempDir(), "ledger"), time.Now)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				err := errors.Join(l.Add(Counters{Taken: 1}), l.Failed("x", time.Time{}), l.Works())
				if err != nil {
					t.Error(err)
				}
				_, _ = l.Snapshot(), l.MonthBytes()
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 400, l.Snapshot().Total.Taken)
	require.NoError(t, l.Close())
	require.NoError(t, l.Add(Counters{Taken: 1}), "in memory")
}

func anyState(t *rapid.T) State {
	counters := func() (c Counters) {
		for _, n := range c.all() {
			*n = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "n")
		}
		return c
	}
	moment := func() time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(1, 1<<37).Draw(t, "t"), 0).UTC()
	}
	s := State{Began: moment(), LastDelivery: moment(), Total: counters()}
	s.Link = Link{moment(), rapid.Int64Range(0, 1<<40).Draw(t, "f"), shortened(rapid.String().Draw(t, "e")), moment()}
	for range rapid.IntRange(0, keptDays).Draw(t, "days") {
		s.days = append(s.days, period{rapid.Uint32Range(0, 1<<20).Draw(t, "day"), counters()})
	}
	for range rapid.IntRange(0, keptMonths).Draw(t, "months") {
		s.months = append(s.months, period{rapid.Uint32Range(0, 1<<20).Draw(t, "month"), counters()})
	}
	return s
}

func TestEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyState(t)
		got, err := decodeState(appendState(nil, &s))
		require.NoError(t, err)
		if len(got.days) == 0 {
			got.days = nil
		}
		if len(got.months) == 0 {
			got.months = nil
		}
		require.Equal(t, s, got)
	})
}

func TestEncodingFitsTheSlot(t *testing.T) {
	var most Counters
	for _, n := range most.all() {
		*n = math.MaxInt64
	}
	far := clockUntil.Add(-time.Second)
	s := State{Began: far, LastDelivery: far, Total: most}
	s.Link = Link{far, math.MaxInt64, strings.Repeat("x", 1000), far}
	for range keptDays {
		s.days = append(s.days, period{math.MaxUint32, most})
	}
	for range keptMonths {
		s.months = append(s.months, period{math.MaxUint32, most})
	}
	require.Less(t, len(appendState(nil, &s)), 8<<10)
}

// A later version may have more counters.
func TestEncodingOfALaterVersion(t *testing.T) {
	b := []byte{version, 0, 0, 0, 0, 0, 0}
	b = append(b, 0b10000001, 0b10000000, 0b10000000, 0b10000000, 0b1, 5, 6) // Sent, and counter 28
	b = append(b, 0, 0)
	s, err := decodeState(b)
	require.NoError(t, err)
	require.Equal(t, Counters{Sent: 5}, s.Total)
}

func FuzzDecode(f *testing.F) {
	clock := &hand{at("2026-01-15 12:00:00")}
	var s State
	f.Add(appendState(nil, &s))
	for range 40 {
		s.add(Counters{Sent: 12345, Received: 678, Messages: 1, Metrics: 10}, clock.t)
		clock.t = clock.t.AddDate(0, 0, 11)
	}
	s.Link = Link{clock.t, 3, "no route to host", clock.t}
	f.Add(appendState(nil, &s))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			return
		}
		for _, c := range s.Total.all() {
			require.GreaterOrEqual(t, *c, int64(0))
		}
		s.add(Counters{Sent: 1}, clock.t)
		again := appendState(nil, &s)
		require.LessOrEqual(t, len(again), slotSize)
		got, err := decodeState(again)
		require.NoError(t, err)
		require.Equal(t, s, got)
	})
}

func BenchmarkAdd(b *testing.B) {
	l, err := Open(filepath.Join(b.TempDir(), "ledger"), time.Now)
	require.NoError(b, err)
	day := time.Now().AddDate(0, 0, -400)
	for range 400 {
		l.state.add(Counters{Sent: 1e6, Received: 1e5, Messages: 1440, Tries: 1500, Taken: 1e5, Metrics: 1e5}, day)
		day = day.AddDate(0, 0, 1)
	}
	for b.Loop() {
		if err := l.Add(Counters{Sent: 500, Received: 300, Messages: 1, Tries: 1, Metrics: 10}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(appendState(nil, &l.state))), "B/state")
	require.NoError(b, l.Close())
}

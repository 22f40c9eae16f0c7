package smslimit

import (
	"bufio"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// at returns a clock that stands still.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func Example() {
	dir, _ := os.MkdirTemp("", "")
	defer func() { _ = os.RemoveAll(dir) }()
	now := noon
	account, _ := Open(filepath.Join(dir, "sms"), Limits{Hour: 2, Period: 50}, func() time.Time { return now })

	unsent, _ := account.Reserve(2)
	_, err := account.Reserve(1)
	fmt.Println(err)

	_ = unsent.Release()
	_, err = account.Reserve(1)
	fmt.Println(err)
	// Output:
	// 2 of max_per_hour = 2 SMS are used, room for 1 more at 2026-11-23T13:00:00Z
	// <nil>
}

func TestLimits(t *testing.T) {
	for _, l := range []Limits{{}, {Period: -1}, {Hour: -1, Period: 1}, {Day: -1, Period: 1}, {Period: MaxLimit + 1}} {
		a, err := Open("", l, at(noon))
		require.Error(t, err)
		_, again := a.Reserve(1)
		require.Equal(t, err, again)
		_, again = Read("none", l, at(noon))
		require.Equal(t, err, again)
	}
}

func TestReserve(t *testing.T) {
	now := noon
	a, err := Open("", Limits{Hour: 3, Day: 5, Period: 6}, func() time.Time { return now })
	require.NoError(t, err)
	for _, n := range []int{-1, 0, MaxLimit + 1} {
		_, err := a.Reserve(n)
		require.ErrorContains(t, err, "parts: must be 1 to")
	}
	reserve := func(n int) *LimitError {
		_, err := a.Reserve(n)
		if err == nil {
			return nil
		}
		limit := new(LimitError)
		require.ErrorAs(t, err, &limit)
		return limit
	}
	require.Nil(t, reserve(2))
	require.Equal(t, &LimitError{"max_per_hour", 3, 2, 2, noon.Add(hour)}, reserve(2))
	require.Equal(t, &LimitError{"max_per_hour", 3, 2, 4, time.Time{}}, reserve(4), "never")
	now = noon.Add(hour - 1)
	require.NotNil(t, reserve(2))
	now = noon.Add(hour)
	require.Nil(t, reserve(3))
	require.Equal(t, &LimitError{"max_per_day", 5, 5, 1, noon.Add(day)}, reserve(1))
	require.Equal(t, &LimitError{"max_per_period", 6, 5, 2, noon.Add(period)}, reserve(2), "what lasts longest")
	now = noon.Add(day)
	require.Nil(t, reserve(1))
	now = noon.Add(day + hour)
	require.Equal(t, &LimitError{"max_per_period", 6, 6, 1, noon.Add(period)}, reserve(1))
	u, err := a.Usage()
	require.NoError(t, err)
	require.Equal(t, Usage{
		Hour: Window{0, 3, time.Time{}}, Day: Window{1, 5, time.Time{}}, Period: Window{6, 6, noon.Add(period)},
		Free: noon.Add(period),
	}, u)
	require.Equal(t, 0, u.Period.Left())
	require.Equal(t, 4, u.Day.Left())
	now = noon.Add(period)
	require.Nil(t, reserve(1))
}

func TestRelease(t *testing.T) {
	a, err := Open(filepath.Join(t.TempDir(), "sms"), Limits{Period: 10}, at(noon))
	require.NoError(t, err)
	used := func() int {
		u, err := a.Usage()
		require.NoError(t, err)
		return u.Period.Used
	}
	r, err := a.Reserve(5)
	require.NoError(t, err)
	other, err := a.Reserve(2)
	require.NoError(t, err)
	require.NoError(t, r.ReleaseParts(2))
	require.Equal(t, 5, used())
	require.NoError(t, r.ReleaseParts(-1))
	require.NoError(t, r.ReleaseParts(100))
	require.Equal(t, 2, used())
	require.NoError(t, r.Release())
	require.Equal(t, 2, used(), "released twice")
	require.NoError(t, other.Release())
	require.Equal(t, 0, used())
}

// TestReleaseOfAnotherFile releases into an account that has begun anew.
func TestReleaseOfAnotherFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sms")
	now := noon
	a, err := Open(name, Limits{Period: 10}, func() time.Time { return now })
	require.NoError(t, err)
	r, err := a.Reserve(3)
	require.NoError(t, err)
	require.NoError(t, os.Remove(name))
	now = now.Add(time.Second)
	_, err = a.Reserve(4)
	require.NoError(t, err)
	require.NoError(t, r.Release())
	u, err := Read(name, Limits{Period: 10}, at(now))
	require.NoError(t, err)
	require.Equal(t, 4, u.Period.Used)
}

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sms")
	l := Limits{Hour: 1, Period: 10}
	_, err := Read(name, l, at(noon))
	require.ErrorIs(t, err, fs.ErrNotExist)
	a, err := Open(name, l, at(noon))
	require.NoError(t, err)
	_, err = a.Reserve(1)
	require.NoError(t, err)
	before, err := os.ReadFile(name)
	require.NoError(t, err)
	u, err := Read(name, l, at(noon.Add(time.Minute)))
	require.NoError(t, err)
	require.Equal(t, 1, u.Hour.Used)
	require.Equal(t, noon.Add(hour), u.Free)
	after, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoError(t, os.WriteFile(name, []byte("junk"), 0o600))
	_, err = Read(name, l, at(noon))
	require.ErrorIs(t, err, errDamaged)
}

// TestDamagedSlot spoils each slot by itself, after each of many reservations, and wants that nothing is lost.
func TestDamagedSlot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sms")
	a, err := Open(name, Limits{Period: 100}, at(noon))
	require.NoError(t, err)
	for n := 1; n <= 9; n++ {
		_, err := a.Reserve(1)
		require.NoError(t, err)
		whole, err := os.ReadFile(name)
		require.NoError(t, err)
		for i := range 3 {
			stride := len(whole) / 3
			spoilt := append([]byte(nil), whole...)
			clear(spoilt[i*stride : (i+1)*stride])
			require.NoError(t, os.WriteFile(name, spoilt, 0o600))
			u, err := Read(name, Limits{Period: 100}, at(noon))
			require.NoError(t, err)
			require.Equal(t, n, u.Period.Used, "slot %d", i)
		}
		require.NoError(t, os.WriteFile(name, whole, 0o600))
	}
}

// TestDamaged spoils the file in ways that leave nothing of it.
func TestDamaged(t *testing.T) {
	for _, junk := range [][]byte{{}, []byte("x"), make([]byte, 3*(slotSize+16)), make([]byte, 100)} {
		name := filepath.Join(t.TempDir(), "sms")
		now := noon
		l := Limits{Day: 10, Period: 50}
		require.NoError(t, os.WriteFile(name, junk, 0o600))
		a, err := Open(name, l, func() time.Time { return now })
		require.NoError(t, err)
		_, err = a.Reserve(1)
		limit := new(LimitError)
		require.ErrorAs(t, err, &limit)
		require.Equal(t, LimitError{"max_per_day", 10, 25, 1, noon.Add(day)}, *limit)
		u, err := Read(name, l, at(noon))
		require.NoError(t, err, "it is whole again")
		require.Equal(t, noon, u.Damaged)
		require.Equal(t, 25, u.Period.Used)
		now = noon.Add(day)
		_, err = a.Reserve(10)
		require.NoError(t, err)
		now = noon.Add(period)
		u, err = a.Usage()
		require.NoError(t, err)
		require.Equal(t, 10, u.Period.Used)
		require.Zero(t, u.Damaged)
	}
}

func TestLaterVersion(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sms")
	a, err := Open(name, Limits{Period: 10}, at(noon))
	require.NoError(t, err)
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	_, err = decodeState([]byte{version + 1, 1, 2, 3})
	require.ErrorIs(t, err, errVersion)
	writeValue(t, name, []byte{version + 1})
	_, err = a.Reserve(1)
	require.ErrorIs(t, err, errVersion)
	after, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NotEqual(t, whole, after)
	require.Contains(t, string(after), string([]byte{version + 1}), "it is left as it is")
}

// TestUnwritable shows that nothing is reserved where nothing can be written, and that it is once it can.
func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	blocker := filepath.Join(dir, "dir")
	require.NoError(t, os.WriteFile(blocker, nil, 0o600))
	a, err := Open(filepath.Join(blocker, "sms"), Limits{Period: 10}, at(noon))
	require.ErrorIs(t, err, syscall.ENOTDIR)
	_, err = a.Reserve(1)
	require.ErrorIs(t, err, syscall.ENOTDIR)
	require.NoError(t, os.Remove(blocker))
	r, err := a.Reserve(1)
	require.NoError(t, err)
	// It goes away in the middle of things.
	require.NoError(t, os.RemoveAll(blocker))
	require.NoError(t, os.WriteFile(blocker, nil, 0o600))
	require.Error(t, r.Release())
	require.NoError(t, r.Release(), "there is nothing left to release")
}

// TestDirectoryAsFile: what is no file is no account.
func TestDirectoryAsFile(t *testing.T) {
	a, err := Open(t.TempDir(), Limits{Period: 10}, at(noon))
	require.Error(t, err)
	_, err = a.Reserve(1)
	require.Error(t, err)
}

// TestFullDisk reserves on a file system without a free byte: what is there can be used, what is not cannot be made
// until there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if runtime.GOOS != "linux" {
		t.Skip("it needs a tmpfs")
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs, which needs root: %v %s", err, out)
	}
	defer func() { require.NoError(t, exec.Command("umount", "-l", dir).Run()) }()
	l := Limits{Period: 10}
	a, err := Open(filepath.Join(dir, "sms"), l, at(noon))
	require.NoError(t, err)
	filler := filepath.Join(dir, "filler")
	require.ErrorIs(t, os.WriteFile(filler, make([]byte, 128<<10), 0o600), syscall.ENOSPC)
	for range 10 {
		_, err := a.Reserve(1)
		require.NoError(t, err)
	}
	u, err := Read(filepath.Join(dir, "sms"), l, at(noon))
	require.NoError(t, err)
	require.Equal(t, 10, u.Period.Used)

	b, err := Open(filepath.Join(dir, "other"), l, at(noon))
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, err = b.Reserve(1)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, os.Remove(filler))
	_, err = b.Reserve(1)
	require.NoError(t, err)
	u, err = b.Usage()
	require.NoError(t, err)
	require.Equal(t, 1, u.Period.Used, "what failed is not counted, and no damage is seen")
}

// TestManyEntries reserves more often than there is room for times.
func TestManyEntries(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sms")
	const most = 3*maxEntries + 500
	now := noon
	a, err := Open(name, Limits{Period: most}, func() time.Time { return now })
	require.NoError(t, err)
	s, err := readState(name)
	require.NoError(t, err)
	step := period / (most + 1)
	for range most - 1 {
		now = now.Add(step)
		_, r := a.clock.read()
		s.advance(r)
		s.add(1)
		s.prune()
	}
	b := appendState(nil, &s)
	require.LessOrEqual(t, len(b), slotSize)
	writeValue(t, name, b)
	_, err = a.Reserve(1)
	require.NoError(t, err)
	_, err = a.Reserve(1)
	require.ErrorContains(t, err, "max_per_period")
	now = noon.Add(period + step*10)
	_, err = a.Reserve(1)
	require.NoError(t, err, "joining costs some hours, not the period")
}

// TestLocked: a process that has the lock and does not go on keeps nothing from being said.
func TestLocked(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := waitForLock(name, 0)
	require.NoError(t, err)
	_, err = waitForLock(name, 20*time.Millisecond)
	require.ErrorIs(t, err, errLocked)
	time.AfterFunc(20*time.Millisecond, unlock)
	unlock, err = waitForLock(name, 10*time.Second)
	require.NoError(t, err)
	unlock()
}

func TestGoroutines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sms")
	var wg sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	for range 4 {
		a, err := Open(name, Limits{Period: 25}, at(noon))
		require.NoError(t, err)
		for range 2 {
			wg.Go(func() {
				for range 6 {
					_, err := a.Reserve(1)
					if err == nil {
						mu.Lock()
						granted++
						mu.Unlock()
						continue
					}
					limit := new(LimitError)
					assert.ErrorAs(t, err, &limit)
				}
			})
		}
	}
	wg.Wait()
	require.Equal(t, 25, granted)
}

// childEnv names the account that a child process uses.
const childEnv = "SMSLIMIT_TEST_CHILD"

// childMain reserves parts, and releases some, until it is killed. It writes "+" before a reservation is asked for, "n"
// when it was not granted, "r" before and "-" after it is released.
func childMain() {
	a, err := Open(os.Getenv(childEnv), killLimits, at(noon))
	if err != nil {
		panic(err)
	}
	for {
		fmt.Println("+")
		r, err := a.Reserve(1)
		if err != nil {
			fmt.Println("n")
			time.Sleep(time.Millisecond)
			continue
		}
		fmt.Println("y")
		if rand.IntN(4) > 0 {
			fmt.Println("r")
			if err := r.Release(); err == nil {
				fmt.Println("-")
			}
		}
	}
}

var killLimits = Limits{Period: 40}

// TestKill kills three processes that share an account at random moments.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	name := filepath.Join(t.TempDir(), "sms")
	const children, rounds = 3, 25
	var mu sync.Mutex
	granted, least := 0, 0 // parts that were granted and not released; those that must count
	for range rounds {
		var wg sync.WaitGroup
		for range children {
			wg.Go(func() {
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), childEnv+"="+name)
				out, err := cmd.StdoutPipe()
				if !assert.NoError(t, err) || !assert.NoError(t, cmd.Start()) {
					return
				}
				time.AfterFunc(time.Duration(20+rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				lines := bufio.NewScanner(out)
				mine, releasing := 0, 0
				for lines.Scan() {
					switch strings.TrimSpace(lines.Text()) {
					case "y":
						mine++
					case "r":
						releasing = 1
					case "-":
						releasing = 0
						mine--
					}
				}
				_ = cmd.Wait()
				mu.Lock()
				granted += mine
				least += mine - releasing
				mu.Unlock()
			})
		}
		wg.Wait()
		u, err := Read(name, killLimits, at(noon))
		if err != nil {
			require.ErrorIs(t, err, fs.ErrNotExist)
			continue
		}
		require.Zero(t, u.Damaged)
		require.LessOrEqual(t, least, u.Period.Used)
		require.LessOrEqual(t, u.Period.Used, killLimits.Period)
		require.LessOrEqual(t, least, killLimits.Period)
	}
	t.Logf("%d granted, %d must count", granted, least)
	require.Positive(t, granted)
}

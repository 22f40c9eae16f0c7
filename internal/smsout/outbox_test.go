package smsout

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/dirlock"
	"telegraf-hologram/internal/smslimit"
)

func TestSend(t *testing.T) {
	r := newRig(t)
	r.socket.parts = 3
	r.socket.during = func() {
		require.Equal(t, 3, r.used(), "counted before it is sent")
		require.Equal(t, [2]int{0, 2}, r.told(), "pending before it is sent")
	}
	require.Equal(t, Result{Way: "socket", Parts: 3}, r.sent("socket", 1, 2))
	require.Equal(t, [2]int{2, 0}, r.told())
	require.Equal(t, 1, r.socket.finished)
	require.Empty(t, r.modem.sent)
	require.Equal(t, 0, r.modem.finished)

	for range 2 {
		result, err := r.send(2, 1)
		require.NoError(t, err)
		require.Equal(t, Result{Already: true}, result)
		_, err = r.send(2, 3)
		require.Equal(t, &PartlyToldError{[]uint64{2}}, err)
		require.True(t, r.o.Told(1))
		require.False(t, r.o.Told(3))
		r.open()
	}
	require.Len(t, r.socket.sent, 1)
	require.Equal(t, 3, r.used())
	r.socket.during = nil
	r.sent("socket")
	r.sent("socket")
	require.Len(t, r.socket.sent, 3, "without keys nothing is known")
	require.Equal(t, r.socket.sent[0].Reference+2, r.socket.sent[2].Reference)
}

// TestNotSent: what was not sent costs nothing, and is sent by the next way.
func TestNotSent(t *testing.T) {
	r := newRig(t)
	r.socket.answers = []error{failure(NotSent)}
	r.sent("modem", 1)
	require.Equal(t, 1, r.used())
	require.Equal(t, 1, r.socket.finished)
	r.modem.answers = []error{failure(NotSent)}
	down := r.down(2)
	require.ErrorIs(t, down, errCause)
	require.EqualError(t, down, "SMS cannot be sent now: socket: cause")
	require.Equal(t, &DownError{Err: down.Err}, down)
	require.Equal(t, 1, r.used())
	require.Equal(t, [2]int{1, 0}, r.told())
	r.modem.answers = nil
	r.sent("modem", 2)
}

// TestFallbackAfter: the second way is tried when the first has failed for long, over restarts, until it works.
func TestFallbackAfter(t *testing.T) {
	r := newRig(t)
	r.cfg.FallbackAfter = 10 * time.Minute
	r.open()
	r.socket.answers = []error{failure(NotSent)}
	require.Equal(t, noon.Add(10*time.Minute), r.down(1).By.UTC())
	r.now = noon.Add(9 * time.Minute)
	r.open()
	require.Equal(t, noon.Add(10*time.Minute), r.down(1).By.UTC())
	require.Empty(t, r.modem.sent)
	s, err := Read(filepath.Join(r.dir, "sms"), "socket", "modem")
	require.NoError(t, err)
	require.Equal(t, Status{Failing: []Failing{{"socket", noon}}}, s)
	r.now = noon.Add(10 * time.Minute)
	r.open()
	r.sent("modem", 1)
	r.sent("modem", 2)
	r.socket.answers = nil
	r.sent("socket", 3)
	r.socket.answers = []error{failure(NotSent)}
	require.Equal(t, noon.Add(20*time.Minute), r.down(4).By.UTC(), "it begins anew")
	r.now = noon // the clock was wrong
	require.Equal(t, noon.Add(10*time.Minute), r.down(4).By.UTC())
	require.Equal(t, [2]int{3, 0}, r.told())
}

// TestStopped: for a way that is stopped nothing waits, and it is left alone.
func TestStopped(t *testing.T) {
	r := newRig(t)
	r.cfg.FallbackAfter = time.Hour
	r.open()
	r.socket.answers = []error{failure(Stopped)}
	r.sent("modem", 1)
	r.sent("modem", 2)
	require.Len(t, r.socket.sent, 1)
	require.Equal(t, 2, r.used())
	r.modem.answers = []error{&WayError{Verdict: Stopped, Wait: time.Minute, Err: errCause}}
	require.Equal(t, noon.Add(time.Minute), r.down(3).Until)
	require.Equal(t, [2]int{2, 0}, r.told())
	r.now = noon.Add(firstStop)
	require.Equal(t, r.now.Add(time.Minute), r.down(3).Until)
	require.Len(t, r.socket.sent, 2)
	r.now = r.now.Add(firstStop)
	require.Equal(t, r.now.Add(time.Minute), r.down(3).Until)
	require.Len(t, r.socket.sent, 2, "twice as long")
	r.now = r.now.Add(firstStop)
	r.socket.answers = nil
	r.sent("socket", 3)
}

func TestRefused(t *testing.T) {
	r := newRig(t)
	r.cfg.FallbackAfter = time.Hour
	r.open()
	r.socket.plan = errCause
	r.sent("modem", 1)
	r.socket.plan, r.socket.answers = nil, []error{failure(Refused)}
	r.sent("modem", 2)
	r.modem.answers = []error{failure(Refused)}
	_, err := r.send(3)
	refused := new(RefusedError)
	require.ErrorAs(t, err, &refused)
	require.EqualError(t, err, "the SMS cannot be sent: socket: cause")
	require.Equal(t, [2]int{2, 0}, r.told())
	require.Equal(t, 2, r.used())

	r.socket.plan, r.modem.plan = errCause, errCause
	_, err = r.send(4)
	require.ErrorAs(t, err, &refused)
	_, err = r.o.Plan(Message{})
	require.ErrorAs(t, err, &refused)
	r.socket.plan = nil
	_, err = r.o.Plan(Message{Keys: make([]uint64, MaxKeys+1)})
	require.ErrorContains(t, err, "1025 keys")

	r.modem.answers = []error{failure(NotSent)}
	r.modem.plan = nil
	require.ErrorIs(t, r.down(5), errCause, "the modem may still take it")
}

func TestMaxParts(t *testing.T) {
	r := newRig(t)
	r.cfg.MaxParts = 2
	r.open()
	r.socket.parts, r.modem.parts = 3, 2
	parts, err := r.o.Plan(Message{})
	require.NoError(t, err)
	require.Equal(t, 2, parts)
	r.sent("modem", 1)
	r.modem.parts = 4
	_, err = r.send(2)
	long := new(TooLongError)
	require.ErrorAs(t, err, &long)
	require.Equal(t, TooLongError{3, 2}, *long)
	refused := new(RefusedError)
	require.ErrorAs(t, err, &refused)
}

// TestUnsure: what may have been sent goes no other way, and never again.
func TestUnsure(t *testing.T) {
	for _, err := range []error{failure(Unsure), errCause} {
		r := newRig(t)
		r.socket.parts, r.socket.answers = 3, []error{err}
		result := r.sent("socket", 1)
		require.ErrorIs(t, result.Err, errCause)
		require.Equal(t, Result{Way: "socket", Unsure: true, Parts: 3, Err: result.Err}, result)
		require.Empty(t, r.modem.sent)
		require.Equal(t, 3, r.used())
		require.Equal(t, [2]int{0, 1}, r.told())
		for range 2 {
			result, err := r.send(1)
			require.NoError(t, err)
			require.Equal(t, Result{Already: true, Unsure: true}, result)
			require.True(t, r.o.Told(1))
			r.open()
		}
	}
}

// TestUnsureInPart gives back the parts that were not tried.
func TestUnsureInPart(t *testing.T) {
	r := newRig(t)
	r.socket.parts, r.socket.answers = 5, []error{&WayError{Verdict: Unsure, Sent: 2, Err: errCause}}
	require.Equal(t, 2, r.sent("socket", 1).Parts)
	require.Equal(t, 2, r.used())
}

func TestAgain(t *testing.T) {
	r := newRig(t)
	r.cfg.Unsure = Again
	r.open()
	r.socket.answers = []error{failure(Unsure)}
	down := r.down(1)
	require.Equal(t, &DownError{Unsure: true, Parts: 1, Err: down.Err}, down)
	require.False(t, r.o.Told(1))
	r.open()
	require.True(t, r.down(1).Unsure)
	// Not sent, it is as unsure as before.
	r.socket.answers, r.modem.answers = []error{failure(NotSent)}, []error{failure(NotSent)}
	require.False(t, r.down(1).Unsure)
	r.open()
	r.socket.answers = []error{failure(Unsure)}
	require.Equal(t, Result{Way: "socket", Unsure: true, MayBeTwice: true, Parts: 1}, func() Result {
		result := r.sent("socket", 1)
		result.Err = nil
		return result
	}(), "three times is enough")
	require.True(t, r.o.Told(1))
	require.Equal(t, 3, r.used())

	require.True(t, r.down(2).Unsure)
	r.socket.answers = nil
	require.Equal(t, Result{Way: "socket", MayBeTwice: true, Parts: 1}, r.sent("socket", 2))
	require.Equal(t, [2]int{1, 1}, r.told())
}

// TestCrash ends the process while a message is on its way.
func TestCrash(t *testing.T) {
	for _, unsure := range []WhenUnsure{Skip, Again} {
		r := newRig(t)
		r.cfg.Unsure = unsure
		r.open()
		r.socket.during = func() { panic("crash") }
		require.Panics(t, func() { _, _ = r.send(1) })
		r.socket.during = nil
		r.open()
		require.Equal(t, 1, r.used())
		require.Equal(t, unsure == Skip, r.o.Told(1))
		result, err := r.send(1)
		require.NoError(t, err)
		if unsure == Skip {
			require.Equal(t, Result{Already: true, Unsure: true}, result)
			require.Equal(t, 1, r.used())
		} else {
			require.Equal(t, Result{Way: "socket", MayBeTwice: true, Parts: 1}, result)
			require.Equal(t, 2, r.used())
		}
	}
}

// TestCrashBefore ends the process while a way makes ready, as one does for long when the link is down: the message
// has counted, but it was not told.
func TestCrashBefore(t *testing.T) {
	r := newRig(t)
	r.socket.ready = func() { panic("crash") }
	require.Panics(t, func() { _, _ = r.send(1) })
	r.socket.ready = nil
	r.open()
	require.Equal(t, 1, r.used())
	require.False(t, r.o.Told(1))
	require.Equal(t, Result{Way: "socket", Parts: 1}, r.sent("socket", 1))
}

func TestLimit(t *testing.T) {
	r := newRig(t)
	r.limits = smslimit.Limits{Hour: 2, Period: 3}
	r.open()
	r.sent("socket", 1)
	r.sent("socket", 2)
	_, err := r.send(3)
	limit := new(smslimit.LimitError)
	require.ErrorAs(t, err, &limit)
	require.Equal(t, noon.Add(time.Hour), limit.Free)
	require.Equal(t, [2]int{2, 0}, r.told())
	r.now = limit.Free
	r.sent("socket", 3)
	// One that never fits is refused, and another way may need less.
	r.now = noon.Add(31 * 24 * time.Hour)
	r.socket.parts = 4
	r.sent("modem", 4)
	r.modem.parts = 4
	_, err = r.send(5)
	refused := new(RefusedError)
	require.ErrorAs(t, err, &refused)
	require.ErrorAs(t, err, &limit)
	// The first way is down, and for the second there is no room any more.
	r.limits.Period = 1
	r.open()
	r.socket.parts, r.modem.parts = 1, 1
	_, err = r.send(6)
	require.ErrorAs(t, err, &limit)
	require.NotErrorAs(t, err, &refused)
}

// TestCanceled: the end of the context is nobody's failure.
func TestCanceled(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.socket.during, r.socket.answers = cancel, []error{failure(NotSent)}
	_, err := r.o.Send(ctx, Message{Keys: []uint64{1}})
	down := new(DownError)
	require.ErrorAs(t, err, &down)
	require.Empty(t, r.modem.sent)
	s, err := Read(filepath.Join(r.dir, "sms"), "socket")
	require.NoError(t, err)
	require.Equal(t, Status{}, s)
	require.Equal(t, 0, r.used())
	for range 10 {
		_, err = r.o.Send(ctx, Message{Keys: []uint64{1}})
		require.ErrorAs(t, err, &down)
	}
}

// TestUnwritable: what cannot be written down is not sent, and is sent once it can.
func TestUnwritable(t *testing.T) {
	for _, what := range []string{"sms", "account"} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			r.sent("socket", 1)
			// A disk that fails under open files.
			r.o.journal.mu.Lock()
			if what == "sms" {
				require.NoError(t, r.o.journal.file.Close())
			}
			r.o.journal.mu.Unlock()
			name := filepath.Join(r.dir, what)
			require.NoError(t, os.Rename(name, name+".away"))
			blocker := name
			if what == "account" {
				require.NoError(t, os.Mkdir(blocker, 0o700))
			} else {
				require.NoError(t, os.WriteFile(blocker, nil, 0o600))
			}
			for range 3 {
				require.Error(t, r.down(2))
			}
			require.Len(t, r.socket.sent, 1)
			require.NoError(t, os.Remove(blocker))
			require.NoError(t, os.Rename(name+".away", name))
			r.sent("socket", 2)
			require.Equal(t, 2, r.used())
			require.Equal(t, [2]int{2, 0}, r.told())
			r.open()
			require.True(t, r.o.Told(1) && r.o.Told(2))
		})
	}
}

// TestUnwritableAfterwards: what was sent was sent, though it cannot be written down any more.
func TestUnwritableAfterwards(t *testing.T) {
	r := newRig(t)
	r.socket.during = func() { _ = r.o.journal.file.Close() }
	r.sent("socket", 1)
	require.Contains(t, r.log.text(), "W! What became of an SMS is not on the disk")
	r.socket.during = nil
	require.True(t, r.o.Told(1))
	r.sent("socket", 2)
	require.Equal(t, [2]int{2, 0}, r.told())
}

// TestFullDisk sends from a file system without a free byte.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it needs a tmpfs")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs, which needs root: %v %s", err, out)
	}
	defer func() { require.NoError(t, exec.Command("umount", "-l", dir).Run()) }()
	filler := filepath.Join(dir, "filler")
	require.ErrorIs(t, os.WriteFile(filler, make([]byte, 512<<10), 0o600), syscall.ENOSPC)
	account, err := smslimit.Open(filepath.Join(dir, "account"), smslimit.Limits{Period: 100}, nil)
	require.ErrorIs(t, err, syscall.ENOSPC)
	way := &fakeWay{name: "socket"}
	o, err := Open(Config{Ways: []Way{way}, Account: account, Directory: filepath.Join(dir, "sms")})
	require.ErrorIs(t, err, syscall.ENOSPC)
	defer func() { require.NoError(t, o.Close()) }()
	send := func(key uint64) error {
		_, err := o.Send(t.Context(), Message{Keys: []uint64{key}})
		return err
	}
	require.ErrorIs(t, send(1), syscall.ENOSPC)
	require.Empty(t, way.sent)
	require.NoError(t, os.Remove(filler))
	require.NoError(t, send(1))
	require.ErrorIs(t, os.WriteFile(filler, make([]byte, 512<<10), 0o600), syscall.ENOSPC)
	for key := range uint64(20) {
		require.NoError(t, send(2+key), "what is there is large enough")
	}
	require.Len(t, way.sent, 21)
}

func TestTwoOutboxes(t *testing.T) {
	r := newRig(t)
	other, err := Open(Config{Ways: []Way{r.socket}, Account: r.o.cfg.Account, Directory: filepath.Join(r.dir, "sms")})
	locked := new(dirlock.LockedError)
	require.ErrorAs(t, err, &locked)
	_, err = other.Send(t.Context(), Message{})
	require.ErrorAs(t, err, &locked)
	require.Empty(t, r.socket.sent)
	r.o.journal.close()
	_, err = other.Send(t.Context(), Message{})
	require.NoError(t, err)
	require.NoError(t, other.Close())
}

func TestConfig(t *testing.T) {
	account, err := smslimit.Open("", smslimit.Limits{Period: 1}, nil)
	require.NoError(t, err)
	w := func(name string) Way { return &fakeWay{name: name} }
	for _, cfg := range []Config{
		{}, {Account: account}, {Ways: []Way{w("a")}}, {Ways: []Way{w("a"), w("a")}, Account: account},
		{Ways: []Way{w("1"), w("2"), w("3"), w("4"), w("5")}, Account: account},
	} {
		o, err := Open(cfg)
		require.ErrorIs(t, err, errWays)
		_, err = o.Send(t.Context(), Message{})
		require.ErrorIs(t, err, errWays)
	}
}

// TestMemory needs no disk.
func TestMemory(t *testing.T) {
	account, err := smslimit.Open("", smslimit.Limits{Period: 2}, nil)
	require.NoError(t, err)
	way := &fakeWay{name: "socket"}
	o, err := Open(Config{Ways: []Way{way}, Account: account})
	require.NoError(t, err)
	defer func() { require.NoError(t, o.Close()) }()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for key := range uint64(2) {
				_, _ = o.Send(context.Background(), Message{Keys: []uint64{key}})
			}
		})
	}
	wg.Wait()
	require.Len(t, way.sent, 2)
}

// TestDamage: of a journal that cannot be read it is said, and one slot by itself takes nothing.
func TestDamage(t *testing.T) {
	r := newRig(t)
	r.sent("socket", 1)
	name := fileName(filepath.Join(r.dir, "sms"))
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	for i := range 3 {
		spoilt := append([]byte(nil), whole...)
		clear(spoilt[i*len(whole)/3:][:len(whole)/3])
		require.NoError(t, os.WriteFile(name, spoilt, 0o600))
		r.open()
		require.True(t, r.o.Told(1))
	}
	require.NoError(t, os.WriteFile(name, []byte("junk"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "account"), []byte("junk"), 0o600))
	_, err = Read(filepath.Join(r.dir, "sms"))
	require.ErrorIs(t, err, errDamaged)
	r.open()
	require.False(t, r.o.Told(1))
	require.Contains(t, r.log.text(), "the journal of SMS in "[1:])
	require.Contains(t, r.log.text(), "W! The account of SMS was damaged at 2026-11-23T12:00:00Z")
	require.Equal(t, 50, r.used())
	_, err = Read(filepath.Join(r.dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestManyKeys(t *testing.T) {
	r := newRig(t)
	keys := make([]uint64, MaxKeys)
	for round := range uint64(3) {
		for i := range keys {
			keys[i] = round<<32 | uint64(i)
		}
		r.sent("socket", keys...)
	}
	require.Equal(t, [2]int{keptKeys, 0}, r.told())
	require.False(t, r.o.Told(0))
	require.True(t, r.o.Told(1<<32) && r.o.Told(2<<32))
	r.sent("socket", 7, 7, 7)
	require.True(t, r.o.Told(7))
	require.False(t, r.o.Told(1<<32))
	require.True(t, r.o.Told(1<<32|1))
}

// TestPrivate: neither number nor text are where they are printed by accident.
func TestPrivate(t *testing.T) {
	m := Message{To: "+15125550100", Text: "secret"}
	for _, s := range []string{fmt.Sprint(m), fmt.Sprintf("%v %+v %#v %s", m, m, m, m)} {
		require.NotContains(t, s, "secret")
		require.NotContains(t, s, "5550100")
	}
}

package queue

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/dirlock"
)

func ExampleDisk() {
	dir, _ := os.MkdirTemp("", "")
	defer func() { _ = os.RemoveAll(dir) }()
	limits := Limits{Bytes: 64 << 20, MaxAge: 7 * 24 * time.Hour, Full: DropOldest}

	q, err := OpenDisk(dir, limits)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = q.Append([][]byte{[]byte("one"), []byte("two"), []byte("three")}, time.Now())
	records, _ := q.Next(2, OldestFirst)
	for _, r := range records {
		fmt.Println(string(r.Data))
	}
	_ = q.Ack(1) // "one" was delivered
	_ = q.Close()

	// After a restart what was not acknowledged waits again.
	q, _ = OpenDisk(dir, limits)
	records, _ = q.Next(10, OldestFirst)
	for _, r := range records {
		fmt.Println("again:", string(r.Data))
	}
	_ = q.Close()
	// Output:
	// one
	// two
	// again: two
	// again: three
}

const large = 64 << 20 // a limit that is not reached

func openTest(t testing.TB, dir string, limits Limits) *Disk {
	t.Helper()
	q, err := OpenDisk(dir, limits)
	require.NoError(t, err)
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func reopen(t testing.TB, q *Disk) *Disk {
	t.Helper()
	require.NoError(t, q.Close())
	return openTest(t, q.dir, q.limits)
}

// take takes what waits and returns it; it stays in flight.
func take(t require.TestingT, q interface {
	Next(int, Order) ([]Record, error)
}) []string {
	records, err := q.Next(1<<30, OldestFirst)
	require.NoError(t, err)
	return data(records)
}

func texts(from, n int) []string {
	var out []string
	for _, r := range records(from, n) {
		out = append(out, string(r))
	}
	return out
}

func files(t testing.TB, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	return names
}

// balance checks that every record is accounted for.
func balance(t require.TestingT, q interface {
	Stats() Stats
	Len() int
}) {
	s := q.Stats()
	require.Equal(t, s.Found+s.Appended, s.Acked+s.Dropped()+s.Lost+uint64(q.Len()), "%+v, len %d", s, q.Len())
}

func TestDiskFirstInFirstOut(t *testing.T) {
	q := openTest(t, filepath.Join(t.TempDir(), "new", "queue"), Limits{Bytes: large})
	at := time.Now().Round(0)
	require.NoError(t, q.Append(records(0, 3), at))
	require.NoError(t, q.Append(records(3, 2), at.Add(time.Second)))
	require.Equal(t, 5, q.Len())
	require.Positive(t, q.Bytes())

	first, err := q.Next(2, OldestFirst)
	require.NoError(t, err)
	require.Equal(t, texts(0, 2), data(first))
	require.Equal(t, at, first[1].At)
	second, err := q.Next(10, OldestFirst)
	require.NoError(t, err)
	require.Equal(t, texts(2, 3), data(second))
	require.Equal(t, at, second[0].At, "the time is known in the middle of a chunk")
	require.Equal(t, at.Add(time.Second), second[2].At)
	require.Empty(t, take(t, q))
	require.Equal(t, 5, q.Len(), "records in flight count until they are acknowledged")

	require.NoError(t, q.Ack(2))
	require.Equal(t, 3, q.Len())
	q = reopen(t, q)
	require.Equal(t, 3, q.Len())
	again, err := q.Next(10, OldestFirst)
	require.NoError(t, err)
	require.Equal(t, second, again)
	require.NoError(t, q.Ack(4), "more than is in flight is all of it")
	require.Zero(t, q.Len())
	require.Equal(t, Stats{Found: 3, Acked: 3}, q.Stats())
	q = reopen(t, q)
	require.Zero(t, q.Len())
}

func TestDiskNewestFirst(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: large})
	require.NoError(t, q.Append(records(0, 10), time.Now()))
	got, err := q.Next(3, NewestFirst)
	require.NoError(t, err)
	require.Equal(t, texts(7, 3), data(got))
	require.NoError(t, q.Append(records(10, 2), time.Now()))
	got, err = q.Next(4, NewestFirst)
	require.NoError(t, err)
	require.Equal(t, []string{"000005", "000006", "000010", "000011"}, data(got))
	require.NoError(t, q.Ack(4))
	q = reopen(t, q)
	require.Equal(t, append(texts(0, 5), "000006", "000010", "000011"), take(t, q))
	require.NoError(t, q.Ack(5))
	q = reopen(t, q)
	require.Equal(t, []string{"000006", "000010", "000011"}, take(t, q))
}

// TestDiskManyHoles makes newest first leave records waiting in as many places as it can, in one segment and in many.
func TestDiskManyHoles(t *testing.T) {
	for _, recordSize := range []int{20, 500, 4000} {
		q := openTest(t, t.TempDir(), Limits{Bytes: large})
		const chunks, size = 300, 20
		seen := make(map[int]bool)
		ack := func() {
			got, err := q.Next(2, NewestFirst)
			require.NoError(t, err)
			require.Len(t, got, 2)
			last := -1
			for _, r := range got {
				n := numberOf(r.Data)
				require.Greater(t, n, last)
				require.False(t, seen[n], "%d came again", n)
				seen[n], last = true, n
			}
			require.NoError(t, q.Ack(2))
			require.LessOrEqual(t, q.holes(), maxHoles)
		}
		for i := range chunks {
			require.NoError(t, q.Append(numbered(i*size, size, recordSize), time.Now()))
			ack()
			if i%50 == 0 {
				q = reopen(t, q)
			}
		}
		for q.Len() > 0 {
			ack()
		}
		require.Len(t, seen, chunks*size)
	}
}

func TestDiskEmptyAndLongRecords(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: large})
	long := bytes.Repeat([]byte("long"), 1<<18)
	in := [][]byte{{}, []byte("a"), {}, long, {}, []byte("b"), make([]byte, maxRecord+1), make([]byte, 100)}
	require.NoError(t, q.Append(nil, time.Now()))
	require.NoError(t, q.Append(in, time.Time{}))
	q = reopen(t, q)
	got, err := q.Next(100, OldestFirst)
	require.NoError(t, err)
	want := slices.Delete(slices.Clone(in), 6, 7)
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i].Data), i)
	}
	require.Zero(t, q.Stats().Damaged)
}

// TestDiskKeepsFewFiles shows that an idle queue has one small file, whatever went through it, and that what is
// acknowledged gives its room back.
func TestDiskKeepsFewFiles(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: large})
	for i := range 10 {
		require.NoError(t, q.Append(records(i, 5), time.Now()))
		take(t, q)
		require.NoError(t, q.Ack(5))
	}
	require.Len(t, files(t, q.dir, "*.log"), 1, "small flushes share a file")
	chunk := [][]byte{make([]byte, 100<<10)}
	for range 20 {
		require.NoError(t, q.Append(chunk, time.Now()))
	}
	require.Greater(t, q.Bytes(), int64(20*100<<10))
	require.Len(t, take(t, q), 20)
	require.NoError(t, q.Ack(20))
	require.Len(t, files(t, q.dir, "*.log"), 1)
	require.LessOrEqual(t, q.Bytes(), int64(segmentMost))
	q = reopen(t, q)
	require.NoError(t, q.Append(records(0, 1), time.Now()))
	require.Len(t, files(t, q.dir, "*.log"), 1)
	require.Equal(t, texts(0, 1), take(t, q))
}

func TestDiskLocked(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: large})
	_, err := OpenDisk(q.dir, q.limits)
	var locked *dirlock.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, dirlock.LockedError{Dir: q.dir, PID: os.Getpid()}, *locked)
	require.Contains(t, err.Error(), strconv.Itoa(os.Getpid()))
	require.NoError(t, q.Close())
	openTest(t, q.dir, q.limits)
}

func TestDiskCannotOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := OpenDisk(file, Limits{Bytes: large})
	require.ErrorIs(t, err, syscall.ENOTDIR)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "cursor"), 0o700))
	_, err = OpenDisk(dir, Limits{Bytes: large})
	require.ErrorContains(t, err, "cursor")
	require.NoError(t, os.Remove(filepath.Join(dir, "cursor")))
	openTest(t, dir, Limits{Bytes: large})
}

func TestDiskClosed(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: large})
	require.NoError(t, q.Append(records(0, 3), time.Now()))
	require.NoError(t, q.Close())
	require.Equal(t, 3, q.Len())
	require.ErrorIs(t, q.Append(records(0, 1), time.Now()), ErrClosed)
	require.ErrorIs(t, q.Ack(1), ErrClosed)
	require.ErrorIs(t, q.Close(), ErrClosed)
	_, err := q.Next(1, OldestFirst)
	require.ErrorIs(t, err, ErrClosed)
}

func TestDiskFull(t *testing.T) {
	const limit = 64 << 10
	chunk := func(from int) [][]byte {
		var out [][]byte
		for i := range 10 {
			out = append(out, fmt.Appendf(nil, "%06d%094d", from+i, 0))
		}
		return out
	}
	fill := func(t *testing.T, q *Disk, n int) {
		for i := range n {
			require.NoError(t, q.Append(chunk(10*i), time.Now()))
			require.LessOrEqual(t, q.Bytes(), int64(limit))
			balance(t, q)
		}
	}
	t.Run("drop_oldest", func(t *testing.T) {
		q := openTest(t, t.TempDir(), Limits{Bytes: limit})
		fill(t, q, 200)
		require.Greater(t, q.Bytes(), int64(limit-limit/segmentShare-4096))
		held := q.Len()
		require.EqualValues(t, 2000-held, q.Stats().DroppedFull)
		q = reopen(t, q)
		got := take(t, q)
		require.Len(t, got, held)
		require.Equal(t, fmt.Sprintf("%06d", 2000-held), got[0][:6])
		require.Equal(t, "001999", got[held-1][:6])
	})
	t.Run("drop_newest", func(t *testing.T) {
		q := openTest(t, t.TempDir(), Limits{Bytes: limit, Full: DropNewest})
		fill(t, q, 200)
		require.Greater(t, q.Bytes(), int64(limit-200))
		held := q.Len()
		q = reopen(t, q)
		got := take(t, q)
		require.Len(t, got, held)
		require.Equal(t, "000000", got[0][:6])
		require.Equal(t, fmt.Sprintf("%06d", held-1), got[held-1][:6])
		require.NoError(t, q.Ack(held))
		require.NoError(t, q.Append(chunk(0), time.Now()))
		require.Equal(t, 10, q.Len(), "there is room again")
	})
	t.Run("in_flight_stays", func(t *testing.T) {
		q := openTest(t, t.TempDir(), Limits{Bytes: limit})
		fill(t, q, 40)
		got, err := q.Next(15, OldestFirst)
		require.NoError(t, err)
		fill(t, q, 100)
		require.Equal(t, 15, q.flying)
		require.NoError(t, q.Ack(15))
		rest := take(t, q)
		require.Equal(t, "000014", data(got)[14][:6])
		require.Equal(t, "000015", rest[0][:6], "its segment stays")
		balance(t, q)
		fill(t, q, 100)
		require.Equal(t, len(rest), q.flying, "all in flight: what arrives has to go")
	})
	t.Run("smaller_limit", func(t *testing.T) {
		q := openTest(t, t.TempDir(), Limits{Bytes: limit})
		fill(t, q, 50)
		require.NoError(t, q.Close())
		q = openTest(t, q.dir, Limits{Bytes: limit / 4})
		got, err := q.Next(400, OldestFirst)
		require.NoError(t, err)
		require.NoError(t, q.Append(chunk(0), time.Now()))
		require.EqualValues(t, 10, q.Stats().DroppedFull-uint64(500-len(got)-q.waiting), "what is in flight stays")
		require.NoError(t, q.Ack(400))
		fill(t, q, 1)
		require.LessOrEqual(t, q.Bytes(), int64(limit/4))
	})
	t.Run("larger_than_all", func(t *testing.T) {
		q := openTest(t, t.TempDir(), Limits{Bytes: limit})
		fill(t, q, 10)
		require.NoError(t, q.Append([][]byte{make([]byte, limit), []byte("small")}, time.Now()))
		require.Equal(t, 101, q.Len(), "a record that can never fit does not empty the queue")
		require.EqualValues(t, 1, q.Stats().DroppedFull)
	})
	t.Run("chunk_larger_than_all", func(t *testing.T) {
		q := openTest(t, t.TempDir(), Limits{Bytes: limit})
		fill(t, q, 10)
		require.NoError(t, q.Append(records(0, 20_000), time.Now()))
		balance(t, q)
		got := take(t, q)
		require.Equal(t, "019999", got[len(got)-1])
		require.True(t, slices.IsSorted(got))
	})
}

func TestDiskAge(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // The bubble begins in 2000.
		q := openTest(t, dir, Limits{Bytes: large, MaxAge: time.Minute})
		require.NoError(t, q.Append(records(0, 3), time.Now()))
		inFlight, err := q.Next(1, OldestFirst)
		require.NoError(t, err)
		time.Sleep(40 * time.Second)
		require.NoError(t, q.Append(records(3, 1), time.Now()))
		require.NoError(t, q.Append(records(4, 1), time.Unix(1000, 0)))
		require.NoError(t, q.Append(records(5, 1), time.Now().Add(time.Hour)))
		time.Sleep(40 * time.Second)
		require.Equal(t, texts(3, 3), take(t, q))
		require.Equal(t, Stats{Appended: 6, DroppedAge: 2}, q.Stats())
		require.NoError(t, q.Ack(len(inFlight)), "what is in flight does not age")
		require.Equal(t, 3, q.Len())
		q = reopen(t, q)
		require.Equal(t, 3, q.Len())
		time.Sleep(time.Minute)
		require.NoError(t, q.Append(records(6, 1), time.Now()))
		require.Equal(t, texts(4, 3), take(t, q), "a clock that was not set, or ran ahead, is no reason to drop")
		require.NoError(t, q.Ack(3))
		q = reopen(t, q)
		require.NoError(t, q.Append(records(10, 5), time.Now()))
		time.Sleep(2 * time.Minute)
		require.NoError(t, q.Append(records(15, 1), time.Now()))
		require.Equal(t, 1, q.Len(), "Append drops too")
		require.Equal(t, texts(15, 1), take(t, q))
		balance(t, q)
	})
}

// TestDiskAgeModel appends records of any age, and wants exactly those that are not too old.
func TestDiskAgeModel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		q, err := OpenDisk(filepath.Join(dir, strconv.Itoa(runs)), Limits{Bytes: 256 << 10, MaxAge: 10 * time.Hour})
		require.NoError(t, err)
		defer func() { _ = q.Close() }()
		var waiting []string
		var flight int
		next, old := 0, uint64(0)
		drops := q.Stats().DroppedAge
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				n := rapid.SampledFrom([]int{1, 10, 1000}).Draw(t, "append")
				age := time.Duration(rapid.SampledFrom([]int{-5, 0, 9, 11, 20, 600_000}).Draw(t, "hours")) * time.Hour
				if q.Bytes() > 200<<10 {
					continue
				}
				require.NoError(t, q.Append(records(next, n), time.Now().Add(-age)))
				if age > 10*time.Hour && age < 500_000*time.Hour {
					old += uint64(n)
				} else {
					waiting = append(waiting, texts(next, n)...)
				}
				next += n
			case 2:
				order := Order(rapid.IntRange(0, 1).Draw(t, "order"))
				n := rapid.SampledFrom([]int{1, 100, 1500}).Draw(t, "next")
				got, err := q.Next(n, order)
				require.NoError(t, err)
				n = min(n, len(waiting))
				if order == NewestFirst {
					require.Equal(t, append([]string(nil), waiting[len(waiting)-n:]...), data(got))
					waiting = waiting[:len(waiting)-n]
				} else {
					require.Equal(t, append([]string(nil), waiting[:n]...), data(got))
					waiting = waiting[n:]
				}
				require.Equal(t, old, q.Stats().DroppedAge-drops)
				flight += n
			case 3:
				require.NoError(t, q.Ack(flight))
				flight = 0
				if rapid.Bool().Draw(t, "reopen") {
					_, err := q.Next(0, OldestFirst)
					require.NoError(t, err)
					require.NoError(t, q.Close())
					q, err = OpenDisk(q.dir, q.limits)
					require.NoError(t, err)
					require.Equal(t, len(waiting), q.Len())
					old, drops = 0, 0
				}
			}
			balance(t, q)
		}
	})
}

// failing is a set of calls of which some fail while an error is set.
type failing struct {
	read, write, sync, truncate error
	short                       int // bytes that a failing write writes
	syncs                       int // how many syncs fail before they work again, 0: all
}

func (f *failing) calls() calls {
	return calls{
		readAt: func(file *os.File, b []byte, off int64) (int, error) {
			if f.read != nil && off <= 5000 && off+int64(len(b)) > 5000 {
				return 0, f.read
			}
			return file.ReadAt(b, off)
		},
		writeAt: func(file *os.File, b []byte, off int64) (int, error) {
			if f.write != nil {
				n, _ := file.WriteAt(b[:min(f.short, len(b))], off)
				return n, f.write
			}
			return file.WriteAt(b, off)
		},
		sync: func(*os.File) error {
			err := f.sync
			if f.syncs--; f.syncs == 0 {
				f.sync = nil
			}
			return err
		},
		truncate: func(file *os.File, size int64) error {
			if f.truncate != nil {
				return f.truncate
			}
			return file.Truncate(size)
		},
	}
}

func TestDiskWriteFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  failing
		rolls bool  // to a new segment
		err   error // of Append
	}{
		{"no_space", failing{write: syscall.ENOSPC}, false, syscall.ENOSPC},
		{"short_write", failing{write: syscall.ENOSPC, short: 50}, false, syscall.ENOSPC},
		{"short_write_that_stays", failing{write: syscall.EIO, short: 50, truncate: syscall.EIO}, true, syscall.EIO},
		{"sync", failing{sync: syscall.EIO, syncs: 1}, true, nil},
		{"sync_that_stays", failing{sync: syscall.EIO, syncs: 1, truncate: syscall.EIO}, true, nil},
		{"sync_twice", failing{sync: syscall.EIO}, true, syscall.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f failing
			q, err := openDisk(t.TempDir(), Limits{Bytes: large}, f.calls())
			require.NoError(t, err)
			require.NoError(t, q.Append(records(0, 5), time.Now()))
			first := q.tail
			f = c.fail
			err = q.Append(records(5, 5), time.Now())
			require.ErrorIs(t, err, c.err)
			want := texts(0, 5)
			if err == nil {
				want = append(want, texts(5, 5)...)
			}
			require.Equal(t, len(want), q.Len())
			f = failing{}
			require.NoError(t, q.Append(records(10, 5), time.Now()))
			require.Equal(t, c.rolls, q.tail != first)
			want = append(want, texts(10, 5)...)
			balance(t, q)
			q = reopen(t, q)
			require.Equal(t, want, take(t, q))
			require.NoError(t, q.Ack(len(want)))
			require.NoError(t, q.Close())
		})
	}
}

// TestDiskWriteFailsAcrossSegments fails in the last of several segments that a chunk needs.
func TestDiskWriteFailsAcrossSegments(t *testing.T) {
	var f failing
	calls := f.calls()
	left := 3
	write := calls.writeAt
	calls.writeAt = func(file *os.File, b []byte, off int64) (int, error) {
		if left--; left == 0 {
			return 0, syscall.ENOSPC
		}
		return write(file, b, off)
	}
	q, err := openDisk(t.TempDir(), Limits{Bytes: 64 << 10}, calls)
	require.NoError(t, err)
	require.ErrorIs(t, q.Append(records(0, 1500), time.Now()), syscall.ENOSPC)
	require.Zero(t, q.Len())
	require.Empty(t, files(t, q.dir, "*.log"))
	require.NoError(t, q.Append(records(0, 1500), time.Now()))
	require.NoError(t, q.Close())
	q = openTest(t, q.dir, q.limits)
	require.Equal(t, texts(0, 1500), take(t, q))
}

// TestDiskReaderDoesNotWait takes and releases records while an Append waits for the disk.
func TestDiskReaderDoesNotWait(t *testing.T) {
	var f failing
	calls := f.calls()
	entered, leave := make(chan struct{}), make(chan struct{})
	calls.sync = func(*os.File) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	q, err := openDisk(t.TempDir(), Limits{Bytes: large}, calls)
	require.NoError(t, err)
	done := make(chan error)
	add := func(from int) { done <- q.Append(records(from, 5), time.Now()) }
	go add(0)
	<-entered
	leave <- struct{}{}
	require.NoError(t, <-done)
	go add(5)
	<-entered
	require.Equal(t, texts(0, 5), take(t, q), "and nothing that is not on the disk yet")
	require.NoError(t, q.Ack(5))
	require.Zero(t, q.Len())
	leave <- struct{}{}
	require.NoError(t, <-done)
	require.Equal(t, texts(5, 5), take(t, q))
	require.NoError(t, q.Close())
}

// TestDiskReadFails has a page that cannot be read.
func TestDiskReadFails(t *testing.T) {
	var f failing
	q, err := openDisk(t.TempDir(), Limits{Bytes: large}, f.calls())
	require.NoError(t, err)
	require.NoError(t, q.Append(records(0, 2000), time.Now()))
	f.read = syscall.EMFILE
	_, err = q.Next(10, OldestFirst)
	require.ErrorIs(t, err, syscall.EMFILE, "it may be readable later")
	require.Equal(t, 2000, q.Len())
	f.read = syscall.EIO
	got := take(t, q)
	require.Less(t, len(got), 2000-4096/14+2)
	require.Greater(t, len(got), 2000-4096/14-3)
	require.True(t, slices.IsSorted(got))
	require.EqualValues(t, 1, q.Stats().Damaged)
	require.EqualValues(t, 2000-len(got), q.Stats().Lost)
	balance(t, q)
	require.NoError(t, q.Ack(len(got)))
	require.NoError(t, q.Append(records(2000, 10), time.Now()))
	require.Equal(t, texts(2000, 10), take(t, q))
	require.NoError(t, q.Close())
}

// TestDiskModel drives a queue and a plain list with the same random calls, with restarts.
func TestDiskModel(t *testing.T) {
	t.Parallel() // It waits for the disk most of the time.
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		limits := Limits{Bytes: rapid.SampledFrom([]int64{40 << 10, large}).Draw(t, "limit"), Full: DropNewest}
		q, err := OpenDisk(filepath.Join(dir, strconv.Itoa(n)), limits)
		require.NoError(t, err)
		defer func() { _ = q.Close() }()
		var inFlight, waiting []string
		next := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				n := rapid.SampledFrom([]int{0, 1, 2, 10, 100, 700}).Draw(t, "append")
				before := q.Stats().DroppedFull
				require.NoError(t, q.Append(records(next, n), time.Now()))
				waiting = append(waiting, texts(next, n-int(q.Stats().DroppedFull-before))...)
				next += n
			case 1:
				order := rapid.SampledFrom([]Order{OldestFirst, NewestFirst}).Draw(t, "order")
				n := rapid.SampledFrom([]int{0, 1, 5, 50, 400, 5000}).Draw(t, "next")
				got, err := q.Next(n, order)
				require.NoError(t, err)
				n = min(n, len(waiting))
				var want []string
				if order == NewestFirst {
					want = slices.Clone(waiting[len(waiting)-n:])
					waiting = waiting[:len(waiting)-n]
				} else {
					want = slices.Clone(waiting[:n])
					waiting = waiting[n:]
				}
				require.Equal(t, append([]string(nil), want...), data(got))
				inFlight = append(inFlight, want...)
			case 2:
				n := rapid.IntRange(0, len(inFlight)).Draw(t, "ack")
				require.NoError(t, q.Ack(n))
				inFlight = inFlight[n:]
			case 3:
				require.NoError(t, q.Close())
				q, err = OpenDisk(q.dir, limits)
				require.NoError(t, err)
				waiting = append(inFlight, waiting...)
				slices.Sort(waiting)
				inFlight = nil
			}
			require.Equal(t, len(inFlight)+len(waiting), q.Len())
			require.LessOrEqual(t, q.Bytes(), limits.Bytes)
			require.Zero(t, q.Stats().Damaged)
			balance(t, q)
		}
	})
}

func TestDiskOldest(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenDisk(dir, Limits{Bytes: 1 << 20})
	require.NoError(t, err)
	require.Zero(t, d.Oldest())
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 5 {
		require.NoError(t, d.Append(records(10*i, 10), first.Add(time.Duration(i)*time.Hour)))
	}
	require.True(t, first.Equal(d.Oldest()))
	_, err = d.Next(25, OldestFirst)
	require.NoError(t, err)
	require.True(t, first.Equal(d.Oldest()), "what is in flight counts")
	require.NoError(t, d.Ack(25))
	require.True(t, first.Add(2*time.Hour).Equal(d.Oldest()))
	require.NoError(t, d.Close())
	d, err = OpenDisk(dir, Limits{Bytes: 1 << 20})
	require.NoError(t, err)
	require.True(t, first.Add(2*time.Hour).Equal(d.Oldest()))
	_, err = d.Next(25, OldestFirst)
	require.NoError(t, err)
	require.NoError(t, d.Ack(25))
	require.Zero(t, d.Oldest())
	require.NoError(t, NewSpill(d, Limits{Bytes: 1 << 20}).Close())
}

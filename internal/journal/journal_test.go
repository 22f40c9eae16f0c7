package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/dirlock"
)

// begin is when the entries of tests begin; they are a second apart.
var begin = time.Unix(1_700_000_000, 0)

func idOf(n int) (id ID) {
	binary.BigEndian.PutUint64(id[:], uint64(n)+1)
	id[idSize-1] = 0xee // no zeros at the end, which a file that grew would complete
	return id
}

// numbered returns entry n, whose data begin with its number.
func numbered(n, size int) Entry {
	data := fmt.Sprintf("entry %d ", n)
	data += strings.Repeat("x", max(size-len(data), 0))
	return Entry{ID: idOf(n), Type: byte(n), Time: begin.Add(time.Duration(n) * time.Second), Data: []byte(data)}
}

func openTest(t require.TestingT, dir string, limit int64) *Journal {
	j, err := Open(dir, limit)
	require.NoError(t, err)
	if t, ok := t.(*testing.T); ok {
		t.Cleanup(func() { _ = j.Close() })
	}
	return j
}

func reopen(t require.TestingT, j *Journal) *Journal {
	require.NoError(t, j.Close())
	return openTest(t, j.dir, j.limit)
}

// crash leaves a journal as the end of its process does.
func crash(j *Journal) {
	_ = j.closeFiles()
	j.closed = true
}

func fill(t require.TestingT, j *Journal, from, n, size int) {
	for i := range n {
		require.NoError(t, j.Append(numbered(from+i, size)))
	}
}

func numbersOf(entries []Entry) (numbers []int) {
	for _, e := range entries {
		numbers = append(numbers, int(binary.BigEndian.Uint64(e.ID[:]))-1)
	}
	return numbers
}

func unprinted(t require.TestingT, j *Journal) []int {
	entries, err := j.Unprinted(1 << 20)
	require.NoError(t, err)
	return numbersOf(entries)
}

// readAll returns the numbers of all entries of a directory.
func readAll(t require.TestingT, dir string, since time.Time) []int {
	var entries []Entry
	_, err := Read(dir, since, func(e Entry) error {
		entries = append(entries, e.clone())
		return nil
	})
	require.NoError(t, err)
	return numbersOf(entries)
}

// upTo returns the numbers from a to b, b not included.
func upTo(a, b int) (numbers []int) {
	for i := a; i < b; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

func TestJournal(t *testing.T) {
	j := openTest(t, filepath.Join(t.TempDir(), "a", "journal"), 1<<20)
	require.Empty(t, unprinted(t, j))
	want := Entry{ID: ID{1}, Also: []ID{{2}, {3}}, Type: 7, Time: time.Unix(5, 6), Data: []byte("text\x00\xff")}
	require.NoError(t, j.Append(want))
	require.NoError(t, j.Append(Entry{ID: ID{4}}))
	for range 2 {
		for id, known := range map[ID]bool{{1}: true, {2}: true, {3}: true, {4}: true, {5}: false, {}: false} {
			require.Equal(t, known, j.Has(id), id)
		}
		require.ErrorIs(t, j.Append(want), ErrKnown)
		require.ErrorIs(t, j.Append(Entry{ID: ID{3}}), ErrKnown)
		got, err := j.Unprinted(10)
		require.NoError(t, err)
		require.Equal(t, []Entry{want, {ID: ID{4}, Time: time.Unix(0, 0), Data: []byte{}}}, got)
		got, err = j.Unprinted(1)
		require.NoError(t, err)
		require.Equal(t, []Entry{want}, got)
		j = reopen(t, j)
	}
	require.NoError(t, j.MarkPrinted(ID{1}, ID{1}, ID{9}))
	require.NoError(t, j.MarkPrinted(ID{1}))
	for range 2 {
		require.True(t, j.Has(ID{1}))
		got, err := j.Unprinted(10)
		require.NoError(t, err)
		require.Equal(t, ID{4}, got[0].ID)
		require.Len(t, got, 1)
		require.Equal(t, Stats{Bytes: j.Stats().Bytes, Known: 4, Unprinted: 1}, j.Stats())
		j = reopen(t, j)
	}
	require.NoError(t, j.Close())
	require.ErrorIs(t, j.Append(want), ErrClosed)
	require.ErrorIs(t, j.MarkPrinted(ID{1}), ErrClosed)
	require.ErrorIs(t, j.Close(), ErrClosed)
	_, err := j.Unprinted(1)
	require.ErrorIs(t, err, ErrClosed)
}

func TestEntryTellsNothing(t *testing.T) {
	e := Entry{ID: ID{1}, Data: []byte("secret")}
	require.Equal(t, "entry 01000000000000000000000000000000 entry 01000000000000000000000000000000", fmt.Sprintf("%v %#v", e, e))
}

func TestRead(t *testing.T) {
	j := openTest(t, t.TempDir(), 1<<20)
	fill(t, j, 0, 100, 5000)
	require.NoError(t, j.MarkPrinted(idOf(3), idOf(99)))
	require.Equal(t, upTo(0, 100), readAll(t, j.dir, time.Time{}), "while it is open")
	require.Equal(t, upTo(60, 100), readAll(t, j.dir, begin.Add(time.Minute)))
	stop := errors.New("stop")
	_, err := Read(j.dir, time.Time{}, func(Entry) error { return stop })
	require.ErrorIs(t, err, stop)
	_, err = Read(filepath.Join(j.dir, "none"), time.Time{}, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestLimit(t *testing.T) {
	j := openTest(t, t.TempDir(), 1) // which is LeastLimit
	fill(t, j, 0, 1000, 300)
	require.LessOrEqual(t, j.Stats().Bytes, int64(LeastLimit))
	left := readAll(t, j.dir, time.Time{})
	require.Equal(t, upTo(left[0], 1000), left, "the oldest are dropped")
	require.Greater(t, len(left), (LeastLimit-segmentLeast)*9/10/(300+40))
	require.Equal(t, left, unprinted(t, j))
	require.EqualValues(t, left[0], j.Stats().Dropped)
	require.Greater(t, left[0], 100)
	for range 2 {
		require.True(t, j.Has(idOf(0)), "dropped ones are known")
		require.True(t, j.Has(idOf(left[0]-1)))
		require.True(t, j.Has(idOf(left[0])))
		require.Equal(t, 1000, j.Stats().Known)
		require.ErrorIs(t, j.Append(numbered(5, 10)), ErrKnown)
		j = reopen(t, j)
	}

	require.ErrorIs(t, j.Append(numbered(1000, LeastLimit)), ErrTooLarge)
	require.ErrorIs(t, j.Append(Entry{ID: ID{9}, Also: make([]ID, 70_000)}), ErrTooLarge)
	require.NoError(t, j.Append(numbered(1000, LeastLimit-100)), "it drops all others")
	j = reopen(t, j)
	require.Equal(t, []int{1000}, unprinted(t, j))
	require.Len(t, j.order, 1)
	fill(t, j, 1001, 1, 10)
	j = reopen(t, j)
	require.Equal(t, []int{1000, 1001}, unprinted(t, j))

	fill(t, j, 1002, 2000, 300)
	left = readAll(t, j.dir, time.Time{})
	for range 2 {
		require.True(t, j.Has(idOf(left[0]-DroppedIDs)), "the last ones")
		require.False(t, j.Has(idOf(left[0]-DroppedIDs-1)))
		crash(j)
		require.NoError(t, os.WriteFile(segmentName(j.dir, 1), nil, 0o600), "as a crash before it was removed")
		j = openTest(t, j.dir, LeastLimit)
	}
	info, err := os.Stat(filepath.Join(j.dir, goneName))
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(60<<10))
}

func TestKnowsTheNewest(t *testing.T) {
	j := openTest(t, t.TempDir(), 8<<20)
	also := make([]ID, 60_000)
	for i := range also {
		also[i] = idOf(1000 + i)
	}
	require.NoError(t, j.Append(Entry{ID: idOf(1), Also: also}))
	fill(t, j, 2, 1, 10)
	for range 2 {
		require.Equal(t, MaxIDs, j.Stats().Known)
		require.True(t, j.Has(idOf(1)), "it is not marked")
		require.True(t, j.Has(idOf(2)))
		require.True(t, j.Has(idOf(60_999)))
		require.True(t, j.Has(idOf(60_999-MaxIDs+2)))
		require.False(t, j.Has(idOf(60_999-MaxIDs+1)))
		require.Equal(t, []int{1, 2}, unprinted(t, j))
		j = reopen(t, j)
	}
	require.NoError(t, j.MarkPrinted(idOf(1)))
	require.False(t, j.Has(idOf(1)))
}

func TestLocked(t *testing.T) {
	j := openTest(t, t.TempDir(), 1<<20)
	_, err := Open(j.dir, 1<<20)
	var locked *dirlock.LockedError
	require.ErrorAs(t, err, &locked)
	require.EqualError(t, err, fmt.Sprintf("the journal in %q is in use by process %d", j.dir, os.Getpid()))
	reopen(t, j)
}

func TestCannotOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(filepath.Join(file, "below"), 1<<20)
	require.ErrorIs(t, err, syscall.ENOTDIR)
}

func TestStrangeFiles(t *testing.T) {
	j := openTest(t, t.TempDir(), 1<<20)
	fill(t, j, 0, 2, 10)
	require.NoError(t, os.WriteFile(filepath.Join(j.dir, "notes.journal"), []byte("mine"), 0o600))
	require.NoError(t, os.WriteFile(segmentName(j.dir, 1<<63+5), []byte("too high"), 0o600))
	require.NoError(t, os.Mkdir(segmentName(j.dir, 77), 0o700))
	require.Equal(t, []int{0, 1}, unprinted(t, reopen(t, j)))
}

// failing lets the calls of a journal fail as its fields say.
type failing struct {
	write, sync, truncate error
	part                  int // bytes that a failing write writes
}

func (f *failing) calls() calls {
	return calls{
		writeAt: func(file *os.File, b []byte, off int64) (int, error) {
			if f.write != nil {
				n, _ := file.WriteAt(b[:min(len(b), f.part)], off)
				return n, f.write
			}
			return file.WriteAt(b, off)
		},
		sync: func(*os.File) error { return f.sync },
		truncate: func(file *os.File, size int64) error {
			if f.truncate != nil {
				return f.truncate
			}
			return file.Truncate(size)
		},
	}
}

// TestDiskFails has a disk that is full, or broken, for a while: each failing call says so, nothing else is lost, and
// what was marked meanwhile stays marked.
func TestDiskFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail failing
	}{
		{"full", failing{write: syscall.ENOSPC}},
		{"full in the middle", failing{write: syscall.ENOSPC, part: 30}},
		{"full in the middle and stuck", failing{write: syscall.ENOSPC, part: 30, truncate: syscall.EIO}},
		{"no sync", failing{sync: syscall.EIO}},
		{"no sync and stuck", failing{sync: syscall.EIO, truncate: syscall.EIO}},
	} {
		for _, before := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s after %d", tc.name, before), func(t *testing.T) {
				var f failing
				j, err := open(t.TempDir(), 1<<20, f.calls())
				require.NoError(t, err)
				fill(t, j, 0, before, 100)
				f = tc.fail
				for range 3 {
					require.Error(t, j.Append(numbered(10, 100)))
					require.False(t, j.Has(idOf(10)))
				}
				if before > 0 {
					marked := j.MarkPrinted(idOf(0))
					require.Equal(t, f.write != nil, marked != nil)
				}
				require.Equal(t, upTo(min(1, before), before), unprinted(t, j))
				f = failing{}
				require.NoError(t, j.Append(numbered(10, 100)))
				require.NoError(t, j.Append(numbered(11, 100)))
				want := append(upTo(min(1, before), before), 10, 11)
				require.Equal(t, want, unprinted(t, j))
				crash(j)
				j = openTest(t, j.dir, 1<<20)
				require.ElementsMatch(t, want, unprinted(t, j))
				require.ElementsMatch(t, append(upTo(0, before), 10, 11), readAll(t, j.dir, time.Time{}))
				fill(t, j, 12, 1, 10)
				require.True(t, reopen(t, j).Has(idOf(12)))
			})
		}
	}
}

// TestTorn cuts the last file at every length.
func TestTorn(t *testing.T) {
	j := openTest(t, t.TempDir(), 1<<20)
	fill(t, j, 0, 2, 60)
	require.NoError(t, j.MarkPrinted(idOf(0)))
	fill(t, j, 2, 1, 60)
	require.NoError(t, j.Close())
	name := segmentName(j.dir, 1)
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	const entry = 8 + entryHead + 60
	for cut := range whole {
		for _, behind := range [][]byte{nil, make([]byte, 4096)} {
			require.NoError(t, os.WriteFile(name, append(slices.Clone(whole[:cut]), behind...), 0o600))
			j := openTest(t, j.dir, 1<<20)
			entries := min(cut/entry, 2)
			want := upTo(0, entries)
			if cut >= 2*entry+8+idSize {
				want = want[1:]
			}
			if got := unprinted(t, j); len(want) > 0 {
				require.Equal(t, want, got, cut)
			} else {
				require.Empty(t, got, cut)
			}
			if behind == nil {
				require.Zero(t, j.Stats().Damaged)
			}
			fill(t, j, 10, 1, 10)
			j = reopen(t, j)
			require.True(t, j.Has(idOf(10)))
			require.NoError(t, j.Close())
			for _, file := range []uint64{2, 3} {
				_ = os.Remove(segmentName(j.dir, file))
			}
		}
	}
}

// TestDamageCostsOne flips a bit of each byte of the only file: that costs one entry, or marks, and no more.
func TestDamageCostsOne(t *testing.T) {
	j := openTest(t, t.TempDir(), 1<<20)
	fill(t, j, 0, 2, 20)
	require.NoError(t, j.MarkPrinted(idOf(0)))
	fill(t, j, 2, 2, 20)
	require.NoError(t, j.Close())
	name := segmentName(j.dir, 1)
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	const entry, marks = 8 + entryHead + 20, 8 + idSize
	for at := range whole {
		b := slices.Clone(whole)
		b[at] ^= 1 << (at % 8)
		require.NoError(t, os.WriteFile(name, b, 0o600))
		j := openTest(t, j.dir, 1<<20)
		want := map[int][]int{0: {1, 2, 3}, 1: {2, 3}, 2: {0, 1, 2, 3}, 3: {1, 3}, 4: {1, 2}}
		hit := at / entry
		if at >= 2*entry {
			hit = 2
			if at >= 2*entry+marks {
				hit = 3 + (at-2*entry-marks)/entry
			}
		}
		require.Equal(t, want[hit], unprinted(t, j), at)
		// The length of the last one can say that it was never written to its end.
		if hit < 4 {
			require.EqualValues(t, 1, j.Stats().Damaged, at)
		}
		fill(t, j, 10, 1, 20)
		j = reopen(t, j)
		require.Equal(t, append(want[hit], 10), unprinted(t, j))
		require.NoError(t, j.Close())
		require.NoError(t, os.RemoveAll(segmentName(j.dir, 2)))
	}
}

// TestDamagedWhileOpen lets a file go while the journal is open.
func TestDamagedWhileOpen(t *testing.T) {
	j := openTest(t, t.TempDir(), 1<<20)
	fill(t, j, 0, 100, 5000)
	require.NoError(t, os.Remove(segmentName(j.dir, 1)))
	got := unprinted(t, j)
	require.Equal(t, upTo(got[0], 100), got)
	require.Positive(t, got[0])
	require.EqualValues(t, got[0], j.Stats().Lost)
	require.Equal(t, len(got), j.Stats().Unprinted)
	require.NoError(t, j.MarkPrinted(upToIDs(100)...))
	require.Empty(t, unprinted(t, j))
}

func upToIDs(n int) (ids []ID) {
	for i := range n {
		ids = append(ids, idOf(i))
	}
	return ids
}

// TestModel drives a journal with random calls and restarts, orderly ones and others, and with damage, and wants what a
// model wants: nothing comes that was not appended, what comes is in order, and without damage nothing is missing.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "journal") //nolint:usetesting // one for each try
		require.NoError(t, err)
		defer func() { _ = os.RemoveAll(dir) }()
		open := func() *Journal {
			j, err := open(dir, LeastLimit, new(failing).calls()) // which does not wait for the disk
			require.NoError(t, err)
			return j
		}
		j := open()
		defer func() { _ = j.Close() }()
		var entries []Entry
		marked := make(map[int]bool)
		damaged := false
		check := func() {
			all := readAll(t, dir, time.Time{})
			require.True(t, slices.IsSorted(all))
			first := 0
			if len(all) > 0 {
				first = all[0]
			}
			var want []int
			for i := first; i < len(entries); i++ {
				if !marked[i] {
					want = append(want, i)
				}
			}
			got, err := j.Unprinted(1 << 20)
			require.NoError(t, err)
			for i, n := range numbersOf(got) {
				if e := got[i]; n >= len(entries) || !bytes.Equal(e.Data, entries[n].Data) || !e.Time.Equal(entries[n].Time) {
					require.Equal(t, entries[n], e)
				}
			}
			if damaged {
				require.True(t, slices.IsSorted(numbersOf(got)))
				return
			}
			require.Equal(t, want, numbersOf(got))
			require.Equal(t, upTo(first, len(entries)), all)
			for i := range entries {
				if want := i >= first-DroppedIDs; j.Has(idOf(i)) != want {
					require.Equal(t, want, j.Has(idOf(i)), i)
				}
			}
			require.LessOrEqual(t, j.Stats().Bytes, int64(LeastLimit))
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "entries") {
					e := numbered(len(entries), rapid.SampledFrom([]int{0, 50, 300, 9000}).Draw(t, "size"))
					require.NoError(t, j.Append(e))
					entries = append(entries, e)
				}
			},
			"mark": func(t *rapid.T) {
				var ids []ID
				for range rapid.IntRange(0, 20).Draw(t, "marks") {
					if len(entries) > 0 {
						i := rapid.IntRange(max(0, len(entries)-50), len(entries)-1).Draw(t, "entry")
						ids = append(ids, idOf(i))
						marked[i] = true
					}
				}
				require.NoError(t, j.MarkPrinted(ids...))
			},
			"restart": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "orderly") {
					require.NoError(t, j.Close())
				} else {
					crash(j)
				}
				if rapid.IntRange(0, 5).Draw(t, "damage") == 0 {
					if numbers, _ := list(dir); len(numbers) > 0 {
						name := segmentName(dir, rapid.SampledFrom(numbers).Draw(t, "file"))
						b, err := os.ReadFile(name)
						require.NoError(t, err)
						if len(b) > 0 {
							at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
							if rapid.Bool().Draw(t, "cut") {
								b = b[:at]
							} else {
								b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
							}
							require.NoError(t, os.WriteFile(name, b, 0o600))
							damaged = true
						}
					}
				}
				j = open()
			},
			"": func(*rapid.T) { check() },
		})
	})
}

// FuzzOpen opens a journal with any two files, and wants that it opens and works, and returns only what has a checksum.
func FuzzOpen(f *testing.F) {
	seg := newSegment(1)
	a, b := numbered(0, 50), numbered(1, 0)
	good := appendMarks(appendEntry(appendEntry(nil, seg.seed, &a), seg.seed, &b), seg.seed, []ID{b.ID})
	f.Add(good, good)
	f.Add(good[:len(good)-3], []byte{})
	f.Add([]byte("text"), make([]byte, 100))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(segmentName(dir, 1), first, 0o600))
		require.NoError(t, os.WriteFile(segmentName(dir, 2), second, 0o600))
		j, err := open(dir, 1<<20, new(failing).calls())
		require.NoError(t, err)
		entries, err := j.Unprinted(1000)
		require.NoError(t, err)
		require.Len(t, entries, j.Stats().Unprinted)
		for _, e := range entries {
			require.True(t, j.Has(e.ID))
		}
		fresh := Entry{ID: ID{0xff, 1, 2}, Data: []byte("fresh"), Time: begin}
		if !j.Has(fresh.ID) {
			require.NoError(t, j.Append(fresh))
		}
		require.NoError(t, j.Close())
		j, err = Open(dir, 1<<20)
		require.NoError(t, err)
		require.True(t, j.Has(fresh.ID))
		require.NoError(t, j.Close())
	})
}

// FuzzReadEntry reads any body, and wants what is read to be written the same.
func FuzzReadEntry(f *testing.F) {
	f.Add(make([]byte, entryHead))
	f.Add([]byte(strings.Repeat("x", 100)))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) < entryHead {
			return
		}
		e, ok := readEntry(body)
		if !ok || e.Time.Year() < 1970 || e.Time.Year() > 2200 {
			return
		}
		body[idSize+9] = 0
		require.Equal(t, body, appendEntry(nil, 1, &e)[8:])
	})
}

func BenchmarkAppend(b *testing.B) {
	j, err := Open(b.TempDir(), 8<<20)
	require.NoError(b, err)
	for i := range b.N {
		e := numbered(i, 200)
		require.NoError(b, j.Append(e))
		require.NoError(b, j.MarkPrinted(e.ID))
	}
	require.NoError(b, j.Close())
}

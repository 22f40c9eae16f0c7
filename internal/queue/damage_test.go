package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/frame"
)

// flip changes a byte of a file.
func flip(t require.TestingT, name string, at int64) {
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	b[at] ^= 0x10
	require.NoError(t, os.WriteFile(name, b, 0o600))
}

// TestDiskSetsAside shows what becomes of damaged segments.
func TestDiskSetsAside(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: 1 << 20})
	chunk := func() [][]byte { return numbered(0, 10, 10_000) }
	for range 8 {
		require.NoError(t, q.Append(chunk(), time.Now()))
	}
	require.NoError(t, q.Close())
	logs := files(t, q.dir, "*.log")
	require.Len(t, logs, 8)
	for _, name := range logs[:6] {
		flip(t, name, 50_000)
	}
	q = openTest(t, q.dir, q.limits)
	require.EqualValues(t, 6, q.Stats().Damaged)
	require.Equal(t, 80-6, q.Len())
	require.NoError(t, q.Append(numbered(0, 1, 10), time.Now()))
	require.Len(t, take(t, q), 75)
	require.NoError(t, q.Ack(75))
	require.Len(t, files(t, q.dir, "*.bad"), badMost)
	require.Equal(t, strings.TrimSuffix(logs[5], logSuffix)+badSuffix, files(t, q.dir, "*.bad")[badMost-1])
	info, err := Inspect(q.dir)
	require.NoError(t, err)
	require.Equal(t, badMost, info.Bad)

	q = reopen(t, q)
	require.Len(t, files(t, q.dir, "*.bad"), badMost)
	require.Less(t, q.Bytes(), int64(200_000), "they are not part of the queue")
	for range 8 {
		require.NoError(t, q.Append(chunk(), time.Now()))
	}
	require.Less(t, len(files(t, q.dir, "*.bad")), badMost, "they go first when there is no room")
	require.Zero(t, q.Stats().Dropped())
	require.LessOrEqual(t, q.held(), q.limits.Bytes)
}

// TestDiskDamagedWhileOpen damages files behind the back of an open queue.
func TestDiskDamagedWhileOpen(t *testing.T) {
	for _, order := range []Order{OldestFirst, NewestFirst} {
		q := openTest(t, t.TempDir(), Limits{Bytes: 1 << 20})
		for i := range 60 {
			require.NoError(t, q.Append(numbered(100*i, 100, 100), time.Now()))
		}
		logs := files(t, q.dir, "*.log")
		require.GreaterOrEqual(t, len(logs), 4)
		flip(t, logs[0], 5000)
		flip(t, logs[0], 60_000)
		require.NoError(t, os.Remove(logs[1]))
		require.NoError(t, os.Truncate(logs[2], 10_000))
		before := q.Len()
		var got []Record
		for {
			part, err := q.Next(150, order)
			require.NoError(t, err)
			if len(part) == 0 {
				break
			}
			for _, r := range part {
				require.GreaterOrEqual(t, numberOf(r.Data), 0)
			}
			got = append(got, part...)
			balance(t, q)
		}
		require.EqualValues(t, before-len(got), q.Stats().Lost)
		require.GreaterOrEqual(t, q.Stats().Damaged, uint64(3))
		require.Len(t, got, q.Len())
		require.NoError(t, q.Ack(len(got)))
		require.NoError(t, q.Append(numbered(0, 1, 100), time.Now()))
		require.Len(t, take(t, q), 1)
	}
}

// TestDiskStrangeFiles opens a directory in which there is more than a queue has made.
func TestDiskStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	for name, contents := range map[string]string{
		"0000000000000001.log":   "",
		"0000000000000002.log":   "text that is no record",
		"0000000000000003.log":   strings.Repeat("\xff", 100_000),
		"0000000000000004.log":   strings.Repeat("\x00", 100_000),
		"0000000000000000.bad":   "bad",
		"ffffffffffffffff.log":   "higher than any",
		"000000000000000A.log":   "not as we write it",
		"notes.log":              "a",
		"ledger":                 "b",
		"dead_letter.lp":         "c",
		"000000000000000000.log": "d",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "0000000000000006.log"), 0o700))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "0000000000000007.log")))
	q := openTest(t, dir, Limits{Bytes: large})
	require.Zero(t, q.Len())
	require.EqualValues(t, 2, q.Stats().Damaged)
	require.NoError(t, q.Append(records(0, 5), time.Now()))
	q = reopen(t, q)
	require.Equal(t, texts(0, 5), take(t, q))
	require.NoError(t, q.Ack(5))
	for _, name := range []string{"ledger", "dead_letter.lp", "notes.log", "ffffffffffffffff.log", "0000000000000006.log"} {
		require.FileExists(t, filepath.Join(dir, "ledger"), name)
	}
	require.Len(t, files(t, dir, "000000000000000[1-4].log"), 1, "the zeros are cut off, and the file goes on")
}

// TestDiskUnreadableFile leaves what this user may not read where it is.
func TestDiskUnreadableFile(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: 1 << 20})
	for i := range 60 {
		require.NoError(t, q.Append(numbered(100*i, 100, 100), time.Now()))
	}
	require.NoError(t, q.Close())
	logs := files(t, q.dir, "*.log")
	require.NoError(t, os.Chmod(logs[1], 0))
	if f, err := os.Open(logs[1]); err == nil {
		require.NoError(t, f.Close())
		t.Skip("this user may read everything")
	}
	q = openTest(t, q.dir, q.limits)
	require.EqualValues(t, 1, q.Stats().Damaged)
	require.NoError(t, q.Ack(len(take(t, q))))
	require.NoError(t, os.Chmod(logs[1], 0o600))
	q = reopen(t, q)
	require.Positive(t, q.Len())
	require.Zero(t, q.Stats().Damaged)
}

// TestDiskNumbersRise shows that the number of a segment that was lost does not come again.
func TestDiskNumbersRise(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: large})
	require.NoError(t, q.Append(records(0, 10), time.Now()))
	take(t, q)
	require.NoError(t, q.Ack(5))
	first := q.tail.number
	require.NoError(t, q.Close())
	for _, name := range files(t, q.dir, "*.log") {
		require.NoError(t, os.Remove(name))
	}
	q = openTest(t, q.dir, q.limits)
	require.NoError(t, q.Append(records(10, 10), time.Now()))
	require.Greater(t, q.tail.number, first)
	q = reopen(t, q)
	require.Equal(t, texts(10, 10), take(t, q))
}

// TestDiskCursorAheadOfTail cuts records off that were acknowledged: what is appended later is not taken for them,
// however often the queue is opened.
func TestDiskCursorAheadOfTail(t *testing.T) {
	q := openTest(t, t.TempDir(), Limits{Bytes: large})
	require.NoError(t, q.Append(records(0, 20), time.Now()))
	_, err := q.Next(15, OldestFirst)
	require.NoError(t, err)
	require.NoError(t, q.Ack(15))
	require.NoError(t, q.Close())
	require.NoError(t, os.Truncate(files(t, q.dir, "*.log")[0], 50))
	for range 3 {
		q = openTest(t, q.dir, q.limits)
		require.NoError(t, q.Ack(0))
		require.NoError(t, q.Close())
	}
	q = openTest(t, q.dir, q.limits)
	require.NoError(t, q.Append(records(20, 20), time.Now()))
	q = reopen(t, q)
	require.Equal(t, texts(20, 20), take(t, q))
}

func TestInspect(t *testing.T) {
	_, err := Inspect(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)

	q := openTest(t, t.TempDir(), Limits{Bytes: 1 << 20})
	at := time.Now().Round(0).Add(-time.Hour)
	for i := range 60 {
		require.NoError(t, q.Append(numbered(100*i, 100, 100), at.Add(time.Duration(i)*time.Second)))
	}
	_, err = q.Next(250, OldestFirst)
	require.NoError(t, err)
	require.NoError(t, q.Ack(250))
	info, err := Inspect(q.dir)
	require.NoError(t, err)
	require.Equal(t, Info{Records: 5750, Bytes: q.Bytes(), Oldest: at.Add(2 * time.Second)}, info)
	flip(t, files(t, q.dir, "*.log")[2], 1000)
	info, err = Inspect(q.dir)
	require.NoError(t, err)
	require.Equal(t, 5749, info.Records)
	require.Equal(t, 1, info.Damaged)
}

// TestDiskModelDamage drives a queue with random calls, restarts and damage, and wants that nothing comes that was not
// appended, that what comes is in order, that nothing is lost but what the damage hit, and that all is accounted for.
func TestDiskModelDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		limits := Limits{Bytes: 256 << 10} // segments of 32 KiB
		q, err := OpenDisk(filepath.Join(dir, strconv.Itoa(runs)), limits)
		require.NoError(t, err)
		defer func() { _ = q.Close() }()
		next, hit := 0, 0
		var flight []int
		acked := make(map[int]bool)
		cursorHit := false
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				n := rapid.SampledFrom([]int{1, 10, 60}).Draw(t, "append")
				require.NoError(t, q.Append(numbered(next, n, 50), time.Now()))
				next += n
			case 2:
				order := rapid.SampledFrom([]Order{OldestFirst, NewestFirst}).Draw(t, "order")
				got, err := q.Next(rapid.SampledFrom([]int{1, 30, 500}).Draw(t, "next"), order)
				require.NoError(t, err)
				last := -1
				for _, r := range got {
					n := numberOf(r.Data)
					require.Greater(t, n, last)
					require.Less(t, n, next)
					require.True(t, !acked[n] || cursorHit, "%d again", n)
					last = n
					flight = append(flight, n)
				}
			case 3:
				n := rapid.IntRange(0, len(flight)).Draw(t, "ack")
				require.NoError(t, q.Ack(n))
				for _, i := range flight[:n] {
					acked[i] = true
				}
				flight = flight[n:]
			case 4:
				require.NoError(t, q.Close())
				names, _ := filepath.Glob(filepath.Join(q.dir, "*.log"))
				if len(names) > 0 && rapid.Bool().Draw(t, "damage") {
					name := rapid.SampledFrom(names).Draw(t, "file")
					if rapid.IntRange(0, 9).Draw(t, "cursor") == 0 {
						name, cursorHit = filepath.Join(q.dir, "cursor"), true
					}
					info, err := os.Stat(name)
					require.NoError(t, err)
					if info.Size() > 0 {
						flip(t, name, rapid.Int64Range(0, info.Size()-1).Draw(t, "at"))
						hit++
					}
				}
				q, err = OpenDisk(q.dir, limits)
				require.NoError(t, err)
				flight = nil
			}
			balance(t, q)
		}
		require.NoError(t, q.Close())
		q, err = OpenDisk(q.dir, limits)
		require.NoError(t, err)
		seen := make(map[int]bool)
		for _, s := range take(t, q) {
			seen[numberOf([]byte(s))] = true
		}
		missing := 0
		for n := range next {
			if !acked[n] && !seen[n] {
				missing++
			}
		}
		require.LessOrEqual(t, missing, hit, "each damaged byte hits one record")
	})
}

// frames are those of a segment, for the fuzz seeds.
func frames(number uint64, texts ...string) []byte {
	var records [][]byte
	for _, s := range texts {
		records = append(records, []byte(s))
	}
	return appendFrames(nil, seedOf(number), records, time.Unix(1_700_000_000, 0))
}

// FuzzSegment opens a queue with any two segments and any cursor, and wants that it opens and works, in bounded time,
// and hands out nothing that has no valid checksum.
func FuzzSegment(f *testing.F) {
	f.Add(frames(1, "one", "two"), frames(2, "three", ""), appendCursor(nil, 1, 2, nil))
	f.Add(frames(1, "one", "two", "three")[:40], []byte{}, []byte{})
	f.Add(append([]byte("garbage"), frames(1, "one", "two")...), make([]byte, 100), []byte{1, 2, 3})
	f.Add(frames(2, "of another segment"), frames(1, "too"), appendCursor(nil, 0, 1<<62, []*segment{
		{number: 1, done: spans{{0, 27, 0}, {40, 1 << 31, 5}}}, {number: 2, done: spans{{3, 9, 1}}}}))
	f.Add(bytes.Repeat([]byte{0xff, 0xff, 0x00, kindPlain}, 2000), frames(2, "a"), []byte{cursorVersion})
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, first, second, cursor []byte) {
		dir, err := os.MkdirTemp(root, "") //nolint:usetesting // one that is emptied at once
		require.NoError(t, err)
		defer func() { _ = os.RemoveAll(dir) }()
		for i, contents := range [][]byte{first, second} {
			require.NoError(t, os.WriteFile(segmentName(dir, uint64(i)+1, logSuffix), contents, 0o600))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cursor"), slotOf(cursor), 0o600))

		start := time.Now()
		info, err := Inspect(dir)
		require.NoError(t, err)
		q, err := OpenDisk(dir, Limits{Bytes: large})
		require.NoError(t, err)
		require.Equal(t, q.Len(), info.Records)
		var got []Record
		for i := 0; ; i++ {
			part, err := q.Next(3, Order(i%2))
			require.NoError(t, err)
			if len(part) == 0 {
				break
			}
			got = append(got, part...)
		}
		require.Zero(t, q.Stats().Lost)
		for _, r := range got {
			require.True(t, isFrame(first, 1, r) || isFrame(second, 2, r), "%q has no checksum", r.Data)
		}
		require.NoError(t, q.Ack(len(got)))
		require.Zero(t, q.Len())
		if err := q.Append(records(0, 3), time.Now()); err == nil { // A cursor may say that there are no numbers left.
			require.NoError(t, q.Close())
			q, err = OpenDisk(dir, Limits{Bytes: large})
			require.NoError(t, err)
			require.Equal(t, texts(0, 3), take(t, q))
		}
		require.NoError(t, q.Close())
		require.Less(t, time.Since(start), 10*time.Second)
	})
}

// slotOf is a slot file with one value.
func slotOf(value []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(value)))
	b = binary.LittleEndian.AppendUint64(b, 1)
	b = append(b, value...)
	return append(binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))), b...)
}

// frameSum is the checksum of the frame that b is.
func frameSum(seed uint32, b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(seed, table, b[:4]), table, b[frame.HeadSize:])
}

// isFrame tells whether a record stands in a segment, by another way than the scanner's.
func isFrame(contents []byte, number uint64, r Record) bool {
	for _, want := range [][]byte{
		appendFrames(nil, seedOf(number), [][]byte{r.Data}, r.At),
		appendFrames(nil, seedOf(number), [][]byte{{}, r.Data}, r.At)[frame.HeadSize+timeSize:],
	} {
		if bytes.Contains(contents, want) {
			return true
		}
	}
	// With a time that Append would not have written.
	for i := range contents {
		body := i + frame.HeadSize
		if end := body + timeSize + len(r.Data); end <= len(contents) && contents[i+3] == kindTimed &&
			bytes.Equal(contents[body+timeSize:end], r.Data) &&
			binary.LittleEndian.Uint32(contents[i+4:]) == frameSum(seedOf(number), contents[i:end]) {
			return true
		}
	}
	return false
}

func TestSpansModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s spans
		var set [64]bool
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			from := rapid.Uint32Range(0, 62).Draw(t, "from")
			to := rapid.Uint32Range(from+1, 63).Draw(t, "to")
			s = s.add(span{from, to, int64(to)})
			for i := from; i < to; i++ {
				set[i] = true
			}
		}
		var gaps [64]bool
		for _, g := range s.gaps(64) {
			require.EqualValues(t, g.from, g.at, "the time is that of the span before")
			for i := g.from; i < g.to; i++ {
				gaps[i] = true
			}
		}
		for i := range set {
			require.NotEqual(t, set[i], gaps[i], i)
		}
		for i := 1; i < len(s); i++ {
			require.Less(t, s[i-1].to, s[i].from)
		}
		require.True(t, slices.IsSortedFunc(s, func(a, b span) int { return int(a.from) - int(b.from) }))
	})
}

func BenchmarkDisk(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("append_%d", n), func(b *testing.B) {
			q := openTest(b, b.TempDir(), Limits{Bytes: large})
			chunk := numbered(0, n, 100)
			b.SetBytes(int64(n) * 100)
			b.ReportAllocs()
			for b.Loop() {
				if err := q.Append(chunk, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, order := range []Order{OldestFirst, NewestFirst} {
		name := "take_oldest_1000"
		if order == NewestFirst {
			name = "take_newest_1000"
		}
		b.Run(name, func(b *testing.B) {
			q := openTest(b, b.TempDir(), Limits{Bytes: large})
			chunk := numbered(0, 1000, 100)
			b.SetBytes(1000 * 100)
			b.ReportAllocs()
			for b.Loop() {
				if q.Len() == 0 {
					b.StopTimer()
					for range 300 {
						_ = q.Append(chunk, time.Now())
					}
					b.StartTimer()
				}
				got, _ := q.Next(1000, order)
				_ = q.Ack(len(got))
			}
		})
	}
	b.Run("open_30MB", func(b *testing.B) {
		q := openTest(b, b.TempDir(), Limits{Bytes: large})
		for range 300 {
			_ = q.Append(numbered(0, 1000, 100), time.Now())
		}
		b.SetBytes(q.Bytes())
		b.ReportAllocs()
		for b.Loop() {
			_ = q.Close()
			q, _ = OpenDisk(q.dir, q.limits)
		}
		_ = q.Close()
	})
}

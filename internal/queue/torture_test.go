package queue

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/dirlock"
	"telegraf-hologram/internal/frame"
	"telegraf-hologram/internal/slot"
)

// tortureEnv is how many trials each case of TestTorture makes.
const tortureEnv = "QUEUE_TORTURE"

// short is how many trials there are without it.
const short = 2

func trials() int {
	if n, err := strconv.Atoi(os.Getenv(tortureEnv)); err == nil {
		return n
	}
	return short
}

// tally is a row of the table.
type tally struct {
	name      string
	trials    int
	opened    int
	confirmed int // records whose Append had returned, not acknowledged and not dropped
	kept      int // of them
	damaged   int // of them: the damage hit them
	invented  int // records that were never given to Append, or changed
	repeated  int // records that came although Ack had returned
	disorder  int // records that came before an older one
	skipped   string
}

// outcome is what a trial may have.
type outcome struct {
	confirmed []int        // ascending
	tried     int          // records from 0 may have been written up to here
	released  map[int]bool // true: for sure
	damaged   map[int]bool // records that may be lost
}

// verify opens the queue and compares what it holds.
func (row *tally) verify(t *testing.T, dir string, limits Limits, want outcome) *Disk {
	t.Helper()
	before, inspectErr := Inspect(dir)
	q, err := OpenDisk(dir, limits)
	require.NoError(t, err)
	row.opened++
	t.Cleanup(func() { _ = q.Close() })
	require.NoError(t, inspectErr)
	require.Equal(t, q.Len(), before.Records, "Inspect and OpenDisk agree")
	require.EqualValues(t, q.Stats().Damaged, before.Damaged)

	held := q.Len()
	got, err := q.Next(1<<30, OldestFirst)
	require.NoError(t, err)
	require.Len(t, got, held)
	require.Zero(t, q.Stats().Lost)
	balance(t, q)
	seen := make(map[int]bool)
	last := -1
	for _, r := range got {
		n := numberOf(r.Data)
		switch {
		case n < 0 || n >= want.tried || seen[n]:
			row.invented++
			continue
		case n < last:
			row.disorder++
		}
		last = n
		seen[n] = true
		if want.released[n] {
			row.repeated++
		}
	}
	for _, n := range want.confirmed {
		_, released := want.released[n]
		switch {
		case released:
			continue
		case seen[n]:
			row.kept++
		case want.damaged[n]:
			row.damaged++
		}
		row.confirmed++
	}
	return q
}

// work shows that a queue works: it releases all, appends, and finds that again.
func work(t *testing.T, q *Disk, next, size int) {
	t.Helper()
	require.NoError(t, q.Ack(1<<30))
	require.Zero(t, q.Len())
	for range 3 {
		require.NoError(t, q.Append(numbered(next, 5, size), time.Now()))
		next += 5
	}
	require.NoError(t, q.Close())
	q, err := OpenDisk(q.dir, q.limits)
	require.NoError(t, err)
	got, err := q.Next(1<<30, OldestFirst)
	require.NoError(t, err)
	require.Len(t, got, 15)
	for i, r := range got {
		require.Equal(t, next-15+i, numberOf(r.Data))
	}
	require.NoError(t, q.Ack(15))
	require.NoError(t, q.Close())
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestTorture kills processes, and damages files, and shows that what was confirmed and is not damaged comes back. Each
// case makes a few trials, or as many as QUEUE_TORTURE says, and prints a row of a table.
func TestTorture(t *testing.T) {
	t.Parallel()
	var rows []*tally
	run := func(name string, f func(t *testing.T, row *tally, trial int)) {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			row := &tally{name: name}
			rows = append(rows, row)
			for trial := range trials() {
				row.trials++
				f(t, row, trial)
				if row.skipped != "" {
					t.Skip(row.skipped)
				}
			}
			require.Equal(t, row.trials, row.opened)
			require.Equal(t, row.confirmed, row.kept+row.damaged)
			require.Zero(t, row.invented, "invented")
			require.Zero(t, row.disorder, "out of order")
			if !strings.Contains(name, "cursor") { // What it does not know comes again.
				require.Zero(t, row.repeated, "repeated")
			}
		})
	}
	limits := Limits{Bytes: large}

	const soon, late = 150 * time.Millisecond, 250 * time.Millisecond
	run("kill -9, batches of 10 x 100 B", killCase(soon, childTask{Limits: limits, Batch: 10, Size: 100,
		Read: 7, Rest: 2 * time.Millisecond}))
	run("kill -9, batches of 2000 x 2 kB", killCase(late, childTask{Limits: Limits{Bytes: 1 << 30}, Batch: 2000, Size: 2000,
		Read: 1000, Rest: 50 * time.Millisecond}))
	run("kill -9, newest first", killCase(soon, childTask{Limits: limits, Batch: 10, Size: 100,
		Read: 7, Rest: 2 * time.Millisecond, Order: NewestFirst}))
	run("kill -9, newest first, large", killCase(late, childTask{Limits: Limits{Bytes: 1 << 30}, Batch: 500, Size: 500,
		Read: 100, Rest: 5 * time.Millisecond, Order: NewestFirst}))
	run("kill -9, drop_oldest", dropCase(DropOldest))
	run("kill -9, drop_newest", dropCase(DropNewest))

	base := newBase(t)
	run("last segment cut by 1 to 4000 B", base.damageCase(func(r *rand.Rand, d *damager) {
		d.cut(d.last(), 1+r.IntN(4000))
	}))
	run("last 4 KiB zeroed", base.damageCase(func(_ *rand.Rand, d *damager) {
		d.fill(d.last(), d.size(d.last())-4096, 4096, func() byte { return 0 })
	}))
	run("zeros appended", base.damageCase(func(r *rand.Rand, d *damager) {
		d.grow(d.last(), 1+r.IntN(100_000))
	}))
	run("a bit in the tail", base.damageCase(func(r *rand.Rand, d *damager) {
		d.flip(d.last(), d.size(d.last())-1-r.IntN(4096), r)
	}))
	run("a bit in the middle", base.damageCase(func(r *rand.Rand, d *damager) {
		seg := r.IntN(d.last())
		d.flip(seg, r.IntN(d.size(seg)), r)
	}))
	run("a sector of 512 B of garbage", base.damageCase(func(r *rand.Rand, d *damager) {
		seg := r.IntN(d.last() + 1)
		d.fill(seg, 512*r.IntN(d.size(seg)/512), 512, func() byte { return byte(r.Uint32()) })
	}))
	run("all of that at once", base.damageCase(func(r *rand.Rand, d *damager) {
		for range 20 {
			seg := r.IntN(d.last() + 1)
			d.flip(seg, r.IntN(d.size(seg)), r)
			d.fill(seg, 512*r.IntN(d.size(seg)/512), 512, func() byte { return byte(r.Uint32()) })
		}
		d.cut(d.last(), 1+r.IntN(4000))
		d.grow(d.last(), 1+r.IntN(10_000))
	}))
	run("a segment is missing", base.damageCase(func(r *rand.Rand, d *damager) { d.remove(r.IntN(d.last() + 1)) }))
	run("a bit in the cursor", base.damageCase(func(r *rand.Rand, d *damager) { d.cursor(r, false) }))
	run("the cursor is garbage", base.damageCase(func(r *rand.Rand, d *damager) { d.cursor(r, true) }))

	run("power cut, the cursor is behind", base.powerCase(true))
	run("power cut, the cursor is ahead", base.powerCase(false))
	run("a full disk, then space", fullCase)
	run("two processes at once", twoCase)

	table := fmt.Sprintf("\n%-34s %6s %6s %9s %8s %8s %8s %8s\n", "case", "trials", "opened", "confirmed", "kept",
		"damaged", "invented", "repeated")
	for _, row := range rows {
		table += fmt.Sprintf("%-34s %6d %6d %9d %8d %8d %8d %8d %s\n", row.name, row.trials, row.opened, row.confirmed,
			row.kept, row.damaged, row.invented, row.repeated, row.skipped)
	}
	t.Log(table)
}

// killCase starts a process that uses a queue, kills it, looks at the queue, and does so again with what is left.
func killCase(within time.Duration, task childTask) func(t *testing.T, row *tally, trial int) {
	return func(t *testing.T, row *tally, _ int) {
		task := task
		task.Dir = t.TempDir()
		released := make(map[int]bool)
		var confirmed []int
		for round := range 2 {
			c := startChild(t, task)
			require.Equal(t, "open", c.first(t))
			c.killAfter(t, rand.N(within))
			for n := task.First; n < c.kept; n++ {
				confirmed = append(confirmed, n)
			}
			maps.Copy(released, c.released)
			if round == 0 {
				task.First = c.tried // What was not confirmed may be there or not.
				continue
			}
			q := row.verify(t, task.Dir, task.Limits, outcome{confirmed, c.tried, released, nil})
			require.Zero(t, q.Stats().Damaged)
			work(t, q, c.tried, 100)
		}
		require.NoError(t, os.RemoveAll(task.Dir))
	}
}

// dropCase kills a process whose queue is full.
func dropCase(policy Policy) func(t *testing.T, row *tally, trial int) {
	return func(t *testing.T, row *tally, _ int) {
		task := childTask{Dir: t.TempDir(), Limits: Limits{Bytes: 64 << 10, Full: policy}, Batch: 10, Size: 100}
		c := startChild(t, task)
		require.Equal(t, "open", c.first(t))
		c.killAfter(t, time.Duration(40+rand.IntN(120))*time.Millisecond)

		// An Append that was not confirmed may have dropped a segment.
		segment := 8 << 10 / (100 + frame.HeadSize)
		want := outcome{tried: c.tried}
		if policy == DropOldest {
			for n := min(c.kept, c.dropped+segment); n < c.kept; n++ {
				want.confirmed = append(want.confirmed, n)
			}
			if c.dropped == 0 {
				want.confirmed = upTo(c.kept)
			}
		} else {
			want.confirmed = upTo(c.kept - c.dropped)
		}
		q := row.verify(t, task.Dir, task.Limits, want)
		require.LessOrEqual(t, q.Bytes(), task.Limits.Bytes)
		work(t, q, c.tried, 100)
	}
}

// base is a queue of several segments, some of which is acknowledged, to make copies of.
type base struct {
	dir   string
	want  outcome
	where map[string][]place // by the name of the segment
	names []string
	size  int // of a record
}

// place is where a record stands.
type place struct{ from, to, record int }

func newBase(t *testing.T) *base {
	b := &base{dir: t.TempDir(), where: make(map[string][]place), size: 100}
	q := openTest(t, b.dir, Limits{Bytes: large})
	next := 0
	for next < 10_000 {
		n := 1 + rand.IntN(40)
		require.NoError(t, q.Append(numbered(next, n, b.size), time.Now()))
		next += n
	}
	b.want = outcome{upTo(next), next, make(map[int]bool), nil}
	// Acknowledged at the front, and in the middle.
	for _, step := range []struct {
		n     int
		order Order
	}{{300, OldestFirst}, {200, NewestFirst}, {100, OldestFirst}} {
		got, err := q.Next(step.n, step.order)
		require.NoError(t, err)
		require.NoError(t, q.Ack(step.n))
		for _, r := range got {
			b.want.released[numberOf(r.Data)] = true
		}
		more := 50
		require.NoError(t, q.Append(numbered(b.want.tried, more, b.size), time.Now()))
		b.want.tried += more
	}
	b.want.confirmed = upTo(b.want.tried)
	require.NoError(t, q.Close())

	for _, name := range files(t, b.dir, "*.log") {
		contents, err := os.ReadFile(name)
		require.NoError(t, err)
		number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), logSuffix), 16, 64)
		require.NoError(t, err)
		sc := newScanner(contents, 0, seedOf(number), 0)
		var places []place
		for f, ok := sc.next(); ok; f, ok = sc.next() {
			places = append(places, place{int(f.from), int(f.to), numberOf(f.data)})
		}
		require.Equal(t, frame.Nothing, sc.Rest())
		b.names = append(b.names, filepath.Base(name))
		b.where[filepath.Base(name)] = places
	}
	require.Greater(t, len(b.names), 3)
	return b
}

// damageCase copies the queue, damages the copy and looks at what is left.
func (b *base) damageCase(do func(r *rand.Rand, d *damager)) func(t *testing.T, row *tally, trial int) {
	return func(t *testing.T, row *tally, trial int) {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(b.dir)))
		d := &damager{t: t, base: b, dir: dir, hit: make(map[int]bool)}
		seed := uint64(time.Now().UnixNano())
		defer func() {
			if t.Failed() {
				t.Logf("trial %d, seed %d", trial, seed)
			}
		}()
		do(rand.New(rand.NewPCG(seed, 0)), d)
		want := b.want
		want.damaged = d.hit
		q := row.verify(t, dir, Limits{Bytes: large}, want)
		work(t, q, want.tried, b.size)
	}
}

// powerCase puts files together of which some are as they were before, and the cursor is not of the same time: it is
// behind what a disk keeps, and ahead of what a disk has lied about.
func (b *base) powerCase(behind bool) func(t *testing.T, row *tally, trial int) {
	return func(t *testing.T, row *tally, _ int) {
		early, late := t.TempDir(), t.TempDir()
		require.NoError(t, os.CopyFS(late, os.DirFS(b.dir)))
		q, err := OpenDisk(late, Limits{Bytes: large})
		require.NoError(t, err)
		want := outcome{tried: b.want.tried, released: maps.Clone(b.want.released), damaged: make(map[int]bool)}
		var flight []Record
		step := func() {
			n := rand.IntN(3000)
			require.NoError(t, q.Append(numbered(want.tried, n, b.size), time.Now()))
			want.tried += n
			got, err := q.Next(rand.IntN(4000), Order(rand.IntN(2)))
			require.NoError(t, err)
			flight = append(flight, got...)
			n = rand.IntN(len(flight) + 1)
			require.NoError(t, q.Ack(n))
			for _, r := range flight[:n] {
				want.released[numberOf(r.Data)] = true
			}
			flight = flight[n:]
		}
		step()
		before := want.tried
		require.NoError(t, os.CopyFS(early, os.DirFS(late)))
		step()
		require.NoError(t, q.Close())
		want.confirmed = upTo(want.tried)

		lay := func(name string) {
			contents, err := os.ReadFile(filepath.Join(early, name))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(late, name), contents, 0o600))
		}
		logs := files(t, early, "*.log")
		if behind {
			lay("cursor")
			// A name that was deleted may be there again.
			for _, name := range logs {
				if _, err := os.Stat(filepath.Join(late, filepath.Base(name))); err != nil && rand.IntN(2) == 0 {
					lay(filepath.Base(name))
				}
			}
		} else {
			// What was appended since is lost.
			for _, name := range files(t, late, "*.log") {
				require.NoError(t, os.Remove(name))
			}
			for _, name := range logs {
				lay(filepath.Base(name))
			}
			for n := before; n < want.tried; n++ {
				want.damaged[n] = true
			}
		}
		q = row.verify(t, late, Limits{Bytes: large}, want)
		require.Zero(t, q.Stats().Damaged)
		work(t, q, want.tried, b.size)
	}
}

// damager damages a copy of a queue, and notes which records that hits.
type damager struct {
	t    *testing.T
	base *base
	dir  string
	hit  map[int]bool
}

func (d *damager) last() int { return len(d.base.names) - 1 }

func (d *damager) name(segment int) string { return filepath.Join(d.dir, d.base.names[segment]) }

func (d *damager) size(segment int) int {
	info, err := os.Stat(d.name(segment))
	require.NoError(d.t, err)
	return int(info.Size())
}

func (d *damager) mark(segment, from, to int) {
	for _, p := range d.base.where[d.base.names[segment]] {
		if p.from < to && p.to > from {
			d.hit[p.record] = true
		}
	}
}

func (d *damager) cut(segment, n int) {
	size := d.size(segment)
	require.NoError(d.t, os.Truncate(d.name(segment), int64(size-n)))
	d.mark(segment, size-n, size)
}

func (d *damager) grow(segment, n int) {
	require.NoError(d.t, os.Truncate(d.name(segment), int64(d.size(segment)+n)))
}

func (d *damager) change(name string, from, n int, change func(b []byte)) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, f.Close()) }()
	b := make([]byte, n)
	_, err = f.ReadAt(b, int64(from))
	require.NoError(d.t, err)
	change(b)
	_, err = f.WriteAt(b, int64(from))
	require.NoError(d.t, err)
}

func (d *damager) fill(segment, from, n int, value func() byte) {
	d.change(d.name(segment), from, n, func(b []byte) {
		for i := range b {
			b[i] = value()
		}
	})
	d.mark(segment, from, from+n)
}

func (d *damager) flip(segment, at int, r *rand.Rand) {
	d.change(d.name(segment), at, 1, func(b []byte) { b[0] ^= 1 << r.IntN(8) })
	d.mark(segment, at, at+1)
}

func (d *damager) remove(segment int) {
	d.mark(segment, 0, d.size(segment))
	require.NoError(d.t, os.Remove(d.name(segment)))
}

func (d *damager) cursor(r *rand.Rand, all bool) {
	name := filepath.Join(d.dir, "cursor")
	info, err := os.Stat(name)
	require.NoError(d.t, err)
	if all {
		d.change(name, 0, int(info.Size()), func(b []byte) {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		})
		return
	}
	value, err := slot.Read(name, cursorSize)
	require.NoError(d.t, err)
	at := r.IntN(3)*4096 + r.IntN(16+len(value))
	d.change(name, at, 1, func(b []byte) { b[0] ^= 1 << r.IntN(8) })
}

// fullCase fills a file system of 256 KiB, and goes on when there is room.
func fullCase(t *testing.T, row *tally, _ int) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", dir).CombinedOutput(); err != nil {
		row.skipped = fmt.Sprintf("cannot mount a tmpfs, which needs root: %v %s", err, out)
		return
	}
	defer func() { require.NoError(t, exec.CommandContext(t.Context(), "umount", "-l", dir).Run()) }()
	limits := Limits{Bytes: large}
	q, err := OpenDisk(filepath.Join(dir, "queue"), limits)
	require.NoError(t, err)
	filler := filepath.Join(dir, "filler")
	require.NoError(t, os.WriteFile(filler, make([]byte, 4096*rand.IntN(20)), 0o600))
	size := 20 + rand.IntN(300)
	released := make(map[int]bool)
	var confirmed []int
	next, refused := 0, 0
	add := func() bool {
		n := 1 + rand.IntN(60)
		err := q.Append(numbered(next, n, size), time.Now())
		for i := range n {
			if err == nil {
				confirmed = append(confirmed, next+i)
			}
		}
		if err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			refused++
		}
		next += n
		balance(t, q)
		return err == nil
	}
	release := func(n int) {
		got, err := q.Next(n, OldestFirst)
		require.NoError(t, err)
		require.NoError(t, q.Ack(len(got)))
		for _, r := range got {
			released[numberOf(r.Data)] = true
		}
	}
	for add() {
	}
	for range 20 {
		add()
	}
	require.Positive(t, refused)
	// It opens on the full disk, and what is acknowledged makes room.
	require.NoError(t, q.Close())
	q, err = OpenDisk(q.dir, limits)
	require.NoError(t, err)
	release(q.Len() / 2)
	add()
	release(q.Len())
	require.True(t, add(), "all is acknowledged")
	for add() {
	}
	// Somebody else makes room.
	require.NoError(t, os.Remove(filler))
	for range 20 {
		add()
	}
	require.NoError(t, q.Close())
	// What was refused must not come: it is not in confirmed, and counts as invented.
	want := outcome{confirmed, next, released, nil}
	q = row.verify(t, q.dir, limits, want)
	held := 0
	for _, n := range confirmed {
		if !released[n] {
			held++
		}
	}
	require.Equal(t, held, q.Len(), "nothing that was refused")
	require.Zero(t, q.Stats().Damaged)
	work(t, q, next, size)
}

// twoCase lets two processes open the same queue at once, and again when the first is killed.
func twoCase(t *testing.T, row *tally, _ int) {
	task := childTask{Dir: t.TempDir(), Limits: Limits{Bytes: large}, Batch: 10, Size: 100}
	children := []*child{startChild(t, task), startChild(t, task)}
	first := []string{children[0].first(t), children[1].first(t)}
	winner := slices.Index(first, "open")
	require.GreaterOrEqual(t, winner, 0)
	loser := 1 - winner
	pid := strconv.Itoa(children[winner].cmd.Process.Pid)
	// The lock may be there before the number in it.
	require.Contains(t, []string{"locked " + pid, "locked 0"}, first[loser])
	children[loser].wait(t)

	_, err := OpenDisk(task.Dir, task.Limits)
	locked := new(dirlock.LockedError)
	require.ErrorAs(t, err, &locked)
	require.Equal(t, pid, strconv.Itoa(locked.PID))
	_, err = Inspect(task.Dir)
	require.NoError(t, err)

	c := children[winner]
	c.killAfter(t, time.Duration(rand.IntN(30))*time.Millisecond)
	q := row.verify(t, task.Dir, task.Limits, outcome{upTo(c.kept), c.tried, nil, nil})
	work(t, q, c.tried, 100)
}

// TestMillion shows that memory does not depend on how much is on disk.
func TestMillion(t *testing.T) {
	total := 20_000
	if trials() > short {
		total = 1_000_000
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc on this system")
	}
	for _, order := range []Order{OldestFirst, NewestFirst} {
		c := startChild(t, childTask{Dir: t.TempDir(), Limits: Limits{Bytes: 1 << 30}, Batch: 1000, Size: 100, Read: 1000,
			Order: order, Total: total})
		start := time.Now()
		c.wait(t)
		t.Logf("%d records of 100 B appended and taken in %.1f s, at most %d kB of memory", total,
			time.Since(start).Seconds(), c.peak)
		require.Positive(t, c.peak)
		if !raceEnabled {
			require.Less(t, c.peak, 32_000)
		}
	}
}

// TestWriteAmplification fills and empties a queue, and compares what the device was given with what was appended.
func TestWriteAmplification(t *testing.T) {
	written := func() int64 {
		text, err := os.ReadFile("/proc/self/io")
		if err != nil {
			t.Skipf("no count of written bytes: %v", err)
		}
		_, after, _ := strings.Cut(string(text), "\nwrite_bytes:")
		var n int64
		_, err = fmt.Sscan(after, &n)
		require.NoError(t, err)
		return n
	}
	for _, c := range []struct {
		batch, total int
		most         float64
	}{{100, 100_000, 2}, {10, 10_000, 10}, {1, 2000, 100}} {
		if trials() <= short {
			c.total /= 10
		}
		q := openTest(t, t.TempDir(), Limits{Bytes: large})
		start := written()
		for n := 0; n < c.total; n += c.batch {
			require.NoError(t, q.Append(numbered(n, c.batch, 100), time.Now()))
		}
		filled := written()
		for range c.total / c.batch {
			got, err := q.Next(c.batch, OldestFirst)
			require.NoError(t, err)
			require.Len(t, got, c.batch)
			require.NoError(t, q.Ack(c.batch))
		}
		require.NoError(t, q.Close())
		end := written()
		if end == start {
			t.Skip("this file system counts no written bytes")
		}
		payload := float64(c.total * 100)
		all := float64(end-start) / payload
		t.Logf("batches of %3d: %6d records, %9d bytes written for %8.0f: fill %.2f, drain %.2f, in all %.2f", c.batch,
			c.total, end-start, payload, float64(filled-start)/payload, float64(end-filled)/payload, all)
		require.LessOrEqual(t, all, c.most)
	}
}

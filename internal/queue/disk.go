package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"telegraf-hologram/internal/dirlock"
	"telegraf-hologram/internal/frame"
	"telegraf-hologram/internal/fsync"
	"telegraf-hologram/internal/slot"
)

const (
	// segmentMost and segmentLeast bound the size of a segment: whole blocks of flash, but a fraction of a small limit.
	segmentMost  = 256 << 10
	segmentLeast = 4 << 10
	// segmentShare is how many segments a limit should allow, as whole segments are dropped.
	segmentShare = 8
	// badMost is how many damaged segments are kept for people to look at.
	badMost = 4
	// cursorEvery is how often the cursor is synced at most.
	cursorEvery = time.Second
	// bufferKept is how large a buffer is kept; a larger one was for a record that is larger than a segment.
	bufferKept = 2 * segmentMost
)

// Disk is a queue in files. What was appended survives the end of the process, however it ends, and cuts of the power;
// what was acknowledged may come again after a cut of the power, if that was a moment before. Damaged files cost the
// records that are damaged and no others.
//
// It is safe for concurrent use by one writer and one reader, and by any number that ask for Len, Bytes and Stats. The
// reader does not wait while Append waits for its records to be on the disk.
//
// The records are in segments, which are files that records are only added to, and which are deleted as a whole. The
// last one stays when all its records are acknowledged, until it is half full, so that a queue with little in it wears
// out no flash with files that come and go.
type Disk struct {
	dir         string
	limits      Limits
	segmentSize int64
	calls       calls
	lock        *dirlock.Lock
	cursor      *slot.File

	// writing is held by what adds to the files, while it waits for the disk. It is taken before mu.
	writing sync.Mutex
	frames  []byte // guarded by writing

	// tail is the segment that is added to and file its open file. Either can be nil: a segment is begun, and a file
	// opened, when it is needed. They change with both locks held.
	tail *segment
	file *os.File

	mu       sync.Mutex
	segments []*segment // in the order of their numbers
	bad      []entry    // damaged segments that are done with
	next     uint64     // the number of the next segment
	bytes    int64      // of the segments' files
	waiting  int        // records
	flying   int        // records
	flight   []run      // what is in flight, in the order of handing out
	stats    Stats
	closed   bool

	unsaved  bool      // the cursor has to be written
	unsynced bool      // the cursor has to be synced
	syncedAt time.Time // when the cursor was

	loaded *segment // whose first bytes are in buf
	buf    []byte
	parts  []part // reused by Next
}

// run is records in flight that stand one behind the other in a segment.
type run struct {
	segment *segment
	from    uint32
	ends    []span // from is not used
}

// OpenDisk opens the queue in a directory, which it makes if there is none. While it is open no other process can open
// it; the error is then a *dirlock.LockedError.
//
// What is in the files is never a reason to fail. What was not written to its end is cut off; damaged places are passed
// over and counted, and their segments are kept with the ending .bad when they are done with, the last few of them.
//
// The limit of bytes is one on the files. Where DropOldest has to make room it drops a whole segment.
func OpenDisk(dir string, limits Limits) (*Disk, error) {
	return openDisk(dir, limits, calls{
		readAt:   (*os.File).ReadAt,
		writeAt:  (*os.File).WriteAt,
		sync:     fsync.Data,
		truncate: (*os.File).Truncate,
	})
}

func openDisk(dir string, limits Limits, calls calls) (_ *Disk, err error) {
	if err := fsync.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("cannot make the directory of the queue: %w", err)
	}
	d := &Disk{
		dir:         dir,
		limits:      limits,
		segmentSize: min(max(limits.Bytes/segmentShare, segmentLeast), segmentMost),
		calls:       calls,
		syncedAt:    time.Now(),
	}
	if d.lock, err = dirlock.Take(dir); err != nil {
		return nil, fmt.Errorf("the queue in %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.closeFiles())
		}
	}()
	var saved []byte
	if d.cursor, saved, err = slot.Open(filepath.Join(dir, "cursor"), cursorSize); err != nil {
		return nil, fmt.Errorf("cannot open the cursor of the queue: %w", err)
	}
	logs, bad, err := list(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list the queue: %w", err)
	}
	c := readCursor(saved)
	d.bad = bad
	d.number(c, logs)
	for i, e := range logs {
		d.take(e, c, i == len(logs)-1)
	}
	for _, seg := range d.segments {
		d.waiting += seg.waiting
		d.bytes += seg.file
	}
	d.stats.Found = uint64(d.waiting)
	d.loaded = nil
	_ = d.sweep()
	d.pruneBad(badMost)
	return d, nil
}

// number chooses the number of the next segment, above all that are known: a number that comes again could make a
// position in a segment that was lost one of another, and old bytes valid.
func (d *Disk) number(c cursor, logs []entry) {
	highest := c.last
	for _, entries := range [][]entry{logs, d.bad} {
		if len(entries) > 0 {
			highest = max(highest, entries[len(entries)-1].number)
		}
	}
	if highest == 0 {
		// The queue may have been here before, and its cursor lost too.
		highest = uint64(rand.Uint32()>>1) << 32
	}
	d.next = highest + 1
}

// take takes a segment in that was there before.
func (d *Disk) take(e entry, c cursor, last bool) {
	seg := newSegment(e.number)
	seg.file = e.size
	seg.done = c.done[e.number]
	seg.taken = slices.Clone(seg.done)
	d.segments = append(d.segments, seg)
	if e.number < c.first {
		seg.finish()
		return
	}
	name := segmentName(d.dir, e.number, logSuffix)
	seg.size = min(e.size, readMost)
	buf, err := d.load(seg)
	if err != nil {
		seg.size, seg.unreadable = 0, true
		d.stats.Damaged++
		return
	}
	places, whole := seg.survey(buf, last)
	d.stats.Damaged += uint64(places)
	seg.damaged = places > 0 || e.size > readMost
	// Behind the end of a file that the cursor knows to be longer something is missing, and nothing may take its place.
	lost := len(seg.done) > 0 && int64(seg.done[len(seg.done)-1].to) > whole || e.number < c.last
	seg.size = whole
	if !last || seg.damaged || lost {
		return
	}
	if whole < e.size {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return
		}
		if err := errors.Join(d.calls.truncate(f, whole), d.calls.sync(f), f.Close()); err != nil {
			return
		}
		seg.file = whole
	}
	d.tail = seg
}

// Append adds records in their order; at is when they were taken in. They are on the disk when it returns, all of them,
// or none if it returns an error. What the limits do not allow is dropped and counted, which is no error; that includes
// records of 16 MiB and more.
func (d *Disk) Append(records [][]byte, at time.Time) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	kept, err := d.admit(records)
	if err == nil {
		var pieces []piece
		pieces, err = d.write(kept, at)
		if noRoom(err) && d.reclaim() {
			pieces, err = d.write(kept, at)
		}
		d.publish(pieces, at)
	}
	if errors.Is(err, ErrClosed) {
		return err
	}
	if err != nil {
		return fmt.Errorf("cannot append to the queue in %q: %w", d.dir, err)
	}
	d.mu.Lock()
	d.stats.Appended += uint64(len(records))
	d.stats.DroppedFull += uint64(len(records) - len(kept))
	d.mu.Unlock()
	_ = d.syncCursor() // The records are there, whatever becomes of it.
	return nil
}

// admit returns the records for which there is room under the limits, after it has made room for them.
func (d *Disk) admit(records [][]byte) (kept [][]byte, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	d.expire(time.Now())

	var total int64
	fits := true
	for _, r := range records {
		total += frameSize(r)
		fits = fits && len(r) <= maxRecord
	}
	if fits && d.held()+total <= d.limits.Bytes {
		return records, nil
	}
	room := d.limits.Bytes
	if d.limits.Full == DropNewest {
		d.makeFree(total)
		room -= d.held()
		for _, r := range records {
			if size := frameSize(r); size <= room && len(r) <= maxRecord {
				kept = append(kept, r)
				room -= size
			}
		}
		return kept, nil
	}
	for _, seg := range d.segments {
		if seg.flying > 0 {
			room -= seg.file
		}
	}
	total = 0
	for _, r := range records {
		if size := frameSize(r); size <= room && len(r) <= maxRecord {
			kept = append(kept, r)
			total += size
		}
	}
	for len(kept) > 0 && total > room {
		total -= frameSize(kept[0])
		kept = kept[1:]
	}
	return kept, d.makeRoom(total)
}

// held is what counts against the limit. d.mu is held.
func (d *Disk) held() int64 {
	n := d.bytes
	for _, b := range d.bad {
		n += b.size
	}
	return n
}

// makeFree deletes what is not needed until there is room for n bytes, as far as it can. Both locks are held.
func (d *Disk) makeFree(n int64) {
	for len(d.bad) > 0 && d.held()+n > d.limits.Bytes {
		d.pruneBad(len(d.bad) - 1)
	}
	if d.held()+n > d.limits.Bytes && d.tail != nil && d.tail.finished() {
		d.seal()
		_ = d.sweep()
	}
}

// makeRoom drops the oldest segments with nothing in flight until there is room for n bytes. Both locks are held.
func (d *Disk) makeRoom(n int64) error {
	d.makeFree(n)
	over := d.held() + n - d.limits.Bytes
	for _, seg := range d.segments {
		if over <= 0 {
			break
		}
		if seg.flying > 0 {
			continue
		}
		over -= seg.file
		d.stats.DroppedFull += uint64(seg.waiting)
		d.waiting -= seg.waiting
		seg.waiting, seg.damaged, seg.unreadable = 0, false, false
		if seg == d.tail {
			d.seal()
		}
	}
	if err := d.sweep(); err != nil && d.held()+n > d.limits.Bytes {
		return fmt.Errorf("cannot make room: %w", err)
	}
	return nil
}

// reclaim deletes what is not needed, on a disk that is full, and returns whether there was something. d.writing is
// held.
func (d *Disk) reclaim() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.held()
	d.pruneBad(0)
	if d.tail != nil && d.tail.finished() {
		d.seal()
	}
	_ = d.sweep()
	return d.held() < before
}

// seal ends the tail: nothing more is added to it. Both locks are held.
func (d *Disk) seal() {
	if d.file != nil {
		_ = d.file.Close()
	}
	d.tail, d.file = nil, nil
}

// Next hands out up to limit of the records that wait, as order says; none when nothing waits. They stay in the queue,
// in flight, until Ack, and wait again after a restart. They are in the order of their arrival.
//
// With NewestFirst they are not the very newest when that would leave records waiting in very many places at once.
func (d *Disk) Next(limit int, order Order) ([]Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	d.expire(time.Now())
	if limit <= 0 {
		return nil, nil
	}
	take := d.oldest
	if order == NewestFirst {
		take = d.newest
	}
	lost := d.stats.Lost
	records, err := take(limit)
	if d.stats.Lost != lost {
		_ = d.sweep()
	}
	if err != nil && len(records) == 0 {
		return nil, fmt.Errorf("cannot read the queue in %q: %w", d.dir, err)
	}
	return records, nil
}

// oldest takes up to limit records from the front.
func (d *Disk) oldest(limit int) (records []Record, err error) {
	for _, seg := range d.segments {
		if seg.waiting == 0 {
			continue
		}
		buf, err := d.fetch(seg)
		if err != nil {
			return records, err
		}
		for _, gap := range seg.gaps() {
			sc := seg.scan(buf, gap)
			parts := d.parts[:0]
			for len(records)+len(parts) < limit {
				f, ok := sc.next()
				if !ok {
					break
				}
				parts = append(parts, f)
			}
			d.parts = parts[:0]
			records = append(records, d.hand(seg, parts)...)
			if len(records) == limit {
				d.discover(seg, sc.Places)
				return records, nil
			}
			d.discoverEnd(seg, sc)
		}
		d.lose(seg)
	}
	return records, nil
}

// newest takes up to limit records from the back.
func (d *Disk) newest(limit int) ([]Record, error) {
	var groups [][]Record // from back to front
	runs := len(d.flight)
	var err error
	for i := len(d.segments) - 1; i >= 0 && limit > 0; i-- {
		seg := d.segments[i]
		if seg.waiting == 0 {
			continue
		}
		var buf []byte
		if buf, err = d.fetch(seg); err != nil {
			break
		}
		all := true
		for _, gap := range slices.Backward(seg.gaps()) {
			if limit == 0 {
				all = false
				break
			}
			parts := d.parts[:0]
			sc := seg.scan(buf, gap)
			for f, ok := sc.next(); ok; f, ok = sc.next() {
				parts = append(parts, f)
			}
			d.parts = parts[:0]
			d.discoverEnd(seg, sc)
			if len(parts) > 0 {
				// What damage there is behind the last record belongs to it, so that it leaves no gap.
				parts[len(parts)-1].to = gap.to
			}
			switch {
			case len(parts) <= limit:
			case int64(gap.to) < seg.size || d.holes() < maxHoles:
				parts, all = parts[len(parts)-limit:], false
			case gap.from > 0:
				// Behind records that were taken before there arises no hole.
				parts, all = parts[:limit], false
			default:
				parts, all = nil, false
			}
			groups = append(groups, d.hand(seg, parts))
			limit -= len(parts)
		}
		if all {
			d.lose(seg)
		}
	}
	for i, j := runs, len(d.flight)-1; i < j; i, j = i+1, j-1 {
		d.flight[i], d.flight[j] = d.flight[j], d.flight[i]
	}
	var records []Record
	for _, g := range slices.Backward(groups) {
		records = append(records, g...)
	}
	return records, err
}

// hand hands out records that stand one behind the other.
func (d *Disk) hand(seg *segment, parts []part) []Record {
	if len(parts) == 0 {
		return nil
	}
	size := 0
	for _, f := range parts {
		size += len(f.data)
	}
	arena := make([]byte, 0, size)
	records := make([]Record, len(parts))
	ends := make([]span, len(parts))
	for i, f := range parts {
		start := len(arena)
		arena = append(arena, f.data...)
		records[i] = Record{At: time.Unix(0, f.at), Data: arena[start:len(arena):len(arena)]}
		ends[i] = span{to: f.to, at: f.at}
	}
	d.flight = append(d.flight, run{seg, parts[0].from, ends})
	last := ends[len(ends)-1]
	seg.taken = seg.taken.add(span{parts[0].from, last.to, last.at})
	d.move(seg, len(parts))
	return records
}

// move counts n records of a segment that wait as being in flight.
func (d *Disk) move(seg *segment, n int) {
	seg.waiting -= n
	d.waiting -= n
	seg.flying += n
	d.flying += n
}

// holes is how many spans the cursor needs once all that was taken is done with.
func (d *Disk) holes() int {
	n := 0
	for _, seg := range d.segments {
		n += seg.holes()
	}
	return n
}

// fetch loads a segment. If that is gone its records are lost, and there are no bytes.
func (d *Disk) fetch(seg *segment) ([]byte, error) {
	buf, err := d.load(seg)
	if !gone(err) {
		return buf, err
	}
	d.discover(seg, 1)
	seg.size = 0
	seg.unreadable = !errors.Is(err, fs.ErrNotExist)
	return nil, nil
}

// load returns the bytes of a segment, in a buffer that the next call reuses.
func (d *Disk) load(seg *segment) ([]byte, error) {
	if d.loaded != seg {
		d.loaded = nil
		d.buf = d.buf[:0]
		if cap(d.buf) > bufferKept && seg.size <= bufferKept {
			d.buf = nil
		}
	}
	have := min(int64(len(d.buf)), seg.size)
	if have < seg.size {
		// Room for the whole segment: it may be growing.
		d.buf = slices.Grow(d.buf[:have], int(max(seg.size, d.segmentSize)-have))[:seg.size]
		n, err := d.calls.read(segmentName(d.dir, seg.number, logSuffix), d.buf[have:], have)
		if err != nil {
			d.buf = d.buf[:0]
			return nil, err
		}
		clear(d.buf[have+int64(n):]) // A file that has become shorter is damage.
		d.loaded = seg
	}
	return d.buf[:seg.size], nil
}

// discover counts damaged places in a segment that had none when it was opened or written.
func (d *Disk) discover(seg *segment, places int) {
	if places == 0 || seg.damaged {
		return
	}
	seg.damaged = true
	d.stats.Damaged += uint64(places)
}

// discoverEnd does so after all of a gap was scanned.
func (d *Disk) discoverEnd(seg *segment, sc *scanner) {
	places := sc.Places
	if sc.Rest() != frame.Nothing {
		places++
	}
	d.discover(seg, places)
}

// lose counts the records that should wait in a segment and were not found in it.
func (d *Disk) lose(seg *segment) {
	d.stats.Lost += uint64(seg.waiting)
	d.waiting -= seg.waiting
	seg.waiting = 0
}

// Ack releases the first n of the records in flight, in the order in which they were handed out. They are released
// when there is an error too, but may come again after a restart.
func (d *Disk) Ack(n int) error {
	err := d.ack(n)
	if err == nil {
		err = d.syncCursor()
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("cannot keep what is acknowledged: %w", err)
	}
	return err
}

func (d *Disk) ack(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	for n > 0 && len(d.flight) > 0 {
		r := &d.flight[0]
		k := min(n, len(r.ends))
		last := r.ends[k-1]
		r.segment.done = r.segment.done.add(span{r.from, last.to, last.at})
		r.segment.flying -= k
		d.flying -= k
		d.stats.Acked += uint64(k)
		d.unsaved = true
		n -= k
		r.from, r.ends = last.to, r.ends[k:]
		if len(r.ends) == 0 {
			d.flight = slices.Delete(d.flight, 0, 1)
		}
	}
	return d.sweep()
}

// sweep writes the cursor if it has to be, and deletes the segments that are done with. d.mu is held.
func (d *Disk) sweep() error {
	unneeded := func(seg *segment) bool { return seg != d.tail && seg.finished() }
	some := false
	for _, seg := range d.segments {
		if unneeded(seg) {
			// If the process is killed before the file is deleted, the cursor knows.
			seg.finish()
			some, d.unsaved = true, true
		}
	}
	if !d.unsaved {
		return nil
	}
	err := d.saveCursor()
	if !some {
		return err
	}
	d.segments = slices.DeleteFunc(d.segments, func(seg *segment) bool {
		if !unneeded(seg) {
			return false
		}
		if e := d.remove(seg); e != nil {
			err = errors.Join(err, e)
			return false // It is tried again.
		}
		d.bytes -= seg.file
		if d.loaded == seg {
			d.loaded, d.buf = nil, d.buf[:0]
		}
		return true
	})
	return err
}

// remove deletes the file of a segment, or sets it aside.
func (d *Disk) remove(seg *segment) error {
	name := segmentName(d.dir, seg.number, logSuffix)
	if seg.damaged {
		err := os.Rename(name, segmentName(d.dir, seg.number, badSuffix))
		if err == nil {
			d.bad = append(d.bad, entry{seg.number, seg.file})
			d.pruneBad(badMost)
			return nil
		}
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// pruneBad deletes damaged segments until n are left, those first that were set aside first.
func (d *Disk) pruneBad(n int) {
	for len(d.bad) > n {
		_ = os.Remove(segmentName(d.dir, d.bad[0].number, badSuffix))
		d.bad = d.bad[1:]
	}
}

// saveCursor writes the cursor. d.mu is held.
func (d *Disk) saveCursor() error {
	first := d.next
	for _, seg := range d.segments {
		if seg == d.tail || !seg.finished() {
			first = seg.number
			break
		}
	}
	if err := d.cursor.Write(appendCursor(nil, first, d.next-1, d.segments)); err != nil {
		return err
	}
	d.unsaved, d.unsynced = false, true
	return nil
}

// syncCursor syncs the cursor if that is due.
func (d *Disk) syncCursor() error {
	d.mu.Lock()
	now := time.Now()
	// A monotonic clock: what it says does not depend on when the wall clock is set.
	due := d.unsynced && !d.closed && now.Sub(d.syncedAt) >= cursorEvery
	if due {
		d.unsynced, d.syncedAt = false, now
	}
	d.mu.Unlock()
	if !due {
		return nil
	}
	return d.cursor.Sync()
}

// expire drops waiting records that are too old at now. d.mu is held.
func (d *Disk) expire(now time.Time) {
	if d.limits.MaxAge <= 0 || nanos(now) < plausible {
		return
	}
	before := d.stats.DroppedAge
	edge := nanos(now.Add(-d.limits.MaxAge))
	for _, seg := range d.segments {
		if seg.waiting == 0 || seg.oldest == 0 || seg.oldest >= edge {
			continue
		}
		if seg.newest < edge && !seg.ageless && seg.flying == 0 {
			d.dropAged(seg, seg.waiting, span{0, uint32(seg.size), seg.newest})
			seg.oldest, seg.newest = 0, 0
			continue
		}
		d.expirePart(seg, edge, nanos(now))
	}
	if d.stats.DroppedAge != before {
		_ = d.sweep()
	}
}

// expirePart drops the waiting records of a segment that are older than edge, one by one.
func (d *Disk) expirePart(seg *segment, edge, now int64) {
	buf, err := d.fetch(seg)
	if err != nil {
		return
	}
	gaps := seg.gaps()
	unknown := seg.oldest // what scan takes for a time that is not known
	seg.oldest = 0
	for _, gap := range gaps {
		at := gap.at
		if at == 0 {
			at = unknown
		}
		sc := newScanner(buf[:gap.to], gap.from, seg.seed, at)
		var old span // records to drop
		n := 0
		drop := func() {
			if n > 0 {
				d.dropAged(seg, n, old)
				n = 0
			}
		}
		for f, ok := sc.next(); ok; f, ok = sc.next() {
			switch {
			case f.at >= edge || f.at < plausible:
				drop()
				seg.note(f.at)
			case n > 0:
				old.to, old.at = f.to, f.at
				n++
			case f.from == gap.from && f.from > 0 || d.holes() < maxHoles:
				old = span{f.from, f.to, f.at}
				n = 1
			default:
				seg.note(now) // There is no room to know that it is dropped; it gets another life.
			}
		}
		drop()
		d.discoverEnd(seg, sc)
	}
}

// dropAged drops n waiting records, which are all that wait in a part of a segment.
func (d *Disk) dropAged(seg *segment, n int, part span) {
	seg.taken = seg.taken.add(part)
	seg.done = seg.done.add(part)
	seg.waiting -= n
	d.waiting -= n
	d.stats.DroppedAge += uint64(n)
	d.unsaved = true
}

// Len is how many records the queue holds, in flight or waiting.
func (d *Disk) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting + d.flying
}

// Bytes is how large the files with records are together.
func (d *Disk) Bytes() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes
}

// Oldest is about when the record was taken in that has been in the queue for longest, the zero time if there is none
// or its time is not known.
func (d *Disk) Oldest() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	var oldest int64
	note := func(at int64) {
		if at >= plausible && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	for _, r := range d.flight {
		note(r.ends[0].at)
	}
	for _, seg := range d.segments {
		if seg.waiting == 0 {
			continue
		}
		// Behind records that were taken the time of the last of them is the closest that is known without reading.
		at := seg.oldest
		if gaps := seg.gaps(); len(gaps) > 0 {
			at = max(at, gaps[0].at)
		}
		note(at)
		break
	}
	if oldest == 0 {
		return time.Time{}
	}
	return time.Unix(0, oldest)
}

// Stats returns the counters.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Close syncs the cursor and lets another process open the queue.
func (d *Disk) Close() error {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	d.closed = true
	err := d.sweep()
	if d.unsynced {
		err = errors.Join(err, d.cursor.Sync())
	}
	d.buf, d.parts, d.frames, d.loaded = nil, nil, nil, nil
	return errors.Join(err, d.closeFiles())
}

// closeFiles closes what is open; the lock is the last.
func (d *Disk) closeFiles() error {
	d.seal()
	var err error
	if d.cursor != nil {
		err = d.cursor.Close()
	}
	return errors.Join(err, d.lock.Release())
}

// noRoom tells whether a disk is full, or this user's share of it.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Package journal keeps what was received until it is certain that it was passed on, and beyond that, so that it can be
// passed on again: entries of bytes in files, within a limit of bytes.
//
// What Append has returned for survives the end of the process, however it ends, and cuts of the power. Then the entry
// is passed on, and marked by MarkPrinted. An entry that the process was killed before marking is in Unprinted after the
// next start, so that every entry is passed on, and one only in such a moment twice.
//
// The journal knows the IDs of its entries, and so what it has already: a message that is still where it was received
// from, because the process was killed before it could delete it there, is not taken for a new one.
//
// It knows nothing of what is in an entry.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"telegraf-hologram/internal/dirlock"
	"telegraf-hologram/internal/frame"
	"telegraf-hologram/internal/fsync"
	"telegraf-hologram/internal/slot"
)

const (
	// LeastLimit is the least limit of a journal, in bytes.
	LeastLimit = 64 << 10
	// MaxIDs is how many IDs of its entries a journal knows, the newest ones.
	MaxIDs = 16384
	// DroppedIDs is how many IDs it knows besides, those of the entries that it dropped last. No modem has room for as
	// many messages, so that a small limit lets none be taken for new that is still there.
	DroppedIDs = 1024

	// segmentMost and segmentLeast bound the size of a file: whole blocks of flash, but a fraction of a small limit.
	segmentMost  = 256 << 10
	segmentLeast = 8 << 10
	// segmentShare is how many files a limit allows, as whole files are dropped.
	segmentShare = 8
	// bufferKept is how large a buffer is kept.
	bufferKept = 4 << 10
)

var (
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("the journal is closed")
	// ErrKnown is returned for an entry whose ID is known. Nothing is appended.
	ErrKnown = errors.New("the entry is in the journal already")
	// ErrTooLarge is returned for an entry that is larger than the limit, or than 16 MiB.
	ErrTooLarge = errors.New("the entry is too large for the journal")
)

// Stats counts what is in a journal and what has become of the rest.
type Stats struct {
	// Bytes is how large the files are together.
	Bytes int64
	// Known is how many IDs Has knows: those of entries, up to MaxIDs, and up to DroppedIDs of dropped ones.
	Known int
	// Unprinted is how many entries are not marked.
	Unprinted int
	// Dropped is how many entries that were not marked were dropped for want of room since the journal was opened.
	Dropped uint64
	// Damaged is how many damaged places were found.
	Damaged uint64
	// Lost is how many entries that were not marked could not be read any more when Unprinted wanted them.
	Lost uint64
}

// Journal is a journal in files. It is safe for concurrent use.
//
// An entry is in a segment, which is a file that is only added to. When the limit is reached the oldest segments are
// deleted as a whole.
type Journal struct {
	dir         string
	limit       int64
	segmentSize int64
	calls       calls
	lock        *dirlock.Lock

	mu       sync.Mutex
	segments []*segment // in the order of their numbers
	file     *os.File   // of the last segment, nil if nothing is added to that any more
	next     uint64     // the number of the next segment
	order    []ID       // of the entries that are known, in the order of their arrival
	gone     []ID       // those of dropped entries, in the same order
	known    map[ID]struct{}
	goneFile *slot.File // with gone, nil as long as nothing was dropped
	// unprinted has the segment of each entry that is not marked.
	unprinted map[ID]*segment
	marks     []ID // that have to be written still
	buf       []byte
	stats     Stats // without what can be counted
	closed    bool
}

// calls are what a Journal does with files that can fail; tests let them fail.
type calls struct {
	writeAt  func(f *os.File, b []byte, off int64) (int, error)
	sync     func(f *os.File) error
	truncate func(f *os.File, size int64) error
}

// Open opens the journal in a directory, which it makes if there is none. While it is open no other process can open
// it; the error is then a *dirlock.LockedError. limit is the most that the files of entries may take together, in bytes,
// at least LeastLimit; the IDs of dropped entries take 60 KiB besides.
//
// What is in the files is never a reason to fail. What was not written to its end is cut off, and damaged places are
// passed over and counted: they cost the entries that are damaged, and marks that are damaged let entries be unprinted
// again.
func Open(dir string, limit int64) (*Journal, error) {
	return open(dir, limit, calls{
		writeAt:  (*os.File).WriteAt,
		sync:     fsync.Data,
		truncate: (*os.File).Truncate,
	})
}

func open(dir string, limit int64, calls calls) (_ *Journal, err error) {
	if err := fsync.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("cannot make the directory of the journal: %w", err)
	}
	limit = max(limit, LeastLimit)
	j := &Journal{
		dir:         dir,
		limit:       limit,
		segmentSize: min(max(limit/segmentShare, segmentLeast), segmentMost),
		calls:       calls,
		next:        1,
		known:       make(map[ID]struct{}),
		unprinted:   make(map[ID]*segment),
	}
	if j.lock, err = dirlock.Take(dir); err != nil {
		return nil, fmt.Errorf("the journal in %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot open the journal in %q: %w", dir, errors.Join(err, j.closeFiles()))
		}
	}()
	numbers, err := list(dir)
	if err != nil {
		return nil, err
	}
	for i, number := range numbers {
		if err := j.load(number, i == len(numbers)-1); err != nil {
			return nil, err
		}
	}
	// After the entries: some of them may be in both, if the process was killed while it dropped them.
	if err := j.loadGone(); err != nil {
		return nil, err
	}
	// A process that was killed may have begun the last file a moment before.
	if err := fsync.Dir(dir); err != nil {
		return nil, err
	}
	j.buf = nil
	return j, nil
}

// load takes a segment in that was there before.
func (j *Journal) load(number uint64, last bool) error {
	seg := newSegment(number)
	j.next = number + 1
	buf, err := seg.read(j.dir, j.buf)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	j.segments = append(j.segments, seg)
	if err != nil {
		j.stats.Damaged++
		return nil //nolint:nilerr // it is counted; what can be read of the others is worth more
	}
	j.buf = buf
	sc := seg.scan(buf)
	for f, ok := sc.Next(); ok; f, ok = sc.Next() {
		if f.Kind == kindMarks {
			for _, id := range readIDs(f.Body) {
				j.settle(id)
			}
			continue
		}
		// Only an Append that has failed and could not be undone leaves an ID twice.
		if e, ok := readEntry(f.Body); ok && !j.has(e.ID) {
			j.note(seg, &e)
		}
	}
	places, rest := sc.Places, sc.Rest()
	if rest == frame.Damage || rest == frame.Torn && !last {
		places++
	}
	j.stats.Damaged += uint64(places)
	if !last {
		return nil
	}
	return j.resume(seg, int64(sc.Pos), places > 0)
}

// resume goes on with the last segment, whose frames end at whole, unless it is damaged.
func (j *Journal) resume(seg *segment, whole int64, damaged bool) error {
	f, err := os.OpenFile(segmentName(j.dir, seg.number), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if whole < seg.size && !damaged {
		if err := j.calls.truncate(f, whole); err != nil {
			return errors.Join(err, f.Close())
		}
		seg.size = whole
	}
	// What was read may have been written a moment ago by a process that was killed before it could wait for the disk.
	// It is known from here on, and may be deleted elsewhere.
	if err := j.calls.sync(f); err != nil {
		return errors.Join(err, f.Close())
	}
	j.file = f
	if damaged {
		j.seal()
	}
	return nil
}

// Has tells whether the ID is that of an entry, or one of those with it in Also. Of more than MaxIDs IDs it knows the
// newest, and those of the entries that are not marked. It also knows the DroppedIDs last ones of dropped entries.
func (j *Journal) Has(id ID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.has(id)
}

func (j *Journal) has(id ID) bool {
	_, known := j.known[id]
	return known || j.unprinted[id] != nil
}

// note takes an entry of a segment into account.
func (j *Journal) note(seg *segment, e *Entry) {
	j.know(seg, e.ID)
	for _, id := range e.Also {
		j.know(seg, id)
	}
	j.unprinted[e.ID] = seg
	seg.unprinted++
}

func (j *Journal) know(seg *segment, id ID) {
	if j.has(id) {
		return
	}
	if len(j.order) == MaxIDs {
		for _, s := range j.segments {
			if s.ids > 0 {
				delete(j.known, j.order[0])
				j.order = j.order[1:]
				s.ids--
				break
			}
		}
	}
	j.known[id] = struct{}{}
	j.order = append(j.order, id)
	seg.ids++
}

// drop keeps the IDs of the first segment, which is about to be removed, among those of dropped entries.
func (j *Journal) drop(seg *segment) {
	if seg.ids == 0 {
		return
	}
	j.gone = append(j.gone, j.order[:seg.ids]...)
	j.order = j.order[seg.ids:]
	seg.ids = 0
	if surplus := len(j.gone) - DroppedIDs; surplus > 0 {
		for _, id := range j.gone[:surplus] {
			delete(j.known, id)
		}
		j.gone = slices.Clone(j.gone[surplus:])
	}
	// That the limit holds is worth more than these IDs, and they are in memory as well.
	_ = j.saveGone()
}

const goneName = "dropped"

// loadGone reads the IDs of dropped entries, if there are any.
func (j *Journal) loadGone() error {
	name := filepath.Join(j.dir, goneName)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	file, value, err := slot.Open(name, DroppedIDs*idSize)
	if err != nil {
		return err
	}
	j.goneFile = file
	for _, id := range readIDs(value) {
		if !j.has(id) {
			j.known[id] = struct{}{}
			j.gone = append(j.gone, id)
		}
	}
	return nil
}

func (j *Journal) saveGone() (err error) {
	if j.goneFile == nil {
		if j.goneFile, _, err = slot.Open(filepath.Join(j.dir, goneName), DroppedIDs*idSize); err != nil {
			return err
		}
	}
	value := make([]byte, 0, len(j.gone)*idSize)
	for i := range j.gone {
		value = append(value, j.gone[i][:]...)
	}
	if err := j.goneFile.Write(value); err != nil {
		return err
	}
	return j.goneFile.Sync()
}

// settle takes an entry for printed, and returns whether it was not.
func (j *Journal) settle(id ID) bool {
	seg, ok := j.unprinted[id]
	if ok {
		seg.unprinted--
		delete(j.unprinted, id)
	}
	return ok
}

// Append appends an entry. It is on the disk when Append returns, or not there if it returns an error, which is
// ErrKnown for one whose ID is known. Where the limit requires it the oldest entries are dropped.
func (j *Journal) Append(e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return ErrClosed
	case j.has(e.ID):
		return ErrKnown
	case !e.fits() || e.size() > j.limit:
		return ErrTooLarge
	}
	err := j.write(e.size(), true, func(b []byte, seed uint32) []byte { return appendEntry(b, seed, &e) })
	if err != nil {
		return fmt.Errorf("cannot append to the journal in %q: %w", j.dir, err)
	}
	j.note(j.last(), &e)
	return nil
}

// MarkPrinted says that entries are passed on. Unprinted no longer returns them; unknown IDs are passed over. The marks
// survive the end of the process, but not always a cut of the power. After an error they do neither until a later call
// of Append, MarkPrinted or Close succeeds.
func (j *Journal) MarkPrinted(ids ...ID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	for _, id := range ids {
		if j.settle(id) {
			j.marks = append(j.marks, id)
		}
	}
	if err := j.writeMarks(); err != nil {
		return fmt.Errorf("cannot mark entries of the journal in %q: %w", j.dir, err)
	}
	return nil
}

func (j *Journal) writeMarks() error {
	if len(j.marks) == 0 {
		return nil
	}
	return j.write(0, false, func(b []byte, _ uint32) []byte { return b })
}

// write writes the marks that wait, and size bytes of frames besides, and waits until they are on the disk if that is
// wanted. After an error nothing of it is there, or what is there cannot be removed.
func (j *Journal) write(size int64, sync bool, frames func(b []byte, seed uint32) []byte) error {
	marks := j.marks
	size += marksSize(marks)
	if err := j.makeRoom(size); err != nil {
		return err
	}
	for again := false; ; again = true {
		if err := j.place(size); err != nil {
			return err
		}
		seg := j.last()
		j.buf = frames(appendMarks(j.buf[:0], seg.seed, marks), seg.seed)
		written := int64(len(j.buf))
		_, err := j.calls.writeAt(j.file, j.buf, seg.size)
		if cap(j.buf) > bufferKept {
			j.buf = nil
		}
		if err != nil {
			j.undo(false)
			return err
		}
		if sync {
			err = j.calls.sync(j.file)
		}
		if err == nil {
			seg.size += written
			j.marks = nil
			return nil
		}
		// The system can forget after such an error what it has not written: asking again may not tell.
		j.undo(true)
		if again {
			return err
		}
	}
}

// last is the segment that is added to, while j.file is not nil.
func (j *Journal) last() *segment { return j.segments[len(j.segments)-1] }

// place makes sure that the last segment has room for size bytes.
func (j *Journal) place(size int64) error {
	if j.file != nil && (j.last().size == 0 || j.last().size+size <= j.segmentSize) {
		return nil
	}
	name := segmentName(j.dir, j.next)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := fsync.Dir(j.dir); err != nil {
		return errors.Join(err, f.Close(), os.Remove(name))
	}
	j.seal()
	j.file = f
	j.segments = append(j.segments, newSegment(j.next))
	j.next++
	return nil
}

// undo takes out again what was written behind the end of the last segment; seal ends the segment in any case.
func (j *Journal) undo(seal bool) {
	seg := j.last()
	if err := j.calls.truncate(j.file, seg.size); err != nil {
		// What stands there now is damage, or an entry that was refused: one that comes again is then there twice.
		if info, err := j.file.Stat(); err == nil {
			seg.size = info.Size()
		}
		seal = true
	}
	if seal {
		j.seal()
	}
	if seg.size == 0 && seal && os.Remove(segmentName(j.dir, seg.number)) == nil {
		j.segments = slices.DeleteFunc(j.segments, func(s *segment) bool { return s == seg })
	}
}

// seal ends the last segment: nothing more is added to it.
func (j *Journal) seal() {
	if j.file != nil {
		_ = j.file.Close()
	}
	j.file = nil
}

// makeRoom drops the oldest segments until there is room for size bytes.
func (j *Journal) makeRoom(size int64) error {
	for len(j.segments) > 0 && j.bytes()+size > j.limit {
		seg := j.segments[0]
		j.drop(seg)
		if err := os.Remove(segmentName(j.dir, seg.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot make room: %w", err)
		}
		if len(j.segments) == 1 {
			j.seal()
		}
		j.stats.Dropped += uint64(j.abandon(seg))
		j.segments = slices.Delete(j.segments, 0, 1)
	}
	return nil
}

// abandon gives up what is not printed of a segment, and returns how many entries that are.
func (j *Journal) abandon(seg *segment) int {
	n := seg.unprinted
	if n > 0 {
		for id, s := range j.unprinted {
			if s == seg {
				delete(j.unprinted, id)
			}
		}
	}
	seg.unprinted = 0
	return n
}

func (j *Journal) bytes() (n int64) {
	for _, seg := range j.segments {
		n += seg.size
	}
	return n
}

// Unprinted returns up to limit of the entries that are not marked, the oldest ones in the order in which they were
// appended. They are returned again until they are marked.
func (j *Journal) Unprinted(limit int) ([]Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	var entries []Entry
	for _, seg := range j.segments {
		if seg.unprinted == 0 {
			continue
		}
		if len(entries) >= limit {
			break
		}
		found, err := j.unprintedOf(seg, limit-len(entries))
		if err != nil {
			return nil, fmt.Errorf("cannot read the journal in %q: %w", j.dir, err)
		}
		entries = append(entries, found...)
	}
	return entries, nil
}

// unprintedOf returns up to limit entries of a segment that are not marked. Those that cannot be found are lost.
func (j *Journal) unprintedOf(seg *segment, limit int) ([]Entry, error) {
	buf, err := seg.read(j.dir, nil)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EIO) {
		return nil, err
	}
	var entries []Entry
	found := make(map[ID]bool)
	sc := seg.scan(buf)
	for f, ok := sc.Next(); ok && len(entries) < limit; f, ok = sc.Next() {
		if f.Kind != kindEntry {
			continue
		}
		if e, ok := readEntry(f.Body); ok && j.unprinted[e.ID] == seg && !found[e.ID] {
			found[e.ID] = true
			entries = append(entries, e.clone())
		}
	}
	if len(entries) < limit && len(found) < seg.unprinted {
		j.stats.Lost += uint64(seg.unprinted - len(found))
		for id, s := range j.unprinted {
			if s == seg && !found[id] {
				j.settle(id)
			}
		}
	}
	return entries, nil
}

// Stats returns the counters.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Bytes, s.Known, s.Unprinted = j.bytes(), len(j.order)+len(j.gone), len(j.unprinted)
	return s
}

// Close writes the marks to the disk and lets another process open the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	j.closed = true
	err := j.writeMarks()
	if j.file != nil {
		err = errors.Join(err, j.calls.sync(j.file))
	}
	if err = errors.Join(err, j.closeFiles()); err != nil {
		return fmt.Errorf("cannot close the journal in %q: %w", j.dir, err)
	}
	return nil
}

// closeFiles closes what is open; the lock is the last.
func (j *Journal) closeFiles() error {
	j.seal()
	var err error
	if j.goneFile != nil {
		err = j.goneFile.Close()
	}
	return errors.Join(err, j.lock.Release())
}

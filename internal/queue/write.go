package queue

import (
	"errors"
	"math"
	"os"
	"time"

	"telegraf-hologram/internal/fsync"
)

var errNumbers = errors.New("there is no higher number for a segment")

// syncError says that what was written may not be on the disk, and that asking again may not tell: the system can
// forget after such an error what it has not written.
type syncError struct{ err error }

func (e *syncError) Error() string { return e.err.Error() }
func (e *syncError) Unwrap() error { return e.err }

// piece is what an Append adds to one segment.
type piece struct {
	segment *segment
	file    *os.File
	fresh   bool  // the segment was begun for it
	end     int64 // of the file
	records int
}

// write writes records into the tail, or into new segments, and waits until they are on the disk. After an error none
// of them is there. d.writing is held, so that the tail stays what it is; nobody else sees what was written before
// publish.
func (d *Disk) write(records [][]byte, at time.Time) (pieces []piece, err error) {
	var again, fresh bool
	for len(records) > 0 {
		p, err := d.place(records, len(pieces) > 0)
		if err == nil {
			fresh = fresh || p.fresh
			err = d.put(&p, records, at)
		}
		if err != nil {
			failed := new(syncError)
			isSync := errors.As(err, &failed)
			d.undo(p, isSync)
			if isSync && !again {
				again = true
				continue
			}
			d.undoAll(pieces)
			return nil, err
		}
		pieces = append(pieces, p)
		records = records[p.records:]
	}
	if fresh {
		if err := fsync.Dir(d.dir); err != nil {
			d.undoAll(pieces)
			return nil, err
		}
	}
	return pieces, nil
}

// place finds the segment for the first of the records: the tail if it has room for all, or a new one.
func (d *Disk) place(records [][]byte, fresh bool) (piece, error) {
	if d.tail != nil && d.file == nil {
		f, err := os.OpenFile(segmentName(d.dir, d.tail.number, logSuffix), os.O_WRONLY, 0)
		d.mu.Lock()
		if d.file = f; err != nil {
			d.file = nil
			d.seal()
		}
		d.mu.Unlock()
	}
	if d.tail != nil && !fresh && !d.worn() {
		size := d.tail.size
		for _, r := range records {
			size += frameSize(r)
		}
		if size <= d.segmentSize || d.tail.size == 0 {
			return piece{segment: d.tail, file: d.file}, nil
		}
	}
	d.mu.Lock()
	number := d.next
	d.next++
	d.mu.Unlock()
	if number > lastNumber {
		return piece{}, errNumbers
	}
	f, err := os.OpenFile(segmentName(d.dir, number, logSuffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return piece{}, err
	}
	return piece{segment: newSegment(number), file: f, fresh: true}, nil
}

// worn tells that the tail is done with and large enough to be deleted: on a disk that is full, one record more would
// keep it there.
func (d *Disk) worn() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tail.finished() && d.tail.size > d.segmentSize/2
}

// put writes as many of the records as the segment has room for, one at least.
func (d *Disk) put(p *piece, records [][]byte, at time.Time) error {
	size := p.segment.size
	for _, r := range records {
		if size += frameSize(r); size > d.segmentSize && p.records > 0 {
			break
		}
		p.records++
	}
	d.frames = appendFrames(d.frames[:0], p.segment.seed, records[:p.records], at)
	p.end = p.segment.size + int64(len(d.frames))
	_, err := d.calls.writeAt(p.file, d.frames, p.segment.size)
	if cap(d.frames) > bufferKept {
		d.frames = nil
	}
	if err != nil {
		return err
	}
	if err := d.calls.sync(p.file); err != nil {
		return &syncError{err}
	}
	return nil
}

// undo takes a piece out again. What cannot be taken out is marked as done with; it stands behind the end of its
// segment, to which nothing is added any more.
func (d *Disk) undo(p piece, seal bool) {
	seg := p.segment
	if seg == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.fresh {
		_ = p.file.Close()
		if os.Remove(segmentName(d.dir, seg.number, logSuffix)) != nil {
			seg.finish()
			seg.file = p.end
			d.bytes += p.end
			d.segments = append(d.segments, seg) // The next sweep tries again.
			d.unsaved = true
			_ = d.saveCursor()
		}
		return
	}
	err := d.calls.truncate(p.file, seg.size)
	if err != nil {
		behind := span{from: uint32(seg.size), to: math.MaxUint32}
		seg.taken = seg.taken.add(behind)
		seg.done = seg.done.add(behind)
		if info, err := p.file.Stat(); err == nil {
			d.bytes += info.Size() - seg.file
			seg.file = info.Size()
		}
		d.unsaved = true
		_ = d.saveCursor()
	}
	if seal || err != nil {
		d.seal()
	}
}

func (d *Disk) undoAll(pieces []piece) {
	for _, p := range pieces {
		d.undo(p, false)
	}
}

// publish makes what was written part of the queue.
func (d *Disk) publish(pieces []piece, at time.Time) {
	if len(pieces) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range pieces {
		seg := p.segment
		if p.fresh {
			d.segments = append(d.segments, seg)
			d.seal()
			d.tail, d.file = seg, p.file
		}
		d.bytes += p.end - seg.file
		seg.size, seg.file = p.end, p.end
		seg.waiting += p.records
		d.waiting += p.records
		seg.note(nanos(at))
	}
	if pieces[0].fresh {
		_ = d.sweep() // The tail before may be done with.
	}
}

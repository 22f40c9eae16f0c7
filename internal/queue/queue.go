// Package queue holds records between the moment they are taken in and the moment they are delivered, within a limit of
// bytes and, if wanted, of age. It knows nothing of what is in a record.
//
// A Memory is lost with the process. A Disk keeps its records through a crash, a cut of the power, and a full disk. A
// Spill is a Disk that can go on in memory while its disk takes nothing.
//
// A queue has one writer, which appends, and one reader, which takes records with Next, the oldest or the newest of
// them, and releases them with Ack, in the order in which it took them. Records that were handed out by Next and are
// not acknowledged are in flight: they are never dropped, whatever the limits, because the reader may be sending them
// and may have to send the very same again. Limits are therefore enforced on the records that wait.
//
// Nothing is dropped silently: every record that leaves a queue without an Ack is in Stats under its reason.
package queue

import (
	"errors"
	"time"
)

// Overhead is what a record costs in memory beside its own bytes, in bytes. It is part of a Memory's Bytes, so that a
// limit also bounds a queue of very many very small records.
const Overhead = 96

// ErrClosed is returned by every call on a queue after Close.
var ErrClosed = errors.New("queue is closed")

// Record is one record of a queue.
type Record struct {
	// At is when the record was taken in.
	At time.Time
	// Data is the record. It must not be changed.
	Data []byte
}

// Order says which of the records that wait Next hands out.
type Order int

const (
	// OldestFirst hands out the records that have waited longest.
	OldestFirst Order = iota
	// NewestFirst hands out the records that have waited least, those of one call still in the order of their arrival.
	NewestFirst
)

// Policy says which records go when a queue is full.
type Policy int

const (
	// DropOldest makes room by dropping the oldest records that are not in flight.
	DropOldest Policy = iota
	// DropNewest keeps what is there and drops the records that arrive.
	DropNewest
)

// Limits bound a queue.
type Limits struct {
	// Bytes is the most that the records may take together: in memory Overhead included, on disk what their files have.
	Bytes int64
	// MaxAge is how long a record may wait before it is dropped; 0 is without end.
	MaxAge time.Duration
	// Full says which records go when Bytes does not suffice.
	Full Policy
}

// Stats counts records since the queue was opened. Found and Appended together are always what was acknowledged,
// dropped, lost, and is still held.
type Stats struct {
	// Found is how many records the queue held when it was opened.
	Found uint64
	// Appended is how many records were given to Append, those dropped at once included.
	Appended uint64
	// Acked is how many records were acknowledged.
	Acked uint64
	// DroppedFull is how many records were dropped for want of room.
	DroppedFull uint64
	// DroppedAge is how many records were dropped because they had waited for longer than MaxAge.
	DroppedAge uint64
	// Damaged is how many places were found where records could not be read any more; how many records stood there
	// cannot always be told.
	Damaged uint64
	// Lost is how many of the records that were found or appended could not be read any more when they were to be
	// handed out.
	Lost uint64
}

// Dropped is how many records were dropped, for any reason.
func (s Stats) Dropped() uint64 { return s.DroppedFull + s.DroppedAge }

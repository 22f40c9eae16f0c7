package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"time"

	"telegraf-hologram/internal/frame"
)

// A file of the journal is a row of frames (package frame). One of kindEntry is an entry:
//
//	id | time i64 | type u8, zero u8 | number of further ids u16 | further ids | data
//
// all little endian, the time in nanoseconds since 1970. One of kindMarks is the ids of entries that are printed; they
// are in the same file, or in one before.
const (
	kindEntry = 0xC1
	kindMarks = 0xF5

	idSize    = 16
	entryHead = idSize + 8 + 2 + 2
	// formatName is the format's identity, in every checksum. What reads another format has another name.
	formatName = "telegraf-hologram journal 1"
)

var kinds = frame.Kinds{kindEntry: entryHead, kindMarks: idSize}

// ID identifies an entry, or what else Has is to know.
type ID [idSize]byte

// String returns the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Entry is one entry of a journal.
type Entry struct {
	// ID is the entry's, and no other's.
	ID ID
	// Also are further IDs that Has is to know from then on, such as those of the parts of a message: at most 65535.
	Also []ID
	// Type is for the user of the journal.
	Type byte
	// Time is when the entry came to be, for Read. It is kept in nanoseconds; a time before 1970 or after 2200 becomes
	// the begin of 1970.
	Time time.Time
	// Data is for the user of the journal.
	Data []byte
}

// GoString tells the ID only: the rest may be what no log is to have.
func (e Entry) GoString() string { return e.String() }

// String tells the ID only.
func (e Entry) String() string { return "entry " + e.ID.String() }

// size is what the entry takes in a file.
func (e *Entry) size() int64 {
	return frame.HeadSize + entryHead + int64(len(e.Also))*idSize + int64(len(e.Data))
}

// fits tells whether a frame can hold the entry.
func (e *Entry) fits() bool {
	return len(e.Also) <= math.MaxUint16 && e.size() <= frame.HeadSize+frame.MaxBody
}

func appendEntry(b []byte, seed uint32, e *Entry) []byte {
	start := len(b)
	b = frame.Begin(b, kindEntry)
	b = append(b, e.ID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(nanos(e.Time)))
	b = append(b, e.Type, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(e.Also)))
	for i := range e.Also {
		b = append(b, e.Also[i][:]...)
	}
	b = append(b, e.Data...)
	frame.End(b, start, seed)
	return b
}

// nanos is a time as it is stored.
func nanos(at time.Time) int64 {
	if y := at.Year(); y < 1970 || y > 2200 {
		return 0
	}
	return at.UnixNano()
}

// readEntry reads the body of an entry; ok is false if it was not written by appendEntry. Data is a part of the body.
func readEntry(body []byte) (e Entry, ok bool) {
	copy(e.ID[:], body)
	e.Time = time.Unix(0, int64(binary.LittleEndian.Uint64(body[idSize:])))
	e.Type = body[idSize+8]
	further := int(binary.LittleEndian.Uint16(body[idSize+10:]))
	body = body[entryHead:]
	if further*idSize > len(body) {
		return Entry{}, false
	}
	e.Also = readIDs(body[:further*idSize])
	e.Data = body[further*idSize:]
	return e, true
}

// clone returns the entry with data of its own.
func (e Entry) clone() Entry {
	e.Data = bytes.Clone(e.Data)
	return e
}

// marksSize is what marks take in a file.
func marksSize(marks []ID) int64 {
	if len(marks) == 0 {
		return 0
	}
	return frame.HeadSize + int64(len(marks))*idSize
}

func appendMarks(b []byte, seed uint32, marks []ID) []byte {
	if len(marks) == 0 {
		return b
	}
	start := len(b)
	b = frame.Begin(b, kindMarks)
	for i := range marks {
		b = append(b, marks[i][:]...)
	}
	frame.End(b, start, seed)
	return b
}

// readIDs reads IDs one behind the other; what is less than one at the end is left out.
func readIDs(b []byte) []ID {
	if len(b) < idSize {
		return nil
	}
	ids := make([]ID, len(b)/idSize)
	for i := range ids {
		copy(ids[i][:], b[i*idSize:])
	}
	return ids
}

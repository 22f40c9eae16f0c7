package queue

import (
	"encoding/binary"
	"time"

	"telegraf-hologram/internal/frame"
)

// A segment file is a row of frames (package frame), one for each record, and nothing else. The first record of a chunk
// has the time at which the chunk was taken in before it, as nanoseconds since 1970 (kindTimed); the others were taken
// in at the same time (kindPlain).
const (
	timeSize  = 8
	kindPlain = 0xC1
	kindTimed = 0xC2

	// maxRecord is the longest record that a frame can hold.
	maxRecord = frame.MaxBody - timeSize
	// formatName is the format's identity, in every checksum. What reads another format has another name.
	formatName = "telegraf-hologram queue 1"
)

var kinds = frame.Kinds{kindPlain: 1, kindTimed: timeSize}

// seedOf is where the checksums of a segment start from.
func seedOf(number uint64) uint32 { return frame.Seed(formatName, number) }

// frameSize is the most that a record takes in a file.
func frameSize(record []byte) int64 { return frame.HeadSize + timeSize + int64(len(record)) }

// appendFrames appends the frames of records that were taken in together. A record without bytes always has a time, so
// that no body is empty.
func appendFrames(b []byte, seed uint32, records [][]byte, at time.Time) []byte {
	for i, r := range records {
		start := len(b)
		if i == 0 || len(r) == 0 {
			b = frame.Begin(b, kindTimed)
			b = binary.LittleEndian.AppendUint64(b, uint64(nanos(at)))
		} else {
			b = frame.Begin(b, kindPlain)
		}
		b = append(b, r...)
		frame.End(b, start, seed)
	}
	return b
}

// nanos is a time as it is stored. What cannot be stored is the begin of 1970, as by a clock that was never set. 0 is
// no time.
func nanos(at time.Time) int64 {
	if y := at.Year(); y < 1970 || y > 2200 {
		return 1
	}
	return max(at.UnixNano(), 1)
}

// part is a record as it stands in a segment.
type part struct {
	from uint32 // where the record before ends; what lies between is damaged
	to   uint32 // where this one ends
	at   int64
	data []byte // of the buffer that is scanned
}

// scanner reads the records of a part of a segment.
type scanner struct {
	frame.Scanner
	at int64 // of the record before
}

// newScanner returns a scanner of buf from pos on, where at is the time of the record before.
func newScanner(buf []byte, pos uint32, seed uint32, at int64) *scanner {
	return &scanner{frame.Scanner{Kinds: &kinds, Seed: seed, Buf: buf, Pos: int(pos)}, at}
}

// next returns the next record, false when there is none.
func (s *scanner) next() (part, bool) {
	f, ok := s.Next()
	if !ok {
		return part{}, false
	}
	if f.Kind == kindTimed {
		s.at = int64(binary.LittleEndian.Uint64(f.Body))
		f.Body = f.Body[timeSize:]
	}
	return part{uint32(f.From), uint32(f.To), s.at, f.Body}, true
}

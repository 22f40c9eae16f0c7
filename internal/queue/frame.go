package queue

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"
)

// A segment file is a row of frames, one for each record, and nothing else:
//
//	length u24, kind u8 | crc32c u32 | body
//
// all little endian. The length is that of the body. The first record of a chunk has the time at which the chunk was
// taken in before it, as nanoseconds since 1970 (kindTimed); the others were taken in at the same time (kindPlain).
//
// The checksum covers the segment's number, so that bytes of another segment never pass, the length and kind, and the
// body. No frame begins with four zeros, nor with four bytes of text, so that a search for the next frame behind
// damage has little to sum.
const (
	headSize  = 8
	timeSize  = 8
	kindPlain = 0xC1
	kindTimed = 0xC2
	maxBody   = 1<<24 - 1

	// maxRecord is the longest record that a frame can hold.
	maxRecord = maxBody - timeSize
	// formatName is the format's identity, in every checksum. What reads another format has another name.
	formatName = "telegraf-hologram queue 1"
	// searchMost is how many bytes a search for the next frame may sum. Only bytes that were made to look like frames
	// come near it.
	searchMost = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seedOf is where the checksums of a segment start from.
func seedOf(number uint64) uint32 {
	b := append(make([]byte, 0, len(formatName)+8), formatName...)
	return crc32.Checksum(binary.LittleEndian.AppendUint64(b, number), castagnoli)
}

// frameSize is the most that a record takes in a file.
func frameSize(record []byte) int64 { return headSize + timeSize + int64(len(record)) }

// appendFrames appends the frames of records that were taken in together. A record without bytes always has a time, so
// that no body is empty.
func appendFrames(b []byte, seed uint32, records [][]byte, at time.Time) []byte {
	for i, r := range records {
		start := len(b)
		kind, n := uint32(kindPlain), len(r)
		if i == 0 || n == 0 {
			kind, n = kindTimed, n+timeSize
		}
		b = binary.LittleEndian.AppendUint32(b, kind<<24|uint32(n))
		b = append(b, 0, 0, 0, 0)
		if kind == kindTimed {
			b = binary.LittleEndian.AppendUint64(b, uint64(nanos(at)))
		}
		b = append(b, r...)
		binary.LittleEndian.PutUint32(b[start+4:], frameSum(seed, b[start:]))
	}
	return b
}

// frameSum is the checksum of the frame that b is.
func frameSum(seed uint32, b []byte) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli, b[:4]), castagnoli, b[headSize:])
}

// nanos is a time as it is stored. What cannot be stored is the begin of 1970, as by a clock that was never set. 0 is
// no time.
func nanos(at time.Time) int64 {
	if y := at.Year(); y < 1970 || y > 2200 {
		return 1
	}
	return max(at.UnixNano(), 1)
}

// frame is a record as it stands in a segment.
type frame struct {
	from uint32 // where the frame before ends; what lies between is damaged
	to   uint32 // where this one ends
	at   int64
	data []byte // of the buffer that is scanned
}

// scanner reads the frames of a part of a segment, and finds the next one behind what is damaged.
type scanner struct {
	buf    []byte // the segment, up to the end of the part
	pos    int    // where the next frame should begin
	at     int64  // of the frame before
	seed   uint32
	places int // damaged ones that were passed
	summed int // bytes, in searches
}

// next returns the next frame, false when there is none.
func (s *scanner) next() (frame, bool) {
	start := s.pos
	n := s.check(start)
	if n == 0 {
		start, n = s.search(start + 1)
		if n == 0 {
			return frame{}, false
		}
		s.places++
	}
	f := frame{from: uint32(s.pos), to: uint32(start + n)}
	body := s.buf[start+headSize : start+n : start+n]
	if s.buf[start+3] == kindTimed {
		s.at = int64(binary.LittleEndian.Uint64(body))
		body = body[timeSize:]
	}
	f.at, f.data = s.at, body
	s.pos = start + n
	return f, true
}

// check returns the length of the whole frame at start, 0 if there is no valid one.
func (s *scanner) check(start int) int {
	n, ok := s.head(start)
	if !ok || n > len(s.buf)-start {
		return 0
	}
	if binary.LittleEndian.Uint32(s.buf[start+4:]) != frameSum(s.seed, s.buf[start:start+n]) {
		return 0
	}
	return n
}

// head returns the length that the frame at start has if the first bytes of it are right.
func (s *scanner) head(start int) (n int, ok bool) {
	if len(s.buf)-start < headSize {
		return 0, false
	}
	word := binary.LittleEndian.Uint32(s.buf[start:])
	n, kind := int(word&maxBody), word>>24
	return headSize + n, kind == kindPlain && n > 0 || kind == kindTimed && n >= timeSize
}

// search returns the next valid frame at start or behind it.
func (s *scanner) search(start int) (at, n int) {
	for ; len(s.buf)-start >= headSize; start++ {
		n, ok := s.head(start)
		if !ok || n > len(s.buf)-start {
			continue
		}
		if s.summed += n; s.summed > searchMost {
			return 0, 0
		}
		if s.check(start) > 0 {
			return start, n
		}
	}
	return 0, 0
}

// rest says what lies behind the last frame, once next has returned false: nothing, the begin of a frame that was never
// written to its end (or zeros, where a file grew and its data did not come to the disk), or damage.
func (s *scanner) rest() leftover {
	b := s.buf[s.pos:]
	switch n, ok := s.head(s.pos); {
	case len(b) == 0:
		return nothing
	case s.summed > searchMost:
		return damage
	case len(b) < headSize, ok && n > len(b), !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }):
		return torn
	}
	return damage
}

type leftover int

const (
	nothing leftover = iota
	torn
	damage
)

// Package frame writes and reads rows of frames, which is what files are made of that are only added to: each frame has
// a length and a checksum, so that what was never written to its end is known, and what is damaged costs no frame but
// those that are.
//
//	length u24, kind u8 | crc32c u32 | body
//
// all little endian. The length is that of the body, and what a kind means is the user's.
//
// The checksum covers a seed, which is of the format and of the file, so that bytes of another file never pass, the
// length and kind, and the body.
package frame

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

const (
	// HeadSize is what a frame has before its body, in bytes.
	HeadSize = 8
	// MaxBody is the longest body, in bytes.
	MaxBody = 1<<24 - 1

	// searchMost is how many bytes a search for the next frame may sum. Only bytes that were made to look like frames
	// come near it.
	searchMost = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Kinds has for each kind of frame that there is the least length of its body, at least 1, and 0 for every other.
//
// A search for the next frame behind damage has little to sum where frames do not begin with what is common in files:
// that is not zeros, as no body is empty, and not text if all kinds are bytes that UTF-8 never has, which are 0xC0, 0xC1
// and those from 0xF5.
type Kinds [256]uint8

// Seed is where the checksums of a file start from: format is the name and version of what the frames mean, number that
// of the file.
func Seed(format string, number uint64) uint32 {
	b := append(make([]byte, 0, len(format)+8), format...)
	return crc32.Checksum(binary.LittleEndian.AppendUint64(b, number), castagnoli)
}

// Begin appends the head of a frame. The body is to be appended to it, and then End to be called.
func Begin(b []byte, kind byte) []byte {
	return append(b, 0, 0, 0, kind, 0, 0, 0, 0)
}

// End completes the frame that begins at start and goes to the end of b. Its body has at most MaxBody bytes.
func End(b []byte, start int, seed uint32) {
	n := uint32(len(b) - start - HeadSize)
	kind := uint32(b[start+3])
	binary.LittleEndian.PutUint32(b[start:], kind<<24|n)
	binary.LittleEndian.PutUint32(b[start+4:], sum(seed, b[start:]))
}

// sum is the checksum of the frame that b is.
func sum(seed uint32, b []byte) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli, b[:4]), castagnoli, b[HeadSize:])
}

// Frame is a frame in a buffer.
type Frame struct {
	// From is where the frame before ends; what lies between is damaged.
	From int
	// To is where this one ends.
	To   int
	Kind byte
	// Body is a part of the buffer.
	Body []byte
}

// Scanner reads the frames of a file, or of a part of it, and finds the next one behind what is damaged.
type Scanner struct {
	Kinds *Kinds
	Seed  uint32
	// Buf is the file, up to the end of the part.
	Buf []byte
	// Pos is where the next frame should begin.
	Pos int
	// Places is how many damaged places were passed.
	Places int

	summed int // bytes, in searches
}

// Next returns the next frame, false when there is none.
func (s *Scanner) Next() (Frame, bool) {
	start := s.Pos
	n := s.check(start)
	if n == 0 {
		start, n = s.search(start + 1)
		if n == 0 {
			return Frame{}, false
		}
		s.Places++
	}
	end := start + n
	f := Frame{From: s.Pos, To: end, Kind: s.Buf[start+3], Body: s.Buf[start+HeadSize : end : end]}
	s.Pos = end
	return f, true
}

// check returns the length of the whole frame at start, 0 if there is no valid one.
func (s *Scanner) check(start int) int {
	n, ok := s.head(start)
	if !ok || n > len(s.Buf)-start {
		return 0
	}
	if binary.LittleEndian.Uint32(s.Buf[start+4:]) != sum(s.Seed, s.Buf[start:start+n]) {
		return 0
	}
	return n
}

// head returns the length that the frame at start has if the first bytes of it are right.
func (s *Scanner) head(start int) (n int, ok bool) {
	if len(s.Buf)-start < HeadSize {
		return 0, false
	}
	word := binary.LittleEndian.Uint32(s.Buf[start:])
	n = int(word & MaxBody)
	least := int(s.Kinds[word>>24])
	return HeadSize + n, least > 0 && n >= least
}

// search returns the next valid frame at start or behind it.
func (s *Scanner) search(start int) (at, n int) {
	for ; len(s.Buf)-start >= HeadSize; start++ {
		n, ok := s.head(start)
		if !ok || n > len(s.Buf)-start {
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

// Leftover is what lies behind the last frame.
type Leftover int

const (
	// Nothing is the end of the file.
	Nothing Leftover = iota
	// Torn is the begin of a frame that was never written to its end, or zeros, where a file grew and its data did not
	// come to the disk.
	Torn
	// Damage is anything else.
	Damage
)

// Rest says what lies behind the last frame, once Next has returned false.
func (s *Scanner) Rest() Leftover {
	b := s.Buf[s.Pos:]
	switch n, ok := s.head(s.Pos); {
	case len(b) == 0:
		return Nothing
	case s.summed > searchMost:
		return Damage
	case len(b) < HeadSize, ok && n > len(b), !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }):
		return Torn
	}
	return Damage
}

package queue

import "encoding/binary"

// The cursor says which records are done with: acknowledged, or dropped. It is kept in a slot file:
//
//	version u8 | zeros | first u64 | last u64 | spans
//
// all little endian; the first field has eight bytes. Segments below first are done with; last is the highest number
// that was given to a segment. A span is segment u64 | from u32 | to u32 | at i64: the records of a segment between two
// offsets are done with.
//
// Positions are offsets, and not counts of records, so that damage does not shift them.
const (
	cursorVersion = 1
	cursorHead    = 24
	spanSize      = 24
	// cursorSize is what fits into one page together with the slot's own head.
	cursorSize = 4096 - 16
	// maxSpans is how many spans there is room for.
	maxSpans = (cursorSize - cursorHead) / spanSize
	// maxHoles is how many spans Next lets arise. It is less than there is room for, since what is in flight can make
	// more of them for a while.
	maxHoles = 64
)

type cursor struct {
	first, last uint64
	done        map[uint64]spans
}

// appendCursor appends the cursor for the segments; what does not fit is left out, and comes again after a restart.
func appendCursor(b []byte, first, last uint64, segments []*segment) []byte {
	b = append(b, cursorVersion, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, first)
	b = binary.LittleEndian.AppendUint64(b, last)
	n := 0
	for _, seg := range segments {
		if seg.number < first {
			continue
		}
		for _, x := range seg.done {
			if n++; n > maxSpans {
				return b
			}
			b = binary.LittleEndian.AppendUint64(b, seg.number)
			b = binary.LittleEndian.AppendUint32(b, x.from)
			b = binary.LittleEndian.AppendUint32(b, x.to)
			b = binary.LittleEndian.AppendUint64(b, uint64(x.at))
		}
	}
	return b
}

// readCursor reads a cursor. Without one, or with one that cannot be read, nothing is done with.
func readCursor(b []byte) cursor {
	c := cursor{done: make(map[uint64]spans)}
	if len(b) < cursorHead || b[0] != cursorVersion {
		return c
	}
	first, last := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	if first > lastNumber || last > lastNumber {
		return c
	}
	c.first, c.last = first, last
	for b = b[cursorHead:]; len(b) >= spanSize; b = b[spanSize:] {
		number := binary.LittleEndian.Uint64(b)
		x := span{binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:]),
			int64(binary.LittleEndian.Uint64(b[16:]))}
		if x.from < x.to && number <= lastNumber {
			c.done[number] = c.done[number].add(x)
			c.last = max(c.last, number)
		}
	}
	return c
}

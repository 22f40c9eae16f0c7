package deflate

import (
	"math"
	"slices"
)

// Blocks: a text is divided where codes of their own for the parts save more
// than a header costs.

const (
	gridCells  = 12 // places to divide at, evenly spread, and one less
	minCell    = 32 // tokens of a cell
	headerBase = 60 // bits of a header of its own without its symbols, about
	headerEach = 4  // and for each symbol
)

// writeBlocks writes the tokens as the blocks of a stream.
func (e *Encoder) writeBlocks(tokens []token) {
	ends := e.divide(tokens)
	from := 0
	for i, end := range ends {
		e.writeBlock(tokens[from:end], i == len(ends)-1)
		from = end
	}
}

// divide returns where blocks end. It finds the best division on a grid by
// estimates, and takes it if it really is smaller than a single block.
func (e *Encoder) divide(tokens []token) []int {
	whole := []int{len(tokens)}
	cells := min(gridCells, len(tokens)/minCell)
	if cells < 2 {
		return whole
	}
	var counts [gridCells]histogram
	for i := range cells {
		counts[i].count(tokens[len(tokens)*i/cells : len(tokens)*(i+1)/cells])
	}
	// best[i] is the least for the cells before i, with the last block from start[i].
	var best [gridCells + 1]uint32
	var start [gridCells + 1]int
	for end := 1; end <= cells; end++ {
		var sum histogram
		best[end] = math.MaxUint32
		for from := end - 1; from >= 0; from-- {
			sum.add(&counts[from])
			if c := best[from] + sum.estimate(); c < best[end] {
				best[end], start[end] = c, from
			}
		}
	}
	if start[cells] == 0 {
		return whole
	}
	var ends []int
	for i := cells; i > 0; i = start[i] {
		ends = append(ends, len(tokens)*i/cells)
	}
	slices.Reverse(ends)
	size, from := 0, 0
	for _, end := range ends {
		size += e.huff.size(tokens[from:end])
		from = end
	}
	if size < e.huff.size(tokens) {
		return ends
	}
	return whole
}

// writeBlock writes a block.
func (e *Encoder) writeBlock(tokens []token, last bool) {
	h := &e.huff
	w := &e.bits
	_, fixed := h.prepare(tokens)
	var final uint64
	if last {
		final = 1
	}
	var literals [literalCodes + 2]uint16
	var distances [distanceCodes]uint16
	literalLengths, distanceLengths := h.literalLengths[:], h.distanceLengths[:]
	if fixed {
		w.write(final|1<<1, 3)
		var all [literalCodes + 2]byte
		for i := range all {
			all[i] = byte(fixedLength(i)) // 9 at most
		}
		var five [distanceCodes]byte
		for i := range five {
			five[i] = 5
		}
		literalLengths, distanceLengths = all[:], five[:]
	} else {
		w.write(final|2<<1, 3)
		e.writeHeader()
	}
	assign(literalLengths, literals[:])
	assign(distanceLengths, distances[:])
	for _, t := range tokens {
		if t.length == 1 {
			w.write(uint64(literals[t.literal]), uint(literalLengths[t.literal]))
			continue
		}
		code, extra := lengthCode(int(t.length))
		w.write(uint64(literals[code]), uint(literalLengths[code]))
		w.write(uint64(t.length-minMatch)&(1<<extra-1), uint(extra)) // 5 at most
		code = distanceCode(t.distance)
		extra = distanceExtra(code)
		w.write(uint64(distances[code]), uint(distanceLengths[code]))
		w.write(uint64(t.distance)&(1<<extra-1), uint(extra)) // 13 at most
	}
	w.write(uint64(literals[endOfBlock]), uint(literalLengths[endOfBlock]))
}

func (e *Encoder) writeHeader() {
	h := &e.huff
	w := &e.bits
	w.write(uint64(h.literalCount-257), 5) // 29 at most
	w.write(uint64(h.distanceCount-1), 5)  // 29 at most
	w.write(uint64(h.lengthCount-4), 4)    // 15 at most
	for _, s := range lengthOrder[:h.lengthCount] {
		w.write(uint64(h.lengthLengths[s]), 3)
	}
	var codes [lengthSymbols]uint16
	assign(h.lengthLengths[:], codes[:])
	for _, s := range h.lengths {
		w.write(uint64(codes[s.symbol]), uint(h.lengthLengths[s.symbol]))
		w.write(uint64(s.extra), lengthExtra(s.symbol))
	}
}

// bitWriter writes bits, the lowest first.
type bitWriter struct {
	out   []byte
	acc   uint64
	count uint
}

func (w *bitWriter) start(dst []byte) { *w = bitWriter{out: dst} }

// write appends the n low bits of v, 16 at most.
func (w *bitWriter) write(v uint64, n uint) {
	w.acc |= v << w.count
	w.count += n
	for w.count >= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
		w.count -= 8
	}
}

func (w *bitWriter) finish() []byte {
	if w.count > 0 {
		w.out = append(w.out, byte(w.acc))
	}
	return w.out
}

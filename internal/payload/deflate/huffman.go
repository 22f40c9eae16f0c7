package deflate

import (
	"math/bits"
	"slices"
)

// Limits of code lengths, and the order in which RFC 1951, section 3.2.7, sends
// the lengths of the code of code lengths.
const (
	maxCodeBits   = 15
	maxLengthBits = 7
	lengthSymbols = 19

	repeatBefore = 16 // 3 to 6 times, 2 extra bits
	repeatZero   = 17 // 3 to 10 times, 3 extra bits
	repeatZeros  = 18 // 11 to 138 times, 7 extra bits
)

var lengthOrder = [lengthSymbols]byte{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// lengthExtra is the number of extra bits of the symbols for repeats.
func lengthExtra(symbol byte) uint {
	switch symbol {
	case repeatBefore:
		return 2
	case repeatZero:
		return 3
	case repeatZeros:
		return 7
	}
	return 0
}

// huffman makes the codes of a block.
type huffman struct {
	histogram
	literalLengths  [literalCodes]byte
	distanceLengths [distanceCodes]byte

	// The block's header.
	literalCount  int
	distanceCount int
	lengths       []lengthSymbol
	lengthLengths [lengthSymbols]byte
	lengthCount   int

	leaves []int // count<<symbolBits | symbol of those that occur
}

type lengthSymbol struct {
	symbol byte
	extra  byte
}

// size returns the bits of a block with the tokens, under the better of the
// fixed codes and codes of its own.
func (h *huffman) size(tokens []token) int {
	size, _ := h.prepare(tokens)
	return size
}

// prepare makes the codes for the tokens and returns the size of the block in
// bits and whether the fixed codes are better.
func (h *huffman) prepare(tokens []token) (size int, fixed bool) {
	h.histogram = histogram{}
	h.count(tokens)
	extra := 0
	withFixed := 3
	for code, n := range h.literals {
		if n == 0 {
			continue
		}
		withFixed += int(n) * fixedLength(code)
		if code > 264 && code < 285 {
			extra += int(n) * ((code-265)/4 + 1)
		}
	}
	for code, n := range h.distances {
		withFixed += int(n) * 5
		extra += int(n) * distanceExtra(code)
	}
	withFixed += extra

	h.buildLengths(h.literals[:], h.literalLengths[:], maxCodeBits)
	h.buildLengths(h.distances[:], h.distanceLengths[:], maxCodeBits)
	own := 3 + h.header() + extra
	for code, n := range h.literals {
		own += int(n) * int(h.literalLengths[code])
	}
	for code, n := range h.distances {
		own += int(n) * int(h.distanceLengths[code])
	}
	if withFixed <= own {
		return withFixed, true
	}
	return own, false
}

// header makes the symbols of the code lengths and returns the header's bits.
func (h *huffman) header() int {
	h.literalCount = endOfBlock + 1
	for i := literalCodes; i > h.literalCount; i-- {
		if h.literalLengths[i-1] != 0 {
			h.literalCount = i
			break
		}
	}
	h.distanceCount = 1
	for i := distanceCodes; i > 1; i-- {
		if h.distanceLengths[i-1] != 0 {
			h.distanceCount = i
			break
		}
	}
	h.lengths = h.lengths[:0]
	var all [literalCodes + distanceCodes]byte
	n := copy(all[:], h.literalLengths[:h.literalCount])
	n += copy(all[n:], h.distanceLengths[:h.distanceCount])
	for i := 0; i < n; {
		run := 1
		for i+run < n && all[i+run] == all[i] {
			run++
		}
		h.appendRun(all[i], run)
		i += run
	}
	var counts [lengthSymbols]uint32
	for _, s := range h.lengths {
		counts[s.symbol]++
	}
	h.buildLengths(counts[:], h.lengthLengths[:], maxLengthBits)
	h.lengthCount = 4
	for i := lengthSymbols; i > 4; i-- {
		if h.lengthLengths[lengthOrder[i-1]] != 0 {
			h.lengthCount = i
			break
		}
	}
	size := 5 + 5 + 4 + 3*h.lengthCount
	for _, s := range h.lengths {
		size += int(h.lengthLengths[s.symbol]) + int(lengthExtra(s.symbol)) // 7 at most
	}
	return size
}

// appendRun appends the symbols for a run of one length.
func (h *huffman) appendRun(length byte, run int) {
	add := func(symbol byte, extra int) {
		h.lengths = append(h.lengths, lengthSymbol{symbol, byte(extra)}) // 127 at most
	}
	if length == 0 {
		for run >= 11 {
			k := min(run, 138)
			add(repeatZeros, k-11)
			run -= k
		}
		if run >= 3 {
			add(repeatZero, run-3)
			run = 0
		}
	} else {
		add(length, 0)
		run--
		for run >= 3 {
			k := min(run, 6)
			if run-k == 1 || run-k == 2 {
				// Leave enough for another repeat.
				if run >= 6 {
					k = run - 3
					k = min(k, 6)
				}
			}
			add(repeatBefore, k-3)
			run -= k
		}
	}
	for range run {
		add(length, 0)
	}
}

// A leaf is a count and a symbol in one number, which is an int so that no
// function to sort with is linked that fmt does not need too.
const (
	symbolBits = 9
	maxCount   = 1<<(31-symbolBits) - 1 // more than texts of 4 MB have
)

// buildLengths sets the code length of every symbol that occurs, limit at most.
func (h *huffman) buildLengths(counts []uint32, lengths []byte, limit int) {
	clear(lengths)
	leaves := h.leaves[:0]
	for i, n := range counts {
		if n > 0 {
			leaves = append(leaves, int(min(n, maxCount))<<symbolBits|i)
		}
	}
	h.leaves = leaves
	symbol := func(i int) int { return leaves[i] & (1<<symbolBits - 1) }
	switch len(leaves) {
	case 0:
		return
	case 1:
		lengths[symbol(0)] = 1
		return
	}
	slices.Sort(leaves)

	// Code lengths in place, after Moffat and Katajainen: weights become
	// parents, parents become depths.
	var w [literalCodes]uint32
	n := len(leaves)
	for i, l := range leaves {
		w[i] = uint32(l >> symbolBits) // a count
	}
	w[0] += w[1]
	root, next := 0, 2
	for i := 1; i < n-1; i++ {
		if next >= n || w[root] < w[next] {
			w[i] = w[root]
			w[root] = uint32(i) // 286 at most
			root++
		} else {
			w[i] = w[next]
			next++
		}
		if next >= n || root < i && w[root] < w[next] {
			w[i] += w[root]
			w[root] = uint32(i) // 286 at most
			root++
		} else {
			w[i] += w[next]
			next++
		}
	}
	w[n-2] = 0 //nolint:gosec // n is 2 at least
	for i := n - 3; i >= 0; i-- {
		w[i] = w[w[i]] + 1
	}
	available, used, depth := 1, 0, uint32(0)
	root, next = n-2, n-1
	for available > 0 {
		for root >= 0 && w[root] == depth {
			used++
			root--
		}
		for available > used {
			w[next] = depth
			next--
			available--
		}
		available = 2 * used
		depth++
		used = 0
	}

	// Shorten what is too long, and pay for it with the longest that are not.
	var count [64]int
	for i := range n {
		count[min(w[i], 63)]++
	}
	for i := limit + 1; i < len(count); i++ {
		count[limit] += count[i]
		count[i] = 0
	}
	total := 0
	for i := 1; i <= limit; i++ {
		total += count[i] << (limit - i)
	}
	for total > 1<<limit {
		count[limit]--
		for i := limit - 1; i > 0; i-- {
			if count[i] > 0 {
				count[i]--
				count[i+1] += 2
				break
			}
		}
		total--
	}
	// The rarest first, with the longest codes.
	at := 0
	for length := limit; length > 0; length-- {
		for range count[length] {
			lengths[symbol(at)] = byte(length)
			at++
		}
	}
}

// assign sets the codes of the lengths, with their bits in the order in which
// they are sent (RFC 1951, section 3.2.2).
func assign(lengths []byte, codes []uint16) {
	var count, next [maxCodeBits + 2]uint16
	for _, l := range lengths {
		count[l]++
	}
	count[0] = 0
	for l := 1; l <= maxCodeBits; l++ {
		next[l+1] = (next[l] + count[l]) << 1
	}
	for i, l := range lengths {
		if l > 0 {
			codes[i] = bits.Reverse16(next[l]) >> (16 - l)
			next[l]++
		}
	}
}

package deflate

import "math/bits"

// costs are what symbols cost, in 1/16 of a bit.
type costs struct {
	literals  [256]uint32
	lengths   [maxMatch + 1]uint32
	distances [distanceCodes]uint32 // with their extra bits
}

const bit = 16 // the unit of costs

// distance returns what a distance, less one, costs.
func (c *costs) distance(distance uint16) uint32 { return c.distances[distanceCode(distance)] }

// fixed sets the costs of the fixed codes.
func (c *costs) fixed() {
	for i := range c.literals {
		c.literals[i] = uint32(fixedLength(i)) * bit
	}
	for l := minMatch; l <= maxMatch; l++ {
		code, extra := lengthCode(l)
		c.lengths[l] = uint32(fixedLength(code)+extra) * bit // 13 at most
	}
	for d := range c.distances {
		c.distances[d] = uint32(5+distanceExtra(d)) * bit // 18 at most
	}
}

func fixedLength(code int) int {
	switch {
	case code < 144:
		return 8
	case code < 256:
		return 9
	case code < 280:
		return 7
	}
	return 8
}

// learn sets the costs that the tokens themselves suggest.
func (c *costs) learn(tokens []token) {
	var h histogram
	h.count(tokens)
	total, distances := uint32(0), uint32(0)
	for _, n := range h.literals {
		total += n
	}
	for _, n := range h.distances {
		distances += n
	}
	for i := range c.literals {
		c.literals[i] = entropy(h.literals[i], total)
	}
	for l := minMatch; l <= maxMatch; l++ {
		code, extra := lengthCode(l)
		c.lengths[l] = entropy(h.literals[code], total) + uint32(extra)*bit // 5 at most
	}
	for d := range c.distances {
		c.distances[d] = entropy(h.distances[d], distances) + uint32(distanceExtra(d))*bit // 13 at most
	}
}

// entropy returns about what a symbol costs that occurs n times of total; one
// that has not occurred costs a little more than the rarest. It is made of
// integers, so that every platform finds the same way.
func entropy(n, total uint32) uint32 {
	if total == 0 {
		return 5 * bit
	}
	if n == 0 {
		return log2(2*total) + 2*bit
	}
	return max(log2(total)-min(log2(total), log2(n)), bit)
}

// log2 returns the binary logarithm in units, by a straight line between powers
// of two.
func log2(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	whole := bits.Len32(n) - 1
	var part uint32
	if whole >= 4 {
		part = n >> (whole - 4) & 15
	} else {
		part = n << (4 - whole) & 15
	}
	return uint32(whole)*bit + part // 31 at most
}

// histogram counts symbols.
type histogram struct {
	literals  [literalCodes]uint32
	distances [distanceCodes]uint32
}

func (h *histogram) count(tokens []token) {
	for _, t := range tokens {
		if t.length == 1 {
			h.literals[t.literal]++
			continue
		}
		code, _ := lengthCode(int(t.length))
		h.literals[code]++
		h.distances[distanceCode(t.distance)]++
	}
	h.literals[endOfBlock]++
}

func (h *histogram) add(o *histogram) {
	for i, n := range o.literals {
		h.literals[i] += n
	}
	for i, n := range o.distances {
		h.distances[i] += n
	}
}

// estimate returns about what a block of these symbols costs, in 1/16 of a bit,
// without their extra bits.
func (h *histogram) estimate() uint32 {
	cost := uint32(headerBase * bit)
	for _, counts := range [...][]uint32{h.literals[:], h.distances[:]} {
		var total uint32
		for _, n := range counts {
			total += n
		}
		for _, n := range counts {
			if n > 0 {
				cost += n*entropy(n, total) + headerEach*bit
			}
		}
	}
	return cost
}

// lengthCode returns the symbol of a length and its number of extra bits (RFC
// 1951, section 3.2.5).
func lengthCode(length int) (code, extra int) {
	if length == maxMatch {
		return 285, 0
	}
	l := length - minMatch
	if l < 8 {
		return 257 + l, 0
	}
	extra = bits.Len(uint(l)) - 3 // positive
	return 257 + 4*extra + l>>extra, extra
}

// distanceCode returns the symbol of a distance, less one.
func distanceCode(distance uint16) int {
	if distance < 4 {
		return int(distance)
	}
	extra := bits.Len16(distance) - 2
	return 2*extra + int(distance>>extra)
}

// distanceExtra returns the number of extra bits of a distance symbol.
func distanceExtra(code int) int {
	if code < 4 {
		return 0
	}
	return code/2 - 1
}

package payload

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// An integer column is a list of 64-bit numbers, each written as a varint of
// its difference to a prediction. The column's coding names the predictor and
// two shortcuts.

// predictor says what the next number of a column is compared with.
type predictor uint8

const (
	predictNone   predictor = iota // zero; the number is written as it is, unsigned
	predictZero                    // zero; the number is written with zigzag
	predictRow                     // the row before
	predictSeries                  // the row before of the same series, or else the row before
	predictLinear                  // the last two of the same series, extrapolated
	predictStep                    // the row before plus the step that led to this series the last time
	predictors
)

// intCoding is how a column of integers is written: predictor*4 + shortcuts.
type intCoding uint8

const (
	shortConstant intCoding = 1 << 0 // all differences but the first are zero and left out
	shortShifted  intCoding = 1 << 1 // the numbers are shifted right by the byte that follows
	intCodings              = intCoding(predictors) * 4
)

func (c intCoding) predictor() predictor { return predictor(c / 4) }

// history is what the predictors remember of a column.
type history struct {
	generation uint32
	stamps     []uint32 // by series: generation in which it was seen
	twice      []bool   // by series: seen more than once
	last       []uint64 // by series
	before     []uint64 // by series: the one before last
	step       []uint64 // by series: difference to the row before it
	row        uint64
	first      bool
}

// start begins a column whose series are below n.
func (h *history) start(n int) {
	if n > len(h.stamps) {
		n = max(n, 2*len(h.stamps))
		h.stamps = make([]uint32, n)
		h.twice = make([]bool, n)
		h.last = make([]uint64, n)
		h.before = make([]uint64, n)
		h.step = make([]uint64, n)
		h.generation = 0
	}
	h.generation++
	h.row, h.first = 0, true
}

func (h *history) seen(s int32) bool { return h.stamps[s] == h.generation }

func (h *history) predict(p predictor, s int32) uint64 {
	switch p {
	case predictNone, predictZero:
		return 0
	case predictRow:
		return h.row
	case predictSeries:
		return h.series(s)
	case predictLinear:
		if h.seen(s) && h.twice[s] {
			return 2*h.last[s] - h.before[s]
		}
		return h.series(s)
	default:
		if h.seen(s) {
			return h.row + h.step[s]
		}
		return h.row
	}
}

func (h *history) series(s int32) uint64 {
	if h.seen(s) {
		return h.last[s]
	}
	return h.row
}

func (h *history) add(s int32, v uint64) {
	if h.seen(s) {
		h.twice[s] = true
		h.before[s] = h.last[s]
	} else {
		h.stamps[s] = h.generation
		h.twice[s] = false
	}
	h.step[s] = v - h.row
	if h.first {
		h.step[s] = 0
		h.first = false
	}
	h.last[s] = v
	h.row = v
}

func zigzag(v uint64) uint64   { return v<<1 ^ uint64(int64(v)>>63) } // two's complement is meant
func unzigzag(u uint64) uint64 { return u>>1 ^ -(u & 1) }

// cost estimates the bits that a varint takes after compression.
func cost(code uint64) int {
	if code == 0 {
		return 1
	}
	n := bits.Len64(code)
	return n + 2 + (n-1)/7
}

// chooseInts returns the coding under which a column is likely to be smallest.
// series has each row's series below nseries; where it is nil every row is a
// series of its own, which leaves the simple predictors.
func (h *history) chooseInts(values []uint64, series []int32, nseries int) (coding intCoding, shift uint) {
	var or uint64
	for _, v := range values {
		or |= v
	}
	if n := bits.TrailingZeros64(or); or != 0 && n >= 7 {
		shift = uint(n) // below 64
	}
	coding = h.choosePredictor(values, shift, series, nseries)
	if shift > 0 {
		coding |= shortShifted
	}
	return coding, shift
}

// choosePredictor is chooseInts for a given shift.
func (h *history) choosePredictor(values []uint64, shift uint, series []int32, nseries int) intCoding {
	var costs [predictors]int
	var changes [predictors]bool
	h.start(max(nseries, 1))
	for i, v := range values {
		v = shiftDown(v, shift)
		costs[predictNone] += cost(v)
		costs[predictZero] += cost(zigzag(v))
		diff := v - h.row
		costs[predictRow] += cost(zigzag(diff))
		changes[predictRow] = changes[predictRow] || i > 0 && diff != 0
		if series == nil {
			h.row = v
			continue
		}
		s := series[i]
		for p := predictSeries; p < predictors; p++ {
			diff = v - h.predict(p, s)
			costs[p] += cost(zigzag(diff))
			changes[p] = changes[p] || i > 0 && diff != 0
		}
		h.add(s, v)
	}
	best := predictNone
	last := predictStep
	if series == nil {
		last = predictRow
	}
	if len(values) == 1 {
		last = predictZero
	}
	for p := predictZero; p <= last; p++ {
		if costs[p] < costs[best] || len(values) > 1 && p >= predictRow && !changes[p] && (changes[best] || best < predictRow) {
			best = p
		}
	}
	coding := intCoding(best) * 4
	if best >= predictRow && !changes[best] {
		coding |= shortConstant
	}
	return coding
}

func shiftDown(v uint64, shift uint) uint64 {
	return uint64(int64(v) >> shift) // two's complement is meant
}

// appendInts appends a column in the given coding.
func (h *history) appendInts(dst []byte, coding intCoding, shift uint, values []uint64, series []int32, nseries int) []byte {
	if coding&shortShifted != 0 {
		dst = append(dst, byte(shift))
	}
	p := coding.predictor()
	h.start(max(nseries, 1))
	for i, v := range values {
		v = shiftDown(v, shift)
		if i > 0 && coding&shortConstant != 0 {
			break
		}
		if p == predictNone {
			dst = binary.AppendUvarint(dst, v)
			continue
		}
		if series == nil {
			diff := v
			if p == predictRow {
				diff -= h.row
			}
			dst = binary.AppendUvarint(dst, zigzag(diff))
			h.row = v
			continue
		}
		dst = binary.AppendUvarint(dst, zigzag(v-h.predict(p, series[i])))
		h.add(series[i], v)
	}
	return dst
}

var errCoding = errors.New("unknown coding")

// ints reads a column of n integers.
func (d *decoder) ints(coding intCoding, n int, series []int32, nseries int) ([]uint64, error) {
	if coding >= intCodings || series == nil && coding.predictor() > predictRow {
		return nil, errCoding
	}
	var shift uint
	if coding&shortShifted != 0 {
		b, err := d.byte()
		if err != nil {
			return nil, err
		}
		if shift = uint(b); shift > 63 {
			return nil, errCoding
		}
	}
	p := coding.predictor()
	h := &d.history
	h.start(max(nseries, 1))
	values := make([]uint64, n)
	for i := range values {
		var s int32
		if series != nil {
			s = series[i]
		}
		var diff uint64
		if i == 0 || coding&shortConstant == 0 {
			var err error
			if diff, err = d.uvarint(); err != nil {
				return nil, err
			}
		}
		v := diff
		switch {
		case p == predictNone:
		case series == nil:
			v = unzigzag(diff)
			if p == predictRow {
				v += h.row
			}
			h.row = v
		default:
			v = h.predict(p, s) + unzigzag(diff)
			h.add(s, v)
		}
		values[i] = v << shift
	}
	return values, nil
}

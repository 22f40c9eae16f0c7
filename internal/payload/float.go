package payload

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A float column is written as decimal numbers where that is exact: every
// value is m/10^e, or m*10^-e as a device multiplies with a scale, with one e
// for the column and m written as integers are. What is not exact so is an
// exception within the column; a column of exceptions is written as the bits
// that differ from a prediction.

// Kinds of float columns, relative to kindDecimal and kindRaw.
const (
	maxExponent = 22 // 10^22 is the largest power of ten that a float64 holds exactly

	// The parameter byte of kindDecimalParam.
	paramExponent  = 0x1f
	paramMultiply  = 0x20 // m*10^-e instead of m/10^e
	paramException = 0x40 // numbers are shifted left by one; 1 is an exception and eight bytes follow

	// maxMantissa bounds m, so that float64(m) is exact.
	maxMantissa = 1 << 53
	// inexactShare: a column with more than one exception in so many values is raw.
	inexactShare = 3
)

// powers are 10^e, and negativePowers 10^-e as near as a float64 comes.
var (
	powers = [maxExponent + 1]float64{
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
	}
	negativePowers = [maxExponent + 1]float64{
		1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11,
		1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22,
	}
)

// decimal is how the values of a column are scaled.
type decimal struct {
	exponent  int
	multiply  bool
	exception bool
}

func (d decimal) param() byte {
	b := byte(d.exponent) // 0 to 22
	if d.multiply {
		b |= paramMultiply
	}
	if d.exception {
		b |= paramException
	}
	return b
}

func decimalOf(param byte) (decimal, bool) {
	d := decimal{int(param & paramExponent), param&paramMultiply != 0, param&paramException != 0}
	return d, d.exponent <= maxExponent && param < 0x80
}

// scale returns the m that stands for the value, and whether it does exactly.
func (d decimal) scale(v uint64) (uint64, bool) {
	f := math.Float64frombits(v)
	m := math.Round(f * powers[d.exponent])
	if !(m > -maxMantissa && m < maxMantissa) {
		return 0, false
	}
	i := int64(m)
	return uint64(i), d.value(uint64(i)) == v // two's complement is meant
}

// value returns the bits of the float that m stands for.
func (d decimal) value(m uint64) uint64 {
	f := float64(int64(m)) // two's complement is meant
	if d.multiply {
		return math.Float64bits(f * negativePowers[d.exponent])
	}
	return math.Float64bits(f / powers[d.exponent])
}

// chooseDecimal returns the scale under which the fewest values of a column are
// exceptions, and false if that still is too many.
func chooseDecimal(values []uint64) (decimal, bool) {
	const none = maxExponent + 1
	best, bestInexact := decimal{}, len(values)+1
	for _, multiply := range [...]bool{false, true} {
		// Exponents needed, as a histogram: the chosen one is exact for all at
		// or below it as long as the mantissas fit.
		var need [none + 1]int
		d := decimal{multiply: multiply}
		for _, v := range values {
			if _, ok := d.scale(v); ok {
				// Most columns need the same exponent throughout.
				lower := d
				for lower.exponent > 0 {
					lower.exponent--
					if _, ok := lower.scale(v); !ok {
						lower.exponent++
						break
					}
				}
				need[lower.exponent]++
				continue
			}
			e := decimal{multiply: multiply}
			for ; e.exponent <= 16; e.exponent++ {
				if _, ok := e.scale(v); ok {
					break
				}
			}
			if e.exponent > 16 {
				need[none]++
				continue
			}
			need[e.exponent]++
			d.exponent = max(d.exponent, e.exponent)
		}
		// Go up from the bottom while it pays: an exception costs nine bytes,
		// a digit for every value about three bits each.
		covered, chosen, bestCost := 0, 0, math.MaxInt
		for e := range none {
			covered += need[e]
			if c := (len(values)-covered)*72 + covered*e*10/3; c < bestCost {
				bestCost, chosen = c, e
			}
		}
		d.exponent = chosen
		inexact := 0
		for _, v := range values {
			if _, ok := d.scale(v); !ok {
				inexact++
			}
		}
		if inexact < bestInexact {
			best, bestInexact = d, inexact
		}
		if inexact == 0 {
			break
		}
	}
	best.exception = bestInexact > 0
	return best, bestInexact*inexactShare <= len(values)
}

// appendExceptions appends a column of scaled values some of which are not
// exact; predictions pass over those.
func (h *history) appendExceptions(dst []byte, p predictor, d decimal, values []uint64, series []int32, nseries int) []byte {
	h.start(max(nseries, 1))
	for i, v := range values {
		m, ok := d.scale(v)
		if !ok {
			dst = append(dst, 1)
			dst = binary.BigEndian.AppendUint64(dst, v)
			continue
		}
		dst = binary.AppendUvarint(dst, zigzag(m-h.predict(p, series[i]))<<1)
		h.add(series[i], m)
	}
	return dst
}

// exceptions reads what appendExceptions wrote.
func (d *decoder) exceptions(p predictor, dec decimal, n int, series []int32, nseries int) ([]uint64, error) {
	h := &d.history
	h.start(max(nseries, 1))
	values := make([]uint64, n)
	for i := range values {
		code, err := d.uvarint()
		if err != nil {
			return nil, err
		}
		if code == 1 {
			if values[i], err = d.fixed64(); err != nil {
				return nil, err
			}
			continue
		}
		if code&1 != 0 {
			return nil, errCoding
		}
		m := h.predict(p, series[i]) + unzigzag(code>>1)
		h.add(series[i], m)
		values[i] = dec.value(m)
	}
	return values, nil
}

// The raw kinds: the bits are XORed with the prediction, and of the eight bytes
// the zero ones at both ends are left out. A control byte for every value
// comes first, zero bytes in front*16 + bytes that follow, then the bytes.

func chooseRaw(h *history, values []uint64, series []int32, nseries int) predictor {
	var costs [predictSeries + 1]int
	h.start(max(nseries, 1))
	for i, v := range values {
		for p := predictZero; p <= predictSeries; p++ {
			_, _, n := ends(v ^ h.predict(p, series[i]))
			costs[p] += 8*n + 2
		}
		h.add(series[i], v)
	}
	best := predictZero
	for p := predictRow; p <= predictSeries; p++ {
		if costs[p] < costs[best] {
			best = p
		}
	}
	return best
}

// ends returns how many bytes of x are zero at the front and at the back, and
// how many are in between.
func ends(x uint64) (front, back, between int) {
	if x == 0 {
		return 0, 0, 0
	}
	front, back = bits.LeadingZeros64(x)/8, bits.TrailingZeros64(x)/8
	return front, back, 8 - front - back
}

func (h *history) appendRaw(dst []byte, p predictor, values []uint64, series []int32, nseries int) []byte {
	h.start(max(nseries, 1))
	at := len(dst)
	dst = append(dst, make([]byte, len(values))...)
	for i, v := range values {
		x := v ^ h.predict(p, series[i])
		h.add(series[i], v)
		front, back, n := ends(x)
		dst[at+i] = byte(front<<4 | n)
		x >>= 8 * back
		for j := n - 1; j >= 0; j-- {
			dst = append(dst, byte(x>>(8*j)))
		}
	}
	return dst
}

func (d *decoder) raw(p predictor, n int, series []int32, nseries int) ([]uint64, error) {
	control, err := d.bytes(n)
	if err != nil {
		return nil, err
	}
	h := &d.history
	h.start(max(nseries, 1))
	values := make([]uint64, n)
	for i := range values {
		front, between := int(control[i]>>4), int(control[i]&15)
		if front+between > 8 {
			return nil, errCoding
		}
		data, err := d.bytes(between)
		if err != nil {
			return nil, err
		}
		var x uint64
		for _, b := range data {
			x = x<<8 | uint64(b)
		}
		x <<= 8 * (8 - front - between)
		values[i] = x ^ h.predict(p, series[i])
		h.add(series[i], values[i])
	}
	return values, nil
}

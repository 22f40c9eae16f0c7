package payload

import "math"

// Floats that are shares of something have no short decimal form: a device
// that says how busy it was says 100*p/q with p and q of a few digits, and
// how full it was 100*used/total with both beside it. Two kinds of columns
// write them so. They are for groups in which every metric has every column.

// Kinds of shares of two other columns of the same metric, both integers.
type share uint8

const (
	shareOfTotal     share = iota // 100*a/b
	shareThenPercent              // a/b*100
	shareOfSum                    // a/(a+b)*100
	shares
)

// value returns the bits of the share, as a device computes it.
func (s share) value(a, b float64) uint64 {
	// Products are kept apart from what follows, so that no platform fuses them.
	switch s {
	case shareOfTotal:
		hundred := float64(100 * a)
		return math.Float64bits(hundred / b)
	case shareThenPercent:
		part := a / b
		return math.Float64bits(float64(part * 100))
	default:
		sum := float64(a + b)
		part := a / sum
		return math.Float64bits(float64(part * 100))
	}
}

// integer returns the value of an integer column as a float.
func integer(typ fieldType, v uint64) float64 {
	if typ == typeUint {
		return float64(v)
	}
	return float64(int64(v))
}

// findShare returns which columns the values are a share of. The columns are
// those of the group, in order; values of the others are nil.
func findShare(values []uint64, columns []column, others [][]uint64) (s share, a, b int, ok bool) {
	for b := range columns {
		if others[b] == nil {
			continue
		}
		for a := range columns {
			if others[a] == nil || a == b {
				continue
			}
			x, y := integer(columns[a].typ, others[a][0]), integer(columns[b].typ, others[b][0])
			for s := range shares {
				if s.value(x, y) == values[0] && isShare(s, values, columns[a].typ, others[a], columns[b].typ, others[b]) {
					return s, a, b, true
				}
			}
		}
	}
	return 0, 0, 0, false
}

func isShare(s share, values []uint64, ta fieldType, a []uint64, tb fieldType, b []uint64) bool {
	for i, v := range values {
		// Platforms differ in the bits of what is not a number.
		if math.IsNaN(math.Float64frombits(v)) || s.value(integer(ta, a[i]), integer(tb, b[i])) != v {
			return false
		}
	}
	return true
}

// Quotients: the metrics of a group have a denominator each, and a value is
// 100*p/q for a numerator of its own, but for the last few bits, in which the
// device's own arithmetic differs.
const (
	maxDenominator = 1 << 20
	// tolerance is how far from a whole number p may be.
	tolerance = 1e-4
	// convergents is how many steps of a continued fraction are tried.
	convergents = 16
)

// quotient returns the bits of 100*p/q; for a denominator of zero they are zero.
func quotient(p, q uint64) uint64 {
	if q == 0 {
		return 0
	}
	hundred := float64(100 * p)
	return math.Float64bits(hundred / float64(q))
}

// denominator returns the smallest q that makes all the values 100*p/q, or 0.
func denominator(values []float64) uint64 {
	q := uint64(1)
	for _, v := range values {
		if fits(v, q) {
			continue
		}
		own := fraction(v / 100)
		if own == 0 {
			return 0
		}
		if q = lcm(q, own); q > maxDenominator {
			return 0
		}
	}
	for _, v := range values {
		if !fits(v, q) {
			return 0
		}
	}
	if q == 1 {
		// Whole numbers are no quotients.
		return 0
	}
	return q
}

// fits tells whether v is nearly 100*p/q for a whole p that is not negative.
func fits(v float64, q uint64) bool {
	p := numerator(v, q)
	return p >= 0 && p <= maxDenominator*100 && math.Abs(p-math.Round(p)) < tolerance
}

func numerator(v float64, q uint64) float64 {
	scaled := float64(v * float64(q))
	return scaled / 100
}

// fraction returns the denominator of the simplest fraction that is nearly x,
// or 0.
func fraction(x float64) uint64 {
	const near = 1e-9
	if !(x > 0 && x < maxDenominator) {
		return 0
	}
	rest := x
	p0, p1, q0, q1 := uint64(0), uint64(1), uint64(1), uint64(0)
	for range convergents {
		whole := math.Floor(rest)
		if whole > maxDenominator {
			return 0
		}
		p0, p1 = p1, uint64(whole)*p1+p0
		q0, q1 = q1, uint64(whole)*q1+q0
		if q1 > maxDenominator || p1 > maxDenominator*100 {
			return 0
		}
		approximation := float64(p1) / float64(q1)
		if math.Abs(approximation-x) < near*x {
			return q1
		}
		if rest == whole {
			return 0
		}
		rest = 1 / (rest - whole)
	}
	return 0
}

func lcm(a, b uint64) uint64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// chooseQuotients returns the denominators of the rows and the numerators of
// the columns, or nil if too few rows have one.
func chooseQuotients(columns [][]uint64, rows int) (denominators []uint64, numerators [][]uint64) {
	denominators = make([]uint64, rows)
	numerators = make([][]uint64, len(columns))
	for c := range columns {
		numerators[c] = make([]uint64, rows)
	}
	row := make([]float64, len(columns))
	found := 0
	for i := range rows {
		for c := range columns {
			row[c] = math.Float64frombits(columns[c][i])
		}
		q := denominator(row)
		if q == 0 {
			continue
		}
		found++
		denominators[i] = q
		for c, v := range row {
			numerators[c][i] = uint64(math.Round(numerator(v, q)))
		}
	}
	if found*4 < rows*3 || found == 0 {
		return nil, nil
	}
	return denominators, numerators
}

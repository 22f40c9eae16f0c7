package payload

import (
	"strconv"
	"strings"
)

// Strings are written as they are and end with a zero byte, so that a run of
// names reads like the dictionary. Three things are escaped by the byte 1: a
// zero byte, the byte 1 itself, and the empty string, which would otherwise
// look like the end of a list.

const (
	textEnd    = 0
	textEscape = 1

	escapedEmpty  = 1
	escapedZero   = 2
	escapedEscape = 3
)

func appendText0(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, textEscape, escapedEmpty, textEnd)
	}
	for i := range len(s) {
		switch s[i] {
		case textEnd:
			dst = append(dst, textEscape, escapedZero)
		case textEscape:
			dst = append(dst, textEscape, escapedEscape)
		default:
			dst = append(dst, s[i])
		}
	}
	return append(dst, textEnd)
}

// stringCoding is how a column of strings is written.
type stringCoding uint8

const (
	stringsPlain    stringCoding = iota // one after the other
	stringsConstant                     // one for all
	stringsIndexed                      // a column of indices, then the distinct strings
	stringsNumbered                     // a prefix and a column of numbers, padded with zeros to a width
	stringCodings
)

// numbered is what strings have in common that differ in a number only.
type numbered struct {
	prefix string
	width  int // digits at least; 0 where no number starts with a zero
}

// maxDigits is how many digits a number may have, so that it fits 64 bits.
const maxDigits = 18

// digitsAt returns where the digits at the end of s begin.
func digitsAt(s string) int {
	i := len(s)
	for i > 0 && len(s)-i < maxDigits && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	return i
}

// number returns the number that s is under the pattern.
func (p numbered) number(s string) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, p.prefix)
	if !ok || digits == "" || len(digits) > maxDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || !isDigits(digits) {
		return 0, false
	}
	if len(digits) < p.width || len(digits) > max(p.width, 1) && digits[0] == '0' {
		return 0, false
	}
	return n, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (p numbered) text(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	if len(digits) < p.width {
		return p.prefix + strings.Repeat("0", p.width-len(digits)) + digits
	}
	return p.prefix + digits
}

// findNumbered returns the pattern of the strings, if there is one.
func findNumbered(values []string) (numbered, bool) {
	first := values[0]
	at := digitsAt(first)
	if at == len(first) {
		return numbered{}, false
	}
	// What all have in common may reach into the digits of the first.
	prefix := first
	shortest := len(first)
	for _, v := range values {
		n := 0
		for n < len(prefix) && n < len(v) && prefix[n] == v[n] {
			n++
		}
		prefix = prefix[:n]
		shortest = min(shortest, len(v))
	}
	if len(prefix) > at {
		prefix = first[:at]
	}
	p := numbered{prefix: prefix}
	for _, v := range values {
		if len(v) > len(prefix)+1 && v[len(prefix)] == '0' {
			p.width = shortest - len(prefix)
			break
		}
	}
	for _, v := range values {
		if _, ok := p.number(v); !ok {
			return numbered{}, false
		}
	}
	return p, true
}

// appendStrings appends the coding's data of a column.
func (e *Encoder) chooseStrings(values []string) stringCoding {
	if len(values) > 1 && allEqual(values) {
		return stringsConstant
	}
	plain := 0
	for _, v := range values {
		plain += len(v) + 1
	}
	if p, ok := findNumbered(values); ok {
		// A digit of text costs four bits or so, of a number three and a third.
		size := len(p.prefix) + 3
		digits := 0
		for _, v := range values {
			digits += len(v) - len(p.prefix)
		}
		if len(values) > 1 && size+digits*2/5+len(values) < plain || len(values) == 1 && digits > 5 {
			return stringsNumbered
		}
	}
	if len(values) > 2 {
		distinct := e.scratch.distinct
		clear(distinct)
		for _, v := range values {
			distinct[v] = 0
		}
		if len(distinct) <= len(values)*3/4 {
			return stringsIndexed
		}
	}
	return stringsPlain
}

func allEqual(values []string) bool {
	for _, v := range values[1:] {
		if v != values[0] {
			return false
		}
	}
	return true
}

func (e *Encoder) appendStrings(dst []byte, coding stringCoding, values []string, series []int32, nseries int) []byte {
	s := &e.scratch
	switch coding {
	case stringsConstant:
		return appendText0(dst, values[0])
	case stringsIndexed:
		distinct := s.distinct
		clear(distinct)
		numbers := s.numbers[:0]
		var texts []byte
		for _, v := range values {
			i, ok := distinct[v]
			if !ok {
				i = uint64(len(distinct))
				distinct[v] = i
				texts = appendText0(texts, v)
			}
			numbers = append(numbers, i)
		}
		s.numbers = numbers
		dst = s.appendIntColumn(dst, numbers, series, nseries)
		return append(dst, texts...)
	case stringsNumbered:
		p, _ := findNumbered(values)
		numbers := s.numbers[:0]
		for _, v := range values {
			n, _ := p.number(v)
			numbers = append(numbers, n)
		}
		s.numbers = numbers
		if p.prefix == "" {
			dst = append(dst, textEnd)
		} else {
			dst = appendText0(dst, p.prefix)
		}
		dst = append(dst, byte(p.width))
		return s.appendIntColumn(dst, numbers, series, nseries)
	default:
		for _, v := range values {
			dst = appendText0(dst, v)
		}
		return dst
	}
}

// appendIntColumn appends a column of integers behind its coding.
func (s *scratch) appendIntColumn(dst []byte, values []uint64, series []int32, nseries int) []byte {
	coding, shift := s.history.chooseInts(values, series, nseries)
	return s.history.appendInts(append(dst, byte(coding)), coding, shift, values, series, nseries)
}

// strings reads a column of n strings.
func (d *decoder) strings(coding stringCoding, n int, series []int32, nseries int) ([]string, error) {
	values := make([]string, n)
	switch coding {
	case stringsPlain:
		for i := range values {
			var err error
			if values[i], err = d.text0(); err != nil {
				return nil, err
			}
		}
	case stringsConstant:
		v, err := d.text0()
		if err != nil {
			return nil, err
		}
		for i := range values {
			values[i] = v
		}
	case stringsIndexed:
		indices, count, err := d.indices(n, series, nseries)
		if err != nil {
			return nil, err
		}
		distinct := make([]string, count)
		for i := range distinct {
			if distinct[i], err = d.text0(); err != nil {
				return nil, err
			}
		}
		for i, x := range indices {
			values[i] = distinct[x]
		}
	case stringsNumbered:
		var p numbered
		prefix, end, err := d.textOrEnd()
		if err != nil {
			return nil, err
		}
		if !end {
			p.prefix = prefix
		}
		width, err := d.byte()
		if err != nil {
			return nil, err
		}
		if p.width = int(width); p.width > maxDigits {
			return nil, errCoding
		}
		numbers, err := d.intColumn(n, series, nseries)
		if err != nil {
			return nil, err
		}
		for i, x := range numbers {
			// Strings of the other codings share memory or are in the content.
			values[i] = p.text(x)
			if err := d.made.spend(int64(len(values[i]))); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errCoding
	}
	return values, nil
}

// indices reads a column in which every number is at most one more than the
// largest before it, and returns it with the number of distinct ones.
func (d *decoder) indices(n int, series []int32, nseries int) ([]uint64, int, error) {
	values, err := d.intColumn(n, series, nseries)
	if err != nil {
		return nil, 0, err
	}
	var count uint64
	for _, v := range values {
		if v > count {
			return nil, 0, errCoding
		}
		if v == count {
			count++
		}
	}
	return values, int(count), nil // at most n
}

func (d *decoder) intColumn(n int, series []int32, nseries int) ([]uint64, error) {
	c, err := d.byte()
	if err != nil {
		return nil, err
	}
	return d.ints(intCoding(c), n, series, nseries)
}

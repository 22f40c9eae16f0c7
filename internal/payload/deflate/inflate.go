package deflate

import (
	"errors"
	"io"
)

var (
	// ErrCorrupt is the error of Inflate for what is no DEFLATE.
	ErrCorrupt = errors.New("corrupt DEFLATE data")
	// ErrTooLong is the error of Inflate for a text above the limit.
	ErrTooLong = errors.New("text is too long")
)

// Inflate returns the text that was compressed with the dictionary, of which at
// most the last 32 KiB count, and how many bytes of data are behind its end. Data
// that end before it do give io.ErrUnexpectedEOF, and text of more than limit
// bytes ErrTooLong; no more memory is taken than for twice the limit.
//
// It takes the data that compress/flate takes, which would be 25 kB more.
func Inflate(data, dict []byte, limit int) (text []byte, rest int, err error) {
	if len(dict) > maxDistance {
		dict = dict[len(dict)-maxDistance:]
	}
	f := inflater{in: data, dict: dict, limit: limit}
	for last := false; !last; {
		last = f.bits(1) == 1
		switch f.bits(2) {
		case 0:
			f.stored()
		case 1:
			f.fixed()
		case 2:
			f.dynamic()
		default:
			f.fail(ErrCorrupt)
		}
		if f.err != nil {
			return nil, 0, f.err
		}
	}
	return f.out, len(f.in), nil
}

// An inflater reads bits and writes text. After an error bits are 0.
type inflater struct {
	in    []byte
	held  uint32 // bits that were read from in, the next one lowest
	count uint   // of them
	dict  []byte
	out   []byte
	limit int
	err   error

	literals, distances decodeTable
}

func (f *inflater) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// bits reads up to 16 bits.
func (f *inflater) bits(n uint) int {
	for f.count < n {
		if len(f.in) == 0 || f.err != nil {
			f.fail(io.ErrUnexpectedEOF)
			return 0
		}
		f.held |= uint32(f.in[0]) << f.count
		f.in = f.in[1:]
		f.count += 8
	}
	v := f.held & (1<<n - 1)
	f.held >>= n
	f.count -= n
	return int(v)
}

// stored reads a block that is not compressed (RFC 1951 3.2.4).
func (f *inflater) stored() {
	f.held, f.count = 0, 0 // less than a byte
	length, inverse := f.bits(16), f.bits(16)
	switch {
	case f.err != nil:
	case length != inverse^0xffff:
		f.fail(ErrCorrupt)
	case length > len(f.in):
		f.fail(io.ErrUnexpectedEOF)
	case length > f.limit-len(f.out):
		f.fail(ErrTooLong)
	default:
		f.out = append(f.out, f.in[:length]...)
		f.in = f.in[length:]
	}
}

// fixed reads a block with the fixed codes (RFC 1951 3.2.6).
func (f *inflater) fixed() {
	var lengths [288]byte
	for i := range lengths {
		lengths[i] = byte(fixedLength(i)) // 7 to 9
	}
	f.literals.build(lengths[:])
	for i := range 32 {
		lengths[i] = 5
	}
	f.distances.build(lengths[:32])
	f.symbols()
}

// dynamic reads a block with codes of its own (RFC 1951 3.2.7).
func (f *inflater) dynamic() {
	literals, distances, n := f.bits(5)+257, f.bits(5)+1, f.bits(4)+4
	if literals > literalCodes || distances > distanceCodes {
		f.fail(ErrCorrupt)
		return
	}
	var lengths [literalCodes + distanceCodes]byte
	for _, i := range lengthOrder[:n] {
		lengths[i] = byte(f.bits(3))
	}
	if !f.literals.build(lengths[:len(lengthOrder)]) {
		f.fail(ErrCorrupt)
		return
	}
	clear(lengths[:])
	for i := 0; i < literals+distances; {
		symbol := f.symbol(&f.literals)
		if f.err != nil {
			return
		}
		var length byte
		times := 1
		switch symbol {
		default:
			length = byte(symbol) // 15 at most
		case repeatBefore:
			if i == 0 {
				f.fail(ErrCorrupt)
				return
			}
			length, times = lengths[i-1], 3+f.bits(2) //nolint:gosec // i is 1 at least
		case repeatZero:
			times = 3 + f.bits(3)
		case repeatZeros:
			times = 11 + f.bits(7)
		}
		if times > literals+distances-i {
			f.fail(ErrCorrupt)
			return
		}
		for range times {
			lengths[i] = length
			i++
		}
	}
	if !f.literals.build(lengths[:literals]) || !f.distances.build(lengths[literals:literals+distances]) {
		f.fail(ErrCorrupt)
		return
	}
	f.symbols()
}

// symbols reads the rest of a block in the codes of the tables (RFC 1951 3.2.5).
func (f *inflater) symbols() {
	for {
		symbol := f.symbol(&f.literals)
		switch {
		case f.err != nil || symbol == endOfBlock:
			return
		case symbol < endOfBlock:
			if len(f.out) >= f.limit {
				f.fail(ErrTooLong)
				return
			}
			f.out = append(f.out, byte(symbol))
			continue
		case symbol >= literalCodes:
			f.fail(ErrCorrupt)
			return
		}
		length := symbol - 257 + minMatch
		switch {
		case symbol == literalCodes-1:
			length = maxMatch
		case symbol >= 265:
			extra := (symbol - 261) / 4
			length = minMatch + (4+(symbol-261)%4)<<extra + f.bits(uint(extra))
		}
		symbol = f.symbol(&f.distances)
		if symbol >= distanceCodes {
			f.fail(ErrCorrupt)
		}
		distance := symbol + 1
		if symbol >= 4 {
			extra := symbol/2 - 1
			distance = 1 + (2+symbol%2)<<extra + f.bits(uint(extra))
		}
		f.copy(distance, length)
		if f.err != nil {
			return
		}
	}
}

// copy writes what is so far back in the text, or in the dictionary before it.
func (f *inflater) copy(distance, length int) {
	switch {
	case f.err != nil:
		return
	case distance > len(f.out)+len(f.dict):
		f.fail(ErrCorrupt)
		return
	case length > f.limit-len(f.out):
		f.fail(ErrTooLong)
		return
	}
	if before := distance - len(f.out); before > 0 {
		n := min(before, length)
		at := len(f.dict) - before
		f.out = append(f.out, f.dict[at:at+n]...)
		length -= n
	}
	for length > 0 { // what is copied may be in what was just written
		at := len(f.out) - distance
		n := min(distance, length)
		f.out = append(f.out, f.out[at:at+n]...)
		length -= n
	}
}

// A decodeTable has a Huffman code: how many symbols have a code of each length,
// and the symbols in the order of their codes.
type decodeTable struct {
	counts  [16]uint16
	symbols [288]uint16
}

// build makes the table of a code with these lengths, and tells whether it is one:
// complete, or with one symbol of length 1 only, or without any.
func (t *decodeTable) build(lengths []byte) bool {
	t.counts = [16]uint16{}
	for _, l := range lengths {
		t.counts[l]++
	}
	t.counts[0] = 0
	var at [17]uint16
	left, some := 1, 0
	for l := 1; l < 16; l++ {
		left = left*2 - int(t.counts[l])
		if left < 0 {
			return false
		}
		some += int(t.counts[l])
		at[l+1] = at[l] + t.counts[l]
	}
	for symbol, l := range lengths {
		if l > 0 {
			t.symbols[at[l]] = uint16(symbol) // 287 at most
			at[l]++
		}
	}
	return left == 0 || some == 0 || some == 1 && t.counts[1] == 1
}

// symbol reads a symbol in a code, bit by bit: what comes is short.
func (f *inflater) symbol(t *decodeTable) int {
	held, count := f.held, f.count
	code, first, index := 0, 0, 0
	for _, n := range t.counts[1:] {
		if count == 0 {
			if len(f.in) == 0 || f.err != nil {
				f.fail(io.ErrUnexpectedEOF)
				return 0
			}
			held, count = uint32(f.in[0]), 8
			f.in = f.in[1:]
		}
		code |= int(held & 1)
		held >>= 1
		count--
		if code < first+int(n) {
			f.held, f.count = held, count
			return int(t.symbols[index+code-first])
		}
		index += int(n)
		first = (first + int(n)) * 2
		code *= 2
	}
	f.fail(ErrCorrupt)
	return 0
}

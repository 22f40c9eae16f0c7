package payload

import "fmt"

// The text stage writes numbers in base 94, with the characters from space to
// DEL that JSON does not escape: all but the quote and the backslash. Nine
// bytes become eleven characters; a shorter group at the end becomes as many
// as it needs.

const (
	groupBytes = 9
	groupChars = 11
	radix      = 94
)

// charsFor is the number of characters for a group of so many bytes, and
// bytesFor its inverse; 0 marks a number of characters that no group has.
var (
	charsFor = [groupBytes + 1]int{0, 2, 3, 4, 5, 7, 8, 9, 10, 11}
	bytesFor = [groupChars + 1]int{0, 0, 1, 2, 3, 4, 0, 5, 6, 7, 8, 9}
)

// textLen returns the number of characters of n bytes.
func textLen(n int) int {
	return n/groupBytes*groupChars + charsFor[n%groupBytes]
}

// digitChar returns the character of digit d.
func digitChar(d byte) byte {
	c := d + ' '
	if c >= '"' {
		c++
	}
	if c >= '\\' {
		c++
	}
	return c
}

// charDigit returns the digit of character c.
func charDigit(c byte) (byte, bool) {
	switch {
	case c < ' ' || c > 0x7f || c == '"' || c == '\\':
		return 0, false
	case c > '\\':
		return c - ' ' - 2, true
	case c > '"':
		return c - ' ' - 1, true
	}
	return c - ' ', true
}

// appendText appends the characters of src to dst, most significant first.
func appendText(dst, src []byte) []byte {
	for len(src) > 0 {
		group := src
		if len(group) > groupBytes {
			group = group[:groupBytes]
		}
		src = src[len(group):]

		// A group is a number of up to 72 bits: hi has its first byte, lo the rest.
		var hi, lo uint64
		for i, b := range group {
			if len(group) == groupBytes && i == 0 {
				hi = uint64(b)
				continue
			}
			lo = lo<<8 | uint64(b)
		}
		n := charsFor[len(group)]
		at := len(dst)
		dst = append(dst, "           "[:n]...)
		for i := n - 1; i >= 0; i-- {
			var digit uint64
			hi, lo, digit = divide(hi, lo)
			dst[at+i] = digitChar(byte(digit))
		}
	}
	return dst
}

// divide divides the 72-bit number hi<<64|lo by 94.
func divide(hi, lo uint64) (qhi, qlo, rem uint64) {
	qhi, rem = hi/radix, hi%radix
	// Two steps of 32 bits, so that every intermediate fits.
	up := rem<<32 | lo>>32
	down := up%radix<<32 | lo&0xffffffff
	return qhi, up/radix<<32 | down/radix, down % radix
}

// appendBytes appends to dst the bytes that text stands for.
func appendBytes(dst []byte, text string) ([]byte, error) {
	for at := 0; at < len(text); {
		group := text[at:]
		if len(group) > groupChars {
			group = group[:groupChars]
		}
		n := bytesFor[len(group)]
		if n == 0 {
			return nil, fmt.Errorf("text ends with a group of %d characters, which no number of bytes has", len(group))
		}
		var hi, lo uint64
		for i := range len(group) {
			d, ok := charDigit(group[i])
			if !ok {
				return nil, fmt.Errorf("character %q at position %d is outside the alphabet", group[i], at+i)
			}
			hi, lo = multiply(hi, lo, uint64(d))
		}
		if n == groupBytes {
			if hi > 0xff {
				return nil, fmt.Errorf("group at position %d is out of range", at)
			}
			dst = append(dst, byte(hi))
			n--
		} else if hi != 0 || (n < 8 && lo>>(8*n) != 0) {
			return nil, fmt.Errorf("group at position %d is out of range", at)
		}
		for i := n - 1; i >= 0; i-- {
			dst = append(dst, byte(lo>>(8*i)))
		}
		at += len(group)
	}
	return dst, nil
}

// multiply returns (hi<<64|lo)*94 + add; eleven digits keep hi below 2^16.
func multiply(hi, lo, add uint64) (phi, plo uint64) {
	down := lo&0xffffffff*radix + add
	up := lo>>32*radix + down>>32
	return hi*radix + up>>32, up<<32 | down&0xffffffff
}

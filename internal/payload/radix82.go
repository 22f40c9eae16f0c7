package payload

import "fmt"

// The text stage for SMS writes numbers in base 82, with the characters that
// have the same code in ASCII and in the GSM 7 bit default alphabet (3GPP TS
// 23.038 6.2.1), the space left out: a text of 160 septets then has 160
// characters of a payload. 27 bytes become 34 characters, of which 216 bits are
// almost all that they can hold; a shorter group at the end becomes as many as
// it needs. After the version character 159 characters have 126 bytes.

const (
	smsGroupBytes = 27
	smsGroupChars = 34
	smsRadix      = 82
)

// smsTextLen returns the number of characters of n bytes. It is right for the
// shorter groups too: the least number of digits of base 82 for n bytes is
// n*34/27, rounded up, for all n up to 27.
func smsTextLen(n int) int { return (n*smsGroupChars + smsGroupBytes - 1) / smsGroupBytes }

// smsDigitChar returns the character of digit d: ! " # % to ?, A to Z, a to z.
func smsDigitChar(d byte) byte {
	switch {
	case d < 3:
		return d + '!'
	case d < 30:
		return d - 3 + '%'
	case d < 56:
		return d - 30 + 'A'
	}
	return d - 56 + 'a'
}

// smsCharDigit returns the digit of character c.
func smsCharDigit(c byte) (byte, bool) {
	switch {
	case '!' <= c && c <= '#':
		return c - '!', true
	case '%' <= c && c <= '?':
		return c - '%' + 3, true
	case 'A' <= c && c <= 'Z':
		return c - 'A' + 30, true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 56, true
	}
	return 0, false
}

// appendSMSText appends the characters of src to dst, most significant first.
func appendSMSText(dst, src []byte) []byte {
	for len(src) > 0 {
		var group [smsGroupBytes]byte
		n := copy(group[:], src)
		src = src[n:]
		at := len(dst)
		dst = append(dst, "                                  "[:smsTextLen(n)]...)
		for i := len(dst) - 1; i >= at; i-- {
			rest := uint32(0)
			for j, b := range group[:n] {
				v := rest<<8 | uint32(b)
				group[j] = byte(v / smsRadix) // rest is below 82, so that v/82 is below 256
				rest = v % smsRadix
			}
			dst[i] = smsDigitChar(byte(rest))
		}
	}
	return dst
}

// appendSMSBytes appends to dst the bytes that text stands for.
func appendSMSBytes(dst []byte, text string) ([]byte, error) {
	for at := 0; at < len(text); {
		chars := min(len(text)-at, smsGroupChars)
		n := chars * smsGroupBytes / smsGroupChars
		if smsTextLen(n) != chars {
			return nil, fmt.Errorf("text ends with a group of %d characters, which no number of bytes has", chars)
		}
		var group [smsGroupBytes]byte
		for i := at; i < at+chars; i++ {
			d, ok := smsCharDigit(text[i])
			if !ok {
				return nil, fmt.Errorf("character %q at position %d is outside the alphabet", text[i], i)
			}
			carry := uint32(d)
			for j := n - 1; j >= 0; j-- {
				carry += uint32(group[j]) * smsRadix
				group[j] = byte(carry) // the lower eight bits
				carry >>= 8
			}
			if carry > 0 {
				return nil, fmt.Errorf("group at position %d is out of range", at)
			}
		}
		dst = append(dst, group[:n]...)
		at += chars
	}
	return dst, nil
}

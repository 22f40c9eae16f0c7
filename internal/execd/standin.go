package execd

import (
	"slices"
	"unicode/utf8"
)

// Stand-ins are 256 private characters, one for each byte that the decoder of line protocol does not take. A text that
// has such a character of its own has its bytes replaced as well, so that every stand-in in the result is one.
const (
	firstStandIn = '\U0010FE00'
	lastStandIn  = firstStandIn + 0xff
)

// refused tells whether the decoder refuses a byte that is a character by itself in a name or tag. Those that divide a
// record are left to it.
func refused(b byte) bool {
	return b < ' ' && b != '\t' && b != '\n' && b != '\r' || b == 0x7f
}

// needsStandIns tells whether a record has a byte that the decoder may refuse.
func needsStandIns(record []byte) bool {
	return !utf8.Valid(record) || slices.ContainsFunc(record, refused)
}

// standIn returns the record with stand-ins.
func standIn(record []byte) []byte {
	out := make([]byte, 0, len(record)+len(record)/8)
	for len(record) > 0 {
		r, n := utf8.DecodeRune(record)
		bad := r == utf8.RuneError && n == 1 || n == 1 && refused(record[0])
		if bad || r >= firstStandIn && r <= lastStandIn {
			for _, b := range record[:n] {
				out = utf8.AppendRune(out, firstStandIn+rune(b))
			}
		} else {
			out = append(out, record[:n]...)
		}
		record = record[n:]
	}
	return out
}

// original returns a text with the bytes that stand-ins stand for.
func original(text []byte) string {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r >= firstStandIn && r <= lastStandIn {
			out = append(out, byte(r-firstStandIn)) // 0 to 255
		} else {
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return string(out)
}

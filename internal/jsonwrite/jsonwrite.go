// Package jsonwrite writes JSON piece by piece, as encoding/json writes it with
// HTML left alone. encoding/json itself would be 230 kB of the 4 MB that the
// binary for devices may have.
package jsonwrite

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Writer writes one JSON text into memory. What it writes is JSON if the calls
// are in an order that makes sense: it sets commas and colons and looks after
// nothing else.
type Writer struct {
	buf      []byte
	indent   string // of a level; empty: the text is one line
	depth    int
	some     bool // the object or array has something already
	afterKey bool
}

// NewWriter returns a Writer of one line that appends to dst.
func NewWriter(dst []byte) *Writer { return &Writer{buf: dst} }

// NewIndented returns a Writer of lines that are indented by so much for each
// level.
func NewIndented(indent string) *Writer { return &Writer{indent: indent} }

// Bytes returns what was written.
func (w *Writer) Bytes() []byte { return w.buf }

// BeginObject begins an object.
func (w *Writer) BeginObject() { w.begin('{') }

// EndObject ends it.
func (w *Writer) EndObject() { w.end('}') }

// BeginArray begins an array.
func (w *Writer) BeginArray() { w.begin('[') }

// EndArray ends it.
func (w *Writer) EndArray() { w.end(']') }

func (w *Writer) begin(bracket byte) {
	w.next()
	w.buf = append(w.buf, bracket)
	w.depth++
	w.some = false
}

func (w *Writer) end(bracket byte) {
	w.depth--
	if w.some {
		w.newline()
	}
	w.buf = append(w.buf, bracket)
	w.some = true
}

// next makes room for a name or a value.
func (w *Writer) next() {
	if w.afterKey {
		w.afterKey = false
		return
	}
	if w.depth > 0 {
		if w.some {
			w.buf = append(w.buf, ',')
		}
		w.newline()
	}
	w.some = true
}

func (w *Writer) newline() {
	if w.indent == "" {
		return
	}
	w.buf = append(w.buf, '\n')
	for range w.depth {
		w.buf = append(w.buf, w.indent...)
	}
}

// Name begins a member of an object. It returns the Writer for the value, which
// comes next.
func (w *Writer) Name(name string) *Writer {
	w.next()
	w.buf = append(appendString(w.buf, name), ':')
	if w.indent != "" {
		w.buf = append(w.buf, ' ')
	}
	w.afterKey = true
	return w
}

// Null writes null.
func (w *Writer) Null() {
	w.next()
	w.buf = append(w.buf, "null"...)
}

// Bool writes a boolean.
func (w *Writer) Bool(v bool) {
	w.next()
	w.buf = strconv.AppendBool(w.buf, v)
}

// Int writes an integer.
func (w *Writer) Int(v int64) {
	w.next()
	w.buf = strconv.AppendInt(w.buf, v, 10)
}

// Uint writes an integer.
func (w *Writer) Uint(v uint64) {
	w.next()
	w.buf = strconv.AppendUint(w.buf, v, 10)
}

// Float writes a number, and null for what is none: NaN and the infinities.
func (w *Writer) Float(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		w.Null()
		return
	}
	w.next()
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	w.buf = strconv.AppendFloat(w.buf, v, format, -1, 64)
	// An exponent of one digit has no 0 before it: 1e-07 is 1e-7.
	if n := len(w.buf); format == 'e' && w.buf[n-4] == 'e' && w.buf[n-3] == '-' && w.buf[n-2] == '0' {
		w.buf = append(w.buf[:n-2], w.buf[n-1])
	}
}

// String writes a string. Bytes that are not UTF-8 become U+FFFD.
func (w *Writer) String(s string) {
	w.next()
	w.buf = appendString(w.buf, s)
}

// Value writes a value of a type that the field of a metric can have, or nil. It
// writes nothing, and returns false, where it is of another type.
func (w *Writer) Value(v any) bool {
	switch v := v.(type) {
	case nil:
		w.Null()
	case bool:
		w.Bool(v)
	case int64:
		w.Int(v)
	case uint64:
		w.Uint(v)
	case float64:
		w.Float(v)
	case string:
		w.String(v)
	default:
		return false
	}
	return true
}

// Time writes a time in a string, as RFC 3339 has it.
func (w *Writer) Time(t time.Time) {
	w.next()
	w.buf = append(w.buf, '"')
	w.buf = t.AppendFormat(w.buf, time.RFC3339Nano)
	w.buf = append(w.buf, '"')
}

const hex = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0 // what is before it is written
	for i := 0; i < len(s); {
		c := s[i]
		size := 1
		escape := ""
		switch {
		case c == '"':
			escape = `\"`
		case c == '\\':
			escape = `\\`
		case c == '\b':
			escape = `\b`
		case c == '\f':
			escape = `\f`
		case c == '\n':
			escape = `\n`
		case c == '\r':
			escape = `\r`
		case c == '\t':
			escape = `\t`
		case c < ' ':
			dst = append(dst, s[done:i]...)
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&0xf])
			done = i + 1
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				escape = `\ufffd`
			case r == '\u2028': // a newline to JavaScript, as the next
				escape = `\u2028`
			case r == '\u2029':
				escape = `\u2029`
			}
		}
		if escape != "" {
			dst = append(dst, s[done:i]...)
			dst = append(dst, escape...)
			done = i + size
		}
		i += size
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

package execd

import (
	"bytes"
	"slices"
)

const (
	// MaxRecord is the size of the largest record that is taken in, in bytes without its line end.
	MaxRecord = 1 << 20
	// skipFactor bounds how far an oversized record may run on inside a string, in multiples of the maximum.
	skipFactor = 16
	// keepBuffer is the capacity up to which a splitter keeps its buffer after a large record.
	keepBuffer = 64 << 10
)

// Splitter cuts a stream of line protocol into records. It knows where a string field value begins and ends, so that a
// newline inside one belongs to the record; everywhere else a newline, with or without a carriage return before it,
// ends the record. Empty lines and lines that begin with # are left out, and so are spaces at the beginning of a line.
//
// There is no limit to a line, but a maximum size of a record. A larger record is skipped up to its end in bounded
// memory, and its neighbours are not touched.
//
// Telegraf writes every string with both its quotes. Should one quote be missing all the same, the string runs on into
// the records behind it. When the grammar is broken at the end of such a string, or when the maximum is reached before
// its end, the line after the first newline in the string is looked at: if it is a record by itself, a quote was lost;
// then the first line is returned for what it is, and reading goes on behind it. So a lost quote costs its own record,
// and the text inside a well-formed string is never taken for records. An oversized record whose string has no end
// within 16 times the maximum is given up there, and the next line begins a new record.
//
// The result does not depend on how the stream is divided into chunks. Use NewSplitter.
type Splitter struct {
	max         int
	onOversized func(head []byte)

	buf   []byte // the unfinished record and what follows it
	start int    // of the record in buf
	pos   int    // of the next byte to look at

	state   splitState
	escaped bool // outside strings: the byte before was a backslash
	broken  bool // the grammar is violated; the record goes on to the next newline
	newline int  // offset from start of the first newline inside a string, or -1
	skipped int  // bytes of an oversized record that were passed over; 0 when there is none
}

type splitState uint8

const (
	atStart        splitState = iota // between records
	inComment                        // up to the newline
	inSeries                         // measurement and tags
	beforeField                      // the spaces behind them
	inFieldKey                       //
	atValue                          // behind the = of a field
	inValue                          // a value that is no string
	inString                         //
	inStringEscape                   // behind a backslash
	afterString                      // behind the closing quote
	inTime                           // timestamp, spaces and whatever else there is up to the newline
)

// NewSplitter returns a splitter for records of up to maxRecord bytes. For every larger one onOversized is called with
// the bytes that were read of it so far, which it must not keep; it may be nil.
func NewSplitter(maxRecord int, onOversized func(head []byte)) *Splitter {
	return &Splitter{max: maxRecord, onOversized: onOversized, newline: -1}
}

// Split appends to dst the records that chunk completes. They are valid until the next call.
func (s *Splitter) Split(dst [][]byte, chunk []byte) [][]byte {
	s.compact()
	s.buf = append(s.buf, chunk...)
	for s.pos < len(s.buf) {
		switch s.state {
		case atStart:
			s.skipBlank()
		case inComment:
			s.skipComment()
		default:
			dst = s.record(dst)
		}
	}
	return dst
}

// Finish ends the stream and returns what it held behind its last record: a record without line end, which may have
// been cut off in the middle of a value, or nothing.
func (s *Splitter) Finish() []byte {
	var rest []byte
	if s.state > inComment && s.skipped == 0 {
		rest = s.buf[s.start:]
	}
	s.buf, s.start, s.pos = nil, 0, 0
	s.next()
	return rest
}

// compact moves the unfinished record to the front of the buffer.
func (s *Splitter) compact() {
	rest := s.buf[s.start:]
	switch {
	case cap(s.buf) > keepBuffer && len(rest) < keepBuffer/2:
		s.buf = append([]byte(nil), rest...)
	case s.start > 0:
		s.buf = s.buf[:copy(s.buf, rest)]
	}
	s.pos -= s.start
	s.start = 0
}

// next makes the state ready for the record at s.pos.
func (s *Splitter) next() {
	s.start = s.pos
	s.state, s.escaped, s.broken, s.newline, s.skipped = atStart, false, false, -1, 0
}

func (s *Splitter) skipBlank() {
	for ; s.pos < len(s.buf); s.pos++ {
		switch s.buf[s.pos] {
		case ' ', '\t', '\r', '\n':
			continue
		case '#':
			s.state = inComment
		default:
			s.state = inSeries
		}
		break
	}
	s.start = s.pos
}

func (s *Splitter) skipComment() {
	i := bytes.IndexByte(s.buf[s.pos:], '\n')
	if i < 0 {
		s.pos = len(s.buf)
		s.start = s.pos
		return
	}
	s.pos += i + 1
	s.next()
}

// record reads on in a record, up to its end or that of the buffer.
func (s *Splitter) record(dst [][]byte) [][]byte {
	if s.skipped > 0 {
		s.skip()
		return dst
	}
	// One byte more than the maximum, for the newline.
	limit := min(len(s.buf), s.start+s.max+1)
	if s.scan(limit) {
		record := s.buf[s.start : s.pos-1]
		if s.broken && s.newline >= 0 && isRecord(firstLine(record[s.newline+1:])) {
			return s.resume(dst)
		}
		dst = appendRecord(dst, record)
		s.next()
		return dst
	}
	if s.pos-s.start <= s.max {
		return dst // more is to come
	}
	seen := s.buf[s.start:s.pos]
	if s.newline >= 0 && (s.state == inString || s.state == inStringEscape) {
		if rest := seen[s.newline+1:]; bytes.IndexByte(rest, '\n') >= 0 && isRecord(firstLine(rest)) {
			return s.resume(dst)
		}
	}
	if s.onOversized != nil {
		s.onOversized(seen)
	}
	s.skipped = len(seen)
	s.start = s.pos
	return dst
}

// resume takes the first newline inside a string for the record's end.
func (s *Splitter) resume(dst [][]byte) [][]byte {
	dst = appendRecord(dst, s.buf[s.start:s.start+s.newline])
	s.pos = s.start + s.newline + 1
	s.next()
	return dst
}

// skip reads on in an oversized record and forgets it.
func (s *Splitter) skip() {
	limit := len(s.buf)
	last := skipFactor * s.max
	if s.skipped < last {
		limit = min(limit, s.start+last-s.skipped)
	} else {
		s.violate() // no string any more: the next newline is the end
	}
	if s.scan(limit) {
		s.next()
		return
	}
	s.skipped += s.pos - s.start
	s.start = s.pos
}

// scan reads on in a record up to limit and tells whether it met the record's end, the newline before s.pos.
func (s *Splitter) scan(limit int) bool {
	for s.pos < limit {
		c := s.buf[s.pos]
		s.pos++
		switch s.state {
		case inString:
			switch c {
			case '"':
				s.state = afterString
			case '\\':
				s.state = inStringEscape
			case '\n':
				s.noteNewline()
			}
			continue
		case inStringEscape:
			s.state = inString
			if c == '\n' {
				s.noteNewline()
			}
			continue
		default:
			if c == '\n' {
				return true
			}
		}

		switch s.state {
		case inSeries:
			if c == ' ' && !s.escaped {
				s.state = beforeField
			}
			s.escaped = c == '\\'
		case beforeField:
			if c != ' ' {
				s.state = inFieldKey
				s.pos--
			}
		case inFieldKey:
			if !s.escaped {
				switch c {
				case '=':
					s.state = atValue
				case ' ', ',':
					s.violate()
				}
			}
			s.escaped = c == '\\'
		case atValue:
			switch c {
			case '"':
				s.state = inString
			case ' ', ',':
				s.violate()
			default:
				s.state = inValue
			}
		case inValue, afterString:
			switch {
			case c == ',':
				s.state, s.escaped = inFieldKey, false
			case c == ' ' || c == '\r':
				s.state = inTime
			case s.state == afterString:
				s.violate()
			}
		case inTime:
			if (c < '0' || c > '9') && c != '-' && c != ' ' && c != '\r' {
				s.broken = true
			}
		}
	}
	return false
}

// violate notes that the record is no line protocol; it still ends at the next newline.
func (s *Splitter) violate() {
	s.broken, s.state = true, inTime
}

func (s *Splitter) noteNewline() {
	if s.newline < 0 {
		s.newline = s.pos - 1 - s.start
	}
}

// appendRecord appends a record without its carriage return, unless nothing is left.
func appendRecord(dst [][]byte, record []byte) [][]byte {
	if record = bytes.TrimSuffix(record, []byte{'\r'}); len(record) > 0 {
		dst = append(dst, slices.Clip(record))
	}
	return dst
}

func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	}
	return bytes.TrimSuffix(b, []byte{'\r'})
}

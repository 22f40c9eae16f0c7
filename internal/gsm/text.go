package gsm

import (
	"encoding/binary"
	"unicode/utf16"

	"telegraf-hologram/internal/gsm/gsm7"
)

// joiner makes text and data of segments that follow one another.
type joiner struct {
	text    []byte
	data    []byte
	septets gsm7.Decoder
	units   []uint16
}

// add appends a segment. Characters that are cut between two segments of one
// encoding become whole.
func (j *joiner) add(s segment) {
	if s.encoding != GSM7 {
		j.endSeptets()
	}
	if s.encoding != UCS2 {
		j.endUnits()
	}
	switch s.encoding {
	case GSM7:
		j.septets.Add(s.octets, s.locking, s.shift)
	case UCS2:
		for b := s.octets; len(b) >= 2; b = b[2:] {
			j.units = append(j.units, binary.BigEndian.Uint16(b))
		}
	default:
		j.data = append(j.data, s.octets...)
	}
}

// gap says that segments are missing here: no character goes across.
func (j *joiner) gap() {
	j.endSeptets()
	j.endUnits()
}

func (j *joiner) endSeptets() {
	j.text = append(j.text, j.septets.Text()...)
	j.septets = gsm7.Decoder{}
}

// endUnits makes text of UTF-16. A surrogate without its other half is U+FFFD
// and takes nothing with it.
func (j *joiner) endUnits() {
	j.text = append(j.text, string(utf16.Decode(j.units))...)
	j.units = j.units[:0]
}

func (j *joiner) result() (text string, data []byte) {
	j.gap()
	return string(j.text), j.data
}

// Package gsm7 turns septets into text and text into septets: the GSM 7 bit
// default alphabet, its extension and the national language tables (3GPP TS
// 23.038 6.2.1 and annex A).
package gsm7

// Language is a National Language Identifier (3GPP TS 23.038 6.2.1.2.4). It
// selects a locking shift table, which stands in for the default alphabet, or a
// single shift table, which stands in for its extension.
type Language byte

// The languages. Spanish has no locking shift table. A value outside of these
// is taken for Default, as the specification has it.
const (
	Default Language = iota
	Turkish
	Spanish
	Portuguese
	Bengali
	Gujarati
	Hindi
	Kannada
	Malayalam
	Oriya
	Punjabi
	Tamil
	Telugu
	Urdu
	languages // how many
)

// Escape says that the next septet is in the extension or single shift table.
const Escape = 0x1b

// Table maps septets to characters; 0 is none. Escape has none.
type Table [128]rune

// Locking returns the locking shift table of a language.
func Locking(l Language) *Table {
	var t Table
	switch {
	case l >= languages, l == Spanish:
		t.set(defaultAlphabet)
	default:
		if l >= Bengali {
			t.set(southAsianLocking)
		}
		t.set(lockingTables[l])
	}
	return &t
}

// Shift returns the single shift table of a language.
func Shift(l Language) *Table {
	var t Table
	switch {
	case l >= languages, l == Default:
		t.set(defaultExtension)
	case l >= Bengali:
		t.set(southAsianShift)
		t.set(shiftTables[l])
	default:
		t.set(defaultExtension)
		t.set(shiftTables[l])
	}
	return &t
}

func (t *Table) set(runs table) {
	for _, r := range runs {
		at := r.at
		for _, c := range r.chars {
			t[at] = c
			at++
		}
	}
}

// A Decoder turns septets into text. Its zero value is ready for use. It
// remembers an escape at the end of what it was given, so that a character may
// be cut between the parts of a message.
type Decoder struct {
	text    []byte
	escaped bool
}

// Add decodes septets, each in the low seven bits of an octet, with the tables
// of the two languages. No septet is an error: what has no character in the
// single shift table is looked up in the locking one, what has none there is a
// space, and so is a second escape (3GPP TS 23.038 6.2.1 and 6.2.1.1).
func (d *Decoder) Add(septets []byte, locking, shift Language) {
	main := Locking(locking)
	var extension *Table
	for _, s := range septets {
		s &= 0x7f
		var c rune
		switch {
		case d.escaped:
			d.escaped = false
			if extension == nil {
				extension = Shift(shift)
			}
			if c = extension[s]; c == 0 {
				c = main[s]
			}
		case s == Escape:
			d.escaped = true
			continue
		default:
			c = main[s]
		}
		if c == 0 {
			c = ' '
		}
		d.text = append(d.text, string(c)...)
	}
}

// Break ends the run of septets: an escape that waits for its character is a
// space.
func (d *Decoder) Break() {
	if d.escaped {
		d.escaped = false
		d.text = append(d.text, ' ')
	}
}

// Text breaks the run and returns the text so far.
func (d *Decoder) Text() string {
	d.Break()
	return string(d.text)
}

// Code returns the code of a character and how many septets it takes: 1 in the
// default alphabet, 2 in its extension, where the code is that behind Escape, and
// 0 in neither. It needs no tables but these two.
func Code(c rune) (code byte, septets int) {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == ' ':
		return byte(c), 1
	}
	if code, ok := defaultAlphabet.find(c); ok {
		return code, 1
	}
	if code, ok := defaultExtension.find(c); ok {
		return code, 2
	}
	return 0, 0
}

// find looks for the code of a character.
func (runs table) find(c rune) (code byte, ok bool) {
	for _, r := range runs {
		code := r.at
		for _, have := range r.chars {
			if have == c {
				return code, true
			}
			code++
		}
	}
	return 0, false
}

// An Encoder turns text into septets with one pair of tables.
type Encoder struct {
	main, extension map[rune]byte
}

// NewEncoder makes an encoder for the tables of the two languages.
func NewEncoder(locking, shift Language) *Encoder {
	return &Encoder{main: Locking(locking).inverse(), extension: Shift(shift).inverse()}
}

func (t *Table) inverse() map[rune]byte {
	m := make(map[rune]byte, len(t))
	for s, c := range t {
		if _, ok := m[c]; !ok && c != 0 {
			m[c] = byte(s)
		}
	}
	return m
}

// Append appends the septets of a character, one or an escape and another, and
// tells whether the tables have it.
func (e *Encoder) Append(septets []byte, c rune) ([]byte, bool) {
	if s, ok := e.main[c]; ok {
		return append(septets, s), true
	}
	if s, ok := e.extension[c]; ok {
		return append(septets, Escape, s), true
	}
	return septets, false
}

// Encode returns the septets of a text, and whether the tables have all of its
// characters; without that it returns none.
func (e *Encoder) Encode(text string) ([]byte, bool) {
	septets := make([]byte, 0, len(text))
	for _, c := range text {
		longer, ok := e.Append(septets, c)
		if !ok {
			return nil, false
		}
		septets = longer
	}
	return septets, true
}

// Pack packs septets into octets, the first one after fill bits, of which there
// are 0 to 6 (3GPP TS 23.038 6.1.2.1). Bits that are left over are 0.
func Pack(septets []byte, fill int) []byte {
	octets := make([]byte, (fill+7*len(septets)+7)/8)
	bit := fill
	for _, s := range septets {
		v := uint(s&0x7f) << (bit % 8)
		octets[bit/8] |= byte(v)
		if v > 0xff {
			octets[bit/8+1] |= byte(v >> 8)
		}
		bit += 7
	}
	return octets
}

// Unpack returns n septets out of octets, the first one after fill bits. It
// returns fewer when the octets do not hold so many.
func Unpack(octets []byte, fill, n int) []byte {
	n = max(0, min(n, (8*len(octets)-fill)/7))
	septets := make([]byte, n)
	bit := fill
	for i := range septets {
		v := uint(octets[bit/8])
		if bit/8+1 < len(octets) {
			v |= uint(octets[bit/8+1]) << 8
		}
		septets[i] = byte(v>>(bit%8)) & 0x7f
		bit += 7
	}
	return septets
}

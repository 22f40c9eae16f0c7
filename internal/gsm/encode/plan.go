package encode

import (
	"unicode/utf8"

	"telegraf-hologram/internal/gsm/gsm7"
)

// Coding says how a text that is to be sent is coded (3GPP TS 23.038 4).
type Coding int

// The codings.
const (
	Auto Coding = iota // GSM7 where that has all characters, else UCS2
	GSM7               // the GSM 7 bit default alphabet with its extension
	UCS2               // UCS-2, as phones use it: UTF-16
)

// String returns auto, gsm7 or ucs2.
func (c Coding) String() string {
	switch c {
	case Auto:
		return "auto"
	case GSM7:
		return "gsm7"
	case UCS2:
		return "ucs2"
	default:
		return "invalid"
	}
}

// Plan is what sending a text comes to.
type Plan struct {
	// Text is what arrives: the text, or what GSM7 makes of it.
	Text string
	// UCS2 tells whether it is coded with UCS-2, and not with the GSM 7 bit
	// alphabet.
	UCS2 bool
	// Parts is how many SMS it takes, from 1; more than 255 cannot be sent.
	Parts int
}

// How much a part holds besides its header, in septets and octets (3GPP TS 23.040
// 9.2.3.24.1, with references of 8 bits).
const (
	oneSeptets, partSeptets = 160, 153
	oneOctets, partOctets   = 140, 134
)

// PlanText plans how to send a text: Auto takes the GSM 7 bit alphabet where that
// has all characters, and UCS-2 otherwise; GSM7 replaces what the alphabet lacks
// as [Transliterate] does; UCS2 is UCS-2 in any case. Parts are counted as 3GPP TS
// 23.040 has it, with references of 8 bits: 160 septets in one SMS and 153 in each
// of several, of which the characters of the extension take two; 70 and 67 units
// of UTF-16. No character is cut. What is not UTF-8 counts as U+FFFD.
func PlanText(text string, c Coding) Plan {
	switch {
	case c == GSM7:
		text = Transliterate(text)
	case !utf8.ValidString(text):
		text = string([]rune(text))
	}
	p := Plan{Text: text, UCS2: c == UCS2 || c != GSM7 && !inAlphabet(text)}
	one, each := oneSeptets, partSeptets
	if p.UCS2 {
		one, each = oneOctets, partOctets
	}
	all, parts, used := 0, 1, 0
	for _, r := range text {
		n := size(r, p.UCS2)
		all += n
		if used += n; used > each {
			parts++
			used = n
		}
	}
	p.Parts = 1
	if all > one {
		p.Parts = parts
	}
	return p
}

// size is how many septets or octets a character takes.
func size(r rune, ucs2 bool) int {
	switch {
	case !ucs2:
		_, n := gsm7.Code(r)
		return n
	case r > 0xffff:
		return 4
	default:
		return 2
	}
}

// inAlphabet tells whether the GSM 7 bit default alphabet or its extension has
// each character of a text.
func inAlphabet(text string) bool {
	for _, r := range text {
		if _, n := gsm7.Code(r); n == 0 {
			return false
		}
	}
	return true
}

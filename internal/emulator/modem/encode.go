package modem

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

// Encoding is how a text becomes user data (3GPP TS 23.038).
type Encoding int

// The encodings.
const (
	Auto Encoding = iota // GSM7 where all characters are in its tables, UCS2 otherwise
	GSM7                 // the default alphabet with its extension
	UCS2                 // UTF-16, as phones send what is not in the default alphabet
	Data                 // the UTF-8 bytes as 8-bit data
)

// Class is the message class (3GPP TS 23.038, 4).
type Class int

// The classes. The zero value is none.
const (
	NoClass    Class = iota
	Flash            // class 0: show, do not store
	ToME             // class 1: store in the modem
	ToSIM            // class 2: store on the SIM
	ToTerminal       // class 3: hand to the computer
)

// Message is an SMS as somebody sends it to the modem.
type Message struct {
	// From is the sender: digits, with + for an international number, or up to
	// 11 characters of the default alphabet.
	From string
	Text string
	// Encoding and Class say how to send it.
	Encoding Encoding
	Class    Class
	// Ref16 numbers the parts of a long text with a reference of 16 bits, not 8.
	Ref16 bool
	// Ref is the reference of the parts; 0 takes the next of the modem's counter.
	Ref uint16
	// DestinationPort and SourcePort are put into the header if one is not 0
	// (application port addressing, 16 bits).
	DestinationPort, SourcePort uint16
	// ServiceCenter is the number of the SMSC; empty for none.
	ServiceCenter string
	// Time is the time stamp of the service center, with its zone; zero is now.
	Time time.Time
}

// Part is one SMS of those that a [Message] is sent as.
type Part struct {
	PDU  []byte // SMSC address and TPDU, as in AT+CMGL in PDU mode
	Text string // the text of this part
}

const (
	maxUserData = 140 // octets (3GPP TS 23.040, 9.2.3.24)
	maxParts    = 255
	maxAlpha    = 11 // septets in the 10 octets of an address
	maxDigits   = 20
)

// gsm7 is the default alphabet (3GPP TS 23.038, 6.2.1), of which 0x1B leads to
// the extension.
const gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

const escape = 0x1B

// septets returns a character in the default alphabet, one septet or two.
func septets(r rune) ([]byte, bool) {
	if r != escape {
		n := byte(0)
		for _, c := range gsm7 {
			if c == r {
				return []byte{n}, true
			}
			n++
		}
	}
	const extension = "\f\x0A^\x14{\x28}\x29\\\x2F[\x3C~\x3D]\x3E|\x40€\x65"
	isCode, code := false, byte(0)
	for _, c := range extension {
		if isCode {
			if code == 1 {
				return []byte{escape, byte(c)}, true
			}
			isCode = false
			continue
		}
		isCode, code = true, 0
		if c == r {
			code = 1
		}
	}
	return nil, false
}

// pack packs septets into octets, the first of them after fill bits that are 0
// (3GPP TS 23.038, 6.1.2.1).
func pack(units []byte, fill int) []byte {
	packed := make([]byte, (len(units)*7+fill+7)/8)
	for i, u := range units {
		bit := i*7 + fill
		packed[bit/8] |= u << (bit % 8)
		if bit%8 > 1 {
			packed[bit/8+1] |= u >> (8 - bit%8)
		}
	}
	return packed
}

// piece is a character in its encoding, which is never cut.
type piece struct {
	units []byte // septets or octets
	text  string
}

// pieces encodes a text.
func pieces(text string, as Encoding) ([]piece, error) {
	var all []piece
	switch as {
	case GSM7:
		for _, r := range text {
			units, ok := septets(r)
			if !ok {
				return nil, fmt.Errorf("character %U is not in the GSM alphabet", r)
			}
			all = append(all, piece{units, string(r)})
		}
	case UCS2:
		for _, r := range text {
			var units []byte
			for _, u := range utf16.AppendRune(nil, r) {
				units = append(units, byte(u>>8), byte(u))
			}
			all = append(all, piece{units, string(r)})
		}
	case Data:
		for i := range len(text) {
			all = append(all, piece{[]byte{text[i]}, text[i : i+1]})
		}
	default:
		return nil, fmt.Errorf("unknown encoding %d", as)
	}
	return all, nil
}

func inGSM7(text string) bool {
	for _, r := range text {
		if _, ok := septets(r); !ok {
			return false
		}
	}
	return true
}

// Encode returns the SMS-DELIVER PDUs that a network would deliver for a message
// (3GPP TS 23.040, 9.2.2.1), split as a phone does: no character is cut, and what
// fits into one SMS is not split.
func Encode(m Message) ([]Part, error) {
	if m.Encoding == Auto {
		m.Encoding = UCS2
		if inGSM7(m.Text) {
			m.Encoding = GSM7
		}
	}
	sender, err := address(m.From)
	if err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	smsc, err := serviceCenter(m.ServiceCenter)
	if err != nil {
		return nil, fmt.Errorf("service center: %w", err)
	}
	all, err := pieces(m.Text, m.Encoding)
	if err != nil {
		return nil, err
	}
	var ports []byte
	if m.DestinationPort != 0 || m.SourcePort != 0 {
		ports = []byte{0x05, 4, byte(m.DestinationPort >> 8), byte(m.DestinationPort), byte(m.SourcePort >> 8), byte(m.SourcePort)}
	}
	concat := 5
	if m.Ref16 {
		concat = 6
	}
	groups := split(all, capacity(m.Encoding, len(ports)))
	if len(groups) > 1 {
		groups = split(all, capacity(m.Encoding, len(ports)+concat))
	}
	if len(groups) > maxParts {
		return nil, fmt.Errorf("the text needs %d parts, more than %d", len(groups), maxParts)
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	var parts []Part
	for i, group := range groups {
		header := append([]byte(nil), ports...)
		switch total, seq := byte(len(groups)), byte(i+1); {
		case len(groups) == 1:
		case m.Ref16:
			header = append(header, 0x08, 4, byte(m.Ref>>8), byte(m.Ref), total, seq)
		default:
			header = append(header, 0x00, 3, byte(m.Ref), total, seq)
		}
		pdu := append([]byte(nil), smsc...)
		first := byte(0x04) // SMS-DELIVER, no more messages to send
		if len(header) > 0 {
			first |= 0x40
		}
		pdu = append(pdu, first)
		pdu = append(pdu, sender...)
		pdu = append(pdu, 0, dataCoding(m.Encoding, m.Class))
		pdu = append(pdu, TimeStamp(m.Time)...)
		var units []byte
		var text strings.Builder
		for _, p := range group {
			units = append(units, p.units...)
			text.WriteString(p.text)
		}
		parts = append(parts, Part{PDU: append(pdu, userData(header, units, m.Encoding)...), Text: text.String()})
	}
	return parts, nil
}

// capacity is how many units, septets or octets, fit beside a header of so many
// octets, its length not counted.
func capacity(as Encoding, header int) int {
	octets := maxUserData
	if header > 0 {
		octets -= 1 + header
	}
	if as == GSM7 {
		return octets * 8 / 7
	}
	return octets
}

// split cuts a text into groups of at most limit units.
func split(all []piece, limit int) [][]piece {
	groups := [][]piece{nil}
	size := 0
	for _, p := range all {
		if size+len(p.units) > limit {
			groups = append(groups, nil)
			size = 0
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], p)
		size += len(p.units)
	}
	return groups
}

// userData returns TP-UDL and TP-UD.
func userData(header, units []byte, as Encoding) []byte {
	var ud []byte
	if len(header) > 0 {
		ud = append([]byte{byte(len(header))}, header...)
	}
	if as != GSM7 {
		ud = append(ud, units...)
		return append([]byte{byte(len(ud))}, ud...)
	}
	// The septets start at a septet boundary, counted from the header's start.
	headerSeptets := (len(ud)*8 + 6) / 7
	fill := headerSeptets*7 - len(ud)*8
	length := byte(headerSeptets + len(units))
	return append([]byte{length}, append(ud, pack(units, fill)...)...)
}

// dataCoding returns TP-DCS of the general group (3GPP TS 23.038, 4).
func dataCoding(as Encoding, class Class) byte {
	dcs := byte(0)
	switch as {
	case Data:
		dcs = 0x04
	case UCS2:
		dcs = 0x08
	default:
	}
	if class != NoClass {
		dcs |= 0x10 | byte(class-Flash)
	}
	return dcs
}

// address returns an address field of a TPDU (3GPP TS 23.040, 9.1.2.5).
func address(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("empty")
	}
	kind, digits, ok := number(s)
	if ok {
		return append([]byte{byte(len(digits)), kind}, semiOctets(digits)...), nil
	}
	var units []byte
	for _, r := range s {
		u, ok := septets(r)
		if !ok {
			return nil, fmt.Errorf("character %U is not in the GSM alphabet", r)
		}
		units = append(units, u...)
	}
	if len(units) > maxAlpha {
		return nil, fmt.Errorf("longer than %d characters", maxAlpha)
	}
	return append([]byte{byte((len(units)*7 + 3) / 4), 0xD0}, pack(units, 0)...), nil
}

// serviceCenter returns the address in front of a TPDU, whose length counts
// octets.
func serviceCenter(s string) ([]byte, error) {
	if s == "" {
		return []byte{0}, nil
	}
	kind, digits, ok := number(s)
	if !ok {
		return nil, errors.New("not a number")
	}
	octets := semiOctets(digits)
	return append([]byte{byte(1 + len(octets)), kind}, octets...), nil
}

// number returns the type of address and the digits of a number.
func number(s string) (kind byte, digits string, ok bool) {
	kind = 0x81
	digits, plus := strings.CutPrefix(s, "+")
	if plus {
		kind = 0x91
	}
	return kind, digits, digits != "" && len(digits) <= maxDigits && strings.Trim(digits, "0123456789*#") == ""
}

func semiOctets(digits string) []byte {
	nibble := func(i int) byte {
		if i == len(digits) {
			return 0xF
		}
		return byte(strings.IndexByte("0123456789*#", digits[i]))
	}
	var octets []byte
	for i := 0; i < len(digits); i += 2 {
		octets = append(octets, nibble(i+1)<<4|nibble(i))
	}
	return octets
}

// TimeStamp returns the seven octets of TP-SCTS (3GPP TS 23.040, 9.2.3.11), with
// the zone of t in quarters of an hour.
func TimeStamp(t time.Time) []byte {
	swapped := func(n int) byte { return byte(n%10<<4 | n/10%10) }
	_, offset := t.Zone()
	quarters := offset / (15 * 60)
	sign := byte(0)
	if quarters < 0 {
		quarters, sign = -quarters, 0x08
	}
	return []byte{swapped(t.Year()), swapped(int(t.Month())), swapped(t.Day()), swapped(t.Hour()), swapped(t.Minute()), swapped(t.Second()), swapped(quarters) | sign}
}

// tpduOf returns what stands behind the SMSC address of a PDU, and whether that is
// whole.
func tpduOf(pdu []byte) ([]byte, bool) {
	if len(pdu) == 0 || len(pdu) < 1+int(pdu[0]) {
		return nil, false
	}
	return pdu[1+int(pdu[0]):], true
}

// isReport tells whether a PDU is an SMS-STATUS-REPORT, by TP-MTI.
func isReport(pdu []byte) bool {
	t, ok := tpduOf(pdu)
	return ok && len(t) > 0 && t[0]&0x03 == 0x02
}

// classOf returns the class of an SMS-DELIVER, NoClass where that cannot be told.
func classOf(pdu []byte) Class {
	t, _ := tpduOf(pdu)
	if len(t) < 2 {
		return NoClass
	}
	dcsAt := 2 + 1 + (int(t[1])+1)/2 + 1 // first octet, length, type, digits, PID
	if len(t) <= dcsAt {
		return NoClass
	}
	dcs := t[dcsAt]
	if dcs&0xD0 == 0x10 || dcs&0xF0 == 0xF0 {
		return Flash + Class(dcs&0x03)
	}
	return NoClass
}

// report returns the SMS-STATUS-REPORT for an SMS-SUBMIT that asks for one:
// received by its recipient.
func report(submit []byte, ref byte, at time.Time) ([]byte, bool) {
	t, ok := tpduOf(submit)
	if !ok || len(t) < 4 || t[0]&0x23 != 0x21 {
		return nil, false
	}
	end := 4 + (int(t[2])+1)/2
	if len(t) < end {
		return nil, false
	}
	pdu := append([]byte{0, 0x06, ref}, t[2:end]...)
	pdu = append(pdu, TimeStamp(at)...)
	pdu = append(pdu, TimeStamp(at)...)
	return append(pdu, 0), true
}

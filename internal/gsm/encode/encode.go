// Package encode makes PDUs: a text is coded, cut into parts and wrapped into the
// TPDUs that a modem is given to send, and, for what plays a network, into those
// that a modem lists. [PlanText] tells beforehand how a text will be coded and how
// many SMS it takes. 3GPP TS 23.040 and 23.038 are its only model.
package encode

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"telegraf-hologram/internal/gsm/gsm7"
)

// Message is a message on its way.
type Message struct {
	// SMSC is the number of the service centre; without one the modem gives
	// none.
	SMSC string
	// From is the sender, or of a Submit the destination: +digits is an
	// international number, digits (also *, #, a, b and c) one of unknown type,
	// anything else a name of up to 11 characters.
	From string
	// Time is when the service centre got it, in the zone that it gives, which
	// is a multiple of a quarter of an hour.
	Time time.Time
	PID  byte

	// Text is coded with the GSM 7 bit alphabet if that has all of its
	// characters, else with UCS-2.
	Text string
	// Data is sent as 8 bit data instead of Text, if it is not nil.
	Data []byte
	// UCS2 codes Text with UCS-2 in any case.
	UCS2 bool
	// Locking and Shift select national language tables for Text.
	Locking, Shift gsm7.Language
	// Class is the message class 0 to 3, if it is not nil.
	Class *int
	// DCS stands in for the data coding scheme that follows from the above, if
	// it is not nil. How the user data is coded does not change.
	DCS *byte

	// Reference is that of the parts of a long message; its lower 8 bits unless Wide.
	Reference uint16
	// Wide uses references of 16 bits.
	Wide bool
	// Report asks the service centre of a Submit what becomes of it (TP-SRR).
	Report bool
	// Validity is for how long the service centre tries to deliver a Submit, from 5
	// minutes to 63 weeks; it is rounded up to a period that TP-VP has. 0 leaves it
	// to the service centre.
	Validity time.Duration

	// Elements are further information elements for the header, each with its
	// identifier and length (3GPP TS 23.040 9.2.3.24).
	Elements []byte
	// CutAnywhere cuts between an escape and its character, and between two
	// surrogates, which 3GPP TS 23.040 9.2.3.24.1 forbids and some do.
	CutAnywhere bool
	// PartSize limits the user data of a part, in septets or octets without
	// the header; 0 fills the parts.
	PartSize int
}

// maxUserData is how many octets of user data a message has (3GPP TS 23.040
// 9.2.3.16).
const maxUserData = 140

// errTooLong: a concatenated message has at most 255 parts.
var errTooLong = errors.New("text needs more than 255 parts")

// Deliver returns the PDUs of the message in hexadecimal, one for each part, as
// SMS-DELIVER.
func (m *Message) Deliver() ([]string, error) {
	from, err := Address(m.From)
	if err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	return m.wrap(func(header bool, last bool) []byte {
		var first byte
		if last {
			first |= 0x04 // TP-MMS: no more messages
		}
		if header {
			first |= 0x40 // TP-UDHI
		}
		b := append([]byte{first}, from...)
		b = append(b, m.PID, m.dcs())
		return append(b, Time(m.Time)...)
	})
}

// Submit returns the PDUs of the message in hexadecimal, one for each part, as
// SMS-SUBMIT to From. Report is asked for each part. The message references (TP-MR)
// count from 0; most modems put in their own.
func (m *Message) Submit() ([]string, error) {
	to, err := Address(m.From)
	if err != nil {
		return nil, fmt.Errorf("destination: %w", err)
	}
	reference := byte(0)
	return m.wrap(func(header, _ bool) []byte {
		first := byte(0x01)
		if m.Report {
			first |= 0x20 // TP-SRR
		}
		if m.Validity > 0 {
			first |= 0x10 // TP-VPF: relative
		}
		if header {
			first |= 0x40
		}
		b := append([]byte{first, reference}, to...)
		reference++
		b = append(b, m.PID, m.dcs())
		if m.Validity > 0 {
			b = append(b, validity(m.Validity))
		}
		return b
	})
}

// validity returns TP-VP in its relative format, not shorter than d if that can be
// (3GPP TS 23.040 9.2.3.12.1).
func validity(d time.Duration) byte {
	const day = 24 * time.Hour
	steps := func(unit time.Duration) int { return int((d + unit - 1) / unit) }
	switch {
	case d <= 12*time.Hour:
		return byte(max(steps(5*time.Minute), 1) - 1)
	case d <= day:
		return byte(143 + steps(30*time.Minute) - 24)
	case d <= 30*day:
		return byte(166 + steps(day))
	default:
		return byte(192 + min(max(steps(7*day), 5), 63))
	}
}

// wrap cuts the message into parts and puts each behind what head returns.
func (m *Message) wrap(head func(header, last bool) []byte) ([]string, error) {
	smsc, err := SMSC(m.SMSC)
	if err != nil {
		return nil, fmt.Errorf("service centre: %w", err)
	}
	units, size := m.units()
	var parts [][]byte
	elements := m.elements()
	if room := m.room(size, len(elements)); fits(units, room) {
		parts = [][]byte{flatten(units)}
	} else {
		n := 5
		if m.Wide {
			n = 6
		}
		parts = cut(units, m.room(size, len(elements)+n))
	}
	if len(parts) > 255 {
		return nil, errTooLong
	}
	pdus := make([]string, len(parts))
	for i, p := range parts {
		header := elements
		switch {
		case len(parts) == 1:
		case m.Wide:
			r := binary.BigEndian.AppendUint16([]byte{0x08, 4}, m.Reference)
			header = append(append(r, byte(len(parts)), byte(i+1)), elements...)
		default:
			header = append([]byte{0x00, 3, byte(m.Reference), byte(len(parts)), byte(i + 1)}, elements...)
		}
		b := append(append([]byte(nil), smsc...), head(len(header) > 0, i == len(parts)-1)...)
		b = append(b, UserData(size == 7, header, p)...)
		pdus[i] = strings.ToUpper(hex.EncodeToString(b))
	}
	return pdus, nil
}

// units returns what must not be cut, and the size of its elements in bits.
func (m *Message) units() (units [][]byte, size int) {
	if m.Data != nil {
		return chars(m.Data), 8
	}
	if septets, ok := m.septets(); ok {
		for i := 0; i < len(septets); i++ {
			n := 1
			if septets[i] == gsm7.Escape && !m.CutAnywhere {
				n = 2
			}
			units = append(units, septets[i:i+n])
			i += n - 1
		}
		return units, 7
	}
	for _, c := range m.Text {
		var b []byte
		for _, u := range utf16.Encode([]rune{c}) {
			b = binary.BigEndian.AppendUint16(b, u)
			if m.CutAnywhere {
				units = append(units, b)
				b = nil
			}
		}
		if b != nil {
			units = append(units, b)
		}
	}
	return units, 16
}

// septets returns Text in the GSM 7 bit alphabet, if it is to be coded so. The
// default alphabet needs none of the national tables.
func (m *Message) septets() ([]byte, bool) {
	switch {
	case m.UCS2:
		return nil, false
	case m.Locking == gsm7.Default && m.Shift == gsm7.Default:
		return defaultSeptets(m.Text)
	default:
		return gsm7.NewEncoder(m.Locking, m.Shift).Encode(m.Text)
	}
}

func defaultSeptets(text string) ([]byte, bool) {
	septets := make([]byte, 0, len(text))
	for _, c := range text {
		code, n := gsm7.Code(c)
		switch n {
		case 1:
			septets = append(septets, code)
		case 2:
			septets = append(septets, gsm7.Escape, code)
		default:
			return nil, false
		}
	}
	return septets, true
}

func chars(b []byte) [][]byte {
	units := make([][]byte, len(b))
	for i := range b {
		units[i] = b[i : i+1]
	}
	return units
}

// room returns how many septets or octets fit behind a header of n octets
// without its length.
func (m *Message) room(size, n int) int {
	if n > 0 {
		n++
	}
	room := maxUserData - n
	if size == 7 {
		room = room * 8 / 7
	}
	if m.PartSize > 0 {
		room = min(room, m.PartSize)
	}
	return room
}

func fits(units [][]byte, room int) bool {
	n := 0
	for _, u := range units {
		n += len(u)
	}
	return n <= room
}

func cut(units [][]byte, room int) [][]byte {
	var parts [][]byte
	var part []byte
	for _, u := range units {
		if len(part)+len(u) > room {
			parts = append(parts, part)
			part = nil
		}
		part = append(part, u...)
	}
	return append(parts, part)
}

func flatten(units [][]byte) []byte {
	b := []byte{}
	for _, u := range units {
		b = append(b, u...)
	}
	return b
}

// elements returns the elements that each part has.
func (m *Message) elements() []byte {
	b := append([]byte(nil), m.Elements...)
	if m.Shift != gsm7.Default {
		b = append(b, 0x24, 1, byte(m.Shift))
	}
	if m.Locking != gsm7.Default {
		b = append(b, 0x25, 1, byte(m.Locking))
	}
	return b
}

// dcs returns TP-DCS (3GPP TS 23.038 4).
func (m *Message) dcs() byte {
	if m.DCS != nil {
		return *m.DCS
	}
	var dcs byte
	switch _, size := m.units(); size {
	case 8:
		dcs = 0x04
	case 16:
		dcs = 0x08
	}
	if m.Class != nil {
		dcs |= 0x10 | byte(*m.Class)&0x03
	}
	return dcs
}

// UserData returns TP-UDL and TP-UD with the elements of a header, which may be
// empty, and a body of septets or octets (3GPP TS 23.040 9.2.3.24).
func UserData(septets bool, elements, body []byte) []byte {
	var ud []byte
	if len(elements) > 0 {
		ud = append([]byte{byte(len(elements))}, elements...)
	}
	if !septets {
		ud = append(ud, body...)
		return append([]byte{byte(len(ud))}, ud...)
	}
	fill := (7 - len(ud)*8%7) % 7
	count := (len(ud)*8+fill)/7 + len(body)
	ud = append(ud, gsm7.Pack(body, fill)...)
	return append([]byte{byte(count)}, ud...)
}

// Address returns an address as a TPDU has it (3GPP TS 23.040 9.1.2.5). The
// forms are those of Message.From.
func Address(s string) ([]byte, error) {
	typ, digits := byte(0x81), s
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		typ, digits = 0x91, rest
	}
	if b, ok := semiOctets(digits); ok {
		return append([]byte{byte(len(digits)), typ}, b...), nil
	}
	septets, ok := defaultSeptets(s)
	if !ok || len(septets) > 11 {
		return nil, errors.New("neither a number nor a name of up to 11 septets")
	}
	return append([]byte{byte((len(septets)*7 + 3) / 4), 0xd0}, gsm7.Pack(septets, 0)...), nil
}

// SMSC returns the address of a service centre as a modem puts it before the
// TPDU.
func SMSC(s string) ([]byte, error) {
	if s == "" {
		return []byte{0}, nil
	}
	typ, digits := byte(0x81), s
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		typ, digits = 0x91, rest
	}
	b, ok := semiOctets(digits)
	if !ok || len(b) > 10 {
		return nil, errors.New("not a number of up to 20 digits")
	}
	return append([]byte{byte(1 + len(b)), typ}, b...), nil
}

func semiOctets(digits string) ([]byte, bool) {
	b := make([]byte, (len(digits)+1)/2)
	for i := range b {
		b[i] = 0xff
	}
	for i := range len(digits) {
		v := strings.IndexByte("0123456789*#abc", digits[i])
		if v < 0 {
			return nil, false
		}
		if i%2 == 0 {
			b[i/2] = 0xf0 | byte(v)
		} else {
			b[i/2] = b[i/2]&0x0f | byte(v)<<4
		}
	}
	return b, true
}

// Time returns a time stamp (3GPP TS 23.040 9.2.3.11).
func Time(t time.Time) []byte {
	b := make([]byte, 7)
	for i, v := range []int{t.Year() % 100, int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()} {
		b[i] = swapped(v)
	}
	_, east := t.Zone()
	quarters := east / (15 * 60)
	b[6] = swapped(max(quarters, -quarters))
	if quarters < 0 {
		b[6] |= 0x08
	}
	return b
}

func swapped(v int) byte { return byte(v%10<<4 | v/10) }

// StatusReport returns the PDU of an SMS-STATUS-REPORT in hexadecimal (3GPP TS
// 23.040 9.2.2.3): the message with the reference, sent to the recipient, came
// to the service centre at sent, and what status tells happened at discharged.
func StatusReport(smsc, recipient string, reference byte, sent, discharged time.Time, status byte) (string, error) {
	b, err := SMSC(smsc)
	if err != nil {
		return "", fmt.Errorf("service centre: %w", err)
	}
	to, err := Address(recipient)
	if err != nil {
		return "", fmt.Errorf("recipient: %w", err)
	}
	b = append(b, 0x06, reference)
	b = append(b, to...)
	b = append(b, Time(sent)...)
	b = append(b, Time(discharged)...)
	b = append(b, status)
	return strings.ToUpper(hex.EncodeToString(b)), nil
}

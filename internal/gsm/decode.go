package gsm

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strings"
	"time"

	"telegraf-hologram/internal/gsm/gsm7"
)

// The first octet of a TPDU (3GPP TS 23.040 9.2.2.1 to 9.2.2.3).
const (
	mtiMask   = 0x03 // TP-MTI
	mtiSubmit = 0x01
	mtiReport = 0x02
	mms       = 0x04 // TP-MMS
	vpfShift  = 3    // TP-VPF, two bits
	udhi      = 0x40 // TP-UDHI
)

// maxPDU is how many octets of a PDU are looked at. A TPDU has at most 164, a
// service centre's address 12; a SIM pads a record to 176.
const maxPDU = 512

// Decode decodes a PDU in hexadecimal as +CMGL, +CMGR, +CMT and +CDS give it:
// the address of the service centre, then the TPDU. Length is how many octets
// the modem announces for the TPDU, 0 when it is not known; it only helps to
// tell what is no part of the message.
//
// The message is never nil and its Kind, addresses, time and the rest are known
// as far as the PDU goes, whatever is wrong with it: see Message.Repaired and
// Message.Err.
func Decode(pdu string, length int) *Message {
	pdu = strings.Trim(pdu, " \t\r\n\"")
	b, surplus := decodeHex(pdu)
	m := &Message{pdu: pdu[:min(len(pdu), 2*maxPDU)]}
	if len(b) == 0 {
		m.ID = identity([]byte(pdu))
		m.Err = &DecodeError{Field: "PDU", Err: ErrNotHex}
		return m
	}
	d := decoder{m: m, b: b, length: length}
	if err := d.decode(); err != nil {
		m.Err = err
	} else if surplus {
		m.Repaired |= RepairedSurplus
	}
	var j joiner
	j.add(m.body)
	m.Text, m.Data = j.result()
	return m
}

// decodeHex decodes up to the first character that is no digit, and tells
// whether there is more.
func decodeHex(s string) (b []byte, more bool) {
	cut := s[:min(len(s), 2*maxPDU)]
	b, _ = hex.DecodeString(cut[:len(cut)&^1]) // what is before an error is returned
	return b, 2*len(b) < len(s)
}

// A decoder goes over a PDU once, and takes whatever it is given: a message is
// not lost for a single wrong digit.
type decoder struct {
	m      *Message
	b      []byte // the PDU
	off    int    // of what is to be read next
	length int    // that the modem announces
	tpdu   int    // where the TPDU begins
	header []byte // the information elements of the user data header
}

func (d *decoder) decode() error {
	d.smsc()
	d.m.ID = identity(d.b[d.tpdu:]) // until the end is known
	first, err := d.octet("TP-MTI")
	if err != nil {
		return err
	}
	switch first & mtiMask {
	case mtiSubmit:
		d.m.Kind = Submit
		err = d.submit(first)
	case mtiReport:
		d.m.Kind = StatusReport
		err = d.statusReport(first)
	case 3: // reserved; 3GPP TS 23.040 9.2.3.1: as SMS-DELIVER
		d.m.Repaired |= RepairedType
		fallthrough
	default:
		d.m.Kind = Deliver
		err = d.deliver(first)
	}
	if d.off < len(d.b) && err == nil {
		d.m.Repaired |= RepairedSurplus
	}
	d.m.ID = identity(d.b[d.tpdu:d.off])
	return err
}

// identity hashes a TPDU.
func identity(b []byte) (id ID) {
	h := fnv.New128a()
	if len(b) > 0 {
		first := b[0]
		if first&mtiMask != mtiSubmit { // bit 2 of an SMS-SUBMIT is TP-RD
			first &^= mms
		}
		_, _ = h.Write([]byte{first})
		_, _ = h.Write(b[1:])
	}
	h.Sum(id[:0])
	return id
}

// fail says that the field that begins here is damaged.
func (d *decoder) fail(field string, err error) error {
	return &DecodeError{Field: field, Offset: d.off, Err: err}
}

// octet reads one octet.
func (d *decoder) octet(field string) (byte, error) {
	b, err := d.take(field, 1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// take reads n octets, or none when there are not so many. The field then ends
// the PDU.
func (d *decoder) take(field string, n int) ([]byte, error) {
	if len(d.b)-d.off < n {
		err := d.fail(field, ErrTruncated)
		d.off = len(d.b)
		return nil, err
	}
	b := d.b[d.off : d.off+n]
	d.off += n
	return b, nil
}

// smsc reads the address of the service centre, which a modem puts before the
// TPDU (3GPP TS 27.005 3.1, <pdu>; coded as in 3GPP TS 24.011 8.2.5). Its length
// counts octets, at most 11. Some modems leave it out.
func (d *decoder) smsc() {
	n := int(d.b[0])
	if n > 11 || d.bare(n) {
		d.m.Repaired |= RepairedSMSC
		return
	}
	end := min(1+n, len(d.b))
	if end > 2 {
		d.m.SMSC = decodeAddress(d.b[1], d.b[2:end], 2*(n-1))
	}
	d.off, d.tpdu = end, end
}

// bare tells whether the PDU is a TPDU only: the announced length is that of
// the whole, and it does not begin like the address of a service centre of n
// octets, but with a message type and an address. The highest bit of an
// address's type is always set. Without that check a modem that counts the
// service centre too would lose all its messages.
func (d *decoder) bare(n int) bool {
	if d.length != len(d.b) || len(d.b) < 4 || n > 1 && d.b[1]&0x80 != 0 {
		return false
	}
	typ := d.b[2]
	if mti := d.b[0] & mtiMask; mti == mtiSubmit || mti == mtiReport {
		typ = d.b[3] // after TP-MR
	}
	return typ&0x80 != 0
}

// address reads TP-OA, TP-DA or TP-RA (3GPP TS 23.040 9.1.2.5).
func (d *decoder) address(field string) error {
	head, err := d.take(field, 2)
	if err != nil {
		return err
	}
	n, octets := int(head[0]), (int(head[0])+1)/2
	b, err := d.take(field, octets)
	if err != nil {
		return err
	}
	d.m.Peer = decodeAddress(head[1], b, n)
	if !d.m.Peer.Alphanumeric() && (len(d.m.Peer.Value) != n || n%2 == 1 && b[octets-1]>>4 != 0x0f) {
		d.m.Repaired |= RepairedAddress
	}
	return nil
}

// decodeAddress makes an address of n semi-octets.
func decodeAddress(typ byte, b []byte, n int) Address {
	a := Address{Type: typ}
	if !a.Alphanumeric() {
		a.Value = digits(b, n)
		return a
	}
	septets := gsm7.Unpack(b, 0, n*4/7)
	// Seven characters are 49 bits, which are 13 semi-octets. Who counts
	// octets gets 14, in which there is room for an eighth, @.
	if n == 14 && len(septets) == 8 && septets[7] == 0 {
		septets = septets[:7]
	}
	var text gsm7.Decoder
	text.Add(septets, gsm7.Default, gsm7.Default)
	a.Value = text.Text()
	return a
}

// digits returns up to n semi-octets as digits (3GPP TS 23.040 9.1.2.3). The
// fill ends them.
func digits(b []byte, n int) string {
	s := make([]byte, 0, n)
	for i := range min(n, 2*len(b)) {
		v := b[i/2] >> (i % 2 * 4) & 0x0f
		if v == 0x0f {
			break
		}
		s = append(s, "0123456789*#abc"[v])
	}
	return string(s)
}

// deliver reads an SMS-DELIVER (3GPP TS 23.040 9.2.2.1).
func (d *decoder) deliver(first byte) error {
	if err := d.address("TP-OA"); err != nil {
		return err
	}
	c, err := d.pidDCS()
	if err != nil {
		return err
	}
	if err := d.time("TP-SCTS", &d.m.Time); err != nil {
		return err
	}
	err = d.userData(first, c)
	d.elements()
	return err
}

// submit reads an SMS-SUBMIT (3GPP TS 23.040 9.2.2.2).
func (d *decoder) submit(first byte) error {
	reference, err := d.octet("TP-MR")
	if err != nil {
		return err
	}
	if err := d.address("TP-DA"); err != nil {
		return err
	}
	c, err := d.pidDCS()
	if err != nil {
		return err
	}
	// The validity period is of no use here.
	if _, err := d.take("TP-VP", [...]int{0, 7, 1, 7}[first>>vpfShift&3]); err != nil {
		return err
	}
	d.m.Reference = reference
	err = d.userData(first, c)
	d.elements()
	return err
}

// statusReport reads an SMS-STATUS-REPORT (3GPP TS 23.040 9.2.2.3).
func (d *decoder) statusReport(first byte) (err error) {
	if d.m.Reference, err = d.octet("TP-MR"); err != nil {
		return err
	}
	if err := d.address("TP-RA"); err != nil {
		return err
	}
	if err := d.time("TP-SCTS", &d.m.Time); err != nil {
		return err
	}
	if err := d.time("TP-DT", &d.m.Discharge); err != nil {
		return err
	}
	if d.m.Status, err = d.octet("TP-ST"); err != nil {
		return err
	}
	d.parameters(first)
	return nil
}

// parameters reads the optional parameters at the end of a status report. A
// record of a SIM is padded with FF, a buffer of a modem with anything: what is
// no proper list of parameters is not a part of the message.
func (d *decoder) parameters(first byte) {
	end := d.off
	if d.length > 0 && end-d.tpdu >= d.length {
		return
	}
	present, err := d.octet("TP-PI")
	if err != nil {
		return
	}
	var c coding
	const pid, dcs, udl = 0x01, 0x02, 0x04
	known := present&^(pid|dcs|udl) == 0
	if known {
		if present&pid != 0 {
			d.m.PID, err = d.octet("TP-PID")
		}
		if present&dcs != 0 && err == nil {
			d.m.DCS, err = d.octet("TP-DCS")
			c = decodeDCS(d.m.DCS)
			d.m.body.encoding = c.encoding
		}
		if present&udl != 0 && err == nil {
			err = d.userData(first, c)
		}
	}
	if !known || err != nil {
		d.m.Repaired |= RepairedSurplus
		d.off = end
		d.m.PID, d.m.DCS, d.m.body, d.header = 0, 0, segment{}, nil
		c = coding{}
	}
	d.coded(c)
	d.elements()
}

// pidDCS reads TP-PID and TP-DCS.
func (d *decoder) pidDCS() (c coding, err error) {
	if d.m.PID, err = d.octet("TP-PID"); err != nil {
		return c, err
	}
	if d.m.DCS, err = d.octet("TP-DCS"); err != nil {
		return c, err
	}
	c = decodeDCS(d.m.DCS)
	d.coded(c)
	return c, nil
}

// coded takes over what TP-DCS says.
func (d *decoder) coded(c coding) {
	d.m.Encoding, d.m.Class = c.encoding, c.class
	if c.indication != nil {
		d.m.Indications = append(d.m.Indications, *c.indication)
	}
	if c.reserved {
		d.m.Repaired |= RepairedCoding
	}
}

// time reads a time stamp (3GPP TS 23.040 9.2.3.11).
func (d *decoder) time(field string, t *Timestamp) error {
	b, err := d.take(field, 7)
	if err != nil {
		return err
	}
	// A zone of 0xA0 has been seen: 10 quarters, with a digit that is none.
	// That still means something; a zone that is nowhere on Earth does not.
	quarters := int(b[6]&0x07)*10 + int(b[6]>>4)
	if b[6]&0x08 != 0 {
		quarters = -quarters
	}
	if t.NoZone = quarters < -12*4 || quarters > 14*4; t.NoZone {
		quarters = 0
	}
	if t.NoZone || b[6]>>4 > 9 {
		d.m.Repaired |= RepairedTime
	}
	zone := time.UTC
	if quarters != 0 {
		zone = time.FixedZone("SCTS", quarters*15*60)
	}
	var ok bool
	if t.Time, ok = decodeTime(b, zone); !ok {
		d.m.Repaired |= RepairedTime
		t.NoZone = false
	}
	return nil
}

// decodeTime reads year, month, day, hour, minute and second in swapped BCD, and
// tells whether they exist. Two digits are a year from 1970 to 2069.
func decodeTime(b []byte, zone *time.Location) (time.Time, bool) {
	var v [6]int
	for i := range v {
		if b[i]&0x0f > 9 || b[i]>>4 > 9 {
			return time.Time{}, false
		}
		v[i] = int(b[i]&0x0f)*10 + int(b[i]>>4)
	}
	year := 2000 + v[0]
	if v[0] >= 70 {
		year = 1900 + v[0]
	}
	t := time.Date(year, time.Month(v[1]), v[2], v[3], v[4], v[5], 0, zone)
	// What does not exist is taken for something later, February 30 for March.
	if int(t.Month()) != v[1] || t.Day() != v[2] || t.Hour() != v[3] || t.Minute() != v[4] || t.Second() != v[5] {
		return time.Time{}, false
	}
	return t, true
}

// userData reads TP-UDL and TP-UD (3GPP TS 23.040 9.2.3.24). When it is damaged,
// what is known of it is kept.
func (d *decoder) userData(first byte, c coding) error {
	d.m.body = segment{encoding: c.encoding}
	n, err := d.octet("TP-UDL")
	if err != nil {
		return err
	}
	start := d.off
	count := int(n) // septets or octets
	octets := count
	if c.encoding == GSM7 {
		octets = (count*7 + 7) / 8
	}
	if rest := len(d.b) - d.off; octets > rest {
		err = d.fail("TP-UD", ErrTruncated)
		octets, count = rest, rest
		if c.encoding == GSM7 {
			count = rest * 8 / 7
			octets = (count*7 + 7) / 8
		}
	}
	ud := append([]byte(nil), d.b[d.off:d.off+octets]...)
	d.off += octets
	if spare := octets*8 - count*7; c.encoding == GSM7 && spare > 0 && ud[octets-1]>>(8-spare) != 0 {
		ud[octets-1] &= 1<<(8-spare) - 1
		if err == nil {
			d.m.Repaired |= RepairedBits
		}
	}
	header := 0 // octets
	if first&udhi != 0 {
		if len(ud) == 0 || 1+int(ud[0]) > len(ud) {
			// It is not known where the text begins. A message that was cut
			// off in its header is cut off in the first place.
			if len(ud) > 0 {
				d.m.body = segment{encoding: Octets, octets: ud}
			}
			if err == nil {
				err = &DecodeError{Field: "TP-UDH", Offset: start, Err: ErrHeader}
			}
			return err
		}
		header = 1 + int(ud[0])
		if c.encoding == GSM7 && int(n) <= (header*8+6)/7 {
			err = nil // all that may be missing are the fill bits behind the header
		}
		// 3GPP TS 23.040 9.2.3.24: a header that is not well formed shall be ignored.
		if d.header = ud[1:header]; !wellFormed(d.header) {
			d.m.Repaired |= RepairedHeader
			d.header = nil
		}
	}
	switch c.encoding {
	case GSM7:
		// The text begins at the next septet behind the header.
		at := (header*8 + 6) / 7
		d.m.body.octets = gsm7.Unpack(ud, at*7, count-at)
	case UCS2:
		if (len(ud)-header)%2 != 0 {
			d.m.Repaired |= RepairedLength
			ud = ud[:len(ud)-1]
		}
		fallthrough
	default:
		d.m.body.octets = ud[header:]
	}
	return err
}

// wellFormed tells whether information elements fill a header exactly.
func wellFormed(h []byte) bool {
	for len(h) > 0 {
		if len(h) < 2 || 2+int(h[1]) > len(h) {
			return false
		}
		h = h[2+int(h[1]):]
	}
	return true
}

// elements takes over the information elements of the user data header (3GPP TS
// 23.040 9.2.3.24). Of those that may not be repeated the last one counts.
func (d *decoder) elements() {
	for h := d.header; len(h) > 0; h = h[2+int(h[1]):] {
		d.element(h[0], h[2:2+int(h[1])])
	}
}

func (d *decoder) element(id byte, b []byte) {
	switch {
	case id == 0x00 && len(b) == 3:
		d.concat(Concat{Reference: uint16(b[0]), Bits: 8, Parts: int(b[1]), Sequence: int(b[2])})
	case id == 0x08 && len(b) == 4:
		d.concat(Concat{Reference: binary.BigEndian.Uint16(b), Bits: 16, Parts: int(b[2]), Sequence: int(b[3])})
	case id == 0x01 && len(b) == 2:
		d.m.Indications = append(d.m.Indications, specialIndication(b[0], b[1]))
	case id == 0x04 && len(b) == 2:
		d.m.Ports = &Ports{Destination: uint16(b[0]), Source: uint16(b[1]), Bits: 8}
	case id == 0x05 && len(b) == 4:
		d.m.Ports = &Ports{Destination: binary.BigEndian.Uint16(b), Source: binary.BigEndian.Uint16(b[2:]), Bits: 16}
	case id == 0x24 && len(b) == 1:
		d.m.body.shift = gsm7.Language(b[0])
	case id == 0x25 && len(b) == 1:
		d.m.body.locking = gsm7.Language(b[0])
	}
}

// concat takes over a part number if it is possible (3GPP TS 23.040
// 9.2.3.24.1: else the element shall be ignored).
func (d *decoder) concat(c Concat) {
	if c.Sequence < 1 || c.Sequence > c.Parts {
		d.m.Repaired |= RepairedConcat
		return
	}
	d.m.Concat = &c
}

// specialIndication reads a Special SMS Message Indication (3GPP TS 23.040
// 9.2.3.24.2).
func specialIndication(typ, count byte) Indication {
	i := Indication{Waiting: Waiting(typ & 0x03), Active: count > 0, Count: int(count), Store: typ&0x80 != 0}
	if extended := typ >> 2 & 0x07; i.Waiting == Other && extended == 1 {
		i.Waiting = Video
	}
	return i
}

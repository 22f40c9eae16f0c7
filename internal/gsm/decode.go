package gsm

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strings"
	"time"

	"github.com/warthog618/sms/encoding/tpdu"

	"telegraf-hologram/internal/gsm/gsm7"
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

// A decoder goes over a PDU once. It takes down what can be damaged, and writes
// the rest in a canonical form that the codec, which refuses a message for a
// single wrong digit, takes in any case.
type decoder struct {
	m         *Message
	b         []byte // the PDU
	off       int    // of what is to be read next
	length    int    // that the modem announces
	tpdu      int    // where the TPDU begins
	canonical []byte // the TPDU for the codec
}

func (d *decoder) decode() error {
	d.smsc()
	d.m.ID = identity(d.b[d.tpdu:]) // until the end is known
	first, err := d.octet("TP-MTI")
	if err != nil {
		return err
	}
	switch first & tpdu.FoMTIMask {
	case 1:
		d.m.Kind = Submit
		err = d.submit(first)
	case 2:
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
		if first&tpdu.FoMTIMask != 1 { // bit 2 of an SMS-SUBMIT is TP-RD
			first &^= tpdu.FoMMS
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

// write adds to the canonical TPDU.
func (d *decoder) write(b ...byte) { d.canonical = append(d.canonical, b...) }

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
	if d.b[0]&tpdu.FoMTIMask == 1 || d.b[0]&tpdu.FoMTIMask == 2 {
		typ = d.b[3] // after TP-MR
	}
	return typ&0x80 != 0
}

// address reads TP-OA, TP-DA or TP-RA (3GPP TS 23.040 9.1.2.5). The codec is
// given none: it refuses too many real ones.
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
	d.write(0, 0x80)
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
	d.write(first &^ tpdu.FoMTIMask)
	if err := d.address("TP-OA"); err != nil {
		return err
	}
	c, err := d.pidDCS()
	if err != nil {
		return err
	}
	d.write(d.m.PID, c.canonicalDCS())
	if err := d.time("TP-SCTS", &d.m.Time); err != nil {
		return err
	}
	return d.finish(first, c)
}

// submit reads an SMS-SUBMIT (3GPP TS 23.040 9.2.2.2).
func (d *decoder) submit(first byte) error {
	// The validity period is of no use here and left out.
	d.write(first &^ tpdu.FoVPFMask)
	mr, err := d.octet("TP-MR")
	if err != nil {
		return err
	}
	d.write(mr)
	if err := d.address("TP-DA"); err != nil {
		return err
	}
	c, err := d.pidDCS()
	if err != nil {
		return err
	}
	d.write(d.m.PID, c.canonicalDCS())
	if _, err := d.take("TP-VP", [...]int{0, 7, 1, 7}[tpdu.FirstOctet(first).VPF()]); err != nil {
		return err
	}
	return d.finish(first, c)
}

// statusReport reads an SMS-STATUS-REPORT (3GPP TS 23.040 9.2.2.3).
func (d *decoder) statusReport(first byte) error {
	d.write(first)
	mr, err := d.octet("TP-MR")
	if err != nil {
		return err
	}
	d.m.Reference = mr
	d.write(mr)
	if err := d.address("TP-RA"); err != nil {
		return err
	}
	if err := d.time("TP-SCTS", &d.m.Time); err != nil {
		return err
	}
	if err := d.time("TP-DT", &d.m.Discharge); err != nil {
		return err
	}
	st, err := d.octet("TP-ST")
	if err != nil {
		return err
	}
	d.write(st)
	return d.parameters(first)
}

// parameters reads the optional parameters at the end of a status report. A
// record of a SIM is padded with FF, a buffer of a modem with anything: what is
// no proper list of parameters is not a part of the message.
func (d *decoder) parameters(first byte) error {
	end, n := d.off, len(d.canonical)
	if length := d.length; length > 0 && d.off-d.tpdu >= length {
		return d.unmarshal(coding{})
	}
	var c coding
	present, err := d.octet("TP-PI")
	if err != nil {
		return d.unmarshal(c)
	}
	const pid, dcs, udl = 0x01, 0x02, 0x04
	known := present&^(pid|dcs|udl) == 0
	if known {
		d.write(present)
		if present&pid != 0 {
			d.m.PID, err = d.octet("TP-PID")
			d.write(d.m.PID)
		}
		if present&dcs != 0 && err == nil {
			d.m.DCS, err = d.octet("TP-DCS")
			c = decodeDCS(d.m.DCS)
			d.write(c.canonicalDCS())
		}
		if err == nil && present&udl != 0 {
			err = d.userData(first, c)
		}
	}
	if !known || err != nil {
		d.m.Repaired |= RepairedSurplus
		d.off, d.canonical = end, d.canonical[:n]
		d.m.PID, d.m.DCS, d.m.body = 0, 0, segment{}
		c = coding{}
	}
	d.coded(c)
	return d.unmarshal(c)
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

// time reads a time stamp. What is damaged is replaced by what the codec takes.
func (d *decoder) time(field string, t *Timestamp) error {
	b, err := d.take(field, 7)
	if err != nil {
		return err
	}
	var stamp [7]byte
	copy(stamp[:], b)
	// A zone of 0xA0 has been seen: 10 quarters, with a digit that is none.
	// That still means something; a zone that is nowhere on Earth does not.
	zone := int(b[6]&0x07)*10 + int(b[6]>>4)
	if b[6]&0x08 != 0 {
		zone = -zone
	}
	if t.NoZone = zone < -12*4 || zone > 14*4; t.NoZone {
		zone = 0
	}
	if t.NoZone || b[6]>>4 > 9 {
		d.m.Repaired |= RepairedTime
	}
	stamp[6] = byte(abs(zone)%10<<4 | abs(zone)/10)
	if zone < 0 {
		stamp[6] |= 0x08
	}
	if !validDate(stamp[:6]) {
		d.m.Repaired |= RepairedTime
		t.NoZone = false
		copy(stamp[:], []byte{0x00, 0x10, 0x10, 0, 0, 0, 0}) // 2000-01-01
	} else {
		var ts tpdu.Timestamp
		if err := ts.UnmarshalBinary(stamp[:]); err == nil {
			t.Time = ts.Time
		}
	}
	d.write(stamp[:]...)
	return nil
}

func abs(n int) int { return max(n, -n) }

// validDate tells whether swapped BCD is a year, month, day, hour, minute and
// second that exist.
func validDate(b []byte) bool {
	var v [6]int
	for i := range v {
		if b[i]&0x0f > 9 || b[i]>>4 > 9 {
			return false
		}
		v[i] = int(b[i]&0x0f)*10 + int(b[i]>>4)
	}
	// Day 0 of the next month is the last one of this. Of the years that two
	// digits can mean, the leap years are the same.
	return v[1] >= 1 && v[1] <= 12 &&
		v[2] >= 1 && v[2] <= time.Date(2000+v[0], time.Month(v[1])+1, 0, 0, 0, 0, 0, time.UTC).Day() &&
		v[3] < 24 && v[4] < 60 && v[5] < 60
}

// finish reads the user data and then the whole TPDU with the codec. When the
// user data is damaged, what is known of it is kept.
func (d *decoder) finish(first byte, c coding) error {
	err := d.userData(first, c)
	if uerr := d.unmarshal(c); err == nil {
		err = uerr
	}
	return err
}

// userData reads TP-UDL and TP-UD (3GPP TS 23.040 9.2.3.24) and writes as much
// of it as fits together, without a header that does not.
func (d *decoder) userData(first byte, c coding) error {
	n, err := d.octet("TP-UDL")
	if err != nil {
		d.noUserData()
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
	if c.encoding == GSM7 {
		if spare := octets*8 - count*7; spare > 0 && ud[octets-1]>>(8-spare) != 0 {
			ud[octets-1] &= 1<<(8-spare) - 1
			if err == nil {
				d.m.Repaired |= RepairedBits
			}
		}
	}
	header := 0
	if tpdu.FirstOctet(first).UDHI() {
		if len(ud) == 0 || 1+int(ud[0]) > len(ud) {
			// It is not known where the text begins. A message that was cut
			// off in its header is cut off in the first place.
			d.noUserData()
			d.m.body = segment{encoding: Octets, octets: ud}
			if err == nil {
				err = &DecodeError{Field: "TP-UDH", Offset: start, Err: ErrHeader}
			}
			return err
		}
		header = 1 + int(ud[0])
		if c.encoding == GSM7 && int(n) <= (header*8+6)/7 {
			err = nil // all that may be missing are the fill bits behind the header
		}
	}
	if c.encoding == UCS2 && (len(ud)-header)%2 != 0 {
		d.m.Repaired |= RepairedLength
		ud = ud[:len(ud)-1]
		count--
	}
	if header > 0 && !wellFormed(ud[1:header]) {
		// 3GPP TS 23.040 9.2.3.24: such a header shall be ignored.
		d.m.Repaired |= RepairedHeader
		d.dropHeader()
		if c.encoding == GSM7 {
			fill := (7 - header*8%7) % 7
			septets := gsm7.Unpack(ud, header*8+fill, count-(header*8+fill)/7)
			ud, count = gsm7.Pack(septets, 0), len(septets)
		} else {
			ud = ud[header:]
			count = len(ud)
		}
	}
	d.write(byte(count))
	d.write(ud...)
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

// dropHeader says that the canonical TPDU has no user data header.
func (d *decoder) dropHeader() { d.canonical[0] &^= tpdu.FoUDHI }

// noUserData ends the canonical TPDU without user data.
func (d *decoder) noUserData() {
	d.dropHeader()
	d.write(0)
}

// unmarshal reads the canonical TPDU with the codec.
func (d *decoder) unmarshal(c coding) error {
	var t tpdu.TPDU
	if d.m.Kind == Submit {
		t.Direction = tpdu.MO
	}
	if err := t.UnmarshalBinary(d.canonical); err != nil {
		return &DecodeError{Field: "TPDU", Offset: d.tpdu, Err: err}
	}
	d.m.Reference = t.MR
	d.m.Status = t.ST
	if d.m.body.octets == nil {
		d.m.body = segment{encoding: c.encoding, octets: t.UD}
	}
	for _, ie := range t.UDH {
		d.element(ie)
	}
	return nil
}

// element takes over an information element of the user data header (3GPP TS
// 23.040 9.2.3.24). Of those that may not be repeated the last one counts. The
// codec knows the national languages by numbers that are not theirs, 24 and 25
// for 0x24 and 0x25.
func (d *decoder) element(ie tpdu.InformationElement) {
	b := ie.Data
	switch {
	case ie.ID == 0x00 && len(b) == 3:
		d.concat(Concat{Reference: uint16(b[0]), Bits: 8, Parts: int(b[1]), Sequence: int(b[2])})
	case ie.ID == 0x08 && len(b) == 4:
		d.concat(Concat{Reference: binary.BigEndian.Uint16(b), Bits: 16, Parts: int(b[2]), Sequence: int(b[3])})
	case ie.ID == 0x01 && len(b) == 2:
		d.m.Indications = append(d.m.Indications, specialIndication(b[0], b[1]))
	case ie.ID == 0x04 && len(b) == 2:
		d.m.Ports = &Ports{Destination: uint16(b[0]), Source: uint16(b[1]), Bits: 8}
	case ie.ID == 0x05 && len(b) == 4:
		d.m.Ports = &Ports{Destination: binary.BigEndian.Uint16(b), Source: binary.BigEndian.Uint16(b[2:]), Bits: 16}
	case ie.ID == 0x24 && len(b) == 1:
		d.m.body.shift = gsm7.Language(b[0])
	case ie.ID == 0x25 && len(b) == 1:
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

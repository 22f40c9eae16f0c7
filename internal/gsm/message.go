package gsm

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/gsm/gsm7"
)

// Kind is the type of the TPDU (3GPP TS 23.040 9.2.3.1).
type Kind uint8

// The kinds of TPDU that a modem keeps.
const (
	Unknown      Kind = iota // the PDU ends before its type is told
	Deliver                  // SMS-DELIVER: a message that came in
	StatusReport             // SMS-STATUS-REPORT: what became of a message that was sent
	Submit                   // SMS-SUBMIT: a message that was, or is to be, sent
)

var kindNames = [...]string{"unknown", "deliver", "status-report", "submit"}

// String returns the name of the kind, in small letters.
func (k Kind) String() string { return name(kindNames[:], k) }

// Encoding says how the user data is coded (3GPP TS 23.038 4).
type Encoding uint8

// The encodings.
const (
	GSM7       Encoding = iota // septets of the GSM 7 bit alphabet or a national table
	Octets                     // 8 bit data
	UCS2                       // UCS-2, in practice UTF-16
	Compressed                 // compressed text (3GPP TS 23.042), which is left as it is
	Mixed                      // parts of different encodings, in a joined message only
)

var encodingNames = [...]string{"gsm7", "8bit", "ucs2", "compressed", "mixed"}

// String returns gsm7, 8bit, ucs2, compressed or mixed.
func (e Encoding) String() string { return name(encodingNames[:], e) }

// Class is the message class (3GPP TS 23.038 4).
type Class uint8

// The classes.
const (
	NoClass Class = iota
	Class0        // to be shown at once, "flash"
	Class1        // for the ME
	Class2        // for the SIM
	Class3        // for the TE
)

var classNames = [...]string{"none", "0", "1", "2", "3"}

// String returns the digit of the class, or none.
func (c Class) String() string { return name(classNames[:], c) }

func name[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "invalid"
}

// Address is the address of a phone, a service or a service centre.
type Address struct {
	// Type is the Type-of-Address octet (3GPP TS 23.040 9.1.2.5).
	Type byte
	// Value is the digits, which may include *, #, a, b and c, without the +
	// of an international number; or the text of an alphanumeric address.
	// Empty when there is no address.
	Value string
}

// The types of number, which are bits 6 to 4 of Address.Type.
const (
	tonMask          = 0x70
	tonInternational = 0x10
	tonAlphanumeric  = 0x50
)

// Alphanumeric tells whether the address is a text and not a number.
func (a Address) Alphanumeric() bool { return a.Type&tonMask == tonAlphanumeric }

// Format returns the address as people write it: +digits for an international
// number, else the value. It is not named String so that nothing prints a number
// by the way.
func (a Address) Format() string {
	if a.Type&tonMask == tonInternational && a.Value != "" {
		return "+" + a.Value
	}
	return a.Value
}

// String tells the kind of address only.
func (a Address) String() string {
	switch {
	case a.Value == "":
		return "no address"
	case a.Alphanumeric():
		return "a name"
	default:
		return "a number"
	}
}

// GoString tells the kind of address only.
func (a Address) GoString() string { return a.String() }

// Timestamp is a time of a service centre (3GPP TS 23.040 9.2.3.11).
type Timestamp struct {
	// Time is in the zone that the service centre gives; zero when there is
	// no usable time. Its resolution is one second.
	Time time.Time
	// NoZone tells that the zone is damaged. Time then has the right date and
	// time of day, in UTC.
	NoZone bool
}

// Ports are application ports (3GPP TS 23.040 9.2.3.24.3 and 9.2.3.24.4).
type Ports struct {
	Destination, Source uint16
	Bits                int // 8 or 16: the size of a port in the message
}

// Concat tells which part of which concatenated message this is (3GPP TS 23.040
// 9.2.3.24.1 and 9.2.3.24.8).
type Concat struct {
	Reference uint16
	Bits      int // 8 or 16: the size of the reference in the message
	Parts     int // 1 to 255
	Sequence  int // 1 to Parts; 0 in a joined message
}

// Waiting is what a message waiting indication is about.
type Waiting uint8

// What may be waiting. Others are in 3GPP TS 23.040 9.2.3.24.2.
const (
	Voicemail Waiting = iota
	Fax
	Email
	Other
	Video
)

var waitingNames = [...]string{"voicemail", "fax", "email", "other", "video"}

// String returns the name in small letters.
func (w Waiting) String() string { return name(waitingNames[:], w) }

// Indication is a message waiting indication (3GPP TS 23.038 4, coding groups
// 1100 to 1110, and 3GPP TS 23.040 9.2.3.24.2).
type Indication struct {
	Waiting Waiting
	Active  bool
	Count   int  // how many are waiting, 0 to 255; -1 when it is not told
	Store   bool // whether the message itself is to be kept
}

// Repairs are the defects of a PDU that were put right.
type Repairs uint16

// The defects. None of them is a reason for Message.Err.
const (
	RepairedTime    Repairs = 1 << iota // a time stamp or its zone is damaged
	RepairedSurplus                     // octets behind the end
	RepairedBits                        // spare bits of the last octet are not 0
	RepairedAddress                     // a fill digit is missing, or counted
	RepairedCoding                      // the data coding scheme is reserved: read as GSM 7 bit
	RepairedType                        // the message type is reserved: read as SMS-DELIVER
	RepairedLength                      // UCS-2 with an odd number of octets: the last is dropped
	RepairedHeader                      // a user data header that contradicts itself is ignored
	RepairedConcat                      // an impossible part number is ignored
	RepairedSMSC                        // the modem gave a TPDU without the service centre before it
)

var repairNames = [...]string{"time", "surplus", "bits", "address", "coding", "type", "length", "header", "concat", "smsc"}

// String lists the defects with commas, or is empty.
func (r Repairs) String() string {
	var names []string
	for i, n := range repairNames {
		if r&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}

// ID identifies a message over restarts: it is the same whenever and from
// wherever the same TPDU is read, and is made of its octets with FNV-1a. The
// service centre is not part of it, nor is TP-MMS, which tells what else is
// waiting there, nor what is behind the TPDU's end.
//
// The time stamp of the service centre is part of it. Two messages are taken for
// one only when one sender sends the same text twice within a second; what keeps
// them apart then is where they are stored.
type ID [16]byte

// String returns the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Message is an SMS, or a part of one.
type Message struct {
	ID   ID
	Kind Kind
	// SMSC is the service centre, as the modem gives it.
	SMSC Address
	// Peer is the other side: the sender of a Deliver, the recipient that a
	// StatusReport is about, the destination of a Submit.
	Peer Address
	// Time is when the message came to the service centre (TP-SCTS). A Submit
	// has none.
	Time Timestamp

	PID byte // TP-PID as it is
	DCS byte // TP-DCS as it is

	Encoding Encoding
	Class    Class
	// Text is the user data of GSM7 and UCS2. A character that a part has only
	// half of is U+FFFD, or a space in GSM7.
	Text string
	// Data is the user data of Octets and Compressed, and what can not be read
	// because of a user data header that is too long.
	Data []byte

	Ports       *Ports  // nil when there are none
	Concat      *Concat // nil when the message is whole
	Indications []Indication

	Reference byte      // TP-MR of a StatusReport and a Submit
	Status    byte      // TP-ST of a StatusReport (3GPP TS 23.040 9.2.3.15)
	Discharge Timestamp // TP-DT of a StatusReport

	// Repaired tells what was wrong with the PDU and is put right.
	Repaired Repairs
	// Err tells why something is missing, nil or a [*DecodeError]. In a
	// joined message it is that of the first part that has one.
	Err error

	pdu  string // as it was decoded, in hexadecimal
	body segment
}

// String describes the message without its text and numbers. Its receiver is no
// pointer so that a copy does not print them either.
func (m Message) String() string {
	s := m.Kind.String() + " " + m.Encoding.String()
	switch c := m.Concat; {
	case c == nil:
	case c.Sequence == 0:
		s += " of " + strconv.Itoa(c.Parts) + " parts"
	default:
		s += " part " + strconv.Itoa(c.Sequence) + " of " + strconv.Itoa(c.Parts)
	}
	if m.Repaired != 0 {
		s += " repaired " + m.Repaired.String()
	}
	if m.Err != nil {
		s += fmt.Sprintf(" (%v)", m.Err)
	}
	return s
}

// GoString describes the message without its text and numbers.
func (m Message) GoString() string { return m.String() }

// segment is the user data of one part before it becomes text, which it may only
// with that of its neighbours: a character may be cut between two.
type segment struct {
	encoding       Encoding
	octets         []byte // without the header; of GSM7, one septet in each
	locking, shift gsm7.Language
}

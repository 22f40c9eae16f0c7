package modem

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
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

// Encode returns the SMS-DELIVER PDUs that a network would deliver for a message
// (3GPP TS 23.040, 9.2.2.1), split as a phone does: no character is cut, and what
// fits into one SMS is not split.
func Encode(m Message) ([]Part, error) {
	e := encode.Message{SMSC: m.ServiceCenter, From: m.From, Time: m.Time, Text: m.Text, Reference: m.Ref, Wide: m.Ref16}
	switch {
	case m.From == "":
		return nil, errors.New("sender: empty")
	case m.Encoding == GSM7 && !inGSM7(m.Text):
		return nil, errors.New("the text has characters that are not in the GSM alphabet")
	case m.Encoding == UCS2:
		e.UCS2 = true
	case m.Encoding == Data:
		e.Data = []byte(m.Text)
	case m.Encoding > Data || m.Encoding < Auto:
		return nil, fmt.Errorf("unknown encoding %d", m.Encoding)
	}
	if m.Class != NoClass {
		class := int(m.Class - Flash)
		e.Class = &class
	}
	if to, from := m.DestinationPort, m.SourcePort; to != 0 || from != 0 {
		e.Elements = []byte{0x05, 4, byte(to >> 8), byte(to), byte(from >> 8), byte(from)}
	}
	if m.Time.IsZero() {
		e.Time = time.Now()
	}
	pdus, err := e.Deliver()
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(pdus))
	for i, pdu := range pdus {
		msg := gsm.Decode(pdu, 0)
		parts[i].Text = msg.Text
		if m.Encoding == Data {
			parts[i].Text = string(msg.Data)
		}
		if parts[i].PDU, err = hex.DecodeString(pdu); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func inGSM7(text string) bool { return !encode.PlanText(text, encode.Auto).UCS2 }

// isNumber tells whether a text is a number that a message can go to.
func isNumber(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return digits != "" && len(digits) <= 20 && strings.Trim(digits, "0123456789*#") == ""
}

// tpduOf returns what stands behind the SMSC address of a PDU, and whether that is
// whole.
func tpduOf(pdu []byte) ([]byte, bool) {
	if len(pdu) == 0 || len(pdu) < 1+int(pdu[0]) {
		return nil, false
	}
	return pdu[1+int(pdu[0]):], true
}

// decode reads a PDU, which need not be well formed.
func decode(pdu []byte) *gsm.Message {
	t, _ := tpduOf(pdu)
	return gsm.Decode(hex.EncodeToString(pdu), len(t))
}

// isReport tells whether a PDU is an SMS-STATUS-REPORT.
func isReport(pdu []byte) bool { return decode(pdu).Kind == gsm.StatusReport }

// classOf returns the class of an SMS-DELIVER, NoClass where that cannot be told.
func classOf(pdu []byte) Class { return Class(decode(pdu).Class) }

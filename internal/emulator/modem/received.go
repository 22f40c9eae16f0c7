package modem

import (
	"time"

	"telegraf-hologram/internal/gsm"
)

// Received is an SMS or a status report that the modem has taken from the network,
// if only to throw it away, as it does with a report that AT+CNMI does not ask for.
type Received struct {
	PDU  []byte // SMSC address, and SMS-DELIVER or SMS-STATUS-REPORT
	From string // the sender, or the recipient that a report is about
	Text string // of this SMS; what can be read of it where the PDU is not well formed
	Data []byte // in place of Text, of an SMS with 8-bit data
	// Encoding is gsm7, ucs2, 8bit or compressed; empty for a report.
	Encoding string
	Part     int // which one of a long text, from 1
	Parts    int // of how many
	// Report tells that it is a status report: for the SMS that was sent with
	// Reference (TP-MR), with Status (TP-ST).
	Report    bool
	Reference byte
	Status    byte
	Time      time.Time // when the modem took it
}

// received reads what the network delivers, which need not be well formed.
func received(pdu []byte) Received {
	msg := decode(pdu)
	r := Received{
		PDU: pdu, From: msg.Peer.Format(), Text: msg.Text, Data: msg.Data, Part: 1, Parts: 1,
		Report: msg.Kind == gsm.StatusReport, Time: time.Now(),
	}
	if r.Report {
		r.Reference, r.Status = msg.Reference, msg.Status
		return r
	}
	r.Encoding = msg.Encoding.String()
	if c := msg.Concat; c != nil {
		r.Part, r.Parts = c.Sequence, c.Parts
	}
	return r
}

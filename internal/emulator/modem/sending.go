package modem

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
)

// Sent is an SMS that was sent through the modem: the network has taken it.
type Sent struct {
	PDU       []byte // SMSC address and SMS-SUBMIT; nil in text mode
	To        string // the recipient: digits, with + for an international number
	Text      string // of this SMS
	Data      []byte // in place of Text, of an SMS with 8-bit data
	Encoding  string // gsm7, ucs2, 8bit or compressed
	Part      int    // which one of a long text, from 1
	Parts     int    // of how many
	PartRef   uint16 // that all of them have; 0 of an SMS by itself
	Report    bool   // a status report was asked for
	Reference int    // TP-MR in the answer
	Time      time.Time
}

// Body is what the SMS carries: the text as UTF-8, or the data.
func (s Sent) Body() []byte {
	if s.Data != nil {
		return s.Data
	}
	return []byte(s.Text)
}

// line is the SMS for people.
func (s Sent) line() string {
	text := fmt.Sprintf("%d to %s", s.Reference, s.To)
	if s.Parts > 1 {
		text += fmt.Sprintf(" (part %d of %d, reference %d)", s.Part, s.Parts, s.PartRef)
	}
	if s.Data != nil {
		return text + fmt.Sprintf(": %X", s.Data)
	}
	return text + ": " + strconv.Quote(s.Text)
}

// submitted reads an SMS-SUBMIT, which has to be well formed.
func submitted(pdu []byte) (Sent, bool) {
	msg := decode(pdu)
	t, ok := tpduOf(pdu)
	if !ok || msg.Kind != gsm.Submit || msg.Err != nil || msg.Repaired != 0 || !isNumber(msg.Peer.Format()) {
		return Sent{}, false
	}
	s := Sent{
		PDU: pdu, To: msg.Peer.Format(), Text: msg.Text, Data: msg.Data, Encoding: msg.Encoding.String(),
		Part: 1, Parts: 1, Report: t[0]&0x20 != 0, // TP-SRR
	}
	if s.Data == nil && msg.Encoding == gsm.Octets {
		s.Data = []byte{}
	}
	if c := msg.Concat; c != nil {
		s.Part, s.Parts, s.PartRef = c.Sequence, c.Parts, c.Reference
	}
	return s, true
}

// submittedHex reads the data of AT+CMGS=<length> in PDU mode.
func submittedHex(data string, length int) (Sent, bool) {
	pdu, err := hex.DecodeString(strings.TrimSpace(data))
	if t, ok := tpduOf(pdu); err != nil || !ok || len(t) != length {
		return Sent{}, false
	}
	return submitted(pdu)
}

// The modes of a [SendFault].
const (
	SendOK     = "ok"          // work as usual
	SendError  = "cms-error"   // refuse with +CMS ERROR: Code, when the data has come
	SendRefuse = "refuse"      // the same at once, without a prompt
	SendMute   = "no-prompt"   // say nothing to AT+CMGS
	SendSlow   = "slow"        // prompt and answer each come after After
	SendLate   = "late"        // send at once, answer after After
	SendLost   = "lost-answer" // send, and say nothing
	SendNever  = "no-answer"   // do not send, and say nothing
)

// SendFaults returns the modes of a [SendFault].
func SendFaults() []string {
	return []string{SendOK, SendError, SendRefuse, SendMute, SendSlow, SendLate, SendLost, SendNever}
}

// SendFault is how the modem fails to send.
type SendFault struct {
	Mode string // one of SendFaults
	// Code is that of cms-error and refuse, 0 to 65535; -1 is ERROR alone.
	Code int
	// Times is how many AT+CMGS it is for (0 is 1), from the next one on; negative is
	// all of them.
	Times int
	// After is the delay of slow and late.
	After time.Duration
}

// NoReports is for SetReports.
const NoReports = -1

// FailSending says how the modem fails from now on. It replaces what was said before.
func (m *Modem) FailSending(f SendFault) error {
	return m.do(func() error {
		switch {
		case !slices.Contains(SendFaults(), f.Mode):
			return fmt.Errorf("unknown mode %q, want one of %s", f.Mode, strings.Join(SendFaults(), ", "))
		case f.Code < -1 || f.Code > 65535:
			return fmt.Errorf("code %d is not from -1 to 65535", f.Code)
		case f.After < 0 || f.After > time.Hour:
			return fmt.Errorf("a delay of %v is not from 0 to 1h", f.After)
		}
		if f.Times == 0 {
			f.Times = 1
		}
		m.sendFault = f
		return nil
	})
}

// SetReports sets the TP-ST of the status reports that follow (3GPP TS 23.040,
// 9.2.3.15): 0 is delivered, 70 expired. With NoReports there are none.
func (m *Modem) SetReports(status int) error {
	return m.do(func() error {
		if status < NoReports || status > 255 {
			return fmt.Errorf("status %d is not from -1 to 255", status)
		}
		m.reportStatus = status
		return nil
	})
}

// nextFault returns the fault of the next AT+CMGS.
func (m *Modem) nextFault() SendFault {
	f := m.sendFault
	if f.Mode == "" || f.Mode == SendOK {
		return SendFault{}
	}
	if f.Times > 0 {
		if m.sendFault.Times--; m.sendFault.Times == 0 {
			m.sendFault = SendFault{}
		}
	}
	m.event("sending fails: %s", f.Mode)
	return f
}

// refusal is the result of a fault with a code.
func (f SendFault) refusal() result {
	if f.Code < 0 {
		return final(resultError)
	}
	return cmsError(f.Code)
}

// cmgs sends a message (3GPP TS 27.005, 3.5.1 and 4.3).
func (m *Modem) cmgs(c command) ([]string, result) {
	if c.kind == test {
		return nil, nil
	}
	to, length := c.arg(0), 0
	if m.textMode {
		if !isNumber(to) {
			return nil, cmsError(cmsTextParam)
		}
	} else {
		n, err := strconv.Atoi(to)
		if err != nil || n < 7 || n > 164+12 {
			return nil, cmsError(cmsPDUParameter)
		}
		length = n
	}
	f := m.nextFault()
	take := func(data string) result {
		s, ok := Sent{To: to, Text: data, Encoding: gsm.GSM7.String(), Part: 1, Parts: 1}, true
		if length > 0 {
			s, ok = submittedHex(data, length)
		}
		switch {
		case !ok:
			return cmsError(cmsPDUParameter)
		case f.Mode == SendError:
			return f.refusal()
		case !m.isRegistered():
			return cmsError(cmsNoNetwork)
		}
		return m.send(s, f)
	}
	switch f.Mode {
	case SendRefuse:
		return nil, f.refusal()
	case SendMute:
		return nil, unsaid{}
	case SendSlow:
		m.after(f.After, true, func() { m.ask(take) })
		return nil, unsaid{}
	}
	m.ask(take)
	return nil, nil
}

// send hands a message to the network, and answers with its reference.
func (m *Modem) send(s Sent, f SendFault) result {
	if f.Mode == SendNever {
		return unsaid{}
	}
	m.reference++
	s.Reference, s.Time = int(m.reference), time.Now()
	m.sent = append(m.sent, s)
	m.sentCount++
	if len(m.sent) > maxSent {
		m.sent = m.sent[1:]
	}
	m.event("sent: reference %d", s.Reference)
	if m.cfg.OnSent != nil {
		m.cfg.OnSent(s)
	}
	if pdu, ok := report(s.PDU, m.reference, m.reportStatus, time.Now()); ok {
		m.after(m.cfg.ReportAfter, false, func() { _ = m.deliver(&message{pdu: pdu, report: true}) })
	}
	answer := []string{fmt.Sprintf("+CMGS: %d", s.Reference)}
	switch f.Mode {
	case SendLost:
		return unsaid{}
	case SendLate, SendSlow:
		m.after(f.After, true, func() {
			m.answer(answer)
			m.finish(nil)
		})
		return unsaid{}
	}
	m.answer(answer)
	return nil
}

// report returns the SMS-STATUS-REPORT for an SMS-SUBMIT that asks for one.
func report(submit []byte, ref byte, status int, at time.Time) ([]byte, bool) {
	s, ok := submitted(submit)
	if !ok || !s.Report || status == NoReports {
		return nil, false
	}
	text, err := encode.StatusReport("", s.To, ref, at, at, byte(status))
	if err != nil {
		return nil, false
	}
	pdu, err := hex.DecodeString(text)
	return pdu, err == nil
}

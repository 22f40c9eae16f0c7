package smsout

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/serial"
)

const (
	// DefaultBusyWait is how long a port that another process has is waited for.
	DefaultBusyWait = 15 * time.Second
	// DefaultBaudRate is the speed of a port.
	DefaultBaudRate = 115200

	busyStep = 250 * time.Millisecond
	// maxModemParts is how many parts a message has at most (3GPP TS 23.040 9.2.3.24.1).
	maxModemParts = 255
	maxDigits     = 20 // of a number (3GPP TS 23.040 9.1.2.5)
	maxE164       = 15
)

// Modem is the way through a modem. Only Port must be set. The port is open only while an SMS is sent.
type Modem struct {
	// Port is the serial port, BaudRate its speed; 0 is DefaultBaudRate.
	Port     string
	BaudRate int
	// Sender says how the modem is used. Its OnReport is called for status reports.
	Sender gsm.SenderConfig
	// Reports asks for status reports. The port then stays open until they have come, for at most
	// Sender.ReportTimeout.
	Reports bool
	// Validity is for how long the network tries to deliver; 0 leaves it to the network.
	Validity time.Duration
	// BusyWait is how long a port that another process has is waited for; 0 is DefaultBusyWait, less than 0 not at all.
	BusyWait time.Duration
	// OnError is called with each error of the sender, if it is not nil.
	OnError func(error)
	// AT are the limits of the driver.
	AT at.Options

	sender *gsm.Sender
	driver *at.Driver // nil while the port is closed
}

var (
	_ Way      = (*Modem)(nil)
	_ Finisher = (*Modem)(nil)
)

// Name returns "modem".
func (m *Modem) Name() string { return "modem" }

// Plan implements Way.
func (m *Modem) Plan(msg Message) (int, error) {
	if !isNumber(msg.To) {
		return 0, gsm.ErrRecipient
	}
	if msg.Text == "" {
		return 0, errEmpty
	}
	plan := encode.PlanText(msg.Text, msg.Coding)
	if plan.Parts > maxModemParts {
		return 0, gsm.ErrTooLong
	}
	return plan.Parts, nil
}

// isNumber tells whether a number is +digits or digits.
func isNumber(to string) bool {
	most := maxDigits
	if to != "" && to[0] == '+' {
		to, most = to[1:], maxE164
		if to != "" && to[0] == '0' {
			return false
		}
	}
	for i := range len(to) {
		if to[i] < '0' || to[i] > '9' {
			return false
		}
	}
	return len(to) >= 2 && len(to) <= most
}

// Send implements Way.
func (m *Modem) Send(ctx context.Context, msg Message) error {
	if m.sender == nil {
		m.sender = gsm.NewSender(m.Sender)
	}
	if err := m.open(ctx); err != nil {
		return err
	}
	if err := m.sender.Init(ctx, m.driver); err != nil {
		return m.failed(err, false)
	}
	result, err := m.sender.Send(ctx, m.driver, gsm.Submission{
		To: msg.To, Text: msg.Text, Coding: msg.Coding, Report: m.Reports, Reference: msg.Reference, Validity: m.Validity,
		Before: msg.Commit,
	})
	if err != nil {
		e := m.failed(err, true)
		switch {
		case e.Verdict == Unsure:
			e.Sent = result.Sent + 1
		case result.Sent > 0:
			e.Verdict, e.Sent = Unsure, result.Sent
		}
		return e
	}
	return nil
}

// failed tells of an error of the sender and returns it as one of a way.
func (m *Modem) failed(err error, sending bool) *WayError {
	if m.OnError != nil {
		m.OnError(err)
	}
	return modemError(err, sending)
}

// modemError turns an error of a Sender into one of a way. Before anything was sent nothing is unsure.
func modemError(err error, sending bool) *WayError {
	e := &WayError{Verdict: Unsure, Err: err}
	if failure, ok := errors.AsType[*gsm.SendError](err); ok {
		switch failure.Class {
		case gsm.Retry:
			e.Verdict = NotSent
		case gsm.GiveUp:
			e.Verdict = Refused
		case gsm.Stop:
			e.Verdict = Stopped
		}
	}
	if !sending && (e.Verdict == Unsure || e.Verdict == Refused) {
		e.Verdict = NotSent
	}
	return e
}

// open opens the port, and waits for another process that has it.
func (m *Modem) open(ctx context.Context) error {
	m.closePort()
	baud := m.BaudRate
	if baud == 0 {
		baud = DefaultBaudRate
	}
	left := m.BusyWait
	if left == 0 {
		left = DefaultBusyWait
	}
	for {
		port, err := serial.Open(m.Port, baud)
		if err == nil {
			m.driver = at.New(port, m.AT)
			return nil
		}
		e := &WayError{Verdict: NotSent, Err: err}
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, serial.ErrNotSerial) || errors.Is(err, serial.ErrNotSupported) {
			e.Verdict = Stopped
		}
		if _, busy := errors.AsType[*serial.BusyError](err); !busy || left <= 0 || !sleep(ctx, busyStep) {
			return e
		}
		left -= busyStep
	}
}

// Finish waits for status reports, if there are any to come, and closes the port.
func (m *Modem) Finish(ctx context.Context) {
	if m.driver != nil && m.Reports {
		if err := m.sender.Wait(ctx, m.driver); err != nil && m.Sender.Log != nil {
			m.Sender.Log.Debugf("Waiting for status reports: %v", err)
		}
	}
	m.closePort()
}

func (m *Modem) closePort() {
	if m.driver != nil {
		_ = m.driver.Close() // what was sent was sent
		m.driver = nil
	}
}

// Close closes the port.
func (m *Modem) Close() error {
	m.closePort()
	return nil
}

package modemsms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/serial"
)

// The states that are not those of package gsm.
const (
	stateOK           = "ok"
	stateStarting     = "starting"
	stateNoPort       = "no_port"
	stateNoPermission = "no_permission"
	stateNotSerial    = "not_serial"
	stateBusy         = "busy"
	stateFailed       = "failed"
)

// sharePatience is how long another process may have a port that is not held, before
// that is a state.
const sharePatience = 2 * time.Minute

// timing is what tests change.
type timing struct {
	backoff, longestBackoff time.Duration // between two tries to open the port
	simTimeout              time.Duration // 0 is that of package gsm
	at                      at.Options
	hook                    func(place string)
}

// receive keeps a connection to the modem until ctx ends.
func (m *ModemSMS) receive(ctx context.Context) {
	// Whoever polls seldom wants few wake-ups, and whoever polls often to receive soon.
	longest := min(m.timing.longestBackoff, max(time.Duration(m.PollInterval), m.timing.backoff))
	wait, patience := m.timing.backoff, sharePatience
	for {
		wasOK, err := m.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if wasOK {
			wait = m.timing.backoff
		}
		pause := wait
		switch {
		case err == nil: // there is nothing more to read, and the port is others' until then
			pause, patience = time.Duration(m.PollInterval), sharePatience
		case !m.HoldPort && stateOfError(err) == stateBusy && patience > 0:
			patience -= pause
		default:
			m.setState(stateOfError(err), err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		wait = min(2*wait, longest)
	}
}

// connect opens the port and receives until the connection ends. ok tells whether
// it has worked.
func (m *ModemSMS) connect(ctx context.Context) (ok bool, err error) {
	port, err := serial.Open(m.Port, m.BaudRate)
	if err != nil {
		return false, err
	}
	opts := m.timing.at
	// What goes over the line are texts and numbers.
	if m.Log.Level().Includes(telegraf.Debug) && m.plain() {
		opts.Trace = m.trace
	}
	d := at.New(port, opts)
	m.mu.Lock()
	m.wasOK = false
	m.mu.Unlock()
	err = m.modem.Run(ctx, d)
	if closeErr := d.Close(); closeErr != nil {
		m.Log.Debugf("Closing the port: %v", closeErr)
	}
	m.pinMark.Note(err, m.Log)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wasOK, err
}

// trace logs a line of the traffic.
func (m *ModemSMS) trace(sent bool, line string) {
	if sent {
		m.Log.Debugf("> %s", line)
	} else {
		m.Log.Debugf("< %s", line)
	}
}

// stateOf is the name of a modem's state. A port that was closed is one that is
// not there: the modem was unplugged, or has reset itself.
func stateOf(s gsm.State) string {
	switch s {
	case gsm.Ready:
		return stateOK
	case gsm.Starting, gsm.Stopped:
		return stateStarting
	case gsm.PortClosed:
		return stateNoPort
	default:
		return s.String()
	}
}

// stateOfError is the state that an error leaves.
func stateOfError(err error) string {
	if _, ok := errors.AsType[*serial.BusyError](err); ok {
		return stateBusy
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return stateNoPort
	case errors.Is(err, fs.ErrPermission):
		return stateNoPermission
	case errors.Is(err, serial.ErrNotSerial), errors.Is(err, serial.ErrNotSupported):
		return stateNotSerial
	case errors.Is(err, io.EOF):
		return stateNoPort
	}
	return stateOf(gsm.StateOf(err))
}

// setState takes down a state and, with its cause, says once what it is. Starting
// is passed over: what comes of it counts.
func (m *ModemSMS) setState(state string, cause error) {
	m.mu.Lock()
	if state == stateStarting {
		if m.state != stateOK && m.state != stateStarting {
			m.mu.Unlock()
			return // a modem that does not work is tried again and again
		}
	}
	changed := m.state != state
	m.state, m.cause = state, cause
	if state == stateOK {
		m.wasOK = true
	}
	tell := state != m.told && state != stateStarting
	again := m.received
	if tell {
		m.told = state
		m.received = m.received || state == stateOK
	}
	m.mu.Unlock()
	switch {
	case !tell:
	case state == stateOK && again:
		m.Log.Infof("The modem receives SMS again")
	case state == stateOK:
		m.Log.Infof("The modem on %s receives SMS", m.Port)
	case forPerson(state):
		m.Log.Errorf("The modem receives no SMS: %s", m.explain(state, cause))
	default:
		m.Log.Warnf("The modem receives no SMS: %s", m.explain(state, cause))
	}
	if changed || tell {
		select {
		case m.changed <- struct{}{}:
		default:
		}
	}
}

// forPerson tells whether a state lasts until somebody does something.
func forPerson(state string) bool {
	switch state {
	case stateNoPort, stateStarting, gsm.NoAnswer.String(), gsm.SIMBusy.String():
		return false
	}
	return true
}

// explain says what is wrong and what may help.
func (m *ModemSMS) explain(state string, cause error) string {
	text := state
	if cause != nil {
		text = cause.Error()
	}
	help := ""
	switch state {
	case stateNoPort:
		help = "it may be unplugged; it is looked for"
		if errors.Is(cause, fs.ErrNotExist) {
			text = "there is no " + m.Port
		} else {
			text = "the port " + m.Port + " has closed"
		}
	case stateNoPermission:
		help = "on Debian the user of Telegraf must be in the group dialout"
	case stateBusy:
		if busy, ok := errors.AsType[*serial.BusyError](cause); ok {
			switch {
			case len(busy.Holders) == 0:
				help = `if it is ModemManager, keep it away with the udev rule ENV{ID_MM_PORT_IGNORE}="1" for this port`
			case strings.Contains(text, "ModemManager"):
				help = `keep it away with the udev rule ENV{ID_MM_PORT_IGNORE}="1" for this port`
			}
		}
	case gsm.NoAnswer.String(), gsm.NoSMS.String():
		help = "if this does not pass, " + m.Port + " may be another of the modem's ports, or have another baud_rate"
	case gsm.NeedsPIN.String():
		help = "put the right one into pin_file and start again"
		if m.PINFile == "" {
			help = "put it into a file and name that in pin_file"
		}
	case gsm.NeedsPUK.String():
		help = "unlock the SIM in a phone"
	}
	if help == "" {
		return text
	}
	return fmt.Sprintf("%s; %s", text, help)
}

package gsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/at"
)

// Usage is how full a storage is.
type Usage struct {
	Storage     string
	Used, Total int // messages; both 0 when the modem does not tell
}

// Counters count since the Modem was made. All of them only grow.
type Counters struct {
	Messages     int64 // handled
	Parts        int64 // of these
	Incomplete   int64 // of these, without all their parts
	Undecodable  int64 // of these, with Message.Err
	Duplicates   int64 // handed over again by the network
	Refused      int64 // times that Handle returned an error
	Deleted      int64 // records
	DeleteFailed int64 // times that the modem refused to delete
	Sweeps       int64 // readings of all storages
	Full         int64 // times that the modem told of a full storage
	Resets       int64 // times that the modem lost its settings, or its SIM, within a connection
	Reconnects   int64 // connections after the first
}

// Status is what is known of a modem without asking it.
type Status struct {
	State State
	// Err is why Run ended the last time; nil while the modem is Ready.
	Err error
	// Indications is the modem's answer to AT+CNMI?, empty if it has none.
	Indications string
	Storages    []Usage   // as of the last sweep
	Waiting     int       // parts whose messages are incomplete
	Offered     int       // messages that are to be offered to Handle again
	LastMessage time.Time // when Handle took one, or zero
	Counters
}

// Status returns how the modem is doing. It may be called at any time.
func (m *Modem) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	s.Storages = slices.Clone(s.Storages)
	return s
}

func (m *Modem) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started {
		m.status.Reconnects++
	}
	m.started = true
	m.status.State = Starting
}

func (m *Modem) end(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.driver = nil
	if err != nil { // without one, the modem works
		m.status.State, m.status.Err = StateOf(err), err
	}
}

// setState takes down what the modem is doing within Run, and tells it.
func (m *Modem) setState(state State, cause error) {
	m.mu.Lock()
	m.status.State = state
	if state == Ready {
		m.status.Err = nil
	}
	m.mu.Unlock()
	if m.cfg.OnState != nil {
		m.cfg.OnState(state, cause)
	}
}

func (m *Modem) count(f func(*Counters)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.status.Counters)
}

// usage returns how full a storage is.
func (m *Modem) usage(storage string) Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.status.Storages {
		if u.Storage == storage {
			return u
		}
	}
	return Usage{Storage: storage}
}

// setUsage takes down how full a storage is, if it is known.
func (m *Modem) setUsage(u Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.status.Storages {
		if m.status.Storages[i].Storage == u.Storage && u.Total > 0 {
			m.status.Storages[i] = u
		}
	}
}

// tally takes down what waits.
func (m *Modem) tally() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Waiting, m.status.Offered = m.assembler.Waiting(), len(m.refused)
}

// ErrNotReady says that there is no modem to ask at the moment.
var ErrNotReady = errors.New("the modem is not ready")

// command asks the modem from outside of Run.
func (m *Modem) command(ctx context.Context, cmd string) ([]string, error) {
	m.mu.Lock()
	d := m.driver
	m.mu.Unlock()
	if d == nil {
		return nil, ErrNotReady
	}
	return d.Command(ctx, cmd)
}

// Registration is <stat> of AT+CREG and its like (3GPP TS 27.007 7.2).
type Registration int

// NoRegistration is what a modem does not tell.
const NoRegistration Registration = -1

// Registered tells whether there is a network to receive from.
func (r Registration) Registered() bool {
	switch r {
	case 1, 5, 6, 7, 9, 10:
		return true
	}
	return false
}

// String returns the state in small letters with underscores.
func (r Registration) String() string {
	names := []string{
		"not_registered", "home", "searching", "denied", "unknown", "roaming", "home_sms_only", "roaming_sms_only",
		"emergency_only", "home_csfb_not_preferred", "roaming_csfb_not_preferred", "emergency_only",
	}
	switch {
	case r == NoRegistration:
		return ""
	case r < 0 || int(r) >= len(names):
		return strconv.Itoa(int(r))
	}
	return names[r]
}

// Signal is the answer to AT+CSQ (3GPP TS 27.007 8.5).
type Signal struct {
	Known bool
	Raw   int // <rssi>: 0 to 31; with some modems, 100 to 191
	DBm   int // -113 to -51: the received signal strength
	BER   int // <ber>: 0 to 7, 99 if not known
}

// LTESignal is of the answer to AT+CESQ (3GPP TS 27.007 8.69).
type LTESignal struct {
	Known   bool
	RawRSRP int     // <rsrp>: 0 to 97
	RSRP    int     // -141 to -44 dBm
	RawRSRQ int     // <rsrq>: 0 to 34, 255 if not known
	RSRQ    float64 // -20 to -3 dB, 0 if not known
}

// Network is what a modem knows of its network.
type Network struct {
	Signal Signal
	LTE    LTESignal
	// Circuit is the answer to AT+CREG?, Packet that to AT+CGREG?, EPS that to
	// AT+CEREG?.
	Circuit, Packet, EPS Registration
	// Operator is as AT+COPS? gives it: a name or a number. Empty without one.
	Operator string
	// Technology is <AcT> (3GPP TS 27.007 7.3), -1 if it is not told.
	Technology int
}

// Registered tells whether there is a network to receive from, by any of its
// domains.
func (n Network) Registered() bool {
	return n.Circuit.Registered() || n.Packet.Registered() || n.EPS.Registered()
}

// Registration returns the one of the three that says most.
func (n Network) Registration() Registration {
	all := []Registration{n.EPS, n.Packet, n.Circuit}
	for _, r := range all {
		if r.Registered() {
			return r
		}
	}
	for _, r := range all {
		if r > 0 {
			return r
		}
	}
	return slices.Max(all)
}

// Network asks the modem for signal, registration and operator. What it does not
// tell is left as unknown: an error, which may be [ErrNotReady], is of the
// connection. It may be called while Run runs.
func (m *Modem) Network(ctx context.Context) (Network, error) {
	n := Network{Circuit: NoRegistration, Packet: NoRegistration, EPS: NoRegistration, Technology: -1}
	for _, q := range []struct {
		cmd, name string
		take      func(p []string)
	}{
		{"AT+CSQ", "+CSQ", func(p []string) { n.Signal = signalOf(p) }},
		{"AT+CESQ", "+CESQ", func(p []string) { n.LTE = lteSignalOf(p) }},
		{"AT+CREG?", "+CREG", func(p []string) { n.Circuit = registrationOf(p) }},
		{"AT+CGREG?", "+CGREG", func(p []string) { n.Packet = registrationOf(p) }},
		{"AT+CEREG?", "+CEREG", func(p []string) { n.EPS = registrationOf(p) }},
		{"AT+COPS?", "+COPS", func(p []string) {
			if len(p) > 2 {
				n.Operator = p[2]
			}
			if len(p) > 3 {
				n.Technology = number(p[3])
			}
		}},
	} {
		lines, err := m.command(ctx, q.cmd)
		if err != nil && !isRefusal(err) {
			return n, err
		}
		if err == nil {
			q.take(at.Params(argsOf(lines, q.name)))
		}
	}
	return n, nil
}

func signalOf(p []string) Signal {
	if len(p) == 0 {
		return Signal{}
	}
	s := Signal{Raw: number(p[0]), BER: 99}
	if len(p) > 1 {
		s.BER = number(p[1])
	}
	switch {
	case s.Raw >= 0 && s.Raw <= 31:
		s.DBm = 2*s.Raw - 113
	case s.Raw >= 100 && s.Raw <= 191: // of 3G and LTE, with some makers
		s.DBm = s.Raw - 216
	default:
		return Signal{}
	}
	s.Known = true
	return s
}

func lteSignalOf(p []string) LTESignal {
	if len(p) < 6 {
		return LTESignal{}
	}
	s := LTESignal{RawRSRQ: number(p[4]), RawRSRP: number(p[5])}
	if s.RawRSRP < 0 || s.RawRSRP > 97 {
		return LTESignal{}
	}
	s.Known, s.RSRP = true, s.RawRSRP-141
	if s.RawRSRQ >= 0 && s.RawRSRQ <= 34 {
		s.RSRQ = float64(s.RawRSRQ)/2 - 20
	} else {
		s.RawRSRQ = 255
	}
	return s
}

// registrationOf reads <n>,<stat>[,…], and the <stat> alone of some modems.
func registrationOf(p []string) Registration {
	switch len(p) {
	case 0:
		return NoRegistration
	case 1:
		return Registration(number(p[0]))
	default:
		return Registration(number(p[1]))
	}
}

// Identity is what a modem says that it is.
type Identity struct {
	Manufacturer, Model, Revision string
	SerialNumber                  string // the IMEI
}

// Identify asks the modem what it is (3GPP TS 27.007 5.1 to 5.4). What it does not
// tell is empty. It may be called while Run runs.
func (m *Modem) Identify(ctx context.Context) (Identity, error) {
	var id Identity
	for _, q := range []struct {
		cmd  string
		take *string
	}{
		{"AT+CGMI", &id.Manufacturer},
		{"AT+CGMM", &id.Model},
		{"AT+CGMR", &id.Revision},
		{"AT+CGSN", &id.SerialNumber},
	} {
		lines, err := m.command(ctx, q.cmd)
		if err != nil && !isRefusal(err) {
			return id, err
		}
		if err == nil && len(lines) > 0 {
			text := lines[0]
			if args, ok := cutName(text, q.cmd[2:]); ok {
				text = args
			}
			*q.take = strings.Trim(text, `" `)
		}
	}
	return id, nil
}

// joinErrors puts the cause behind an error, if there is one.
func joinErrors(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

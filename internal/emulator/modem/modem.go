package modem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says what a [Modem] is. The zero value is a generic modem without a PIN,
// whose port has no other name than the pseudo-terminal's.
type Config struct {
	// Link is the path of a symbolic link to the pseudo-terminal, made when the
	// modem is plugged in and removed when it is unplugged; empty for none. A link
	// that is already there is replaced if it leads to a pseudo-terminal.
	Link string
	// Ports is how many AT ports the modem has, 1 or 2 (0 is 1). They have echo, command
	// line and prompt for themselves, and share everything else; what the modem says of
	// its own accord, it says on both. The link of the second is that of the first with
	// SecondPort behind it.
	Ports int
	// Profile is the maker's way of doing things: one of [Profiles]; empty is
	// generic.
	Profile string
	// PIN locks the SIM at each start; empty for none. PUK unlocks it after three
	// wrong ones; empty is 12345678.
	PIN, PUK string
	// Stores changes the sizes of the profile's stores, by name.
	Stores map[string]int
	// SIMBusy is how long after its start the modem answers that its SIM is busy.
	SIMBusy time.Duration
	// TextOnly refuses PDU mode, as some firmwares do.
	TextOnly bool
	// Chatter is how often the profile's unsolicited lines are said, and whether
	// they come in the middle of answers too; 0 is never.
	Chatter time.Duration
	// Delay is how long a command takes before it is answered.
	Delay time.Duration
	// AckTimeout is how long the modem waits for AT+CNMA (0 is 15 s).
	AckTimeout time.Duration
	// ReportAfter is how long after it was sent an SMS that asks for it gets its
	// status report (0 is one second).
	ReportAfter time.Duration
	// OnSent is told of each SMS that was sent through the modem; nil for nobody. It
	// must not call the modem.
	OnSent func(Sent)
	// OnReceived is told of each SMS and status report that the modem takes from the
	// network, which is again when the network has to deliver it again; nil for nobody.
	// It must not call the modem.
	OnReceived func(Received)
	// Trace is told what the modem is sent and what it says, line by line; nil for
	// nobody. It must not call the modem.
	Trace func(sent bool, line string)
	// OnEvent is told what happens to the modem, in a line; nil for nobody. It must
	// not call the modem.
	OnEvent func(text string)
}

// SecondPort is what the link of a second port ends with.
const SecondPort = ".2"

// The defaults of a [Config].
const (
	DefaultAckTimeout  = 15 * time.Second
	DefaultReportAfter = time.Second
	DefaultPUK         = "12345678"
)

const (
	pinTries       = 3
	writeTimeout   = time.Second           // for a port from which nobody reads
	secondTimeout  = 20 * time.Millisecond // and for a second one
	maxHeld        = 64 << 10              // bytes in and out while frozen
	maxLine        = 4 << 10               // bytes of a command line or of a PDU with its prompt
	maxNetwork     = 10_000                // messages that wait in the network
	maxSent        = 10_000                // messages that Sent returns
	maxStore       = 10_000
	maxBufferedURC = 64 // indications kept while AT+CNMI's mode is 0
	registered     = 1
	roaming        = 5
)

// ErrClosed says that the modem is closed.
var ErrClosed = errors.New("the modem is closed")

// Usage is how full a store is.
type Usage struct {
	Store       string
	Used, Total int
}

// Status is how a modem is doing.
type Status struct {
	Port         string  // the pseudo-terminal, empty while unplugged
	Second       string  // that of the second port, if there is one
	Frozen       bool    //
	SIM          string  // as AT+CPIN? would answer
	Registration int     // <stat> of AT+CREG
	Stores       []Usage //
	Network      int     // messages that wait until the modem can take them
	Received     int     // messages that were stored or handed over
	Deleted      int     // messages that were deleted with AT+CMGD
	Sent         int     // messages that were sent
	Selected     string  // the stores of AT+CPMS
	CNMI         [5]int  // <mode>, <mt>, <bm>, <ds>, <bfr>
}

// Modem is a modem that was started. Its methods may be called by several
// goroutines.
type Modem struct {
	cfg     Config
	profile Profile
	calls   chan func()
	input   chan chunk
	stop    context.CancelFunc
	done    chan struct{}

	state // of the loop's goroutine
}

// chunk is what was read from a port.
type chunk struct {
	from *port
	data []byte
}

// port is one of the modem's serial ports.
type port struct {
	*pty
	link  string        // empty for none
	ended chan struct{} // closed when nobody reads it any more
	dialogue

	heldIn, heldOut []byte // while frozen
}

// dialogue is what goes on on a port, which is lost with the power.
type dialogue struct {
	line     []byte
	lastLine string // for A/
	prompt   *prompt

	echo, quiet bool
}

// state is what the loop alone uses.
type state struct {
	ctx    context.Context //nolint:containedctx // that of Start, of which the loop is a part
	ports  []*port         // none while unplugged
	port   *port           // the one on which something is said; nil while unplugged
	timers []timer

	stores       []*store
	network      []*message
	sent         []Sent
	sentCount    int
	sendFault    SendFault
	reportStatus int // TP-ST, or NoReports
	received     int
	deleted      int
	nextRef      uint16 // of received parts
	reference    byte   // TP-MR
	pin          string // the SIM's
	pinLocked    bool   // AT+CLCK="SC"
	pinTries     int
	registration int
	signal       int // <rssi> of AT+CSQ

	frozen   bool
	inAnswer []string // URCs for the middle of the next answer

	session // what is lost with the power
}

// timer is something that the loop does later.
type timer struct {
	at    time.Time
	on    *port // which said what this comes of
	power bool  // gone with the power
	do    func()
}

// Start starts a modem and plugs it in. It ends with ctx or [Modem.Close].
func Start(ctx context.Context, cfg Config) (*Modem, error) {
	profile, err := ProfileByName(cfg.Profile)
	if err != nil {
		return nil, err
	}
	if cfg.Ports < 0 || cfg.Ports > 2 {
		return nil, fmt.Errorf("a modem has 1 or 2 ports, not %d", cfg.Ports)
	}
	cfg.Ports = max(cfg.Ports, 1)
	if cfg.AckTimeout <= 0 {
		cfg.AckTimeout = DefaultAckTimeout
	}
	if cfg.ReportAfter <= 0 {
		cfg.ReportAfter = DefaultReportAfter
	}
	if cfg.PUK == "" {
		cfg.PUK = DefaultPUK
	}
	ctx, stop := context.WithCancel(ctx)
	m := &Modem{
		cfg:     cfg,
		profile: profile,
		calls:   make(chan func()),
		input:   make(chan chunk),
		stop:    stop,
		done:    make(chan struct{}),
		state: state{
			ctx:          ctx,
			registration: roaming,
			signal:       20,
			pin:          cfg.PIN,
			pinLocked:    cfg.PIN != "",
			pinTries:     pinTries,
		},
	}
	if err := m.makeStores(); err != nil {
		stop()
		return nil, err
	}
	if err := m.plug(); err != nil {
		stop()
		return nil, err
	}
	go m.loop()
	return m, nil
}

func (m *Modem) makeStores() error {
	known := make(map[string]bool)
	for _, s := range m.profile.Stores {
		known[s.Name] = true
		size := s.Size
		if n, ok := m.cfg.Stores[s.Name]; ok {
			size = n
		}
		if size < 0 || size > maxStore {
			return fmt.Errorf("store %s cannot have %d places, only 0 to %d", s.Name, size, maxStore)
		}
		m.stores = append(m.stores, &store{name: s.Name, slots: make([]*message, size)})
	}
	for name := range m.cfg.Stores {
		if !known[name] {
			return fmt.Errorf("the profile %s has no store %q", m.profile.Name, name)
		}
	}
	return nil
}

// Close unplugs the modem for good, and removes the link.
func (m *Modem) Close() error {
	m.stop()
	<-m.done
	return nil
}

// Done returns a channel that is closed when the modem has ended.
func (m *Modem) Done() <-chan struct{} { return m.done }

// Profile returns the modem's profile.
func (m *Modem) Profile() Profile { return m.profile }

// loop owns the state: everything happens in it, one after the other.
func (m *Modem) loop() {
	defer close(m.done)
	defer m.unplug()
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	for {
		wake.Reset(m.nextTimer())
		select {
		case <-m.ctx.Done():
			return
		case f := <-m.calls:
			f()
		case c := <-m.input:
			if slices.Contains(m.ports, c.from) {
				m.port = c.from
				m.take(c.data)
			}
		case <-wake.C:
			m.runTimers()
		}
	}
}

// do has the loop call f.
func (m *Modem) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case m.calls <- func() { result <- f() }:
		return <-result
	case <-m.done:
		return ErrClosed
	}
}

func (m *Modem) after(d time.Duration, power bool, do func()) {
	m.timers = append(m.timers, timer{at: time.Now().Add(d), on: m.port, power: power, do: do})
}

func (m *Modem) nextTimer() time.Duration {
	next := time.Hour
	for _, t := range m.timers {
		next = min(next, time.Until(t.at))
	}
	return max(next, 0)
}

func (m *Modem) runTimers() {
	now := time.Now()
	var due []timer
	m.timers = slices.DeleteFunc(m.timers, func(t timer) bool {
		if t.at.After(now) {
			return false
		}
		due = append(due, t)
		return true
	})
	for _, t := range due {
		if slices.Contains(m.ports, t.on) {
			m.port = t.on
		}
		t.do()
	}
}

func (m *Modem) event(format string, args ...any) {
	if m.cfg.OnEvent != nil {
		m.cfg.OnEvent(fmt.Sprintf(format, args...))
	}
}

func (m *Modem) trace(sent bool, line string) {
	if m.cfg.Trace != nil && line != "" {
		m.cfg.Trace(sent, line)
	}
}

// plug makes the pseudo-terminals and the links, and starts the modem.
func (m *Modem) plug() error {
	var ports []*port
	for n := range m.cfg.Ports {
		p, err := openPTY()
		if err == nil {
			link := m.cfg.Link
			if link != "" && n > 0 {
				link += SecondPort
			}
			ports = append(ports, &port{pty: p, link: link, ended: make(chan struct{})})
			err = makeLink(link, p.path)
		}
		if err != nil {
			for _, p := range ports {
				p.close()
			}
			return err
		}
	}
	m.ports, m.port = ports, ports[0]
	for _, p := range ports {
		go m.read(p)
	}
	m.powerOn()
	return nil
}

// makeLink makes a link to path, in one step, so that nobody finds none. An empty
// name is no link.
func makeLink(link, path string) error {
	if link == "" {
		return nil
	}
	if info, err := os.Lstat(link); err == nil {
		to, _ := os.Readlink(link)
		if info.Mode()&os.ModeSymlink == 0 || !strings.HasPrefix(to, "/dev/pts/") {
			return fmt.Errorf("cannot make the link %q: there is something else", link)
		}
	}
	temporary := filepath.Join(filepath.Dir(link), "."+filepath.Base(link)+".new")
	_ = os.Remove(temporary)
	if err := os.Symlink(path, temporary); err != nil {
		return fmt.Errorf("cannot make the link %q: %w", link, err)
	}
	if err := os.Rename(temporary, link); err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("cannot make the link %q: %w", link, err)
	}
	return nil
}

// unplug takes power and ports away.
func (m *Modem) unplug() {
	if m.port == nil {
		return
	}
	ports := m.ports
	m.powerOff()
	m.ports, m.port = nil, nil
	for _, p := range ports {
		p.close()
	}
	for _, p := range ports {
		m.readOut(p)
	}
}

// close hangs up, and removes the link.
func (p *port) close() {
	if p.link != "" {
		if to, _ := os.Readlink(p.link); to == p.path {
			_ = os.Remove(p.link)
		}
	}
	_ = p.Close()
}

// readOut waits for the end of a port's reader, which may have read before.
func (m *Modem) readOut(p *port) {
	for {
		select {
		case <-m.input:
		case <-p.ended:
			return
		}
	}
}

// read hands the loop what comes.
func (m *Modem) read(p *port) {
	defer close(p.ended)
	for {
		buf := make([]byte, 4096)
		n, err := p.Read(buf)
		if n > 0 {
			m.input <- chunk{p, buf[:n]}
		}
		if err != nil {
			return
		}
	}
}

// out writes to the port. What nobody reads is lost, as on a real port without
// flow control.
func (m *Modem) out(text string) {
	switch {
	case m.port == nil:
	case m.frozen:
		if len(m.port.heldOut)+len(text) <= maxHeld {
			m.port.heldOut = append(m.port.heldOut, text...)
		}
	default:
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
			m.trace(false, line)
		}
		timeout := writeTimeout
		if m.port != m.ports[0] {
			timeout = secondTimeout
		}
		_ = m.port.SetWriteDeadline(time.Now().Add(timeout))
		if _, err := m.port.WriteString(text); err != nil {
			m.event("nobody reads the port: %d bytes are lost", len(text))
		}
	}
}

// say writes a line as modems do.
func (m *Modem) say(line string) { m.out("\r\n" + line + "\r\n") }

// onAll does something on each port.
func (m *Modem) onAll(do func()) {
	was := m.port
	for _, p := range m.ports {
		m.port = p
		do()
	}
	m.port = was
}

// take takes what was sent to the modem.
func (m *Modem) take(data []byte) {
	if m.frozen {
		m.port.heldIn = append(m.port.heldIn, data[:min(len(data), maxHeld-len(m.port.heldIn))]...)
		return
	}
	for i, c := range data {
		m.takeByte(c)
		if m.port == nil {
			return
		}
		if m.frozen { // by a command
			m.take(data[i+1:])
			return
		}
	}
}

// The methods that make things happen.

// Port returns the path of the pseudo-terminal, or an empty string while the
// modem is unplugged.
func (m *Modem) Port() string { return m.Status().Port }

// Status returns how the modem is doing; that of a closed modem is empty.
func (m *Modem) Status() (s Status) {
	_ = m.do(func() error {
		s = m.status()
		return nil
	})
	return s
}

func (m *Modem) status() Status {
	s := Status{
		Frozen: m.frozen, SIM: m.simState(), Registration: m.registration,
		Network: len(m.network), Received: m.received, Deleted: m.deleted, Sent: m.sentCount,
		CNMI: m.cnmi,
	}
	if m.port != nil {
		s.Port = m.ports[0].path
		if len(m.ports) > 1 {
			s.Second = m.ports[1].path
		}
		s.Selected = strings.Join(m.selected[:], ",")
	}
	for _, st := range m.stores {
		s.Stores = append(s.Stores, Usage{st.name, st.used(), len(st.slots)})
	}
	return s
}

// Sent returns the SMS that were sent through the modem, the last 10,000 at most.
func (m *Modem) Sent() (all []Sent) {
	_ = m.do(func() error {
		all = slices.Clone(m.sent)
		return nil
	})
	return all
}

// Receive has the network deliver a message, in as many SMS as it needs, and
// returns how many. They wait in the network while the modem cannot take them:
// unplugged, locked, not registered, or full.
func (m *Modem) Receive(msg Message) (parts int, err error) {
	err = m.do(func() error {
		if msg.Ref == 0 {
			m.nextRef++
			msg.Ref = m.nextRef
		}
		if msg.Time.IsZero() {
			msg.Time = time.Now()
		}
		encoded, err := Encode(msg)
		if err != nil {
			return err
		}
		parts = len(encoded)
		var all []*message
		for _, p := range encoded {
			all = append(all, &message{pdu: p.PDU, from: msg.From, text: p.Text, when: textTime(msg.Time), class: msg.Class})
		}
		return m.deliver(all...)
	})
	return parts, err
}

// ReceivePDU has the network deliver a PDU as it is: an SMSC address, and an
// SMS-DELIVER or SMS-STATUS-REPORT that need not be well formed.
func (m *Modem) ReceivePDU(pdu []byte) error {
	return m.do(func() error {
		return m.deliver(&message{pdu: slices.Clone(pdu), report: isReport(pdu), class: classOf(pdu)})
	})
}

// Unplug takes the modem out: its port hangs up and the link is gone. Stores stay.
func (m *Modem) Unplug() error {
	return m.do(func() error {
		if m.port == nil {
			return errors.New("the modem is unplugged already")
		}
		m.unplug()
		m.event("unplugged")
		return nil
	})
}

// Replug puts the modem in again, with a new pseudo-terminal behind the link.
func (m *Modem) Replug() error {
	return m.do(func() error {
		if m.port != nil {
			return errors.New("the modem is plugged in already")
		}
		if err := m.plug(); err != nil {
			return err
		}
		m.event("plugged in as %s", m.ports[0].path)
		return nil
	})
}

// Reset restarts the modem while its port stays, as behind a UART.
func (m *Modem) Reset() error {
	return m.do(func() error {
		if m.port == nil {
			return errors.New("the modem is unplugged")
		}
		m.event("reset")
		m.restart()
		return nil
	})
}

func (m *Modem) restart() {
	m.powerOff()
	m.powerOn()
}

// Freeze stops the modem: it says nothing and does nothing. What it is sent, and
// what the network delivers, it finds when it is unfrozen, so that its answers
// come late.
func (m *Modem) Freeze() error {
	return m.do(func() error {
		m.frozen = true
		m.event("frozen")
		return nil
	})
}

// Unfreeze lets the modem go on.
func (m *Modem) Unfreeze() error {
	return m.do(func() error {
		if !m.frozen {
			return nil
		}
		m.frozen = false
		m.event("unfrozen")
		for _, p := range m.ports {
			m.port = p
			in, out := m.port.heldIn, m.port.heldOut
			m.port.heldIn, m.port.heldOut = nil, nil
			if len(out) > 0 {
				m.out(string(out))
			}
			m.take(in)
		}
		m.retry()
		return nil
	})
}

// Fill fills a store with short messages, of which it leaves free places, and
// returns how many it has put there. An empty name is the first store.
func (m *Modem) Fill(name string, free int) (n int, err error) {
	err = m.do(func() error {
		if name == "" {
			name = m.stores[0].name
		}
		mem, ok := m.memory(name)
		if !ok {
			return fmt.Errorf("the modem has no store %q", name)
		}
		for mem.size()-mem.used() > max(free, 0) {
			msg := Message{From: "+15550100", Text: fmt.Sprintf("filler %d", n+1)}
			parts, err := Encode(msg)
			if err != nil {
				return err
			}
			mem.put(&message{pdu: parts[0].PDU, from: msg.From, text: msg.Text, when: textTime(time.Now())})
			n++
		}
		m.event("filled %s with %d messages", name, n)
		if mem.used() == mem.size() {
			m.sayFull(name)
		}
		return nil
	})
	return n, err
}

// Clear empties all stores without a word.
func (m *Modem) Clear() error {
	return m.do(func() error {
		for _, s := range m.stores {
			clear(s.slots)
		}
		m.retry()
		return nil
	})
}

// Noise writes bytes to the first port as they are.
func (m *Modem) Noise(data []byte) error {
	return m.do(func() error {
		if m.port != nil {
			m.port = m.ports[0]
		}
		m.out(string(data))
		return nil
	})
}

// URC says a line, now or, with inAnswer, in the middle of the next answer.
func (m *Modem) URC(line string, inAnswer bool) error {
	return m.do(func() error {
		switch {
		case !inAnswer:
			m.onAll(func() { m.say(line) })
		case len(m.inAnswer) < maxBufferedURC:
			m.inAnswer = append(m.inAnswer, line)
		}
		return nil
	})
}

// SetRegistration sets <stat> of AT+CREG and its like, 0 to 11; 1 and 5 are
// registered (3GPP TS 27.007, 7.2).
func (m *Modem) SetRegistration(stat int) error {
	return m.do(func() error {
		if stat < 0 || stat > 11 {
			return fmt.Errorf("registration %d is not from 0 to 11", stat)
		}
		m.register(stat)
		return nil
	})
}

// SetSignal sets <rssi> of AT+CSQ, 0 to 31 or 99 (3GPP TS 27.007, 8.5).
func (m *Modem) SetSignal(rssi int) error {
	return m.do(func() error {
		if rssi < 0 || rssi > 31 && rssi != 99 {
			return fmt.Errorf("signal %d is neither from 0 to 31 nor 99", rssi)
		}
		m.signal = rssi
		return nil
	})
}

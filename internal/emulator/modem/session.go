package modem

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// session is what the modem forgets without power.
type session struct {
	errors      int // AT+CMEE
	textMode    bool
	textHeaders bool // AT+CSDH
	service     int  // AT+CSMS
	cnmi        [5]int
	buffered    []string // indications while <mode> is 0
	selected    [3]string
	charset     string
	regMode     map[string]int // AT+CREG and its like
	operator    int            // format of AT+COPS
	indicators  bool           // AT+CMER
	urcsHere    bool           // AT+QURCCFG
	noChatter   bool           // AT^CURC

	unlocked   bool // the PIN was given
	simAt      time.Time
	simTold    bool
	waitingAck *message
	ackNumber  int // which message a timeout is for
	fullTold   bool
	airplane   bool // AT+CFUN=4
}

// prompt is a command that waits for its data.
type prompt struct {
	data []byte
	take func(data string) result
}

// powerOn starts the modem.
func (m *Modem) powerOn() {
	first := m.stores[0].name
	if m.profile.ReceiveIn != "" {
		first = m.profile.ReceiveIn
	}
	m.session = session{
		textMode: m.cfg.TextOnly,
		selected: [3]string{first, first, first},
		charset:  "IRA",
		regMode:  make(map[string]int),
		urcsHere: true,
		simAt:    time.Now().Add(m.cfg.SIMBusy),
	}
	m.onAll(func() {
		m.port.dialogue = dialogue{echo: true}
		for _, line := range m.profile.Boot {
			m.say(line)
		}
	})
	m.after(m.cfg.SIMBusy, true, m.simReady)
	if m.cfg.Chatter > 0 && len(m.profile.Chatter) > 0 {
		m.after(m.cfg.Chatter, true, func() { m.chatter(0) })
	}
}

// powerOff forgets what has no store. A message that was not acknowledged goes
// back to the network.
func (m *Modem) powerOff() {
	if m.waitingAck != nil {
		m.network = slices.Insert(m.network, 0, m.waitingAck)
	}
	m.timers = slices.DeleteFunc(m.timers, func(t timer) bool { return t.power })
	m.frozen, m.inAnswer = false, nil
	for _, p := range m.ports {
		p.heldIn, p.heldOut = nil, nil
	}
	m.session = session{}
}

func (m *Modem) chatter(turn int) {
	line := m.profile.Chatter[turn%len(m.profile.Chatter)]
	if !m.noChatter {
		// Now and then one gets into an answer.
		if turn%2 == 0 {
			m.urc(line)
		} else if len(m.inAnswer) < maxBufferedURC {
			m.inAnswer = append(m.inAnswer, line)
		}
	}
	m.after(m.cfg.Chatter, true, func() { m.chatter(turn + 1) })
}

// simReady is called when the SIM is no longer busy, and when the PIN was given.
func (m *Modem) simReady() {
	if m.simError() != nil {
		return
	}
	if !m.simTold {
		m.simTold = true
		for _, line := range m.profile.Ready {
			m.urc(line)
		}
	}
	m.retry()
}

// simState is the answer to AT+CPIN?.
func (m *Modem) simState() string {
	switch {
	case m.pinTries == 0:
		return "SIM PUK"
	case m.pinLocked && !m.unlocked:
		return "SIM PIN"
	default:
		return "READY"
	}
}

// simError is why the SIM cannot be used, nil if it can.
func (m *Modem) simError() *failure {
	switch {
	case m.port == nil || time.Now().Before(m.simAt):
		return &failure{cme: 14, cms: 314}
	case m.simState() == "SIM PUK":
		return &failure{cme: 12, cms: 316}
	case m.simState() == "SIM PIN":
		return &failure{cme: 11, cms: 311}
	}
	return nil
}

func (m *Modem) isRegistered() bool {
	return !m.airplane && (m.registration == registered || m.registration == roaming)
}

func (m *Modem) register(stat int) {
	if m.registration == stat {
		return
	}
	m.registration = stat
	m.tellRegistration()
	m.retry()
}

func (m *Modem) tellRegistration() {
	for _, name := range []string{"+CREG", "+CGREG", "+CEREG"} {
		switch m.regMode[name] {
		case 1:
			m.urc(fmt.Sprintf("%s: %d", name, m.stat()))
		case 2:
			m.urc(fmt.Sprintf("%s: %d%s", name, m.stat(), m.location()))
		}
	}
}

func (m *Modem) stat() int {
	if m.airplane {
		return 0
	}
	return m.registration
}

func (m *Modem) location() string {
	if !m.isRegistered() {
		return ""
	}
	return `,"00C3","01A2B3C4",7`
}

// urc says something unsolicited, on this port or on another one.
func (m *Modem) urc(lines ...string) {
	if m.urcsHere {
		m.onAll(func() { m.out("\r\n" + strings.Join(lines, "\r\n") + "\r\n") })
	}
}

// indicate says that a message came, as AT+CNMI wants it.
func (m *Modem) indicate(lines ...string) {
	if m.cnmi[0] != 0 {
		m.urc(lines...)
		return
	}
	m.buffered = append(m.buffered, strings.Join(lines, "\r\n"))
	if len(m.buffered) > maxBufferedURC {
		m.buffered = m.buffered[1:]
	}
}

// memory returns what AT+CPMS calls by a name.
func (m *Modem) memory(name string) (memory, bool) {
	v := memory{name: name, first: m.profile.FirstIndex}
	for _, s := range m.stores {
		if s.name == name || name == "MT" && !m.profile.NoMT && (s.name == "SM" || s.name == "ME") {
			v.stores = append(v.stores, s)
		}
	}
	if name == "MT" && len(v.stores) != 2 {
		return memory{}, false
	}
	return v, len(v.stores) > 0
}

// reading is the memory that is read from, <mem1>.
func (m *Modem) reading() memory {
	v, _ := m.memory(m.selected[0])
	return v
}

// deliver has the network hold messages for the modem.
func (m *Modem) deliver(all ...*message) error {
	if len(m.network)+len(all) > maxNetwork {
		return fmt.Errorf("more than %d messages wait for the modem", maxNetwork)
	}
	m.network = append(m.network, all...)
	m.retry()
	return nil
}

// retry has the network deliver what the modem can take now.
func (m *Modem) retry() {
	for len(m.network) > 0 && !m.frozen && m.simError() == nil && m.isRegistered() && m.waitingAck == nil {
		if !m.accept(m.network[0]) {
			return
		}
		if m.cfg.OnReceived != nil {
			m.cfg.OnReceived(received(m.network[0].pdu))
		}
		m.network = m.network[1:]
	}
}

// accept takes a message from the network, if there is room (3GPP TS 27.005,
// 3.4.1).
func (m *Modem) accept(msg *message) bool {
	if msg.report {
		return m.acceptReport(msg)
	}
	mt := m.cnmi[1]
	if mt == 2 && msg.class != ToSIM || mt == 3 && msg.class == ToTerminal {
		header := fmt.Sprintf("+CMT: %s,%d", m.profile.Alpha, msg.length())
		if m.textMode {
			header = fmt.Sprintf(`+CMT: %s,,"%s"`, m.quoted(msg.from), msg.when)
		}
		m.handOver(msg, header)
		return true
	}
	name, index, ok := m.keep(msg, m.receiveIn(msg.class))
	if !ok {
		return false
	}
	m.event("received: %s %d", name, index)
	if mt != 0 {
		m.indicate(fill(m.profile.Indication, name, index))
	}
	return true
}

func (m *Modem) acceptReport(msg *message) bool {
	switch m.cnmi[3] {
	case 1:
		m.handOver(msg, fill(m.profile.DirectReport, msg.length()))
		return true
	case 2:
		in := m.selected[2]
		if m.profile.ReportsIn != "" {
			in = m.profile.ReportsIn
		}
		name, index, ok := m.keep(msg, in)
		if !ok {
			return false
		}
		m.event("status report: %s %d", name, index)
		m.indicate(fill(m.profile.ReportIndication, name, index))
		return true
	default:
		m.event("status report discarded: AT+CNMI does not ask for it")
		return true
	}
}

// fill formats a line of a profile, which may do without the values.
func fill(line string, values ...any) string {
	if !strings.Contains(line, "%") {
		return line
	}
	return fmt.Sprintf(line, values...)
}

// receiveIn is the store for a message of a class.
func (m *Modem) receiveIn(class Class) string {
	if m.profile.ReceiveIn != "" {
		return m.profile.ReceiveIn
	}
	want := ""
	switch class {
	case ToME:
		want = "ME"
	case ToSIM:
		want = "SM"
	default:
	}
	if _, ok := m.memory(want); ok {
		return want
	}
	return m.selected[2]
}

// keep stores a message, and says when that fills the store.
func (m *Modem) keep(msg *message, in string) (name string, index int, ok bool) {
	mem, ok := m.memory(in)
	if !ok {
		return "", 0, false
	}
	index, ok = mem.put(msg)
	if ok {
		m.received++
	}
	if !ok || mem.used() == mem.size() {
		if !m.fullTold {
			m.fullTold = true
			m.sayFull(in)
		}
	}
	return in, index, ok
}

// sayFull says that a store is full, in the maker's way.
func (m *Modem) sayFull(name string) {
	m.event("%s is full", name)
	switch {
	case m.profile.Full != "":
		m.urc(fmt.Sprintf(m.profile.Full, name))
	case m.profile.FullCIEV && m.indicators:
		m.urc(fmt.Sprintf("+CIEV: %d,1", smsFullIndicator))
	}
}

// handOver routes a message to the port, and waits for its acknowledgement where
// AT+CSMS=1 asks for one.
func (m *Modem) handOver(msg *message, header string) {
	m.received++
	m.event("handed over: %s", strings.SplitN(header, ":", 2)[0])
	body := fmt.Sprintf("%X", msg.pdu)
	if m.textMode {
		body = m.body(msg)
	}
	m.indicate(header, body)
	if m.service != 1 || m.profile.NoAcknowledgement {
		return
	}
	m.waitingAck = msg
	m.ackNumber++
	number := m.ackNumber
	m.after(m.cfg.AckTimeout, true, func() {
		if m.waitingAck == nil || m.ackNumber != number {
			return
		}
		// 3GPP TS 27.005, 3.4.4: what nobody acknowledges is no longer routed. The
		// network delivers it again.
		m.event("not acknowledged: <mt> and <ds> of AT+CNMI are 0 now")
		m.cnmi[1], m.cnmi[3] = 0, 0
		m.acknowledge(false)
	})
}

// acknowledge ends the wait for an acknowledgement. What was not taken the
// network delivers again; what is next comes after the answer to AT+CNMA.
func (m *Modem) acknowledge(taken bool) {
	if !taken {
		m.received--
		m.network = slices.Insert(m.network, 0, m.waitingAck)
	}
	m.waitingAck = nil
	m.after(0, true, m.retry)
}

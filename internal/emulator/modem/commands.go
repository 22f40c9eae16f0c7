package modem

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	imei  = "866758045439136"
	imsi  = "234500000000001"
	iccid = "8944500000000000017"
	smsc  = "+447797704000"

	smsFullIndicator = 8 // of AT+CIND
)

// execute runs a command. A nil result is OK.
func (m *Modem) execute(c command) ([]string, result) {
	if len(c.name) > 0 && !isExtended(c.name[0]) {
		return m.basic(c)
	}
	if lines, r, ok := m.sms(c); ok {
		return lines, r
	}
	if lines, r, ok := m.identity(c); ok {
		return lines, r
	}
	if lines, r, ok := m.network27007(c); ok {
		return lines, r
	}
	return m.general(c)
}

// basic runs a command without a + (ITU-T V.250, 6).
func (m *Modem) basic(c command) ([]string, result) {
	switch c.name {
	case "E":
		m.port.echo = c.args == "1"
	case "Q":
		m.port.quiet = c.args == "1"
	case "Z", "&F":
		// Echo comes back; of what AT+CNMI and its like have set, modems differ.
		m.port.echo, m.port.quiet, m.errors, m.textMode = true, false, 0, m.cfg.TextOnly
	case "I":
		return []string{m.profile.Manufacturer, m.profile.Model, "Revision: " + m.profile.Revision}, nil
	case "D", "A", "O":
		return nil, final("NO CARRIER")
	case "V", "X", "H", "S", "L", "M", "T", "P", "&C", "&D", "&K", "&S", "&W", "&V", "&Y":
	default:
		return nil, final(resultError)
	}
	return nil, nil
}

// plain is a command that answers with a line without a name.
func plain(c command, text string) ([]string, result, bool) {
	switch c.kind {
	case test:
		return nil, nil, true
	case run:
		return []string{text}, nil, true
	default:
		return nil, cmeError(cmeParameters), true
	}
}

// identity runs the commands that say what the modem is.
func (m *Modem) identity(c command) ([]string, result, bool) {
	switch c.name {
	case "+CGMI", "+GMI":
		return plain(c, m.profile.Manufacturer)
	case "+CGMM", "+GMM":
		return plain(c, m.profile.Model)
	case "+CGMR", "+GMR":
		return plain(c, m.profile.Revision)
	case "+CGSN", "+GSN":
		return plain(c, imei)
	case "+GCAP":
		return []string{"+GCAP: " + m.profile.Capabilities}, nil, true
	case "+CIMI":
		if err := m.simError(); err != nil && c.kind == run {
			return nil, err, true
		}
		return plain(c, imsi)
	case m.profile.ICCIDCommand:
		if err := m.simError(); err != nil {
			return nil, err, true
		}
		if c.kind == test {
			return nil, nil, true
		}
		return []string{m.profile.ICCIDCommand + ": " + iccid}, nil, true
	}
	return nil, nil, false
}

// choice runs a command with one number as its setting.
func choice(c command, value *int, from, to int) ([]string, result) {
	switch c.kind {
	case test:
		return []string{fmt.Sprintf("%s: (%d-%d)", c.name, from, to)}, nil
	case read:
		return []string{fmt.Sprintf("%s: %d", c.name, *value)}, nil
	}
	n, err := strconv.Atoi(c.arg(0))
	if c.kind == run {
		n, err = from, nil
	}
	if err != nil || n < from || n > to {
		return nil, cmeError(cmeParameters)
	}
	*value = n
	return nil, nil
}

// general runs the rest.
func (m *Modem) general(c command) ([]string, result) {
	switch c.name {
	case "+CMEE":
		return choice(c, &m.errors, 0, 2)
	case "+CPIN":
		return m.cpin(c)
	case "+CLCK":
		return m.clck(c)
	case "+CFUN":
		return m.cfun(c)
	case "+CSCS":
		return m.cscs(c)
	case "+CPAS":
		return []string{"+CPAS: 0"}, nil
	case "+CBC":
		return []string{"+CBC: 0,100"}, nil
	case "+CCLK":
		if c.kind == read {
			return []string{`+CCLK: "` + textTime(time.Now()) + `"`}, nil
		}
		return nil, nil
	case "+CNUM":
		return nil, nil
	case "+QURCCFG":
		if m.profile.Name == "quectel" {
			return m.qurccfg(c)
		}
	case "^CURC":
		if m.profile.Name == "huawei" {
			m.noChatter = c.arg(0) == "0"
			return nil, nil
		}
	case "^PORTSEL":
		// The port of the URCs; there is one. gammu insists on it.
		if m.profile.Name == "huawei" {
			return nil, nil
		}
	}
	return nil, final(m.profile.NotSupported)
}

// qurccfg chooses the port of the URCs: this one is usbat.
func (m *Modem) qurccfg(c command) ([]string, result) {
	switch {
	case c.kind == test:
		return []string{`+QURCCFG: "urcport",("usbat","usbmodem","uart1")`}, nil
	case c.arg(0) != "urcport":
		return nil, cmeError(cmeParameters)
	case len(c.list) == 1:
		port := "usbmodem"
		if m.urcsHere {
			port = "usbat"
		}
		return []string{`+QURCCFG: "urcport","` + port + `"`}, nil
	case !slices.Contains([]string{"usbat", "usbmodem", "uart1"}, c.arg(1)):
		return nil, cmeError(cmeParameters)
	}
	m.urcsHere = c.arg(1) == "usbat"
	return nil, nil
}

// cpin asks for the state of the SIM and takes PIN and PUK (3GPP TS 27.007, 8.3).
func (m *Modem) cpin(c command) ([]string, result) {
	busy := time.Now().Before(m.simAt)
	switch {
	case c.kind == test:
		return nil, nil
	case busy:
		return nil, cmeError(14)
	case c.kind == read:
		return []string{"+CPIN: " + m.simState()}, nil
	}
	switch m.simState() {
	case "SIM PUK":
		if len(c.list) != 2 || c.arg(0) != m.cfg.PUK {
			return nil, cmeError(cmePassword)
		}
		m.pin, m.pinTries, m.unlocked = c.arg(1), pinTries, true
	case "SIM PIN":
		if c.arg(0) != m.pin {
			m.pinTries--
			m.event("wrong PIN: %d tries left", m.pinTries)
			return nil, cmeError(cmePassword)
		}
		m.pinTries, m.unlocked = pinTries, true
	default:
		return nil, cmeError(cmeNotAllowed)
	}
	m.event("SIM unlocked")
	m.after(0, true, m.simReady)
	return nil, nil
}

// clck asks for the lock of the SIM and sets it (3GPP TS 27.007, 7.4).
func (m *Modem) clck(c command) ([]string, result) {
	switch {
	case c.kind == test:
		return []string{`+CLCK: ("SC")`}, nil
	case c.arg(0) != "SC":
		return nil, cmeError(cmeNotSupported)
	case m.simError() != nil:
		return nil, m.simError()
	case c.arg(1) == "2":
		locked := 0
		if m.pinLocked {
			locked = 1
		}
		return []string{fmt.Sprintf("+CLCK: %d", locked)}, nil
	case m.pin == "" || c.arg(2) != m.pin:
		return nil, cmeError(cmePassword)
	}
	m.pinLocked, m.unlocked = c.arg(1) == "1", true
	return nil, nil
}

// cfun switches the radio and resets (3GPP TS 27.007, 8.2).
func (m *Modem) cfun(c command) ([]string, result) {
	switch {
	case c.kind == test:
		return []string{"+CFUN: (0,1,4),(0-1)"}, nil
	case c.kind == read && m.airplane:
		return []string{"+CFUN: 4"}, nil
	case c.kind == read:
		return []string{"+CFUN: 1"}, nil
	case c.arg(1) == "1":
		m.after(0, true, func() {
			m.event("reset by AT+CFUN")
			m.restart()
		})
		return nil, nil
	case !slices.Contains([]string{"0", "1", "4"}, c.arg(0)):
		return nil, cmeError(cmeParameters)
	}
	if was := m.airplane; was != (c.arg(0) != "1") {
		m.airplane = !was
		m.tellRegistration()
		m.after(0, true, m.retry)
	}
	return nil, nil
}

// cscs chooses the character set of strings (3GPP TS 27.007, 5.5).
func (m *Modem) cscs(c command) ([]string, result) {
	sets := []string{"IRA", "GSM", "UCS2", "HEX"}
	switch {
	case c.kind == test:
		return []string{`+CSCS: ("` + strings.Join(sets, `","`) + `")`}, nil
	case c.kind == read:
		return []string{`+CSCS: "` + m.charset + `"`}, nil
	case !slices.Contains(sets, c.arg(0)):
		return nil, cmeError(cmeParameters)
	}
	m.charset = c.arg(0)
	return nil, nil
}

// network27007 runs the commands about the network (3GPP TS 27.007, 7).
func (m *Modem) network27007(c command) ([]string, result, bool) {
	switch c.name {
	case "+CREG", "+CGREG", "+CEREG":
		lines, r := m.creg(c)
		return lines, r, true
	case "+CSQ":
		if c.kind == test {
			return []string{"+CSQ: (0-31,99),(99)"}, nil, true
		}
		return []string{fmt.Sprintf("+CSQ: %d,99", m.signal)}, nil, true
	case "+CESQ":
		rxlev := 99
		if m.signal < 99 {
			rxlev = m.signal * 2
		}
		return []string{fmt.Sprintf("+CESQ: %d,99,255,255,20,%d", rxlev, min(rxlev, 97))}, nil, true
	case "+COPS":
		lines, r := m.cops(c)
		return lines, r, true
	case "+CGATT":
		return []string{"+CGATT: 1"}, nil, true
	case "+CIND":
		return m.cind(c), nil, true
	case "+CMER":
		if c.kind == set {
			m.indicators = c.arg(0) != "0" && c.arg(3) != "" && c.arg(3) != "0"
		}
		if c.kind == test {
			return []string{"+CMER: (0-3),(0),(0),(0-2),(0,1)"}, nil, true
		}
		return nil, nil, true
	}
	return nil, nil, false
}

func (m *Modem) creg(c command) ([]string, result) {
	mode := m.regMode[c.name]
	switch c.kind {
	case test:
		return []string{c.name + ": (0-2)"}, nil
	case read:
		location := ""
		if mode == 2 {
			location = m.location()
		}
		return []string{fmt.Sprintf("%s: %d,%d%s", c.name, mode, m.stat(), location)}, nil
	}
	n, err := strconv.Atoi(c.arg(0))
	if err != nil || n < 0 || n > 2 {
		return nil, cmeError(cmeParameters)
	}
	m.regMode[c.name] = n
	if m.profile.LateCREG && n == 2 {
		line := fmt.Sprintf("%s: %d%s", c.name, m.stat(), m.location())
		m.after(0, true, func() { m.say(line) })
	}
	return nil, nil
}

// str is a string in quotes, in the character set of AT+CSCS.
func (m *Modem) quoted(s string) string {
	if m.charset == "UCS2" {
		return `"` + ucs2Hex(s) + `"`
	}
	return `"` + s + `"`
}

func (m *Modem) cops(c command) ([]string, result) {
	const long, short, number = "Emulator", "EMU", "00101"
	switch c.kind {
	case test:
		return []string{fmt.Sprintf(`+COPS: (2,%s,%s,"%s",7),,(0-4),(0-2)`, m.quoted(long), m.quoted(short), number)}, nil
	case read:
		if !m.isRegistered() {
			return []string{"+COPS: 0"}, nil
		}
		name := map[int]string{0: m.quoted(long), 1: m.quoted(short), 2: `"` + number + `"`}[m.operator]
		return []string{fmt.Sprintf("+COPS: 0,%d,%s,7", m.operator, name)}, nil
	}
	if len(c.list) > 1 {
		n, err := strconv.Atoi(c.arg(1))
		if err != nil || n < 0 || n > 2 {
			return nil, cmeError(cmeParameters)
		}
		m.operator = n
	}
	return nil, nil
}

func (m *Modem) cind(c command) []string {
	if c.kind == test {
		return []string{`+CIND: ("battchg",(0-5)),("signal",(0-5)),("service",(0,1)),("sounder",(0,1)),("message",(0,1)),("call",(0,1)),("roam",(0,1)),("smsfull",(0,1))`}
	}
	if c.kind != read {
		return nil
	}
	service, unread, roams, full := 0, 0, 0, 0
	if m.isRegistered() {
		service = 1
	}
	if m.registration == roaming {
		roams = 1
	}
	mem, _ := m.memory(m.selected[2])
	if mem.used() == mem.size() {
		full = 1
	}
	mem.each(func(_ int, at **message) {
		if (*at).stat == statUnread {
			unread = 1
		}
	})
	return []string{fmt.Sprintf("+CIND: 5,%d,%d,0,%d,0,%d,%d", min(m.signal/6, 5), service, unread, roams, full)}
}

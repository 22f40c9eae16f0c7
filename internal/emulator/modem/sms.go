package modem

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// sms runs the commands of 3GPP TS 27.005; ok tells whether c is one.
func (m *Modem) sms(c command) (lines []string, r result, ok bool) {
	needsSIM := true
	var do func(command) ([]string, result)
	switch c.name {
	case "+CSMS":
		do, needsSIM = m.csms, false
	case "+CMGF":
		do, needsSIM = m.cmgf, false
	case "+CSDH":
		do, needsSIM = m.csdh, false
	case "+CPMS":
		do = m.cpms
	case "+CNMI":
		do = m.cnmiCommand
	case "+CNMA":
		do = m.cnma
	case "+CMGL":
		do = m.cmgl
	case "+CMGR":
		do = m.cmgr
	case "+CMGD":
		do = m.cmgd
	case "+CMGS":
		do = m.cmgs
	case "+CSCA":
		do = m.csca
	case "+CSMP":
		do, needsSIM = func(command) ([]string, result) { return nil, nil }, false
	default:
		return nil, nil, false
	}
	if err := m.simError(); err != nil && needsSIM {
		return nil, cmsError(err.cms), true
	}
	lines, r = do(c)
	return lines, r, true
}

// list is a list of values as test commands give them.
func list(values []int) string {
	last := len(values) - 1
	if last > 1 && values[last]-values[0] == last {
		return fmt.Sprintf("(%d-%d)", values[0], values[last])
	}
	var text []string
	for _, v := range values {
		text = append(text, strconv.Itoa(v))
	}
	return "(" + strings.Join(text, ",") + ")"
}

func (m *Modem) csms(c command) ([]string, result) {
	switch c.kind {
	case test:
		return []string{"+CSMS: " + list(m.profile.Services)}, nil
	case read:
		return []string{fmt.Sprintf("+CSMS: %d,1,1,1", m.service)}, nil
	}
	n, err := strconv.Atoi(c.arg(0))
	if err != nil || !slices.Contains(m.profile.Services, n) {
		return nil, cmsError(cmsNotSupported)
	}
	m.service = n
	return []string{"+CSMS: 1,1,1"}, nil
}

func (m *Modem) cmgf(c command) ([]string, result) {
	mode := 0
	if m.textMode {
		mode = 1
	}
	switch {
	case c.kind == test && m.cfg.TextOnly:
		return []string{"+CMGF: (1)"}, nil
	case c.kind == test:
		return []string{"+CMGF: (0,1)"}, nil
	case c.kind == read:
		return []string{fmt.Sprintf("+CMGF: %d", mode)}, nil
	case c.kind == set && c.arg(0) == "1":
		m.textMode = true
	case m.cfg.TextOnly:
		return nil, final(resultError)
	case c.kind == run || c.arg(0) == "0":
		m.textMode = false
	default:
		return nil, cmsError(cmsNotSupported)
	}
	return nil, nil
}

func (m *Modem) csdh(c command) ([]string, result) {
	on := 0
	if m.textHeaders {
		on = 1
	}
	lines, r := choice(c, &on, 0, 1)
	m.textHeaders = on == 1
	return lines, r
}

// cpms selects the stores (3GPP TS 27.005, 3.2.2).
func (m *Modem) cpms(c command) ([]string, result) {
	switch c.kind {
	case test:
		if m.profile.CPMSTest != "" {
			return []string{"+CPMS: " + m.profile.CPMSTest}, nil
		}
		var names []string
		for _, s := range m.stores {
			names = append(names, `"`+s.name+`"`)
		}
		if _, ok := m.memory("MT"); ok {
			names = append(names, `"MT"`)
		}
		one := "(" + strings.Join(names, ",") + ")"
		return []string{"+CPMS: " + one + "," + one + "," + one}, nil
	case set:
		if len(c.list) > 3 || !slices.Contains(m.profile.CPMSArgs, len(c.list)) {
			return nil, cmsError(cmsNotAllowed)
		}
		for _, name := range c.list {
			if _, ok := m.memory(name); !ok {
				return nil, cmsError(cmsNotAllowed)
			}
		}
		copy(m.selected[:], c.list)
	}
	var text []string
	for _, name := range m.selected[:slices.Max(m.profile.CPMSArgs)] {
		mem, _ := m.memory(name)
		counts := fmt.Sprintf("%d,%d", mem.used(), mem.size())
		if c.kind == read {
			counts = `"` + name + `",` + counts
		}
		text = append(text, counts)
	}
	return []string{"+CPMS: " + strings.Join(text, ",")}, nil
}

// cnmiCommand selects the indications (3GPP TS 27.005, 3.4.1).
func (m *Modem) cnmiCommand(c command) ([]string, result) {
	switch c.kind {
	case test:
		var text []string
		for _, values := range m.profile.CNMI {
			text = append(text, list(values))
		}
		return []string{"+CNMI: " + strings.Join(text, ",")}, nil
	case read:
		v := m.cnmi
		return []string{fmt.Sprintf("+CNMI: %d,%d,%d,%d,%d", v[0], v[1], v[2], v[3], v[4])}, nil
	}
	next := m.cnmi
	if c.kind == run {
		next = [5]int{}
	}
	for i := range next {
		if text := c.arg(i); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || !slices.Contains(m.profile.CNMI[i], n) {
				return nil, cmsError(cmsNotSupported)
			}
			next[i] = n
		}
	}
	if len(c.list) > len(next) || slices.Contains(m.profile.CNMIRefused, next[0]) {
		return nil, cmsError(cmsNotSupported)
	}
	m.cnmi = next
	if next[0] != 0 {
		if next[4] == 0 {
			for _, line := range m.buffered {
				m.after(0, true, func() { m.urc(line) })
			}
		}
		m.buffered = nil
	}
	return nil, nil
}

// cnma acknowledges what was handed over (3GPP TS 27.005, 3.4.4).
func (m *Modem) cnma(c command) ([]string, result) {
	switch {
	case c.kind == test:
		return []string{"+CNMA: (0-2)"}, nil
	case m.profile.NoAcknowledgement || m.service != 1:
		return nil, cmsError(cmsNotAllowed)
	case m.waitingAck == nil:
		return nil, cmsError(cmsNoAck)
	}
	m.acknowledge(c.arg(0) != "2")
	return nil, nil
}

// statOf reads the <stat> of AT+CMGL.
func (m *Modem) statOf(c command) (int, bool) {
	if c.kind == run {
		return statUnread, true
	}
	if m.textMode {
		i := slices.Index(statNames(), c.arg(0))
		return i, i >= 0
	}
	n, err := strconv.Atoi(c.arg(0))
	return n, err == nil && n >= statUnread && n <= statAll
}

func statNames() []string {
	return []string{"REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL"}
}

// cmgl lists the messages (3GPP TS 27.005, 3.4.2).
func (m *Modem) cmgl(c command) ([]string, result) {
	if c.kind == test {
		if m.textMode {
			return []string{`+CMGL: ("` + strings.Join(statNames(), `","`) + `")`}, nil
		}
		return []string{"+CMGL: (0-4)"}, nil
	}
	stat, ok := m.statOf(c)
	if !ok {
		return nil, cmsError(cmsNotSupported)
	}
	var lines []string
	m.reading().each(func(index int, at **message) {
		msg := *at
		if stat != statAll && stat != msg.stat {
			return
		}
		if m.textMode {
			lines = append(lines, fmt.Sprintf(`+CMGL: %d,"%s",%s,,"%s"%s`, index, statNames()[msg.stat], m.quoted(msg.from), msg.when, m.textExtras(msg)), m.body(msg))
		} else {
			lines = append(lines, fmt.Sprintf("+CMGL: %d,%s", index, m.header(msg)), fmt.Sprintf("%X", msg.pdu))
		}
		if msg.stat == statUnread {
			msg.stat = statRead
		}
	})
	if len(lines) == 0 && m.profile.EmptyListing != resultOK {
		return nil, final(m.profile.EmptyListing)
	}
	return lines, nil
}

// header is <stat>,[<alpha>],<length>.
func (m *Modem) header(msg *message) string {
	return fmt.Sprintf("%d,%s,%d", msg.stat, m.profile.Alpha, msg.length())
}

// textExtras is what AT+CSDH=1 adds: <tooa> and <length>.
func (m *Modem) textExtras(msg *message) string {
	if !m.textHeaders {
		return ""
	}
	kind := 129
	if strings.HasPrefix(msg.from, "+") {
		kind = 145
	}
	return fmt.Sprintf(",%d,%d", kind, len(msg.text))
}

// body is the text of a message in text mode. Of one that came as a PDU, only
// that is known.
func (m *Modem) body(msg *message) string {
	if msg.from == "" {
		return fmt.Sprintf("%X", msg.pdu)
	}
	if m.charset == "UCS2" || !inGSM7(msg.text) {
		return ucs2Hex(msg.text)
	}
	return msg.text
}

func ucs2Hex(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String()
}

// textTime is a time stamp in text mode (3GPP TS 27.005, 3.1).
func textTime(t time.Time) string {
	_, offset := t.Zone()
	return t.Format("06/01/02,15:04:05") + fmt.Sprintf("%+03d", offset/(15*60))
}

// slot reads an index.
func (m *Modem) slot(c command) **message {
	index, err := strconv.Atoi(c.arg(0))
	if err != nil {
		return nil
	}
	return m.reading().slot(index)
}

// cmgr reads a message (3GPP TS 27.005, 3.4.3).
func (m *Modem) cmgr(c command) ([]string, result) {
	if c.kind == test {
		return nil, nil
	}
	at := m.slot(c)
	if at == nil {
		return nil, cmsError(cmsIndex)
	}
	if *at == nil {
		if m.profile.EmptySlot != resultOK {
			return nil, final(m.profile.EmptySlot)
		}
		return nil, nil
	}
	msg := *at
	lines := []string{"+CMGR: " + m.header(msg), fmt.Sprintf("%X", msg.pdu)}
	if m.textMode {
		lines = []string{fmt.Sprintf(`+CMGR: "%s",%s,,"%s"%s`, statNames()[msg.stat], m.quoted(msg.from), msg.when, m.textExtras(msg)), m.body(msg)}
	}
	if msg.stat == statUnread {
		msg.stat = statRead
	}
	return lines, nil
}

// cmgd deletes messages (3GPP TS 27.005, 3.5.4).
func (m *Modem) cmgd(c command) ([]string, result) {
	mem := m.reading()
	if c.kind == test {
		var used []string
		mem.each(func(index int, _ **message) { used = append(used, strconv.Itoa(index)) })
		return []string{"+CMGD: (" + strings.Join(used, ",") + "),(0-4)"}, nil
	}
	flag := 0
	if text := c.arg(1); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 4 {
			return nil, cmsError(cmsNotSupported)
		}
		flag = n
	}
	if flag > 0 {
		// 1 deletes what was read, 2 also what was sent, 3 also what was not, 4 all.
		mem.each(func(_ int, at **message) {
			if flag == 4 || (*at).stat >= statRead && (*at).stat <= []int{statRead, 1, 3, 3}[flag] {
				*at = nil
				m.deleted++
			}
		})
	} else {
		at := m.slot(c)
		if at == nil {
			return nil, cmsError(cmsIndex)
		}
		if *at != nil {
			*at = nil
			m.deleted++
		}
	}
	m.fullTold = false
	m.after(0, true, m.retry)
	return nil, nil
}

func (m *Modem) csca(c command) ([]string, result) {
	if c.kind == read {
		return []string{fmt.Sprintf("+CSCA: %s,145", m.quoted(smsc))}, nil
	}
	return nil, nil
}

package modem

import (
	"strings"
	"time"
)

// command is a command of a command line (ITU-T V.250, 5.3 and 5.4).
type command struct {
	name string   // in upper case: "+CMGL", or a letter, or & and a letter
	kind kind     //
	args string   // what follows = as it is
	list []string // args at its commas, without quotes; at least one if there is a =
}

type kind int

const (
	run  kind = iota // AT+CMGL
	set              // AT+CMGL=4
	read             // AT+CMGL?
	test             // AT+CMGL=?
)

// takeByte takes a byte of a command line, or of a command's data.
func (m *Modem) takeByte(c byte) {
	if m.port.prompt != nil {
		m.takeData(c)
		return
	}
	switch {
	case c == '\r':
		line := string(m.port.line)
		m.port.line = m.port.line[:0]
		m.takeLine(line)
	case c == 0x1B:
		m.port.line = m.port.line[:0]
	case c == '\b' && len(m.port.line) > 0:
		m.port.line = m.port.line[:len(m.port.line)-1]
	case c < ' ' || c >= 0x7F || len(m.port.line) >= maxLine:
	default:
		m.port.line = append(m.port.line, c)
	}
}

// takeLine runs a command line.
func (m *Modem) takeLine(line string) {
	m.trace(true, line)
	if m.port.echo && line != "" {
		m.out(line + "\r")
	}
	start := strings.Index(strings.ToUpper(line), "AT") // what is before is noise
	switch trimmed := strings.TrimSpace(line); {
	case strings.EqualFold(trimmed, "A/"):
		line = m.port.lastLine
	case start < 0:
		return
	default:
		line = line[start+2:]
		m.port.lastLine = line
	}
	if m.cfg.Delay > 0 {
		pause := time.NewTimer(m.cfg.Delay)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-m.ctx.Done():
			return
		}
	}
	for _, c := range parse(line) {
		lines, r := m.execute(c)
		m.answer(lines)
		if m.port == nil || m.port.prompt != nil {
			return
		}
		if r != nil {
			m.finish(r)
			return
		}
	}
	m.finish(nil)
}

// answer says information lines, with the URCs that have to come among them: one
// behind each line, even between a header and its PDU.
func (m *Modem) answer(lines []string) {
	for _, line := range lines {
		m.say(line)
		if len(m.inAnswer) > 0 {
			m.urc(m.inAnswer[0])
			m.inAnswer = m.inAnswer[1:]
		}
	}
}

// finish says the final result.
func (m *Modem) finish(r result) {
	if r == (unsaid{}) {
		return
	}
	for _, line := range m.inAnswer {
		m.urc(line)
	}
	m.inAnswer = nil
	text := resultOK
	if r != nil {
		text = r.text(m.errors)
	}
	if !m.port.quiet {
		m.say(text)
	}
}

// ask waits for the data of a command.
func (m *Modem) ask(take func(data string) result) {
	m.port.prompt = &prompt{take: take}
	m.out("\r\n> ")
}

// takeData takes a byte of a command's data.
func (m *Modem) takeData(c byte) {
	p := m.port.prompt
	switch {
	case c == 0x1A:
		m.port.prompt = nil
		m.trace(true, string(p.data))
		if m.port.echo {
			m.out(string(p.data) + "\r\n")
		}
		m.finish(p.take(string(p.data)))
	case c == 0x1B:
		// 3GPP TS 27.005, 3.5.1: cancelled, and that is OK.
		m.port.prompt = nil
		m.finish(nil)
	case len(p.data) < maxLine:
		p.data = append(p.data, c)
	}
}

// parse splits a command line, without its AT, into commands.
func parse(line string) []command {
	var all []command
	for i := 0; i < len(line); {
		switch c := upper(line[i]); {
		case c == ' ' || c == ';':
			i++
		case isExtended(c):
			end := endOfExtended(line, i)
			all = append(all, parseExtended(line[i:end]))
			i = end
		default:
			name := string(c)
			i++
			if c == '&' && i < len(line) {
				name += string(upper(line[i]))
				i++
			}
			start := i
			switch c {
			case 'D':
				i = len(line)
			case 'S':
				for i < len(line) && line[i] != ';' && line[i] != ' ' {
					i++
				}
			default:
				for i < len(line) && line[i] >= '0' && line[i] <= '9' {
					i++
				}
			}
			all = append(all, command{name: name, args: line[start:i]})
		}
	}
	return all
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

func isExtended(c byte) bool { return strings.IndexByte("+^#*%$!", c) >= 0 }

// endOfExtended is where the extended command that starts at i ends: at a
// semicolon that is not in quotes.
func endOfExtended(line string, i int) int {
	quoted := false
	for ; i < len(line); i++ {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ';' && !quoted:
			return i
		}
	}
	return i
}

func parseExtended(text string) command {
	end := strings.IndexAny(text, "=?")
	if end < 0 {
		return command{name: strings.ToUpper(strings.TrimSpace(text))}
	}
	c := command{name: strings.ToUpper(strings.TrimSpace(text[:end]))}
	switch rest := strings.TrimSpace(text[end:]); rest {
	case "?":
		c.kind = read
	case "=?":
		c.kind = test
	default:
		c.kind, c.args = set, strings.TrimSpace(strings.TrimLeft(rest, "?="))
		c.list = params(c.args)
	}
	return c
}

// params splits at the commas that are not in quotes.
func params(s string) []string {
	var list []string
	quoted, start := false, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ',' && !quoted:
			list = append(list, strings.Trim(strings.TrimSpace(s[start:i]), `"`))
			start = i + 1
		case s[i] == '"':
			quoted = !quoted
		}
	}
	return list
}

// arg returns the parameter i, empty if it is not there.
func (c command) arg(i int) string {
	if i >= len(c.list) {
		return ""
	}
	return c.list[i]
}

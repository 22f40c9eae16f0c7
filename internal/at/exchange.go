package at

import (
	"slices"
	"strings"
)

// exchange is a command in flight and what has come of its answer. All fields
// but the channels and those that newExchange sets are the driver's mu's.
type exchange struct {
	echoes   []string // lines that the modem may send back
	names    []string // of the information lines of the answer
	anyLine  bool     // lines without a name, or with any, belong to the answer
	followed bool     // a line of the answer may be followed by a PDU or a text
	dials    bool     // NO CARRIER and the like end the answer
	maxBytes int

	wantPrompt bool
	expectNext bool // the line before announced this one
	lines      []string
	bytes      int
	finals     int // final results; more than one only while resynchronising
	err        error
	overflowed bool // the answer was cut off

	// While resynchronising, everything but URCs is taken, and nothing is kept.
	drains     bool
	others     int  // lines that are no final result
	named      bool // one of them had the name of the command
	identified bool // a final result that can only be this command's

	progress chan struct{} // something came; capacity 1
	prompted chan struct{} // the prompt came; capacity 1
}

func newExchange(cmd string) *exchange {
	x := &exchange{echoes: []string{strings.TrimSpace(cmd)}, progress: make(chan struct{}, 1), prompted: make(chan struct{}, 1)}
	for part := range strings.SplitSeq(commandNames(cmd), ";") {
		switch part {
		case "+CMGL", "+CMGR":
			x.followed = true
		case "+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+GMI", "+GMM", "+GMR", "+GSN", "+CCID", "^ICCID", "+ICCID":
			// The name of the modem comes as it is or, with some, behind a
			// name; and the ICCID behind any.
			x.anyLine = true
		}
		switch {
		case part == "":
		case !isMark(part[0]):
			x.anyLine = true // ATI, AT&V
			x.dials = x.dials || part[0] == 'D' || part[0] == 'A' || part[0] == 'O'
		default:
			x.names = append(x.names, part)
		}
	}
	return x
}

// commandNames returns the names of the commands in a command line, in upper
// case, with a semicolon between: "+CMEE;+CSQ" of "AT+CMEE=1;+CSQ".
func commandNames(cmd string) string {
	var names []byte
	quoted, inName := false, true
	for i := len("AT"); i < len(cmd); i++ {
		switch c := cmd[i]; {
		case c == '"':
			quoted = !quoted
			inName = false
		case quoted:
		case c == ';':
			names = append(names, ';')
			inName = true
		case c == '=' || c == '?':
			inName = false
		case c != ' ' && inName:
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			names = append(names, c)
		}
	}
	return string(names)
}

// isEcho tells whether a line is one that the driver has sent.
func (x *exchange) isEcho(line string) bool {
	return slices.Contains(x.echoes, line)
}

// takes tells whether a line belongs to the answer.
func (x *exchange) takes(line string) bool {
	name, args, named := nameOf(line)
	switch {
	case x.drains:
		return (!named || !isURCName(name) || x.has(name)) && !isBareURC(line)
	case named:
		if x.has(name) {
			return !isRegistrationURC(name, args)
		}
		return x.anyLine && !isURCName(name)
	case isBareURC(line):
		return false
	default:
		return x.anyLine || x.expectNext
	}
}

// has tells whether name is one of the command's.
func (x *exchange) has(name string) bool {
	for _, n := range x.names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// add takes a line of the answer.
func (x *exchange) add(line string) {
	name, _, named := nameOf(line)
	if x.drains {
		x.others++
		x.named = x.named || named && x.has(name)
		x.signal()
		return
	}
	x.expectNext = x.followed && named
	if x.bytes += len(line); x.bytes > x.maxBytes {
		x.overflowed = true
		x.finish(ErrTooLong)
		return
	}
	x.lines = append(x.lines, line)
	x.signal()
}

// finish takes the final result.
func (x *exchange) finish(err error) {
	if x.finals++; x.finals == 1 {
		x.err = err
	}
	// AT is not refused, so that the first refusal is this command's.
	x.identified = x.identified || x.named || err != nil
	x.signal()
}

func (x *exchange) signal() {
	select {
	case x.progress <- struct{}{}:
	default:
	}
}

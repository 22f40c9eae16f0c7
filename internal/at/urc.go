package at

import "strings"

// URC is an unsolicited result code: what the modem says of its own accord.
type URC struct {
	// Name is what stands before the colon, as "+CMTI", or the whole line of one
	// without a colon, as "RING".
	Name string
	// Args is what follows the colon, without white space around it.
	Args string
	// Data is the PDU of +CMT, +CDS and +CBM in hexadecimal, their second line;
	// empty if something else came in its place.
	Data string
	// Missed is the number of URCs that were dropped just before this one, as
	// nobody took them from the channel.
	Missed int
}

// String names the URC. It shows neither arguments nor data, which may hold a
// number and a text.
func (u URC) String() string { return u.Name }

// GoString is as String, for %#v.
func (u URC) GoString() string { return "at.URC{" + u.Name + "}" }

// Params splits Args at its commas, except those in quotes, and takes the quotes
// and white space off. No arguments are no parameters.
func (u URC) Params() []string { return Params(u.Args) }

// Params splits a list of parameters at its commas, except those in quotes or
// parentheses, and takes quotes and white space off: `"SM",3` is SM and 3,
// `("SM","ME"),(0-2)` is ("SM","ME") and (0-2). An empty string has none.
func Params(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var params []string
	quoted, depth, start := false, 0, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ',' && !quoted && depth == 0:
			params = append(params, unquote(strings.TrimSpace(s[start:i])))
			start = i + 1
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '(' && !quoted:
			depth++
		case s[i] == ')' && !quoted && depth > 0:
			depth--
		}
	}
	return params
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' && !strings.Contains(s[1:len(s)-1], `"`) {
		return s[1 : len(s)-1]
	}
	return s
}

// nameOf returns the name of a line that has one, and what follows it: a mark
// that starts extended commands, a letter, letters and digits, then a colon or
// the end.
func nameOf(line string) (name, rest string, ok bool) {
	if len(line) < 2 || !isMark(line[0]) || !isLetter(line[1]) {
		return "", "", false
	}
	end := 2
	for end < len(line) && (isLetter(line[end]) || isDigit(line[end]) || line[end] == '_') {
		end++
	}
	name = line[:end]
	switch rest = strings.TrimLeft(line[end:], " \t"); {
	case rest == "":
		return name, "", true
	case rest[0] == ':':
		return name, strings.TrimSpace(rest[1:]), true
	default:
		return "", "", false
	}
}

// isMark tells the characters that start an extended command: + of V.250, and
// those of the makers (^ Huawei and Cinterion, # Telit, * SIMCom and Ericsson,
// % Altair and Nordic, $ Qualcomm, ! Sierra, _ ).
func isMark(c byte) bool { return strings.IndexByte("+^#*%$!_", c) >= 0 }

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isHex tells whether a line may be a PDU. Half an octet is not one, but it is
// no other line either.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'A' || c > 'F') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// isTwoLine tells the URCs whose second line is a PDU (3GPP TS 27.005, 3.4.1).
func isTwoLine(name string) bool {
	return name == "+CMT" || name == "+CDS" || name == "+CBM"
}

// isURCName tells the URCs that come in the middle of an answer of which any
// line may be a part. Within others, whatever has another name than the
// command is one.
func isURCName(name string) bool {
	switch name {
	case "+CMTI", "+CMT", "+CDSI", "+CDS", "+CBMI", "+CBM",
		"+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CIEV", "+CGEV", "+CTZV", "+CTZE", "+CTZR", "+CTZDST", "+NITZ",
		"+CRING", "+CLIP", "+CCWA", "+CUSD", "+CSSI", "+CSSU", "+CCIOTOPTI", "+CSCON",
		"+CPIN", "+CFUN", "+PBREADY", "+QIND", "+QUSIM", "+QSIMSTAT", "+QNTP",
		"+UUSIMSTAT", "+UMWI", "+UCMT", "+CME", "+SIND", "+CPSI", "*PSUTTZ", "*PSNWID", "*ATREADY", "#PSNT", "#SIMST", "#QSS":
		return true
	}
	// Huawei's come every few seconds (^RSSI, ^MODE, ^HCSQ, ^DSFLOWRPT), and no
	// answer to a command without a name has lines of this kind.
	return name[0] == '^'
}

// isBareURC tells the URCs without a name.
func isBareURC(line string) bool {
	switch strings.ToUpper(line) {
	case "RING", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE",
		"RDY", "START", "READY", "SMS READY", "CALL READY", "SMS DONE", "PB DONE", "SIM READY",
		"POWERED DOWN", "NORMAL POWER DOWN", "UNDER-VOLTAGE POWER DOWN", "OVER-VOLTAGE POWER DOWN",
		"UNDER-VOLTAGE WARNING", "UNDER-VOLTAGE WARNNING", "OVER-VOLTAGE WARNING", "OVER-VOLTAGE WARNNING":
		return true
	}
	return false
}

// isRegistrationURC tells the unsolicited form of +CREG and its like,
// "<stat>[,<lac>,...]", from the answer to the read command, "<n>,<stat>[,...]"
// (3GPP TS 27.007, 7.2): a <lac> has four digits, and quotes but for some modems.
func isRegistrationURC(name, args string) bool {
	switch name {
	case "+CREG", "+CGREG", "+CEREG", "+C5GREG":
	default:
		return false
	}
	if strings.HasPrefix(args, "(") {
		return false // of the test command
	}
	_, rest, _ := strings.Cut(args, ",")
	second, _, _ := strings.Cut(rest, ",")
	second = strings.TrimSpace(second)
	return len(second) < 1 || len(second) > 2 || !isDigit(second[0])
}

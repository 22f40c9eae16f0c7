package gsm

import (
	"strconv"
	"strings"

	"telegraf-hologram/internal/at"
)

// record is a message as AT+CMGL and AT+CMGR give it.
type record struct {
	index  int
	stat   int // 0 unread, 1 read, 2 unsent, 3 sent (3GPP TS 27.005 3.1); -1 untold
	length int // octets of the TPDU, 0 if untold
	pdu    string
}

// received tells whether a record is a message that came in.
func (r record) received() bool { return r.stat < 2 }

// parseList reads the answer to AT+CMGL (3GPP TS 27.005 3.4.2), and tells whether
// each record has its PDU. The name of the sender, between state and length, may
// be missing altogether.
func parseList(lines []string) (records []record, whole bool) {
	whole = true
	for i := 0; i < len(lines); i++ {
		args, ok := cutName(lines[i], "+CMGL")
		if !ok {
			whole = false
			continue
		}
		p := at.Params(args)
		if i+1 == len(lines) || len(p) == 0 || number(p[0]) < 0 {
			whole = false
			continue
		}
		if _, header := cutName(lines[i+1], "+CMGL"); header {
			whole = false
			continue
		}
		i++
		r := record{index: number(p[0]), stat: -1, pdu: lines[i]}
		if len(p) > 2 {
			r.stat = number(p[1])
		}
		if len(p) > 1 {
			r.length = max(number(p[len(p)-1]), 0)
		}
		records = append(records, r)
	}
	return records, whole
}

// valuesOf reads a list of numbers as test commands give it: (0-2), (0,1,3), (2),
// or 2.
func valuesOf(group string) []int {
	var values []int
	for part := range strings.SplitSeq(strings.Trim(group, "() "), ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		low := number(strings.TrimSpace(first))
		high := low
		if isRange {
			high = number(strings.TrimSpace(last))
		}
		for n := low; n >= 0 && n <= high && len(values) < 256; n++ {
			values = append(values, n)
		}
	}
	return values
}

// argsOf returns what follows the name in the first line that has it.
func argsOf(lines []string, name string) string {
	for _, line := range lines {
		if args, ok := cutName(line, name); ok {
			return args
		}
	}
	return ""
}

// cutName takes the name and the colon off a line.
func cutName(line, name string) (args string, ok bool) {
	if len(line) < len(name) || !strings.EqualFold(line[:len(name)], name) {
		return "", false
	}
	args, ok = strings.CutPrefix(strings.TrimLeft(line[len(name):], " \t"), ":")
	return strings.TrimSpace(args), ok
}

// number reads a number, -1 if it is none.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

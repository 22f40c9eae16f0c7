package smstext

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// function is a function of templates.
type function struct {
	op          op
	name        string
	least, most int    // arguments; most is -1 for any number
	want        string // them in words
}

type op int

const (
	opAnd op = iota
	opOr
	opNot
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opLen
	opIndex
	opPrint
	opPrintf
	opPrintln
	opDate
	opDefault
	opDuration
	opLocal
	opLower
	opRound
	opTrunc
	opUpper
)

// functions are in the order in which an error lists them.
var functions = [...]function{
	{opAnd, "and", 1, -1, "1 or more"},
	{opOr, "or", 1, -1, "1 or more"},
	{opNot, "not", 1, 1, "1"},
	{opEq, "eq", 2, -1, "2 or more"},
	{opNe, "ne", 2, 2, "2"},
	{opLt, "lt", 2, 2, "2"},
	{opLe, "le", 2, 2, "2"},
	{opGt, "gt", 2, 2, "2"},
	{opGe, "ge", 2, 2, "2"},
	{opLen, "len", 1, 1, "1"},
	{opIndex, "index", 2, 2, "2: .Tags or .Fields, and a key"},
	{opPrint, "print", 0, -1, ""},
	{opPrintf, "printf", 1, -1, "1 or more"},
	{opPrintln, "println", 0, -1, ""},
	{opDate, "date", 2, 2, `2: a layout such as "15:04" and a time`},
	{opDefault, "default", 2, 2, "2: what to say in place of nothing, and a value"},
	{opDuration, "duration", 1, 1, "1: a number of seconds"},
	{opLocal, "local", 1, 1, "1: a time"},
	{opLower, "lower", 1, 1, "1"},
	{opRound, "round", 2, 2, "2: how many decimals, and a number"},
	{opTrunc, "trunc", 2, 2, "2: how many characters, and a text"},
	{opUpper, "upper", 1, 1, "1"},
}

func functionOf(name string) *function {
	for i := range functions {
		if functions[i].name == name {
			return &functions[i]
		}
	}
	return nil
}

func functionNames() string {
	names := make([]string, 0, len(functions))
	for i := range functions {
		names = append(names, functions[i].name)
	}
	return strings.Join(names, ", ")
}

// lazy tells whether a function looks at no more arguments than it needs.
func (f *function) lazy() bool { return f.op <= opOr }

// copies tells whether a function writes all its arguments, which must not be
// too long then.
func (f *function) copies() bool {
	return f.op >= opPrint && f.op <= opPrintln || f.op == opLower || f.op == opUpper
}

const maxDecimals = 15

// problem says what is wrong with a first argument, "" if nothing is.
func (f *function) problem(first any) string {
	most, what := 0, ""
	switch f.op {
	case opPrintf:
		return formatProblem(first)
	case opDate:
		if kind := kindOf(first); kind != aText {
			return "the layout is " + kind.String() + "; want a text"
		}
		return ""
	case opRound:
		most, what = maxDecimals, " decimals"
	case opTrunc:
		most, what = MaxText, " characters"
	default:
		return ""
	}
	if n := numberOf(first); n.isWhole && !n.big && n.whole >= 0 && n.whole <= int64(most) {
		return ""
	}
	return "the first value is not 0 to " + strconv.Itoa(most) + what
}

// formatProblem checks a format for printf. Widths are bounded, since a short one
// can make a long text.
func formatProblem(v any) string {
	format, ok := v.(string)
	if !ok {
		return "the format is " + kindOf(v).String() + "; want a text"
	}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		digits := 0
		for i++; i < len(format) && strings.IndexByte("0123456789+-# .[]", format[i]) >= 0; i++ {
			if digits++; format[i] < '0' || format[i] > '9' {
				digits = 0
			}
			if digits > len("100") {
				return "the format has a width above 999"
			}
		}
		if i < len(format) && format[i] == '*' {
			return "the format has a width of *; want a number"
		}
	}
	return ""
}

// call carries out a function that is not lazy.
func (r *run) call(f *function, args []any) any {
	for i, a := range args {
		if a == part(aMetric) {
			r.stop(errWhole)
		}
		if !f.copies() {
			continue
		}
		if s, ok := a.(string); ok {
			r.bounded(s)
		}
		args[i] = r.plain(a)
	}
	if len(args) == 0 {
		args = []any{""} // to print: nothing
	}
	first, last := args[0], args[len(args)-1]
	if problem := f.problem(first); problem != "" {
		r.fail("%s", problem)
	}
	kind := kindOf(last)
	text := ""
	switch f.op {
	case opNot:
		return !r.truth(first)
	case opEq:
		for _, b := range args[1:] {
			if equal, _, _ := r.compare(first, b); equal {
				return true
			}
		}
		return false
	case opNe:
		equal, _, _ := r.compare(first, last)
		return !equal
	case opLt, opLe, opGt, opGe:
		equal, less, ordered := r.compare(first, last)
		if !ordered {
			r.fail("%v and %v have no order", kindOf(first), kind)
		}
		return less == (f.op <= opLe) && !equal || equal && (f.op == opLe || f.op == opGe)
	case opLen:
		switch kind {
		case aText:
			s, _ := first.(string)
			return len(s)
		case allTags, allFields:
			return r.count(kind)
		}
		r.fail("%v has no length", kind)
	case opIndex:
		if kind != aText {
			r.fail("the key is %v; want a text", kind)
		}
		of := kindOf(first)
		if of != allTags && of != allFields {
			r.fail("%v has no keys; want .Tags or .Fields", of)
		}
		key, _ := last.(string)
		v := r.get(first, key, nil)
		if v == nil && of == allTags {
			return ""
		}
		return v
	case opPrint:
		text = fmt.Sprint(args...)
	case opPrintln:
		text = fmt.Sprintln(args...)
	case opPrintf:
		format, _ := first.(string)
		text = fmt.Sprintf(format, args[1:]...)
	case opDate:
		t, ok := last.(time.Time)
		if !ok {
			r.fail("the second value is %v; want a time such as .Time", kind)
		}
		layout, _ := first.(string)
		text = t.Format(layout)
	case opDefault: // 0 and false are values
		if kind == nothing || last == "" {
			return first
		}
		return last
	case opDuration:
		if kind != aWhole && kind != aDecimal {
			r.fail("this is %v; want a number of seconds", kind)
		}
		seconds := math.Round(numberOf(last).decimal)
		if !(math.Abs(seconds) <= math.MaxInt64/float64(time.Second)-1) {
			r.fail("the number of seconds is out of range")
		}
		text = (time.Duration(seconds) * time.Second).String()
	case opLocal:
		t, ok := last.(time.Time)
		if !ok {
			r.fail("this is %v; want a time such as .Time", kind)
		}
		return t.Local()
	case opLower, opUpper:
		if kind != nothing {
			text = fmt.Sprint(last)
		}
		if f.op == opLower {
			text = strings.ToLower(text)
		} else {
			text = strings.ToUpper(text)
		}
	case opRound:
		if kind != aDecimal {
			return last
		}
		text = round(numberOf(last).decimal, int(numberOf(first).whole))
	case opTrunc:
		if kind == nothing {
			return last
		}
		text = truncate(fmt.Sprint(r.plain(last)), numberOf(first).whole)
	}
	return r.bounded(text)
}

// compare compares two values; nothing is equal to nothing only. Where they are
// not ordered, less means nothing.
func (r *run) compare(a, b any) (equal, less, ordered bool) {
	kind, other := kindOf(a), kindOf(b)
	switch {
	case kind == nothing || other == nothing:
		return kind == other, false, false
	case kind <= aDecimal && other <= aDecimal:
		equal, less = compareNumbers(numberOf(a), numberOf(b))
		return equal, less, true
	case kind == aText && other == aText:
		s, _ := a.(string)
		t, _ := b.(string)
		return s == t, s < t, true
	case kind == other && kind <= aTime:
		return a == b, false, false // times as text/template does
	}
	r.fail("%v cannot be compared with %v", kind, other)
	return false, false, false
}

// round writes a number with so many decimals at most, without zeros at their end
// and without an exponent.
func round(f float64, decimals int) string {
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		s = "0"
	}
	return s
}

// truncate cuts a text to so many characters.
func truncate(s string, n int64) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return s
}

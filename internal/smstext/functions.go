package smstext

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// function is a function of templates.
type function struct {
	name        string
	least, most int    // arguments; most is -1 for any number
	want        string // them in words
	// check says what is wrong with a first argument that the template gives.
	check func(first any) error
	// lazy marks and and or, which run carries out.
	lazy bool
	call func(args []any) (any, error)
}

// functions are in the order in which an error lists them.
var functions = [...]function{
	{name: "and", least: 1, most: -1, want: "1 or more", lazy: true},
	{name: "or", least: 1, most: -1, want: "1 or more", lazy: true},
	{name: "not", least: 1, most: 1, want: "1", call: func(a []any) (any, error) { return !truth(a[0]), noMetric(a) }},
	{name: "eq", least: 2, most: -1, want: "2 or more", call: callEq},
	{name: "ne", least: 2, most: 2, want: "2", call: compareWith(func(c comparison) bool { return !c.equal })},
	{name: "lt", least: 2, most: 2, want: "2", call: orderWith(func(c comparison) bool { return c.less })},
	{name: "le", least: 2, most: 2, want: "2", call: orderWith(func(c comparison) bool { return c.less || c.equal })},
	{name: "gt", least: 2, most: 2, want: "2", call: orderWith(func(c comparison) bool { return !c.less && !c.equal })},
	{name: "ge", least: 2, most: 2, want: "2", call: orderWith(func(c comparison) bool { return !c.less })},
	{name: "len", least: 1, most: 1, want: "1", call: callLen},
	{name: "index", least: 2, most: 2, want: "2: .Tags or .Fields, and a key", call: callIndex},
	{name: "print", most: -1, call: printWith(fmt.Sprint)},
	{name: "printf", least: 1, most: -1, want: "1 or more", check: checkFormat, call: callPrintf},
	{name: "println", most: -1, call: printWith(fmt.Sprintln)},
	{name: "date", least: 2, most: 2, want: `2: a layout such as "15:04" and a time`, check: wantText, call: callDate},
	{name: "default", least: 2, most: 2, want: "2: what to say in place of nothing, and a value", call: callDefault},
	{name: "duration", least: 1, most: 1, want: "1: a number of seconds", call: callDuration},
	{name: "local", least: 1, most: 1, want: "1: a time", call: callLocal},
	{name: "lower", least: 1, most: 1, want: "1", call: textWith(strings.ToLower)},
	{name: "round", least: 2, most: 2, want: "2: how many decimals, and a number", check: checkDecimals, call: callRound},
	{name: "trunc", least: 2, most: 2, want: "2: how many characters, and a text", check: checkLength, call: callTrunc},
	{name: "upper", least: 1, most: 1, want: "1", call: textWith(strings.ToUpper)},
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

// noMetric refuses the metric as an argument.
func noMetric(args []any) error {
	for _, a := range args {
		if _, ok := a.(root); ok {
			return errWhole
		}
	}
	return nil
}

// comparison is how one value is to another.
type comparison struct {
	equal, less bool
	ordered     bool // less means something
}

// compare compares two values; nothing is equal to nothing only.
func compare(a, b any) (c comparison, err error) {
	switch x := a.(type) {
	case bool:
		if y, ok := b.(bool); ok {
			return comparison{equal: x == y}, nil
		}
	case string:
		if y, ok := b.(string); ok {
			return comparison{equal: x == y, less: x < y, ordered: true}, nil
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return comparison{equal: x == y}, nil //nolint:revive,staticcheck // what text/template does
		}
	case int, int64, uint64, float64:
		switch b.(type) {
		case int, int64, uint64, float64:
			return compareNumbers(a, b), nil
		}
	}
	if err := noMetric([]any{a, b}); err != nil {
		return c, err
	}
	if a == nil || b == nil {
		return comparison{equal: a == nil && b == nil}, nil
	}
	return c, fmt.Errorf("%s cannot be compared with %s", kindOf(a), kindOf(b))
}

func compareNumbers(a, b any) comparison {
	x, xBig, xWhole := whole(a)
	y, yBig, yWhole := whole(b)
	switch {
	case !xWhole || !yWhole:
		f, g := decimal(a), decimal(b)
		return comparison{f == g, f < g, true}
	case xBig != yBig:
		return comparison{false, yBig, true}
	case xBig: // the same order without the sign
		return comparison{x == y, uint64(x) < uint64(y), true}
	}
	return comparison{x == y, x < y, true}
}

// whole returns a whole number; big tells that it is beyond int64, and n its
// bits.
func whole(v any) (n int64, big, ok bool) {
	switch v := v.(type) {
	case int:
		return int64(v), false, true
	case int64:
		return v, false, true
	case uint64:
		return int64(v), v > math.MaxInt64, true
	}
	return 0, false, false
}

// decimal returns a number as a float64.
func decimal(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}

func callEq(args []any) (any, error) {
	for _, b := range args[1:] {
		c, err := compare(args[0], b)
		if c.equal || err != nil {
			return c.equal, err
		}
	}
	return false, nil
}

func compareWith(say func(comparison) bool) func([]any) (any, error) {
	return func(args []any) (any, error) {
		c, err := compare(args[0], args[1])
		if err != nil {
			return nil, err
		}
		return say(c), nil
	}
}

func orderWith(say func(comparison) bool) func([]any) (any, error) {
	return func(args []any) (any, error) {
		c, err := compare(args[0], args[1])
		if err == nil && !c.ordered {
			err = fmt.Errorf("%s and %s have no order", kindOf(args[0]), kindOf(args[1]))
		}
		if err != nil {
			return nil, err
		}
		return say(c), nil
	}
}

func callLen(args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return len(v), nil
	case map[string]string:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return nil, fmt.Errorf("%s has no length", kindOf(args[0]))
}

func callIndex(args []any) (any, error) {
	key, ok := args[1].(string)
	if !ok {
		return nil, fmt.Errorf("the key is %s; want a text", kindOf(args[1]))
	}
	switch v := args[0].(type) {
	case map[string]string:
		return v[key], nil
	case map[string]any:
		return v[key], nil
	}
	return nil, fmt.Errorf("%s has no keys; want .Tags or .Fields", kindOf(args[0]))
}

func printWith(sprint func(...any) string) func([]any) (any, error) {
	return func(args []any) (any, error) {
		if err := printable(args); err != nil {
			return nil, err
		}
		return bounded(sprint(args...))
	}
}

// printable bounds what is printed: the metric and texts that are too long are
// not.
func printable(args []any) error {
	for _, a := range args {
		if s, ok := a.(string); ok && len(s) > MaxText {
			return errLong
		}
	}
	return noMetric(args)
}

func callPrintf(args []any) (any, error) {
	if err := checkFormat(args[0]); err != nil {
		return nil, err
	}
	if err := printable(args); err != nil {
		return nil, err
	}
	return bounded(fmt.Sprintf(args[0].(string), args[1:]...)) //nolint:forcetypeassert // checkFormat has seen it
}

// checkFormat checks a format for printf. Widths are bounded, since a short one
// can make a long text.
func checkFormat(v any) error {
	format, ok := v.(string)
	if !ok {
		return fmt.Errorf("the format is %s; want a text", kindOf(v))
	}
	if len(format) > MaxText {
		return errLong
	}
	for {
		_, rest, ok := strings.Cut(format, "%")
		if !ok {
			return nil
		}
		end := len(rest) - len(strings.TrimLeft(rest, "+-# 0123456789.[]"))
		if strings.HasPrefix(rest[end:], "*") {
			return errors.New("the format has a width of *; want a number")
		}
		for number := range strings.FieldsFuncSeq(rest[:end], func(r rune) bool { return r < '0' || r > '9' }) {
			if len(number) > len("100") {
				return errors.New("the format has a width above 999")
			}
		}
		if format = rest[end:]; strings.HasPrefix(format, "%") {
			format = format[1:]
		}
	}
}

func wantText(v any) error {
	if _, ok := v.(string); !ok {
		return fmt.Errorf("the layout is %s; want a text", kindOf(v))
	}
	return nil
}

// callDate formats a time in UTC, unless local has made it one of this place.
func callDate(args []any) (any, error) {
	if err := wantText(args[0]); err != nil {
		return nil, err
	}
	t, ok := args[1].(time.Time)
	if !ok {
		return nil, fmt.Errorf("the second value is %s; want a time such as .Time", kindOf(args[1]))
	}
	return bounded(t.Format(args[0].(string))) //nolint:forcetypeassert // wantText has seen it
}

func callLocal(args []any) (any, error) {
	t, ok := args[0].(time.Time)
	if !ok {
		return nil, fmt.Errorf("this is %s; want a time such as .Time", kindOf(args[0]))
	}
	return t.Local(), nil
}

// callDefault puts the first value in place of nothing and of empty text; 0 and
// false are values.
func callDefault(args []any) (any, error) {
	if args[1] == nil || args[1] == "" {
		return args[0], noMetric(args)
	}
	return args[1], noMetric(args)
}

// callDuration makes "1h2m3s" of a number of seconds.
func callDuration(args []any) (any, error) {
	switch args[0].(type) {
	case int, int64, uint64, float64:
	default:
		return nil, fmt.Errorf("this is %s; want a number of seconds", kindOf(args[0]))
	}
	seconds := math.Round(decimal(args[0]))
	if !(math.Abs(seconds) <= math.MaxInt64/float64(time.Second)-1) {
		return nil, errors.New("the number of seconds is out of range")
	}
	return (time.Duration(seconds) * time.Second).String(), nil
}

func textWith(change func(string) string) func([]any) (any, error) {
	return func(args []any) (any, error) {
		if args[0] == nil {
			return "", nil
		}
		if err := printable(args); err != nil {
			return nil, err
		}
		return bounded(change(fmt.Sprint(args[0])))
	}
}

const maxDecimals = 15

func checkDecimals(v any) error {
	if n, big, ok := whole(v); !ok || big || n < 0 || n > maxDecimals {
		return fmt.Errorf("the first value is not 0 to %d decimals", maxDecimals)
	}
	return nil
}

// callRound writes a decimal number with so many decimals at most, without
// zeros at their end and without an exponent. All else stays as it is.
func callRound(args []any) (any, error) {
	if err := checkDecimals(args[0]); err != nil {
		return nil, err
	}
	f, ok := args[1].(float64)
	if !ok {
		return args[1], noMetric(args)
	}
	decimals, _, _ := whole(args[0])
	s := strconv.FormatFloat(f, 'f', int(decimals), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		s = "0"
	}
	return s, nil
}

func checkLength(v any) error {
	if n, big, ok := whole(v); !ok || big || n < 0 || n > MaxText {
		return fmt.Errorf("the first value is not 0 to %d characters", MaxText)
	}
	return nil
}

// callTrunc cuts a text to so many characters.
func callTrunc(args []any) (any, error) {
	if err := checkLength(args[0]); err != nil {
		return nil, err
	}
	if err := noMetric(args); err != nil || args[1] == nil {
		return args[1], err
	}
	s, ok := args[1].(string)
	if !ok {
		s = fmt.Sprint(args[1])
	}
	n, _, _ := whole(args[0])
	for i := range s {
		if n--; n < 0 {
			return bounded(s[:i])
		}
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return bounded(s)
}

package execd

import (
	"fmt"
	"strconv"
	"strings"
)

// PartialWriteError is what an output's Write returns when some metrics of the call are settled and others are not; it
// has the meaning of the error of that name in Telegraf (TSD-008). The indices are into the slice that was given to
// Write. A metric in neither list is offered again, in the same order and before any other, in the next call. An index
// in both lists counts as accepted.
type PartialWriteError struct {
	// Err says why not all metrics were accepted.
	Err error
	// MetricsAccept are the metrics that arrived.
	MetricsAccept []int
	// MetricsReject are the metrics that will never arrive and are not to be offered again.
	MetricsReject []int
	// MetricsRejectErrors says for each of MetricsReject why; where it is shorter, Err is the reason.
	MetricsRejectErrors []error
}

// Error returns the text of Err.
func (e *PartialWriteError) Error() string {
	if e.Err == nil {
		return "not all metrics were accepted"
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *PartialWriteError) Unwrap() error { return e.Err }

// rejectReason is why the metric at MetricsReject[i] was refused.
func (e *PartialWriteError) rejectReason(i int) error {
	if i < len(e.MetricsRejectErrors) && e.MetricsRejectErrors[i] != nil {
		return e.MetricsRejectErrors[i]
	}
	return e
}

// LeftError says that Run ended with metrics that it could not send and that nobody keeps.
type LeftError struct {
	// Metrics is how many were left, at least 1.
	Metrics int
	// Err is why the last try failed; nil when time ran out.
	Err error
}

// Error says how many metrics were left and why.
func (e *LeftError) Error() string {
	reason := "the time to send them ran out"
	if e.Err != nil {
		reason = e.Err.Error()
	}
	return plural(e.Metrics, "metric") + " could not be sent before the end and are lost: " + reason
}

// Unwrap returns Err.
func (e *LeftError) Unwrap() error { return e.Err }

// OptionError is a wrong option. A plugin's Init that returns one (anywhere in its error's chain) has the line of the
// option put before its text.
type OptionError struct {
	// Option is the option's name; that of one in a table has the table's before it, as in "proxy.address".
	Option string
	// Value is what was given; nil is not shown, and neither is the value of an option whose name says that it is a
	// secret.
	Value any
	// Problem says what is wrong with it, such as "is too long".
	Problem string
	// Want says what would be right, such as `a duration such as "60s"`; it may be empty.
	Want string
}

// Error is of the form `option = value: problem; want this`.
func (e *OptionError) Error() string {
	var value string
	switch v := e.Value.(type) {
	case nil:
	case string:
		value = strconv.Quote(v)
	default:
		value = fmt.Sprint(v)
	}
	return optionText(e.Option, value, (&valueError{e.Problem, e.Want}).Error())
}

// valueError is an OptionError that does not know its option yet: an option type returns it, the decoder completes it.
type valueError struct{ problem, want string }

func (e *valueError) Error() string {
	switch {
	case e.want == "":
		return e.problem
	case e.problem == "":
		return "want " + e.want
	}
	return e.problem + "; want " + e.want
}

// optionText joins the parts of a message about an option; source is its value as in the file, or empty.
func optionText(option, source, text string) string {
	const longest = 100 // bytes of a value that are shown
	switch {
	case source == "":
		return option + ": " + text
	case secret(option):
		source = hidden
	case len(source) > longest:
		source = strings.ToValidUTF8(source[:longest], "") + "…"
	}
	return option + " = " + source + ": " + text
}

const hidden = "(hidden)"

// secret tells whether an option's value must not be shown, because of its name or that of a table it is in: it is a
// secret, or has telephone numbers ("to").
func secret(option string) bool {
	if strings.HasSuffix(option, "_file") {
		return false
	}
	option = strings.ReplaceAll(strings.ToLower(option), ".", "_")
	for _, word := range []string{"key", "secret", "password", "passwd", "token", "credential", "pin", "auth", "to"} {
		for part := range strings.SplitSeq(option, "_") {
			if part == word || part == word+"s" {
				return true
			}
		}
	}
	return false
}

// plural returns "1 metric", "2 metrics" and so on.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

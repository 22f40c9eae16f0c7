package at

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The errors of a [Driver], besides [CMEError], [CMSError] and the errors of
// contexts.
var (
	// ErrFailed is the final result ERROR, which gives no reason.
	ErrFailed = errors.New("the modem answered ERROR")
	// ErrNotSupported is Huawei's COMMAND NOT SUPPORT and its like.
	ErrNotSupported = errors.New("the modem does not support the command")
	// ErrNoCarrier is how a call ended, the answer to ATD and ATA only.
	ErrNoCarrier = errors.New("no carrier")
	// ErrTimeout says that the final result did not come in time. The driver
	// resynchronises before the next command.
	ErrTimeout = errors.New("the modem did not answer in time")
	// ErrNoPrompt says that the modem took a command without asking for data.
	ErrNoPrompt = errors.New("the modem did not ask for data")
	// ErrTooLong says that an answer exceeds Options.MaxAnswer.
	ErrTooLong = errors.New("the answer is too long")
	// ErrInvalid says that a command cannot be sent as it is: it does not start
	// with AT, is too long, or holds control characters.
	ErrInvalid = errors.New("not a valid command")
	// ErrClosed says that the driver is closed, by its owner or because its port
	// failed; the error then wraps the cause as well.
	ErrClosed = errors.New("the port is closed")
	// ErrUnresponsive is the cause where the modem did not answer while the
	// driver tried to resynchronise.
	ErrUnresponsive = errors.New("the modem does not respond")
	// ErrWriteTimeout is the cause where the port did not take a command.
	ErrWriteTimeout = errors.New("the port takes no data")
)

// NoCode is the code of a [CMEError] or [CMSError] that came as a text
// (AT+CMEE=2), if the text is not one that is known.
const NoCode = -1

// CMEError is the final result "+CME ERROR" (3GPP TS 27.007, 9.2).
type CMEError struct {
	Code int    // NoCode, or 0 to 65535
	Text string // what the modem said, or the meaning of Code; may be empty
}

// Error describes the error with its number.
func (e *CMEError) Error() string { return errorText("CME", e.Code, e.Text) }

// CMSError is the final result "+CMS ERROR" (3GPP TS 27.005, 3.2.5).
type CMSError struct {
	Code int    // NoCode, or 0 to 65535
	Text string // what the modem said, or the meaning of Code; may be empty
}

// Error describes the error with its number.
func (e *CMSError) Error() string { return errorText("CMS", e.Code, e.Text) }

func errorText(kind string, code int, text string) string {
	switch {
	case code == NoCode && text == "":
		return kind + " error"
	case code == NoCode:
		return fmt.Sprintf("%s error: %s", kind, text)
	case text == "":
		return fmt.Sprintf("%s error %d", kind, code)
	default:
		return fmt.Sprintf("%s error %d: %s", kind, code, text)
	}
}

type meaning struct {
	code int
	text string
}

// cmeMeanings are the general errors of 3GPP TS 27.007, 9.2.1, of which a modem
// without calls and phone book has a use.
var cmeMeanings = [...]meaning{
	{0, "phone failure"}, {1, "no connection to phone"}, {2, "phone-adaptor link reserved"},
	{3, "operation not allowed"}, {4, "operation not supported"}, {5, "PH-SIM PIN required"},
	{6, "PH-FSIM PIN required"}, {7, "PH-FSIM PUK required"},
	{10, "SIM not inserted"}, {11, "SIM PIN required"}, {12, "SIM PUK required"},
	{13, "SIM failure"}, {14, "SIM busy"}, {15, "SIM wrong"}, {16, "incorrect password"},
	{17, "SIM PIN2 required"}, {18, "SIM PUK2 required"}, {20, "memory full"},
	{21, "invalid index"}, {22, "not found"}, {23, "memory failure"}, {24, "text string too long"},
	{25, "invalid characters in text string"}, {26, "dial string too long"},
	{27, "invalid characters in dial string"}, {30, "no network service"}, {31, "network timeout"},
	{32, "network not allowed - emergency calls only"}, {40, "network personalization PIN required"},
	{50, "incorrect parameters"}, {100, "unknown"},
}

// cmsMeanings are those of 3GPP TS 27.005, 3.2.5, from 300 on. Below are the
// causes of the network (3GPP TS 24.011, annex E-2, and 23.040, 9.2.3.22).
var cmsMeanings = [...]meaning{
	{1, "unassigned number"}, {8, "operator determined barring"}, {10, "call barred"},
	{21, "short message transfer rejected"}, {27, "destination out of service"},
	{28, "unidentified subscriber"}, {29, "facility rejected"}, {30, "unknown subscriber"},
	{38, "network out of order"}, {41, "temporary failure"}, {42, "congestion"},
	{47, "resources unavailable"}, {50, "requested facility not subscribed"},
	{69, "requested facility not implemented"}, {208, "SIM SMS storage full"},
	{211, "memory capacity exceeded"},
	{300, "ME failure"}, {301, "SMS service of ME reserved"}, {302, "operation not allowed"},
	{303, "operation not supported"}, {304, "invalid PDU mode parameter"},
	{305, "invalid text mode parameter"}, {310, "SIM not inserted"}, {311, "SIM PIN required"},
	{312, "PH-SIM PIN required"}, {313, "SIM failure"}, {314, "SIM busy"}, {315, "SIM wrong"},
	{316, "SIM PUK required"}, {317, "SIM PIN2 required"}, {318, "SIM PUK2 required"},
	{320, "memory failure"}, {321, "invalid memory index"}, {322, "memory full"},
	{330, "SMSC address unknown"}, {331, "no network service"}, {332, "network timeout"},
	{340, "no +CNMA acknowledgement expected"}, {500, "unknown error"},
}

// codeAndText reads what follows "+CME ERROR:", a number or a text of the table,
// the case of which does not matter.
func codeAndText(s string, table []meaning) (int, string) {
	s = strings.TrimSpace(s)
	if code, err := strconv.ParseUint(s, 10, 16); err == nil {
		for _, m := range table {
			if m.code == int(code) {
				return m.code, m.text
			}
		}
		return int(code), ""
	}
	for _, m := range table {
		if strings.EqualFold(m.text, s) {
			return m.code, m.text
		}
	}
	return NoCode, s
}

// final tells whether a line ends an answer, and then with what error, if any.
func final(line string, dials bool) (ok bool, result error) {
	switch line {
	case "OK":
		return true, nil
	case "ERROR":
		return true, ErrFailed
	case "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED":
		return true, ErrNotSupported
	case "NO CARRIER", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE", "BUSY":
		// Without a call of ours it tells of somebody else's.
		return dials, ErrNoCarrier
	}
	if rest, ok := strings.CutPrefix(line, "+CME ERROR"); ok {
		code, text := codeAndText(strings.TrimPrefix(rest, ":"), cmeMeanings[:])
		return true, &CMEError{code, text}
	}
	if rest, ok := strings.CutPrefix(line, "+CMS ERROR"); ok {
		code, text := codeAndText(strings.TrimPrefix(rest, ":"), cmsMeanings[:])
		return true, &CMSError{code, text}
	}
	return false, nil
}

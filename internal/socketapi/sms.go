package socketapi

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// SMS is a text message that the cloud sends on behalf of the device
// ("SMS over IP").
type SMS struct {
	// To is the recipient in E.164 form; see [ValidNumber].
	To string
	// Text is UTF-8. Line breaks at its ends are dropped, and a run of them
	// within is sent as one newline, because two in a row end the message.
	// Hologram's SDK allows 160 characters; what the cloud does with more is
	// not documented.
	Text string
	// Before is called when there is a connection, before the first byte goes. An
	// error keeps the SMS from going. It may be nil.
	Before func() error
}

// ValidNumber says what is wrong with a telephone number, nil if nothing: it
// must be in E.164 form, '+' and 7 to 15 digits, the first of which is not 0.
// The error does not contain the number.
func ValidNumber(s string) error {
	if s == "" || s[0] != '+' {
		return errors.New("number must begin with '+' and the country code")
	}
	digits := s[1:]
	if len(digits) < 7 || len(digits) > 15 {
		return fmt.Errorf("number has %d characters after '+', must have 7 to 15 digits", len(digits))
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return errors.New("number may have only digits after '+'")
		}
	}
	if digits[0] == '0' {
		return errors.New("number has no country code: the first digit after '+' is 0")
	}
	return nil
}

// AppendSMS appends to dst the exact bytes that are sent for an SMS, the two
// newlines at the end included. An error means that dst is returned as it was:
// the credentials, the number or the text is not valid. It contains none of
// them.
func AppendSMS(dst []byte, cred Credentials, s SMS) ([]byte, error) {
	if err := cred.Validate(); err != nil {
		return dst, err
	}
	if err := ValidNumber(s.To); err != nil {
		return dst, err
	}
	if !utf8.ValidString(s.Text) {
		return dst, errors.New("text is not valid UTF-8")
	}
	out := append(dst, 'S')
	out = append(out, cred.joined()...)
	out = append(out, s.To...)
	out = append(out, ' ')
	start := len(out)
	breaks := false
	for i := range len(s.Text) {
		switch c := s.Text[i]; c {
		case '\n', '\r': // the service has been seen to end at "\r\r" as well
			breaks = true
		default:
			if breaks && len(out) > start {
				out = append(out, '\n')
			}
			breaks = false
			out = append(out, c)
		}
	}
	if len(out) == start {
		return dst, errors.New("text is empty")
	}
	return append(out, terminator...), nil
}

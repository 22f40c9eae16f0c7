package gsm

import (
	"errors"
	"strconv"
)

// What can be wrong with a PDU so that a part of the message is not known.
var (
	// ErrNotHex: there is no hexadecimal digit where the PDU should begin.
	ErrNotHex = errors.New("not hexadecimal")
	// ErrTruncated: the PDU ends before the message does.
	ErrTruncated = errors.New("ends too early")
	// ErrHeader: the user data header is longer than the user data.
	ErrHeader = errors.New("header longer than the user data")
)

// A DecodeError says where a PDU is damaged. It holds nothing of what the PDU
// says.
type DecodeError struct {
	Field  string // 3GPP TS 23.040's name of the field, such as TP-SCTS
	Offset int    // the octet of the PDU at which the field begins
	Err    error
}

// Error describes the damage.
func (e *DecodeError) Error() string {
	return e.Field + " at octet " + strconv.Itoa(e.Offset) + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

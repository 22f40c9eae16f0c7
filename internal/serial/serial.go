// Package serial opens a serial port for one process alone: raw, 8N1, without
// flow control, as a modem wants it. It works on Linux only.
//
// It says why a port cannot be opened so that a person can do something about
// it: above all, which process has it.
package serial

import (
	"errors"
	"strconv"
	"strings"
)

// The errors of [Open], besides [fs.ErrNotExist] and [fs.ErrPermission], which
// it wraps, and [*BusyError].
var (
	// ErrNotSerial says that the file is no serial port.
	ErrNotSerial = errors.New("not a serial port")
	// ErrNotSupported says that this is not Linux.
	ErrNotSupported = errors.New("serial ports are supported on Linux only")
)

// The range of baud rates that [Open] takes. A port may have fewer.
const (
	MinBaudRate = 50
	MaxBaudRate = 4_000_000
)

// Holder is a process that has a port open.
type Holder struct {
	PID  int
	Name string // of the program, its first 15 bytes
}

// String returns the name and the number of the process.
func (h Holder) String() string { return h.Name + " (process " + strconv.Itoa(h.PID) + ")" }

// BusyError says that another process has the port open.
type BusyError struct {
	Port string
	// Holders are the processes that have it, as far as this one may know: none
	// when they are another user's.
	Holders []Holder
}

// Error names the port and the processes.
func (e *BusyError) Error() string {
	if len(e.Holders) == 0 {
		return e.Port + " is in use by another process"
	}
	names := make([]string, len(e.Holders))
	for i, h := range e.Holders {
		names[i] = h.String()
	}
	return e.Port + " is in use by " + strings.Join(names, " and ")
}

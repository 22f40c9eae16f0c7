package modemsms

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"telegraf-hologram/internal/execd"
)

// The length of a PIN (3GPP TS 31.101 9.5.1).
const (
	minPIN = 4
	maxPIN = 8
)

var errPIN = errors.New("the first line is not 4 to 8 digits")

// readPIN reads the PIN out of a file.
func readPIN(name string) (string, error) {
	pin, err := execd.ReadFirstLine(name)
	if err != nil {
		return "", err
	}
	if len(pin) < minPIN || len(pin) > maxPIN || strings.Trim(pin, "0123456789") != "" {
		return "", errPIN
	}
	return pin, nil
}

// pinMark remembers over restarts that a PIN was refused: a SIM takes three tries,
// and a process that fails is started again for ever. It knows the PIN by the time
// at which its file was changed.
type pinMark struct {
	file, version string
}

// newPINMark returns the mark for the PIN in a file. Without a directory nothing
// is remembered.
func newPINMark(pinFile, dir string) pinMark {
	if pinFile == "" || dir == "" {
		return pinMark{}
	}
	info, err := os.Stat(pinFile)
	if err != nil {
		return pinMark{}
	}
	return pinMark{file: filepath.Join(dir, "pin.refused"), version: strconv.FormatInt(info.ModTime().UnixNano(), 10)}
}

// isSet tells whether the PIN was refused before.
func (p pinMark) isSet() bool {
	if p.file == "" {
		return false
	}
	version, err := execd.ReadFirstLine(p.file)
	return err == nil && version == p.version
}

// set remembers that the PIN was refused.
func (p pinMark) set() error {
	if p.file == "" {
		return nil
	}
	return os.WriteFile(p.file, []byte(p.version+"\n"), 0o600)
}

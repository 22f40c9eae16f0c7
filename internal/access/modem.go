package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/serial"
	"telegraf-hologram/internal/smsout"
)

// Modem are the options of a modem. The samples of the plugins describe them.
type Modem struct {
	// Port is the path of the serial port on which the modem takes AT commands.
	Port string `toml:"port"`
	// BaudRate is its speed in bits per second.
	BaudRate int `toml:"baud_rate"`
	// PINFile is a file with the PIN of the SIM in its first line.
	PINFile string `toml:"pin_file"`
	// InitCommands are AT commands for this modem each time it is initialised, 32
	// at most.
	InitCommands []string `toml:"init_commands"`
}

// DefaultModem returns the options that hold when a configuration sets none.
func DefaultModem() Modem { return Modem{BaudRate: defaultBaud} }

const (
	defaultBaud     = 115200
	maxInitCommands = 32
	maxInitLength   = 400
	minPIN, maxPIN  = 4, 8 // digits (3GPP TS 31.101 9.5.1)
)

// Check says which option is wrong, as an [*execd.OptionError]. It opens no port
// and reads no file.
func (m *Modem) Check() error {
	if problem := portProblem(m.Port); problem != "" {
		return &execd.OptionError{
			Option: "port", Value: m.Port, Problem: problem,
			Want: `the modem's port such as "/dev/serial/by-id/usb-Quectel_EG25-G-if02-port0" or "/dev/ttyUSB2"`,
		}
	}
	if m.BaudRate < serial.MinBaudRate || m.BaudRate > serial.MaxBaudRate {
		return &execd.OptionError{
			Option: "baud_rate", Value: m.BaudRate, Problem: "is out of range",
			Want: fmt.Sprintf("%d to %d bits per second", serial.MinBaudRate, serial.MaxBaudRate),
		}
	}
	if len(m.InitCommands) > maxInitCommands {
		return &execd.OptionError{
			Option: "init_commands", Problem: fmt.Sprintf("has %d commands", len(m.InitCommands)), Want: fmt.Sprintf("%d at most", maxInitCommands),
		}
	}
	for _, c := range m.InitCommands {
		problem := ""
		switch {
		case len(c) < 2 || !strings.EqualFold(c[:2], "AT"):
			problem = "does not begin with AT"
		case len(c) > maxInitLength:
			problem = fmt.Sprintf("is longer than %d characters", maxInitLength)
		case strings.ContainsFunc(c, func(r rune) bool { return r < ' ' || r > '~' }):
			problem = "has a character that no command may have"
		}
		if problem != "" {
			// A command may hold a password.
			return &execd.OptionError{Option: "init_commands", Problem: "one command " + problem, Want: `AT commands such as "AT+CFUN=1"`}
		}
	}
	return nil
}

// portProblem says why a text is no path of a port.
func portProblem(name string) string {
	switch {
	case name == "":
		return "is missing or empty"
	case !filepath.IsAbs(name):
		return "is not an absolute path"
	case strings.HasSuffix(name, "/"):
		return "is a directory"
	}
	return ""
}

var errPIN = errors.New("the first line is not 4 to 8 digits")

// PIN reads the PIN out of its file; "" if the options name none.
func (m *Modem) PIN() (string, error) {
	if m.PINFile == "" {
		return "", nil
	}
	pin, err := execd.ReadFirstLine(m.PINFile)
	if err == nil && (len(pin) < minPIN || len(pin) > maxPIN || strings.Trim(pin, "0123456789") != "") {
		err = errPIN
	}
	if err != nil {
		return "", fmt.Errorf("reading pin_file: %w", err)
	}
	return pin, nil
}

// PINMark remembers over restarts that a PIN was refused: a SIM takes three tries,
// and a process that fails is started again for ever. It knows the PIN by the time
// at which its file was changed. The zero value remembers nothing.
type PINMark struct {
	file, version string
}

// PINMark returns the mark for the PIN of the options, which is kept in dir.
// Without a directory nothing is remembered.
func (m *Modem) PINMark(dir string) PINMark {
	if m.PINFile == "" || dir == "" {
		return PINMark{}
	}
	info, err := os.Stat(m.PINFile)
	if err != nil {
		return PINMark{}
	}
	return PINMark{file: filepath.Join(dir, "pin.refused"), version: strconv.FormatInt(info.ModTime().UnixNano(), 10)}
}

// IsSet tells whether the PIN was refused before.
func (p PINMark) IsSet() bool {
	if p.file == "" {
		return false
	}
	version, err := execd.ReadFirstLine(p.file)
	return err == nil && version == p.version
}

// Set remembers that the PIN was refused.
func (p PINMark) Set() error {
	if p.file == "" {
		return nil
	}
	return os.WriteFile(p.file, []byte(p.version+"\n"), 0o600)
}

// Note remembers that the PIN was refused, if err says so.
func (p PINMark) Note(err error, log telegraf.Logger) {
	if !errors.Is(err, gsm.ErrPINRefused) {
		return
	}
	if err := p.Set(); err != nil {
		log.Errorf("It cannot be kept that the PIN was refused, and it is tried again at the next start: %v", err)
	}
}

// FreshPIN returns what PIN does, but "" for one that was refused before, which it
// logs. That one is refused is to be noted in the mark, which is kept in dir.
func (m *Modem) FreshPIN(dir string, log telegraf.Logger) (pin string, mark PINMark, err error) {
	if pin, err = m.PIN(); err != nil {
		return "", PINMark{}, err
	}
	if mark = m.PINMark(dir); mark.IsSet() {
		log.Errorf("The PIN in %s was refused before and is not tried again until the file is changed", m.PINFile)
		pin = ""
	}
	return pin, mark, nil
}

// SetWay sets up the way to send SMS through the modem of the options; what they do
// not say stays. A PIN that was refused is not tried again, which is kept in dir.
func (m *Modem) SetWay(way *smsout.Modem, dir string, log telegraf.Logger) error {
	pin, mark, err := m.FreshPIN(dir, log)
	if err != nil {
		return err
	}
	way.Port, way.BaudRate = m.Port, m.BaudRate
	way.Sender.PIN, way.Sender.InitCommands, way.Sender.Log = pin, m.InitCommands, log
	way.OnError = func(err error) { mark.Note(err, log) }
	return nil
}

package modem

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// pty is a pseudo-terminal: the modem has its master, who uses the modem opens
// its slave as a serial port.
type pty struct {
	*os.File
	path  string
	slave *os.File // kept open: without it, reading fails while nobody else has the slave open
}

// openPTY makes a pseudo-terminal whose slave is raw, as a serial port that a
// modem is behind: without that, it would echo the modem's own words to it.
func openPTY() (*pty, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make a pseudo-terminal: %w", err)
	}
	p := &pty{File: master}
	if err := p.setUp(); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("cannot make a pseudo-terminal: %w", err)
	}
	return p, nil
}

func (p *pty) setUp() error {
	raw, err := p.SyscallConn()
	if err != nil {
		return err
	}
	number := 0
	var failure error
	err = raw.Control(func(fd uintptr) {
		if failure = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failure == nil {
			number, failure = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil || failure != nil {
		return firstOf(err, failure)
	}
	p.path = "/dev/pts/" + strconv.Itoa(number)
	if p.slave, err = os.OpenFile(p.path, os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return err
	}
	slave, err := p.slave.SyscallConn()
	if err != nil {
		return err
	}
	err = slave.Control(func(fd uintptr) {
		var t *unix.Termios
		if t, failure = unix.IoctlGetTermios(int(fd), unix.TCGETS); failure != nil {
			return
		}
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8 | unix.CREAD | unix.CLOCAL
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		failure = unix.IoctlSetTermios(int(fd), unix.TCSETS, t)
	})
	return firstOf(err, failure)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Close hangs up: whoever has the slave open reads an end of file, and its device
// is gone.
func (p *pty) Close() error {
	if p.slave != nil {
		_ = p.slave.Close()
	}
	return p.File.Close()
}

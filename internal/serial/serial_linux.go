package serial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Port is an open serial port. Reading, writing and closing may be done by
// different goroutines; Close ends a Read and a Write that wait.
type Port struct {
	f *os.File
}

// Read reads what has come, and waits for it.
func (p *Port) Read(b []byte) (int, error) { return p.f.Read(b) }

// Write sends b.
func (p *Port) Write(b []byte) (int, error) { return p.f.Write(b) }

// Open opens the port at path, which may be a symbolic link such as those in
// /dev/serial/by-id, with a speed of baud bits per second, and keeps others from
// opening it. Baud has no meaning for most modems on USB.
//
// A process that has the port already is a reason to fail even if the port would
// let us in, as it does if we are root: two readers would each get a part of
// every answer.
func Open(path string, baud int) (*Port, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0) // not waiting for a carrier
	if err != nil {
		if errors.Is(err, unix.EBUSY) {
			return nil, busy(path)
		}
		return nil, err
	}
	p := &Port{f: f}
	if err := p.setUp(path, baud); err != nil {
		_ = f.Close()
		return nil, err
	}
	return p, nil
}

func (p *Port) setUp(path string, baud int) error {
	pseudo := false
	err := p.control(func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		major := unix.Major(uint64(st.Rdev))
		pseudo = st.Mode&unix.S_IFMT == unix.S_IFCHR && major >= firstPTY && major <= lastPTY
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS2); err != nil {
			return fmt.Errorf("%s: %w", path, ErrNotSerial)
		}
		if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
			return busy(path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Who made a pseudo-terminal may have both of its ends open, and would be kept out
	// for as long as it has: what TIOCEXCL does ends with the last of them only.
	if !pseudo {
		if holders := Holders(path); len(holders) > 0 {
			return &BusyError{Port: path, Holders: holders}
		}
	}
	return p.control(func(fd int) error {
		if !pseudo {
			_ = unix.IoctlSetInt(fd, unix.TIOCEXCL, 0)
		}
		if err := setRaw(fd, baud); err != nil {
			return fmt.Errorf("%s: cannot set it to %d baud: %w", path, baud, err)
		}
		// Some modems are silent unless DTR is on; a pseudo-terminal has none.
		_ = unix.IoctlSetPointerInt(fd, unix.TIOCMBIS, unix.TIOCM_DTR|unix.TIOCM_RTS)
		// What came before is nobody's answer.
		_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
		return nil
	})
}

// The major numbers of Unix98 pseudo-terminals.
const (
	firstPTY = 136
	lastPTY  = 143
)

// setRaw sets the port to raw mode, 8N1, no flow control.
func setRaw(fd, baud int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag &^= unix.CSIZE | unix.PARENB | unix.CSTOPB | unix.CRTSCTS | unix.CBAUD | unix.CBAUD<<unix.IBSHIFT
	t.Cflag |= unix.CS8 | unix.CREAD | unix.CLOCAL | unix.BOTHER | unix.BOTHER<<unix.IBSHIFT
	t.Ispeed, t.Ospeed = uint32(baud), uint32(baud)
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS2, t)
}

// Close closes the port. What was written and not sent is dropped: a frozen modem
// would keep Close for half a minute otherwise.
func (p *Port) Close() error {
	_ = p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH) })
	return p.f.Close()
}

// control calls f with the file descriptor. File.Fd would make it blocking, so
// that Close did not end a Read.
func (p *Port) control(f func(fd int) error) error {
	raw, err := p.f.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = f(int(fd)) }); err != nil {
		return err
	}
	return failure
}

func busy(path string) error { return &BusyError{Port: path, Holders: Holders(path)} }

// Holders returns the other processes that have the file at path open, as far as
// this one may look at them: all of them if it is root's.
func Holders(path string) []Holder {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = proc.Close() }()
	var found []Holder
	for {
		// A few at a time: this may be a small machine.
		names, err := proc.Readdirnames(64)
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err != nil || pid == os.Getpid() || !hasOpen(name, target) {
				continue
			}
			comm, _ := os.ReadFile("/proc/" + name + "/comm")
			found = append(found, Holder{PID: pid, Name: printable(string(comm))})
		}
		if err != nil || len(names) == 0 {
			break
		}
	}
	return found
}

// hasOpen tells whether a process has the file open.
func hasOpen(pid, target string) bool {
	dir, err := os.Open("/proc/" + pid + "/fd")
	if err != nil {
		return false
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for _, name := range names {
		if link, err := os.Readlink("/proc/" + pid + "/fd/" + name); err == nil && link == target {
			return true
		}
	}
	return false
}

// printable is the name of a program for a line of a log.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.TrimSpace(name))
	if name == "" {
		return "a program"
	}
	return name
}

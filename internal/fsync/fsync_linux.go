package fsync

import (
	"errors"
	"os"
	"syscall"
)

// data leaves out what fsync(2) also writes: the time of the last change, for which a journal is written each time.
func data(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

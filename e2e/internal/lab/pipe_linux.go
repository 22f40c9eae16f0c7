package lab

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// pipeLoad returns the bytes in the pipe f, of which f may be either end.
func pipeLoad(f *os.File) (n int, err error) {
	// f.Fd would make the pipe blocking, and its deadlines useless.
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := conn.Control(func(fd uintptr) {
		// FIONREAD, as Linux calls TIOCINQ too, answers at both ends of a pipe.
		n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	})
	return n, errors.Join(err, controlErr)
}

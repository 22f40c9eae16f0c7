package execd

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// shrinkPipe sets the capacity of the pipe f to size bytes. It returns errPipeBusy if there is more in it, and another
// error if f is no pipe.
func shrinkPipe(f *os.File, size int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := conn.Control(func(fd uintptr) {
		_, set = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size)
	}); err != nil {
		return err
	}
	if errors.Is(set, unix.EBUSY) {
		return errPipeBusy
	}
	return set
}

package execd

import (
	"errors"
	"io"
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

// hungUp tells whether nobody can write to the pipe r any more; what was written may still be in it.
func hungUp(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	var hup bool
	err = conn.Control(func(fd uintptr) {
		polled := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(polled, 0)
		hup = err == nil && polled[0].Revents&unix.POLLHUP != 0
	})
	return err == nil && hup
}

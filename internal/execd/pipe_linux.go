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

// growPipe sets the capacity of the pipe f to size bytes if it is less, as far as the system allows.
func growPipe(f *os.File, size int) {
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		if now, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); err == nil && now < size {
			_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size)
		}
	})
}

// unread returns how many bytes in the pipe f, of which it is the writer's end, were not read yet. It returns EPIPE if
// nobody will, and another error if f is no pipe.
func unread(f *os.File) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := conn.Control(func(fd uintptr) {
		// FIONREAD, as Linux calls TIOCINQ too, answers at both ends of a pipe.
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ); err != nil || n == 0 {
			return
		}
		polled := []unix.PollFd{{Fd: int32(fd)}}
		if _, e := unix.Poll(polled, 0); e == nil && polled[0].Revents&unix.POLLERR != 0 {
			err = unix.EPIPE
		}
	})
	return n, errors.Join(err, controlErr)
}

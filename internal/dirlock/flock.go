//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package dirlock

import (
	"errors"
	"os"
	"syscall"
)

// lock opens a file and locks it; locked tells that somebody else has it.
func lock(name string) (f *os.File, locked bool, err error) {
	f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Is(err, syscall.EWOULDBLOCK), errors.Join(os.NewSyscallError("flock", err), f.Close())
	}
	return f, false, nil
}

// unlock gives the lock back, also where a process that was just started has the file too for a moment.
func unlock(f *os.File) error {
	return errors.Join(os.NewSyscallError("flock", syscall.Flock(int(f.Fd()), syscall.LOCK_UN)), f.Close())
}

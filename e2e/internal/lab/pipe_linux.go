package lab

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeLoad returns the bytes in the pipe f, of which f may be either end.
func pipeLoad(f *os.File) (int, error) {
	// FIONREAD, as Linux calls TIOCINQ too, answers at both ends of a pipe.
	return unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
}

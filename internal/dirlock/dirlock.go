// Package dirlock keeps a second process out of a directory.
package dirlock

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LockedError says that another process, or somebody else in this one, has the directory.
type LockedError struct {
	// Dir is the directory.
	Dir string
	// PID is the process that has it, 0 if that is not known.
	PID int
}

// Error begins with the directory, to be read behind what is in it: `the queue in "/dir" is in use by process 7`.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%q is in use by another process", e.Dir)
	}
	return fmt.Sprintf("%q is in use by process %d", e.Dir, e.PID)
}

// Lock is the lock of a directory. It lasts until Release or until the process ends, however it ends.
type Lock struct{ file *os.File }

// Take takes the lock of a directory, which is a file "lock" in it. If somebody else has it the error is a *LockedError.
// Where a system has no lock that ends with the process, processes are not kept apart.
func Take(dir string) (*Lock, error) {
	name := filepath.Join(dir, "lock")
	f, locked, err := lock(name)
	if locked {
		text, _ := os.ReadFile(name)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, &LockedError{Dir: dir, PID: max(pid, 0)}
	}
	if err != nil {
		return nil, fmt.Errorf("%q cannot be locked: %w", dir, err)
	}
	// For people, and for the other process's message: the lock holds without, on a disk that is full.
	text := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := f.WriteAt([]byte(text), 0); err == nil {
		_ = f.Truncate(int64(len(text)))
	}
	return &Lock{f}, nil
}

// Release gives the lock back.
func (l *Lock) Release() error { return unlock(l.file) }

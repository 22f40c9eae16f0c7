package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LockedError says that another process, or another Disk of this one, has the queue.
type LockedError struct {
	// Dir is the directory of the queue.
	Dir string
	// PID is the process that has it, 0 if that is not known.
	PID int
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("the queue in %q is in use by another process", e.Dir)
	}
	return fmt.Sprintf("the queue in %q is in use by process %d", e.Dir, e.PID)
}

// lockDir takes the lock of a directory, which lasts until the file is closed or the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	f, locked, err := lock(name)
	if locked {
		text, _ := os.ReadFile(name)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, &LockedError{Dir: dir, PID: max(pid, 0)}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock %q: %w", name, err)
	}
	// For people, and for the other process's message: the lock holds without, on a disk that is full.
	text := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := f.WriteAt([]byte(text), 0); err == nil {
		_ = f.Truncate(int64(len(text)))
	}
	return f, nil
}

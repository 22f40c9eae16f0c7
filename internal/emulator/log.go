package emulator

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Log writes events to a file, one JSON object a line, in the shape of the
// Hologram cloud's own event JSON. Its methods may be called by several
// goroutines.
type Log struct {
	mu   sync.Mutex
	file *os.File
	flat bool
}

// OpenLog opens a log for appending and creates it, readable by its owner only,
// if it is not there. flat selects the cloud's older shape, with device_id and
// device_name in place of the device object.
func OpenLog(path string, flat bool) (*Log, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the log: %w", err)
	}
	l := &Log{file: file, flat: flat}
	torn, err := endsTorn(path)
	if err == nil && torn {
		// A line that an earlier run could not finish must not swallow the next one.
		_, err = file.WriteString("\n")
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("cannot open the log %q: %w", path, err)
	}
	return l, nil
}

// endsTorn reports whether a regular file ends without a newline.
func endsTorn(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false, err
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, info.Size()-1); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return last[0] != '\n', nil
}

// Write appends one event as a whole line, with one write. It does not wait for
// the disk: after a power cut the last lines may be missing.
func (l *Log) Write(e Event) error {
	marshal := e.MarshalJSON
	if l.flat {
		marshal = e.MarshalFlatJSON
	}
	line, err := marshal()
	if err != nil {
		return fmt.Errorf("cannot write an event to the log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("cannot write an event to the log: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("cannot close the log: %w", err)
	}
	return nil
}

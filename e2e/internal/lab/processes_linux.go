package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// WaitChild waits until the process has a running child that was started as
// program, and returns its number.
func (p *Process) WaitChild(ctx context.Context, program string) (int, error) {
	for {
		pid, err := childOf(p.Pid(), program)
		if err == nil {
			return pid, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("no child process %q: %w", program, ctx.Err())
		case <-p.done:
			return 0, fmt.Errorf("no child process %q: its parent has ended", program)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// childOf finds a child process that has executed program. The child of a fork
// that has not come to that is none.
func childOf(parent int, program string) (int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		return 0, fmt.Errorf("cannot look for children: %w", err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return 0, fmt.Errorf("cannot read the children of %d: %w", parent, err)
			}
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err != nil {
				continue // the child has ended
			}
			name, _, _ := bytes.Cut(line, []byte{0})
			if string(name) == program {
				return pid, nil
			}
		}
	}
	return 0, os.ErrNotExist
}

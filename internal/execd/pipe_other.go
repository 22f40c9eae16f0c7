//go:build !linux

package execd

import (
	"errors"
	"io"
	"os"
)

// shrinkPipe does nothing: only Linux lets a reader choose the capacity of its pipe.
func shrinkPipe(*os.File, int) error { return nil }

// hungUp tells whether nobody can write to a pipe any more, which only Linux tells here.
func hungUp(io.Reader) bool { return false }

// growPipe does nothing.
func growPipe(*os.File, int) {}

// unread fails: only Linux tells a writer how much is in its pipe.
func unread(*os.File) (int, error) { return 0, errors.ErrUnsupported }

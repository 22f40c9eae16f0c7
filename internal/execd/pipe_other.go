//go:build !linux

package execd

import (
	"io"
	"os"
)

// shrinkPipe does nothing: only Linux lets a reader choose the capacity of its pipe.
func shrinkPipe(*os.File, int) error { return nil }

// hungUp tells whether nobody can write to a pipe any more, which only Linux tells here.
func hungUp(io.Reader) bool { return false }

//go:build !linux

package modem

import (
	"errors"
	"os"
)

type pty struct {
	*os.File
	path string
}

func openPTY() (*pty, error) {
	return nil, errors.New("the modem needs the pseudo-terminals of Linux")
}

//go:build !linux

package lab

import (
	"errors"
	"os"
)

func pipeLoad(*os.File) (int, error) { return 0, errors.ErrUnsupported }

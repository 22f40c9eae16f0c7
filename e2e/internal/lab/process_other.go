//go:build !unix

package lab

import (
	"errors"
	"os"
	"os/exec"
)

// Other systems can only kill.
func interrupt(p *os.Process) error { return p.Kill() }

func interruptGroup(int) error { return errors.ErrUnsupported }

func killGroup(int) error { return errors.ErrUnsupported }

func ownGroup(*exec.Cmd) {}

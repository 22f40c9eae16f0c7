//go:build unix

package lab

import (
	"os"
	"os/exec"
	"syscall"
)

func interrupt(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

func interruptGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGTERM) }

func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Process is a running program that is watched: Telegraf, or our binary with a
// pipe as its stdin. It is in a process group of its own.
type Process struct {
	cmd  *exec.Cmd
	log  *syncBuffer
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; read when done is closed
}

// StartTelegraf starts Telegraf in dir with the configuration files. It has to be
// stopped by Signal or Kill, and then waited for.
func StartTelegraf(binary, dir string, env []string, configs ...string) (*Process, error) {
	args := make([]string, 0, 2*len(configs))
	for _, config := range configs {
		args = append(args, "--config", config)
	}
	return start(dir, env, nil, binary, args...)
}

// StartPlugin starts our binary as outputs.execd does, and returns the pipe that
// is its stdin.
func StartPlugin(binary, config string, env ...string) (*Process, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a pipe for the plugin: %w", err)
	}
	p, err := start("", env, r, binary, "--config", config)
	if err = errors.Join(err, r.Close()); err != nil {
		_ = w.Close()
		return nil, nil, err
	}
	return p, w, nil
}

func start(dir string, env []string, stdin *os.File, binary string, args ...string) (*Process, error) {
	p := &Process{log: &syncBuffer{}, done: make(chan struct{})}
	// Not the command of a context: what it is told, and when, is what is tested.
	p.cmd = exec.CommandContext(context.Background(), binary, args...)
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	// What a killed Telegraf leaves behind must not keep Wait.
	p.cmd.WaitDelay = time.Second
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", binary, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Log is what the program has written to stdout and stderr.
func (p *Process) Log() string { return p.log.String() }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits until the program has ended, and tells how: nil is exit code 0. A
// program that is still there after a time is killed, which is an error.
func (p *Process) Wait(atMost time.Duration) error {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		_ = p.Kill()
		<-p.done
		return fmt.Errorf("the program had not ended after %s", atMost)
	}
}

// Stop asks the program to end and waits until it has. It returns how long that
// took.
func (p *Process) Stop(atMost time.Duration) (time.Duration, error) {
	begin := time.Now()
	if err := interrupt(p.cmd.Process); err != nil {
		return 0, fmt.Errorf("cannot ask the program to end: %w", err)
	}
	err := p.Wait(atMost)
	return time.Since(begin), err
}

// StopGroup does what Stop does for the whole process group, as systemd does by
// default and a terminal with Ctrl-C.
func (p *Process) StopGroup(atMost time.Duration) (time.Duration, error) {
	begin := time.Now()
	if err := interruptGroup(p.Pid()); err != nil {
		return 0, fmt.Errorf("cannot ask the process group to end: %w", err)
	}
	err := p.Wait(atMost)
	return time.Since(begin), err
}

// EndGroup ends what is left of a program that may have ended: first as StopGroup
// does, then at once.
func (p *Process) EndGroup(atMost time.Duration) {
	select {
	case <-p.done:
	default:
		_, _ = p.StopGroup(atMost)
		_ = killGroup(p.Pid())
	}
}

// Kill ends the program at once.
func (p *Process) Kill() error { return p.cmd.Process.Kill() }

// WaitEmpty waits until nothing is left in the pipe that w writes to.
func WaitEmpty(ctx context.Context, w *os.File) error {
	for {
		n, err := pipeLoad(w)
		if err != nil {
			return fmt.Errorf("cannot see how much is in the pipe: %w", err)
		}
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d bytes are still in the pipe: %w", n, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

//go:build linux

package sms

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// tapName is the first argument that makes the program the tap.
const tapName = "sms-tap"

// Helper runs the helper program that the arguments name, if they name one. Who
// uses this package calls it first thing in main: what it starts is itself.
func Helper(args []string) (code int, ok bool) {
	if len(args) == 0 || args[0] != tapName {
		return 0, false
	}
	if err := tap(args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "E! tap:", err)
		return 1, true
	}
	return 0, true
}

// tap runs a program and passes its output on to Telegraf. It kills the program
// with -9 the moment that it has read so many metrics of SMS: between the print
// and whatever the program does next. No kill at random hits that.
func tap(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet(tapName, flag.ContinueOnError)
	after := fs.Int("kill-after", 0, "so many metrics")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() == 0 || *after < 1 {
		return errors.New("the tap needs a number and a program")
	}
	cmd := exec.Command(fs.Arg(0), fs.Args()[1:]...)
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot make the tap's pipe: %w", err)
	}
	defer func() { _ = r.Close() }()
	cmd.Stdout, cmd.Stderr = w, stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("cannot make the tap's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start behind the tap: %w", err)
	}
	_ = w.Close()
	var closing sync.Once
	go func() {
		_, _ = io.Copy(in, stdin)
		closing.Do(func() { _ = in.Close() })
	}()
	n := 0
	chunk := make([]byte, 64<<10)
	for {
		size, err := r.Read(chunk)
		// A metric begins a line; a text that has this in it is none of ours.
		n += bytes.Count(chunk[:size], []byte("sms,"))
		if n >= *after {
			_ = cmd.Process.Kill()
		}
		if _, err := stdout.Write(chunk[:size]); err != nil {
			_ = cmd.Process.Kill()
		}
		if err != nil {
			break
		}
	}
	closing.Do(func() { _ = in.Close() })
	return cmd.Wait()
}

package loss

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// tapName is the first argument that makes the program the tap.
const tapName = "loss-tap"

// tap starts the program in the arguments behind the first, and passes its own
// stdin on to it. What has come is in the file that the first argument names, so
// that it is known how much of what Telegraf held has entered the pipe at all.
func tap(args []string, stdin io.Reader) error {
	if len(args) < 2 {
		return errors.New("the tap needs a file and a program")
	}
	file, err := os.OpenFile(args[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the tap's file: %w", err)
	}
	defer func() { _ = file.Close() }()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("cannot make the tap's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start behind the tap: %w", err)
	}
	_, err = io.Copy(in, io.TeeReader(stdin, file))
	return errors.Join(err, in.Close(), cmd.Wait())
}

//go:build unix

package execd

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inputChild is a child with an input, as Telegraf's inputs.execd starts it.
type inputChild struct {
	process
	stdout io.ReadCloser
}

func startInput(t *testing.T, options string) *inputChild {
	t.Helper()
	p := &inputChild{process: process{t: t, exited: make(chan error, 1)}}
	p.Cmd = exec.Command(os.Args[0])
	p.Env = append(os.Environ(), childEnv+"=[[inputs.in]]\n"+options)
	p.Stderr = &p.errs
	var err error
	p.stdin, err = p.StdinPipe()
	require.NoError(t, err)
	reader, writer, err := os.Pipe() // not StdoutPipe, for which Wait would wait
	require.NoError(t, err)
	p.stdout, p.Stdout = reader, writer
	require.NoError(t, p.Start())
	require.NoError(t, writer.Close())
	go func() { p.exited <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.stdin.Close()
		_ = reader.Close()
	})
	return p
}

// TestInputChild signals a child in every way that does not mean its end; it ends with stdin.
func TestInputChild(t *testing.T) {
	t.Parallel()
	p := startInput(t, "")
	lines := bufio.NewScanner(p.stdout)
	for i := range 3 {
		p.feed("\n")
		require.True(t, lines.Scan())
		require.Equal(t, fmt.Sprintf("asked n=%di 1", i+1), lines.Text())
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE} {
			require.NoError(t, p.Process.Signal(sig))
		}
	}
	require.NoError(t, p.end(2*time.Second))
	require.False(t, lines.Scan())
	require.Equal(t, "I! mode \"\"\nI! ended: 3 metrics written, 0 dropped, 0 not written\n", p.errs.String())
}

// TestInputChildIsNotRead fills the pipe to a Telegraf that does not read, which then closes stdin.
func TestInputChildIsNotRead(t *testing.T) {
	t.Parallel()
	p := startInput(t, `mode = "flood"`)
	time.Sleep(300 * time.Millisecond)
	require.NoError(t, p.end(3*time.Second)) // of which the race detector takes one
	require.Contains(t, p.errs.String(), "0 dropped, 1 not written\n")
	all, err := io.ReadAll(p.stdout)
	require.NoError(t, err)
	// What was written is in the pipe as a whole; one line more may be there, or a part of one. Where the pipe can tell
	// that nobody has read it, nothing more is written.
	written := -1
	for line := range strings.Lines(p.errs.String()) {
		_, _ = fmt.Sscanf(line, "I! ended: %d", &written)
	}
	require.GreaterOrEqual(t, written, 0)
	line := `flood v="` + strings.Repeat("x", 100) + "\" 7\n"
	require.True(t, strings.HasPrefix(string(all), strings.Repeat(line, max(written, 1))))
	require.LessOrEqual(t, len(all), (written+1)*len(line))
}

// TestInputChildWithoutReader closes the reader of stdout alone: Telegraf would start the child again.
func TestInputChildWithoutReader(t *testing.T) {
	t.Parallel()
	p := startInput(t, `mode = "flood"`)
	require.NoError(t, p.stdout.Close())
	select {
	case err := <-p.exited:
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 1, exit.ExitCode())
	case <-time.After(3 * time.Second):
		require.Fail(t, "the child has not exited")
	}
	require.Contains(t, p.errs.String(), "nobody reads the metrics: ")
}

//go:build unix

package execd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a child with pipes as Telegraf makes them.
type process struct {
	*exec.Cmd
	t      *testing.T
	stdin  io.WriteCloser
	out    output
	errs   output
	file   string
	exited chan error
}

func startChild(t *testing.T, options string) *process {
	t.Helper()
	p := &process{t: t, file: filepath.Join(t.TempDir(), "written"), exited: make(chan error, 1)}
	p.Cmd = exec.Command(os.Args[0])
	p.Env = append(os.Environ(), fmt.Sprintf("%s=[[outputs.recorder]]\nfile = %q\n%s", childEnv, p.file, options))
	p.Stdout, p.Stderr = &p.out, &p.errs
	var err error
	p.stdin, err = p.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	go func() { p.exited <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.stdin.Close()
	})
	return p
}

func (p *process) feed(text string) {
	p.t.Helper()
	_, err := io.WriteString(p.stdin, text)
	require.NoError(p.t, err)
}

// end closes the child's input and waits for its exit.
func (p *process) end(within time.Duration) error {
	p.t.Helper()
	require.NoError(p.t, p.stdin.Close())
	select {
	case err := <-p.exited:
		return err
	case <-time.After(within):
		require.Fail(p.t, "the child has not exited", "%v", within)
		return nil
	}
}

// written is what the child's plugin has written so far.
func (p *process) written() []string {
	data, err := os.ReadFile(p.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(p.t, err)
	return strings.Fields(string(data))
}

func (p *process) eventually(what string, done func() bool) {
	p.t.Helper()
	require.Eventually(p.t, done, 5*time.Second, 5*time.Millisecond, what)
}

// TestChildSignals signals a child in every way that does not mean its end; it ends with its input and loses nothing.
func TestChildSignals(t *testing.T) {
	t.Parallel()
	p := startChild(t, "metric_batch_size = 10")
	p.feed(lines(0, 10))
	p.eventually("the first batch", func() bool { return len(p.written()) == 10 })
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTERM} {
		require.NoError(t, p.Process.Signal(sig))
	}
	p.feed(lines(10, 985))
	require.NoError(t, p.end(2*time.Second))
	require.Equal(t, names(0, 995), p.written())
	require.Empty(t, p.errs.String())
}

func TestChildLeavesWhatItMust(t *testing.T) {
	for mode, text := range map[string]string{
		"fail": "25 metrics could not be sent before the end and are lost: no link\n",
		"hang": "25 metrics could not be sent before the end and are lost: the time to send them ran out\n",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := startChild(t, fmt.Sprintf("mode = %q\nmetric_batch_size = 10", mode))
			p.feed(lines(0, 25))
			err := p.end(4500 * time.Millisecond)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 1, exit.ExitCode())
			require.Contains(t, p.errs.String(), text)
		})
	}
}

// TestChildReadsBeforeConnect feeds more than a pipe holds to a child whose Connect does not return.
func TestChildReadsBeforeConnect(t *testing.T) {
	t.Parallel()
	p := startChild(t, `mode = "slow-connect"`)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = io.WriteString(p.stdin, lines(0, 100_000))
	}()
	select {
	case <-fed:
	case <-time.After(5 * time.Second):
		require.Fail(t, "the child does not read")
	}
	require.NoError(t, p.Process.Kill())
	require.Error(t, <-p.exited)
}

// TestChildOutlivesTelegraf kills the reader of the child's log and then the writer of its input, as kill -9 of
// Telegraf does.
func TestChildOutlivesTelegraf(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "written")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), fmt.Sprintf("%s=[[outputs.recorder]]\nfile = %q\nlog_level=\"debug\"", childEnv, file))
	stdin, err := c.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	require.NoError(t, stdout.Close())
	require.NoError(t, stderr.Close())
	_, err = io.WriteString(stdin, lines(0, 500)+"bad\n")
	require.NoError(t, err)
	require.NoError(t, stdin.Close())
	require.NoError(t, c.Wait())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, names(0, 500), strings.Fields(string(data)))
}

// TestRunPipe runs in this process on a real pipe and is ended by its context.
func TestRunPipe(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	cfg, err := Parse([]byte("[[outputs.recorder]]\nmetric_batch_size = 5"), "test", pluginsWith(r))
	require.NoError(t, err)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() {
		require.NoError(t, reader.Close())
		require.NoError(t, writer.Close())
	}()
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs output
	result := make(chan error)
	go func() { result <- Run(ctx, cfg, reader, &out, &errs) }()
	_, err = io.WriteString(writer, lines(0, 7))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.written()) == 5 }, 5*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-result)
	require.Equal(t, names(0, 7), r.written())
	require.Empty(t, errs.String())
}

// TestChildFootprint prints how soon a child reads and how much memory it takes when idle.
func TestChildFootprint(t *testing.T) {
	t.Parallel()
	start := time.Now()
	p := startChild(t, "metric_batch_size = 1")
	p.feed("m v=1\n")
	p.eventually("the first metric", func() bool { return len(p.written()) == 1 })
	t.Logf("start to first metric written: %v", time.Since(start).Round(100*time.Microsecond))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err == nil {
		s := bufio.NewScanner(bytes.NewReader(status))
		for s.Scan() {
			if strings.HasPrefix(s.Text(), "VmRSS") || strings.HasPrefix(s.Text(), "RssAnon") {
				t.Log(s.Text())
			}
		}
	}
	require.NoError(t, p.end(2*time.Second))
}

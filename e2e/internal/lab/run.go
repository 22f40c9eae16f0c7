package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// stopTime is what a program gets between being asked to stop and being killed.
// Telegraf itself waits for up to 10 s for what it has started.
const stopTime = 20 * time.Second

// command returns a command that is asked to stop when ctx ends.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = stopTime
	// Ctrl-C in a terminal reaches every process of the group: it is for us alone,
	// since what we start has to stop in order.
	ownGroup(cmd)
	return cmd
}

// Emulator is a running emulator of the cloud.
type Emulator struct {
	// Address is where it listens.
	Address string
	// Log is the file of the messages taken.
	Log string

	stop   context.CancelFunc
	done   chan error
	stderr *syncBuffer
}

// StartEmulator starts the emulator of binary on a free loopback port, with its
// log in the file log. Its line for each message goes to stdout.
func StartEmulator(ctx context.Context, binary, log string, stdout io.Writer, args ...string) (*Emulator, error) {
	return StartEmulatorAt(ctx, binary, "127.0.0.1:0", log, stdout, args...)
}

// StartEmulatorAt is StartEmulator for a given address, such as that of one that
// was stopped.
func StartEmulatorAt(ctx context.Context, binary, address, log string, stdout io.Writer, args ...string) (*Emulator, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := command(ctx, binary, append([]string{"emulator", "--address", address, "--log", log}, args...)...)
	cmd.Stdout = stdout
	listening := make(chan string, 1)
	e := &Emulator{Log: log, stop: cancel, done: make(chan error, 1), stderr: &syncBuffer{}}
	cmd.Stderr = &lineWriter{line: func(line string) {
		if address, ok := strings.CutPrefix(line, "listening on "); ok {
			select {
			case listening <- address:
			default:
			}
		}
		_, _ = e.stderr.Write([]byte(line + "\n"))
	}}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("cannot start the emulator: %w", err)
	}
	go func() { e.done <- cmd.Wait() }()

	select {
	case e.Address = <-listening:
		return e, nil
	case err := <-e.done:
		cancel()
		return nil, fmt.Errorf("the emulator ended at once: %w: %s", errOr(err, "exit 0"), e.stderr)
	case <-time.After(stopTime):
		cancel()
		return nil, fmt.Errorf("the emulator does not listen after %s (%w): %s", stopTime, <-e.done, e.stderr)
	}
}

// Stop ends the emulator and returns what it wrote on stderr.
func (e *Emulator) Stop() (string, error) {
	e.stop()
	err := <-e.done
	e.done <- err // for the next call
	var exit *exec.ExitError
	if errors.As(err, &exit) || (err != nil && !errors.Is(err, context.Canceled)) {
		return e.stderr.String(), fmt.Errorf("the emulator failed: %w: %s", err, e.stderr)
	}
	return e.stderr.String(), nil
}

// RunTelegraf runs Telegraf in dir with the configuration files for the given
// time, then asks it to stop and waits until it has. It returns Telegraf's log.
// If ctx ends before, Telegraf is asked to stop then.
func RunTelegraf(ctx context.Context, binary, dir string, env []string, d time.Duration, configs ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	args := make([]string, 0, 2*len(configs))
	for _, config := range configs {
		args = append(args, "--config", config)
	}
	cmd := command(ctx, binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var log syncBuffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err := cmd.Run()
	if ctx.Err() == nil {
		return log.String(), fmt.Errorf("the run of Telegraf ended by itself: %w: %s", errOr(err, "exit 0"), log.String())
	}
	if err != nil && !errors.Is(err, ctx.Err()) {
		return log.String(), fmt.Errorf("the run of Telegraf did not end well: %w: %s", err, log.String())
	}
	return log.String(), nil
}

// Decode runs the decode command of binary over a file and returns the metrics.
func Decode(ctx context.Context, binary, file string) ([]Metric, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot open what is to be decoded: %w", err)
	}
	defer func() { _ = in.Close() }()
	return decode(ctx, binary, in)
}

func decode(ctx context.Context, binary string, in io.Reader) ([]Metric, error) {
	cmd := command(ctx, binary, "decode")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cannot decode: %w: %s", err, stderr.String())
	}
	if stderr.Len() > 0 {
		return nil, fmt.Errorf("decode complains: %s", stderr.String())
	}
	return ReadMetrics(&stdout)
}

// ReadMetricsFile reads a file of line protocol.
func ReadMetricsFile(name string) ([]Metric, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot open metrics: %w", err)
	}
	defer func() { _ = file.Close() }()
	return ReadMetrics(file)
}

func errOr(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}

// syncBuffer is a buffer that may be read while a program writes to it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// lineWriter calls line for each whole line that is written to it. One goroutine
// writes.
type lineWriter struct {
	line func(string)
	part []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.part = append(w.part, p...)
	s := bufio.NewScanner(bytes.NewReader(w.part[:bytes.LastIndexByte(w.part, '\n')+1]))
	for s.Scan() {
		w.line(s.Text())
	}
	w.part = w.part[bytes.LastIndexByte(w.part, '\n')+1:]
	return len(p), nil
}

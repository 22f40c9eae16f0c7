package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-hologram/e2e/internal/lab"
)

const idleConfig = `
[[outputs.hologram]]
  address = "127.0.0.1:9"
  device_key = "aB3$xYz9"
  buffer_strategy = "memory"
`

// hologramWithPipe starts our binary with a pipe as its stdin, as Telegraf does,
// with a metric already in it. It returns the process and the pipe's other end.
func hologramWithPipe(t *testing.T, binary, config string) (*exec.Cmd, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	_, err = w.WriteString("m f=1i 1700000000000000000\n")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, "--config", config)
	cmd.Stdin = r
	require.NoError(t, cmd.Start())
	require.NoError(t, r.Close())
	return cmd, w
}

func writeIdleConfig(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "plugin.conf")
	require.NoError(t, os.WriteFile(name, []byte(idleConfig), 0o600))
	return name
}

// TestStartup measures the time from the call that starts the binary until it
// has read the first byte of its stdin: until the pipe, which was filled before,
// is empty. Starting a process at all is part of it.
func TestStartup(t *testing.T) {
	const (
		limit  = 10 * time.Millisecond
		starts = 20
		rounds = 5 // the machine may be busy with something else
	)
	config := writeIdleConfig(t)
	var median time.Duration
	fastest := time.Hour
	for range rounds {
		times := make([]time.Duration, 0, starts)
		for range starts {
			times = append(times, startOnce(t, config))
		}
		slices.Sort(times)
		median = times[starts/2]
		fastest = min(fastest, times[0])
		t.Logf("from exec to the first byte read: median %s, fastest %s, slowest %s of %d", round(median), round(times[0]), round(times[starts-1]), starts)
		if median < limit {
			break
		}
	}
	// What this machine takes for a program that does nothing.
	bare := make([]time.Duration, 0, starts)
	for range starts {
		start := time.Now()
		require.NoError(t, exec.CommandContext(t.Context(), "true").Run())
		bare = append(bare, time.Since(start))
	}
	slices.Sort(bare)
	t.Logf("from exec to the end of true(1): median %s", round(bare[starts/2]))
	// A machine that is busy throughout says nothing about the binary, except by its fastest start.
	if median >= limit && fastest >= limit {
		t.Errorf("it takes %s to the first byte read, at least %s; the limit is %s", round(median), round(fastest), limit)
	}
}

func startOnce(t *testing.T, config string) time.Duration {
	t.Helper()
	start := time.Now()
	cmd, w := hologramWithPipe(t, binaries.hologram, config)
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = w.Close()
	}()
	for {
		// FIONREAD, as Linux calls TIOCINQ too, answers at both ends of a pipe.
		n, err := unix.IoctlGetInt(int(w.Fd()), unix.TIOCINQ)
		elapsed := time.Since(start)
		require.NoError(t, err)
		if n == 0 {
			return elapsed
		}
		require.Less(t, elapsed, 5*time.Second, "stdin is not read")
		time.Sleep(20 * time.Microsecond)
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// TestIdleMemory measures the resident memory of the binary for devices while it
// waits.
func TestIdleMemory(t *testing.T) {
	const limit = 8_000 // kB
	edge, err := lab.BuildEdge(t.Context(), root(), t.TempDir())
	require.NoError(t, err)
	cmd, w := hologramWithPipe(t, edge, writeIdleConfig(t))
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = w.Close()
	}()
	time.Sleep(2 * time.Second)
	status := processStatus(t, cmd.Process.Pid)
	t.Logf("resident after 2 s idle: %d kB (of it %d kB private memory, %d kB pages of the binary), at most %d kB, %d threads",
		status["VmRSS"], status["RssAnon"], status["RssFile"], status["VmHWM"], status["Threads"])
	require.Less(t, status["VmRSS"], limit, "kB resident")
}

// processStatus returns the numbers in /proc/PID/status; of memory, in kB.
func processStatus(t *testing.T, pid int) map[string]int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	numbers := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSuffix(strings.TrimSpace(value), " kB")
		if n, err := strconv.Atoi(value); err == nil {
			numbers[key] = n
		}
	}
	return numbers
}

package execd

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/metric"
)

// pipeAccumulator is an accumulator that writes to a pipe, and the pipe's other end.
func pipeAccumulator(t *testing.T) (a *accumulator, r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return newAccumulator(w, newLogger(kindInputs, telegraf.Info)), r, w
}

// printed prints a metric with a text and tells what has become of it.
func printed(a *accumulator, text string) <-chan error {
	m := metric.New("sms", nil, nil, time.Unix(0, 1))
	m.AddField("text", text)
	result := make(chan error, 1)
	go func() { result <- a.Print(m) }()
	return result
}

// TestPrintIsRead prints into a pipe: a metric counts as printed when it was read, and one that is larger than the pipe
// is in it as a whole before anybody reads.
func TestPrintIsRead(t *testing.T) {
	t.Parallel()
	a, r, w := pipeAccumulator(t)
	for _, size := range []int{1, 300_000} {
		line := `sms text="` + strings.Repeat("x", size) + "\" 1\n"
		result := printed(a, strings.Repeat("x", size))
		require.Eventually(t, func() bool {
			n, err := unread(w)
			return err == nil && n == len(line)
		}, 5*time.Second, time.Millisecond)
		select {
		case err := <-result:
			require.Fail(t, "nobody has read it", "%v", err)
		case <-time.After(20 * time.Millisecond):
		}
		read := make([]byte, len(line))
		_, err := io.ReadFull(r, read)
		require.NoError(t, err)
		require.Equal(t, line, string(read))
		require.NoError(t, <-result)
	}
	written, _, failed := a.counts()
	require.Equal(t, 2, written)
	require.Zero(t, failed)
}

// TestPrintIsNotRead ends while a metric is in the pipe: it was not printed.
func TestPrintIsNotRead(t *testing.T) {
	t.Parallel()
	a, _, _ := pipeAccumulator(t)
	result := printed(a, "x")
	time.Sleep(10 * time.Millisecond)
	a.end()
	require.ErrorIs(t, <-result, ErrEnded)
}

// TestPrintLosesReader closes the pipe with a metric in it.
func TestPrintLosesReader(t *testing.T) {
	t.Parallel()
	a, r, _ := pipeAccumulator(t)
	result := printed(a, "x")
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, r.Close())
	require.ErrorIs(t, <-result, syscall.EPIPE)
	select {
	case <-a.broken:
	case <-time.After(time.Second):
		require.Fail(t, "it is not known that nobody reads")
	}
}

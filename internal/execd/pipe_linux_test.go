package execd

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func capacity(t *testing.T, f *os.File) int {
	t.Helper()
	conn, err := f.SyscallConn()
	require.NoError(t, err)
	size := 0
	require.NoError(t, conn.Control(func(fd uintptr) {
		size, err = unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0)
	}))
	require.NoError(t, err)
	return size
}

func TestShrinkPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() {
		require.NoError(t, r.Close())
		require.NoError(t, w.Close())
	}()
	require.Greater(t, capacity(t, r), pipeSize)

	// A pipe that already holds more shrinks as soon as it can.
	_, err = w.Write(bytes.Repeat([]byte("x"), 3*pipeSize))
	require.NoError(t, err)
	require.ErrorIs(t, shrinkPipe(r, pipeSize), errPipeBusy)
	shrink := pipeShrinker(r)
	shrink()
	require.Greater(t, capacity(t, r), pipeSize)
	_, err = io.CopyN(io.Discard, r, 3*pipeSize)
	require.NoError(t, err)
	shrink()
	require.Equal(t, pipeSize, capacity(t, r))

	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	require.Error(t, shrinkPipe(file, pipeSize))
	pipeShrinker(file)()
	pipeShrinker(bytes.NewReader(nil))()
}

// TestChildStalled stops a child that has read all its input: what its pipe takes then, and kill -9 would lose, is
// bounded.
func TestChildStalled(t *testing.T) {
	p := startChild(t, "metric_batch_size = 10")
	p.feed(lines(0, 10))
	p.eventually("the first batch", func() bool { return len(p.written()) == 10 })
	w, ok := p.stdin.(interface {
		io.Writer
		SetWriteDeadline(t time.Time) error
	})
	require.True(t, ok)
	require.NoError(t, p.Process.Signal(unix.SIGSTOP))
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, w.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	n, err := w.Write(bytes.Repeat([]byte("x"), 64<<10))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.LessOrEqual(t, n, pipeSize)
	require.NoError(t, p.Process.Kill())
	require.Error(t, <-p.exited)
}

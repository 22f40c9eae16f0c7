package serial

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// holdEnv names the port that a child holds open until its stdin ends.
const holdEnv = "SERIAL_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdEnv); path != "" {
		p, err := Open(path, 115200)
		fmt.Println(err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		if err == nil {
			_ = p.Close()
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// newPTY makes a pseudo-terminal and returns its master and the path of its slave.
func newPTY(t *testing.T) (master *os.File, slave string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = master.Close() })
	raw, err := master.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		require.NoError(t, unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0))
		n, err := unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		require.NoError(t, err)
		slave = fmt.Sprintf("/dev/pts/%d", n)
	}))
	return master, slave
}

func TestOpen(t *testing.T) {
	master, slave := newPTY(t)
	link := filepath.Join(t.TempDir(), "by-id")
	require.NoError(t, os.Symlink(slave, link))
	p, err := Open(link, 115200)
	require.NoError(t, err)

	_, err = p.Write([]byte("AT\r"))
	require.NoError(t, err)
	buf := make([]byte, 16)
	n, err := master.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "AT\r", string(buf[:n]), "raw: nothing is translated")

	_, err = master.WriteString("\r\nOK\r\n\x03\x11\x13\xff")
	require.NoError(t, err)
	n, err = p.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "\r\nOK\r\n\x03\x11\x13\xff", string(buf[:n]))

	require.NoError(t, p.control(func(fd int) error {
		got, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
		require.EqualValues(t, 115200, got.Ospeed)
		require.Zero(t, got.Lflag|got.Iflag|got.Oflag)
		return err
	}))

	// Close ends a Read that waits.
	done := make(chan error, 1)
	go func() {
		_, err := p.Read(buf)
		done <- err
	}()
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, p.Close())
	select {
	case err := <-done:
		require.ErrorIs(t, err, fs.ErrClosed)
	case <-time.After(5 * time.Second):
		t.Fatal("Read goes on")
	}
}

func TestUnplug(t *testing.T) {
	master, slave := newPTY(t)
	p, err := Open(slave, 9600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	require.NoError(t, master.Close())
	_, err = p.Read(make([]byte, 1))
	require.Error(t, err)
	_, err = p.Write([]byte("AT"))
	require.Error(t, err)
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"), 115200)
	require.ErrorIs(t, err, fs.ErrNotExist)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(file, 115200)
	require.ErrorIs(t, err, ErrNotSerial)
	_, err = Open("/dev/null", 115200)
	require.ErrorIs(t, err, ErrNotSerial)
	if os.Getuid() != 0 {
		require.NoError(t, os.Chmod(file, 0))
		_, err = Open(file, 115200)
		require.ErrorIs(t, err, fs.ErrPermission)
	}
}

// TestBusy opens a port that another process has.
func TestBusy(t *testing.T) {
	_, slave := newPTY(t)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), holdEnv+"="+slave)
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	said := make([]byte, len("<nil>\n"))
	_, err = io.ReadFull(stdout, said)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(said, []byte("<nil>")), "%s", said)

	_, err = Open(slave, 115200)
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	require.Len(t, busy.Holders, 1)
	require.Equal(t, child.Process.Pid, busy.Holders[0].PID)
	require.Equal(t, fmt.Sprintf("%s is in use by serial.test (process %d)", slave, child.Process.Pid), err.Error())

	require.NoError(t, stdin.Close())
	require.NoError(t, child.Wait())
	p, err := Open(slave, 115200)
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

func TestBusyErrorWithoutHolders(t *testing.T) {
	require.EqualError(t, &BusyError{Port: "/dev/ttyUSB2"}, "/dev/ttyUSB2 is in use by another process")
}

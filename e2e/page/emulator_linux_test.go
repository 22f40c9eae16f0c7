package page

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary builds what is tested.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "telegraf-hologram")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = filepath.Join("..", "..")
	build.Stderr = os.Stderr
	return path, build.Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// emulator is our binary at work.
type emulator struct {
	t           *testing.T
	cmd         *exec.Cmd
	stderr      *output
	cloud, page string // HOST:PORT, and the address of the page
	link        string // of the modem
}

// output is what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var addresses = regexp.MustCompile(`(?s)listening on (\S+)\n.*page on (http://\S+)\n`)

// start starts the emulator with a modem.
func start(t *testing.T, link string, args ...string) *emulator {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	e := &emulator{t: t, link: link, stderr: &output{}}
	e.cmd = exec.Command(path, append([]string{"emulator", "--quiet", "--modem", filepath.Base(link)}, args...)...)
	e.cmd.Dir = filepath.Dir(link)
	e.cmd.Stderr = e.stderr
	require.NoError(t, e.cmd.Start())
	t.Cleanup(e.stop)
	require.Eventually(t, func() bool { return addresses.MatchString(e.stderr.String()) }, 10*time.Second, 10*time.Millisecond)
	found := addresses.FindStringSubmatch(e.stderr.String())
	e.cloud, e.page = found[1], found[2]
	return e
}

// stop ends it, the first time.
func (e *emulator) stop() {
	if e.cmd.ProcessState == nil {
		require.NoError(e.t, e.cmd.Process.Signal(syscall.SIGTERM))
		stuck := time.AfterFunc(10*time.Second, func() { _ = e.cmd.Process.Kill() })
		defer stuck.Stop()
		require.NoError(e.t, e.cmd.Wait(), e.stderr.String())
	}
}

// run runs our binary.
func (e *emulator) run(stdin string, args ...string) string {
	e.t.Helper()
	path, err := binary()
	require.NoError(e.t, err)
	cmd := exec.CommandContext(e.t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	require.NoError(e.t, err)
	return string(out)
}

// raw sends the cloud a text as it is, and returns the answer.
func (e *emulator) raw(text string) string {
	e.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(e.t.Context(), "tcp", e.cloud)
	require.NoError(e.t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, text)
	require.NoError(e.t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(e.t, err)
	return string(answer)
}

// metrics sends metrics in line protocol as a device does.
func (e *emulator) metrics(key, lines string, more ...string) {
	e.t.Helper()
	for message := range strings.SplitSeq(strings.TrimSpace(e.run(lines, append([]string{"encode", "--key", key}, more...)...)), "\n") {
		require.Equal(e.t, "[0,0]", e.raw(message+"\n\n"))
	}
}

// say sends a command to the modem, and returns what it says up to a text.
func (e *emulator) say(command, end string) string {
	e.t.Helper()
	port, err := os.OpenFile(e.link, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	require.NoError(e.t, err)
	defer func() { _ = port.Close() }()
	_, err = io.WriteString(port, command)
	require.NoError(e.t, err)
	ctx, cancel := context.WithTimeout(e.t.Context(), 10*time.Second)
	defer cancel()
	deadline, _ := ctx.Deadline()
	require.NoError(e.t, port.SetReadDeadline(deadline))
	var said strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(said.String(), end); {
		n, err := port.Read(buf)
		require.NoError(e.t, err, said.String())
		said.Write(buf[:n])
	}
	return said.String()
}

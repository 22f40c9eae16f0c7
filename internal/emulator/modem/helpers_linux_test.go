package modem

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"telegraf-hologram/internal/at"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// traffic is what a modem was sent and said.
type traffic struct {
	mu    sync.Mutex
	lines []string
}

func (r *traffic) add(sent bool, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sent {
		line = "> " + line
	}
	r.lines = append(r.lines, line)
}

func (r *traffic) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

// start runs a modem for the test.
func start(t *testing.T, cfg Config) *Modem {
	t.Helper()
	m, err := Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func openPort(t *testing.T, path string) *os.File {
	t.Helper()
	port, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	return port
}

// client drives a modem with the AT driver.
type client struct {
	*at.Driver
	t *testing.T
}

func connect(t *testing.T, m *Modem) client {
	t.Helper()
	d := at.New(openPort(t, m.Port()), at.Options{Quiet: 20 * time.Millisecond, Timeout: 5 * time.Second, ProbeTimeout: 500 * time.Millisecond})
	t.Cleanup(func() { _ = d.Close() })
	return client{d, t}
}

// ask returns the answer as one text, its lines joined with |.
func (c client) ask(cmd string) string {
	c.t.Helper()
	lines, err := c.Command(c.t.Context(), cmd)
	require.NoError(c.t, err)
	return strings.Join(lines, "|")
}

// refused returns the error of a command that has to be refused.
func (c client) refused(cmd string) string {
	c.t.Helper()
	_, err := c.Command(c.t.Context(), cmd)
	require.Error(c.t, err, cmd)
	require.NotErrorIs(c.t, err, at.ErrTimeout, cmd)
	return errors.Unwrap(err).Error()
}

// do sends commands that have to be taken.
func (c client) do(cmds ...string) {
	c.t.Helper()
	for _, cmd := range cmds {
		_, err := c.Command(c.t.Context(), cmd)
		require.NoError(c.t, err, cmd)
	}
}

// urc returns the next unsolicited line, with its second line behind a |.
func (c client) urc() string {
	c.t.Helper()
	select {
	case u, ok := <-c.URCs():
		require.True(c.t, ok)
		text := u.Name
		if u.Args != "" {
			text += ": " + u.Args
		}
		if u.Data != "" {
			text += "|" + u.Data
		}
		return text
	case <-time.After(5 * time.Second):
		require.Fail(c.t, "no URC came")
		return ""
	}
}

// silent checks that no unsolicited line is there or comes soon.
func (c client) silent() {
	c.t.Helper()
	c.do("AT")
	select {
	case u := <-c.URCs():
		require.Fail(c.t, "a URC came", "%s %s", u.Name, u.Args)
	case <-time.After(50 * time.Millisecond):
	}
}

func receive(t *testing.T, m *Modem, text string) {
	t.Helper()
	_, err := m.Receive(Message{From: "+15550100", Text: text})
	require.NoError(t, err)
}

func link(t *testing.T) string { return filepath.Join(t.TempDir(), "modem") }

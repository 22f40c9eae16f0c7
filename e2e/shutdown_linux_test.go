package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/loss"
)

const (
	exitLimit  = 2 * time.Second
	drainLimit = 20 * time.Second

	shutdownConf = `
[[outputs.hologram]]
  address = "%s"
  device_key = "aB3-xYz9"
  max_message_size = 512
  flush_interval = "100ms"
  answer_timeout = "%s"
  buffer_strategy = "disk"
  buffer_directory = "%s"
  retry_backoff_min = "1s"
  retry_backoff_max = "1s"
`
)

// shutdown is a state in which the end of stdin may find the plugin.
type shutdown struct {
	name string
	// fail is how the emulator fails; "down" is that there is none, "silent" that
	// nobody accepts.
	fail   string
	answer time.Duration // answer_timeout; 60 s by default
	// metrics are fed at once, and after the time wait stdin is closed.
	metrics int
	wait    time.Duration
	// full fills the disk after half of the metrics.
	full bool
	// may is how many messages may be taken twice.
	may int
}

// TestShutdown closes stdin in each state: the process ends within two seconds,
// and what it had not sent goes out when it is started again.
func TestShutdown(t *testing.T) {
	t.Parallel()
	states := []shutdown{
		{name: "idle", metrics: 20, wait: time.Second},
		{name: "at once", metrics: 2000},
		{name: "backlog while refused", fail: "down", metrics: 2000, wait: 2500 * time.Millisecond},
		{name: "connecting", fail: "silent", metrics: 100, wait: time.Second},
		{name: "no answer", fail: "never-answer-lost", metrics: 100, wait: time.Second},
		{name: "no answer but taken", fail: "never-answer-taken", metrics: 100, wait: time.Second, may: 1},
		{name: "late answer", fail: "late-answer=1m", answer: time.Second, metrics: 100, wait: 2500 * time.Millisecond, may: 1},
		{name: "draining", fail: "late-answer=400ms", metrics: 2000, wait: 1500 * time.Millisecond, may: 1},
		{name: "disk full", fail: "down", metrics: 2000, wait: 1500 * time.Millisecond, full: true},
	}
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t)
		})
	}
}

func (s shutdown) test(t *testing.T) {
	dir := t.TempDir()
	buffer := filepath.Join(dir, "buffer")
	if s.full {
		mountSmallDisk(t, buffer)
	}
	log := filepath.Join(dir, "cloud.jsonl")
	address, end := s.destination(t, log)
	if s.answer == 0 {
		s.answer = time.Minute
	}
	conf := filepath.Join(dir, "plugin.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, shutdownConf, address, s.answer, buffer), 0o600))

	plugin, stdin, err := lab.StartPlugin(binaries.hologram, conf)
	require.NoError(t, err)
	defer func() {
		_ = stdin.Close()
		_ = plugin.Wait(time.Second)
		if t.Failed() {
			t.Log(plugin.Log())
		}
	}()
	var text []byte
	safe := s.metrics
	if s.full {
		safe /= 2
	}
	for n := range safe {
		text = loss.AppendMetric(text, n, time.Now())
	}
	_, err = stdin.Write(text)
	require.NoError(t, err)
	if s.full {
		text = s.feedFull(t, stdin, buffer, text)
	}
	time.Sleep(s.wait)
	begin := time.Now()
	require.NoError(t, stdin.Close())
	err = plugin.Wait(drainLimit)
	took := time.Since(begin)
	assert.LessOrEqual(t, took, exitLimit, "the end took too long")
	if s.full {
		assert.Error(t, err, "metrics that are in memory alone are lost, which has to be said")
	} else {
		assert.NoError(t, err, "with everything on disk there is nothing to complain about")
	}
	end()
	if s.full {
		require.NoError(t, os.Remove(filepath.Join(buffer, "filler")))
	}

	// Once more, with a cloud that works.
	cloud, err := lab.StartEmulatorAt(t.Context(), binaries.hologram, address, log, io.Discard, "--quiet")
	require.NoError(t, err)
	defer func() {
		_, err := cloud.Stop()
		assert.NoError(t, err)
	}()
	before, err := lab.Messages(t.Context(), binaries.hologram, log)
	require.NoError(t, err)
	again, stdin2, err := lab.StartPlugin(binaries.hologram, conf)
	require.NoError(t, err)
	defer func() {
		_ = stdin2.Close()
		_ = again.Wait(time.Second)
		if t.Failed() {
			t.Log(again.Log())
		}
	}()
	sent, err := lab.ReadMetrics(bytes.NewReader(text))
	require.NoError(t, err)
	var account loss.Account
	var messages []lab.Message
	count := func() {
		messages, err = lab.Messages(t.Context(), binaries.hologram, log)
		require.NoError(t, err)
		account, err = loss.Count(sent, messages)
		require.NoError(t, err)
	}
	for begin := time.Now(); time.Since(begin) < drainLimit; time.Sleep(100 * time.Millisecond) {
		// What is repeated comes within the time.
		if count(); time.Since(begin) > time.Second && (account.Lost == 0 || s.full && account.Delivered >= safe) {
			break
		}
	}
	require.NoError(t, stdin2.Close())
	assert.NoError(t, again.Wait(exitLimit))
	count()
	if s.full {
		assert.GreaterOrEqual(t, account.Delivered, safe, "what was on disk is lost: %s", account.Missing)
	} else {
		assert.Zero(t, account.Lost, "lost: %s", account.Missing)
	}
	assert.Zero(t, account.Invented)
	assert.Zero(t, account.Rewritten, "messages that repeat metrics with other bytes")
	assert.LessOrEqual(t, account.Repeated, s.may, "messages that were taken twice")
	t.Logf("%-24s ended after %4d ms, %4d of %4d metrics sent before, %d lost, %d messages and %d metrics twice",
		s.name, took.Milliseconds(), delivered(t, sent, before), s.metrics, account.Lost, account.Repeated, account.Duplicates)
}

func delivered(t *testing.T, sent []lab.Metric, messages []lab.Message) int {
	t.Helper()
	account, err := loss.Count(sent, messages)
	require.NoError(t, err)
	return account.Delivered
}

// destination is what the plugin talks to at first, and a function to end it.
func (s shutdown) destination(t *testing.T, log string) (address string, end func()) {
	t.Helper()
	if s.fail == "silent" {
		return silent(t)
	}
	args := []string{"--quiet"}
	if s.fail != "" && s.fail != "down" {
		args = append(args, "--fail", s.fail)
	}
	cloud, err := lab.StartEmulator(t.Context(), binaries.hologram, log, io.Discard, args...)
	require.NoError(t, err)
	stop := func() {
		_, err := cloud.Stop()
		require.NoError(t, err)
	}
	if s.fail == "down" {
		stop()
		return cloud.Address, func() {}
	}
	return cloud.Address, stop
}

// silent is an address that lets nobody in: connections wait.
func silent(t *testing.T) (address string, end func()) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	name, err := unix.Getsockname(fd)
	require.NoError(t, err)
	address = fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	var waiting []net.Conn
	for {
		dialer := net.Dialer{Timeout: 300 * time.Millisecond}
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			break // the queue is full
		}
		waiting = append(waiting, conn)
	}
	return address, func() {
		for _, conn := range waiting {
			require.NoError(t, conn.(*net.TCPConn).SetLinger(0))
			require.NoError(t, conn.Close())
		}
		require.NoError(t, unix.Close(fd))
	}
}

func mountSmallDisk(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a small file system needs root")
	}
	require.NoError(t, os.Mkdir(dir, 0o700))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
}

// feedFull fills the disk and then feeds the other half of the metrics, as far
// as the plugin reads them. It returns text with them.
func (s shutdown) feedFull(t *testing.T, stdin *os.File, buffer string, text []byte) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, lab.WaitEmpty(ctx, stdin))
	time.Sleep(200 * time.Millisecond)
	require.NoError(t, loss.FillDisk(filepath.Join(buffer, "filler")))
	var more []byte
	for n := s.metrics / 2; n < s.metrics; n++ {
		more = loss.AppendMetric(more, n, time.Now())
	}
	require.NoError(t, stdin.SetWriteDeadline(time.Now().Add(time.Second)))
	n, err := stdin.Write(more)
	if err != nil {
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	return append(text, more[:bytes.LastIndexByte(more[:n], '\n')+1]...)
}

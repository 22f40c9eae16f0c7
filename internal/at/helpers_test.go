package at

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is the far end of a port: it hands each line that it gets to answer and
// sends what that returns. AT, AT+CMEE? and the empty line are answered as any
// modem does, and lines that end with Ctrl-Z are handed over with it.
type fake struct {
	conn   net.Conn
	answer func(line string) string
	all    func(line string) // takes every line, if not nil
	done   sync.WaitGroup

	mu   sync.Mutex
	seen []string
}

// newFake starts a fake and returns the port to it.
func newFake(t *testing.T) (net.Conn, *fake) {
	t.Helper()
	near, far := net.Pipe()
	f := &fake{conn: far}
	f.done.Go(f.serve)
	return near, f
}

// end ends a fake, which somebody has to do before the test is over.
func (f *fake) end() {
	_ = f.conn.Close()
	f.done.Wait()
}

// pair starts a fake and a driver on it for the test.
func pair(t *testing.T, opts Options, answer func(string) string) (*Driver, *fake) {
	t.Helper()
	near, f := newFake(t)
	f.answers(answer)
	d := New(near, opts)
	t.Cleanup(func() {
		require.NoError(t, d.Close())
		f.end()
	})
	return d, f
}

func (f *fake) serve() {
	var line []byte
	buf := make([]byte, 512)
	for {
		n, err := f.conn.Read(buf)
		if err != nil {
			return
		}
		for _, c := range buf[:n] {
			switch c {
			case '\r', '\x1A':
				if c == '\x1A' {
					line = append(line, c)
				}
				f.handle(string(line))
				line = line[:0]
			case '\x1B':
			default:
				line = append(line, c)
			}
		}
	}
}

func (f *fake) handle(line string) {
	if f.all != nil {
		f.all(line)
		return
	}
	switch line {
	case "":
	case "AT":
		f.say("\r\nOK\r\n")
	case "AT+CMEE?":
		f.say("\r\n+CMEE: 0\r\n\r\nOK\r\n")
	default:
		f.mu.Lock()
		f.seen = append(f.seen, line)
		answer := f.answer
		f.mu.Unlock()
		if answer != nil {
			f.say(answer(line))
		}
	}
}

// answers changes how commands are answered.
func (f *fake) answers(how func(line string) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = how
}

func (f *fake) say(text string) { _, _ = io.WriteString(f.conn, text) }

func (f *fake) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.seen...)
}

// always answers every command so.
func always(text string) func(string) string { return func(string) string { return text } }

// urcs takes n URCs.
func urcs(t *testing.T, d *Driver, n int) []URC {
	t.Helper()
	got := make([]URC, n)
	for i := range got {
		u, ok := <-d.URCs()
		require.True(t, ok)
		got[i] = u
	}
	return got
}

// waiting takes the URCs that are there.
func waiting(d *Driver) []URC {
	var got []URC
	for {
		select {
		case u, ok := <-d.URCs():
			if !ok {
				return got
			}
			got = append(got, u)
		default:
			return got
		}
	}
}

// lines is an answer as modems format it.
func lines(text ...string) string {
	var b strings.Builder
	for _, l := range text {
		b.WriteString("\r\n" + l + "\r\n")
	}
	return b.String()
}

// port is an io.ReadWriteCloser out of functions.
type port struct {
	read  func([]byte) (int, error)
	write func([]byte) (int, error)
	close func() error
}

func (p port) Read(b []byte) (int, error)  { return p.read(b) }
func (p port) Write(b []byte) (int, error) { return p.write(b) }
func (p port) Close() error                { return p.close() }

// sinkRecorder is a sink that keeps what it is given.
type sinkRecorder struct {
	lines   []string
	prompts int
	wants   bool
	noisy   int
	order   bytes.Buffer
}

func (s *sinkRecorder) line(text string) {
	s.lines = append(s.lines, text)
	s.order.WriteString("l" + text + "\n")
}
func (s *sinkRecorder) promptWanted() bool { return s.wants }
func (s *sinkRecorder) prompt() {
	s.prompts++
	s.wants = false
	s.order.WriteString("p\n")
}
func (s *sinkRecorder) noise(n int) { s.noisy += n }

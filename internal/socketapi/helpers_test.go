package socketapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-hologram/internal/dns"
	"telegraf-hologram/internal/socketapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is the device key of the tests; it must never be seen in an error.
const key = `k"Y\%$9z`

var cred = socketapi.Credentials{DeviceKey: key}

// serve runs a loopback server that hands each connection to handle and closes
// it afterwards. It returns the address. The test's end waits for all of it;
// handlers that wait should wait for done.
func serve(t testing.TB, handle func(conn *net.TCPConn, done <-chan struct{})) string {
	t.Helper()
	return serveOn(t, "127.0.0.1:0", handle)
}

func serveOn(t testing.TB, address string, handle func(conn *net.TCPConn, done <-chan struct{})) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn.(*net.TCPConn), done)
			})
		}
	})
	t.Cleanup(func() {
		close(done)
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// readMessage reads to the terminator and returns all that has come.
func readMessage(conn net.Conn) []byte {
	var got []byte
	buf := make([]byte, 64<<10)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil || bytes.HasSuffix(got, []byte("\n\n")) {
			return got
		}
	}
}

// answering returns a handler that reads a message and answers.
func answering(answer string) func(*net.TCPConn, <-chan struct{}) {
	return func(conn *net.TCPConn, _ <-chan struct{}) {
		readMessage(conn)
		_, _ = io.WriteString(conn, answer)
	}
}

// deadAddress is an address of this host on which nobody listens.
func deadAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// newClient returns a client with time limits fit for a test, closed at its
// end.
func newClient(t testing.TB, address string) *socketapi.Client {
	t.Helper()
	c := &socketapi.Client{
		Address:        address,
		Credentials:    cred,
		ConnectTimeout: 2 * time.Second,
		AnswerTimeout:  2 * time.Second,
		LateAnswer:     -1,
	}
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// apiError returns the error as what every error of the client is, and checks
// that it does not give the secret away.
func apiError(t testing.TB, err error) *socketapi.Error {
	t.Helper()
	require.Error(t, err)
	var e *socketapi.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), key)
	require.NotContains(t, err.Error(), "secret text")
	require.NotEqual(t, socketapi.Delivered, e.Verdict)
	return e
}

// fakeDNS is a resolver whose records a test changes as it goes.
type fakeDNS struct {
	mu      sync.Mutex
	records map[string][]netip.Addr // by network: "ip4", "ip6"
	err     error                   // returned in place of records
	block   chan struct{}           // if set, lookups wait until it is closed or their context ends
	queries []string                // the networks asked for
}

func (d *fakeDNS) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	d.queries = append(d.queries, network)
	block, err, addrs := d.block, d.err, d.records[network]
	d.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &dns.Error{Host: host, Err: dns.ErrNotFound}
	}
	return addrs, nil
}

func (d *fakeDNS) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// asked returns the queries since the last call.
func (d *fakeDNS) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queries
	d.queries = nil
	return q
}

var errServerFailure = &dns.Error{Host: "cloud.test", Err: errors.New("server answers: server failure")}

// clock is a clock that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fakeNet dials in place of the network: it counts what is dialled and answers
// "[0,0]" unless an error is set for the address.
type fakeNet struct {
	mu     sync.Mutex
	dialed []string
	fail   map[string]error // by address without port
}

func (n *fakeNet) Dial(_ context.Context, network, address string) (socketapi.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialed = append(n.dialed, network+" "+address)
	if err := n.fail[netip.MustParseAddrPort(address).Addr().String()]; err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return &taker{answer: []byte("[0,0]")}, nil
}

func (n *fakeNet) set(addr string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail == nil {
		n.fail = make(map[string]error)
	}
	n.fail[addr] = err
}

// tried returns what was dialled since the last call.
func (n *fakeNet) tried() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.dialed
	n.dialed = nil
	return d
}

// taker is a connection to a cloud that takes everything.
type taker struct {
	answer []byte
}

func (*taker) Write(b []byte) (int, error) { return len(b), nil }
func (*taker) SetDeadline(time.Time) error { return nil }
func (*taker) Close() error                { return nil }
func (c *taker) Read(b []byte) (int, error) {
	if len(c.answer) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.answer)
	c.answer = c.answer[n:]
	return n, nil
}

var errBroken = errors.New("broken")

package inet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// listen returns a listener of TCP on this host and its address.
func listen(t *testing.T, address string) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener), l.Addr().(*net.TCPAddr).AddrPort()
}

// dialed returns both ends of a connection.
func dialed(t *testing.T) (*conn, *net.TCPConn) {
	t.Helper()
	l, to := listen(t, "127.0.0.1:0")
	near, err := new(Dialer).Dial(t.Context(), "tcp", to)
	require.NoError(t, err)
	t.Cleanup(func() { _ = near.Close() })
	far, err := l.AcceptTCP()
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	return near.(*conn), far
}

// option reads an option of the socket.
func (c *conn) option(t *testing.T, level, name int) int {
	t.Helper()
	rc, err := c.SyscallConn()
	require.NoError(t, err)
	n := -1
	require.NoError(t, rc.Control(func(fd uintptr) { n, err = unix.GetsockoptInt(int(fd), level, name) }))
	require.NoError(t, err)
	return n
}

func TestDial(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l, to := listen(t, address)
			var state []int
			d := Dialer{
				Control: func(fd int) {
					info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
					require.NoError(t, err)
					state = append(state, int(info.State))
				},
				Failed: func(int) { t.Error("has not failed") },
			}
			c, err := d.Dial(t.Context(), "tcp", netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port()))
			require.NoError(t, err)
			require.Equal(t, []int{7}, state, "before connecting")
			far, err := l.Accept()
			require.NoError(t, err)
			require.Equal(t, 1, c.(*conn).option(t, unix.IPPROTO_TCP, unix.TCP_NODELAY))
			require.Equal(t, 0, c.(*conn).option(t, unix.SOL_SOCKET, unix.SO_KEEPALIVE))
			rc, err := c.(*conn).SyscallConn()
			require.NoError(t, err)
			require.NoError(t, rc.Control(func(fd uintptr) {
				require.Equal(t, far.RemoteAddr().(*net.TCPAddr).AddrPort(), LocalAddrPort(int(fd)))
			}))

			_, err = io.WriteString(c, "question")
			require.NoError(t, err)
			buf := make([]byte, 8)
			_, err = io.ReadFull(far, buf)
			require.NoError(t, err)
			_, err = far.Write([]byte("answer"))
			require.NoError(t, err)
			require.NoError(t, far.Close())
			answer, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Equal(t, "question answer", string(buf)+" "+string(answer))
			require.NoError(t, c.Close())
			require.ErrorIs(t, c.Close(), os.ErrClosed)
			require.Error(t, c.(*conn).SetLinger(0))
		})
	}
}

func TestRefused(t *testing.T) {
	l, to := listen(t, "127.0.0.1:0")
	require.NoError(t, l.Close())
	var failed []uint8
	d := Dialer{Failed: func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		require.NoError(t, err)
		failed = append(failed, uint8(info.Segs_in))
	}}
	_, err := d.Dial(t.Context(), "tcp", to)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.EqualError(t, err, "dial tcp4 "+to.String()+": connect: connection refused")
	require.Equal(t, []uint8{1}, failed)
}

// The errors of connect are those of package net.
func TestErrorsAsNet(t *testing.T) {
	l, refused := listen(t, "127.0.0.1:0")
	require.NoError(t, l.Close())
	for _, to := range []netip.AddrPort{
		refused,
		netip.MustParseAddrPort("255.255.255.255:9"),
		netip.MustParseAddrPort("[fe80::1]:9"), // without an interface
		netip.MustParseAddrPort("224.0.0.1:9"),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, want := (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := new(Dialer).Dial(ctx, "tcp", to)
		cancel()
		require.Error(t, want)
		require.EqualError(t, err, strings.Replace(want.Error(), "dial tcp ", "dial tcp"+map[bool]string{true: "4", false: "6"}[to.Addr().Is4()]+" ", 1))
	}
	_, err := new(Dialer).Dial(t.Context(), "tcp", netip.AddrPort{})
	require.Error(t, err)
	_, err = new(Dialer).Dial(t.Context(), "tcp", netip.MustParseAddrPort("[fe80::1%none0]:9"))
	require.ErrorContains(t, err, `zone "none0"`)
}

// deaf returns an address that does not answer: the queue of its listener is
// full.
func deaf(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback.As4()}))
	require.NoError(t, unix.Listen(fd, 0))
	to := LocalAddrPort(fd)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		c, err := new(Dialer).Dial(ctx, "tcp", to)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			return to
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue has no end")
	return to
}

// The end of the context ends a connect at once, and closes the socket.
func TestContext(t *testing.T) {
	to := deaf(t)
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		var state uint8
		start := time.Now()
		d := Dialer{Failed: func(fd int) {
			info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			require.NoError(t, err)
			state = info.State
		}}
		_, err := d.Dial(ctx, "tcp", to)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.EqualError(t, err, "dial tcp4 "+to.String()+": i/o timeout")
		require.Less(t, time.Since(start), time.Second)
		require.EqualValues(t, 2, state, "still waiting for an answer")
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		start := time.Now()
		_, err := new(Dialer).Dial(ctx, "tcp", to)
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(start), time.Second)
	})
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := (&Dialer{Control: func(int) { t.Error("a socket") }}).Dial(ctx, "tcp", to)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A connection is not bound to the context that it was made with.
func TestContextAfterConnect(t *testing.T) {
	l, to := listen(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	c, err := new(Dialer).Dial(ctx, "tcp", to)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	cancel()
	far, err := l.Accept()
	require.NoError(t, err)
	_, err = far.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, far.Close())
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "x", string(b))
}

func TestDeadlineAndClose(t *testing.T) {
	c, far := dialed(t)
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Millisecond)))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.EqualError(t, err, "read tcp4 "+far.RemoteAddr().String()+"->"+far.LocalAddr().String()+": i/o timeout", "as of package net")
	require.NoError(t, c.SetDeadline(time.Now().Add(50*time.Millisecond)))
	for err = nil; err == nil; { // until no more fits
		_, err = c.Write(make([]byte, 1<<20))
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetDeadline(time.Time{}))
	time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() })
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestLinger(t *testing.T) {
	for sec, want := range map[int]error{0: syscall.ECONNRESET, -1: nil, 1: nil} {
		c, far := dialed(t)
		require.NoError(t, c.SetLinger(0))
		require.NoError(t, c.SetLinger(sec))
		require.NoError(t, c.Close())
		_, err := io.ReadAll(far)
		require.ErrorIs(t, err, want, "%d s", sec)
	}
}

// Writing to a connection that the other side has reset is an error and no
// signal that ends the process.
func TestBrokenPipe(t *testing.T) {
	c, far := dialed(t)
	require.NoError(t, far.SetLinger(0))
	require.NoError(t, far.Close())
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = c.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)
}

// A socket that is bound to the address to which it connects reaches itself,
// which without binding it happens once in thousands of times.
func TestNotConnectedToItself(t *testing.T) {
	l, to := listen(t, "127.0.0.1:0")
	require.NoError(t, l.Close())
	d := Dialer{Control: func(fd int) {
		require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}))
	}}
	_, err := d.Dial(t.Context(), "tcp", to)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestUDP(t *testing.T) {
	far, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	to := far.LocalAddr().(*net.UDPAddr).AddrPort()
	c, err := new(Dialer).Dial(t.Context(), "udp", to)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "question")
	require.NoError(t, err)
	buf := make([]byte, 100)
	n, from, err := far.ReadFromUDPAddrPort(buf)
	require.NoError(t, err)
	require.Equal(t, "question", string(buf[:n]))

	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	_, err = stranger.WriteToUDPAddrPort([]byte("not asked"), from)
	require.NoError(t, err)
	require.NoError(t, stranger.Close())
	_, err = far.WriteToUDPAddrPort([]byte("answer"), from)
	require.NoError(t, err)
	n, err = c.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "answer", string(buf[:n]), "only the peer is heard")

	require.NoError(t, far.Close())
	_, err = io.WriteString(c, "question")
	require.NoError(t, err)
	_, err = c.Read(buf)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestZone(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	for zone, want := range map[string]int{"": 0, "17": 17, "lo": lo.Index} {
		got, err := zoneID(fd, zone)
		require.NoError(t, err)
		require.EqualValues(t, want, got)
	}
	for _, zone := range []string{"none0", "an interface with a name that is too long", "-1"} {
		_, err := zoneID(fd, zone)
		require.Error(t, err)
	}
}

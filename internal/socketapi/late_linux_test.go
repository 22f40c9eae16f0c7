package socketapi_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-hologram/internal/socketapi"
)

// waitingConn is a connection on which everything is acknowledged and nothing
// comes. Its socket is what a test makes it.
type waitingConn struct {
	net.Conn

	socket atomic.Pointer[os.File]
	rst    bool
}

func (c *waitingConn) SyscallConn() (syscall.RawConn, error) { return c.socket.Load().SyscallConn() }
func (c *waitingConn) SetLinger(sec int) error               { c.rst = sec == 0; return nil }
func (*waitingConn) Write(b []byte) (int, error)             { return len(b), nil }

// boundSocket is a socket of TCP that has the address, on this host or not, on
// which nothing is waiting to be acknowledged.
func boundSocket(t *testing.T, addr string) *os.File {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), addr)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	require.NoError(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1))
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(addr).As4()}))
	return f
}

// A connection is given up soon after this host has lost its address; while it
// has it, all of the time is waited, on loopback addresses as well.
func TestLocalAddressGone(t *testing.T) {
	gone := boundSocket(t, "192.0.2.7")
	for _, tt := range []struct {
		name   string
		local  string
		goneAt time.Duration
		waited time.Duration
	}{
		{"stays", "127.0.0.1", time.Hour, 2 * time.Minute},
		{"stays, another of the loopback network", "127.1.2.3", time.Hour, 2 * time.Minute},
		{"gone before", "127.0.0.1", 59 * time.Second, 0},
		{"gone while waiting", "127.0.0.1", 80 * time.Second, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := boundSocket(t, tt.local)
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer func() { _ = far.Close() }()
				conn := &waitingConn{Conn: near}
				conn.socket.Store(socket)
				time.AfterFunc(tt.goneAt, func() { conn.socket.Store(gone) })
				c := &socketapi.Client{Address: "192.0.2.1:9999", Credentials: cred}
				c.Dial = func(context.Context, string, string) (socketapi.Conn, error) { return conn, nil }
				r, err := c.Send(t.Context(), message)
				e := apiError(t, err)
				require.Equal(t, socketapi.Unknown, e.Verdict)
				require.InDelta(t, tt.waited, e.Waited, 1)
				require.InDelta(t, time.Minute+tt.waited, r.Duration, 1)
				require.True(t, conn.rst)
				require.Equal(t, tt.goneAt > time.Minute*3/2, e.Timeout())
				if tt.goneAt < time.Hour {
					require.ErrorContains(t, err, "this host has lost the address of the connection")
				}
			})
		})
	}
}

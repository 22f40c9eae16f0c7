package inet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a socket as a file.
type conn struct{ file *os.File }

func (c *conn) Read(b []byte) (int, error)    { return c.file.Read(b) }
func (c *conn) Write(b []byte) (int, error)   { return c.file.Write(b) }
func (c *conn) Close() error                  { return c.file.Close() }
func (c *conn) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// SyscallConn gives access to the socket.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.file.SyscallConn() }

// SetLinger says what Close does with data that is not acknowledged yet. 0
// discards it and ends the connection with RST; otherwise the system goes on
// sending it, less than 0, or does so for at most as many seconds.
func (c *conn) SetLinger(sec int) error {
	l := unix.Linger{Linger: int32(sec)}
	if sec >= 0 {
		l.Onoff = 1
	}
	rc, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	if err := rc.Control(func(fd uintptr) { setErr = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &l) }); err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", setErr)
}

func (d *Dialer) dial(ctx context.Context, network string, to netip.AddrPort) (Conn, error) {
	network += "6"
	if to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port()); to.Addr().Is4() {
		network = network[:len(network)-1] + "4"
	}
	c, err := d.connect(ctx, network, to)
	if err != nil {
		return nil, fmt.Errorf("dial %s %s: %w", network, to, err)
	}
	return c, nil
}

// connect makes a socket and connects it. The network has a version of IP.
func (d *Dialer) connect(ctx context.Context, network string, to netip.AddrPort) (*conn, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	tcp := network[:3] == "tcp"
	family, kind := unix.AF_INET6, unix.SOCK_DGRAM
	if to.Addr().Is4() {
		family = unix.AF_INET
	}
	if tcp {
		kind = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	address, err := sockaddr(fd, to)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	if tcp {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // a failure costs time, no data
	}
	if d.Control != nil {
		d.Control(fd)
	}
	err = unix.Connect(fd, address)
	// The poller must not see a socket that is not being connected yet. The
	// name is for the errors of Read and Write.
	local := LocalAddrPort(fd)
	c := &conn{os.NewFile(uintptr(fd), network+" "+local.String()+"->"+to.String())}
	// An interrupted connect goes on as well.
	if err == unix.EINPROGRESS || err == unix.EALREADY || err == unix.EINTR { //nolint:errorlint // a bare errno
		err = c.await(ctx)
	} else {
		err = os.NewSyscallError("connect", err)
	}
	if err == nil && tcp && local == to {
		// A port of this host on which nobody listens may become the socket's
		// own, and then TCP connects it to itself.
		err = os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	if err != nil {
		if d.Failed != nil {
			d.Failed(fd)
		}
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// await waits until the socket is connected, or cannot be, or the context ends.
func (c *conn) await(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.file.SetWriteDeadline(longAgo) })
	rc, err := c.file.SyscallConn()
	if err != nil {
		stop()
		return err
	}
	var failure error
	err = rc.Write(func(fd uintptr) bool { // called at first and whenever the socket may have become writable
		n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			failure = os.NewSyscallError("getsockopt", err)
			return true
		}
		switch errno := syscall.Errno(n); errno {
		case 0:
			_, err := syscall.Getpeername(int(fd))
			return err == nil
		case unix.EINPROGRESS, unix.EALREADY, unix.EINTR:
			return false
		case unix.EISCONN:
			return true
		default:
			failure = os.NewSyscallError("connect", errno)
			return true
		}
	})
	switch {
	case !stop(): // even if it was connected at the last moment: the deadline stays
		return ended(ctx)
	case failure != nil:
		return failure
	}
	return err
}

// sockaddr is the address as the system wants it. Any socket will do.
func sockaddr(socket int, to netip.AddrPort) (unix.Sockaddr, error) {
	addr := to.Addr()
	switch {
	case !addr.IsValid():
		return nil, errors.New("invalid address")
	case addr.Is4():
		return &unix.SockaddrInet4{Addr: addr.As4(), Port: int(to.Port())}, nil
	}
	zone, err := zoneID(socket, addr.Zone())
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", addr.Zone(), err)
	}
	return &unix.SockaddrInet6{Addr: addr.As16(), Port: int(to.Port()), ZoneId: zone}, nil
}

// zoneID is the number of the interface that is named, or is numbered already.
func zoneID(socket int, zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	ifr, err := unix.NewIfreq(zone)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, ifr); err != nil {
		return 0, err
	}
	return ifr.Uint32(), nil
}

// LocalAddrPort is the address that the socket has on this host, without a
// zone; not valid if that cannot be told.
func LocalAddrPort(fd int) netip.AddrPort {
	// That of package unix links the addresses of all that Linux knows.
	local, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	switch a := local.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

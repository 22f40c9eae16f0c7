package socketapi

import (
	"errors"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"telegraf-hologram/internal/inet"
)

// holdBackAck prepares the socket of a connect. With quick acknowledgements the
// kernel sends the third segment of the handshake at once. Without, it holds it
// back for up to 200 ms, so that it rides on the message, and later the
// acknowledgement of the answer, so that it rides on our last segment: two
// segments of 52 bytes each less.
func holdBackAck(fd int) {
	// A failure costs no more than those two segments.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
}

// sampleOfFailed returns what the kernel has counted for a connect that has
// failed. Nothing goes out later, even if the socket has become a connection at
// the last moment.
func sampleOfFailed(fd int) tcpSample {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	return sampleOfSocket(fd)
}

// withSocket calls f with the descriptor of the connection, if it has one.
func withSocket(conn Conn, f func(fd int)) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = rc.Control(func(fd uintptr) { f(int(fd)) }) // on failure f is not called
}

// unacked returns how many of the bytes written to the connection the other
// side's kernel has not acknowledged, UnackedUnknown when that cannot be told.
func unacked(conn Conn) int {
	n := UnackedUnknown
	withSocket(conn, func(fd int) {
		if v, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ); err == nil {
			n = v
		}
	})
	return n
}

// isGone tells whether the address of a connection is certainly not one of this
// host any more: then no socket can be bound to it. That asks nobody outside.
func isGone(conn Conn) bool {
	gone := false
	withSocket(conn, func(fd int) {
		addr := inet.LocalAddrPort(fd).Addr()
		// A link-local address takes an interface as well, and no cellular
		// network gives one.
		gone = addr.IsValid() && !addr.IsLinkLocalUnicast() && !canBind(addr)
	})
	return gone
}

// canBind tells whether a socket can be bound to an address, or that is not
// known.
func canBind(addr netip.Addr) bool {
	family, to := unix.AF_INET, unix.Sockaddr(nil)
	if addr.Is4() {
		to = &unix.SockaddrInet4{Addr: addr.As4()}
	} else {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Addr: addr.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	return !errors.Is(unix.Bind(fd, to), unix.EADDRNOTAVAIL)
}

// sampleOf returns what the kernel has counted for the connection.
func sampleOf(conn Conn) tcpSample {
	var s tcpSample
	withSocket(conn, func(fd int) { s = sampleOfSocket(fd) })
	return s
}

func sampleOfSocket(fd int) tcpSample {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return tcpSample{}
	}
	// What an older kernel does not count is 0.
	s := tcpSample{
		ok:          true,
		state:       tcpState(info.State),
		options:     tcpOptions(info.Options) & allOptions,
		segsOut:     int64(info.Segs_out),
		segsIn:      int64(info.Segs_in),
		retransmits: int64(info.Total_retrans),
		bytesOut:    int64(info.Bytes_sent),
		bytesIn:     int64(info.Bytes_received),
	}
	s.offered = s.options
	if s.offered&optTimestamps == 0 && isOffered("timestamps") {
		s.offered |= optTimestamps
	}
	if s.offered&optSACK == 0 && isOffered("sack") {
		s.offered |= optSACK
	}
	if s.offered&optWindowScale == 0 && isOffered("window_scaling") {
		s.offered |= optWindowScale
	}
	return s
}

// isOffered tells whether this host's SYNs have the option.
func isOffered(name string) bool {
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_" + name)
	return err != nil || len(b) == 0 || b[0] != '0'
}

// isNoRouteText has nothing to look for: the errors of package dns are not only
// texts.
func isNoRouteText(error) bool { return false }

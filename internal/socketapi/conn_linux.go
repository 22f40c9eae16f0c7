package socketapi

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// probe looks at the socket of a connect, also after it has failed.
type probe struct {
	fd int // a second descriptor of the socket; -1 if there is none
}

func newProbe() *probe { return &probe{fd: -1} }

// control runs before connect(2). Without quick acknowledgements the kernel
// holds the third segment of the handshake for up to 200 ms, so that it rides
// on the message, and later the acknowledgement of the answer, so that it
// rides on our last segment: two segments of 52 bytes each less.
func (p *probe) control(_, _ string, rc syscall.RawConn) error {
	return rc.Control(func(fd uintptr) {
		// A failure costs no more than those two segments.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0)
		p.close() // a dialer may try twice
		if second, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			p.fd = second
		}
	})
}

// failed ends the socket of a connect that has failed and returns what the
// kernel has counted for it. Nothing goes out later, even if it has become a
// connection at the last moment.
func (p *probe) failed() tcpSample {
	if p.fd < 0 {
		return tcpSample{}
	}
	_ = unix.SetsockoptLinger(p.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	s := sampleOfSocket(p.fd)
	p.close()
	return s
}

// close comes before anything else is done with a connection, which ends with
// the last of its descriptors only.
func (p *probe) close() {
	if p.fd >= 0 {
		_ = unix.Close(p.fd)
		p.fd = -1
	}
}

// withSocket calls f with the descriptor of the connection, if it has one.
func withSocket(conn net.Conn, f func(fd int)) {
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
func unacked(conn net.Conn) int {
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
func isGone(local net.Addr) bool {
	tcp, ok := local.(*net.TCPAddr)
	if !ok {
		return false
	}
	addr, ok := netip.AddrFromSlice(tcp.IP)
	if !ok {
		return false
	}
	family, to := unix.AF_INET, unix.Sockaddr(nil)
	if addr = addr.Unmap(); addr.Is4() {
		to = &unix.SockaddrInet4{Addr: addr.As4()}
	} else {
		if addr.IsLinkLocalUnicast() {
			return false // it takes an interface as well, and no cellular network gives one
		}
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Addr: addr.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	return errors.Is(unix.Bind(fd, to), unix.EADDRNOTAVAIL)
}

// sampleOf returns what the kernel has counted for the connection.
func sampleOf(conn net.Conn) tcpSample {
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

package socketapi

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// control runs before connect(2). Without quick acknowledgements the kernel
// holds the third segment of the handshake for up to 200 ms, so that it rides
// on the message, and later the acknowledgement of the answer, so that it
// rides on our last segment: two segments of 52 bytes each less.
func control(_, _ string, rc syscall.RawConn) error {
	return rc.Control(func(fd uintptr) {
		// A failure costs no more than those two segments.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0)
	})
}

// unacked returns how many of the bytes written to the connection the other
// side's kernel has not acknowledged, UnackedUnknown when that cannot be told.
func unacked(conn net.Conn) int {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return UnackedUnknown
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return UnackedUnknown
	}
	n := UnackedUnknown
	err = rc.Control(func(fd uintptr) {
		if v, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			n = v
		}
	})
	if err != nil {
		return UnackedUnknown
	}
	return n
}

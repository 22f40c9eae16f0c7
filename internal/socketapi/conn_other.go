//go:build !linux

package socketapi

import (
	"net"
	"syscall"
)

// control has no option to set: holding back the handshake's third segment is
// Linux's.
func control(_, _ string, _ syscall.RawConn) error { return nil }

// unacked cannot tell how much the other side has acknowledged.
func unacked(net.Conn) int { return UnackedUnknown }

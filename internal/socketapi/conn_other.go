//go:build !linux

package socketapi

import (
	"net"
	"syscall"
)

// probe has nothing to look at: counting is Linux's.
type probe struct{}

func newProbe() *probe { return &probe{} }

// control has no option to set: holding back the handshake's third segment is
// Linux's.
func (*probe) control(_, _ string, _ syscall.RawConn) error { return nil }

func (*probe) failed() tcpSample { return tcpSample{} }

func (*probe) close() {}

// unacked cannot tell how much the other side has acknowledged.
func unacked(net.Conn) int { return UnackedUnknown }

// isGone is not asked where nothing is known to be acknowledged.
func isGone(net.Addr) bool { return false }

// sampleOf cannot tell what was counted.
func sampleOf(net.Conn) tcpSample { return tcpSample{} }

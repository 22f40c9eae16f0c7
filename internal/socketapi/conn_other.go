//go:build !linux

package socketapi

import (
	"errors"
	"net"
	"strings"
)

// holdBackAck is not called: holding back the handshake's third segment is
// Linux's.
func holdBackAck(int) {}

// sampleOfFailed is not called: counting is Linux's.
func sampleOfFailed(int) tcpSample { return tcpSample{} }

// unacked cannot tell how much the other side has acknowledged.
func unacked(Conn) int { return UnackedUnknown }

// isGone is not asked where nothing is known to be acknowledged.
func isGone(Conn) bool { return false }

// sampleOf cannot tell what was counted.
func sampleOf(Conn) tcpSample { return tcpSample{} }

// isNoRouteText looks for the errors of a host without a way to its name
// servers. The resolver of package net keeps only their text.
func isNoRouteText(err error) bool {
	de, ok := errors.AsType[*net.DNSError](err)
	if !ok {
		return false
	}
	for _, no := range noRouteErrors {
		if strings.HasSuffix(de.Err, ": "+no.Error()) {
			return true
		}
	}
	return false
}

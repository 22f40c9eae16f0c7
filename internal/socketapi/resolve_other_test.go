//go:build !linux

package socketapi_test

import (
	"net"
	"syscall"
)

// noRouteToServer is the error of a lookup on a host without a network.
func noRouteToServer() error {
	return &net.DNSError{Err: "dial udp 192.0.2.53:53: connect: " + syscall.ENETUNREACH.Error(), Name: "cloud.test"}
}

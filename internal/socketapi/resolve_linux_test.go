package socketapi_test

import (
	"net/netip"
	"os"
	"syscall"

	"telegraf-hologram/internal/dns"
)

// noRouteToServer is the error of a lookup on a host without a network.
func noRouteToServer() error {
	return &dns.Error{Host: "cloud.test", Server: netip.MustParseAddr("192.0.2.53"), Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
}

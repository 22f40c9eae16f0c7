//go:build !windows

package socketapi

import "syscall"

// errHostUnreachable may come from a router, then about the address.
const errHostUnreachable = syscall.EHOSTUNREACH

// noRouteErrors are the errors of connect for a host without a way to the
// address.
var noRouteErrors = [...]error{syscall.ENETUNREACH, errHostUnreachable, syscall.ENETDOWN, syscall.EADDRNOTAVAIL}

// What the other side's RST brings about, while connecting and later.
const (
	errRefused = syscall.ECONNREFUSED
	errReset   = syscall.ECONNRESET
)

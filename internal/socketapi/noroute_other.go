//go:build !windows

package socketapi

import "syscall"

// hostUnreachable may come from a router, then about the address.
const hostUnreachable = syscall.EHOSTUNREACH

// noRouteErrors are the errors of connect for a host without a way to the
// address.
var noRouteErrors = [...]error{syscall.ENETUNREACH, hostUnreachable, syscall.ENETDOWN, syscall.EADDRNOTAVAIL}

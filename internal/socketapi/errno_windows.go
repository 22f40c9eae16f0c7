package socketapi

import "golang.org/x/sys/windows"

// errHostUnreachable may come from a router, then about the address.
const errHostUnreachable = windows.WSAEHOSTUNREACH

// noRouteErrors are the errors of connect for a host without a way to the
// address. The constants of package syscall are not what Windows returns.
var noRouteErrors = [...]error{windows.WSAENETUNREACH, errHostUnreachable, windows.WSAENETDOWN, windows.WSAEADDRNOTAVAIL}

// What the other side's RST brings about, while connecting and later.
const (
	errRefused = windows.WSAECONNREFUSED
	errReset   = windows.WSAECONNRESET
)

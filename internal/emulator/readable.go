package emulator

import (
	"net"
	"syscall"
	"time"
)

// awaitReadable waits until data has come without reading any of it, and reports
// whether some came in time.
func awaitReadable(conn net.Conn, d time.Duration) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil || conn.SetReadDeadline(time.Now().Add(d)) != nil {
		return false
	}
	asked := false
	// The function is asked once before the wait and once after it.
	err = raw.Read(func(uintptr) bool {
		defer func() { asked = true }()
		return asked
	})
	return err == nil
}

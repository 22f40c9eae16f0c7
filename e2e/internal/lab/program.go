package lab

import (
	"context"
	"fmt"
	"net"
)

// StartProgram starts any program in dir, to be watched. It has to be stopped, and
// then waited for.
func StartProgram(dir string, env []string, program string, args ...string) (*Process, error) {
	return start(dir, env, nil, program, args...)
}

// FreeAddresses returns n addresses on loopback whose ports nobody listened on a
// moment ago, for programs that must find each other again after a restart.
func FreeAddresses(ctx context.Context, n int) ([]string, error) {
	var all []string
	for range n {
		// All are open until the last one is found: so no two are the same.
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("cannot find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		all = append(all, l.Addr().String())
	}
	return all, nil
}

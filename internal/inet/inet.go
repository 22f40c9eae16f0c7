package inet

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Conn is a connection, or a socket of UDP with one peer. Its methods may be
// called concurrently. One that [Dialer.Dial] has returned also has the methods
// SetLinger and SyscallConn of [net.TCPConn]; SetLinger fails for UDP.
type Conn interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// Dialer opens connections. The zero value is ready to be used.
type Dialer struct {
	// Control is called with the new socket before it is connected, Failed
	// with the socket of a connect that has failed, before it is closed. Either
	// may be nil. They are called on Linux only.
	Control, Failed func(fd int)
}

// Dial connects to the address by the network, "tcp" or "udp". What it sends
// on a connection is not held back to be put together (TCP_NODELAY), and no
// probes are sent while nothing is to be said. The socket is made by the
// calling thread. The end of the context ends Dial: with [os.ErrDeadlineExceeded]
// if that was its deadline.
func (d *Dialer) Dial(ctx context.Context, network string, to netip.AddrPort) (Conn, error) {
	return d.dial(ctx, network, to)
}

// ended is the error of what the end of the context has ended.
func ended(ctx context.Context) error {
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return os.ErrDeadlineExceeded
}

// The errors of SplitHostPort.
var (
	errMissingPort = errors.New("missing port in address")
	errColons      = errors.New("too many colons in address")
	errBrackets    = errors.New("unexpected bracket in address")
)

// SplitHostPort takes apart "host:port" and "[host]:port", as [net.SplitHostPort]
// does: a host with colons must be in brackets. It checks neither of the two.
func SplitHostPort(s string) (host, port string, err error) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return "", "", errMissingPort
	}
	host, port = s[:colon], s[colon+1:]
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		switch {
		case end < 0:
			return "", "", errBrackets
		case end+1 == len(s) || end > colon:
			return "", "", errMissingPort
		case end+1 < colon && s[end+1] == ':':
			return "", "", errColons
		case end+1 < colon:
			return "", "", errMissingPort
		}
		host = s[1:end]
	} else if strings.IndexByte(host, ':') >= 0 {
		return "", "", errColons
	}
	if strings.ContainsAny(host, "[]") || strings.ContainsAny(port, "[]") {
		return "", "", errBrackets
	}
	return host, port, nil
}

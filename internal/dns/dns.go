package dns

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
)

// ErrNotFound says that the name does not exist or has no address of the kind
// asked for. No other error says anything about the name.
var ErrNotFound = errors.New("no such host or no address of this kind")

// Resolver looks up names. The zero value is ready to be used; the fields must
// not be changed after the first use. The methods may be called concurrently.
type Resolver struct {
	// Config and Hosts are files to be read in place of /etc/resolv.conf and
	// /etc/hosts. They count on Linux only.
	Config, Hosts string

	port uint16 // of name servers; 0 is 53

	mu             sync.Mutex
	sent, received int64
}

// LookupNetIP returns the addresses of a host, at least one and at most 32, for
// the network "ip4" or "ip6". [ErrNotFound] is in the chain of the error if
// there are none, [Error] if name servers were asked. Without a deadline a
// lookup may take 10 seconds for each name server, and more if resolv.conf says
// so. The sockets are made by the calling thread.
func (r *Resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	k := typeA
	if network == "ip6" {
		k = typeAAAA
	}
	return r.lookup(ctx, k, host)
}

// Spent returns the bytes of questions and answers since it was last called,
// IP headers included. On Linux they are exact, but for a question by TCP and
// for what routers say about questions; those to a server on this host count if
// it took so long to answer that it must have passed them on. On other systems
// they are not counted, and ok is false.
func (r *Resolver) Spent() (sent, received int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent, received = r.sent, r.received
	r.sent, r.received = 0, 0
	return sent, received, counts
}

// Error says why name servers gave no address.
type Error struct {
	Host   string     // as it was asked for
	Server netip.Addr // that the error is about, one for several
	Err    error      // what it answered or why it did not; ErrNotFound or any other
}

// Error names the host, the server and the cause.
func (e *Error) Error() string {
	return "lookup " + e.Host + " on " + e.Server.String() + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout tells whether the server has not answered in time.
func (e *Error) Timeout() bool { return errors.Is(e.Err, os.ErrDeadlineExceeded) }

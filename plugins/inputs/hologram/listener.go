package hologram

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// limiter is a listener that closes connections at once which are beyond a number of all, or of one source: so who opens
// very many keeps nobody else out.
type limiter struct {
	net.Listener
	most, mostOfOne int
	proxies         []netip.Prefix // may have as many as all
	refused         func()

	mu   sync.Mutex
	open int
	of   map[netip.Addr]int
}

// Accept returns the next connection that is not too many.
func (l *limiter) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := addrOf(c.RemoteAddr().String())
		if l.enter(source) {
			return &limited{Conn: c, limiter: l, source: source}, nil
		}
		l.refused()
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // nothing of it is to be left
		}
		_ = c.Close()
	}
}

func (l *limiter) enter(source netip.Addr) bool {
	key := sourceOf(source)
	l.mu.Lock()
	defer l.mu.Unlock()
	// The fewer are left, the fewer may one source have: so many sources that each take all they get leave some to others.
	left := l.most - l.open
	if left <= 0 || l.of[key] >= min(l.mostOfOne, max(left/2, 1)) && !contains(l.proxies, source) {
		return false
	}
	if l.of == nil {
		l.of = make(map[netip.Addr]int)
	}
	l.open++
	l.of[key]++
	return true
}

func (l *limiter) leave(source netip.Addr) {
	key := sourceOf(source)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.of[key]--; l.of[key] <= 0 {
		delete(l.of, key)
	}
}

// limited is a connection that a limiter counts.
type limited struct {
	net.Conn
	limiter *limiter
	source  netip.Addr
	once    sync.Once
}

// Close closes the connection.
func (c *limited) Close() error {
	c.once.Do(func() { c.limiter.leave(c.source) })
	return c.Conn.Close()
}

// addrOf returns the address in an address with a port; the zero value if there is none.
func addrOf(hostPort string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// contains tells whether one of the networks has an address.
func contains(networks []netip.Prefix, a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a.WithZone("")) })
}

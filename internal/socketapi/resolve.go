package socketapi

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"telegraf-hologram/internal/dns"
)

// A lookup for each message would cost 154 bytes and a round trip on top of the
// 385 bytes of the exchange itself, so addresses are kept, whatever the name
// server says about that, within these limits. They are there for safety as
// well: whoever is given the address next would receive our credentials.
const (
	addrMaxAge    = time.Hour        // older than this, an address is looked up again in the background
	addrMaxStale  = 24 * time.Hour   // older than this, an address is not used at all
	lookupTimeout = 10 * time.Second // for one lookup
	refreshPause  = 5 * time.Minute  // between background lookups that fail
)

// Resolver looks up names; [dns.Resolver] is one. The network is "ip4" or
// "ip6". Where it is certain that the name does not exist or has no address of
// the kind, [dns.ErrNotFound] is in the chain of the error. It must return when
// the context ends. What a lookup takes is estimated unless the resolver has the
// method Spent of dns.Resolver.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// family is a version of IP. IPv4 is tried first: its header is 20 bytes
// shorter.
type family int

const (
	ip4 family = iota
	ip6
	families
)

func (f family) lookupNetwork() string { return [...]string{"ip4", "ip6"}[f] }
func (f family) dialNetwork() string   { return [...]string{"tcp4", "tcp6"}[f] }

// addressCache keeps the addresses of the one host that a client talks to. Its
// lookups run in goroutines of their own, which close ends.
type addressCache struct {
	resolver dns.Resolver // unless the client has another

	mu      sync.Mutex
	closed  bool
	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	lookups sync.WaitGroup
	known   [families]knownAddress
	spent   traffic // of lookups that no Send has counted yet
}

// knownAddress is what the cache knows about one family.
type knownAddress struct {
	addr     netip.Addr // the last good address; invalid if there is none
	absent   bool       // the name has no address of this family
	at       time.Time  // when one of the two above was learnt
	restored bool       // addr is from an earlier run; see Client.SetAddresses
	suspect  bool       // connecting to addr has failed since
	pauseTo  time.Time  // no background lookup before; set when a lookup has failed
	pending  *lookup    // the lookup under way, nil if none
}

// trusted tells whether what is known may be used without a lookup. An address
// from an earlier run may be once a lookup in this one has failed.
func (k *knownAddress) trusted() bool {
	return (k.addr.IsValid() || k.absent) && !k.suspect && (!k.restored || !k.pauseTo.IsZero())
}

// age is how old the knowledge is. The clock of this process does not run
// while a device sleeps, the wall clock may be set, so the higher age counts.
// An address of an earlier run has the wall clock only; where that cannot be
// right, its age is not known, and it may not be used.
func (k *knownAddress) age(now time.Time) time.Duration {
	wall := now.Round(0).Sub(k.at.Round(0))
	switch {
	case k.restored && (wall < 0 || k.at.Before(plausible)):
		return addrMaxStale
	case k.at.Before(plausible): // and by now the clock may have been set right
		return now.Sub(k.at)
	}
	return max(now.Sub(k.at), wall)
}

// plausible is a time before which no wall clock is right.
var plausible = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// lookup is one lookup, which several callers may wait for. err is written
// before done is closed.
type lookup struct {
	done chan struct{}
	err  error
}

// get returns the address of the host, from the cache if the rules above allow
// it. An address that has only grown old is returned at once and looked up in
// the background. [dns.ErrNotFound] is in the chain of the error when the name is
// known to have no address of the family.
func (a *addressCache) get(ctx context.Context, c *Client, f family, host string) (netip.Addr, error) {
	a.mu.Lock()
	k := &a.known[f]
	if age := k.age(c.now()); k.trusted() {
		switch {
		case age < addrMaxAge && !k.restored:
			defer a.mu.Unlock()
			return k.result()
		case k.addr.IsValid() && age < addrMaxStale:
			defer a.mu.Unlock()
			if !c.now().Before(k.pauseTo) {
				a.start(c, f, host)
			}
			return k.result()
		}
	}
	l := a.start(c, f, host)
	a.mu.Unlock()
	if l == nil {
		return netip.Addr{}, ErrClosed
	}

	select {
	case <-l.done:
	case <-ctx.Done():
		return netip.Addr{}, contextError(ctx)
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case l.err == nil:
		return k.result()
	case k.addr.IsValid() && k.age(c.now()) < addrMaxStale:
		return k.addr, nil
	}
	return netip.Addr{}, l.err
}

func (k *knownAddress) result() (netip.Addr, error) {
	if k.addr.IsValid() {
		return k.addr, nil
	}
	return netip.Addr{}, dns.ErrNotFound
}

// start begins a lookup unless one is under way, and returns it; nil after
// close. a.mu is held.
func (a *addressCache) start(c *Client, f family, host string) *lookup {
	if a.closed {
		return nil
	}
	if a.ctx == nil {
		a.ctx, a.cancel = context.WithCancel(context.Background())
	}
	k := &a.known[f]
	if k.pending != nil {
		return k.pending
	}
	l := &lookup{done: make(chan struct{})}
	k.pending = l
	a.lookups.Go(func() {
		began := time.Now()
		addrs, err := c.lookupAddrs(a.ctx, f, host)
		cost := c.lookupCost(f, host, len(addrs), err, time.Since(began))
		a.mu.Lock()
		defer a.mu.Unlock()
		a.spent.add(cost)
		l.err = err
		k.learn(addrs, err, c.now())
		close(l.done)
	})
	return l
}

// learn takes in the outcome of a lookup. addrs is not empty if err is nil.
func (k *knownAddress) learn(addrs []netip.Addr, err error, now time.Time) {
	k.pending = nil
	switch {
	case errors.Is(err, dns.ErrNotFound):
		*k = knownAddress{absent: true, at: now}
	case err != nil:
		k.pauseTo = now.Add(refreshPause)
	default:
		*k = knownAddress{addr: choose(addrs, k.addr, k.suspect), at: now}
	}
}

// choose keeps to the old address, or away from it if it is suspect.
func choose(addrs []netip.Addr, old netip.Addr, suspect bool) netip.Addr {
	for _, addr := range addrs {
		if (addr == old) != suspect {
			return addr
		}
	}
	return addrs[0]
}

// failed notes that connecting to the address failed, so that it is looked up
// again before the next message.
func (a *addressCache) failed(f family, addr netip.Addr) {
	a.mu.Lock()
	if k := &a.known[f]; k.addr == addr {
		k.suspect = true
	}
	a.mu.Unlock()
	a.forgetAbsence()
}

// forgetAbsence makes the next message look for the families that the name did
// not have. Absence is worth remembering only while the other family works.
func (a *addressCache) forgetAbsence() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.known {
		a.known[f].absent = false
	}
}

// takeSpent returns the traffic of the lookups that have ended since it was last
// called.
func (a *addressCache) takeSpent() traffic {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.spent
	a.spent = traffic{}
	return t
}

// isClosed tells whether close was called.
func (a *addressCache) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// close ends all lookups and waits for them.
func (a *addressCache) close() {
	a.mu.Lock()
	a.closed = true
	if a.cancel != nil {
		a.cancel()
	}
	a.mu.Unlock()
	a.lookups.Wait()
}

// lookupAddrs asks the resolver once for the addresses of one family. The
// addresses are not empty if the error is nil.
func (c *Client) lookupAddrs(ctx context.Context, f family, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	all, err := c.resolver().LookupNetIP(ctx, f.lookupNetwork(), host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, addr := range all {
		if addr = addr.Unmap(); addr.Is4() == (f == ip4) {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, dns.ErrNotFound
	}
	return addrs, nil
}

func (c *Client) resolver() Resolver {
	if c.Resolver != nil {
		return c.Resolver
	}
	return &c.addresses.resolver
}

// lookupCost is what a lookup has taken, with any that ended at the same time.
func (c *Client) lookupCost(f family, host string, addresses int, err error, took time.Duration) traffic {
	if r, ok := c.resolver().(interface {
		Spent() (sent, received int64, ok bool)
	}); ok {
		if sent, received, ok := r.Spent(); ok {
			return traffic{sent, received}
		}
	}
	return lookupTraffic(f, host, addresses, err, took)
}

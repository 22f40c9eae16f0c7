package socketapi

import (
	"net/netip"
	"time"
)

// CachedAddress is an address that a client has looked up, in a form that can
// be stored.
type CachedAddress struct {
	Host     string
	Family   int // 4 or 6
	Address  netip.Addr
	LookedUp time.Time
}

// Addresses returns what the client knows of the addresses of its host and may
// still use, at most one for each family. It is for [Client.SetAddresses] of a
// client in a later run.
func (c *Client) Addresses() []CachedAddress {
	host, _, err := c.hostPort()
	if err != nil {
		return nil
	}
	now := c.now()
	c.addresses.mu.Lock()
	defer c.addresses.mu.Unlock()
	var list []CachedAddress
	for f := range families {
		k := &c.addresses.known[f]
		if k.addr.IsValid() && !k.at.Before(plausible) && k.age(now) < addrMaxStale {
			list = append(list, CachedAddress{Host: host, Family: f.number(), Address: k.addr, LookedUp: k.at.Round(0).UTC()})
		}
	}
	return list
}

// SetAddresses gives the client what [Client.Addresses] returned in an earlier
// run, to be used if a lookup fails: the first message is preceded by a lookup
// all the same. Addresses of another host and those that do not make sense are
// left out. The limit of 24 hours goes by the wall clock. While that says that
// an address is from the future, or from before 2020, the address is not used,
// even if there is no other: what is sent to an address that is somebody else's
// by now gives the credentials away.
func (c *Client) SetAddresses(list []CachedAddress) {
	host, _, err := c.hostPort()
	if err != nil {
		return
	}
	c.addresses.mu.Lock()
	defer c.addresses.mu.Unlock()
	for _, a := range list {
		f := familyOf(a.Address)
		k := &c.addresses.known[f]
		switch {
		case a.Host != host || a.Family != f.number() || !isHost(a.Address) || a.LookedUp.Before(plausible):
		case k.absent || k.addr.IsValid() && !(k.restored && k.at.Before(a.LookedUp)): // what this run knows is newer
		default:
			k.addr, k.at, k.restored = a.Address, a.LookedUp.Round(0), true
		}
	}
}

// isHost tells whether an address can be that of a host.
func isHost(a netip.Addr) bool {
	return a.IsValid() && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast()
}

// number is the version of IP.
func (f family) number() int { return [...]int{4, 6}[f] }

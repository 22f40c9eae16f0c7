package socketapi_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/socketapi"
)

// restarted returns a client as it is after a restart: with what an earlier one
// knew of the address, that long ago, and nothing else.
func restarted(t *testing.T, a4 []netip.Addr, ago time.Duration) *names {
	t.Helper()
	n := newNames(t, a4, nil)
	n.SetAddresses([]socketapi.CachedAddress{{Host: "cloud.test", Family: 4, Address: addrA, LookedUp: n.clock.Now().Add(-ago)}})
	return n
}

func TestAddressesOverRestart(t *testing.T) {
	before := newNames(t, only(addrA), only(addr6))
	require.Empty(t, before.Addresses())
	before.delivers(dialA)
	before.net.set(addrA.String(), syscall.ENETUNREACH)
	before.delivers(dialA, dial6)
	list := before.Addresses()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, []socketapi.CachedAddress{
		{Host: "cloud.test", Family: 4, Address: addrA, LookedUp: at},
		{Host: "cloud.test", Family: 6, Address: addr6, LookedUp: at},
	}, list)

	after := newNames(t, nil, nil)
	after.SetAddresses(list)
	require.Equal(t, list, after.Addresses(), "not lost by a run that sends nothing")
	after.dns.err = errServerFailure
	after.delivers(dialA)
	require.Equal(t, []string{"ip4"}, after.dns.asked(), "a lookup comes first")
	after.delivers(dialA)
	require.Empty(t, after.dns.asked(), "a lookup that failed is not repeated at once")
	after.net.set(addrA.String(), syscall.ENETUNREACH)
	after.delivers(dialA, dial6)
	require.Equal(t, []string{"ip6"}, after.dns.asked())
	require.Equal(t, list, after.Addresses(), "they do not become younger by being used")
}

// As soon as a lookup succeeds, the restored address is forgotten.
func TestRestoredAddressGivesWay(t *testing.T) {
	n := restarted(t, only(addrB), time.Minute)
	n.delivers(dialB)
	require.Equal(t, []string{"ip4"}, n.dns.asked())
	require.Equal(t, addrB, n.Addresses()[0].Address)

	n = restarted(t, only(addrB), time.Minute)
	n.dns.set(func() { n.dns.err = errServerFailure })
	n.delivers(dialA)
	require.Equal(t, []string{"ip4"}, n.dns.asked())
	n.dns.set(func() { n.dns.err = nil })
	n.clock.advance(5 * time.Minute)
	n.delivers(dialA)
	n.eventuallyAsked("ip4")
	n.delivers(dialB)
}

func TestRestoredAddressOfGoneName(t *testing.T) {
	n := restarted(t, nil, time.Minute)
	_ = n.fails(socketapi.PhaseResolve)
	require.Empty(t, n.Addresses())
}

// A restored address to which no connection can be made is looked up each time.
func TestRestoredAddressFails(t *testing.T) {
	n := restarted(t, only(addrB), time.Minute)
	n.dns.set(func() { n.dns.err = errServerFailure })
	n.net.set(addrA.String(), syscall.ECONNREFUSED)
	_ = n.fails(socketapi.PhaseConnect, dialA)
	_ = n.fails(socketapi.PhaseConnect, dialA)
	require.Equal(t, []string{"ip4", "ip4"}, n.dns.asked())
	n.dns.set(func() { n.dns.err = nil })
	n.delivers(dialB)
}

// An address whose age is not known to be below 24 hours gets no credentials.
func TestRestoredAddressAge(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name string
		ago  time.Duration
		used bool
	}{
		{"just now", 0, true},
		{"almost a day", day - time.Second, true},
		{"a day", day, false},
		{"a year", 365 * day, false},
		{"from the future", -time.Second, false},
		{"from before 2020", 7 * 365 * day, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := restarted(t, nil, tt.ago)
			n.dns.err = errServerFailure
			if tt.used {
				n.delivers(dialA)
				n.clock.advance(day)
				require.Empty(t, n.Addresses())
			}
			_ = n.fails(socketapi.PhaseResolve)
		})
	}
	t.Run("clock is set later", func(t *testing.T) {
		n := restarted(t, nil, time.Hour)
		n.dns.err = errServerFailure
		right := n.clock.Now()
		n.clock.advance(time.Unix(1e6, 0).Sub(right)) // as after a start without a clock
		_ = n.fails(socketapi.PhaseResolve)
		require.Empty(t, n.Addresses())
		n.clock.advance(right.Sub(n.clock.Now()))
		n.delivers(dialA)
	})
	t.Run("looked up without a clock", func(t *testing.T) {
		n := newNames(t, only(addrA), nil)
		n.clock.advance(time.Unix(1e6, 0).Sub(n.clock.Now()))
		n.delivers(dialA)
		require.Empty(t, n.Addresses(), "its age would not be known after a restart")
		n.delivers(dialA)
		require.Equal(t, []string{"ip4"}, n.dns.asked())
	})
}

func TestSetAddresses(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	good := socketapi.CachedAddress{Host: "cloud.test", Family: 4, Address: addrA, LookedUp: now}
	change := func(f func(*socketapi.CachedAddress)) socketapi.CachedAddress {
		a := good
		f(&a)
		return a
	}
	for name, a := range map[string]socketapi.CachedAddress{
		"other host":  change(func(a *socketapi.CachedAddress) { a.Host = "other.test" }),
		"family":      change(func(a *socketapi.CachedAddress) { a.Family = 6 }),
		"no address":  change(func(a *socketapi.CachedAddress) { a.Address = netip.Addr{} }),
		"mapped":      change(func(a *socketapi.CachedAddress) { a.Address = netip.MustParseAddr("::ffff:192.0.2.1"); a.Family = 6 }),
		"unspecified": change(func(a *socketapi.CachedAddress) { a.Address = netip.IPv4Unspecified() }),
		"multicast":   change(func(a *socketapi.CachedAddress) { a.Address = netip.MustParseAddr("224.0.0.1") }),
		"no time":     change(func(a *socketapi.CachedAddress) { a.LookedUp = time.Time{} }),
		"empty":       {},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNames(t, nil, nil)
			n.SetAddresses([]socketapi.CachedAddress{a})
			require.Empty(t, n.Addresses())
			n.dns.err = errServerFailure
			_ = n.fails(socketapi.PhaseResolve)
		})
	}
	t.Run("newest of several", func(t *testing.T) {
		n := newNames(t, nil, nil)
		older := change(func(a *socketapi.CachedAddress) { a.Address, a.LookedUp = addrB, now.Add(-time.Hour) })
		n.SetAddresses([]socketapi.CachedAddress{older, good, older})
		require.Equal(t, []socketapi.CachedAddress{good}, n.Addresses())
	})
	t.Run("does not replace what this run knows", func(t *testing.T) {
		n := newNames(t, only(addrB), nil)
		n.delivers(dialB)
		n.SetAddresses([]socketapi.CachedAddress{good})
		n.delivers(dialB)
	})
	t.Run("literal address", func(t *testing.T) {
		n := newNames(t, nil, nil)
		n.Address = "192.0.2.2:9999"
		n.SetAddresses([]socketapi.CachedAddress{good})
		n.delivers(dialB)
		require.Empty(t, n.Addresses())
	})
}

package socketapi_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/dns"
	"telegraf-hologram/internal/socketapi"
)

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
	addr6 = netip.MustParseAddr("2001:db8::1")
)

// names is a client for a host name, with all that surrounds it.
type names struct {
	*socketapi.Client

	t     *testing.T
	dns   *fakeDNS
	net   *fakeNet
	clock *clock
}

func newNames(t *testing.T, a4, a6 []netip.Addr) *names {
	t.Helper()
	n := &names{
		Client: newClient(t, "cloud.test:9999"),
		t:      t,
		dns:    &fakeDNS{records: map[string][]netip.Addr{"ip4": a4, "ip6": a6}},
		net:    &fakeNet{},
		clock:  &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	n.Resolver, n.Dial, n.Now = n.dns, n.net.Dial, n.clock.Now
	return n
}

// delivers sends a message, which must be delivered by way of what is given.
func (n *names) delivers(dialed ...string) {
	n.t.Helper()
	_, err := n.Send(n.t.Context(), message)
	require.NoError(n.t, err)
	require.Equal(n.t, dialed, n.net.tried())
}

// fails sends a message, which must fail.
func (n *names) fails(phase socketapi.Phase, dialed ...string) *socketapi.Error {
	n.t.Helper()
	_, err := n.Send(n.t.Context(), message)
	e := apiError(n.t, err)
	require.Equal(n.t, phase, e.Phase, err)
	require.Equal(n.t, socketapi.NotDelivered, e.Verdict)
	require.Equal(n.t, dialed, n.net.tried())
	return e
}

// eventuallyAsked waits for lookups in the background.
func (n *names) eventuallyAsked(networks ...string) {
	n.t.Helper()
	var got []string
	require.Eventually(n.t, func() bool {
		got = append(got, n.dns.asked()...)
		return len(got) >= len(networks)
	}, 2*time.Second, time.Millisecond)
	require.Equal(n.t, networks, got)
	time.Sleep(5 * time.Millisecond) // for the outcome to be noted
}

const (
	dialA = "tcp4 192.0.2.1:9999"
	dialB = "tcp4 192.0.2.2:9999"
	dial6 = "tcp6 [2001:db8::1]:9999"
)

func only(a ...netip.Addr) []netip.Addr { return a }

func TestLookupIsKept(t *testing.T) {
	n := newNames(t, only(addrA, addrB), only(addr6))
	for range 3 {
		n.delivers(dialA)
	}
	require.Equal(t, []string{"ip4"}, n.dns.asked(), "one lookup, no AAAA")

	n.clock.advance(time.Hour - time.Second)
	n.delivers(dialA)
	require.Empty(t, n.dns.asked())
}

// An old address is used at once; the lookup does not hold the message up.
func TestRefreshInBackground(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.delivers(dialA)
	n.dns.asked()

	answer := make(chan struct{})
	n.dns.set(func() { n.dns.records["ip4"], n.dns.block = only(addrB), answer })
	n.clock.advance(time.Hour)
	n.delivers(dialA)
	n.delivers(dialA)
	n.eventuallyAsked("ip4")
	close(answer)
	require.Eventually(t, func() bool {
		_, err := n.Send(t.Context(), message)
		require.NoError(t, err)
		d := n.net.tried()
		return d[0] == dialB
	}, 2*time.Second, time.Millisecond)
	require.Empty(t, n.dns.asked(), "one lookup for all of them")
}

func TestRefreshKeepsAddressThatWorks(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.delivers(dialA)
	n.dns.asked()
	n.dns.set(func() { n.dns.records["ip4"] = only(addrB, addrA) })
	n.clock.advance(time.Hour)
	n.delivers(dialA)
	n.eventuallyAsked("ip4")
	n.delivers(dialA)
}

func TestStaleAddressWhileLookupsFail(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.delivers(dialA)
	n.dns.asked()
	n.dns.set(func() { n.dns.err = errServerFailure })

	n.clock.advance(2 * time.Hour)
	n.delivers(dialA)
	n.eventuallyAsked("ip4")
	n.delivers(dialA)
	require.Empty(t, n.dns.asked(), "a lookup that failed is not repeated at once")
	n.clock.advance(5 * time.Minute)
	n.delivers(dialA)
	n.eventuallyAsked("ip4")

	n.clock.advance(24 * time.Hour)
	e := n.fails(socketapi.PhaseResolve)
	require.ErrorIs(t, e, errServerFailure)
	require.Equal(t, []string{"ip4"}, n.dns.asked())

	n.dns.set(func() { n.dns.err = nil })
	n.delivers(dialA)
}

// A name that is gone is not served from memory: its old address may be
// somebody else's by now.
func TestNameGone(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.delivers(dialA)
	n.dns.asked()
	n.dns.set(func() { n.dns.records["ip4"] = nil })
	n.clock.advance(2 * time.Hour)
	n.delivers(dialA)
	n.eventuallyAsked("ip4")
	_ = n.fails(socketapi.PhaseResolve)
	require.Equal(t, []string{"ip6"}, n.dns.asked())
	_ = n.fails(socketapi.PhaseResolve)
	require.Equal(t, []string{"ip4", "ip6"}, n.dns.asked(), "it may come back at any time")
	n.dns.set(func() { n.dns.records["ip4"] = only(addrB) })
	n.delivers(dialB)
}

func TestConnectFailureLooksUpAgain(t *testing.T) {
	n := newNames(t, only(addrA, addrB), nil)
	n.net.set(addrA.String(), syscall.ECONNREFUSED)
	e := n.fails(socketapi.PhaseConnect, dialA)
	require.ErrorIs(t, e, syscall.ECONNREFUSED)
	require.Equal(t, []string{"ip4"}, n.dns.asked(), "not before the next message")
	n.delivers(dialB)
	require.Equal(t, []string{"ip4"}, n.dns.asked())
	n.delivers(dialB)
	require.Empty(t, n.dns.asked())
}

func TestConnectFailureAndLookupFailure(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.delivers(dialA)
	n.net.set(addrA.String(), syscall.ETIMEDOUT)
	_ = n.fails(socketapi.PhaseConnect, dialA)
	n.dns.set(func() { n.dns.err = errServerFailure })
	_ = n.fails(socketapi.PhaseConnect, dialA) // with the last good address
	n.net.set(addrA.String(), nil)
	n.delivers(dialA)
}

// An answer that does not come says nothing about the address.
func TestAnswerFailureKeepsAddress(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.Dial = func(context.Context, string, string) (socketapi.Conn, error) {
		return &taker{}, nil
	}
	for range 2 {
		_, err := n.Send(t.Context(), message)
		require.Equal(t, socketapi.PhaseAnswer, apiError(t, err).Phase)
	}
	require.Equal(t, []string{"ip4"}, n.dns.asked())
}

// Without any network no lookup is wasted on an address that is fine.
func TestNoRouteKeepsAddress(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.delivers(dialA)
	n.dns.asked()
	n.net.set(addrA.String(), syscall.ENETUNREACH)
	for range 3 {
		require.True(t, n.fails(socketapi.PhaseConnect, dialA).NoRoute())
	}
	require.Equal(t, []string{"ip6"}, n.dns.asked(), "that it has no IPv6 address is kept as well")
	n.net.set(addrA.String(), nil)
	n.delivers(dialA)
	require.Empty(t, n.dns.asked())

	n.net.set(addrA.String(), syscall.EHOSTUNREACH) // may come from a router beside the address
	_ = n.fails(socketapi.PhaseConnect, dialA)
	_ = n.fails(socketapi.PhaseConnect, dialA)
	require.Equal(t, []string{"ip4"}, n.dns.asked())
}

func TestIPv6WithoutIPv4(t *testing.T) {
	t.Run("host", func(t *testing.T) {
		n := newNames(t, only(addrA), only(addr6))
		n.net.set(addrA.String(), syscall.ENETUNREACH)
		n.delivers(dialA, dial6)
		n.delivers(dialA, dial6)
		require.Equal(t, []string{"ip4", "ip6"}, n.dns.asked())
		n.net.set(addr6.String(), syscall.ENETUNREACH)
		require.True(t, n.fails(socketapi.PhaseConnect, dialA, dial6).NoRoute())
		n.net.set(addr6.String(), syscall.ECONNREFUSED)
		require.ErrorIs(t, n.fails(socketapi.PhaseConnect, dialA, dial6), syscall.ECONNREFUSED)
	})
	t.Run("name", func(t *testing.T) {
		n := newNames(t, nil, only(addr6))
		n.delivers(dial6)
		n.delivers(dial6)
		require.Equal(t, []string{"ip4", "ip6"}, n.dns.asked())
		n.net.set(addr6.String(), syscall.ECONNREFUSED)
		_ = n.fails(socketapi.PhaseConnect, dial6)
		n.dns.set(func() { n.dns.records["ip4"] = only(addrA) })
		n.delivers(dialA)
	})
	t.Run("lookup of IPv6 fails", func(t *testing.T) {
		n := newNames(t, only(addrA), nil)
		n.delivers(dialA)
		n.net.set(addrA.String(), syscall.ENETUNREACH)
		n.dns.set(func() { n.dns.err = errServerFailure })
		require.True(t, n.fails(socketapi.PhaseConnect, dialA).NoRoute())
	})
}

func TestLiteralAddressIsNotLookedUp(t *testing.T) {
	for address, dialed := range map[string]string{
		"192.0.2.1:9999":          dialA,
		"[2001:db8::1]:9999":      dial6,
		"[::ffff:192.0.2.1]:9999": dialA,
	} {
		n := newNames(t, nil, nil)
		n.Address = address
		n.delivers(dialed)
		require.Empty(t, n.dns.asked())
	}
}

func TestLookupErrors(t *testing.T) {
	t.Run("no such host", func(t *testing.T) {
		n := newNames(t, nil, nil)
		e := n.fails(socketapi.PhaseResolve)
		require.ErrorIs(t, e, dns.ErrNotFound)
		require.False(t, e.NoRoute())
	})
	t.Run("other family only", func(t *testing.T) {
		n := newNames(t, only(addr6), only(addrA)) // as from a careless resolver
		_ = n.fails(socketapi.PhaseResolve)
	})
	t.Run("no route to the name server", func(t *testing.T) {
		n := newNames(t, nil, nil)
		n.dns.err = noRouteToServer()
		require.True(t, n.fails(socketapi.PhaseResolve).NoRoute())
	})
	t.Run("timeout", func(t *testing.T) {
		n := newNames(t, nil, nil)
		n.dns.err = &dns.Error{Host: "cloud.test", Err: os.ErrDeadlineExceeded}
		e := n.fails(socketapi.PhaseResolve)
		require.True(t, e.Timeout())
		require.False(t, e.NoRoute())
	})
}

// Close ends a lookup that nobody waits for any more; TestMain sees to it that
// nothing is left.
func TestCloseEndsLookups(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.delivers(dialA)
	n.dns.asked()
	n.dns.set(func() { n.dns.block = make(chan struct{}) })
	n.clock.advance(2 * time.Hour)
	n.delivers(dialA)
	n.eventuallyAsked("ip4")
	closed := make(chan error)
	go func() { closed <- n.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(2 * time.Second):
		t.Fatal("Close hangs")
	}
	_, err := n.Send(t.Context(), message)
	require.ErrorIs(t, err, socketapi.ErrClosed)
}

// Several messages wait for one lookup.
func TestLookupIsShared(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	answer := make(chan struct{})
	n.dns.block = answer
	errs := make(chan error)
	for range 5 {
		go func() {
			_, err := n.Send(t.Context(), message)
			errs <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	close(answer)
	for range 5 {
		require.NoError(t, <-errs)
	}
	require.Equal(t, []string{"ip4"}, n.dns.asked())
}

// The real resolver and a real name.
func TestRealResolver(t *testing.T) {
	c := newClient(t, serve(t, answering("[0,0]")))
	_, port, err := net.SplitHostPort(c.Address)
	require.NoError(t, err)
	c.Address = net.JoinHostPort("localhost", port)
	r, err := c.Send(t.Context(), message)
	require.NoError(t, err)
	require.True(t, r.Remote.Addr().Is4())
}

// slowDNS takes as long as a name server that is not on this host.
type slowDNS struct{ *fakeDNS }

func (d slowDNS) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	time.Sleep(5 * time.Millisecond)
	return d.fakeDNS.LookupNetIP(ctx, network, host)
}

// What a lookup takes is counted once: with the message that waits for it, or
// with the next one that ends after it.
func TestLookupIsCounted(t *testing.T) {
	n := newNames(t, only(addrA), nil)
	n.Resolver = slowDNS{n.dns}
	send := func() (int64, int64) {
		r, err := n.Send(t.Context(), message)
		require.NoError(t, err)
		return r.Sent, r.Received
	}
	const question, answer = 40 + 12 + 4 + 11, 16 // cloud.test
	firstSent, firstReceived := send()
	sent, received := send()
	require.EqualValues(t, question, firstSent-sent)
	require.EqualValues(t, question+answer, firstReceived-received)

	n.clock.advance(2 * time.Hour)
	require.Eventually(t, func() bool {
		s, r := send()
		return s == firstSent && r == firstReceived
	}, 2*time.Second, 20*time.Millisecond)
	again, _ := send()
	require.Equal(t, sent, again)

	n.dns.set(func() { n.dns.err = errServerFailure })
	n.net.set(addrA.String(), syscall.ECONNREFUSED)
	r, err := n.Send(t.Context(), message)
	require.Equal(t, socketapi.PhaseConnect, apiError(t, err).Phase)
	require.EqualValues(t, 60, r.Sent)
	require.EqualValues(t, 40, r.Received)
	n.dns.set(func() { n.dns.records["ip4"], n.dns.err = nil, nil })
	r, err = n.Send(t.Context(), message)
	require.Equal(t, socketapi.PhaseResolve, apiError(t, err).Phase)
	require.EqualValues(t, 2*question, r.Sent, "both families")
	require.EqualValues(t, 2*question, r.Received)
}

package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testServer is a name server on an address of this host.
type testServer struct {
	udp *net.UDPConn
	tcp net.Listener

	mu    sync.Mutex
	asked []string // the names, with what the question has besides
	bytes int      // of UDP, both ways, with headers
}

// replyFunc gives the datagrams that answer the nth question, counted from 0.
type replyFunc func(n int, question []byte) []message

// always answers each question with what is built.
func always(build func(question []byte) message) replyFunc {
	return func(_ int, q []byte) []message { return []message{build(q)} }
}

// silence answers nothing.
func silence(int, []byte) []message { return nil }

// serve starts a name server. Port 0 is any; byTCP may be nil.
func serve(t *testing.T, addr string, port uint16, byUDP replyFunc, byTCP func(q []byte) message) (*testServer, uint16) {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(addr), port)
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	port = udp.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	s := &testServer{udp: udp}
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 2048)
		for i := 0; ; i++ {
			n, from, err := udp.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			q := append([]byte(nil), buf[:n]...)
			s.note(q, n+28)
			for _, m := range byUDP(i, q) {
				s.note(nil, len(m)+28)
				_, _ = udp.WriteToUDPAddrPort(m, from)
			}
		}
	})
	if byTCP != nil {
		s.tcp, err = net.Listen("tcp", netip.AddrPortFrom(at.Addr(), port).String())
		require.NoError(t, err)
		serving.Go(func() {
			for {
				conn, err := s.tcp.Accept()
				if err != nil {
					return
				}
				var size [2]byte
				_, _ = io.ReadFull(conn, size[:])
				q := make([]byte, binary.BigEndian.Uint16(size[:]))
				_, _ = io.ReadFull(conn, q)
				if m := byTCP(q); m != nil {
					_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
				}
				_ = conn.Close()
			}
		})
	}
	t.Cleanup(func() {
		_ = udp.Close()
		if s.tcp != nil {
			_ = s.tcp.Close()
		}
		serving.Wait()
	})
	return s, port
}

func (s *testServer) note(question []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += n
	if question != nil {
		name, _, _ := appendName(nil, question, headerSize)
		s.asked = append(s.asked, string(name))
	}
}

// names returns the names asked for since the last call.
func (s *testServer) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, n := range s.asked {
		var labels []string
		for len(n) > 0 {
			labels = append(labels, n[1:1+n[0]])
			n = n[1+n[0]:]
		}
		names = append(names, strings.Join(labels, "."))
	}
	s.asked = nil
	return names
}

// resolver asks servers at a port of this host. There is no hosts file.
func resolver(t *testing.T, port uint16, config string) *Resolver {
	t.Helper()
	return &Resolver{Config: file(t, config), Hosts: os.DevNull, port: port}
}

const addrA = "192.0.2.1"

// within is a context that ends a lookup, as the client of a resolver has it.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// The same answers through package net: what is found, what is certainly not
// there, and what has failed.
func TestAsNet(t *testing.T) {
	elb := wire("elb.example.com")
	for name, build := range map[string]func(k recordType, q []byte) message{
		"addresses": func(k recordType, q []byte) message {
			if k == typeA {
				return answerTo(q, 0).address("192.0.2.2").address(addrA)
			}
			return answerTo(q, 0).address("2001:db8::2").address("2001:db8::1")
		},
		"IPv4 only": func(k recordType, q []byte) message {
			if k == typeA {
				return answerTo(q, 0).address(addrA)
			}
			return answerTo(q, 0)
		},
		"alias": func(k recordType, q []byte) message {
			return answerTo(q, 0).alias(same, elb).addressOf(elb, map[recordType]string{typeA: addrA, typeAAAA: "2001:db8::1"}[k])
		},
		"alias of nothing": func(_ recordType, q []byte) message { return answerTo(q, 0).alias(same, elb) },
		"no such name":     func(_ recordType, q []byte) message { return answerTo(q, 3) },
		"server failure":   func(_ recordType, q []byte) message { return answerTo(q, 2) },
		"refused":          func(_ recordType, q []byte) message { return answerTo(q, 5) },
		"referral": func(_ recordType, q []byte) message {
			m := answerTo(q, 0)
			m[3] = 0
			return m
		},
		"malformed": func(_ recordType, q []byte) message { return answerTo(q, 0).addressOf("\xc0\xff", addrA) },
		"other types": func(_ recordType, q []byte) message {
			return answerTo(q, 0).record(same, 16, classIN, "text").address("192.0.2.7").address("2001:db8::7")
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(q []byte) message {
				end := headerSize
				for q[end] != 0 {
					end += int(q[end]) + 1
				}
				return build(recordType(binary.BigEndian.Uint16(q[end+1:])), q)
			}
			_, port := serve(t, "127.0.0.1", 0, always(answer), nil)
			ours := resolver(t, port, "nameserver 127.0.0.1\n")
			theirs := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String())
			}}
			for _, network := range []string{"ip4", "ip6"} {
				got, err := ours.LookupNetIP(within(t, time.Second), network, host+".")
				want, wantErr := theirs.LookupNetIP(within(t, time.Second), network, host+".")
				var de *net.DNSError
				notFound := errors.As(wantErr, &de) && de.IsNotFound
				require.Equal(t, wantErr == nil, err == nil, "%v, want %v", err, wantErr)
				require.Equal(t, notFound, errors.Is(err, ErrNotFound), "%v, want %v", err, wantErr)
				require.ElementsMatch(t, want, got)
			}
		})
	}
}

func TestHostsFirst(t *testing.T) {
	s, port := serve(t, "127.0.0.1", 0, always(func(q []byte) message { return answerTo(q, 0).address(addrA) }), nil)
	r := resolver(t, port, "nameserver 127.0.0.1")
	r.Hosts = file(t, "192.0.2.9 "+host)
	got, err := r.LookupNetIP(t.Context(), "ip4", host)
	require.NoError(t, err)
	require.Equal(t, addrs("192.0.2.9"), got)
	_, err = r.LookupNetIP(t.Context(), "ip6", host)
	require.ErrorIs(t, err, ErrNotFound)
	require.Empty(t, s.names())

	require.NoError(t, os.WriteFile(r.Hosts, nil, 0o600)) // read anew
	got, err = r.LookupNetIP(t.Context(), "ip4", host)
	require.NoError(t, err)
	require.Equal(t, addrs(addrA), got)
	require.Equal(t, []string{host}, s.names())
}

func TestConfigIsReadAnew(t *testing.T) {
	answer := func(a string) replyFunc {
		return always(func(q []byte) message { return answerTo(q, 0).address(a) })
	}
	_, port := serve(t, "127.0.0.1", 0, answer("192.0.2.1"), nil)
	_, _ = serve(t, "127.0.0.2", port, answer("192.0.2.2"), nil)
	r := resolver(t, port, "nameserver 127.0.0.1\n")
	for _, n := range []string{"1", "2"} {
		require.NoError(t, os.WriteFile(r.Config, []byte("nameserver 127.0.0."+n), 0o600))
		got, err := r.LookupNetIP(t.Context(), "ip4", host)
		require.NoError(t, err)
		require.Equal(t, addrs("192.0.2."+n), got)
	}
}

func TestIPv6Server(t *testing.T) {
	_, port := serve(t, "::1", 0, always(func(q []byte) message { return answerTo(q, 0).address(addrA) }), nil)
	for _, server := range []string{"::1", "::1%lo"} {
		got, err := resolver(t, port, "nameserver "+server).LookupNetIP(within(t, time.Second), "ip4", host)
		require.NoError(t, err)
		require.Equal(t, addrs(addrA), got)
	}
}

func TestSearch(t *testing.T) {
	s, port := serve(t, "127.0.0.1", 0, always(func(q []byte) message {
		if name, _, _ := appendName(nil, q, headerSize); string(name)+"\x00" == wire("cloud.b.test") {
			return answerTo(q, 0).address(addrA)
		}
		return answerTo(q, 3)
	}), nil)
	r := resolver(t, port, "nameserver 127.0.0.1\nsearch a.test b.test c.test")
	got, err := r.LookupNetIP(t.Context(), "ip4", "cloud")
	require.NoError(t, err)
	require.Equal(t, addrs(addrA), got)
	require.Equal(t, []string{"cloud.a.test", "cloud.b.test"}, s.names())

	_, err = r.LookupNetIP(t.Context(), "ip4", "x")
	require.ErrorIs(t, err, ErrNotFound)
	require.Equal(t, []string{"x.a.test", "x.b.test", "x.c.test", "x"}, s.names())
	_, err = r.LookupNetIP(t.Context(), "ip4", "cloud.b")
	require.EqualError(t, err, "lookup cloud.b on 127.0.0.1: no such host or no address of this kind")
	require.Equal(t, []string{"cloud.b"}, s.names(), "a name with a dot is as it is")
	for _, bad := range []string{"", ".", "a..b", "a b", "ä.test", strings.Repeat("a.", 127) + "aa"} {
		_, err = r.LookupNetIP(t.Context(), "ip4", bad)
		require.ErrorIs(t, err, ErrNotFound)
	}
	require.Empty(t, s.names(), "nothing is asked for that is no name")
}

// What comes before the answer and is none is passed over.
func TestHostileAnswers(t *testing.T) {
	fake := func(q []byte) message { return answerTo(q, 0).address("203.0.113.66") }
	wrongNumber := func(q []byte) message {
		m := fake(q)
		m[0]++
		return m
	}
	wrongName := func(q []byte) message {
		m := fake(q)
		m[headerSize+1] ^= 1
		return m
	}
	_, port := serve(t, "127.0.0.1", 0, func(_ int, q []byte) []message {
		junk := []message{{}, {0}, q, wrongNumber(q), wrongName(q), fake(q)[:20], message(strings.Repeat("x", 1400))}
		return append(junk, answerTo(q, 0).address(addrA))
	}, nil)
	for range 3 {
		got, err := resolver(t, port, "nameserver 127.0.0.1").LookupNetIP(within(t, time.Second), "ip4", host)
		require.NoError(t, err)
		require.Equal(t, addrs(addrA), got)
	}
}

// Questions have random numbers and ports.
func TestRandom(t *testing.T) {
	var ids []uint16
	var mu sync.Mutex
	_, port := serve(t, "127.0.0.1", 0, always(func(q []byte) message {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, binary.BigEndian.Uint16(q))
		return answerTo(q, 0).address(addrA)
	}), nil)
	r := resolver(t, port, "nameserver 127.0.0.1")
	for range 50 {
		_, err := r.LookupNetIP(t.Context(), "ip4", host)
		require.NoError(t, err)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(ids)
	require.Greater(t, len(slices.Compact(ids)), 45)
}

func TestServersInTurn(t *testing.T) {
	good := always(func(q []byte) message { return answerTo(q, 0).address(addrA) })
	code := func(c uint16) replyFunc { return always(func(q []byte) message { return answerTo(q, c) }) }
	for _, tt := range []struct {
		name     string
		one, two replyFunc // nil is a port on which nobody listens
		want     error
		asked    [2]int
		atLeast  time.Duration
		text     string // of the error; found if it is empty
	}{
		{name: "the first answers", one: good, two: good, asked: [2]int{1, 0}},
		{name: "the first is silent", one: silence, two: good, asked: [2]int{1, 1}, atLeast: 300 * time.Millisecond},
		{name: "nobody listens", one: nil, two: good, asked: [2]int{0, 1}},
		{name: "the first fails", one: code(2), two: good, asked: [2]int{1, 1}},
		{name: "the first refuses", one: code(5), two: good, asked: [2]int{1, 1}},
		{name: "the first is malformed", one: always(func(q []byte) message { return answerTo(q, 0).count(1) }), two: good, asked: [2]int{1, 1}},
		{name: "no such name", one: code(3), two: good, asked: [2]int{1, 0}, want: ErrNotFound, text: "127.0.0.1: no such host"},
		{name: "both fail", one: code(2), two: code(5), asked: [2]int{1, 1}, text: "127.0.0.1: server answers: server failure"},
		{name: "both silent", one: silence, two: silence, asked: [2]int{1, 1}, want: os.ErrDeadlineExceeded, atLeast: 590 * time.Millisecond, text: "127.0.0.1: i/o timeout"},
		{name: "nobody at all", one: nil, two: nil, want: syscall.ECONNREFUSED, text: "127.0.0.1: "},
		{name: "one fails, one is silent, and is asked again", one: code(2), two: func(n int, q []byte) []message {
			if n == 0 {
				return nil
			}
			return good(n, q)
		}, asked: [2]int{1, 2}, atLeast: 300 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var servers [2]*testServer
			port := uint16(0)
			for i, f := range []replyFunc{tt.one, tt.two} {
				if f != nil {
					servers[i], port = serve(t, []string{"127.0.0.1", "127.0.0.2"}[i], port, f, nil)
				}
			}
			if port == 0 {
				s, p := serve(t, "127.0.0.1", 0, silence, nil)
				port = p
				require.NoError(t, s.udp.Close())
			}
			start := time.Now()
			got, err := resolver(t, port, "nameserver 127.0.0.1\nnameserver 127.0.0.2").LookupNetIP(within(t, 600*time.Millisecond), "ip4", host)
			took := time.Since(start)
			if tt.text == "" {
				require.NoError(t, err)
				require.Equal(t, addrs(addrA), got)
			} else {
				var e *Error
				require.ErrorAs(t, err, &e)
				require.ErrorContains(t, err, "lookup "+host+" on "+tt.text)
				require.Equal(t, errors.Is(tt.want, os.ErrDeadlineExceeded), e.Timeout())
				require.Equal(t, errors.Is(tt.want, ErrNotFound), errors.Is(err, ErrNotFound))
				if tt.want != nil {
					require.ErrorIs(t, err, tt.want)
				}
			}
			for i, s := range servers {
				if s != nil {
					require.Len(t, s.names(), tt.asked[i], "server %d", i+1)
				}
			}
			require.GreaterOrEqual(t, took, tt.atLeast)
			require.Less(t, took, tt.atLeast+300*time.Millisecond)
		})
	}
}

// An answer that is late counts, be it to a question that was repeated or from
// a server after which another was asked.
func TestLateAnswer(t *testing.T) {
	late := func(_ int, q []byte) []message {
		time.Sleep(1300 * time.Millisecond)
		return []message{answerTo(q, 0).address(addrA)}
	}
	t.Run("repeated", func(t *testing.T) {
		t.Parallel()
		_, port := serve(t, "127.0.0.1", 0, late, nil)
		start := time.Now()
		got, err := resolver(t, port, "nameserver 127.0.0.1\noptions timeout:1").LookupNetIP(t.Context(), "ip4", host)
		require.NoError(t, err)
		require.Equal(t, addrs(addrA), got)
		require.Less(t, time.Since(start), 1900*time.Millisecond)
	})
	t.Run("another asked", func(t *testing.T) {
		t.Parallel()
		_, port := serve(t, "127.0.0.1", 0, late, nil)
		_, _ = serve(t, "127.0.0.2", port, silence, nil)
		got, err := resolver(t, port, "nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:1").LookupNetIP(t.Context(), "ip4", host)
		require.NoError(t, err)
		require.Equal(t, addrs(addrA), got)
	})
}

func TestCancel(t *testing.T) {
	_, port := serve(t, "127.0.0.1", 0, silence, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	start := time.Now()
	_, err := resolver(t, port, "nameserver 127.0.0.1").LookupNetIP(ctx, "ip4", host)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), time.Second)
}

// Without a network nothing is sent, and the error says so.
func TestNoRoute(t *testing.T) {
	r := resolver(t, 53, "nameserver 255.255.255.255\n") // to which no socket of TCP or UDP may send unless it asks for that
	_, err := r.LookupNetIP(within(t, time.Second), "ip4", host)
	require.ErrorIs(t, err, syscall.EACCES)
	sent, received, ok := r.Spent()
	require.True(t, ok)
	require.Zero(t, sent+received)
}

func TestTruncated(t *testing.T) {
	cut := always(func(q []byte) message { return answerTo(q, flagTruncated) })
	full := func(q []byte) message {
		m := answerTo(q, 0)
		for range 100 { // more than 512 bytes
			m = m.record(same, 16, classIN, "text")
		}
		return m.address(addrA)
	}
	for _, tt := range []struct {
		name  string
		byTCP func(q []byte) message
		found bool
		text  string
	}{
		{"asked for by TCP", full, true, ""},
		{"no TCP", nil, false, "connection refused"},
		{"closed", func([]byte) message { return nil }, false, "EOF"},
		{"too long", func(q []byte) message { return append(full(q), make([]byte, maxByTCP)...) }, false, "malformed"},
		{"as long as it may be", func(q []byte) message { return append(full(q), make([]byte, maxByTCP-len(full(q)))...) }, true, ""},
		{"cut short again", func(q []byte) message { return answerTo(q, flagTruncated) }, false, "cut short"},
		{"no such name", func(q []byte) message { return answerTo(q, 3) }, false, "no such host"},
		{"another's", func(q []byte) message { m := full(q); m[0]++; return m }, false, "not an answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, port := serve(t, "127.0.0.1", 0, cut, tt.byTCP)
			got, err := resolver(t, port, "nameserver 127.0.0.1").LookupNetIP(within(t, time.Second), "ip4", host)
			if tt.found {
				require.NoError(t, err)
				require.Equal(t, addrs(addrA), got)
			} else {
				require.ErrorContains(t, err, tt.text)
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		_, port := serve(t, "127.0.0.1", 0, cut, func([]byte) message { time.Sleep(400 * time.Millisecond); return nil })
		start := time.Now()
		_, err := resolver(t, port, "nameserver 127.0.0.1").LookupNetIP(within(t, 100*time.Millisecond), "ip4", host)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.True(t, e.Timeout())
		require.Less(t, time.Since(start), 300*time.Millisecond)
	})
	t.Run("an address is enough", func(t *testing.T) {
		_, port := serve(t, "127.0.0.1", 0, always(func(q []byte) message { return answerTo(q, flagTruncated).address(addrA) }), nil)
		_, err := resolver(t, port, "nameserver 127.0.0.1").LookupNetIP(within(t, time.Second), "ip4", host)
		require.NoError(t, err)
	})
}

// What is said to be spent is what the server has seen, if it is not on this
// host or has to ask others.
func TestSpent(t *testing.T) {
	slow := func(d time.Duration, f replyFunc) replyFunc {
		return func(n int, q []byte) []message { time.Sleep(d); return f(n, q) }
	}
	good := always(func(q []byte) message { return answerTo(q, 0).address(addrA) })
	s, port := serve(t, "127.0.0.1", 0, slow(5*time.Millisecond, good), nil)
	r := resolver(t, port, "nameserver 127.0.0.1")
	for range 2 {
		_, err := r.LookupNetIP(t.Context(), "ip4", host)
		require.NoError(t, err)
	}
	sent, received, ok := r.Spent()
	require.True(t, ok)
	require.EqualValues(t, 2*69, sent, "80 bytes with EDNS0")
	require.EqualValues(t, 2*85, received)
	s.mu.Lock()
	require.Equal(t, s.bytes, int(sent+received))
	s.mu.Unlock()
	sent, received, _ = r.Spent()
	require.Zero(t, sent+received)

	_, port = serve(t, "127.0.0.1", 0, silence, nil)
	r = resolver(t, port, "nameserver 127.0.0.1")
	_, err := r.LookupNetIP(within(t, 50*time.Millisecond), "ip4", host)
	require.Error(t, err)
	sent, received, _ = r.Spent()
	require.EqualValues(t, 69, sent)
	require.Zero(t, received)

	r.Hosts = file(t, addrA+" "+host)
	_, err = r.LookupNetIP(t.Context(), "ip4", host)
	require.NoError(t, err)
	sent, received, _ = r.Spent()
	require.Zero(t, sent+received)
}

func TestConcurrentLookups(t *testing.T) {
	_, port := serve(t, "127.0.0.1", 0, always(func(q []byte) message { return answerTo(q, 0).address(addrA) }), nil)
	r := resolver(t, port, "nameserver 127.0.0.1")
	errs := make(chan error)
	for range 20 {
		go func() {
			_, err := r.LookupNetIP(within(t, 5*time.Second), "ip4", host)
			errs <- err
		}()
	}
	for range 20 {
		require.NoError(t, <-errs)
	}
}

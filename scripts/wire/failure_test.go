//go:build linux

package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/dns"
	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/socketapi"
)

// How far the report may be off, in bytes: not at all where every byte is
// known, or by a segment without data or two percent, whichever is more.
const (
	exact     = 0
	segment52 = 52
)

// failure is a way for an exchange to go on a link, and what must come of it.
type failure struct {
	name   string
	size   int                                               // of the message; 0 means 1026
	count  int                                               // messages; 0 means 1
	handle func(conn net.Conn, had *atomic.Int64)            // in place of a server that takes everything
	lose   func() func(segment) bool                         // what the link loses
	during func(b *bench)                                    // runs while sending
	client func(c *socketapi.Client)                         // changes the client
	setup  func(t *testing.T, b *bench, c *socketapi.Client) // before sending
	after  time.Duration                                     // to wait for what comes late, on a link that loses nothing

	verdict   socketapi.Verdict
	phase     socketapi.Phase
	code      socketapi.Code
	had       int64 // how often the server had the whole message
	tolerance int64 // exact, segment52 or more
}

// first returns what loses the first n segments that are wanted.
func first(n int, wanted func(segment) bool) func() func(segment) bool {
	return func() func(segment) bool {
		left := n
		return func(s segment) bool {
			if left == 0 || !wanted(s) {
				return false
			}
			left--
			return true
		}
	}
}

func dataUp(s segment) bool   { return s.up && s.data > 0 }
func dataDown(s segment) bool { return !s.up && s.data > 0 }
func isSYN(s segment) bool    { return s.flags&syn != 0 }
func all(segment) bool        { return true }

// fromData loses all from the first data of the device on, in both directions.
func fromData() func(segment) bool {
	dead := false
	return func(s segment) bool {
		dead = dead || dataUp(s)
		return dead
	}
}

// replies returns a server that answers and then ends the connection.
func replies(answer string, end func(conn net.Conn)) func(net.Conn, *atomic.Int64) {
	return func(conn net.Conn, had *atomic.Int64) {
		if !readMessage(conn) {
			return
		}
		had.Add(1)
		_, _ = io.WriteString(conn, answer)
		if end != nil {
			end(conn)
		}
	}
}

func reset(conn net.Conn) {
	time.Sleep(oneWay) // the answer goes first
	_ = conn.(*net.TCPConn).SetLinger(0)
}

// stays keeps the connection open until the client ends it.
func stays(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// dialPlainly connects as package net does.
func dialPlainly(ctx context.Context, network, address string) (socketapi.Conn, error) {
	return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, address)
}

// plainConn is a connection that always ends with FIN.
type plainConn struct{ *net.TCPConn }

func (plainConn) SetLinger(int) error { return nil }

func answerTimeout(d, late time.Duration) func(*socketapi.Client) {
	return func(c *socketapi.Client) { c.AnswerTimeout, c.LateAnswer = d, late }
}

// lossy loses a part of all segments, the same ones in each run as far as the
// order of segments is the same.
func lossy(part float64) func() func(segment) bool {
	return func() func(segment) bool {
		rng := rand.New(rand.NewPCG(1, 2))
		return func(segment) bool { return rng.Float64() < part }
	}
}

// Everything that can happen to an exchange on a link: the verdict, the bytes
// that the client reports against those counted at its interface, and whether
// the server had the message.
func TestFailures(t *testing.T) {
	const (
		delivered    = socketapi.Delivered
		notDelivered = socketapi.NotDelivered
		unknown      = socketapi.Unknown
		none         = socketapi.CodeNone
		connect      = socketapi.PhaseConnect
		answer       = socketapi.PhaseAnswer
	)
	second := time.Second
	tests := []failure{
		{name: "taken", verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, 102 bytes", size: 102, verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, 10242 bytes", size: 10242, verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, graceful close", client: func(c *socketapi.Client) { c.GracefulClose = true }, verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, 3 messages", count: 3, verdict: delivered, had: 3, tolerance: exact},
		{name: "taken, no timestamps", setup: withoutTimestamps, verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, IPv6", setup: withIPv6, verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, name looked up", setup: withNameServer, count: 2, verdict: delivered, had: 2, tolerance: exact},
		{name: "taken, plain dialer", client: func(c *socketapi.Client) { c.Dial = dialPlainly },
			verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, not closed", handle: replies("[0,0]", stays), verdict: delivered, had: 1, tolerance: exact},
		{name: "taken, not closed, graceful", client: func(c *socketapi.Client) { c.GracefulClose = true },
			handle: replies("[0,0]", stays), verdict: delivered, had: 1, tolerance: segment52},
		{name: "answer, then RST", handle: replies("[0,0]", reset), verdict: delivered, had: 1, tolerance: segment52},
		{name: "[0, and RST", handle: replies("[0,", reset), verdict: delivered, had: 1, tolerance: segment52},

		{name: "refused", client: func(c *socketapi.Client) { c.Address = "10.9.0.2:9998" },
			verdict: notDelivered, phase: connect, code: none, tolerance: exact},
		{name: "no route", client: func(c *socketapi.Client) { c.Address = "192.0.2.1:9999" },
			verdict: notDelivered, phase: connect, code: none, tolerance: exact},
		{name: "connect timeout, 10 s", lose: first(99, all), client: func(c *socketapi.Client) { c.ConnectTimeout = 10 * second },
			verdict: notDelivered, phase: connect, code: none, tolerance: exact},
		{name: "first 2 SYNs lost", lose: first(2, func(s segment) bool { return s.up && isSYN(s) }), verdict: delivered, had: 1, tolerance: exact},
		{name: "first 2 SYN-ACKs lost", lose: first(2, func(s segment) bool { return !s.up && isSYN(s) }), verdict: delivered, had: 1, tolerance: segment52},

		{name: "code 3", handle: replies("[3,0]", nil), verdict: socketapi.RefusedCredentials, phase: answer, code: 3, had: 1, tolerance: exact},
		{name: "closed without an answer", handle: replies("", nil), verdict: unknown, phase: answer, code: none, had: 1, tolerance: exact},
		{name: "[0 and FIN", handle: replies("[0", nil), verdict: unknown, phase: answer, code: none, had: 1, tolerance: exact},
		{name: "RST in place of an answer", handle: replies("", reset), verdict: unknown, phase: answer, code: none, had: 1, tolerance: exact},
		{name: "closed without reading", handle: func(net.Conn, *atomic.Int64) {}, verdict: unknown, phase: answer, code: none, tolerance: segment52},

		{name: "no answer, 2 s", handle: replies("", stays), client: answerTimeout(2*second, -1),
			verdict: unknown, phase: answer, code: none, had: 1, tolerance: exact},
		{name: "no answer, 2 s + 2 s late", handle: replies("", stays), client: answerTimeout(2*second, 2*second),
			verdict: unknown, phase: answer, code: none, had: 1, tolerance: exact},
		{name: "late answer, waits", handle: func(conn net.Conn, had *atomic.Int64) {
			if readMessage(conn) {
				had.Add(1)
				time.Sleep(3 * second)
				_, _ = io.WriteString(conn, "[0,0]")
			}
		}, client: answerTimeout(1*second, 5*second), verdict: delivered, had: 1, tolerance: exact},
		{name: "late answer, does not wait", handle: func(conn net.Conn, had *atomic.Int64) {
			if readMessage(conn) {
				had.Add(1)
				time.Sleep(3 * second)
				_, _ = io.WriteString(conn, "[0,0]")
			}
		}, client: answerTimeout(1*second, -1), after: 3 * second, verdict: unknown, phase: answer, code: none, had: 1, tolerance: exact},
		{name: "local address gone", handle: replies("", stays), client: answerTimeout(1*second, 60*second),
			during: func(b *bench) {
				time.Sleep(500 * time.Millisecond)
				_ = b.device.setAddress(netip.MustParseAddr("10.9.0.7"))
			}, verdict: unknown, phase: answer, code: none, had: 1, tolerance: exact},

		{name: "idle limit while repeating", handle: func(conn net.Conn, had *atomic.Int64) {
			_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			if readMessage(conn) {
				had.Add(1)
			}
		}, lose: first(99, dataUp), client: func(c *socketapi.Client) { c.Dial = dialPlainly },
			verdict: notDelivered, phase: answer, code: none, tolerance: segment52},
		{name: "dead uplink, back later", lose: fromData, client: answerTimeout(4*second, -1), after: 5 * second,
			verdict: unknown, phase: answer, code: none, tolerance: segment52},
		{name: "the same, 10242 bytes", size: 10242, lose: fromData, client: answerTimeout(4*second, -1), after: 5 * second,
			verdict: unknown, phase: answer, code: none, tolerance: segment52},
		{name: "the same, closed by FIN", lose: fromData, client: func(c *socketapi.Client) {
			c.AnswerTimeout = 4 * second
			c.Dial = func(ctx context.Context, network, address string) (socketapi.Conn, error) {
				conn, err := dialPlainly(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return plainConn{conn.(*net.TCPConn)}, nil
			}
		}, after: 10 * second, verdict: unknown, phase: answer, code: none, had: 1, tolerance: 1 << 20},
		{name: "5 % lost, 30 messages", count: 30, lose: lossy(0.05), verdict: delivered, had: 30, tolerance: segment52},
		{name: "5 % lost, 10 of 10242 bytes", size: 10242, count: 10, lose: lossy(0.05), verdict: delivered, had: 10, tolerance: segment52},
	}
	for k := 1; k <= 5; k++ {
		tests = append(tests, failure{name: fmt.Sprintf("first %d answers lost", k), lose: first(k, dataDown), verdict: delivered, had: 1, tolerance: segment52})
	}
	for k := 1; k <= 4; k++ {
		tests = append(tests, failure{name: fmt.Sprintf("first %d data segments lost", k), lose: first(k, dataUp), verdict: delivered, had: 1, tolerance: segment52})
	}

	rows := make([]string, len(tests))
	t.Run("all", func(t *testing.T) {
		for i, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = tt.run(t)
			})
		}
	})
	t.Logf("round trip %v, 1026 bytes unless said; reported / counted at the interface:\n%-28s %-20s %-8s %5s %15s %15s %7s %4s\n%s", 2*oneWay,
		"what happens", "verdict", "phase", "code", "sent", "received", "time", "had", strings.Join(rows, "\n"))
}

func (tt *failure) run(t *testing.T) string {
	var had atomic.Int64
	b := newBench(t, func(conn net.Conn) {
		switch {
		case tt.handle != nil:
			tt.handle(conn, &had)
		case readMessage(conn):
			had.Add(1)
			_, _ = io.WriteString(conn, "[0,0]")
		}
	})
	client := &socketapi.Client{Address: b.address, Credentials: cred}
	if tt.setup != nil {
		tt.setup(t, b, client)
	}
	if tt.client != nil {
		tt.client(client)
	}
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	if tt.lose != nil {
		b.link.loses(tt.lose())
	}
	size := orElse(tt.size, 1026)
	m := socketapi.Message{Data: strings.Repeat("x", size-socketapi.Overhead(cred, socketapi.ShortNames, nil))}

	var during sync.WaitGroup
	if tt.during != nil {
		during.Go(func() { tt.during(b) })
	}
	b.link.reset()
	var sum socketapi.Receipt
	e := &socketapi.Error{Verdict: socketapi.Delivered}
	phase := "-"
	for range orElse(tt.count, 1) {
		var r socketapi.Receipt
		var err error
		b.device.run(func() { r, err = client.Send(context.Background(), m) })
		sum.Sent += r.Sent
		sum.Received += r.Received
		sum.Duration += r.Duration
		if err != nil {
			require.ErrorAs(t, err, &e)
			phase = e.Phase.String()
			t.Log(err)
		}
		b.link.settled()
	}
	during.Wait()
	up, down, trace := b.link.settled()
	t.Log(strings.Join(trace, "  "))
	if tt.after > 0 {
		b.link.loses(nil)
		time.Sleep(tt.after)
		up, down, trace = b.link.settled()
		t.Log("with what came later: ", strings.Join(trace, "  "))
	}

	require.Equal(t, tt.verdict, e.Verdict, e.Err)
	if tt.verdict != socketapi.Delivered {
		require.Equal(t, tt.code, e.Code)
		require.Equal(t, tt.phase, e.Phase)
	}
	require.Equal(t, tt.had, had.Load(), "how often the server had the message")
	tolerance := tt.tolerance
	if tolerance != exact {
		tolerance = max(tolerance, int64(up.bytes+down.bytes)/50)
	}
	assert.InDelta(t, up.bytes, sum.Sent, float64(tolerance), "sent")
	assert.InDelta(t, down.bytes, sum.Received, float64(tolerance), "received")
	code := "-"
	if e.Verdict != socketapi.Delivered && e.Code != socketapi.CodeNone {
		code = strconv.Itoa(int(e.Code))
	}
	return fmt.Sprintf("%-28s %-20s %-8s %5s %7d/%7d %7d/%7d %6.1fs %4d", tt.name, e.Verdict, phase, code,
		sum.Sent, up.bytes, sum.Received, down.bytes, sum.Duration.Seconds(), had.Load())
}

func orElse(n, def int) int {
	if n != 0 {
		return n
	}
	return def
}

// withoutTimestamps turns off TCP timestamps in the device's namespace.
func withoutTimestamps(t *testing.T, b *bench, _ *socketapi.Client) {
	t.Helper()
	var err error
	b.device.run(func() { err = os.WriteFile("/proc/sys/net/ipv4/tcp_timestamps", []byte("0"), 0) })
	require.NoError(t, err)
}

// withIPv6 gives both ends addresses of IPv6, which the client uses.
func withIPv6(t *testing.T, b *bench, c *socketapi.Client) {
	t.Helper()
	require.NoError(t, b.device.addIPv6(deviceIPv6))
	require.NoError(t, b.cloud.addIPv6(cloudIPv6))
	b.device.awaitSource(t, deviceIPv6, cloudIPv6)
	b.cloud.awaitSource(t, cloudIPv6, deviceIPv6)
	c.Address = netip.AddrPortFrom(cloudIPv6, 9999).String()
}

// withNameServer makes the client use the name of the real cloud, which a name
// server in the cloud's namespace knows.
func withNameServer(t *testing.T, b *bench, c *socketapi.Client) {
	t.Helper()
	var server net.PacketConn
	var err error
	b.cloud.run(func() { server, err = net.ListenPacket("udp4", "10.9.0.2:53") })
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(addressRecord(buf[:n], cloudAddr), from)
		}
	})
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	c.Address = socketapi.DefaultAddress
	config := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(config, []byte("nameserver 10.9.0.2\n"), 0o600))
	c.Resolver = resolverIn{&dns.Resolver{Config: config, Hosts: os.DevNull}, b.device}
}

// resolverIn is the resolver of a namespace: the client looks names up in a
// goroutine of its own, outside of it.
type resolverIn struct {
	*dns.Resolver

	n *namespace
}

func (r resolverIn) LookupNetIP(ctx context.Context, network, host string) (addrs []netip.Addr, err error) {
	enterErr := r.n.beside(func() { addrs, err = r.Resolver.LookupNetIP(ctx, network, host) })
	return addrs, errors.Join(enterErr, err)
}

// addressRecord answers a question with one address. What came after the
// question is sent back after it.
func addressRecord(question []byte, addr netip.Addr) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 1 + 4
	a := append([]byte(nil), question[:end]...)
	a[2], a[3], a[7] = 0x81, 0x80, 1                       // an answer, recursive, of one record
	a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4) // the name asked for, A, IN, 60 s, 4 bytes
	return append(append(a, addr.AsSlice()...), question[end:]...)
}

// Between two programs on one machine a message takes the same bytes.
func TestLoopback(t *testing.T) {
	n, err := newNamespace(t, deviceAddr)
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	t.Cleanup(func() { _ = n.tun.Close() })
	var cloud *emulator.Server
	n.run(func() { cloud, err = emulator.Start(t.Context(), emulator.Config{}) })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cloud.Close()) })

	var table strings.Builder
	for _, size := range []int{102, 1026, 10242} {
		for _, graceful := range []bool{false, true} {
			client := &socketapi.Client{Address: cloud.Addr().String(), Credentials: cred, GracefulClose: graceful}
			m := socketapi.Message{Data: strings.Repeat("x", size-socketapi.Overhead(cred, socketapi.ShortNames, nil))}
			before := n.loopbackCount(t)
			var r socketapi.Receipt
			n.run(func() { r, err = client.Send(context.Background(), m) })
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond)
			after := n.loopbackCount(t)
			fmt.Fprintf(&table, "%8d %8t %8d %8d %8d\n", size, graceful, r.Sent+r.Received, after.bytes-before.bytes, after.packets-before.packets)
			assert.EqualValues(t, after.bytes-before.bytes, r.Sent+r.Received)
			require.NoError(t, client.Close())
		}
	}
	t.Logf("the emulator on loopback:\n%8s %8s %8s %8s %8s\n%s", "message", "graceful", "reported", "counted", "packets", &table)
}

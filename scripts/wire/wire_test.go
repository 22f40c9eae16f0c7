//go:build linux

package wire_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/socketapi"
)

// TestMain lets tests wait side by side: they do little else.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const (
	oneWay  = 50 * time.Millisecond
	repeats = 3 // the least of them counts: a timer may fire on a busy machine
)

var (
	deviceAddr = netip.MustParseAddr("10.9.0.1")
	cloudAddr  = netip.MustParseAddr("10.9.0.2")
	deviceIPv6 = netip.MustParseAddr("fd09::1")
	cloudIPv6  = netip.MustParseAddr("fd09::2")
	cred       = socketapi.Credentials{DeviceKey: "ABCDWXYZ"}
)

// bench is a device and a cloud at the two ends of a link.
type bench struct {
	device  *namespace
	cloud   *namespace
	link    *link
	address string // of the cloud's server
}

// newBench starts a server that hands each connection to handle and closes it.
func newBench(t *testing.T, handle func(net.Conn)) *bench {
	t.Helper()
	device, err := newNamespace(t, deviceAddr)
	if err != nil {
		t.Skip("SKIPPED, the overhead on the wire is not measured: ", err)
	}
	cloud, err := newNamespace(t, cloudAddr)
	require.NoError(t, err)
	b := &bench{device: device, cloud: cloud, link: &link{delay: oneWay}}
	b.link.join(t, device.tun, cloud.tun)

	var l net.Listener
	cloud.run(func() {
		lc := net.ListenConfig{KeepAlive: -1}
		l, err = lc.Listen(t.Context(), "tcp", ":9999")
	})
	require.NoError(t, err)
	b.address = netip.AddrPortFrom(cloudAddr, 9999).String()
	var server sync.WaitGroup
	stopped := make(chan struct{})
	server.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			// A device that is gone does not end its connection.
			server.Go(func() {
				<-stopped
				_ = conn.SetDeadline(time.Unix(1, 0))
			})
			server.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		close(stopped)
		_ = l.Close()
		server.Wait()
	})
	return b
}

// take is a plain server: it reads a message, answers that it has it and
// closes, in two segments.
func take(conn net.Conn) {
	if readMessage(conn) {
		_, _ = io.WriteString(conn, "[0,0]")
	}
}

// readMessage reads a message to its end and tells whether it came.
func readMessage(conn net.Conn) bool {
	var got []byte
	buf := make([]byte, 64<<10)
	for !bytes.HasSuffix(got, []byte("\n\n")) {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			return false
		}
	}
	return true
}

// sendPlainly is what a client does that thinks of nothing but to send its
// message at once: one write, read to the end, close.
func sendPlainly(address string, msg []byte) error {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(msg); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if string(answer) != "[0,0]" {
		return fmt.Errorf("answer %q", answer)
	}
	return nil
}

// The overhead of a message is what crosses the link in both directions, IP
// headers included, beyond the message itself.
func TestOverhead(t *testing.T) {
	b := newBench(t, take)
	client := &socketapi.Client{Address: b.address, Credentials: cred}
	graceful := &socketapi.Client{Address: b.address, Credentials: cred, GracefulClose: true}
	send := func(c *socketapi.Client) func(socketapi.Message, []byte) error {
		return func(m socketapi.Message, _ []byte) error {
			_, err := c.Send(context.Background(), m)
			return err
		}
	}
	t.Cleanup(func() {
		require.NoError(t, client.Close())
		require.NoError(t, graceful.Close())
	})

	var table strings.Builder
	fmt.Fprintf(&table, "%-24s %8s %8s %9s %8s %8s %8s\n", "client", "message", "total", "overhead", "packets", "up", "down")
	for _, tt := range []struct {
		name     string
		send     func(m socketapi.Message, built []byte) error
		overhead int
		packets  int
	}{
		{"plain", func(_ socketapi.Message, built []byte) error { return sendPlainly(b.address, built) }, 541, 10},
		{"socketapi", send(client), 385, 7},
		{"socketapi, graceful", send(graceful), 437, 8},
	} {
		for _, size := range []int{102, 1026} {
			m := socketapi.Message{Data: strings.Repeat("x", size-socketapi.Overhead(cred, socketapi.ShortNames, nil))}
			built, err := socketapi.AppendMessage(nil, cred, socketapi.ShortNames, m)
			require.NoError(t, err)
			require.Len(t, built, size)

			least := -1
			var up, down count
			var trace []string
			for range repeats {
				b.link.reset()
				b.device.run(func() { err = tt.send(m, built) })
				require.NoError(t, err)
				u, d, tr := b.link.settled()
				if total := u.bytes + d.bytes; least < 0 || total < least {
					least, up, down, trace = total, u, d, tr
				}
				if least <= size+tt.overhead {
					break
				}
			}
			fmt.Fprintf(&table, "%-24s %8d %8d %9d %8d %8d %8d\n", tt.name, size, least, least-size, up.packets+down.packets, up.bytes, down.bytes)
			t.Logf("%s, %d bytes: %s", tt.name, size, strings.Join(trace, "  "))
			require.Equal(t, tt.overhead, least-size, "overhead in bytes: %s", tt.name)
			require.Equal(t, tt.packets, up.packets+down.packets, "packets: %s", tt.name)
		}
	}
	t.Logf("bytes at the level of IP, both directions, round trip %v:\n%s", 2*oneWay, &table)
}

// The cloud's patience ends while the message is lost on the way again and
// again: its FIN acknowledges nothing, which proves that the message was not
// read. Two ends without a link between them cannot bring this about.
func TestClosedBeforeReading(t *testing.T) {
	b := newBench(t, func(conn net.Conn) {
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, _ = conn.Read(make([]byte, 1))
	})
	client := &socketapi.Client{Address: b.address, Credentials: cred, AnswerTimeout: 5 * time.Second}
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	b.link.reset()
	b.link.loses(func(s segment) bool { return s.up && s.data > 0 })

	// The data that is lost carries the third segment of the handshake, so the
	// server has not even accepted yet. A plain acknowledgement gets it there.
	b.device.run(func() {
		client.Dial = dialPlainly
		_, err := client.Send(context.Background(), socketapi.Message{Data: "lost"})
		var e *socketapi.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, socketapi.NotDelivered, e.Verdict, err)
		require.True(t, e.Sent)
		require.Equal(t, socketapi.MessageSize(cred, socketapi.ShortNames, socketapi.Message{Data: "lost"}), e.Unacked)
	})
}

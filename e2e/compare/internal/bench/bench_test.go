//go:build linux

package bench

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/compare/internal/link"
)

// What counts begins behind the first batch and ends with the last; what lies
// between two batches is idle.
func TestCount(t *testing.T) {
	const delay = 50 * time.Millisecond
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	up := func(ms, bytes int) link.Packet {
		return link.Packet{Time: at(ms), Up: true, Port: 9, Bytes: bytes, Data: bytes}
	}
	down := func(ms, bytes, data int) link.Packet {
		return link.Packet{Time: at(ms), Port: 9, Bytes: bytes, Data: data}
	}
	packets := []link.Packet{
		up(0, 100), down(100, 50, 5), // the first batch
		up(5000, 7),                                       // idle
		up(10010, 100), down(10110, 50, 5), up(10120, 40), // one round trip
		up(15000, 7),                                       // idle
		up(20010, 100), down(20110, 40, 0), up(20111, 100), // acknowledged, then more,
		down(20310, 50, 5), // and answered after three
		up(25000, 7),       // too late to count
		{Time: at(10050), Up: true, Port: 10, Bytes: 999999}, // of another
	}
	r := Run{Delay: delay}.count(Contender{port: 9}, packets, []time.Time{at(0), at(10000), at(20000)}, []time.Time{at(50), at(10060), at(20260)})
	require.Equal(t, Result{
		Contender: Contender{port: 9}, Batches: 2, Setup: 150,
		Bytes: 7 + 190 + 7 + 290, Idle: 14, Packets: 9, RoundTrips: 3,
	}, r)
}

// An output that nobody answers has no round trips.
func TestCountUnanswered(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	packets := []link.Packet{{Time: start.Add(2 * time.Second), Up: true, Bytes: 10, Data: 1}}
	feeds := []time.Time{start, start.Add(time.Second)}
	r := Run{Delay: time.Millisecond}.count(Contender{}, packets, feeds, []time.Time{start, start.Add(2 * time.Second)})
	require.Zero(t, r.RoundTrips)
	require.Equal(t, 10, r.Bytes)
}

// The plain client sends what it is given, so many lines in a message.
func TestPlain(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	got := make(chan string, 2)
	go func() {
		for range 2 {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var text strings.Builder
			b := make([]byte, 1000)
			for !strings.HasSuffix(text.String(), "\n\n") {
				n, err := conn.Read(b)
				if err != nil {
					break
				}
				text.Write(b[:n])
			}
			_, _ = io.WriteString(conn, "[0,0]")
			_ = conn.Close()
			got <- text.String()
		}
	}()
	lines := "cpu,host=a v=\"<&\" 1\nmem v=1 2\ncpu v=2 3\ncpu v=3 4\n"
	require.NoError(t, Plain([]string{l.Addr().String(), "2"}, strings.NewReader(lines)))
	first, second := <-got, <-got
	require.Equal(t, []string{ // byte by byte
		`{"k":"aB3-xYz9","d":"cpu,host=a v=\"<&\" 1\nmem v=1 2","t":["cpu","mem"]}` + "\n\n",
		`{"k":"aB3-xYz9","d":"cpu v=2 3\ncpu v=3 4","t":["cpu"]}` + "\n\n",
	}, []string{first, second})
	require.NoError(t, l.Close())

	text, err := unwrap(strings.ReplaceAll(first+second, "\n\n", "\n"))
	require.NoError(t, err)
	require.Equal(t, lines, text)
}

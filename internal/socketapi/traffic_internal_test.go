package socketapi

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/dns"
)

// Headers, as captured.
func TestHeaderSizes(t *testing.T) {
	for _, tt := range []struct {
		options      tcpOptions
		f            family
		header, size int64 // of a segment, of a SYN
	}{
		{allOptions, ip4, 52, 60},
		{allOptions, ip6, 72, 80},
		{optSACK | optWindowScale, ip4, 40, 52},
		{optTimestamps | optWindowScale, ip4, 52, 60},
		{optTimestamps | optSACK, ip4, 52, 56},
		{0, ip4, 40, 44},
	} {
		require.Equal(t, tt.header, tt.options.header(tt.f), "%+v", tt)
		require.Equal(t, tt.size, tt.options.syn(tt.f), "%+v", tt)
	}
}

func total(t traffic) int64 { return t.sent + t.received }

// Where the system does not count. Its close after the answer saves nothing
// but the segment that acknowledges FIN, and it acknowledges the handshake and
// the answer at once: two segments more than on Linux.
func TestFormula(t *testing.T) {
	taken := answer{n: 5, code: CodeOK, state: answerComplete, err: io.EOF}
	for _, tt := range []struct {
		name     string
		o        outcome
		abort    bool
		overhead int64
	}{
		{"plain client", outcome{written: 1026, size: 1026, answer: taken, unacked: UnackedUnknown}, false, 541},
		{"plain client, 8 segments", outcome{written: 10242, size: 10242, answer: taken, unacked: UnackedUnknown}, false, 1269},
		{"RST", outcome{written: 1026, size: 1026, answer: taken, unacked: UnackedUnknown}, true, 489},
		{"no answer", outcome{written: 1026, size: 1026, answer: answer{err: os.ErrDeadlineExceeded}, unacked: UnackedUnknown}, true, 120 + 4*52},
		{"nothing acknowledged", outcome{written: 1026, size: 1026, answer: answer{err: os.ErrDeadlineExceeded}, unacked: 1026}, true, 120 + 3*52},
		{"no answer, closed", outcome{written: 1026, size: 1026, answer: answer{err: io.EOF}, unacked: UnackedUnknown}, true, 120 + 6*52},
		{"reset", outcome{written: 1026, size: 1026, answer: answer{err: errReset}, unacked: UnackedUnknown}, true, 120 + 4*52},
		{"nothing written", outcome{size: 1026, answer: answer{err: os.ErrDeadlineExceeded}, unacked: UnackedUnknown}, true, 120 + 2*52},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !timestampsByDefault {
				t.Skip("sizes are those with timestamps")
			}
			require.Equal(t, tt.overhead, total(exchangeTraffic(ip4, tcpSample{}, tcpSample{}, tt.o, tt.abort))-int64(tt.o.written))
			old := tcpSample{ok: true, segsOut: 4, segsIn: 4} // a system that counts segments only
			if tt.o.written > 0 {
				require.Equal(t, tt.overhead, total(exchangeTraffic(ip4, old, old, tt.o, tt.abort))-int64(tt.o.written))
			}
		})
	}
}

func TestConnectTraffic(t *testing.T) {
	timeout := &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	counted := func(state tcpState, out, in int64) tcpSample {
		return tcpSample{ok: true, state: state, offered: allOptions, options: allOptions, segsOut: out, segsIn: in}
	}
	for _, tt := range []struct {
		name string
		s    tcpSample
		err  error
		took time.Duration
		want traffic
	}{
		{"refused, counted", counted(tcpClose, 1, 1), errRefused, time.Second, traffic{60, 40}},
		{"refused, estimated", tcpSample{}, errRefused, time.Second / 2, traffic{60, 40}},
		{"no route, counted", counted(tcpClose, 0, 0), noRouteErrors[0], 0, traffic{}},
		{"no route, estimated", tcpSample{}, noRouteErrors[0], 0, traffic{}},
		{"a router says no route", counted(tcpClose, 1, 0), errHostUnreachable, 0, traffic{60, 88}},
		{"timeout, counted", counted(tcpSynSent, 5, 0), timeout, 10 * time.Second, traffic{300, 0}},
		{"timeout of 10 s, estimated", tcpSample{}, timeout, 10 * time.Second, traffic{420, 0}},
		{"timeout of 60 s, estimated", tcpSample{}, timeout, 60 * time.Second, traffic{600, 0}},
		{"answered at the last moment", counted(tcpEstablished, 3, 1), timeout, time.Second, traffic{60 + 2*52 + 52, 60}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, connectTraffic(ip4, tt.s, tt.err, tt.took))
		})
	}
}

// The name of the real cloud: 80 bytes there, 96 back.
func TestLookupTraffic(t *testing.T) {
	const host = "cloudsocket.hologram.io"
	gone := &dns.Error{Host: host, Err: dns.ErrNotFound}
	for _, tt := range []struct {
		name      string
		f         family
		host      string
		addresses int
		err       error
		took      time.Duration
		want      traffic
	}{
		{"one address", ip4, host, 1, nil, time.Second, traffic{80, 96}},
		{"final dot", ip4, host + ".", 1, nil, time.Second, traffic{80, 96}},
		{"three addresses", ip4, host, 3, nil, time.Second, traffic{80, 128}},
		{"IPv6", ip6, host, 1, nil, time.Second, traffic{80, 108}},
		{"no such name", ip4, host, 0, gone, time.Second, traffic{80, 80}},
		{"server failure", ip4, host, 0, &dns.Error{Host: host, Err: errors.New("server failure")}, time.Second, traffic{80, 80}},
		{"timeout", ip4, host, 0, &dns.Error{Host: host, Err: os.ErrDeadlineExceeded}, 9 * time.Second, traffic{160, 0}},
		{"ended by Close", ip4, host, 0, context.Canceled, time.Second, traffic{80, 0}},
		{"no route", ip4, host, 0, noRouteErrors[0], time.Second, traffic{}},
		{"hosts file", ip4, "localhost", 1, nil, 100 * time.Microsecond, traffic{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, lookupTraffic(tt.f, tt.host, tt.addresses, tt.err, tt.took))
		})
	}
}

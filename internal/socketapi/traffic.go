package socketapi

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"time"

	"telegraf-hologram/internal/dns"
)

// traffic is a number of bytes on the wire, IP headers included.
type traffic struct{ sent, received int64 }

func (t *traffic) add(o traffic) {
	t.sent += o.sent
	t.received += o.received
}

// tcpOptions are the TCP options that decide how long headers are. The bits
// are those of Linux's tcp_info.
type tcpOptions uint8

const (
	optTimestamps tcpOptions = 1 << iota
	optSACK
	optWindowScale

	allOptions = optTimestamps | optSACK | optWindowScale
)

// timestampsByDefault tells whether this system's connections have timestamps
// unless told otherwise.
const timestampsByDefault = runtime.GOOS != "windows"

func defaultOptions() tcpOptions {
	if timestampsByDefault {
		return allOptions
	}
	return allOptions &^ optTimestamps
}

// header is the size of the IP and TCP headers of a segment.
func (o tcpOptions) header(f family) int64 {
	if o&optTimestamps != 0 {
		return f.bareHeader() + 12
	}
	return f.bareHeader()
}

// syn is the size of a SYN or of a SYN-ACK, which have options of their own.
func (o tcpOptions) syn(f family) int64 {
	n := f.bareHeader() + 4 // the segment size
	switch {
	case o&optTimestamps != 0: // SACK fits into their padding
		n += 12
	case o&optSACK != 0:
		n += 4
	}
	if o&optWindowScale != 0 {
		n += 4
	}
	return n
}

// bareHeader is the size of the IP and TCP headers without options.
func (f family) bareHeader() int64 { return [...]int64{40, 60}[f] }

// ipHeader is the size of the IP header.
func (f family) ipHeader() int64 { return [...]int64{20, 40}[f] }

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return ip4
	}
	return ip6
}

// maxPacket is what a network usually carries in one piece, in bytes.
const maxPacket = 1500

// synTimes are when a system sends SYNs as long as nobody answers: Linux since
// 6.5 and the BSDs. Older Linux leaves out the second, the fourth and so on,
// so that an estimate is rather too high.
var synTimes = [...]time.Duration{
	0, 1 * time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second,
	7 * time.Second, 11 * time.Second, 19 * time.Second, 35 * time.Second,
}

// tcpState is the state of a connection, numbered as in Linux's tcp_info.
type tcpState uint8

const (
	tcpEstablished tcpState = 1
	tcpSynSent     tcpState = 2
	tcpClose       tcpState = 7 // the other side has reset it, or it never was
	tcpCloseWait   tcpState = 8 // the other side's FIN has come
)

// tcpSample is what the system has counted for a connection so far. Its zero
// value is that of a system that does not count.
type tcpSample struct {
	ok                bool
	state             tcpState
	offered           tcpOptions // those of our SYN
	options           tcpOptions // those of them that the other side has agreed to
	segsOut, segsIn   int64
	retransmits       int64 // of segsOut
	bytesOut, bytesIn int64 // data; what is out with all its repetitions
}

// exchangeTraffic is the traffic of a connection that was made, from the
// samples after connecting and before closing, and of its close.
func exchangeTraffic(f family, connected, end tcpSample, o outcome, abort bool) traffic {
	// Linux counts segments since 4.2, bytes since 4.19.
	if !connected.ok || end.segsOut == 0 || end.bytesOut == 0 && o.written > 0 {
		return formula(f, o, abort)
	}
	t := end.traffic(f, connected)
	if !errors.Is(o.answer.err, errAddressGone) { // the system does not send from there
		t.add(end.closing(f, abort))
	}
	return t
}

// traffic is what the sample has counted. The one from just after connecting
// tells SYNs from what came later: at that time all that was repeated were
// SYNs, and all that had come in were SYN-ACKs.
func (s tcpSample) traffic(f family, connected tcpSample) traffic {
	h := s.options.header(f)
	syns := min(1+connected.retransmits, s.segsOut)
	synAcks := min(connected.segsIn, s.segsIn)
	t := traffic{
		sent:     syns*s.offered.syn(f) + (s.segsOut-syns)*h + s.bytesOut,
		received: synAcks*s.options.syn(f) + (s.segsIn-synAcks)*h + s.bytesIn,
	}
	if s.state == tcpCloseWait {
		t.received-- // FIN counts as a byte there
	}
	return t
}

// closing is what closing the connection takes: by RST, or by FIN, which is
// acknowledged, as is the other side's, if that is still to come and does both.
func (s tcpSample) closing(f family, abort bool) traffic {
	h := s.options.header(f)
	switch {
	case s.state == tcpClose || s.state == tcpSynSent:
		return traffic{}
	case abort:
		return traffic{sent: h}
	case s.state == tcpCloseWait:
		return traffic{sent: h, received: h}
	}
	return traffic{sent: 2 * h, received: h}
}

// formula is the traffic of an exchange where the system does not count it, if
// no segment is lost and the other side acknowledges each one.
func formula(f family, o outcome, abort bool) traffic {
	options := defaultOptions()
	h := options.header(f)
	data := int64(o.written)
	segments := (data + maxPacket - h - 1) / (maxPacket - h)
	t := traffic{
		sent:     options.syn(f) + h + segments*h + data, // and the acknowledgement of the SYN-ACK
		received: options.syn(f),
	}
	if o.unacked <= 0 {
		t.received += segments * h
	}
	state := tcpEstablished
	if o.answer.n > 0 {
		t.received += h + int64(o.answer.n)
		t.sent += h
	}
	switch err := o.answer.err; {
	case errors.Is(err, io.EOF):
		state = tcpCloseWait
		t.received += h
		if o.answer.n == 0 {
			t.sent += h // otherwise acknowledged together with the answer
		}
	case errors.Is(err, errReset):
		state = tcpClose
		t.received += h
	}
	t.add(tcpSample{state: state, options: options}.closing(f, abort))
	return t
}

// connectTraffic is the traffic of a failed connect, from a sample of its
// socket or else estimated by the time that it took.
func connectTraffic(f family, s tcpSample, err error, took time.Duration) traffic {
	if s.segsOut == 0 {
		if isNoRoute(err) {
			return traffic{}
		}
		for _, at := range synTimes {
			if at <= took {
				s.segsOut++
			}
		}
		if errors.Is(err, errRefused) {
			s.segsIn = 1
		}
		if !s.ok {
			s.offered = defaultOptions()
		}
	}
	if s.state == tcpEstablished {
		// It was made when the time was over.
		t := s.traffic(f, tcpSample{retransmits: s.retransmits, segsIn: 1})
		t.add(s.closing(f, true))
		return t
	}
	t := traffic{sent: s.segsOut * s.offered.syn(f), received: s.segsIn * f.bareHeader()}
	if s.segsOut > 0 && s.segsIn == 0 && isNoRoute(err) {
		// Then a router has said so, and ICMP quotes what it is about.
		t.received += f.ipHeader() + 8 + s.offered.syn(f)
	}
	return t
}

// A name server answers with what it was asked and, for each address, a record
// with a name of two bytes. Package net asks with EDNS0.
const (
	dnsHeaders = 20 + 8 + 12 // IPv4, UDP, DNS
	dnsEDNS0   = 11
	dnsRecord  = 12 // without the address
	dnsTimeout = 5 * time.Second
	// localLookup is less than a packet takes to the next host and back on any
	// link that is paid for by the byte.
	localLookup = time.Millisecond
)

// lookupTraffic estimates the traffic of a name lookup by a resolver that does
// not count it: one question for each
// five seconds, and one answer. It knows nothing of search domains, aliases
// and what a server adds, nor of a cache on this host beyond the time that the
// lookup took.
func lookupTraffic(f family, host string, addresses int, err error, took time.Duration) traffic {
	if took < localLookup || isNoRoute(err) {
		return traffic{}
	}
	name := int64(len(host) + 2)
	if host != "" && host[len(host)-1] == '.' {
		name--
	}
	question := dnsHeaders + name + 4 + dnsEDNS0
	t := traffic{sent: question * int64(1+took/dnsTimeout)}
	if err == nil || errors.Is(err, dns.ErrNotFound) {
		t.received = question + int64(addresses)*(dnsRecord+[...]int64{4, 16}[f])
	} else if !isTimeout(err) && !errors.Is(err, context.Canceled) {
		t.received = question
	}
	return t
}

package socketapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"telegraf-hologram/internal/dns"
	"telegraf-hologram/internal/inet"
)

// DefaultAddress is where the Hologram cloud takes messages.
const DefaultAddress = "cloudsocket.hologram.io:9999"

// Default time limits of a [Client].
const (
	DefaultConnectTimeout = 30 * time.Second
	DefaultAnswerTimeout  = 60 * time.Second
	DefaultLateAnswer     = 2 * time.Minute
)

// Client sends messages to the Socket API, each over a connection of its own.
// Only Credentials must be set. The fields must not be changed after the first
// use; the methods may be used concurrently. Close releases what a client
// holds.
type Client struct {
	// Address is host and port; empty means [DefaultAddress]. A host name is
	// looked up when first needed, after a connection failed, and in the
	// background after an hour; if that fails, the last address is used for
	// up to 24 hours, unless the name no longer exists. A literal IP address
	// needs no lookup. See also [Client.SetAddresses].
	Address string
	// Credentials are those of the device.
	Credentials Credentials
	// FieldNames are those of messages; an SMS has none.
	FieldNames FieldNames
	// ConnectTimeout limits opening a connection, the name lookup, which has
	// 10 seconds of its own, not included. 0 means [DefaultConnectTimeout].
	ConnectTimeout time.Duration
	// AnswerTimeout limits writing a message and waiting for its answer. On
	// lossy links with long round trips half a minute is not rare. 0 means
	// [DefaultAnswerTimeout].
	AnswerTimeout time.Duration
	// LateAnswer is how long Send waits beyond AnswerTimeout if nothing was
	// answered and the cloud's system has acknowledged the whole message: it
	// has probably been taken, and sending it again would double it. Waiting
	// costs no byte and may stand for a part of the pause before the next
	// try; see Error.Waited. 0 means [DefaultLateAnswer], less than 0 that
	// Send does not wait. Systems other than Linux do not tell what is
	// acknowledged; there Send does not wait either.
	LateAnswer time.Duration
	// GracefulClose ends a confirmed exchange with FIN instead of RST, which
	// costs 52 bytes. Any other exchange ends with RST, because otherwise the
	// system would go on sending, and delivering, after Send has given up.
	GracefulClose bool

	// Dial opens connections in place of the client's own dialer, which sets
	// the socket options. It is given "tcp4" or "tcp6" and a literal address.
	Dial func(ctx context.Context, network, address string) (Conn, error)
	// Resolver looks up names in place of a [dns.Resolver] of the client's own.
	Resolver Resolver
	// Now tells the time by which looked up addresses grow old, in place of
	// [time.Now].
	Now func() time.Time

	addresses addressCache
}

// Conn is what the client needs of a connection; any [net.Conn] has it. What
// [net.TCPConn] has besides (SetLinger, SyscallConn) is done without where it is
// missing.
type Conn interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// ErrClosed is the cause of errors after [Client.Close].
var ErrClosed = errors.New("the client is closed")

// Receipt tells what sending a message took, whether it succeeded or not.
type Receipt struct {
	Connected bool           // a connection was made
	Remote    netip.AddrPort // the last address that was tried; not valid if there was none
	Written   int            // bytes of the message handed to the system
	Read      int            // bytes of the answer
	Late      bool           // the answer came after AnswerTimeout
	Connect   time.Duration  // opening the connection: one round trip
	Duration  time.Duration  // all of it, name lookup and close included

	// Sent and Received are the bytes that crossed this host's network
	// interface, IP headers included: all tries to connect, retransmissions,
	// acknowledgements and the close. On Linux they are those that the system
	// has counted for the connection; what arrives after the close is not in
	// them. On other systems they follow from the sizes of the message and of
	// the answer on a link that loses nothing, with at most the segments that
	// a failed connect repeats. Name lookups are in them, as an estimate where
	// the resolver does not count; one in the background counts to the Send that
	// ends next.
	Sent, Received int64
}

func (r *Receipt) count(t traffic) {
	r.Sent += t.sent
	r.Received += t.received
}

// Validate says what is wrong with the client's address or credentials,
// without connecting and without showing the credentials.
func (c *Client) Validate() error {
	if _, _, err := c.hostPort(); err != nil {
		return err
	}
	return c.Credentials.Validate()
}

// Close ends name lookups that are under way and waits for them; sending fails
// from then on. It does not end calls of Send: their context does.
func (c *Client) Close() error {
	c.addresses.close()
	return nil
}

// Send sends a message and waits for its answer. nil means that the cloud has
// taken the message; any error is an [*Error]. Send makes one attempt.
func (c *Client) Send(ctx context.Context, m Message) (Receipt, error) {
	msg, err := AppendMessage(make([]byte, 0, MessageSize(c.Credentials, c.FieldNames, m)), c.Credentials, c.FieldNames, m)
	return c.send(ctx, msg, err, nil)
}

// SendSMS has the cloud send an SMS. nil means that the cloud has taken it,
// not that it has reached its recipient; any error is an [*Error]. SendSMS
// makes one attempt.
func (c *Client) SendSMS(ctx context.Context, s SMS) (Receipt, error) {
	msg, err := AppendSMS(nil, c.Credentials, s)
	return c.send(ctx, msg, err, s.Before)
}

// send sends what was built, unless building it failed or before does.
func (c *Client) send(ctx context.Context, msg []byte, buildErr error, before func() error) (Receipt, error) {
	start := time.Now()
	var r Receipt
	host, port, addrErr := c.hostPort()
	if e := c.refusal(ctx, buildErr, addrErr); e != nil {
		return r, e
	}
	// The system waits only 200 ms for data to go with the third segment of
	// the handshake, so little may be left to do between connect and write.
	conn, e := c.connect(ctx, host, port, &r)
	if e == nil && before != nil {
		if err := before(); err != nil {
			e = c.dismiss(conn, err, &r)
		}
	}
	if e == nil {
		e = c.exchange(ctx, conn, msg, &r)
	}
	r.count(c.addresses.takeSpent())
	r.Duration = time.Since(start)
	if e != nil {
		return r, e
	}
	return r, nil
}

// refusal is the error of a message that cannot be sent at all, nil if it can.
func (c *Client) refusal(ctx context.Context, buildErr, addrErr error) *Error {
	e := &Error{Code: CodeNone, Phase: PhaseBuild, Unacked: UnackedUnknown, Verdict: NotDelivered}
	switch {
	case buildErr != nil:
		e.Verdict, e.Err = Refused, buildErr
		if c.Credentials.Validate() != nil {
			e.Verdict = RefusedCredentials
		}
	case addrErr != nil:
		e.Err = addrErr
	case c.addresses.isClosed():
		e.Err = ErrClosed
	case ctx.Err() != nil:
		e.Err = contextError(ctx)
	default:
		return nil
	}
	return e
}

// hostPort splits and checks the address.
func (c *Client) hostPort() (string, uint16, error) {
	address := c.Address
	if address == "" {
		address = DefaultAddress
	}
	host, port, err := inet.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %s: %w", address, err)
	}
	if host == "" {
		return "", 0, fmt.Errorf("address %s: missing host", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("address %s: port must be a number from 1 to 65535", address)
	}
	return host, uint16(n), nil
}

// connect finds the address and opens the connection. A host name is tried by
// IPv6 only where it has no IPv4 address or this host has no IPv4.
func (c *Client) connect(ctx context.Context, host string, port uint16, r *Receipt) (Conn, *Error) {
	fail := func(p Phase, err error) (Conn, *Error) {
		return nil, &Error{Verdict: NotDelivered, Code: CodeNone, Phase: p, Unacked: UnackedUnknown, Err: err}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		f := ip6
		if addr.Is4() {
			f = ip4
		}
		conn, err := c.dial(ctx, f, netip.AddrPortFrom(addr, port), r)
		if err != nil {
			return fail(PhaseConnect, err)
		}
		return conn, nil
	}

	var noIPv4 error      // why connecting by IPv4 failed, if it was tried
	for f := ip4; ; f++ { // the last family always returns
		addr, err := c.addresses.get(ctx, c, f, host)
		switch {
		case err == nil:
		case f == ip4 && errors.Is(err, dns.ErrNotFound):
			continue
		case noIPv4 != nil && !errors.Is(err, errContextEnded):
			return fail(PhaseConnect, noIPv4)
		default:
			c.addresses.forgetAbsence()
			return fail(PhaseResolve, fmt.Errorf("name %s: %w", host, err))
		}
		conn, err := c.dial(ctx, f, netip.AddrPortFrom(addr, port), r)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, errContextEnded):
			return fail(PhaseConnect, err)
		case !isNoNetwork(err):
			c.addresses.failed(f, addr)
			return fail(PhaseConnect, err)
		case f == ip4:
			noIPv4 = err
		default:
			return fail(PhaseConnect, err)
		}
	}
}

// dial opens a connection to a literal address.
func (c *Client) dial(ctx context.Context, f family, to netip.AddrPort, r *Receipt) (Conn, error) {
	limited, cancel := context.WithTimeout(ctx, orDefault(c.ConnectTimeout, DefaultConnectTimeout))
	defer cancel()
	r.Remote = to
	start := time.Now()
	var conn Conn
	var err error
	var failed tcpSample
	if c.Dial != nil {
		conn, err = c.Dial(limited, f.dialNetwork(), to.String())
	} else {
		d := inet.Dialer{Control: holdBackAck, Failed: func(fd int) { failed = sampleOfFailed(fd) }}
		conn, err = d.Dial(limited, "tcp", to)
	}
	if err != nil {
		r.count(connectTraffic(f, failed, err, time.Since(start)))
		if ctx.Err() != nil {
			return nil, contextError(ctx)
		}
		return nil, err
	}
	r.Connected, r.Connect = true, time.Since(start)
	return conn, nil
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// orDefault returns d, or def if d is not set.
func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

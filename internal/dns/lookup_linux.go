package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"telegraf-hologram/internal/inet"
)

const counts = true

const (
	maxDatagram = 2048 // bytes; servers should send 512 at most
	maxByTCP    = 4096

	// localAnswer is less than a packet takes to the next host and back on any
	// link that is paid for by the byte.
	localAnswer = time.Millisecond
)

func (r *Resolver) lookup(ctx context.Context, k recordType, host string) ([]netip.Addr, error) {
	if addrs, known := readHosts(orElse(r.Hosts, "/etc/hosts"), host, k); len(addrs) > 0 {
		return addrs, nil
	} else if known {
		return nil, fmt.Errorf("%w: %s has no address of this kind in the hosts file", ErrNotFound, host)
	}
	c := readConfig(orElse(r.Config, "/etc/resolv.conf"))
	err := fmt.Errorf("%w: %q is no name of a host", ErrNotFound, host)
	for _, name := range c.names(host) {
		question, ok := newQuestion(uint16(rand.Uint32()), name, k)
		if !ok {
			continue
		}
		var addrs []netip.Addr
		if addrs, err = r.ask(ctx, &c, name, question); err == nil {
			return addrs, nil
		}
		if !errors.Is(err, ErrNotFound) {
			break
		}
	}
	return nil, err
}

func orElse(s, def string) string {
	if s != "" {
		return s
	}
	return def
}

// inquiry is one question to all servers.
type inquiry struct {
	host     string
	question []byte
	port     uint16
	servers  []server
	replies  chan reply // has room for one of each server
	readers  sync.WaitGroup
	failure  *Error // the first of a server that was sent the question, else the first of all
	sent     bool   // the question, to the server that failure is about
}

// server is one that may be asked.
type server struct {
	addr     netip.Addr
	conn     inet.Conn // nil until it is asked first
	asked    time.Time // last
	times    int       // how often it was asked
	failed   bool      // there is no use in asking it again
	far      bool      // what it is sent and sends crosses a link
	received atomic.Int64
	extra    traffic // by TCP
}

// traffic is a number of bytes, IP headers included.
type traffic struct{ sent, received int64 }

// reply is the outcome of what a server was asked.
type reply struct {
	from  int
	addrs []netip.Addr
	err   error
}

// ask asks the servers until one has addresses or knows that there are none.
func (r *Resolver) ask(ctx context.Context, c *config, host string, question []byte) ([]netip.Addr, error) {
	q := inquiry{
		host: host, question: question, port: r.port,
		servers: make([]server, len(c.servers)), replies: make(chan reply, len(c.servers)),
	}
	if q.port == 0 {
		q.port = 53
	}
	for i, addr := range c.servers {
		q.servers[i].addr = addr
		q.servers[i].far = !addr.IsLoopback() && !addr.IsUnspecified()
	}
	wait := c.timeout
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/time.Duration(len(c.servers))) // each has its turn
	}
	addrs, err := q.run(ctx, c.rounds, wait)
	q.close()
	r.count(&q)
	return addrs, err
}

// run asks in rounds.
func (q *inquiry) run(ctx context.Context, rounds int, wait time.Duration) ([]netip.Addr, error) {
	for range rounds {
		for i := range q.servers {
			s := &q.servers[i]
			if s.failed {
				continue
			}
			if err := q.send(ctx, s, i); err != nil {
				s.failed = true
				q.note(s, err)
				continue
			}
			if addrs, done, err := q.await(ctx, i, wait); done {
				return addrs, err
			}
		}
	}
	return nil, q.failure
}

// await waits until the server that was asked last has answered, or its time is
// over. done tells that the inquiry is, for which any server's answer will do.
func (q *inquiry) await(ctx context.Context, asked int, wait time.Duration) (addrs []netip.Addr, done bool, err error) {
	turn := time.NewTimer(wait)
	defer turn.Stop()
	for {
		select {
		case p := <-q.replies:
			s := &q.servers[p.from]
			s.far = s.far || time.Since(s.asked) >= localAnswer
			if errors.Is(p.err, errTruncated) {
				p.addrs, p.err = q.askByTCP(ctx, s, wait)
			}
			switch {
			case p.err == nil:
				return p.addrs, true, nil
			case errors.Is(p.err, ErrNotFound):
				return nil, true, &Error{q.host, s.addr, p.err}
			}
			s.failed = true
			q.note(s, p.err)
			if p.from == asked {
				return nil, false, nil
			}
		case <-turn.C:
			if end, ok := ctx.Deadline(); ok && time.Until(end) < wait/2 {
				continue // too late to ask another, so this one has the rest
			}
			q.note(q.silent(asked), os.ErrDeadlineExceeded)
			return nil, false, nil
		case <-ctx.Done():
			s := q.silent(asked)
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, true, &Error{q.host, s.addr, ctx.Err()}
			}
			q.note(s, os.ErrDeadlineExceeded)
			return nil, true, q.failure
		}
	}
}

// silent is a server that does not answer: it waits for one elsewhere.
func (q *inquiry) silent(i int) *server {
	q.servers[i].far = true
	return &q.servers[i]
}

// note keeps an error, unless there is one that says more: that a server cannot
// be reached at all says less than what one has answered, or that it has not.
func (q *inquiry) note(s *server, err error) {
	if sent := s.times > 0; q.failure == nil || sent && !q.sent {
		q.failure, q.sent = &Error{q.host, s.addr, err}, sent
	}
}

// send asks a server, again if need be with the same number and port, so that
// the answer to any of the questions will do.
func (q *inquiry) send(ctx context.Context, s *server, i int) error {
	if s.conn == nil {
		conn, err := new(inet.Dialer).Dial(ctx, "udp", netip.AddrPortFrom(s.addr, q.port))
		if err != nil {
			return err
		}
		s.conn = conn
		q.readers.Go(func() { q.read(s, i) })
	}
	if _, err := s.conn.Write(q.question); err != nil {
		return err
	}
	s.asked = time.Now()
	s.times++
	return nil
}

// read waits for the answer of a server, until its socket is closed.
func (q *inquiry) read(s *server, i int) {
	buf := make([]byte, maxDatagram)
	for {
		n, err := s.conn.Read(buf)
		if errors.Is(err, io.EOF) {
			err = nil // an empty datagram
		}
		p := reply{from: i, err: err}
		if err == nil {
			s.received.Add(datagram(s.addr, n))
			if p.addrs, p.err = parseAnswer(buf[:n], q.question); errors.Is(p.err, errNotAnswer) {
				continue
			}
		}
		q.replies <- p
		return
	}
}

// askByTCP asks a server whose answer does not fit into a datagram.
func (q *inquiry) askByTCP(ctx context.Context, s *server, wait time.Duration) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	conn, err := new(inet.Dialer).Dial(ctx, "tcp", netip.AddrPortFrom(s.addr, q.port))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	msg := append(binary.BigEndian.AppendUint16(nil, uint16(len(q.question))), q.question...)
	if _, err := conn.Write(msg); err != nil {
		return nil, err
	}
	buf := make([]byte, 2, maxByTCP)
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(buf))
	if n > maxByTCP {
		return nil, fmt.Errorf("%w: has %d bytes", errMalformed, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	// A handshake, a segment each way and the close, with acknowledgements.
	head := datagram(s.addr, 0) - 8 + 32
	s.extra = traffic{8 + 5*head + int64(len(msg)), 8 + 4*head + 2 + int64(n)}
	return parseAnswer(buf, q.question)
}

// close closes all sockets and waits for what reads from them.
func (q *inquiry) close() {
	for i := range q.servers {
		if c := q.servers[i].conn; c != nil {
			_ = c.Close()
		}
	}
	q.readers.Wait()
}

// datagram is the size of a datagram with its headers.
func datagram(server netip.Addr, n int) int64 {
	if server.Is4() {
		return 20 + 8 + int64(n)
	}
	return 40 + 8 + int64(n)
}

// count adds what an inquiry has taken.
func (r *Resolver) count(q *inquiry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range q.servers {
		if s := &q.servers[i]; s.far {
			r.sent += int64(s.times)*datagram(s.addr, len(q.question)) + s.extra.sent
			r.received += s.received.Load() + s.extra.received
		}
	}
}

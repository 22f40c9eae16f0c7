package socketapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// After the answer the cloud closes the connection. Closing ours before that
// arrives would cost an extra segment, so it is waited for: twice the round
// trip of the handshake, within these limits.
const (
	minEndWait = 250 * time.Millisecond
	maxEndWait = 2 * time.Second
)

// addressCheck is how often it is looked whether this host still has the
// address of a connection on which a late answer is waited for.
const addressCheck = 15 * time.Second

// exchange writes the message, waits for the answer and closes the connection.
func (c *Client) exchange(ctx context.Context, conn Conn, msg []byte, r *Receipt) *Error {
	connected := sampleOf(conn)
	// A deadline in the past makes a read or write that waits return at once.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
	limit(ctx, conn, orDefault(c.AnswerTimeout, DefaultAnswerTimeout))

	o := outcome{size: len(msg)}
	o.written, o.writeErr = conn.Write(msg)
	// Even if not all could be written, the reason may be there to read.
	in := answerReader{conn: conn, endWait: min(max(2*r.Connect, minEndWait), maxEndWait), answer: answer{code: CodeNone}}
	in.read(ctx)
	if late := c.lateAnswer(); late > 0 && o.written == o.size && in.n == 0 && in.waits(ctx) && unacked(conn) == 0 {
		o.waited = in.readLate(ctx, late)
	}
	o.answer, o.unacked = in.answer, unacked(conn)
	r.Written, r.Read, r.Late = o.written, in.n, o.waited > 0 && in.n > 0

	e := judge(ctx, o)
	stop()
	abort := e != nil || !c.GracefulClose
	if abort {
		// RST takes back what is still queued. After a full answer and the
		// cloud's FIN it carries our acknowledgement of both and needs none.
		abortive(conn)
	}
	r.count(exchangeTraffic(familyOf(r.Remote.Addr()), connected, sampleOf(conn), o, abort))
	_ = conn.Close() // the fate of the message is known, or will never be
	return e
}

// dismiss ends a connection on which nothing was written.
func (c *Client) dismiss(conn Conn, err error, r *Receipt) *Error {
	connected := sampleOf(conn)
	abortive(conn)
	r.count(exchangeTraffic(familyOf(r.Remote.Addr()), connected, sampleOf(conn), outcome{}, true))
	_ = conn.Close() // nothing was on it
	return &Error{Verdict: NotDelivered, Code: CodeNone, Phase: PhaseConnect, Unacked: UnackedUnknown, Err: err}
}

// abortive has Close send RST.
func abortive(conn Conn) {
	if l, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// limit sets the time that is left for reading and writing. The context's end
// stays in force, even if it comes at the same time.
func limit(ctx context.Context, conn Conn, d time.Duration) {
	_ = conn.SetDeadline(time.Now().Add(d))
	if ctx.Err() != nil {
		_ = conn.SetDeadline(longAgo)
	}
}

// lateAnswer is how long to wait for an answer that is late, 0 for not at all.
func (c *Client) lateAnswer() time.Duration {
	if c.LateAnswer < 0 {
		return 0
	}
	return orDefault(c.LateAnswer, DefaultLateAnswer)
}

// answer is what came back.
type answer struct {
	n     int // bytes read
	first byte
	http  bool // a web server's answer
	code  Code
	state answerState
	err   error // why reading ended, nil if there is no use in reading on
}

// answered tells whether the answer is there.
func (a *answer) answered() bool { return a.state == answerTaken || a.state == answerComplete }

// answerReader reads an answer from a connection.
type answerReader struct {
	answer

	conn    Conn
	endWait time.Duration // for the end of the stream, after the answer
	buf     [maxAnswer]byte
}

// read reads the answer and, for at most endWait, on to the end of the stream.
// It may be called again after the connection's time limit.
func (r *answerReader) read(ctx context.Context) {
	r.err = nil
	for r.n < len(r.buf) && r.err == nil && r.state != answerJunk {
		was := r.answered()
		var n int
		n, r.err = r.conn.Read(r.buf[r.n:])
		r.n += n
		r.code, r.state = parseAnswer(r.buf[:r.n])
		if !was && r.answered() {
			limit(ctx, r.conn, r.endWait)
		}
	}
	r.first = r.buf[0]
	r.http = string(r.buf[:5]) == "HTTP/"
}

// waits tells whether the time limit has ended the last read and nothing else
// stands against reading on.
func (r *answerReader) waits(ctx context.Context) bool {
	return !r.answered() && errors.Is(r.err, os.ErrDeadlineExceeded) && ctx.Err() == nil
}

// readLate goes on reading after the time limit, for at most the given time,
// and returns how long it took. Of a connection whose address this host has
// lost nothing can come any more.
func (r *answerReader) readLate(ctx context.Context, most time.Duration) time.Duration {
	start := time.Now()
	for r.waits(ctx) {
		if isGone(r.conn) {
			r.err = errAddressGone
			break
		}
		left := most - time.Since(start)
		if left <= 0 {
			break
		}
		limit(ctx, r.conn, min(left, addressCheck))
		r.read(ctx)
	}
	return max(time.Since(start), 1) // never 0, which means that it was not tried
}

// outcome is all that is known after an exchange.
type outcome struct {
	written, size int
	writeErr      error
	answer        answer
	unacked       int
	waited        time.Duration // beyond the time limit
}

// judge turns the outcome into an error, nil if the message is delivered.
func judge(ctx context.Context, o outcome) *Error {
	a := o.answer
	e := &Error{Code: CodeNone, Phase: PhaseAnswer, Sent: o.written > 0, Unacked: o.unacked, Waited: o.waited}
	if a.answered() {
		if e.Code, e.Verdict = a.code, a.code.verdict(); e.Verdict == Delivered {
			if o.written == o.size {
				return nil
			}
			e.Verdict = Unknown // it has taken what it cannot have read
		}
		e.Err = fmt.Errorf("cloud answers code %d, %s", int(a.code), a.code)
		return e
	}

	cause := o.writeErr
	if cause == nil {
		cause = a.err
	} else {
		e.Phase = PhaseWrite
	}
	if ctx.Err() != nil && cause != nil {
		cause = contextError(ctx)
	}
	switch {
	case o.written == 0:
		e.Verdict = NotDelivered
		e.Err = fmt.Errorf("none of %d bytes: %w", o.size, cause)
	case o.written < o.size:
		e.Err = fmt.Errorf("%d of %d bytes: %w", o.written, o.size, cause)
	case a.n == 0 && errors.Is(a.err, io.EOF) && o.unacked >= o.size:
		// The other side's FIN would acknowledge what its system has received;
		// it acknowledges nothing, so its program cannot have read anything.
		e.Verdict = NotDelivered
		e.Err = fmt.Errorf("closed before any of %d bytes arrived: %w", o.size, cause)
	case a.n == 0 && errors.Is(a.err, io.EOF):
		e.Err = fmt.Errorf("closed without an answer: %w", cause)
	case a.n == 0:
		e.Err = fmt.Errorf("none%s%s: %w", waitedText(o), ackedText(o), cause)
	case a.state == answerPartial && cause != nil:
		// Codes other than 0 are not acted on unless the answer is whole.
		e.Code = a.code
		e.Err = fmt.Errorf("cut short after %d bytes: %w", a.n, cause)
	case a.http:
		e.Err = errors.New("an HTTP answer: the address is not that of a Socket API")
	default:
		// Not shown, as it may be an echo of the message.
		e.Err = fmt.Errorf("not understood, begins with %q", a.first)
	}
	return e
}

// waitedText says how long a late answer was waited for.
func waitedText(o outcome) string {
	if o.waited == 0 {
		return ""
	}
	return fmt.Sprintf(" after %v more", o.waited.Round(100*time.Millisecond))
}

// ackedText says how much of the message is known to have arrived.
func ackedText(o outcome) string {
	switch o.unacked {
	case UnackedUnknown:
		return ""
	case 0:
		return ", all bytes acknowledged"
	}
	return fmt.Sprintf(", %d of %d bytes not acknowledged", o.unacked, o.size)
}

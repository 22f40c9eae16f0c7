package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/socketapi"
)

const (
	firstRead = 4 << 10 // bytes; grows with the message

	writeTimeout = 10 * time.Second
	// lingerTime is how long the rest of what a client sends is read and thrown
	// away after the answer. Closing with unread bytes would send an RST, which
	// could overtake the answer.
	lingerTime = time.Second
	// maxHold bounds a connection that a fault keeps open. It is longer than any
	// client waits.
	maxHold = 10 * time.Minute

	junkAnswer = "HTTP/1.1 400 Bad Request\r\n\r\n"
)

func errUnknownKey() *refusal { return refuse(socketapi.CodeInvalidAuth, "unknown device key") }

func errTooManyDevices() *refusal {
	return refuse(socketapi.CodeInternal, "more than %d devices", maxDevices)
}

// serveConn serves one connection under a fault. The caller closes it.
func (s *Server) serveConn(ctx context.Context, conn net.Conn, f fault) {
	switch f.mode {
	case modeAcceptClose:
		// One byte tells that data has come. Without waiting for it the client
		// could be reset before it has sent anything.
		if conn.SetReadDeadline(time.Now().Add(s.cfg.IdleTimeout)) == nil {
			if n, _ := conn.Read(make([]byte, 1)); n > 0 {
				s.deliver(unread(f))
			} else {
				s.countEmpty()
			}
		}
		abort(conn)
		return
	case modeCloseUnread:
		s.deliver(unread(f))
		finish(conn)
		s.hold(conn)
		return
	}

	idle := s.cfg.IdleTimeout
	if f.mode == modeIdleLimit {
		idle = f.delay
	}
	in := s.read(conn, idle)
	if ctx.Err() != nil {
		return
	}
	if in.bytes == 0 {
		s.countEmpty()
		return
	}
	e := s.judge(in, f)
	if in.lost != "" {
		s.deliver(e)
		return
	}
	s.act(ctx, conn, e, f)
}

// unread is the event of a connection that was closed without reading from it.
func unread(f fault) Event {
	return Event{RecordID: newUUID(), Code: NoAnswer, Reason: "closed without reading", Fault: f.label()}
}

// input is what was read on a connection.
type input struct {
	msg   []byte // without its terminator; nil if there is none
	bytes int    // read in all
	kind  Kind
	ref   *refusal // why it ended before the terminator, to be answered
	lost  string   // why it ended before the terminator, not to be answered
}

// read reads up to the terminator. What comes after it is not looked at: one
// message for a connection.
func (s *Server) read(conn net.Conn, idle time.Duration) input {
	limit := s.cfg.MaxMessageSize
	buf := make([]byte, 0, min(firstRead, limit))
	reserved := int64(0)
	defer func() { s.buffered.Add(-reserved) }()
	for {
		if len(buf) == cap(buf) {
			grown := min(2*cap(buf), limit)
			if s.buffered.Add(int64(grown))-reserved > maxBuffered {
				s.buffered.Add(-int64(grown))
				return input{bytes: len(buf), kind: kindOf(buf), ref: refuse(socketapi.CodeInternal, "too many unfinished messages at a time")}
			}
			s.buffered.Add(-reserved)
			reserved = int64(grown)
			buf = append(make([]byte, 0, grown), buf...)
		}
		if err := conn.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return input{bytes: len(buf), kind: kindOf(buf), lost: "connection lost before the end of the message"}
		}
		n, err := conn.Read(buf[len(buf):cap(buf)])
		from := len(buf)
		buf = buf[:from+n]
		if end, _, ok := endOfMessage(buf, from); ok {
			return input{msg: buf[:end:end], bytes: len(buf), kind: kindOf(buf)}
		}
		if len(buf) >= limit {
			return input{bytes: len(buf), kind: kindOf(buf), ref: refuse(socketapi.CodeInvalidMessage, "message exceeds %d bytes", limit)}
		}
		if err != nil {
			return unfinished(buf, err, idle)
		}
	}
}

// unfinished tells how a connection ended before the terminator.
func unfinished(buf []byte, err error, idle time.Duration) input {
	in := input{bytes: len(buf), kind: kindOf(buf)}
	switch {
	case errors.Is(err, io.EOF):
		in.ref = refuse(socketapi.CodeClosedEarly, "connection closed before the end of the message")
	case errors.Is(err, os.ErrDeadlineExceeded):
		in.lost = fmt.Sprintf("idle for %s before the end of the message", idle)
	default:
		in.lost = "connection lost before the end of the message"
	}
	return in
}

// judge makes the event of what was read, with the answer that it deserves under
// the fault.
func (s *Server) judge(in input, f fault) Event {
	e := Event{RecordID: newUUID(), Kind: in.kind, BytesIn: in.bytes, Fault: f.label()}
	if in.lost != "" {
		e.Code, e.Reason = NoAnswer, in.lost
		return e
	}
	req, ref := request{}, in.ref
	if ref == nil {
		req, ref = parseMessage(in.msg, s.cfg.MaxSMSLength, func(key string) *refusal {
			dev, ref := s.devices.lookUp(key)
			e.DeviceID, e.DeviceName = dev.id, dev.name
			return ref
		})
	}
	if ref != nil {
		e.Code, e.Reason = ref.code, ref.reason
	} else {
		e.Data, e.To = req.data, req.to
		e.topics = len(req.topics)
		e.Topics = append(req.topics, systemTags(e.Kind, e.DeviceID)...)
		e.Taken = f.taken
		if !e.Taken {
			e.Reason = f.reason()
		}
	}
	switch f.mode {
	case modeNeverAnswer, modeCloseWithoutAnswer, modeReset, modeJunk:
		e.Code = NoAnswer
	case modeCode:
		e.Code = f.code
	}
	e.BytesOut = len(e.answer(f))
	if e.Taken && e.Kind == KindMessage && s.cfg.Decode != nil {
		e.decoded = true
		e.Metrics, e.DecodeErr = s.cfg.Decode(e.Data)
	}
	return e
}

// answer returns the bytes that the client gets.
func (e Event) answer(f fault) string {
	whole := "[" + strconv.Itoa(int(e.Code)) + ",0]"
	part := strings.TrimSuffix(whole, "0]")
	if e.Kind == KindSMS {
		// One digit for each of the two numbers.
		part = strconv.Itoa(int(e.Code))
		whole = part + "0"
	}
	switch f.mode {
	case modeNeverAnswer, modeCloseWithoutAnswer, modeReset:
		return ""
	case modePartialAnswer, modePartialAnswerReset:
		return part
	case modeJunk:
		return junkAnswer
	default:
		return whole
	}
}

// act delivers the event and then does to the connection what the fault wants.
func (s *Server) act(ctx context.Context, conn net.Conn, e Event, f fault) {
	s.deliver(e)
	if ctx.Err() != nil {
		return // OnEvent may have ended it: what could not be recorded is not answered
	}
	answer := e.answer(f)
	_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout + f.delay))
	switch f.mode {
	case modeNeverAnswer:
		s.hold(conn)
		return
	case modeReset:
		abort(conn)
		return
	case modeLateAnswer:
		if sleep(ctx, f.delay) != nil {
			return
		}
	case modeSlow:
		for i := range len(answer) {
			if sleep(ctx, f.delay) != nil {
				return
			}
			_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := io.WriteString(conn, answer[i:i+1]); err != nil {
				return
			}
		}
		answer = ""
	}
	if answer != "" {
		// An error means that the client is gone, which is its own affair.
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
	if f.mode == modePartialAnswerReset || f.mode == modeAnswerReset {
		abort(conn)
		return
	}
	finish(conn)
	discard(conn, lingerTime)
}

// hold keeps a connection open until its client gives up.
func (*Server) hold(conn net.Conn) { discard(conn, maxHold) }

// discard reads and throws away until the client closes or d is over. The end of
// the server closes the connection and so ends this too.
func discard(conn net.Conn, d time.Duration) {
	if conn.SetReadDeadline(time.Now().Add(d)) == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// finish sends FIN.
func finish(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// abort closes with RST.
func abort(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}

package socketapi_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/socketapi"
)

var message = socketapi.Message{Data: "secret text", Topics: []string{"cpu"}}

// Everything that a cloud, or what stands in its place, can answer or leave
// out after it has read the message.
func TestVerdicts(t *testing.T) {
	type verdicts = []socketapi.Verdict
	one := func(v socketapi.Verdict) verdicts { return verdicts{v} }
	reset := func(answer string) func(*net.TCPConn, <-chan struct{}) {
		return func(conn *net.TCPConn, _ <-chan struct{}) {
			readMessage(conn)
			_, _ = io.WriteString(conn, answer)
			if answer != "" {
				time.Sleep(20 * time.Millisecond) // a reset at once would take the answer back
			}
			_ = conn.SetLinger(0)
		}
	}
	silentAfter := func(answer string) func(*net.TCPConn, <-chan struct{}) {
		return func(conn *net.TCPConn, done <-chan struct{}) {
			readMessage(conn)
			_, _ = io.WriteString(conn, answer)
			<-done
		}
	}
	for _, tt := range []struct {
		name   string
		handle func(*net.TCPConn, <-chan struct{})
		want   verdicts // Delivered: no error
		code   socketapi.Code
		text   string // part of the error
	}{
		{"taken", answering("[0,0]"), one(socketapi.Delivered), 0, ""},
		{"taken, newline", answering("[0,0]\n"), one(socketapi.Delivered), 0, ""},
		{"taken, spaces", answering(" [ 0, 0 ]"), one(socketapi.Delivered), 0, ""},
		{"taken, compact", answering("00"), one(socketapi.Delivered), 0, ""},
		{"taken, reset", reset("[0,0]"), one(socketapi.Delivered), 0, ""},
		{"taken, never closed", silentAfter("[0,0]"), one(socketapi.Delivered), 0, ""},
		{"taken, cut short", answering("[0,"), one(socketapi.Delivered), 0, ""},
		{"taken, cut short by reset", reset("[0,"), one(socketapi.Delivered), 0, ""},
		{"taken, cut short, never closed", silentAfter("[0,"), one(socketapi.Delivered), 0, ""},
		{"taken, byte by byte", func(conn *net.TCPConn, _ <-chan struct{}) {
			readMessage(conn)
			for _, b := range []byte("\r\n[ 0 , 0 ]") {
				_, _ = conn.Write([]byte{b})
				time.Sleep(5 * time.Millisecond)
			}
		}, one(socketapi.Delivered), 0, ""},
		{"taken, late", func(conn *net.TCPConn, _ <-chan struct{}) {
			readMessage(conn)
			time.Sleep(600 * time.Millisecond)
			_, _ = io.WriteString(conn, "[0,0]")
		}, one(socketapi.Delivered), 0, ""},

		{"code 1", answering("[1,0]"), one(socketapi.Unknown), 1, "code 1, connection closed"},
		{"code 2", answering("[2,0]"), one(socketapi.Refused), 2, "code 2, message could not be parsed"},
		{"code 3", answering("[3,0]"), one(socketapi.RefusedCredentials), 3, "code 3, credentials refused"},
		{"code 4", answering("[4,0]"), one(socketapi.Refused), 4, "code 4"},
		{"code 5", answering("[5,0]"), one(socketapi.Refused), 5, "code 5"},
		{"code 6", answering("[6,0]"), one(socketapi.Unknown), 6, "code 6"},
		{"code 7", answering("[7,0]"), one(socketapi.Refused), 7, "code 7"},
		{"code 8", answering("[8,0]"), one(socketapi.Refused), 8, "code 8"},
		{"code 9", answering("[9,0]"), one(socketapi.Unknown), 9, "unknown code 9"},
		{"code 42", answering("[42,0]"), one(socketapi.Unknown), 42, "unknown code 42"},
		{"code 3, compact", answering("30"), one(socketapi.RefusedCredentials), 3, "code 3"},
		{"code 3, reset", reset("[3,0]"), one(socketapi.RefusedCredentials), 3, "code 3"},
		{"code 3, never closed", silentAfter("[3,0]"), one(socketapi.RefusedCredentials), 3, "code 3"},
		{"code 2, cut short", answering("[2,"), one(socketapi.Unknown), 2, "cut short after 3 bytes"},
		{"cut short in the code", answering("[0"), one(socketapi.Unknown), socketapi.CodeNone, "cut short after 2 bytes"},
		{"cut short by reset", reset("[0"), one(socketapi.Unknown), socketapi.CodeNone, "cut short after 2 bytes"},

		{"closed", answering(""), one(socketapi.Unknown), socketapi.CodeNone, "closed without an answer"},
		{"reset", reset(""), one(socketapi.Unknown), socketapi.CodeNone, "none, all bytes acknowledged"},
		{"junk", answering("what?"), one(socketapi.Unknown), socketapi.CodeNone, `not understood, begins with 'w'`},
		{"junk without end", func(conn *net.TCPConn, _ <-chan struct{}) {
			readMessage(conn)
			for {
				if _, err := io.WriteString(conn, strings.Repeat(" ", 4096)); err != nil {
					return
				}
			}
		}, one(socketapi.Unknown), socketapi.CodeNone, "not understood"},
		{"echo", func(conn *net.TCPConn, _ <-chan struct{}) {
			_, _ = conn.Write(readMessage(conn))
		}, one(socketapi.Unknown), socketapi.CodeNone, "not understood, begins with '{'"},
		{"web server", answering("HTTP/1.1 400 Bad Request\r\n\r\n"), one(socketapi.Unknown), socketapi.CodeNone, "HTTP"},
		{"mail server", answering("220 mail.test ESMTP\r\n"), one(socketapi.Unknown), socketapi.CodeNone, "not understood"},
		{"silent", silentAfter(""), one(socketapi.Unknown), socketapi.CodeNone, "none"},

		// Whether our data arrives before or after the other side has closed
		// is a race; in no case may the message count as delivered or refused.
		{"closed without reading", func(*net.TCPConn, <-chan struct{}) {},
			verdicts{socketapi.Unknown, socketapi.NotDelivered}, socketapi.CodeNone, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, serve(t, tt.handle))
			c.AnswerTimeout = time.Second
			r, err := c.Send(t.Context(), message)
			require.True(t, r.Connected)
			require.Less(t, r.Duration, 4*time.Second)
			if tt.want[0] == socketapi.Delivered {
				require.NoError(t, err)
				require.Equal(t, socketapi.MessageSize(cred, socketapi.ShortNames, message), r.Written)
				require.NotZero(t, r.Read)
				return
			}
			e := apiError(t, err)
			require.Contains(t, tt.want, e.Verdict, err)
			require.Equal(t, tt.code, e.Code, err)
			require.ErrorContains(t, err, tt.text)
			require.LessOrEqual(t, r.Read, 64)
			if tt.name != "closed without reading" {
				require.True(t, e.Sent)
				require.Equal(t, socketapi.PhaseAnswer, e.Phase)
			}
			require.Equal(t, tt.name == "silent", e.Timeout())
			require.Equal(t, e.Verdict == socketapi.Unknown, e.MayDuplicate())
			require.False(t, e.NoRoute())
			require.False(t, e.Canceled())
			if tt.name == "silent" && runtime.GOOS == "linux" {
				require.Zero(t, e.Unacked)
			}
		})
	}
}

// The exact bytes, for both credentials, both sets of names, and SMS.
func TestBytesSent(t *testing.T) {
	sms := &socketapi.SMS{To: "+15125551212", Text: "a\r\n\r\nb"}
	for _, tt := range []struct {
		name  string
		cred  socketapi.Credentials
		names socketapi.FieldNames
		sms   *socketapi.SMS
		want  string
	}{
		{"device key, short", cred, socketapi.ShortNames, nil, `{"k":"k\"Y\\%$9z","d":"secret text","t":"cpu"}`},
		{"device key, full", cred, socketapi.FullNames, nil, `{"devicekey":"k\"Y\\%$9z","data":"secret text","tags":"cpu"}`},
		{"source, short", source, socketapi.ShortNames, nil, `{"s":"AB/D","c":"W\"YZ","d":"secret text","t":"cpu"}`},
		{"source, full", source, socketapi.FullNames, nil, `{"source":"AB/D","checksum":"W\"YZ","data":"secret text","tags":"cpu"}`},
		{"SMS, device key", cred, socketapi.ShortNames, sms, `Sk"Y\%$9z+15125551212 a` + "\nb"},
		{"SMS, source", source, socketapi.FullNames, sms, `SAB/DW"YZ+15125551212 a` + "\nb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 2)
			c := newClient(t, serve(t, func(conn *net.TCPConn, _ <-chan struct{}) {
				b := readMessage(conn)
				_, _ = io.WriteString(conn, map[bool]string{true: "00", false: "[0,0]"}[tt.sms != nil])
				rest, _ := io.ReadAll(conn)
				got <- string(b) + string(rest)
			}))
			c.Credentials, c.FieldNames = tt.cred, tt.names
			var err error
			if tt.sms != nil {
				_, err = c.SendSMS(t.Context(), *tt.sms)
			} else {
				_, err = c.Send(t.Context(), message)
			}
			require.NoError(t, err)
			require.Equal(t, tt.want+"\n\n", <-got)
			require.Empty(t, got, "one connection only")
		})
	}
}

// A message leaves in one write: what follows the first read by the server's
// kernel would be a segment more.
func TestOneWrite(t *testing.T) {
	n := &fakeNet{}
	var conns []*countingConn
	c := newClient(t, "192.0.2.1:9999")
	c.Dial = func(ctx context.Context, network, address string) (socketapi.Conn, error) {
		conn, err := n.Dial(ctx, network, address)
		conns = append(conns, &countingConn{Conn: conn})
		return conns[0], err
	}
	_, err := c.Send(t.Context(), message)
	require.NoError(t, err)
	require.Len(t, conns, 1)
	require.Equal(t, 1, conns[0].writes)
	require.True(t, conns[0].closed)
}

type countingConn struct {
	socketapi.Conn

	writes int
	closed bool
}

func (c *countingConn) Write(b []byte) (int, error) { c.writes++; return c.Conn.Write(b) }
func (c *countingConn) Close() error                { c.closed = true; return c.Conn.Close() }

// How the connection ends, as the server sees it. See also TestCancel,
// TestLateAnswerCanceled and TestLocalAddressGone.
func TestClose(t *testing.T) {
	for _, tt := range []struct {
		name     string
		graceful bool
		answer   string
		want     error // what the server reads at the end; io.EOF is FIN
	}{
		{"delivered", false, "[0,0]", syscall.ECONNRESET},
		{"delivered, graceful", true, "[0,0]", io.EOF},
		{"refused, graceful", true, "[2,0]", syscall.ECONNRESET},
		{"junk, graceful", true, "junk", syscall.ECONNRESET},
		{"timeout, graceful", true, "", syscall.ECONNRESET},
		{"cut short, graceful", true, "[3,", syscall.ECONNRESET},
		{"web server, graceful", true, "HTTP/1.1 400 Bad Request\r\n\r\n", syscall.ECONNRESET},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" {
				t.Skip("the error of a reset is another one")
			}
			end := make(chan error, 1)
			c := newClient(t, serve(t, func(conn *net.TCPConn, _ <-chan struct{}) {
				readMessage(conn)
				_, _ = io.WriteString(conn, tt.answer)
				_, err := conn.Read(make([]byte, 1))
				end <- err
			}))
			c.GracefulClose = tt.graceful
			c.AnswerTimeout = 300 * time.Millisecond
			_, _ = c.Send(t.Context(), message)
			require.ErrorIs(t, <-end, tt.want)
		})
	}
}

func TestConnectFailures(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		c := newClient(t, deadAddress(t))
		r, err := c.Send(t.Context(), message)
		e := apiError(t, err)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.Equal(t, socketapi.NotDelivered, e.Verdict)
		require.Equal(t, socketapi.PhaseConnect, e.Phase)
		require.False(t, e.Sent)
		require.False(t, e.NoRoute())
		require.False(t, e.Timeout())
		require.Equal(t, socketapi.UnackedUnknown, e.Unacked)
		require.False(t, r.Connected)
	})
	t.Run("timeout", func(t *testing.T) {
		c := newClient(t, "192.0.2.1:9999")
		c.ConnectTimeout = 20 * time.Millisecond
		c.Dial = func(ctx context.Context, network, address string) (socketapi.Conn, error) {
			<-ctx.Done() // a network that swallows everything
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		}
		_, err := c.Send(t.Context(), message)
		e := apiError(t, err)
		require.True(t, e.Timeout(), err)
		require.Equal(t, socketapi.NotDelivered, e.Verdict)
		require.Equal(t, socketapi.PhaseConnect, e.Phase)
	})
	for _, errno := range []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL} {
		t.Run(errno.Error(), func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("has error numbers of its own")
			}
			n := &fakeNet{}
			n.set("192.0.2.1", errno)
			c := newClient(t, "192.0.2.1:9999")
			c.Dial = n.Dial
			_, err := c.Send(t.Context(), message)
			e := apiError(t, err)
			require.True(t, e.NoRoute())
			require.Equal(t, socketapi.NotDelivered, e.Verdict)
			require.False(t, e.Sent)
		})
	}
}

// A message that does not fit into the buffers of a server that does not read.
func TestWriteFails(t *testing.T) {
	big := socketapi.Message{Data: strings.Repeat("secret text.", 1<<20)}
	gaveUp, end := make(chan struct{}), make(chan error, 1)
	c := newClient(t, serve(t, func(conn *net.TCPConn, _ <-chan struct{}) {
		_ = conn.SetReadBuffer(4096)
		<-gaveUp
		_, err := io.Copy(io.Discard, conn)
		end <- err
	}))
	c.AnswerTimeout = 200 * time.Millisecond
	r, err := c.Send(t.Context(), big)
	close(gaveUp)
	if err := <-end; runtime.GOOS != "windows" {
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	e := apiError(t, err)
	require.Equal(t, socketapi.PhaseWrite, e.Phase)
	require.Equal(t, socketapi.Unknown, e.Verdict)
	require.True(t, e.Sent)
	require.True(t, e.Timeout())
	require.NotZero(t, r.Written)
	require.Less(t, r.Written, socketapi.MessageSize(cred, socketapi.ShortNames, big))
}

func TestWriteOfNothing(t *testing.T) {
	c := newClient(t, "192.0.2.1:9999")
	c.Dial = func(context.Context, string, string) (socketapi.Conn, error) { return brokenConn{}, nil }
	_, err := c.Send(t.Context(), message)
	e := apiError(t, err)
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, socketapi.PhaseWrite, e.Phase)
	require.Equal(t, socketapi.NotDelivered, e.Verdict)
	require.False(t, e.Sent)
}

// brokenConn takes nothing and gives nothing.
type brokenConn struct{}

func (brokenConn) Write([]byte) (int, error)   { return 0, errBroken }
func (brokenConn) Read([]byte) (int, error)    { return 0, errBroken }
func (brokenConn) Close() error                { return nil }
func (brokenConn) SetDeadline(time.Time) error { return nil }

// The context ends every wait at once, and the connection with it.
func TestCancel(t *testing.T) {
	cause := errors.New("the user wants it")
	canceled := func(t *testing.T, c *socketapi.Client) *socketapi.Error {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		start := time.Now()
		_, err := c.Send(ctx, message)
		require.Less(t, time.Since(start), time.Second)
		require.ErrorIs(t, err, cause)
		e := apiError(t, err)
		require.True(t, e.Canceled())
		require.False(t, e.Timeout())
		return e
	}
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		_, err := newClient(t, "192.0.2.1:9999").Send(ctx, message)
		require.ErrorIs(t, err, cause)
		require.Equal(t, socketapi.PhaseBuild, apiError(t, err).Phase)
	})
	t.Run("resolve", func(t *testing.T) {
		c := newClient(t, "cloud.test:9999")
		c.Resolver = &fakeDNS{block: make(chan struct{})}
		e := canceled(t, c)
		require.Equal(t, socketapi.PhaseResolve, e.Phase)
		require.Equal(t, socketapi.NotDelivered, e.Verdict)
	})
	t.Run("connect", func(t *testing.T) {
		c := newClient(t, "192.0.2.1:9999")
		c.Dial = func(ctx context.Context, _, _ string) (socketapi.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		e := canceled(t, c)
		require.Equal(t, socketapi.PhaseConnect, e.Phase)
		require.Equal(t, socketapi.NotDelivered, e.Verdict)
	})
	t.Run("write", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		c := newClient(t, serve(t, func(conn *net.TCPConn, done <-chan struct{}) {
			_ = conn.SetReadBuffer(4096)
			time.Sleep(100 * time.Millisecond)
			cancel(cause)
			<-done
		}))
		_, err := c.Send(ctx, socketapi.Message{Data: strings.Repeat("x", 12<<20)})
		e := apiError(t, err)
		require.ErrorIs(t, err, cause)
		require.Equal(t, socketapi.PhaseWrite, e.Phase)
		require.Equal(t, socketapi.Unknown, e.Verdict)
		require.True(t, e.Canceled())
		require.False(t, e.Timeout())
	})
	t.Run("answer", func(t *testing.T) {
		end := make(chan error, 1)
		c := newClient(t, serve(t, func(conn *net.TCPConn, _ <-chan struct{}) {
			readMessage(conn)
			_, err := conn.Read(make([]byte, 1))
			end <- err
		}))
		e := canceled(t, c)
		require.Equal(t, socketapi.PhaseAnswer, e.Phase)
		require.Equal(t, socketapi.Unknown, e.Verdict)
		require.True(t, e.Sent)
		if err := <-end; runtime.GOOS != "windows" {
			require.ErrorIs(t, err, syscall.ECONNRESET)
		}
	})
	t.Run("after the answer", func(t *testing.T) {
		c := newClient(t, serve(t, func(conn *net.TCPConn, done <-chan struct{}) {
			readMessage(conn)
			_, _ = io.WriteString(conn, "[0,0]")
			<-done
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := c.Send(ctx, message)
		require.NoError(t, err, "the message is delivered all the same")
		require.Less(t, time.Since(start), 200*time.Millisecond)
	})
}

// Nothing is dialled for what cannot be sent.
func TestBuildErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*socketapi.Client)
		msg    socketapi.Message
		want   socketapi.Verdict
	}{
		{"topic", func(*socketapi.Client) {}, socketapi.Message{Topics: []string{"_x"}}, socketapi.Refused},
		{"data", func(*socketapi.Client) {}, socketapi.Message{Data: "secret text\xff"}, socketapi.Refused},
		{"credentials", func(c *socketapi.Client) { c.Credentials.SourceID = "ABCD" }, message, socketapi.RefusedCredentials},
		{"no port", func(c *socketapi.Client) { c.Address = "192.0.2.1" }, message, socketapi.NotDelivered},
		{"no host", func(c *socketapi.Client) { c.Address = ":9999" }, message, socketapi.NotDelivered},
		{"port zero", func(c *socketapi.Client) { c.Address = "192.0.2.1:0" }, message, socketapi.NotDelivered},
		{"port name", func(c *socketapi.Client) { c.Address = "192.0.2.1:http" }, message, socketapi.NotDelivered},
		{"closed", func(c *socketapi.Client) { _ = c.Close() }, message, socketapi.NotDelivered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &fakeNet{}
			c := newClient(t, "192.0.2.1:9999")
			c.Dial = n.Dial
			require.NoError(t, c.Validate())
			tt.change(c)
			r, err := c.Send(t.Context(), tt.msg)
			e := apiError(t, err)
			require.Equal(t, tt.want, e.Verdict)
			require.Equal(t, socketapi.PhaseBuild, e.Phase)
			require.False(t, e.Sent)
			require.Zero(t, r)
			require.Empty(t, n.tried())
			if tt.want != socketapi.Refused && tt.name != "closed" {
				require.Error(t, c.Validate())
			}
		})
	}
	_, err := newClient(t, "").SendSMS(t.Context(), socketapi.SMS{To: "5", Text: "secret text"})
	require.Equal(t, socketapi.Refused, apiError(t, err).Verdict)
}

func TestConcurrentSends(t *testing.T) {
	c := newClient(t, serve(t, answering("[0,0]")))
	errs := make(chan error)
	const n = 20
	for range n {
		go func() {
			_, err := c.Send(t.Context(), message)
			errs <- err
		}()
	}
	for range n {
		require.NoError(t, <-errs)
	}
}

// A server that reads nothing and closes while the message is still coming in:
// its system has taken a part, so that the fate of the message is not certain.
func TestClosedWhileReceiving(t *testing.T) {
	c := newClient(t, serve(t, func(conn *net.TCPConn, _ <-chan struct{}) {
		_ = conn.SetReadBuffer(4096)
		time.Sleep(100 * time.Millisecond)
		_ = conn.CloseWrite()
		time.Sleep(50 * time.Millisecond)
	}))
	_, err := c.Send(t.Context(), socketapi.Message{Data: strings.Repeat("x", 512<<10)})
	e := apiError(t, err)
	require.Equal(t, socketapi.Unknown, e.Verdict)
	require.True(t, e.Sent)
	if runtime.GOOS == "linux" {
		require.Positive(t, e.Unacked)
	}
}

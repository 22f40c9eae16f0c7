package socketapi_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/socketapi"
)

// replyLate returns a handler that answers after a while, in pieces.
func replyLate(after time.Duration, pieces ...string) func(*net.TCPConn, <-chan struct{}) {
	return func(conn *net.TCPConn, _ <-chan struct{}) {
		readMessage(conn)
		for _, p := range pieces {
			time.Sleep(after)
			_, _ = io.WriteString(conn, p)
		}
	}
}

func onlyLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell what is acknowledged")
	}
}

func TestLateAnswer(t *testing.T) {
	onlyLinux(t)
	const limit = 200 * time.Millisecond
	for _, tt := range []struct {
		name   string
		handle func(*net.TCPConn, <-chan struct{})
		late   time.Duration
		want   socketapi.Verdict
		code   socketapi.Code
		isLate bool
		waited time.Duration // at least
		text   string
	}{
		{"in time", replyLate(limit/4, "[0,0]"), time.Minute, socketapi.Delivered, 0, false, 0, ""},
		{"late", replyLate(2*limit, "[0,0]"), time.Minute, socketapi.Delivered, 0, true, limit, ""},
		{"late, in pieces", replyLate(2*limit, "[", "0", ",0]"), time.Minute, socketapi.Delivered, 0, true, limit, ""},
		{"late refusal", replyLate(2*limit, "[3,0]"), time.Minute, socketapi.RefusedCredentials, 3, true, limit / 2, "code 3"},
		{"late close", replyLate(2*limit, ""), time.Minute, socketapi.Unknown, -1, false, limit / 2, "closed without an answer"},
		{"late reset", func(conn *net.TCPConn, _ <-chan struct{}) {
			readMessage(conn)
			time.Sleep(2 * limit)
			_ = conn.SetLinger(0)
		}, time.Minute, socketapi.Unknown, -1, false, limit / 2, "all bytes acknowledged: "},
		{"too late", replyLate(10*limit, "[0,0]"), 2 * limit, socketapi.Unknown, -1, false, 2*limit - limit/10, "none after 400ms more, all bytes acknowledged"},
		{"not waited for", replyLate(2*limit, "[0,0]"), -1, socketapi.Unknown, -1, false, 0, "none, all bytes acknowledged"},
		// A cut answer is not waited for: what comes of it is known.
		{"cut short", replyLate(3*limit/4, "[", "0,0]"), time.Minute, socketapi.Unknown, -1, false, 0, "cut short after 1 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, serve(t, tt.handle))
			c.AnswerTimeout, c.LateAnswer = limit, tt.late
			r, err := c.Send(t.Context(), message)
			require.Equal(t, tt.isLate, r.Late)
			if tt.want == socketapi.Delivered {
				require.NoError(t, err)
				return
			}
			e := apiError(t, err)
			require.Equal(t, tt.want, e.Verdict)
			require.Equal(t, tt.code, e.Code)
			require.ErrorContains(t, err, tt.text)
			require.GreaterOrEqual(t, e.Waited, tt.waited)
			require.Less(t, e.Waited, tt.waited+2*time.Second)
			if tt.waited == 0 {
				require.Zero(t, e.Waited)
			}
		})
	}
}

func TestLateAnswerCanceled(t *testing.T) {
	onlyLinux(t)
	end := make(chan error, 1)
	c := newClient(t, serve(t, func(conn *net.TCPConn, _ <-chan struct{}) {
		readMessage(conn)
		_, err := conn.Read(make([]byte, 1))
		end <- err
	}))
	c.AnswerTimeout, c.LateAnswer = 100*time.Millisecond, time.Minute
	cause := errors.New("the user wants it")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
	start := time.Now()
	_, err := c.Send(ctx, message)
	require.Less(t, time.Since(start), time.Second)
	require.ErrorIs(t, err, cause)
	e := apiError(t, err)
	require.True(t, e.Canceled())
	require.Equal(t, socketapi.Unknown, e.Verdict)
	require.GreaterOrEqual(t, e.Waited, 100*time.Millisecond)
	require.ErrorIs(t, <-end, syscall.ECONNRESET)
}

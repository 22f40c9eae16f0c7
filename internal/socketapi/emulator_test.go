package socketapi_test

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/socketapi"
)

// In every way of failing that the emulated cloud knows: the verdict, whether
// it is true, and what the try has cost on the wire.
func TestEmulatedFailures(t *testing.T) {
	const (
		delivered = socketapi.Delivered
		unknown   = socketapi.Unknown
		refused   = socketapi.Refused
		none      = socketapi.CodeNone
		answer    = socketapi.PhaseAnswer
		inTime    = 300 * time.Millisecond
		late      = 700 * time.Millisecond
	)
	tests := []struct {
		fault string
		want  socketapi.Verdict
		phase socketapi.Phase // unless delivered
		code  socketapi.Code
		taken int64 // by the emulator
		late  bool  // there is reason to wait longer than the client's AnswerTimeout
	}{
		{"ok", delivered, 0, 0, 1, false},
		{"refuse", socketapi.NotDelivered, socketapi.PhaseConnect, none, 0, false},
		{"accept-close", unknown, answer, none, 0, false},
		{"close-unread", unknown, answer, none, 0, false},
		{"idle-limit", delivered, 0, 0, 1, false},
		{"never-answer", unknown, answer, none, 1, true},
		{"never-answer-taken", unknown, answer, none, 1, true},
		{"never-answer-lost", unknown, answer, none, 0, true},
		{"close-without-answer", unknown, answer, none, 0, false},
		{"close-without-answer-taken", unknown, answer, none, 1, false},
		{"close-without-answer-lost", unknown, answer, none, 0, false},
		{"reset", unknown, answer, none, 0, false},
		{"reset-taken", unknown, answer, none, 1, false},
		{"reset-lost", unknown, answer, none, 0, false},
		{"partial-answer", delivered, 0, 0, 1, false},
		{"partial-answer-reset", delivered, 0, 0, 1, false},
		{"answer-reset", delivered, 0, 0, 1, false},
		{"late-answer=600ms", delivered, 0, 0, 1, true},
		{"late-answer=8s", unknown, answer, none, 1, true},
		{"slow=20ms", delivered, 0, 0, 1, false},
		{"junk", unknown, answer, none, 0, false},
		{"junk-taken", unknown, answer, none, 1, false},
		{"junk-lost", unknown, answer, none, 0, false},
		{"code-1", unknown, answer, 1, 0, false},
		{"code-1-taken", unknown, answer, 1, 1, false},
		{"code-1-lost", unknown, answer, 1, 0, false},
		{"code-2", refused, answer, 2, 0, false},
		{"code-3", socketapi.RefusedCredentials, answer, 3, 0, false},
		{"code-4", refused, answer, 4, 0, false},
		{"code-5", refused, answer, 5, 0, false},
		{"code-6", unknown, answer, 6, 0, false},
		{"code-6-taken", unknown, answer, 6, 1, false},
		{"code-6-lost", unknown, answer, 6, 0, false},
		{"code-7", refused, answer, 7, 0, false},
		{"code-8", refused, answer, 8, 0, false},
		{"code-9", unknown, answer, 9, 0, false},
	}

	tested := make(map[string]bool)
	rows := make([]string, len(tests))
	t.Run("all", func(t *testing.T) {
		for i, tt := range tests {
			name, _, _ := strings.Cut(tt.fault, "=")
			tested[name] = true
			t.Run(tt.fault, func(t *testing.T) {
				t.Parallel()
				faults, err := emulator.ParseFaults(tt.fault)
				require.NoError(t, err)
				cloud, err := emulator.Start(t.Context(), emulator.Config{DeviceKeys: []string{key}, Faults: faults})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, cloud.Close()) })
				if tt.fault == "refuse" {
					eventuallyRefuses(t, cloud.Addr().String())
				}
				c := newClient(t, cloud.Addr().String())
				c.AnswerTimeout, c.LateAnswer = inTime, late
				waits := tt.late && runtime.GOOS == "linux"
				want := tt.want
				if tt.late && !waits {
					want = unknown
				}

				r, err := c.Send(t.Context(), message)
				e := &socketapi.Error{Verdict: delivered}
				phase, code := "-", "-"
				if err != nil {
					e = apiError(t, err)
					phase = e.Phase.String()
					require.Equal(t, tt.phase, e.Phase)
					require.Equal(t, tt.code, e.Code)
					require.Equal(t, waits, e.Waited > 0)
				} else {
					require.Equal(t, waits, r.Late)
				}
				if e.Code > 0 {
					code = strconv.Itoa(int(e.Code))
				}
				taken := taken(cloud)
				require.Equal(t, want, e.Verdict)
				require.Equal(t, tt.taken, taken)
				require.Positive(t, r.Sent)
				require.Positive(t, r.Received)
				rows[i] = fmt.Sprintf("%-28s %-20s %-8s %4s %7d %9d %6.1f %6d %6d", tt.fault, e.Verdict, phase, code,
					r.Sent, r.Received, r.Duration.Seconds(), tt.taken, cloud.Counters().Connections)

				// An SMS has an answer of its own, of which less is left when it is cut short.
				_, err = c.SendSMS(t.Context(), socketapi.SMS{To: "+15125551212", Text: "secret text"})
				verdict := delivered
				if err != nil {
					verdict = apiError(t, err).Verdict
				}
				require.True(t, verdict == want || verdict == unknown, verdict)
			})
		}
	})
	t.Logf("a message of %d bytes, %v for the answer and %v for a late one:\n%-28s %-20s %-8s %4s %7s %9s %6s %6s %6s\n%s",
		socketapi.MessageSize(cred, socketapi.ShortNames, message), inTime, late,
		"fault", "verdict", "phase", "code", "sent", "received", "s", "taken", "conns", strings.Join(rows, "\n"))
	for _, mode := range emulator.Modes() {
		require.Contains(t, tested, mode)
	}
}

// eventuallyRefuses waits until the emulator has closed its listener.
func eventuallyRefuses(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp4", address)
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}, 5*time.Second, 5*time.Millisecond)
}

// taken is how many messages and SMS the cloud has taken.
func taken(cloud *emulator.Server) int64 {
	c := cloud.Counters()
	return c.Messages + c.SMS
}

// TestSMSBefore shows when Before is called, and that its error keeps the SMS from
// going.
func TestSMSBefore(t *testing.T) {
	srv, err := emulator.Start(t.Context(), emulator.Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, srv.Close()) }()
	c := &socketapi.Client{Address: srv.Addr().String(), Credentials: socketapi.Credentials{DeviceKey: "ABCDWXYZ"}}
	defer func() { require.NoError(t, c.Close()) }()
	errBefore := errors.New("the disk is full")
	calls := 0
	sms := socketapi.SMS{To: "+15125551212", Text: "secret text", Before: func() error {
		calls++
		return errBefore
	}}
	receipt, err := c.SendSMS(t.Context(), sms)
	require.ErrorIs(t, err, errBefore)
	var failure *socketapi.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, socketapi.NotDelivered, failure.Verdict)
	require.Zero(t, receipt.Written)
	require.Positive(t, receipt.Sent, "the connection has its price")
	require.Equal(t, 1, calls)

	sms.Before = func() error {
		require.Empty(t, srv.Events())
		return nil
	}
	_, err = c.SendSMS(t.Context(), sms)
	require.NoError(t, err)
	require.Len(t, srv.Events(), 1)

	c.Address = "127.0.0.1:1"
	sms.Before = func() error {
		t.Error("called without a connection")
		return nil
	}
	_, err = c.SendSMS(t.Context(), sms)
	require.Error(t, err)
}

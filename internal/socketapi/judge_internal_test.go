package socketapi

import (
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The outcomes that two ends on one machine cannot bring about: there all data
// is acknowledged at once.
func TestJudge(t *testing.T) {
	nothing := func(err error) answer { return answer{code: CodeNone, err: err} }
	for _, tt := range []struct {
		name string
		o    outcome
		want Verdict
		text string
	}{
		{"FIN that acknowledges nothing", outcome{written: 100, size: 100, unacked: 100, answer: nothing(io.EOF)},
			NotDelivered, "answer: closed before any of 100 bytes arrived: EOF"},
		{"FIN that acknowledges a part", outcome{written: 100, size: 100, unacked: 99, answer: nothing(io.EOF)},
			Unknown, "answer: closed without an answer: EOF (the message may have been delivered)"},
		{"FIN, not known what is acknowledged", outcome{written: 100, size: 100, unacked: UnackedUnknown, answer: nothing(io.EOF)},
			Unknown, "answer: closed without an answer: EOF (the message may have been delivered)"},
		{"reset, nothing acknowledged", outcome{written: 100, size: 100, unacked: 100, answer: nothing(syscall.ECONNRESET)},
			Unknown, "answer: none, 100 of 100 bytes not acknowledged: " + syscall.ECONNRESET.Error() + " (the message may have been delivered)"},
		{"timeout, nothing acknowledged", outcome{written: 100, size: 100, unacked: 100, answer: nothing(os.ErrDeadlineExceeded)},
			Unknown, "answer: none, 100 of 100 bytes not acknowledged: i/o timeout (the message may have been delivered)"},
		{"taken, though not all was written", outcome{written: 50, size: 100, writeErr: syscall.EPIPE,
			answer: answer{n: 5, code: CodeOK, state: answerComplete, err: io.EOF}},
			Unknown, "answer: cloud answers code 0, message taken (the message may have been delivered)"},
		{"refused while writing", outcome{written: 50, size: 100, writeErr: syscall.EPIPE,
			answer: answer{n: 5, code: CodeInvalidAuth, state: answerComplete, err: io.EOF}},
			RefusedCredentials, "answer: cloud answers code 3, credentials refused"},
		{"a part written", outcome{written: 50, size: 100, writeErr: syscall.EPIPE, answer: nothing(io.EOF)},
			Unknown, "write: 50 of 100 bytes: " + syscall.EPIPE.Error() + " (the message may have been delivered)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := judge(t.Context(), tt.o)
			require.Equal(t, tt.want, e.Verdict)
			require.EqualError(t, e, tt.text)
		})
	}
}

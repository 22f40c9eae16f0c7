package socketapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseAnswer(t *testing.T) {
	for _, tt := range []struct {
		in    string
		code  Code
		state answerState
	}{
		{"", CodeNone, answerPartial},
		{" \r\n", CodeNone, answerPartial},
		{"[", CodeNone, answerPartial},
		{"[ ", CodeNone, answerPartial},
		{"[0", CodeNone, answerPartial},
		{"[3 ", CodeNone, answerPartial},
		{"[0,", CodeOK, answerTaken},
		{"[ 0 , ", CodeOK, answerTaken},
		{"[0,0", CodeOK, answerTaken},
		{"[0,x", CodeOK, answerTaken},
		{"[0,0]", CodeOK, answerComplete},
		{"[0,0]\n", CodeOK, answerComplete},
		{"[0,0][3,0]", CodeOK, answerComplete},
		{"\n[ 0 ,\t0 ]\r\n", CodeOK, answerComplete},
		{"[3,", 3, answerPartial},
		{"[3,0", 3, answerPartial},
		{"[3,0]", 3, answerComplete},
		{"[3,x", CodeNone, answerJunk},
		{"[3]", CodeNone, answerJunk},
		{"[3 4", CodeNone, answerJunk},
		{"[42,7]", 42, answerComplete},
		{"[123456789,0]", 123456789, answerComplete},
		{"[1234567890,0]", CodeNone, answerJunk},
		{"[00", CodeNone, answerJunk},
		{"[01,0]", CodeNone, answerJunk},
		{"[-1,0]", CodeNone, answerJunk},
		{"[0.5,0]", CodeNone, answerJunk},
		{"[,0]", CodeNone, answerJunk},
		{"[]", CodeNone, answerJunk},
		{"0", CodeOK, answerTaken},
		{"00", CodeOK, answerComplete},
		{"00\r\n", CodeOK, answerComplete},
		{"30", CodeInvalidAuth, answerComplete},
		{"3", CodeNone, answerPartial},
		{"220 mail.test ESMTP", CodeNone, answerJunk},
		{"0 errors", CodeNone, answerJunk},
		{"000", CodeNone, answerJunk},
		{"HTTP/1.1 400 Bad Request", CodeNone, answerJunk},
		{"{\"k\":", CodeNone, answerJunk},
		{"\x00", CodeNone, answerJunk},
	} {
		code, state := parseAnswer([]byte(tt.in))
		require.Equal(t, tt.code, code, "%q", tt.in)
		require.Equal(t, tt.state, state, "%q", tt.in)
	}
}

// However an answer is cut into reads, the verdict must not depend on it:
// junk stays junk, a whole array and a code stay what they are.
func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{"", "[0,0]", "[3,0]", " [ 0 , 0 ] ", "[0,", "00", "0", "[12,3]x", "220 x", "[00,0]", "[999999999,1]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		wasCode := CodeNone
		was := answerPartial
		for i := range len(b) + 1 {
			code, state := parseAnswer(b[:i])
			require.GreaterOrEqual(t, code, CodeNone)
			switch was {
			case answerJunk:
				require.Equal(t, answerJunk, state)
			case answerTaken, answerComplete:
				array := len(skipSpace(b)) > 0 && skipSpace(b)[0] == '['
				if array {
					require.GreaterOrEqual(t, state, was)
					require.NotEqual(t, answerJunk, state)
				}
				if state != answerJunk {
					require.Equal(t, wasCode, code)
				}
			case answerPartial:
				if wasCode != CodeNone && state != answerJunk {
					require.Equal(t, wasCode, code)
				}
			}
			switch state {
			case answerTaken:
				require.Equal(t, CodeOK, code)
			case answerComplete:
				require.NotEqual(t, CodeNone, code)
			case answerJunk:
				require.Equal(t, CodeNone, code)
			case answerPartial:
			}
			was, wasCode = state, code
		}
	})
}

func TestVerdictOfCode(t *testing.T) {
	want := map[Code]Verdict{
		CodeNone: Unknown, CodeOK: Delivered, CodeClosedEarly: Unknown, CodeInvalidMessage: Refused,
		CodeInvalidAuth: RefusedCredentials, CodeInvalidPayload: Refused, CodeInvalidProtocol: Refused,
		CodeInternal: Unknown, CodeInvalidMetadata: Refused, CodeInvalidTopic: Refused, 9: Unknown, 42: Unknown,
	}
	for code, v := range want {
		require.Equal(t, v, code.verdict(), code.String())
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "credentials refused", CodeInvalidAuth.String())
	require.Equal(t, "unknown code 42", Code(42).String())
	require.Equal(t, "no code", CodeNone.String())
	require.Equal(t, "not delivered", NotDelivered.String())
	require.Equal(t, "invalid verdict", Verdict(9).String())
	require.Equal(t, "answer", PhaseAnswer.String())
	require.Equal(t, "invalid phase", Phase(-1).String())
	require.Equal(t, "short", ShortNames.String())
	require.Equal(t, "full", FullNames.String())
}

package at

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func assemble(wants bool, limit int, chunks ...string) *sinkRecorder {
	s := &sinkRecorder{wants: wants}
	a := assembler{max: limit}
	for _, c := range chunks {
		a.feed([]byte(c), s)
	}
	return s
}

func TestAssembler(t *testing.T) {
	for _, c := range []struct {
		text    string
		wants   bool
		lines   []string
		prompts int
		noise   int
	}{
		{text: "\r\nOK\r\n", lines: []string{"OK"}},
		{text: "a\rb\nc\n\rd\r\r\ne", lines: []string{"a", "b", "c", "d"}},
		{text: "  a b \t\r", lines: []string{"a b"}},
		{text: "\x00a\x00b\x7F\r", lines: []string{"ab"}, noise: 3},
		{text: "\xFF\xFEa\xC3\xA9\r", lines: []string{"a\xC3\xA9"}, noise: 2},
		{text: "0123456789\r", lines: []string{"0123456789"}},
		{text: "0123456789a\rb\r", lines: []string{"b"}, noise: 11},
		{text: "0123456789abcdef", noise: 0},
		{text: "\r\n> ", wants: true, prompts: 1},
		{text: ">OK\r\n>\r\n", wants: true, lines: []string{"OK", ">"}, prompts: 1},
		{text: "a>\r", wants: true, lines: []string{"a>"}},
		{text: "07\x1A\r\x1B\r", lines: []string{"07"}},
	} {
		s := assemble(c.wants, 10, c.text)
		require.Equal(t, c.lines, s.lines, "%q", c.text)
		require.Equal(t, c.prompts, s.prompts, "%q", c.text)
		require.Equal(t, c.noise, s.noisy, "%q", c.text)
	}
}

// However a stream is cut, the lines are the same, within their bounds, and no
// byte is lost that is not counted.
func FuzzAssembler(f *testing.F) {
	f.Add([]byte("\r\n+CMTI: \"SM\",1\r\n\r\n> "), true, 7)
	f.Add([]byte("\x00\xFF+CMT: ,30\r\n0011\r\nOK\r\n"), false, 1)
	f.Add([]byte(strings.Repeat("x", 100)+"\rOK\r"), false, 64)
	f.Fuzz(func(t *testing.T, stream []byte, wants bool, cut int) {
		const limit = 64
		whole := assemble(wants, limit, string(stream))
		cut = max(0, min(cut, len(stream)))
		require.Equal(t, whole.order.String(), assemble(wants, limit, string(stream[:cut]), string(stream[cut:])).order.String())
		size := 0
		for _, l := range whole.lines {
			require.NotEmpty(t, l)
			require.LessOrEqual(t, len(l), limit)
			require.Equal(t, strings.Trim(l, " \t"), l)
			require.NoError(t, checkText(strings.ReplaceAll(l, "\t", " ")))
			size += len(l)
		}
		require.LessOrEqual(t, size+whole.noisy+whole.prompts, len(stream))
	})
}

// Whatever a modem says, a command ends and the next one works.
func FuzzDriver(f *testing.F) {
	f.Add("AT+CMGL=4", []byte("\r\n+CMGL: 1,0,,24\r\n0011\r\n+CMT: ,30\r\n0011\r\nOK\r\n"))
	f.Add("AT+CREG?", []byte("+CREG: 1\r+CREG: 0,1\r+CMS ERROR: 321\r"))
	f.Add("ATI", []byte("> \r\n+CME ERROR\r\nNO CARRIER\r\n"))
	f.Fuzz(func(t *testing.T, cmd string, answer []byte) {
		if check(cmd) != nil || cmd == "AT" || cmd == "AT+CMEE?" {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			near, far := newFake(t)
			first := true
			far.answers(func(line string) string {
				if line == "AT+CSQ" && !first {
					return lines("+CSQ: 20,99", "OK")
				}
				first = false
				_, _ = io.Copy(far.conn, bytes.NewReader(answer))
				return ""
			})
			d := New(near, Options{URCs: 4})
			_, _ = d.Command(t.Context(), cmd)
			first = false
			// What was left unfinished, as a line without its end, is noise.
			_, _ = d.Command(t.Context(), "ATE0", Timeout(1))
			got, err := d.Command(t.Context(), "AT+CSQ")
			require.NoError(t, err)
			require.Equal(t, []string{"+CSQ: 20,99"}, got)
			require.NoError(t, d.Close())
			far.end()
		})
	})
}

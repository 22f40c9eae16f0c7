package modem

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// elsewhere is a modem with a control socket.
func elsewhere(t *testing.T) (*Modem, string) {
	t.Helper()
	path := link(t)
	m := start(t, Config{Link: path})
	control, err := Listen(t.Context(), m, ControlPath(path))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, control.Close()) })
	return m, path
}

func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Command(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	m, path := elsewhere(t)
	ok := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := call(t, append([]string{args[0], "--modem", path}, args[1:]...)...)
		require.Zero(t, code, stderr)
		return strings.TrimSpace(stdout)
	}
	require.Equal(t, "1 SMS", ok("send-sms", "--from", "+15550123", "hello"))
	require.Equal(t, "2 SMS", ok("send-sms", "--encoding", "ucs2", "--ref16", "--class", "1", "--time", "2026-08-01T12:00:00-03:00", strings.Repeat("a", 100)))
	require.Equal(t, "1 SMS", ok("send-sms", "--pdu", "0004038121F30000622113251515000161"))
	s := m.Status()
	require.Equal(t, 4, s.Received)
	var shown Status
	require.NoError(t, json.Unmarshal([]byte(ok("status")), &shown))
	require.Equal(t, s, shown)
	require.Equal(t, "25 messages", ok("fill", "--store", "SM", "--free", "3"))
	ok("clear")
	require.Zero(t, m.Status().Stores[0].Used)
	ok("freeze")
	require.True(t, m.Status().Frozen)
	ok("unfreeze")
	ok("reset")
	ok("unplug")
	require.Empty(t, m.Port())
	ok("replug")
	ok("register", "2")
	require.Equal(t, 2, m.Status().Registration)
	ok("register", "1")
	ok("signal", "31")
	c := connect(t, m)
	c.do("ATE0")
	require.Equal(t, "+CSQ: 31,99", c.ask("AT+CSQ"))
	ok("noise", "0d0a2b435a3a20310d0a")
	require.Equal(t, "+CZ: 1", c.urc())
	ok("urc", "+CX: 1")
	require.Equal(t, "+CX: 1", c.urc())
	ok("urc", "--in-answer", "+CY: 1")
	require.Equal(t, "+CSQ: 31,99", c.ask("AT+CSQ"))
	require.Equal(t, "+CY: 1", c.urc())
	_, err := c.Prompt(t.Context(), "AT+CMGS=14", "0001000B915121551000F100000161"[:30])
	require.NoError(t, err)
	c.do("AT+CMGF=1")
	_, err = c.Prompt(t.Context(), `AT+CMGS="123"`, "text")
	require.NoError(t, err)
	ok("reports", "70")
	ok("fail-sending", "--code", "41", "--times", "1", "cms-error")
	_, err = c.Prompt(t.Context(), `AT+CMGS="123"`, "text")
	require.ErrorContains(t, err, "CMS error 41")
	require.Equal(t, "1 to +15125501001: \"a\"\n2 to 123: \"text\"", ok("sent"))

	code, _, stderr := call(t, "unplug", "--control", ControlPath(path)+"x")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "cannot reach the modem")
	code, _, stderr = call(t, "register", "--control", ControlPath(path), "77")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "registration 77 is not from 0 to 11")
	for _, args := range [][]string{{"send-sms", "--pdu", "xx"}, {"send-sms", "--from", "", "text"}} {
		code, _, _ = call(t, append(args[:1:1], append([]string{"--modem", path}, args[1:]...)...)...)
		require.Equal(t, 1, code, args)
	}
}

func TestCommandLineUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "unknown command"},
		{[]string{"explode"}, "unknown command"},
		{[]string{"unplug"}, "which modem?"},
		{[]string{"unplug", "--modem", "x", "y"}, "unexpected argument"},
		{[]string{"unplug", "--nonsense"}, "not defined"},
		{[]string{"send-sms", "--modem", "x"}, "want one text"},
		{[]string{"send-sms", "--modem", "x", "a", "b"}, "want one text"},
		{[]string{"send-sms", "--modem", "x", "--pdu", "00", "a"}, "either a text or -pdu"},
		{[]string{"send-sms", "--modem", "x", "--class", "4", "a"}, "not from 0 to 3"},
		{[]string{"send-sms", "--modem", "x", "--encoding", "morse", "a"}, "unknown encoding"},
		{[]string{"send-sms", "--modem", "x", "--time", "now", "a"}, "is not as 2006"},
		{[]string{"fill", "--modem", "x", "a"}, "unexpected argument"},
		{[]string{"fail-sending", "--modem", "x"}, "want one MODE"},
		{[]string{"noise", "--modem", "x"}, "hexadecimal"},
		{[]string{"noise", "--modem", "x", "zz"}, "hexadecimal"},
		{[]string{"urc", "--modem", "x"}, "want one line"},
		{[]string{"signal", "--modem", "x"}, "want one RSSI"},
		{[]string{"signal", "--modem", "x", "y"}, "RSSI is not a number"},
	} {
		code, stdout, stderr := call(t, c.args...)
		require.Equal(t, 2, code, c.args)
		require.Contains(t, stderr, c.want)
		require.Empty(t, stdout)
	}
	for _, a := range actions() {
		require.True(t, IsCommand(a.name))
		require.Contains(t, CommandUsage(), "emulator "+a.name)
		code, stdout, _ := call(t, a.name, "--help")
		require.Zero(t, code)
		require.Contains(t, stdout, "-control SOCKET")
	}
	require.False(t, IsCommand("--modem"))
}

func TestControl(t *testing.T) {
	m, path := elsewhere(t)
	info, err := os.Stat(ControlPath(path))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	_, err = Listen(t.Context(), m, ControlPath(path))
	require.ErrorContains(t, err, "another modem has it")
	_, err = Ask(t.Context(), ControlPath(path), Request{Do: "explode"})
	require.EqualError(t, err, `unknown request "explode"`)
	conn, err := net.Dial("unix", ControlPath(path))
	require.NoError(t, err)
	_, err = conn.Write([]byte("not JSON\n"))
	require.NoError(t, err)
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	require.NoError(t, err)
	require.Contains(t, string(answer[:n]), `"error":"invalid character`)
	require.NoError(t, conn.Close())

	// A socket that was left behind is replaced.
	old := link(t)
	addr, err := net.ResolveUnixAddr("unix", old)
	require.NoError(t, err)
	left, err := net.ListenUnix("unix", addr)
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	control, err := Listen(t.Context(), m, old)
	require.NoError(t, err)
	require.NoError(t, control.Close())
	require.NoFileExists(t, old)
	_, err = Listen(t.Context(), m, old+"/no/such")
	require.ErrorContains(t, err, "cannot open the control socket")
}

func TestParseStores(t *testing.T) {
	sizes, err := ParseStores("sm=10,ME=0")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"SM": 10, "ME": 0}, sizes)
	sizes, err = ParseStores("")
	require.NoError(t, err)
	require.Empty(t, sizes)
	for _, text := range []string{"SM", "SM=", "=1", "SM=1,"} {
		_, err := ParseStores(text)
		require.Error(t, err, text)
	}
}

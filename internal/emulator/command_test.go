package emulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func flagNames() (names []string) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	Flags(fs)
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return names
}

// runCommand runs the command while use works with the address that it printed.
func runCommand(t *testing.T, args []string, stdout io.Writer, use func(address string, stop func())) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pr, pw := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- Command(ctx, append([]string{"--address", "127.0.0.1:0"}, args...), stdout, pw, decodeWords)
		_ = pw.Close()
	}()
	lines := bufio.NewReader(pr)
	first, err := lines.ReadString('\n')
	if address, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on "); ok && err == nil {
		rest := make(chan string, 1)
		go func() {
			text, _ := io.ReadAll(lines)
			rest <- string(text)
		}()
		use(address, cancel)
		cancel()
		return <-done, first + <-rest
	}
	text, _ := io.ReadAll(lines)
	return <-done, first + string(text)
}

func send(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "events.jsonl")
	require.NoError(t, os.WriteFile(log, []byte(`{"torn`), 0o600))
	keys := filepath.Join(dir, "keys")
	require.NoError(t, os.WriteFile(keys, []byte(key1+"\r\n\n"+key2), 0o600))
	var stdout bytes.Buffer
	args := []string{"--device-key-file", keys, "--device-key", "third000", "--log", log, "--fail", "code-6:1", "--fail", "ok:10,junk:100%", "--seed", "7"}
	code, stderr := runCommand(t, args, &stdout, func(address string, _ func()) {
		require.Equal(t, "[6,0]", send(t, address, valid))
		require.Equal(t, "[0,0]", send(t, address, valid))
		require.Equal(t, "00", send(t, address, validSMS))
		require.Equal(t, "[0,0]", send(t, address, `{"k":"third000","d":"?"}`+"\n\n"))
		require.Equal(t, "[3,0]", send(t, address, `{"k":"fourth00","d":"?"}`+"\n\n"))
	})
	require.Zero(t, code, stderr)
	require.Regexp(t, `^listening on 127\.0\.0\.1:\d+
accepting 3 device keys, failing with code-6:1,ok:10,junk:100% \(seed 7\)
2 messages taken with 2 metrics, 1 SMS, 2 refused, 0 lost, \d+ bytes received, 22 bytes answered \(1 message without metrics\) in [\d.]+m?s
$`, stderr)
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	require.Len(t, lines, 5)
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3}  device-2    message  refused 6       5\d B  internal error of the cloud  \(code-6\)$`, lines[0])
	require.Regexp(t, `  device-2    message  taken           5\d B     2 metrics  cpu,mem$`, lines[1])
	require.Regexp(t, `  device-3    sms      taken           \d\d B  to \+15125550100: "high water"$`, lines[2])
	require.Regexp(t, `  device-1    message  taken           \d\d B  no metrics \(not a payload\\a\)  -$`, lines[3])
	require.Regexp(t, `  -           message  refused 3       \d\d B  unknown device key$`, lines[4])
	for _, secret := range []string{key1, key2, "third000", "fourth00"} {
		require.NotContains(t, stdout.String()+stderr, secret)
	}

	text, err := os.ReadFile(log)
	require.NoError(t, err)
	logged := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, logged, 4)
	require.Equal(t, `{"torn`, logged[0], "set apart from the next line")
	for i, device := range []string{"device-2", "device-3", "device-1"} {
		var event struct {
			Device    struct{ Name string }
			Errorcode int
		}
		require.NoError(t, json.Unmarshal([]byte(logged[i+1]), &event))
		require.Equal(t, device, event.Device.Name)
		require.Zero(t, event.Errorcode)
	}
	info, err := os.Stat(log)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestCommandQuietFlatLogAll(t *testing.T) {
	log := filepath.Join(t.TempDir(), "events.jsonl")
	var stdout bytes.Buffer
	code, _ := runCommand(t, []string{"--quiet", "--flat", "--log-all", "--log", log}, &stdout, func(address string, _ func()) {
		require.Equal(t, "[0,0]", send(t, address, valid))
		require.Equal(t, "[5,0]", send(t, address, "N\n\n"))
	})
	require.Zero(t, code)
	require.Empty(t, stdout.String())
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Regexp(t, `"device_id":1,"device_name":"device-1".*"errorcode":0.*\n.*"errorcode":5.*\n$`, string(text))
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space") }

// What cannot be recorded ends the emulator and is not answered.
func TestCommandCannotWrite(t *testing.T) {
	t.Run("stdout", func(t *testing.T) {
		code, stderr := runCommand(t, nil, failingWriter{}, func(address string, _ func()) {
			require.Empty(t, send(t, address, valid))
		})
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "emulator: cannot print: no space\n")
	})
	t.Run("log", func(t *testing.T) {
		if _, err := os.Stat("/dev/full"); err != nil {
			t.Skip("needs /dev/full")
		}
		code, stderr := runCommand(t, []string{"--log", "/dev/full"}, io.Discard, func(address string, _ func()) {
			require.Empty(t, send(t, address, valid))
		})
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "cannot write an event to the log")
	})
}

func TestCommandUsage(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for i, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--fial", "reset"}, 2, "flag provided but not defined: -fial"},
		{[]string{"--fail", "rest"}, 2, `unknown failure mode "rest", want one of ok, `},
		{[]string{"--fail", "reset", "--fail", "junk"}, 2, "only one mode can stay for good"},
		{[]string{"--address", "0.0.0.0:0"}, 2, "not on the loopback interface"},
		{[]string{"--address", "nowhere"}, 2, "not host:port"},
		{[]string{"--device-key", "secret"}, 2, "device key 1 has 6 bytes, not 8"},
		{[]string{"secret"}, 2, "1 unexpected argument(s) after the options"},
		{[]string{"--flat"}, 2, "no meaning without -log"},
		{[]string{"--max-message-size", "1"}, 2, "not from 16 to"},
		{[]string{"--idle-timeout", "5"}, 2, "invalid value"},
		{[]string{"--log", filepath.Join(dir, "no", "such")}, 1, "cannot open the log"},
		{[]string{"--log", dir}, 1, "cannot open the log"},
		{[]string{"--device-key-file", filepath.Join(dir, "none")}, 1, "cannot read the device keys"},
		{[]string{"--device-key-file", file("bad", key1+"\nsecret\n")}, 1, `has 6 bytes, not 8`},
		{[]string{"--device-key-file", file("empty", "\n")}, 1, "holds no keys"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, c.code, Command(t.Context(), c.args, &stdout, &stderr, nil))
			require.Contains(t, stderr.String(), c.want)
			require.NotContains(t, stderr.String(), "secret")
			require.Empty(t, stdout.String())
		})
	}
	var stdout, stderr bytes.Buffer
	require.Zero(t, Command(t.Context(), []string{"-h"}, &stdout, &stderr, nil))
	for _, name := range flagNames() {
		require.Contains(t, stdout.String(), "-"+name)
	}
	require.Empty(t, stderr.String())
}

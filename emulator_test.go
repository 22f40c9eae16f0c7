//go:build !edge

package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmulatorUsage(t *testing.T) {
	testUsage(t, []usageCase{
		{[]string{"help"}, 0, "  telegraf-hologram emulator [options] ", ""},
		{[]string{"emulator", "--help"}, 0, "-fail", ""},
		{[]string{"emulator", "--fail", "nonsense"}, 2, "", "nonsense"},
		{[]string{"emulator", "--address", "0.0.0.0:0"}, 2, "", "emulator: "},
		{[]string{"emulator", "--device-key-file", filepath.Join(t.TempDir(), "missing")}, 1, "", "cannot read the device keys"},
	})
}

// A port that is taken is a failure, not wrong usage.
func TestEmulatorPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	code, _, stderr := call(t, "", "emulator", "--address", taken.Addr().String())
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "address already in use")
}

// The emulator as a command: it tells where it listens, and ends on SIGINT.
func TestEmulatorCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted here")
	}
	log := filepath.Join(t.TempDir(), "events.jsonl")
	cmd := program(t, "emulator", "--address", "127.0.0.1:0", "--log", log)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line := make([]byte, 200)
	n, err := stderr.Read(line)
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(line[:n]), "\n")
	address, ok := strings.CutPrefix(first, "listening on ")
	require.True(t, ok, first)

	_, message, _ := call(t, "cpu usage=98.5 1800000000000000000\n", "encode", "--key", "ABCDWXYZ")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, err = io.WriteString(conn, message+"\n")
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Equal(t, "[0,0]", string(answer))

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	summary, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
	require.Contains(t, string(summary), "1 message taken with 1 metric, ")
	require.Regexp(t, `device-1 +message +taken +\d+ B +1 metric +cpu\n`, stdout.String())

	logged, err := os.ReadFile(log)
	require.NoError(t, err)
	_, lines, _ := call(t, string(logged), "decode")
	require.Equal(t, "cpu usage=98.5 1800000000000000000\n", lines)
}

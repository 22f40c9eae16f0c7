//go:build edge

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeftOut(t *testing.T) {
	_, usage, _ := call(t, "", "help")
	for _, command := range []string{"decode", "estimate", "emulator", "completion", "man"} {
		code, stdout, stderr := call(t, "", command, "--help")
		require.Equal(t, 2, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "this build is for devices (edge) and has no command "+command+
			"; the package telegraf-hologram-full has it")
		require.NotContains(t, usage, "telegraf-hologram "+command)
	}
}

func TestLeftOutPlugin(t *testing.T) {
	const want = "This build is for devices (edge) and has no inputs.hologram; the package telegraf-hologram-full has it"
	code, _, stderr := call(t, "", "sample-config", "inputs.hologram")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, want)

	file := filepath.Join(t.TempDir(), "in.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[inputs.hologram]]\n  service_address = \":8080\"\n"), 0o600))
	code, _, stderr = call(t, "", "check", "--config", file)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, want)
}

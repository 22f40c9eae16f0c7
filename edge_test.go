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
	for _, command := range []string{"decode", "emulator"} {
		code, stdout, stderr := call(t, "", command, "--help")
		require.Equal(t, 2, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "this build is for devices (edge) and has no command "+command+
			"; the archives without \"edge\" in their name have it")
		require.NotContains(t, usage, command)
	}
}

func TestLeftOutPlugin(t *testing.T) {
	const want = "This build is for devices (edge) and has no inputs.hologram; the archives without \"edge\" in their name have it"
	code, _, stderr := call(t, "", "sample-config", "inputs.hologram")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, want)

	file := filepath.Join(t.TempDir(), "in.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[inputs.hologram]]\n  service_address = \":8080\"\n"), 0o600))
	code, _, stderr = call(t, "", "check", "--config", file)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, want)
}

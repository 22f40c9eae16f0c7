//go:build edge

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoEmulator(t *testing.T) {
	code, stdout, stderr := call(t, "", "emulator", "--address", "127.0.0.1:0")
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "this build is for devices (edge) and has no emulator; the archives without \"edge\" in their name have it")

	code, stdout, _ = call(t, "", "help")
	require.Equal(t, 0, code)
	require.NotContains(t, stdout, "emulator")
}

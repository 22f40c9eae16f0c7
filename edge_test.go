//go:build edge

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeftOut(t *testing.T) {
	_, usage, _ := call(t, "", "help")
	for _, command := range []string{"decode", "emulator", "completion", "man"} {
		code, stdout, stderr := call(t, "", command, "--help")
		require.Equal(t, 2, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "this build is for devices (edge) and has no command "+command+
			"; the package telegraf-hologram-full has it")
		require.NotContains(t, usage, "telegraf-hologram "+command)
	}
}

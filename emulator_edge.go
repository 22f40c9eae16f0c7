//go:build edge

package main

import (
	"fmt"
	"io"
)

// A build for devices (-tags edge) has no emulator: there is no use for it there,
// and it is 7 % of the binary.
const emulateUsage = ""

// emulate says where there is an emulator.
func emulate(_ []string, _, stderr io.Writer) int {
	fmt.Fprintln(stderr, "telegraf-hologram: this build is for devices (edge) and has no emulator; "+
		"the archives without \"edge\" in their name have it, and so has what \"make build\" builds")
	return exitUsage
}

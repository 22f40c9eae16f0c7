//go:build edge

package main

import (
	"fmt"
	"io"
)

// farUsage is empty in a build for devices.
const farUsage = ""

func decode(_ []string, _ io.Reader, _, stderr io.Writer) int { return leftOut(stderr, "decode") }

func emulate(_ []string, _, stderr io.Writer) int { return leftOut(stderr, "emulator") }

// leftOut says where there is a command that this build does not have.
func leftOut(stderr io.Writer, command string) int {
	fmt.Fprintf(stderr, "telegraf-hologram: this build is for devices (edge) and has no command %s; "+
		"the archives without \"edge\" in their name have it, and so has what \"make build\" builds\n", command)
	return exitUsage
}

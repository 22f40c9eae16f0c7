//go:build edge

package main

import (
	"fmt"
	"io"
	"strings"
)

// farUsage is empty in a build for devices.
const farUsage = ""

func decode(_ []string, _ io.Reader, _, stderr io.Writer) int { return leftOut(stderr, "decode") }

func emulate(_ []string, _, stderr io.Writer) int { return leftOut(stderr, "emulator") }

// farSamples are those of plugins that this build does not have.
func farSamples() []sample { return nil }

// fullBuild says where there is what this build does not have.
const fullBuild = "the archives without \"edge\" in their name have it, and so has what \"make build\" builds"

// farPlugin says so where a configuration is for a plugin that this build does not have.
func farPlugin(err error) error {
	text := err.Error()
	if !strings.Contains(text, "unknown plugin [["+leftOutPlugin+"]]") && !strings.Contains(text, "no plugin \""+leftOutPlugin+"\"") {
		return err
	}
	return fmt.Errorf("%w\nThis build is for devices (edge) and has no %s; %s", err, leftOutPlugin, fullBuild)
}

// leftOutPlugin is the plugin that this build does not have.
const leftOutPlugin = "inputs.hologram"

// leftOut says where there is a command that this build does not have.
func leftOut(stderr io.Writer, command string) int {
	fmt.Fprintf(stderr, "telegraf-hologram: this build is for devices (edge) and has no command %s; %s\n", command, fullBuild)
	return exitUsage
}

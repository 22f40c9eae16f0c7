//go:build edge

package main

import (
	"fmt"
	"strings"

	"telegraf-hologram/internal/cli"
)

// farCommands are none in a build for devices.
func farCommands() []cli.Command { return nil }

// isLeftOut tells whether other builds have the command.
func isLeftOut(name string) bool {
	switch name {
	case "decode", "estimate", "emulator", "completion", "man":
		return true
	}
	return false
}

// farSamples are those of plugins that this build does not have.
func farSamples() []sample { return nil }

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

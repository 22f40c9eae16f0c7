//go:build edge

package main

import "telegraf-hologram/internal/cli"

// farCommands are none in a build for devices.
func farCommands() []cli.Command { return nil }

// isLeftOut tells whether other builds have the command.
func isLeftOut(name string) bool {
	switch name {
	case "decode", "emulator", "completion", "man":
		return true
	}
	return false
}

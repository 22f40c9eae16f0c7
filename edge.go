//go:build edge

package main

// farCommands are none in a build for devices.
func farCommands() []command { return nil }

// isLeftOut tells whether other builds have the command.
func isLeftOut(name string) bool {
	switch name {
	case "decode", "emulator", "completion", "man":
		return true
	}
	return false
}

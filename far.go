//go:build !edge

package main

import (
	"telegraf-hologram/plugins/inputs/hologram"
)

// farSamples are the sample configurations of the plugins that a build for devices does not have, which come before the
// others.
func farSamples() []sample {
	return []sample{{"inputs.hologram", hologram.New().SampleConfig()}}
}

// farPlugin says what is missing where a configuration is for a plugin that this build does not have: nothing is.
func farPlugin(err error) error { return err }

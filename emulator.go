//go:build !edge

package main

import (
	"context"
	"io"
	"os/signal"
	"syscall"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/event"
)

// farUsage are the commands for the far side and for trials, which a device has
// no use for: a build with -tags edge does without them.
const farUsage = `  telegraf-hologram decode                 payloads, messages and events on stdin to line protocol
  telegraf-hologram emulator [options]     the Hologram cloud on this machine
`

// emulate runs the emulator until it is interrupted.
func emulate(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return emulator.Command(ctx, args, stdout, stderr, decodeData)
}

// decodeData is what the emulator decodes messages with.
func decodeData(data string) ([]telegraf.Metric, error) {
	e, err := event.Decode(data)
	return e.Metrics, err
}

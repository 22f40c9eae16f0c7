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

// emulate runs the emulator until it is interrupted.
func emulate(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return emulator.Command(ctx, args, stdout, stderr, decodeData)
}

// decodeData is what the emulator decodes messages with.
func decodeData(data string) ([]telegraf.Metric, error) {
	e, err := event.Decode(data)
	return e.Metrics, err
}

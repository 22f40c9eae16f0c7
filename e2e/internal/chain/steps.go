//go:build linux

package chain

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// Step is something that happens at a time after the start.
type Step struct {
	At   time.Duration
	What string
	do   func(context.Context, *run) error
}

// Round is how long it takes until the troubles of [Trouble] are over.
const Round = 18 * time.Second

// Trouble is one of each, from a time on: an outage of the cloud, a kill of the
// receiver, and a stop of all of the server while messages come.
func Trouble(from time.Duration) []Step {
	const second = time.Second
	return []Step{
		{from + 2*second, "the cloud goes down", func(_ context.Context, r *run) error { return r.cloudDown() }},
		{from + 6*second, "the cloud is back", func(ctx context.Context, r *run) error { return r.cloudUp(ctx) }},
		{from + 9*second, "the receiver: kill -9", func(ctx context.Context, r *run) error { return r.killReceiver(ctx) }},
		{from + 12*second, "the server stops", func(_ context.Context, r *run) error { return r.serverDown() }},
		{from + 15*second, "the server starts", func(ctx context.Context, r *run) error { return r.serverUp(ctx) }},
	}
}

// KillTelegraf kills the Telegraf of the server, and starts it again at once.
func KillTelegraf(at time.Duration) Step {
	return Step{at, "the server's Telegraf: kill -9", func(ctx context.Context, r *run) error {
		if err := r.server.Kill(); err != nil {
			return fmt.Errorf("cannot kill it: %w", err)
		}
		_ = r.server.Wait(childLimit) // it is no good end
		r.serverLogs.WriteString(r.server.Log())
		return r.serverUp(ctx)
	}}
}

// KillDatabase kills InfluxDB and starts it again at once.
func KillDatabase(at time.Duration) Step {
	return Step{at, "the database: kill -9", func(ctx context.Context, r *run) error {
		if err := r.influxd.Kill(); err != nil {
			return fmt.Errorf("cannot kill it: %w", err)
		}
		_ = r.influxd.Wait(childLimit) // it is no good end
		return r.databaseUp(ctx)
	}}
}

// killReceiver kills our binary under the server's Telegraf, which starts it again.
func (r *run) killReceiver(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	pid, err := r.server.WaitChild(ctx, r.Programs.Hologram)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("cannot kill it: %w", err)
	}
	return nil
}

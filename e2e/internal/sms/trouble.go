//go:build linux

package sms

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// Trouble is something that goes wrong, and is over when it returns.
type Trouble struct {
	Name string
	do   func(ctx context.Context, r *run, random *rand.Rand) error
}

// The troubles.
var (
	// Unplug takes the modem out and puts it in again after 50 ms to 2 s.
	Unplug = Trouble{"unplug", func(ctx context.Context, r *run, random *rand.Rand) error {
		return r.modemFor(ctx, "unplug", between(random, 50*time.Millisecond, 2*time.Second), "replug")
	}}
	// Freeze freezes the modem for 100 ms to 4 s.
	Freeze = Trouble{"freeze", func(ctx context.Context, r *run, random *rand.Rand) error {
		return r.modemFor(ctx, "freeze", between(random, 100*time.Millisecond, 4*time.Second), "unfreeze")
	}}
	// LongFreeze freezes it for longer than the plugin waits for an answer.
	LongFreeze = Trouble{"long freeze", func(ctx context.Context, r *run, random *rand.Rand) error {
		return r.modemFor(ctx, "freeze", between(random, 8*time.Second, 14*time.Second), "unfreeze")
	}}
	// Reset restarts the modem.
	Reset = Trouble{"reset", func(ctx context.Context, r *run, _ *rand.Rand) error { return r.modem.Do(ctx, "reset") }}
	// Noise writes random bytes to the port.
	Noise = Trouble{"noise", func(ctx context.Context, r *run, random *rand.Rand) error {
		data := make([]byte, 1+random.IntN(60))
		for i := range data {
			data[i] = byte(random.IntN(256))
		}
		return r.modem.Noise(ctx, data)
	}}
	// Kill kills the plugin with -9; Telegraf starts it again.
	Kill = Trouble{"kill -9", func(ctx context.Context, r *run, _ *rand.Rand) error { return r.killPlugin(ctx) }}
	// Stall stops Telegraf with SIGSTOP for half a second, and kills the plugin with -9
	// meanwhile, so that what it has printed is in its pipe.
	Stall = Trouble{"stall and kill -9", func(ctx context.Context, r *run, random *rand.Rand) error {
		pid, err := r.plugin(ctx)
		if err != nil {
			return err
		}
		if err := syscall.Kill(r.telegraf.Pid(), syscall.SIGSTOP); err != nil {
			return fmt.Errorf("cannot stop Telegraf: %w", err)
		}
		if err = lab.Pause(ctx, between(random, 0, 500*time.Millisecond)); err == nil {
			err = kill(pid)
		}
		return errors.Join(err, syscall.Kill(r.telegraf.Pid(), syscall.SIGCONT))
	}}
	// Terminate asks Telegraf to stop, and starts it again.
	Terminate = Trouble{"Telegraf SIGTERM", func(ctx context.Context, r *run, random *rand.Rand) error {
		if err := r.stop(); err != nil {
			return err
		}
		return r.startAfter(ctx, between(random, 0, time.Second))
	}}
	// KillTelegraf kills Telegraf with -9, and starts it again.
	KillTelegraf = Trouble{"Telegraf kill -9", func(ctx context.Context, r *run, random *rand.Rand) error {
		if err := r.telegraf.Kill(); err != nil {
			return fmt.Errorf("cannot kill Telegraf: %w", err)
		}
		_ = r.telegraf.Wait(childLimit) // it is no good end
		r.logs.WriteString(r.telegraf.Log())
		return r.startAfter(ctx, between(random, 0, time.Second))
	}}
)

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// modemFor does something to the modem, and undoes it after a time.
func (r *run) modemFor(ctx context.Context, what string, d time.Duration, undo string) error {
	if err := r.modem.Do(ctx, what); err != nil {
		return err
	}
	err := lab.Pause(ctx, d)
	if undoErr := r.modem.Do(context.WithoutCancel(ctx), undo); undoErr != nil {
		return undoErr
	}
	return err
}

// plugin waits until the plugin runs, and returns its number.
func (r *run) plugin(ctx context.Context) (pid int, err error) {
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	return r.telegraf.WaitChild(ctx, r.command)
}

// killPlugin kills the plugin, as soon as there is one.
func (r *run) killPlugin(ctx context.Context) error {
	pid, err := r.plugin(ctx)
	if err != nil {
		return err
	}
	return kill(pid)
}

func kill(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("cannot kill the plugin: %w", err)
	}
	return nil
}

func (r *run) startAfter(ctx context.Context, d time.Duration) error {
	if err := lab.Pause(ctx, d); err != nil {
		return err
	}
	return r.start()
}

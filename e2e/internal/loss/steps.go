//go:build linux

package loss

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// Down takes the destination away for a time.
func Down(from, to time.Duration) []Step {
	return []Step{
		{from, "destination down", func(_ context.Context, r *run) error { return r.down() }},
		{to, "destination up", func(ctx context.Context, r *run) error { return r.up(ctx) }},
	}
}

// DownForGood takes the destination away until Telegraf is started again.
func DownForGood(from time.Duration) Step {
	return Step{from, "destination down", func(_ context.Context, r *run) error { return r.down() }}
}

// Kill kills the plugin with -9.
func Kill(at time.Duration) Step {
	return Step{at, "plugin: kill -9", func(ctx context.Context, r *run) error {
		return r.signalPlugin(ctx, syscall.SIGKILL)
	}}
}

// Freeze stops the plugin with SIGSTOP, and kills it after a time.
func Freeze(at, d time.Duration) []Step {
	return []Step{{at, "plugin: SIGSTOP", func(ctx context.Context, r *run) error {
		return r.signalPlugin(ctx, syscall.SIGSTOP)
	}}, Kill(at + d)}
}

// DiskFull fills the disk of the buffer for a time.
func DiskFull(from, to time.Duration) []Step {
	return []Step{
		{from, "disk full", func(_ context.Context, r *run) error { return FillDisk(r.filler()) }},
		{to, "disk has space", func(_ context.Context, r *run) error { return os.Remove(r.filler()) }},
	}
}

// SetClock sets the plugin's clock.
func SetClock(at, by time.Duration) Step {
	return Step{at, fmt.Sprintf("clock set by %s", by), func(_ context.Context, r *run) error {
		return lab.ShiftClock(r.file(clockFile), by)
	}}
}

// KillTelegraf kills Telegraf with -9, and starts it again after a time.
func KillTelegraf(at, after time.Duration) Step {
	return Step{at, "Telegraf: kill -9", func(ctx context.Context, r *run) error {
		if err := r.telegraf.Kill(); err != nil {
			return fmt.Errorf("cannot kill Telegraf: %w", err)
		}
		_ = r.telegraf.Wait(childLimit) // it is no good end
		r.logs.WriteString(r.telegraf.Log())
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		r.note("Telegraf: started again")
		return r.start()
	}}
}

// signalPlugin sends a signal to the plugin, as soon as there is one.
func (r *run) signalPlugin(ctx context.Context, sig syscall.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	pid, err := r.telegraf.WaitChild(ctx, r.command)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return fmt.Errorf("cannot signal the plugin: %w", err)
	}
	return nil
}

// filler is the file that fills the disk of the buffer.
func (r *run) filler() string { return filepath.Join(r.file(bufferName), "filler") }

// FillDisk fills a file until its disk is full.
func FillDisk(name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot fill the disk: %w", err)
	}
	chunk := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(fmt.Errorf("cannot fill the disk: %w", err), file.Close())
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("cannot fill the disk: %w", err)
	}
	return nil
}

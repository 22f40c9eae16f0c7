package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ClockVariable is the environment variable that names the file with the shift of
// the clock, see [BuildShifted] and [ShiftClock].
const ClockVariable = "E2E_CLOCK"

// What is put over the standard library: time.Now with a shift that the program
// can set. The monotonic clock, on which timers, deadlines and differences run,
// goes on as it does when somebody sets the machine's clock.
const (
	clockOld = "\tsec, nsec, mono := runtimeNow()\n"
	clockNew = clockOld + "\tsec += shift.Load()\n"

	clockTime = `package time

import "sync/atomic"

var shift atomic.Int64

// ShiftClock shifts the wall clock by so many seconds from what the system says.
func ShiftClock(seconds int64) { shift.Store(seconds) }
`

	clockMain = `package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

func init() {
	read := func() {
		text, err := os.ReadFile(os.Getenv("` + ClockVariable + `"))
		if err != nil {
			return
		}
		if seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			time.ShiftClock(seconds)
		}
	}
	read()
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			read()
		}
	}()
}
`
)

// BuildShifted builds our binary as BuildHologram does, except that its wall clock
// can be set: by [ShiftClock] with the file that ClockVariable names. Setting the
// clock of the machine would disturb everybody else, Linux's time namespaces leave
// the wall clock alone, and a Go program asks no C library that could be replaced.
// So the function time.Now of the standard library is, for this build only.
func BuildShifted(ctx context.Context, root, dir string) (string, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("cannot find Go's own source: %w", err)
	}
	library := filepath.Join(strings.TrimSpace(string(goroot)), "src", "time")
	source, err := os.ReadFile(filepath.Join(library, "time.go"))
	if err != nil {
		return "", fmt.Errorf("cannot read the source of package time: %w", err)
	}
	if strings.Count(string(source), clockOld) != 1 {
		return "", errors.New("cannot shift the clock: time.Now of this version of Go is another one")
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", fmt.Errorf("cannot find our module: %w", err)
	}
	work, err := os.MkdirTemp(dir, "clock-")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder for the clock: %w", err)
	}
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for _, f := range []struct{ over, name, text string }{
		{filepath.Join(library, "time.go"), "time.go", strings.Replace(string(source), clockOld, clockNew, 1)},
		{filepath.Join(library, "shift.go"), "shift.go", clockTime},
		{filepath.Join(root, "shift_clock.go"), "main.go", clockMain},
	} {
		name := filepath.Join(work, f.name)
		if err := os.WriteFile(name, []byte(f.text), 0o600); err != nil {
			return "", fmt.Errorf("cannot write what goes over a source file: %w", err)
		}
		overlay.Replace[f.over] = name
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", fmt.Errorf("cannot write the overlay: %w", err)
	}
	name := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return "", fmt.Errorf("cannot write the overlay: %w", err)
	}
	return build(ctx, root, filepath.Join(dir, "telegraf-hologram-shifted"), "-overlay", name)
}

// ShiftClock sets the clock of the programs from [BuildShifted] that run with the
// file, from 50 ms from now on and in later starts.
func ShiftClock(file string, by time.Duration) error {
	// Renamed into its place, so that nobody reads half of it.
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(int(by/time.Second))), 0o600); err != nil {
		return fmt.Errorf("cannot shift the clock: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("cannot shift the clock: %w", err)
	}
	return nil
}

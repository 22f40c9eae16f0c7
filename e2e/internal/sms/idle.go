//go:build linux

package sms

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// Idle is what the plugin takes while no SMS come.
type Idle struct {
	// RSS, Anonymous and Peak are its memory in bytes, as /proc has it.
	RSS, Anonymous, Peak int
	// Voluntary and Forced are the context switches of all its threads in Time, and
	// Commands what the modem was sent meanwhile.
	Voluntary, Forced, Commands int
	Time                        time.Duration
	CPU                         time.Duration
}

// idleCase is a configuration that is measured.
type idleCase struct {
	name string
	// poll is poll_interval, wait is for how long nothing happens before.
	poll, wait, measure time.Duration
	// sms is how many were received before.
	sms  int
	edge bool
}

// Measure measures the plugin at idle, in several ways, and prints a table.
func Measure(ctx context.Context, programs Programs, edge, dir string, w io.Writer) error {
	const s = time.Second
	fmt.Fprintf(w, "\n%-54s %9s %9s %9s %6s %9s %9s %9s %8s\n", "at idle", "RSS", "anonymous", "peak", "time", "voluntary", "forced", "commands", "CPU")
	for i, c := range []idleCase{
		{"poll_interval 5 s, for two of them", 5 * s, 20 * s, 10 * s, 0, true},
		{"the same after 100 SMS", 5 * s, 20 * s, 10 * s, 100, true},
		{"the same after 1,000 SMS", 5 * s, 20 * s, 10 * s, 1000, true},
		{"the same with all commands built in (not edge)", 5 * s, 20 * s, 10 * s, 1000, false},
		{"poll_interval 1 h", time.Hour, 20 * s, 10 * s, 0, true},
		{"poll_interval 30 s (the default), for two of them", 30 * s, 20 * s, 60 * s, 0, true},
	} {
		p := programs
		if c.edge {
			p.Hologram = edge
		}
		idle, err := measure(ctx, p, programs.Hologram, filepath.Join(dir, "idle-"+strconv.Itoa(i)), c)
		if err != nil {
			return fmt.Errorf("at idle, %s: %w", c.name, err)
		}
		fmt.Fprintf(w, "%-54s %6d kB %6d kB %6d kB %4.0f s %9d %9d %9d %5d ms\n", c.name, idle.RSS/1000, idle.Anonymous/1000, idle.Peak/1000,
			idle.Time.Seconds(), idle.Voluntary, idle.Forced, idle.Commands, idle.CPU.Milliseconds())
	}
	fmt.Fprint(w, "\nvoluntary and forced: context switches of all threads. commands: lines that the modem was sent.\n")
	return nil
}

// MeasureOnce measures the plugin of the binary edge with a poll_interval that does
// not come, for a time after as long without one.
func MeasureOnce(ctx context.Context, programs Programs, edge, dir string, d time.Duration) (Idle, error) {
	emulator := programs.Hologram
	programs.Hologram = edge
	return measure(ctx, programs, emulator, filepath.Join(dir, "idle"), idleCase{poll: time.Hour, wait: d, measure: d})
}

// measure runs the plugin under Telegraf, and reads what /proc says of it.
func measure(ctx context.Context, programs Programs, emulator, dir string, c idleCase) (idle Idle, err error) {
	r := &run{
		c:        Case{Options: fmt.Sprintf("poll_interval = %q", c.poll)},
		programs: programs, dir: dir, begin: time.Now(),
	}
	defer r.cleanUp()
	if err := r.configure(""); err != nil {
		return idle, err
	}
	conf := fmt.Sprintf(`
[[inputs.modem_sms]]
  port = %q
  journal_directory = %q
  poll_interval = %q
`, r.file(modemName), r.file(journalName), c.poll)
	if err := os.WriteFile(r.file(pluginFile), []byte(conf), 0o600); err != nil {
		return idle, fmt.Errorf("cannot write the plugin's configuration: %w", err)
	}
	if r.modem, err = lab.StartModem(ctx, emulator, r.file(modemName), "--modem-lines"); err != nil {
		return idle, err
	}
	if err := r.start(); err != nil {
		return idle, err
	}
	pid, err := r.plugin(ctx)
	if err != nil {
		return idle, err
	}
	for _, m := range messages(1, c.sms, leastParts, mostParts) {
		if _, err := r.modem.Send(ctx, m.SMS); err != nil {
			return idle, err
		}
	}
	for {
		status, err := r.modem.Status(ctx)
		if err != nil {
			return idle, err
		}
		if status.Left() == 0 {
			break
		}
		if err := lab.Pause(ctx, 100*time.Millisecond); err != nil {
			return idle, err
		}
	}
	if err := lab.Pause(ctx, c.wait); err != nil {
		return idle, err
	}

	before, err := readIdle(pid)
	if err != nil {
		return idle, err
	}
	commands := strings.Count(r.modem.Log(), "\nmodem > ")
	begin := time.Now()
	if err := lab.Pause(ctx, c.measure); err != nil {
		return idle, err
	}
	idle, err = readIdle(pid)
	idle.Time = time.Since(begin)
	idle.Commands = strings.Count(r.modem.Log(), "\nmodem > ") - commands
	idle.Voluntary -= before.Voluntary
	idle.Forced -= before.Forced
	idle.CPU -= before.CPU
	if err != nil {
		return idle, err
	}
	return idle, r.stop()
}

// readIdle reads the memory of a process and the context switches of all its
// threads so far.
func readIdle(pid int) (idle Idle, err error) {
	status, err := readStatus(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return idle, err
	}
	const kilo = 1024
	idle.RSS, idle.Anonymous, idle.Peak = status["VmRSS"]*kilo, status["RssAnon"]*kilo, status["VmHWM"]*kilo
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return idle, fmt.Errorf("cannot look for threads: %w", err)
	}
	for _, name := range threads {
		if status, err = readStatus(name); err != nil {
			return idle, err
		}
		idle.Voluntary += status["voluntary_ctxt_switches"]
		idle.Forced += status["nonvoluntary_ctxt_switches"]
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return idle, fmt.Errorf("cannot read a process's times: %w", err)
	}
	// The fields behind the name: utime and stime are the 14th and 15th of all, in
	// hundredths of a second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return idle, fmt.Errorf("cannot read a process's times: %w", err)
		}
		idle.CPU += time.Duration(n) * 10 * time.Millisecond
	}
	return idle, nil
}

// readStatus reads the numbers of a status file of /proc.
func readStatus(name string) (map[string]int, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read a process's status: %w", err)
	}
	numbers := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
		if n, err := strconv.Atoi(value); err == nil {
			numbers[key] = n
		}
	}
	return numbers, nil
}

//go:build linux

package loss

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"telegraf-hologram/e2e/internal/lab"
)

// Programs are the binaries that take part.
type Programs struct {
	// Telegraf and Hologram are the real ones, Shifted is Hologram with a clock
	// that can be set, and Shim our plugin under the stock shim.
	Telegraf, Hologram, Shifted, Shim string
}

// Host is what runs our plugin.
type Host int

// The hosts.
const (
	Ours Host = iota // our binary
	Shim             // Telegraf's stock shim
)

// Case is one run.
type Case struct {
	// Name is what the case is chosen by, Title what the table says.
	Name, Title string
	// Count metrics are sent at Rate a second.
	Count, Rate int
	// Steps are what happens, in any order.
	Steps []Step
	// Group signals the whole process group in the end, and not Telegraf alone.
	Group bool
	// Flush is Telegraf's flush_interval; 1 s by default.
	Flush time.Duration
	// Options are the lines of the plugin's configuration besides address and key.
	// ${LOSS_BUFFER} is a folder for the buffer.
	Options string

	// Host runs the plugin; BatchSize is the shim's.
	Host      Host
	BatchSize int
	// Tap puts a program between Telegraf and ours that notes what comes.
	Tap bool
	// Disk is the size of a file system of its own for the buffer, in bytes; 0 is
	// none. It takes root.
	Disk int
	// StepTimesAt is the number of the metric from which on times are an hour
	// earlier, as with a clock that was set back; 0 is never.
	StepTimesAt int
	// Shifted takes the binary with the clock that can be set.
	Shifted bool

	// Answer is how long the cloud takes for each answer.
	Answer time.Duration

	// AtMost is how many metrics may be lost here, and MayLose which.
	AtMost  int
	MayLose string
}

// Step is something that happens at a time after the start.
type Step struct {
	At   time.Duration
	What string
	do   func(context.Context, *run) error
}

// Result is what came of a case.
type Result struct {
	Account
	// Starts is how often the plugin was started.
	Starts int
	// Stop is how long Telegraf took from SIGTERM to its end.
	Stop time.Duration
	// Drain is how long it took after the last start until the last message.
	Drain time.Duration
	// Errors are the different errors that the plugin logged, for a person.
	Errors []string
}

const (
	drainQuiet  = 20 * time.Second // so long nothing has come, so that nothing will
	repeatQuiet = 4 * time.Second  // the same when all is there; it is longer than a flush
	drainLimit  = 3 * time.Minute
	stopLimit   = 60 * time.Second // Telegraf gives up on a plugin after 10 s
	childLimit  = 10 * time.Second
)

const telegrafConf = `
[agent]
  interval = "1s"
  flush_interval = "%s"
  metric_batch_size = 1000
  metric_buffer_limit = 100000
  omit_hostname = true
  skip_processors_after_aggregators = true

[[inputs.execd]]
  command = [%s]
  signal = "none"
  restart_delay = "1h"
  data_format = "influx"

[[outputs.execd]]
  command = [%s]
  restart_delay = "1s"
  data_format = "influx"
  influx_uint_support = true
`

const pluginConf = `
[[outputs.hologram]]
  address = "%s"
  device_key = "aB3-xYz9"
%s
`

// run is a case that runs.
type run struct {
	c        Case
	programs Programs
	dir      string
	log      io.Writer // what happens
	begin    time.Time

	command  string // the program that Telegraf starts as the plugin
	env      []string
	address  string
	emulator *lab.Emulator
	telegraf *lab.Process
	logs     strings.Builder // of Telegrafs that have ended
}

// names in a run's folder
const (
	cloudFile  = "cloud.jsonl"
	sentFile   = "sent.lp"
	tapFile    = "tap.lp"
	clockFile  = "clock"
	bufferName = "buffer"
)

// Run runs a case in the folder dir, which it leaves behind, and writes to log
// what happens when. self is the program that calls it, see [Helper].
func Run(ctx context.Context, programs Programs, self, dir string, c Case, log io.Writer) (Result, error) {
	r := &run{c: c, programs: programs, dir: dir, log: log}
	result, err := r.run(ctx, self)
	if err != nil {
		return result, fmt.Errorf("case %s: %w", c.Name, err)
	}
	return result, nil
}

func (r *run) file(name string) string { return filepath.Join(r.dir, name) }

func (r *run) run(ctx context.Context, self string) (result Result, err error) {
	if err := os.MkdirAll(r.file(bufferName), 0o700); err != nil {
		return result, fmt.Errorf("cannot make a folder for the buffer: %w", err)
	}
	if r.c.Disk > 0 {
		if err := unix.Mount("tmpfs", r.file(bufferName), "tmpfs", 0, fmt.Sprintf("size=%d", r.c.Disk)); err != nil {
			return result, fmt.Errorf("cannot mount a small disk: %w", err)
		}
		defer func() { err = errors.Join(err, unix.Unmount(r.file(bufferName), unix.MNT_DETACH)) }()
	}
	defer r.cleanUp()
	if err := r.up(ctx); err != nil {
		return result, err
	}
	if err := r.configure(self); err != nil {
		return result, err
	}
	r.begin = time.Now()
	if err := r.start(); err != nil {
		return result, err
	}

	steps := slices.Clone(r.c.Steps)
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	for _, step := range steps {
		if err := r.wait(ctx, time.Until(r.begin.Add(step.At))); err != nil {
			return result, err
		}
		r.note("%s", step.What)
		if err := step.do(ctx, r); err != nil {
			return result, fmt.Errorf("%s: %w", step.What, err)
		}
	}
	if err := r.waitSent(ctx); err != nil {
		return result, err
	}
	if result.Stop, err = r.stop(r.c.Group); err != nil {
		return result, err
	}
	r.note("all metrics are sent and Telegraf has stopped within %s", round(result.Stop))
	if r.emulator == nil {
		r.note("destination up")
		if err := r.up(ctx); err != nil {
			return result, err
		}
	}

	if err := r.start(); err != nil {
		return result, err
	}
	if err := r.drain(ctx, &result); err != nil {
		return result, err
	}
	if _, err := r.stop(false); err != nil {
		return result, err
	}
	if err := r.down(); err != nil {
		return result, err
	}
	// What went out while Telegraf stopped counts as well.
	if err := r.count(ctx, &result); err != nil {
		return result, err
	}
	logs := r.logs.String()
	result.Starts = strings.Count(logs, "[outputs.execd] Starting process")
	result.Errors = distinctErrors(logs)
	if err := os.WriteFile(r.file("telegraf.log"), []byte(logs), 0o600); err != nil {
		return result, fmt.Errorf("cannot keep Telegraf's log: %w", err)
	}
	r.note("%d of %d delivered, %d lost, %d duplicates", result.Delivered, result.Sent, result.Lost, result.Duplicates)
	return result, nil
}

// configure writes the configuration files.
func (r *run) configure(self string) error {
	plugin := r.file("plugin.conf")
	options := r.c.Options
	command := []string{r.programs.Hologram, "--config", plugin}
	switch {
	case r.c.Host == Shim:
		command = []string{r.programs.Shim, "--batch-size", strconv.Itoa(r.c.BatchSize), "--config", plugin}
		options = "" // they are our host's
	case r.c.Shifted:
		command[0] = r.programs.Shifted
	}
	r.command = command[0]
	if r.c.Tap {
		command = append([]string{self, tapName, r.file(tapFile)}, command...)
	}
	generator := []string{
		self, generatorName, "--file", r.file(sentFile), "--count", strconv.Itoa(r.c.Count), "--rate", strconv.Itoa(r.c.Rate),
	}
	if r.c.StepTimesAt > 0 {
		generator = append(generator, "--step-at", strconv.Itoa(r.c.StepTimesAt), "--step", "-1h")
	}
	flush := r.c.Flush
	if flush == 0 {
		flush = time.Second
	}
	r.env = []string{lab.ClockVariable + "=" + r.file(clockFile), "LOSS_BUFFER=" + r.file(bufferName)}
	conf := fmt.Sprintf(telegrafConf, flush, lab.Quoted(generator), lab.Quoted(command))
	if err := os.WriteFile(r.file("telegraf.conf"), []byte(conf), 0o600); err != nil {
		return fmt.Errorf("cannot write Telegraf's configuration: %w", err)
	}
	if err := os.WriteFile(plugin, fmt.Appendf(nil, pluginConf, r.address, options), 0o600); err != nil {
		return fmt.Errorf("cannot write the plugin's configuration: %w", err)
	}
	return nil
}

// start starts Telegraf.
func (r *run) start() error {
	var err error
	r.telegraf, err = lab.StartTelegraf(r.programs.Telegraf, r.dir, r.env, r.file("telegraf.conf"))
	return err
}

// stop asks Telegraf to stop, alone or with its whole process group.
func (r *run) stop(group bool) (time.Duration, error) {
	stop := r.telegraf.Stop
	if group {
		stop = r.telegraf.StopGroup
	}
	took, err := stop(stopLimit)
	r.logs.WriteString(r.telegraf.Log())
	if err != nil {
		return took, fmt.Errorf("the stop of Telegraf failed: %w: %s", err, tail(r.telegraf.Log()))
	}
	return took, nil
}

// up starts the emulator, at the same address as before.
func (r *run) up(ctx context.Context) error {
	address := r.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	args := []string{"--quiet"}
	if r.c.Answer > 0 {
		args = append(args, "--fail", "late-answer="+r.c.Answer.String())
	}
	var err error
	if r.emulator, err = lab.StartEmulatorAt(ctx, r.programs.Hologram, address, r.file(cloudFile), io.Discard, args...); err != nil {
		return err
	}
	r.address = r.emulator.Address
	return nil
}

func (r *run) down() error {
	if r.emulator == nil {
		return nil
	}
	_, err := r.emulator.Stop()
	r.emulator = nil
	return err
}

// cleanUp ends what a failed run has left.
func (r *run) cleanUp() {
	_ = r.down()
	if r.telegraf != nil {
		r.telegraf.EndGroup(childLimit)
	}
}

// wait waits, unless Telegraf ends in the meantime.
func (r *run) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.telegraf.Done():
		return fmt.Errorf("the run of Telegraf ended by itself: %s", tail(r.telegraf.Log()))
	}
}

// waitSent waits until the generator has sent all and Telegraf has read it.
func (r *run) waitSent(ctx context.Context) error {
	deadline := time.Now().Add(time.Duration(r.c.Count/r.c.Rate)*time.Second + childLimit)
	for {
		n, err := lines(r.file(sentFile))
		if err != nil {
			return err
		}
		if n == r.c.Count {
			return r.wait(ctx, 500*time.Millisecond)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the generator has sent %d metrics of %d and is late", n, r.c.Count)
		}
		if err := r.wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// drain waits until everything is delivered and nothing is repeated any more, or
// until nothing comes any more.
func (r *run) drain(ctx context.Context, result *Result) error {
	begin, last, seen := time.Now(), time.Now(), -1
	for time.Since(begin) < drainLimit {
		if err := r.count(ctx, result); err != nil {
			return err
		}
		if result.Messages != seen {
			seen, last = result.Messages, time.Now()
			result.Drain = last.Sub(begin)
		}
		quiet := time.Since(last)
		if quiet > drainQuiet || quiet > repeatQuiet && result.Lost == 0 {
			return nil
		}
		if err := r.wait(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// count accounts for what has come so far.
func (r *run) count(ctx context.Context, result *Result) error {
	sent, err := lab.ReadMetricsFile(r.file(sentFile))
	if err != nil {
		return err
	}
	messages, err := lab.Messages(ctx, r.programs.Hologram, r.file(cloudFile))
	if err != nil {
		return err
	}
	outside := 0
	if r.c.Tap {
		if outside, err = r.outside(sent); err != nil {
			return err
		}
	}
	result.Account, err = Count(sent, messages)
	result.Outside = min(outside, result.Lost)
	return err
}

// outside counts the metrics that never came to the tap.
func (r *run) outside(sent []lab.Metric) (int, error) {
	text, err := os.ReadFile(r.file(tapFile))
	if err != nil {
		return 0, fmt.Errorf("cannot read what the tap has seen: %w", err)
	}
	came := make(map[string]bool)
	for line := range bytes.Lines(text) {
		// A line that Telegraf's end has cut is no metric; then the next one begins in it.
		if metrics, err := lab.ReadMetrics(bytes.NewReader(line)); err == nil {
			for _, m := range metrics {
				came[m.Exact] = true
			}
		}
	}
	n := 0
	for _, m := range sent {
		if !came[m.Exact] {
			n++
		}
	}
	return n, nil
}

func (r *run) note(format string, args ...any) {
	fmt.Fprintf(r.log, "%-16s %6.1f s  %s\n", r.c.Name, time.Since(r.begin).Seconds(), fmt.Sprintf(format, args...))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// tail is the end of a log.
func tail(log string) string {
	const length = 4000
	if len(log) > length {
		return "..." + log[len(log)-length:]
	}
	return log
}

// distinctErrors returns the errors in Telegraf's log without their times and
// numbers, each once, with how often it came.
func distinctErrors(log string) []string {
	counts := make(map[string]int)
	var order []string
	for line := range strings.Lines(log) {
		_, text, found := strings.Cut(line, " E! ")
		if !found {
			continue
		}
		text = strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' {
				return '#'
			}
			return c
		}, strings.TrimSpace(text))
		for strings.Contains(text, "##") {
			text = strings.ReplaceAll(text, "##", "#")
		}
		if counts[text]++; counts[text] == 1 {
			order = append(order, text)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return counts[b] - counts[a] })
	for i, text := range order {
		order[i] = fmt.Sprintf("%d x %s", counts[text], text)
	}
	return order
}

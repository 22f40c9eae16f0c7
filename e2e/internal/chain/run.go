//go:build linux

package chain

import (
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

	"telegraf-hologram/e2e/internal/lab"
)

// Programs are the binaries that take part.
type Programs struct{ Telegraf, Hologram, Influxd string }

// Config says how to run the example.
type Config struct {
	Programs Programs
	// Files is the folder of the example's configuration files, and Dir an empty one
	// for all that the programs write; it is left behind.
	Files, Dir string
	// Self is the program that calls Run, see [Helper].
	Self string
	// Duration is how long metrics are collected, and Rate how many the generator
	// adds to those of the machine, in a second. Seed repeats its values.
	Duration time.Duration
	Rate     int
	Seed     uint64
	// Steps are what happens, in any order.
	Steps []Step
	// Log is told what happens when.
	Log io.Writer
	// Queries is called with the database at the end, if there is a function.
	Queries func(context.Context, *Database) error
}

// Result is what came of a run.
type Result struct {
	// Edge is what was collected, Database what the database has.
	Edge, Database Summary
	// Collected says more about the edge, Difference compares the two.
	Collected  Collected
	Difference Difference
	// Repeats is how many messages came to the receiver again.
	Repeats int64
	// Drain is how long it took from the end of the collection until all was there.
	Drain time.Duration
	// Emulator is what each run of the emulator said at its end.
	Emulator []string
	// Logs are those of the Telegrafs.
	Logs string
}

const (
	quietLimit = 25 * time.Second // so long nothing has come, so that nothing will
	drainLimit = 2 * time.Minute
	stopLimit  = 30 * time.Second
	childLimit = 10 * time.Second
)

// What happens to webhooks on their way.
var unreliable = []string{
	"--webhook-fail", "duplicate:25%,reorder=2s:50%,drop:5%", "--webhook-retries", "2", "--webhook-retry-wait", "250ms", "--webhook-workers", "4",
}

// generatorConf adds the generator to the edge.
const generatorConf = `
[[inputs.execd]]
  command = [%s]
  signal = "none"
  restart_delay = "1h"
  data_format = "influx"
`

// run is a run of the example.
type run struct {
	Config
	begin time.Time
	env   []string

	cloud, api, receiver, backup string // addresses
	database                     Database

	emulator              *lab.Emulator
	influxd, server, edge *lab.Process
	serverLogs            strings.Builder // of those that have ended
	result                Result
}

// Run runs the example. The result tells what it found even if there is an error.
func Run(ctx context.Context, c Config) (Result, error) {
	r := &run{Config: c, begin: time.Now()}
	defer r.cleanUp()
	err := r.run(ctx)
	r.result.Logs = r.logs()
	return r.result, err
}

func (r *run) file(name string) string { return filepath.Join(r.Dir, name) }

func (r *run) run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for _, up := range []func(context.Context) error{r.databaseUp, r.cloudUp, r.serverUp, r.edgeUp} {
		if err := up(ctx); err != nil {
			return err
		}
	}
	r.begin = time.Now()
	r.note("all parts run; the edge collects for %s", r.Duration)

	steps := slices.Clone(r.Steps)
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	for _, step := range steps {
		if err := r.wait(ctx, time.Until(r.begin.Add(step.At))); err != nil {
			return err
		}
		r.note("%s", step.What)
		if err := step.do(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", step.What, err)
		}
	}
	if err := r.wait(ctx, time.Until(r.begin.Add(r.Duration))); err != nil {
		return err
	}
	if _, err := r.edge.Stop(stopLimit); err != nil {
		return fmt.Errorf("the stop of the edge failed: %w: %s", err, tail(r.edge.Log()))
	}
	r.note("the edge has stopped")
	if err := r.drain(ctx); err != nil {
		return err
	}
	if r.Queries != nil {
		return r.Queries(ctx, &r.database)
	}
	return nil
}

// prepare finds ports and writes secrets and what the configuration files refer to.
func (r *run) prepare(ctx context.Context) error {
	ports, err := lab.FreeAddresses(ctx, 5)
	if err != nil {
		return err
	}
	r.cloud, r.api, r.receiver, r.backup = ports[0], ports[1], ports[2], ports[3]
	r.database = Database{Address: ports[4], Name: "edge"}
	r.env = []string{
		"EXAMPLE_BINARY=" + r.Programs.Hologram,
		"EXAMPLE_FILES=" + r.Files,
		"EXAMPLE_DATA=" + r.Dir,
		"EXAMPLE_CLOUD=" + r.cloud,
		"EXAMPLE_API=" + r.api,
		"EXAMPLE_RECEIVER=" + r.receiver,
		"EXAMPLE_DATABASE=" + r.database.Address,
		"INFLUXDB_HTTP_BIND_ADDRESS=" + r.database.Address,
		"INFLUXDB_BIND_ADDRESS=" + r.backup,
	}
	generator := fmt.Sprintf(generatorConf, lab.Quoted([]string{
		r.Self, generatorName, "--rate", strconv.Itoa(r.Rate), "--seed", strconv.FormatUint(r.Seed, 10),
	}))
	for name, text := range map[string]string{
		"webhook.secret": "not-a-real-secret\n",
		"webhook.header": "X-Hologram-Secret: not-a-real-secret\n",
		"api.key":        "not-a-real-key\n",
		"events.jsonl":   "",
		"generator.conf": generator,
	} {
		if err := os.WriteFile(r.file(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot write what the example needs: %w", err)
		}
	}
	for _, name := range []string{"influxdb", "telegraf"} {
		if err := os.MkdirAll(r.file(name), 0o700); err != nil {
			return fmt.Errorf("cannot make a folder: %w", err)
		}
	}
	return nil
}

func (r *run) databaseUp(ctx context.Context) (err error) {
	if r.influxd, err = lab.StartProgram(r.Dir, r.env, r.Programs.Influxd, "-config", filepath.Join(r.Files, "server", "influxdb.conf")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	if err := r.database.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %s", err, tail(r.influxd.Log()))
	}
	return nil
}

// cloudUp starts the emulator, which lists what earlier ones have taken.
func (r *run) cloudUp(ctx context.Context) (err error) {
	log := r.file("events.jsonl")
	args := append([]string{
		"--quiet",
		"--webhook", "http://" + r.receiver + "/hologram", "--webhook-header-file", r.file("webhook.header"),
		"--api", r.api, "--api-key-file", r.file("api.key"), "--api-load", log,
	}, unreliable...)
	r.emulator, err = lab.StartEmulatorAt(ctx, r.Programs.Hologram, r.cloud, log, io.Discard, args...)
	return err
}

func (r *run) cloudDown() error {
	if r.emulator == nil {
		return nil
	}
	said, err := r.emulator.Stop()
	r.emulator = nil
	lines := strings.Split(strings.TrimSpace(said), "\n")
	r.result.Emulator = append(r.result.Emulator, lines[len(lines)-1])
	return err
}

func (r *run) serverUp(context.Context) (err error) {
	r.server, err = lab.StartTelegraf(r.Programs.Telegraf, r.Dir, r.env, filepath.Join(r.Files, "server", "telegraf.conf"))
	return err
}

func (r *run) serverDown() error {
	if r.server == nil {
		return nil
	}
	_, err := r.server.Stop(stopLimit)
	r.serverLogs.WriteString(r.server.Log())
	if err != nil {
		err = fmt.Errorf("the stop of the server failed: %w: %s", err, tail(r.server.Log()))
	}
	r.server = nil
	return err
}

func (r *run) edgeUp(context.Context) (err error) {
	r.edge, err = lab.StartTelegraf(r.Programs.Telegraf, r.Dir, r.env, filepath.Join(r.Files, "edge", "telegraf.conf"), r.file("generator.conf"))
	return err
}

// drain waits until the database has all, or until nothing comes any more.
func (r *run) drain(ctx context.Context) error {
	metrics, err := lab.ReadMetricsFile(r.file("witness.lp"))
	if err != nil {
		return err
	}
	if r.result.Collected, err = Collect(metrics); err != nil {
		return err
	}
	if r.result.Edge, err = r.result.Collected.Points.Summary(); err != nil {
		return err
	}
	begin, last, found := time.Now(), time.Now(), -1
	for {
		points, err := r.database.Points(ctx)
		if err != nil {
			return err
		}
		r.result.Difference = Compare(&r.result.Collected, points)
		if r.result.Database, err = points.Summary(); err != nil {
			return err
		}
		if n := r.result.Difference.Found; n != found {
			found, last = n, time.Now()
		}
		r.result.Drain = last.Sub(begin)
		if r.result.Difference.None() || time.Since(last) > quietLimit || time.Since(begin) > drainLimit {
			break
		}
		if err := r.wait(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	r.note("the database has %d of %d metrics", r.result.Difference.Found, len(r.result.Collected.Metrics))
	r.result.Repeats, err = r.database.Repeats(ctx)
	return errors.Join(err, r.cloudDown(), r.serverDown())
}

// wait waits, unless a part ends in the meantime that should not.
func (r *run) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var server <-chan struct{}
	if r.server != nil {
		server = r.server.Done()
	}
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-server:
		return fmt.Errorf("the server's Telegraf ended by itself: %s", tail(r.server.Log()))
	case <-r.influxd.Done():
		return fmt.Errorf("InfluxDB ended by itself: %s", tail(r.influxd.Log()))
	}
}

// cleanUp ends what is left, however the run has ended.
func (r *run) cleanUp() {
	for _, p := range []*lab.Process{r.edge, r.server, r.influxd} {
		if p != nil {
			p.EndGroup(childLimit)
		}
	}
	_ = r.cloudDown()
}

func (r *run) logs() string {
	all := r.serverLogs.String()
	if r.server != nil {
		all += r.server.Log()
	}
	if r.edge != nil {
		all = "edge:\n" + r.edge.Log() + "server:\n" + all
	}
	return all
}

func (r *run) note(format string, args ...any) {
	fmt.Fprintf(r.Log, "%6.1f s  %s\n", time.Since(r.begin).Seconds(), fmt.Sprintf(format, args...))
}

// tail is the end of a log.
func tail(log string) string {
	const length = 4000
	if len(log) > length {
		return "..." + log[len(log)-length:]
	}
	return log
}

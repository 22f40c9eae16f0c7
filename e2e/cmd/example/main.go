//go:build linux

// Example runs examples/edge-to-database on one machine: metrics of this machine and
// of a generator go from a Telegraf at the edge through our output, an emulated cloud,
// our input and a second Telegraf into InfluxDB, while parts of it fail. In the end
// it queries the database, and compares all of it with what was collected.
//
// It needs influxd, which is Debian's package influxdb, and leaves nothing behind but
// the built Telegraf in the cache folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"telegraf-hologram/e2e/internal/chain"
	"telegraf-hologram/e2e/internal/lab"
)

func main() {
	if code, ok := chain.Helper(os.Args[1:]); ok {
		os.Exit(code)
	}
	var o options
	flag.StringVar(&o.binary, "binary", "", "the built telegraf-hologram; without it, it is built")
	flag.StringVar(&o.root, "root", "..", "the `folder` of our module")
	flag.StringVar(&o.cache, "cache", ".cache", "the `folder` that keeps the built Telegraf")
	flag.StringVar(&o.keep, "keep", "", "keep what the programs leave behind in this `folder`, which must be empty")
	flag.StringVar(&o.troubles, "troubles", "", "further `troubles` besides the ordinary ones, a comma-separated list of telegraf (kill -9 of the server's Telegraf) and database (kill -9 of InfluxDB)")
	flag.IntVar(&o.rounds, "rounds", 1, "so `many` rounds of troubles, of 20 s each; 0 is 10 s without any")
	flag.IntVar(&o.rate, "rate", 50, "so `many` metrics of the generator a second")
	flag.Uint64Var(&o.seed, "seed", 1, "repeat the generator's values of an earlier run")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 0 || o.rate < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	binary, root, cache, keep, troubles string
	rounds, rate                        int
	seed                                uint64
}

// steps are the troubles, and how long it all takes.
func (o *options) steps() (steps []chain.Step, total time.Duration, err error) {
	const round = chain.Round + 2*time.Second
	var further []string
	if o.troubles != "" {
		further = strings.Split(o.troubles, ",")
	}
	for i := range o.rounds {
		from := time.Duration(i) * round
		steps = append(steps, chain.Trouble(from)...)
		for _, name := range further {
			switch name {
			case "telegraf":
				steps = append(steps, chain.KillTelegraf(from+18*time.Second))
			case "database":
				steps = append(steps, chain.KillDatabase(from+8*time.Second))
			default:
				return nil, 0, fmt.Errorf("there is no trouble %q; there are telegraf and database", name)
			}
		}
	}
	return steps, max(10*time.Second, time.Duration(o.rounds)*round), nil
}

func (o *options) run(ctx context.Context, out io.Writer) (err error) {
	c := chain.Config{Rate: o.rate, Seed: o.seed, Log: out}
	if c.Steps, c.Duration, err = o.steps(); err != nil {
		return err
	}
	if c.Programs.Influxd, err = exec.LookPath("influxd"); err != nil {
		return errors.New("there is no influxd; on Debian: apt-get install --no-install-recommends influxdb")
	}
	if c.Self, err = os.Executable(); err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	if c.Files, err = filepath.Abs(filepath.Join(o.root, "examples", "edge-to-database")); err != nil {
		return fmt.Errorf("cannot find the example: %w", err)
	}
	dir, remove, err := lab.Folder(o.keep, "telegraf-hologram-example-")
	if err != nil {
		return err
	}
	defer remove()
	c.Dir = dir
	fmt.Fprintf(out, "Telegraf %s: the first time it is built from source, with about 80 MB of modules ...\n", lab.TelegrafVersion)
	if c.Programs.Telegraf, err = lab.BuildTelegraf(ctx, o.cache); err != nil {
		return err
	}
	if c.Programs.Hologram = o.binary; o.binary == "" {
		if c.Programs.Hologram, err = lab.BuildHologram(ctx, o.root, dir); err != nil {
			return err
		}
	}
	if c.Programs.Hologram, err = filepath.Abs(c.Programs.Hologram); err != nil {
		return fmt.Errorf("cannot find %s: %w", o.binary, err)
	}
	text, err := os.ReadFile(filepath.Join(c.Files, "queries.influxql"))
	if err != nil {
		return fmt.Errorf("cannot read the queries: %w", err)
	}
	c.Queries = func(ctx context.Context, d *chain.Database) error { return show(ctx, out, d, string(text)) }

	result, err := chain.Run(ctx, c)
	if err != nil {
		return err
	}
	summary(out, &result)
	if !result.Difference.None() || result.Edge != result.Database || result.Edge.Points == 0 {
		return errors.New("the database is not what was collected: " + result.Difference.String() + "\n" + problems(result.Logs))
	}
	return nil
}

// problems are the warnings and errors in a log.
func problems(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, " E! ") || strings.Contains(line, " W! ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// show runs queries, one a line with a comment in front of each, and prints what
// they give.
func show(ctx context.Context, out io.Writer, d *chain.Database, queries string) error {
	for line := range strings.Lines(queries) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if comment, ok := strings.CutPrefix(line, "-- "); ok {
			fmt.Fprintf(out, "\n%s:\n", comment)
			continue
		}
		fmt.Fprintf(out, "> %s\n", line)
		tables, err := d.Query(ctx, line)
		if err != nil {
			return err
		}
		for _, t := range tables {
			var tags []string
			for key, value := range t.Tags {
				tags = append(tags, key+"="+value)
			}
			slices.Sort(tags)
			fmt.Fprintf(out, "  %s %s\n", t.Name, strings.Join(tags, " "))
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
			fmt.Fprintf(w, "\t%s\t\n", strings.Join(t.Columns, "\t"))
			for _, row := range t.Values {
				for i, value := range row {
					fmt.Fprintf(w, "\t%s", cell(t.Columns[i], value))
				}
				fmt.Fprint(w, "\t\n")
			}
			if err := w.Flush(); err != nil {
				return fmt.Errorf("cannot print: %w", err)
			}
		}
	}
	return nil
}

// cell is a value as a person reads it.
func cell(column string, value any) string {
	number, ok := value.(interface {
		Int64() (int64, error)
		Float64() (float64, error)
	})
	if !ok {
		return fmt.Sprint(value)
	}
	if n, err := number.Int64(); err == nil {
		if column == "time" {
			return time.Unix(0, n).UTC().Format("15:04:05")
		}
		return strconv.FormatInt(n, 10)
	}
	f, err := number.Float64()
	if err != nil {
		return fmt.Sprint(value)
	}
	return fmt.Sprintf("%.2f", f)
}

func summary(out io.Writer, r *chain.Result) {
	c, d := &r.Collected, &r.Difference
	fmt.Fprint(out, "\nThe emulator, each time that it stopped:\n")
	for _, said := range r.Emulator {
		fmt.Fprintf(out, "  %s\n", said)
	}
	fmt.Fprintf(out, "The receiver knew %d messages that came again.\n\n", r.Repeats)
	fmt.Fprintf(out, "%-32s %10s %10s\n", "", "edge", "database")
	fmt.Fprintf(out, "%-32s %10d %10d\n", "metrics", len(c.Metrics), d.Found)
	fmt.Fprintf(out, "%-32s %10d %10d\n", "points (of one series and time)", r.Edge.Points, r.Database.Points)
	fmt.Fprintf(out, "%-32s %10d %10d\n", "fields", r.Edge.Fields, r.Database.Fields)
	fmt.Fprintf(out, "%-32s %10s %10d\n", "missing", "", len(d.Missing))
	fmt.Fprintf(out, "%-32s %10s %10d\n", "other value or type", "", len(d.Wrong))
	fmt.Fprintf(out, "%-32s %10s %10d\n", "never collected", "", len(d.Strange))
	fmt.Fprintf(out, "SHA-256 of all points as sorted lines:\n  %s  edge\n  %s  database\n\n", r.Edge.SHA256, r.Database.SHA256)
	fmt.Fprintf(out, "%d of the metrics are the generator's, %d of those were refused by the Telegraf at the edge.\n", c.Generated, c.Refused)
	fmt.Fprintf(out, "Values at the edge: %d floats, %d integers, %d unsigned, %d texts, %d booleans.\n",
		c.Kinds[lineprotocol.Float], c.Kinds[lineprotocol.Int], c.Kinds[lineprotocol.Uint], c.Kinds[lineprotocol.String], c.Kinds[lineprotocol.Bool])
	fmt.Fprintf(out, "InfluxDB 1.x has no unsigned integers: those became integers, and %d of them, above 9223372036854775807, became that.\n", c.Clamped)
	fmt.Fprintf(out, "The last point came %s after the edge had stopped.\n", r.Drain.Round(100*time.Millisecond))
}

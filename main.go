// Command telegraf-hologram connects Telegraf with the Hologram cellular cloud.
// Telegraf starts it through outputs.execd and inputs.execd; the other commands help to set it
// up and to read what was sent.
package main

//go:generate go run ./internal/gendocs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/cli"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/plugins/inputs/modem_sms"
	"telegraf-hologram/plugins/outputs/hologram"
	"telegraf-hologram/plugins/outputs/hologram_sms"
)

// version is set by the linker.
var version = "development"

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// gcPercent keeps the heap near what is alive: the device has little memory and
// the work is little too.
const gcPercent = 25

const (
	programName = "telegraf-hologram"
	about       = "sends Telegraf's metrics through the Hologram cellular cloud, and receives SMS as metrics"
)

// commands are all commands that this build has. Their options are those that each
// parses with; help, manual page and completion are made of both.
func commands() []cli.Command {
	all := []cli.Command{
		{Name: "", Args: "--config FILE", Summary: "run the one plugin in FILE (what outputs.execd or inputs.execd starts)", Run: plugin},
		{Name: "check", Args: "--config FILE", Summary: "load and validate FILE, say what it would do", Run: check},
		{Name: "status", Args: "--config FILE", Summary: "what waits in the buffer, how the link is, what it has cost", Run: status},
		{Name: "sms list", Args: "--config FILE [--since TIME]", Summary: "the SMS in the journal", Run: sms},
		{Name: "sms replay", Args: "--config FILE [--since TIME]", Summary: "their metrics once more, as line protocol", Run: sms},
		{Name: "sample-config", Args: "[PLUGIN]", Summary: "print the sample configuration", Run: sampleConfig},
		{Name: "encode", Args: "[options]", Summary: "line protocol on stdin to Socket API messages, one a line", Run: encode},
		{Name: "version", Summary: "print the version", Run: printVersion},
	}
	return append(all, farCommands()...)
}

// fullBuild says where there is what a build for devices does not have.
const fullBuild = "the package telegraf-hologram-full has it, and so has what \"make build\" builds"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		cli.Usage(stderr, programName, about, commands())
		return exitUsage
	}
	switch name, rest := args[0], args[1:]; name {
	case "help", "--help", "-help", "-h":
		return help(stdout, stderr)
	case "--version", "-version":
		return printVersion(nil, stdin, stdout, stderr)
	default:
		if strings.HasPrefix(name, "-") {
			return plugin(args, stdin, stdout, stderr)
		}
		for _, c := range commands() {
			if first, _, _ := strings.Cut(c.Name, " "); first == name {
				return c.Run(rest, stdin, stdout, stderr)
			}
		}
		if isLeftOut(name) {
			fmt.Fprintf(stderr, "telegraf-hologram: this build is for devices (edge) and has no command %s; %s\n", name, fullBuild)
			return exitUsage
		}
		fmt.Fprintf(stderr, "telegraf-hologram: %q is no command; see telegraf-hologram help\n", name)
		return exitUsage
	}
}

// help is the help of the program, with the options of what it does without a command.
func help(stdout, stderr io.Writer) int {
	cli.Usage(stdout, programName, about, commands())
	fmt.Fprintln(stdout)
	return plugin([]string{"--help"}, nil, stdout, stderr)
}

func printVersion(_ []string, _ io.Reader, stdout, _ io.Writer) int {
	fmt.Fprintf(stdout, "telegraf-hologram %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitDone
}

// parse reads the options of a command. Where it returns false the command ends
// with the code.
func parse(fs *flag.FlagSet, args []string, stdout, stderr io.Writer) (code int, ok bool) {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {} // not for every wrong option: it would hide the error
	err := fs.Parse(args)
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: %s [options]\n", fs.Name())
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return exitDone, false
	case err != nil:
		return wrongUsage(fs, stderr, err), false
	}
	return exitDone, true
}

func wrongUsage(fs *flag.FlagSet, stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "telegraf-hologram: %v; see %s --help\n", err, fs.Name())
	return exitUsage
}

func fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "telegraf-hologram: %v\n", err)
	return exitFailed
}

// plugin runs the plugin in a configuration file until stdin ends.
func plugin(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cfg, code := load(flag.NewFlagSet("telegraf-hologram", flag.ContinueOnError), args, stdout, stderr)
	if cfg == nil {
		return code
	}
	debug.SetGCPercent(gcPercent)
	if err := execd.Run(context.Background(), cfg, stdin, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	return exitDone
}

// load loads the configuration that the arguments of a command name, beside the
// options that fs has already. Where it returns nil the command ends with the
// code.
func load(fs *flag.FlagSet, args []string, stdout, stderr io.Writer) (cfg *execd.Config, code int) {
	file := ""
	fs.StringVar(&file, "config", file, "configuration `file` with one plugin")
	if code, ok := parse(fs, args, stdout, stderr); !ok {
		return nil, code
	}
	if file == "" {
		return nil, wrongUsage(fs, stderr, errors.New("no configuration: give --config FILE"))
	}
	cfg, err := execd.Load(file)
	if err != nil {
		return nil, fail(stderr, farPlugin(err))
	}
	return cfg, exitDone
}

func check(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	cfg, code := load(flag.NewFlagSet("telegraf-hologram check", flag.ContinueOnError), args, stdout, stderr)
	if cfg != nil {
		fmt.Fprint(stdout, cfg.Describe())
	}
	return code
}

// status shows the buffer, the link and the costs, whether the plugin runs or
// not.
func status(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-hologram status", flag.ContinueOnError)
	asJSON := false
	fs.BoolVar(&asJSON, "json", asJSON, "write JSON")
	price := -1.0
	fs.Func("price-per-mb", "`price` of 1 MB, which is 1,000,000 bytes (default: price_per_mb of the configuration)", func(s string) error {
		var err error
		price, err = strconv.ParseFloat(s, 64)
		if err != nil || price < 0 || math.IsNaN(price) || math.IsInf(price, 0) {
			return errors.New("want a number of 0 or more")
		}
		return nil
	})
	cfg, code := load(fs, args, stdout, stderr)
	if cfg == nil {
		return code
	}
	if price >= 0 {
		cfg.Options.PricePerMB = price
	}
	if err := cfg.Status(stdout, asJSON); err != nil {
		return fail(stderr, err)
	}
	return exitDone
}

// sample is the sample configuration of a plugin.
type sample struct{ name, text string }

// samples are the sample configurations of all plugins, in order.
func samples() []sample {
	return append(farSamples(), []sample{
		{"inputs.modem_sms", modemsms.New().SampleConfig()},
		{"outputs.hologram", hologram.New().SampleConfig()},
		{"outputs.hologram_sms", hologramsms.New().SampleConfig()},
	}...)
}

func sampleConfig(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	wanted := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		wanted, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("telegraf-hologram sample-config", flag.ContinueOnError)
	if code, ok := parse(fs, args, stdout, stderr); !ok {
		return code
	}
	var names, texts []string
	for _, s := range samples() {
		names = append(names, s.name)
		if wanted == "" || wanted == s.name || wanted == s.name[strings.IndexByte(s.name, '.')+1:] {
			texts = append(texts, s.text)
		}
	}
	if len(texts) == 0 {
		fmt.Fprintf(stderr, "telegraf-hologram: %v\n",
			farPlugin(fmt.Errorf("there is no plugin %q; there is %s", wanted, strings.Join(names, ", "))))
		return exitUsage
	}
	fmt.Fprint(stdout, strings.Join(texts, "\n"))
	return exitDone
}

// packing are the options that say how metrics become messages.
func packing(fs *flag.FlagSet, h *hologram.Hologram, batch *int) {
	fs.Func("max-message-size", fmt.Sprintf("`bytes` of a message at most (default %d)", h.MessageSize), func(s string) error {
		return h.MessageSize.UnmarshalText([]byte(s))
	})
	fs.StringVar(&h.DataFormat, "data-format", h.DataFormat, "`format` of the data: compact, influx or json")
	fs.StringVar(&h.FieldNames, "field-names", h.FieldNames, "`names` of the fields: short or full")
	fs.StringVar(&h.Topics, "topics", h.Topics, "which metrics share a message: `batch` or measurement")
	fs.IntVar(batch, "metric-batch-size", *batch, "`number` of metrics that are packed at once")
}

// initPacking checks the options of packing.
func initPacking(h *hologram.Hologram, batch int) error {
	if batch < 1 {
		return fmt.Errorf("--metric-batch-size %d: want 1 or more", batch)
	}
	return h.Init()
}

// encode writes the messages that the output plugin would send for the line
// protocol on stdin.
func encode(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-hologram encode", flag.ContinueOnError)
	h := hologram.New()
	batch := execd.DefaultOptions().MetricBatchSize
	h.DeviceKey = "00000000"
	fs.StringVar(&h.DeviceKey, "key", h.DeviceKey, "device `key`, eight characters")
	packing(fs, h, &batch)
	if code, ok := parse(fs, args, stdout, stderr); !ok {
		return code
	}
	if err := initPacking(h, batch); err != nil {
		return wrongUsage(fs, stderr, err)
	}

	out := bufio.NewWriter(stdout)
	code := exitDone
	problem := func(err error) {
		fmt.Fprintf(stderr, "telegraf-hologram: %v\n", err)
		code = exitFailed
	}
	var waiting []telegraf.Metric
	flush := func() error {
		err := h.Encode(waiting, func(_ int, err error) { problem(err) }, func(message []byte) error {
			_, err := out.Write(append(bytes.TrimRight(message, "\n"), '\n'))
			return err
		})
		waiting = waiting[:0]
		return err
	}
	err := readMetrics(stdin, problem, func(m telegraf.Metric) error {
		if waiting = append(waiting, m); len(waiting) < batch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return fail(stderr, err)
	}
	if len(waiting) > 0 {
		if err := flush(); err != nil {
			return fail(stderr, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fail(stderr, err)
	}
	return code
}

// readMetrics calls add with each metric of line protocol, and problem with what is
// wrong with a record that is none. "> " before a record, as "telegraf --test" writes
// it, is passed over. It ends with the first error of add or of reading.
func readMetrics(in io.Reader, problem func(error), add func(telegraf.Metric) error) error {
	record := 0
	take := func(data []byte) error {
		record++
		m, err := execd.ParseRecord(bytes.TrimPrefix(data, []byte("> ")), time.Now())
		if err != nil {
			problem(fmt.Errorf("record %d: %w", record, err))
			return nil
		}
		return add(m)
	}
	split := execd.NewSplitter(execd.MaxRecord, func([]byte) {
		problem(fmt.Errorf("a record after record %d is longer than %d bytes", record, execd.MaxRecord))
	})
	chunk := make([]byte, 64<<10)
	for {
		n, err := in.Read(chunk)
		records := split.Split(nil, chunk[:n])
		if errors.Is(err, io.EOF) {
			if last := split.Finish(); last != nil {
				records = append(records, last)
			}
		}
		for _, r := range records {
			if err := take(r); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading line protocol: %w", err)
		}
	}
}

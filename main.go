// Command telegraf-hologram connects Telegraf with the Hologram cellular cloud.
// Telegraf starts it through outputs.execd; the other commands help to set it
// up and to read what was sent.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/serializers/influx"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/plugins/outputs/hologram"
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

const usage = `telegraf-hologram sends Telegraf's metrics through the Hologram cellular cloud.

Usage:
  telegraf-hologram --config FILE          run the one plugin in FILE (what outputs.execd starts)
  telegraf-hologram check --config FILE    load and validate FILE, say what it would do
  telegraf-hologram sample-config [PLUGIN] print the sample configuration
  telegraf-hologram encode [options]       line protocol on stdin to Socket API messages, one a line
  telegraf-hologram decode                 payloads, messages and events on stdin to line protocol
  telegraf-hologram emulator [options]     the Hologram cloud on this machine
  telegraf-hologram version                print the version

"telegraf-hologram COMMAND --help" lists the options of a command.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch name, rest := args[0], args[1:]; name {
	case "check":
		return check(rest, stdout, stderr)
	case "sample-config":
		return sampleConfig(rest, stdout, stderr)
	case "encode":
		return encode(rest, stdin, stdout, stderr)
	case "decode":
		return decode(rest, stdin, stdout, stderr)
	case "emulator":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return emulator.Command(ctx, rest, stdout, stderr, decodeData)
	case "version", "--version", "-version":
		fmt.Fprintf(stdout, "telegraf-hologram %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitDone
	case "help", "--help", "-help", "-h":
		fmt.Fprint(stdout, usage)
		return exitDone
	default:
		if strings.HasPrefix(name, "-") {
			return plugin(args, stdin, stdout, stderr)
		}
		fmt.Fprintf(stderr, "telegraf-hologram: %q is no command; see telegraf-hologram help\n", name)
		return exitUsage
	}
}

// parse reads the options of a command. Where it returns false the command ends
// with the code.
func parse(fs *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	fs.SetOutput(stderr)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone, false
	case err != nil:
		return exitUsage, false
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "telegraf-hologram: unexpected argument %q\n", fs.Arg(0))
		return exitUsage, false
	}
	return exitDone, true
}

func fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "telegraf-hologram: %v\n", err)
	return exitFailed
}

// plugin runs the plugin in a configuration file until stdin ends.
func plugin(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-hologram", flag.ContinueOnError)
	file := fs.String("config", "", "configuration `file` with one plugin")
	if code, ok := parse(fs, args, stderr); !ok {
		return code
	}
	cfg, err := load(*file)
	if err != nil {
		return fail(stderr, err)
	}
	debug.SetGCPercent(gcPercent)
	if err := execd.Run(context.Background(), cfg, stdin, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	return exitDone
}

func load(file string) (*execd.Config, error) {
	if file == "" {
		return nil, errors.New("no configuration: give --config FILE")
	}
	return execd.Load(file)
}

func check(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-hologram check", flag.ContinueOnError)
	file := fs.String("config", "", "configuration `file` with one plugin")
	if code, ok := parse(fs, args, stderr); !ok {
		return code
	}
	cfg, err := load(*file)
	if err != nil {
		return fail(stderr, err)
	}
	fmt.Fprintln(stdout, strings.TrimSuffix(cfg.Describe(), "\n"))
	return exitDone
}

func sampleConfig(args []string, stdout, stderr io.Writer) int {
	samples := []struct{ name, text string }{{"outputs.hologram", hologram.New().SampleConfig()}}
	if len(args) > 1 {
		fmt.Fprintln(stderr, "telegraf-hologram: sample-config takes one plugin at most")
		return exitUsage
	}
	found := false
	for i, s := range samples {
		if len(args) == 1 && args[0] != s.name && args[0] != s.name[strings.IndexByte(s.name, '.')+1:] {
			continue
		}
		if i > 0 && len(args) == 0 {
			fmt.Fprintln(stdout)
		}
		fmt.Fprint(stdout, s.text)
		found = true
	}
	if !found {
		fmt.Fprintf(stderr, "telegraf-hologram: there is no plugin %q; there is outputs.hologram\n", args[0])
		return exitUsage
	}
	return exitDone
}

// encode writes the messages that the output plugin would send for the line
// protocol on stdin.
func encode(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-hologram encode", flag.ContinueOnError)
	h := hologram.New()
	batch := execd.DefaultOptions().MetricBatchSize
	fs.StringVar(&h.DeviceKey, "key", "00000000", "device `key`, eight characters")
	fs.Func("max-message-size", fmt.Sprintf("`bytes` of a message at most (default %d)", h.MessageSize), func(s string) error {
		return h.MessageSize.UnmarshalText([]byte(s))
	})
	fs.StringVar(&h.DataFormat, "data-format", h.DataFormat, "`format` of the data: compact, influx or json")
	fs.StringVar(&h.FieldNames, "field-names", h.FieldNames, "`names` of the fields: short or full")
	fs.StringVar(&h.Topics, "topics", h.Topics, "which metrics share a message: `batch` or measurement")
	fs.IntVar(&batch, "metric-batch-size", batch, "`number` of metrics that are packed at once")
	if code, ok := parse(fs, args, stderr); !ok {
		return code
	}
	if batch < 1 {
		fmt.Fprintf(stderr, "telegraf-hologram: --metric-batch-size %d: want 1 or more\n", batch)
		return exitUsage
	}
	if err := h.Init(); err != nil {
		fmt.Fprintf(stderr, "telegraf-hologram: %v\n", err)
		return exitUsage
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
	record := 0
	add := func(data []byte) error {
		record++
		m, err := execd.ParseRecord(data, time.Now())
		if err != nil {
			problem(fmt.Errorf("record %d: %w", record, err))
			return nil
		}
		if waiting = append(waiting, m); len(waiting) < batch {
			return nil
		}
		return flush()
	}

	split := execd.NewSplitter(execd.MaxRecord, func([]byte) {
		problem(fmt.Errorf("a record after record %d is longer than %d bytes", record, execd.MaxRecord))
	})
	chunk := make([]byte, 64<<10)
	for {
		n, err := stdin.Read(chunk)
		records := split.Split(nil, chunk[:n])
		if errors.Is(err, io.EOF) {
			if last := split.Finish(); last != nil {
				records = append(records, last)
			}
		}
		for _, r := range records {
			if err := add(r); err != nil {
				return fail(stderr, err)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fail(stderr, fmt.Errorf("reading line protocol: %w", err))
		}
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

// maxLine bounds a line of decode's input: a payload of the largest size within
// an event within an item of the data log.
const maxLine = 16 << 20

// decode writes the metrics of every line on stdin as line protocol.
func decode(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-hologram decode", flag.ContinueOnError)
	if code, ok := parse(fs, args, stderr); !ok {
		return code
	}
	serializer := &influx.Serializer{UintSupport: true, SortFields: true}
	if err := serializer.Init(); err != nil {
		return fail(stderr, err)
	}
	in := bufio.NewScanner(stdin)
	in.Buffer(make([]byte, 64<<10), maxLine)
	out := bufio.NewWriter(stdout)
	code := exitDone
	for line := 1; in.Scan(); line++ {
		text := in.Text()
		if strings.TrimSpace(text) == "" {
			continue
		}
		e, err := event.Decode(text)
		if err != nil {
			fmt.Fprintf(stderr, "telegraf-hologram: line %d: %v\n", line, err)
			code = exitFailed
			continue
		}
		for _, m := range e.Metrics {
			b, err := serializer.Serialize(m)
			if err != nil {
				fmt.Fprintf(stderr, "telegraf-hologram: line %d: %v\n", line, err)
				code = exitFailed
				continue
			}
			if _, err := out.Write(b); err != nil {
				return fail(stderr, err)
			}
		}
	}
	if err := in.Err(); err != nil {
		code = fail(stderr, fmt.Errorf("reading stdin: %w", err))
	}
	if err := out.Flush(); err != nil {
		return fail(stderr, err)
	}
	return code
}

// decodeData is what the emulator decodes messages with.
func decodeData(data string) ([]telegraf.Metric, error) {
	e, err := event.Decode(data)
	return e.Metrics, err
}

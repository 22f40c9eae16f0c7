// Demo shows the whole way on one machine, without an account: the real Telegraf
// collects this machine's metrics, our binary sends them, the emulator plays the
// cloud, and at the end what Telegraf wrote is compared with what the cloud got.
//
// It leaves nothing behind but the built Telegraf in the cache folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// flushInterval is short, so that there is something to see. A real device would
// rather take 60 s and more, which makes a metric much cheaper.
const flushInterval = 5 * time.Second

const telegrafConf = `
[agent]
  interval = "1s"
  flush_interval = "1s"
  skip_processors_after_aggregators = true

[[inputs.cpu]]

[[inputs.mem]]

[[inputs.disk]]

[[inputs.net]]

[[inputs.system]]

[[outputs.execd]]
  command = ["${DEMO_BINARY}", "--config", "${DEMO_PLUGIN_CONF}"]
  restart_delay = "10s"
  data_format = "influx"
  influx_uint_support = true

[[outputs.file]]
  files = ["${DEMO_WITNESS}"]
  data_format = "influx"
  influx_uint_support = true
`

const pluginConf = `
[[outputs.hologram]]
  address = "${DEMO_ADDRESS}"
  device_key = "demo-key"
  flush_interval = "%s"
  buffer_strategy = "memory"
`

func main() {
	binary := flag.String("binary", "", "the built telegraf-hologram")
	seconds := flag.Int("seconds", 30, "how long Telegraf runs")
	cache := flag.String("cache", ".cache", "the folder that keeps the built Telegraf")
	flag.Parse()
	if *binary == "" || *seconds < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx, os.Stdout, *binary, *cache, time.Duration(*seconds)*time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, out io.Writer, binary, cache string, d time.Duration) error {
	fmt.Fprintf(out, "Telegraf %s: the first time it is built from source, with about 80 MB of modules ...\n", lab.TelegrafVersion)
	start := time.Now()
	telegraf, err := lab.BuildTelegraf(ctx, cache)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Telegraf %s: ready after %s\n", lab.TelegrafVersion, time.Since(start).Round(100*time.Millisecond))

	dir, err := os.MkdirTemp("", "telegraf-hologram-demo-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	conf, plugin := filepath.Join(dir, "telegraf.conf"), filepath.Join(dir, "hologram.conf")
	witness := filepath.Join(dir, "witness.lp")
	if err := os.WriteFile(conf, []byte(telegrafConf), 0o600); err != nil {
		return fmt.Errorf("cannot write Telegraf's configuration: %w", err)
	}
	if err := os.WriteFile(plugin, fmt.Appendf(nil, pluginConf, flushInterval), 0o600); err != nil {
		return fmt.Errorf("cannot write the plugin's configuration: %w", err)
	}

	// The emulator outlives Ctrl-C: what Telegraf still sends has to arrive.
	screen := &messageCounter{out: out}
	emulator, err := lab.StartEmulator(context.WithoutCancel(ctx), binary, filepath.Join(dir, "cloud.jsonl"), screen)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			_, _ = emulator.Stop()
		}
	}()
	fmt.Fprintf(out, "Telegraf collects cpu, mem, disk, net and system each second for %s; messages go out every %s to the emulated cloud at %s:\n\n",
		d, flushInterval, emulator.Address)

	log, err := lab.RunTelegraf(ctx, telegraf, dir, []string{
		"DEMO_BINARY=" + binary,
		"DEMO_PLUGIN_CONF=" + plugin,
		"DEMO_ADDRESS=" + emulator.Address,
		"DEMO_WITNESS=" + witness,
	}, d, conf)
	if err != nil {
		return err
	}
	stopped = true
	if _, err := emulator.Stop(); err != nil {
		return err
	}

	ctx = context.WithoutCancel(ctx)
	collected, err := lab.ReadMetricsFile(witness)
	if err != nil {
		return err
	}
	decoded, err := lab.Decode(ctx, binary, emulator.Log)
	if err != nil {
		return err
	}
	difference := lab.Compare(collected, decoded, lab.Exact)
	summary(out, collected, decoded, difference, screen.sizes)
	if !difference.None() || len(collected) == 0 {
		return errors.Join(errors.New("what arrived is not what was collected: "+difference.String()), errors.New(log))
	}
	return nil
}

func summary(out io.Writer, collected, decoded []lab.Metric, difference lab.Difference, sizes []int) {
	fmt.Fprintf(out, `
metrics collected by Telegraf   %6d
metrics decoded at the cloud    %6d
equal                           %6d
missing                         %6d
duplicates                      %6d
never sent                      %6d

`, len(collected), len(decoded), difference.Equal, len(difference.Missing), len(difference.Twice), len(difference.Strange))

	var batches, singles []int
	var batch strings.Builder
	var begin time.Time
	flush := func() {
		if batch.Len() > 0 {
			batches = append(batches, lab.PlainMessage(batch.String()))
			batch.Reset()
		}
	}
	for _, m := range collected {
		if m.Time.Sub(begin) >= flushInterval {
			flush()
			begin = m.Time
		}
		batch.WriteString(m.Line)
		batch.WriteByte('\n')
		singles = append(singles, lab.PlainMessage(m.Line))
	}
	flush()

	fmt.Fprintf(out, "%-46s %8s %12s %12s %12s %7s\n", "", "messages", "bytes", "on the wire", "per metric", "")
	ours := wire(sizes, lab.OverheadOurs)
	row := func(name string, sizes []int, overhead int) {
		total := wire(sizes, overhead)
		ratio := ""
		if ours > 0 {
			ratio = fmt.Sprintf("%.1f x", float64(total)/float64(ours))
		}
		fmt.Fprintf(out, "%-46s %8d %12d %12d %12.1f %7s\n", name, len(sizes), sum(sizes), total, float64(total)/float64(max(1, len(collected))), ratio)
	}
	row("telegraf-hologram", sizes, lab.OverheadOurs)
	row("line protocol, one message per flush", batches, lab.OverheadPlain)
	row("line protocol, one message per metric", singles, lab.OverheadPlain)
	fmt.Fprintf(out, `
The bytes are those of the messages, with credentials and terminator. The bytes on the wire are computed:
with them come %d bytes a message for TCP, IP and the answer (%d with a plain client), and %d more for each
further 1448 bytes.
`, lab.OverheadOurs, lab.OverheadPlain, lab.WireBytes(1449, 0)-1449)
}

func wire(sizes []int, overhead int) int {
	total := 0
	for _, size := range sizes {
		total += lab.WireBytes(size, overhead)
	}
	return total
}

func sum(sizes []int) int {
	total := 0
	for _, size := range sizes {
		total += size
	}
	return total
}

// messageCounter shows the emulator's lines and keeps the sizes in bytes of the
// messages that they report as taken.
type messageCounter struct {
	out   io.Writer
	part  string
	sizes []int
}

var taken = regexp.MustCompile(` message +taken +(\d+) B `)

func (c *messageCounter) Write(p []byte) (int, error) {
	c.part += string(p)
	for {
		line, rest, whole := strings.Cut(c.part, "\n")
		if !whole {
			return len(p), nil
		}
		c.part = rest
		if m := taken.FindStringSubmatch(line); m != nil {
			size, err := strconv.Atoi(m[1])
			if err != nil {
				return 0, fmt.Errorf("cannot read the emulator's line %q: %w", line, err)
			}
			c.sizes = append(c.sizes, size)
		}
		if _, err := fmt.Fprintln(c.out, "  "+line); err != nil {
			return 0, fmt.Errorf("cannot show the emulator's line: %w", err)
		}
	}
}

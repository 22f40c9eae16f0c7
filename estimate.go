//go:build !edge

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/estimate"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/smspack"
	"telegraf-hologram/plugins/outputs/hologram"
)

// The prices of Hologram's pay-as-you-go plan in 2026.
const (
	pricePerMB  = 0.03
	pricePerSMS = 0.19
)

// maxEstimated bounds the metrics that are kept to reckon with.
const maxEstimated = 200_000

// minInterval is the shortest time between two collections or two sendings.
const minInterval = 100 * time.Millisecond

// usageOptions are the options of estimate.
type usageOptions struct {
	file             string
	interval         execd.Duration
	every            []time.Duration // nil: from the interval up to an hour
	perMB, perSMS    float64
	countsSMS        bool
	plugin           *hologram.Hologram
	batch            int
	problem          func(error)
	metricsInFile    int
	collectionsFound [][]telegraf.Metric
}

// estimateUsage tells what a device would use for such metrics as are in a file.
func estimateUsage(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	code := exitDone
	o := usageOptions{perMB: pricePerMB, perSMS: pricePerSMS, plugin: hologram.New(), batch: execd.DefaultOptions().MetricBatchSize}
	o.problem = func(err error) {
		fmt.Fprintf(stderr, "telegraf-hologram: %v\n", err)
		code = exitFailed
	}
	fs := flag.NewFlagSet(programName+" estimate", flag.ContinueOnError)
	o.add(fs)
	if code, ok := parse(fs, args, stdout, stderr); !ok {
		return code
	}
	if err := initPacking(o.plugin, o.batch); err != nil {
		return wrongUsage(fs, stderr, err)
	}
	if err := o.read(stdin); err != nil {
		return fail(stderr, err)
	}
	if o.interval == 0 {
		if o.interval = execd.Duration(estimate.Spacing(o.collectionsFound)); o.interval < execd.Duration(minInterval) {
			return wrongUsage(fs, stderr, errors.New("there is one collection: give --interval"))
		}
	}
	if err := o.print(stdout); err != nil {
		return fail(stderr, err)
	}
	return code
}

func (o *usageOptions) add(fs *flag.FlagSet) {
	o.plugin.DeviceKey = "00000000"
	fs.StringVar(&o.file, "file", o.file, "`file` with line protocol of one or more collections, as \"telegraf --test\" or outputs.file write it; - or none is stdin")
	fs.Func("interval", "`time` from one collection to the next, Telegraf's interval (default: as in the file)", func(s string) error {
		if err := o.interval.UnmarshalText([]byte(s)); err != nil {
			return err
		}
		return checkInterval(time.Duration(o.interval))
	})
	fs.Func("flush-interval", "`times` from one sending to the next, with commas between (default: the interval, 1m, 5m, 15m, 1h)", func(s string) error {
		for text := range strings.SplitSeq(s, ",") {
			var d execd.Duration
			if err := d.UnmarshalText([]byte(text)); err != nil {
				return err
			}
			if err := checkInterval(time.Duration(d)); err != nil {
				return err
			}
			o.every = append(o.every, time.Duration(d))
		}
		return nil
	})
	price := func(to *float64) func(string) error {
		return func(s string) (err error) {
			if *to, err = strconv.ParseFloat(s, 64); err != nil || *to < 0 || math.IsNaN(*to) || math.IsInf(*to, 0) {
				return errors.New("want a number of 0 or more")
			}
			return nil
		}
	}
	fs.Func("price-per-mb", fmt.Sprintf("`price` of 1 MB, which is 1,000,000 bytes (default %v, pay as you go in 2026)", pricePerMB), price(&o.perMB))
	fs.Func("price-per-sms", fmt.Sprintf("`price` of an SMS (default %v, likewise)", pricePerSMS), price(&o.perSMS))
	fs.BoolVar(&o.countsSMS, "sms", o.countsSMS, "tell how many compact SMS it would be, too")
	fs.Func("timestamp-precision", "`precision` of times: 1ns, 1us, 1ms, 1s or 1m", func(s string) error { return o.plugin.Precision.UnmarshalText([]byte(s)) })
	fs.IntVar(&o.plugin.FloatDigits, "float-digits", o.plugin.FloatDigits, "significant `digits` of floats; 0 is all")
	packing(fs, o.plugin, &o.batch)
}

func checkInterval(d time.Duration) error {
	if d < minInterval || d > estimate.Month*estimate.Day {
		return errors.New(`want "100ms" to "30d"`)
	}
	return nil
}

// read reads the metrics and divides them into collections.
func (o *usageOptions) read(stdin io.Reader) error {
	in := stdin
	if o.file != "" && o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return fmt.Errorf("reading line protocol: %w", err)
		}
		defer func() { _ = f.Close() }() // nothing was written
		in = f
	}
	var metrics []telegraf.Metric
	err := readMetrics(in, o.problem, func(m telegraf.Metric) error {
		if len(metrics) == maxEstimated {
			return fmt.Errorf("there are more than %d metrics; a few collections are enough", maxEstimated)
		}
		metrics = append(metrics, m)
		return nil
	})
	if err != nil {
		return err
	}
	if len(metrics) == 0 {
		return errors.New("there is no metric")
	}
	o.metricsInFile, o.collectionsFound = len(metrics), estimate.Collections(metrics)
	return nil
}

func (o *usageOptions) print(w io.Writer) error {
	interval := time.Duration(o.interval)
	n := len(o.collectionsFound)
	plural := "s"
	if n == 1 {
		plural = ""
	}
	fmt.Fprintf(w, "%d metrics in %d collection%s, %.0f in each, every %s; data_format %q\n\n",
		o.metricsInFile, n, plural, float64(o.metricsInFile)/float64(n), o.interval, o.plugin.DataFormat)

	every := o.every
	if every == nil {
		every = []time.Duration{interval}
		for _, d := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour} {
			if d > interval {
				every = append(every, d)
			}
		}
	}
	config := o.config()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "sent every\tmessages a day\tbytes a message\tbytes a day\tMB a month\tcost a month\t"
	if o.countsSMS {
		head += "SMS a month\tcost a month\t"
	}
	fmt.Fprintln(table, head)
	tooHigh, tooMany := false, false
	for _, d := range every {
		u, err := config.Usage(o.collectionsFound, d)
		if err != nil {
			return fmt.Errorf("sending every %s: %w", execd.Duration(d), err)
		}
		mark := ""
		if u.TooHigh {
			mark, tooHigh = "*", true
		}
		mb := u.Wire * estimate.Month / 1e6
		fmt.Fprintf(table, "%s%s\t%s\t%.0f\t%.0f\t%s\t%.2f\t", mark, execd.Duration(d), short(u.Messages), u.Bytes/u.Messages, u.Wire, short(mb), mb*o.perMB)
		if o.countsSMS {
			sms := u.SMS * estimate.Month
			tooMany = tooMany || sms > float64(hologram.New().Second.MaxPerPeriod)
			fmt.Fprintf(table, "%.0f\t%.2f\t", math.Ceil(sms), math.Ceil(sms)*o.perSMS)
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	o.notes(w, tooHigh, tooMany)
	return nil
}

// notes say what the figures are.
func (o *usageOptions) notes(w io.Writer, tooHigh, tooMany bool) {
	fmt.Fprintf(w, `
Bytes a day are those of IP in both directions, answers and connections included, if
nothing is lost. Name lookups add %.2f MB a month at most, none with an IP address as
address. A month has 30 days, 1 MB is 1,000,000 bytes and costs %v.
`, float64(estimate.LookupsPerDay)*estimate.Month/1e6, o.perMB)
	if tooHigh {
		fmt.Fprintf(w, `
* There are more collections between two sendings than in the input (%d): these figures
  are rather too high. With more of them they would be right.
`, len(o.collectionsFound))
	}
	if tooMany {
		fmt.Fprintf(w, `
The plugins send %d SMS in 30 days unless max_per_period says otherwise, and Hologram
pauses a SIM that has sent 100.
`, hologram.New().Second.MaxPerPeriod)
	}
}

// short writes a number with three digits, or all before the point.
func short(v float64) string {
	if v >= 100 || math.Abs(v-math.Round(v)) < 1e-6 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(v)))), 64)
}

// config joins the plugin's packers to the estimate.
func (o *usageOptions) config() estimate.Config {
	c := estimate.Config{Interval: time.Duration(o.interval), Batch: o.batch, Limit: int(o.plugin.MessageSize)}
	told := map[string]bool{} // the same metrics are packed for each interval
	refuse := func(_ int, err error) {
		if text := err.Error(); !told[text] {
			told[text] = true
			o.problem(err)
		}
	}
	c.Pack = func(metrics []telegraf.Metric, more bool) (sizes []int, left int, err error) {
		encode := func(metrics []telegraf.Metric, refuse func(int, error), emit func([]byte) error) (int, error) {
			return 0, o.plugin.Encode(metrics, refuse, emit)
		}
		if more {
			encode = o.plugin.EncodeBacklog
		}
		left, err = encode(metrics, refuse, func(message []byte) error {
			sizes = append(sizes, len(message))
			return nil
		})
		return sizes, left, err
	}
	if o.countsSMS {
		c.SMS = func(metrics []telegraf.Metric) (n int, err error) {
			pieces := smspack.Split(metrics, "", refuse)
			for seq := payload.Sequence(0); len(pieces) > 0; n++ {
				_, taken, err := smspack.Fill(pieces, seq)
				if err != nil {
					return 0, err
				}
				pieces, seq = pieces[taken:], seq.Next()
			}
			return n, nil
		}
	}
	return c
}

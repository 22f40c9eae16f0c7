//go:build linux

// Package report writes what a comparison found: as text, as a page of the
// documents, and as a chart.
package report

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"telegraf-hologram/e2e/compare/internal/bench"
)

// Page is all that was found.
type Page struct {
	Intervals []time.Duration
	// RatePerSecond is the metrics collected in a second.
	RatePerSecond float64
	Corpora       []Corpus
	// Small is one metric of the first corpus at a time, at the first interval;
	// none if not measured.
	Small    []bench.Result
	Costs    []bench.Cost // Telegraf alone first; none if not measured
	Versions []string     // of what was used
}

// Corpus is what was found with one kind of metrics.
type Corpus struct {
	Name, What string
	Results    [][]bench.Result // by interval, then by contender, ours first
}

const (
	month    = 30 * 24 * time.Hour
	pricePMB = 0.03 // dollars for 1,000,000 bytes
)

// mean is the mean over the corpora of the bytes for a metric.
func (p Page) mean(interval, contender int) float64 {
	var sum float64
	for _, c := range p.Corpora {
		sum += c.Results[interval][contender].PerMetric()
	}
	return sum / float64(len(p.Corpora))
}

// megabytes is what so many bytes for each metric make in a month.
func (p Page) megabytes(perMetric float64) float64 {
	return perMetric * p.RatePerSecond * month.Seconds() / 1e6
}

// contenders are all that sent, ours first.
func (p Page) contenders() []bench.Contender {
	var all []bench.Contender
	for _, r := range p.Corpora[0].Results[0] {
		all = append(all, r.Contender)
	}
	return all
}

// Check says what did not arrive as it was sent.
func (p Page) Check() error {
	var errs []error
	for _, c := range p.Corpora {
		for j, results := range c.Results {
			for _, r := range results {
				if r.Err != nil {
					errs = append(errs, fmt.Errorf("%s, corpus %s, %s: %w", r.Contender.Name, c.Name, seconds(p.Intervals[j]), r.Err))
				}
			}
		}
	}
	for _, r := range p.Small {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("%s, one metric at a time: %w", r.Contender.Name, r.Err))
		}
	}
	return errors.Join(errs...)
}

// lost lists where another contender needed fewer bytes than ours.
func (p Page) lost() (list []string) {
	for _, c := range p.Corpora {
		for j, results := range c.Results {
			for _, r := range results[1:] {
				if r.PerMetric() < results[0].PerMetric() {
					list = append(list, fmt.Sprintf("corpus %s, %s: %s with %.1f bytes instead of %.1f", c.Name, seconds(p.Intervals[j]), r.Contender.Name, r.PerMetric(), results[0].PerMetric()))
				}
			}
		}
	}
	return list
}

// Text writes the figures for a terminal.
func (p Page) Text(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range p.Corpora {
		for j, results := range c.Results {
			fmt.Fprintf(t, "%s, %s\tbytes/metric\tpackets/batch\tround trips\tidle B/batch\tfirst contact B\tdelivered\t\n", c.Name, seconds(p.Intervals[j]))
			for _, r := range results {
				delivered := "all"
				if r.Err != nil {
					delivered = "NO"
				}
				n := float64(r.Batches)
				fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.2f\t%.0f\t%d\t%s\t\n", r.Contender.Name, r.PerMetric(), float64(r.Packets)/n, r.RoundTrips, float64(r.Idle)/n, r.Setup, delivered)
			}
		}
	}
	if len(p.Small) > 0 {
		fmt.Fprintln(t, "one metric at a time\tbytes/metric\tidle\t")
	}
	for _, r := range p.Small {
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t\n", r.Contender.Name, r.PerMetric(), float64(r.Idle)/float64(r.Metrics))
	}
	for i, c := range p.Costs {
		if i == 0 {
			fmt.Fprintln(t, "\tCPU µs/metric\tMB\tplugin MB\t")
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t\n", c.Contender.Name, perMetric(c), float64(c.Memory)/1e6, float64(c.Plugin)/1e6)
	}
	_ = t.Flush()
	for _, line := range p.lost() {
		fmt.Fprintln(w, "not first:", line)
	}
}

// perMetric is the CPU time for a metric in microseconds.
func perMetric(c bench.Cost) float64 {
	return float64(c.CPU.Nanoseconds()) / 1e3 / float64(max(1, c.Metrics))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }

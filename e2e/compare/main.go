//go:build linux

// Compare sends the same metrics from the real Telegraf through this project and
// through what else a user could pick, over the same link, and counts the bytes.
// It writes the page and the chart in docs, and ends with exit code 1 if metrics
// did not arrive as they were sent.
//
// It needs root, for network namespaces, and nginx and a broker of MQTT; without
// them it names the packages of Debian. A run takes ten minutes, since intervals
// pass as they are.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"telegraf-hologram/e2e/compare/internal/bench"
	"telegraf-hologram/e2e/compare/internal/cloud"
	"telegraf-hologram/e2e/compare/internal/report"
	"telegraf-hologram/e2e/internal/lab"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == bench.PlainCommand {
		if err := bench.Plain(os.Args[2:], os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "plain client:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.root, "root", "../..", "the `folder` of our module")
	flag.StringVar(&o.cache, "cache", "../.cache", "the `folder` that keeps the built Telegraf")
	flag.StringVar(&o.keep, "keep", "", "keep configurations and logs in this `folder`")
	flag.StringVar(&o.from, "from", "", "measure nothing, and write the page and the chart anew from the results.json that -keep has left: this `file`")
	flag.BoolVar(&o.quick, "quick", false, "one corpus, no waiting and a shorter link; write nothing")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	root, cache, keep, from string
	quick                   bool
}

const (
	// perCollection is the number of metrics in a collection, which is every
	// collected: one metric a second.
	perCollection = 10
	collected     = 10 * time.Second
	// lasts is how long the metrics that count take to be collected.
	lasts = 300 * time.Second

	costBatch   = 60
	costBatches = 101 // the first does not count
)

func (o *options) run(ctx context.Context) error {
	if o.from != "" {
		text, err := os.ReadFile(o.from)
		if err != nil {
			return fmt.Errorf("cannot read results: %w", err)
		}
		var p report.Page
		if err := json.Unmarshal(text, &p); err != nil {
			return fmt.Errorf("cannot read results: %w", err)
		}
		return o.write(p)
	}
	for _, program := range []string{"nginx", cloud.Broker, cloud.Broker + "_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w (apt-get install nginx-light %s %[2]s-clients)", err, cloud.Broker)
		}
	}
	dir, remove, err := lab.Folder(o.keep, "telegraf-hologram-compare-")
	if err != nil {
		return err
	}
	defer remove()
	corpora, err := readCorpora(filepath.Join(o.root, "testdata", "corpora"))
	if err != nil {
		return err
	}
	fmt.Println("building")
	programs, err := o.build(ctx, dir)
	if err != nil {
		return err
	}

	intervals := []time.Duration{10 * time.Second, 60 * time.Second, 300 * time.Second}
	p := report.Page{Intervals: intervals, RatePerSecond: perCollection / collected.Seconds()}
	delay := 50 * time.Millisecond
	if o.quick {
		corpora, delay = corpora[:1], 10*time.Millisecond
	}
	fmt.Printf("sending %d corpora at %d intervals\n", len(corpora), len(intervals))
	for _, c := range corpora {
		p.Corpora = append(p.Corpora, report.Corpus{Name: c.name, What: c.what, Results: make([][]bench.Result, len(intervals))})
	}
	var runs sync.WaitGroup
	var small error
	failures := make([]error, len(corpora)*len(intervals))
	for i, c := range corpora {
		for j, interval := range intervals {
			batch := perCollection * int(interval/collected)
			run := bench.Run{
				Programs: programs, Dir: filepath.Join(dir, c.name+"-"+interval.String()), Delay: delay,
				Batch: batch, Interval: interval, RealTime: !o.quick,
				Lines: c.take(batch, perCollection*int(lasts/collected)),
			}
			if o.quick {
				run.Lines = run.Lines[:batch*min(3, len(run.Lines)/batch)]
			}
			runs.Go(func() {
				p.Corpora[i].Results[j], failures[i*len(intervals)+j] = run.Do(ctx, bench.Contenders())
			})
		}
	}
	if !o.quick {
		run := bench.Run{
			Programs: programs, Dir: filepath.Join(dir, "small"), Delay: delay,
			Batch: 1, Interval: intervals[0], RealTime: true, Lines: corpora[0].take(1, int(lasts/intervals[0])),
		}
		runs.Go(func() { p.Small, small = run.Do(ctx, bench.Contenders()) })
	}
	runs.Wait()
	if err := errors.Join(append(failures, small)...); err != nil {
		return err
	}
	if !o.quick {
		fmt.Println("measuring CPU and memory")
		run := bench.Run{
			Programs: programs, Dir: filepath.Join(dir, "cost"), Batch: costBatch, Interval: 60 * time.Second, Single: true,
			Lines: corpora[0].take(0, costBatch*costBatches),
		}
		if p.Costs, err = run.Costs(ctx, bench.Contenders()); err != nil {
			return err
		}
		if p.Versions, err = versions(ctx); err != nil {
			return err
		}
	}
	p.Text(os.Stdout)
	if err := p.Check(); err != nil || o.quick {
		return err
	}
	results, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "results.json"), results, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot keep the results: %w", err)
	}
	return o.write(p)
}

// write writes the page and the chart.
func (o *options) write(p report.Page) error {
	docs := filepath.Join(o.root, "docs")
	if err := p.Chart(filepath.Join(docs, "compare.svg")); err != nil {
		return err
	}
	var b strings.Builder
	p.Markdown(&b)
	if err := os.WriteFile(filepath.Join(docs, "compare.md"), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("cannot write the page: %w", err)
	}
	return nil
}

func (o *options) build(ctx context.Context, dir string) (p bench.Programs, err error) {
	if p.Self, err = os.Executable(); err != nil {
		return p, fmt.Errorf("cannot find this program: %w", err)
	}
	if p.Hologram, err = lab.BuildHologram(ctx, o.root, dir); err != nil {
		return p, err
	}
	p.Telegraf, err = bench.BuildTelegraf(ctx, o.cache)
	return p, err
}

// versions are those of what was used.
func versions(ctx context.Context) ([]string, error) {
	all := []string{"Telegraf " + strings.TrimPrefix(lab.TelegrafVersion, "v")}
	for _, name := range []string{"nginx-light", cloud.Broker} {
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", name).Output()
		if err != nil {
			return nil, fmt.Errorf("cannot find the version of %s: %w", name, err)
		}
		all = append(all, name+" "+string(out))
	}
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return nil, fmt.Errorf("cannot find the version of Linux: %w", err)
	}
	var release strings.Builder
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release.WriteByte(byte(c))
	}
	number, _, _ := strings.Cut(release.String(), "-")
	return append(all, "Linux "+number), nil
}

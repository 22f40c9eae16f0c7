//go:build linux

// Load measures the receiving side: webhooks of 1,000 devices come to our binary
// under the real Telegraf, steadily and as fast as it can, while it is killed, and
// while others send what is hostile. It ends with tables, and with exit code 1 if
// something that was answered with success is lost, or something else is not as it
// must be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/load"
)

func main() {
	var o options
	flag.StringVar(&o.root, "root", "..", "the `folder` of our module")
	flag.StringVar(&o.cache, "cache", ".cache", "the `folder` that keeps the built Telegraf")
	flag.StringVar(&o.only, "cases", "", "run these `cases` only, a comma-separated list of "+lab.Names(choices(0), name))
	flag.StringVar(&o.keep, "keep", "", "keep what the runs leave behind in this `folder`")
	flag.DurationVar(&o.duration, "duration", time.Minute, "how long webhooks come in the steady cases; the others take a quarter")
	flag.BoolVar(&o.problems, "problems", false, "print the warnings and errors of each case")
	flag.Parse()
	if flag.NArg() > 0 || o.duration < 4*time.Second {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	root, cache, only, keep string
	duration                time.Duration
	problems                bool
}

// What can be chosen besides the cases: what is hostile, and examples/scaling.
const (
	hostileName = "hostile"
	scalingName = "scaling"
	memoryName  = "scaling-memory"
	syncName    = "scaling-sync"
)

func name(c load.Case) string { return c.Name }

// choices are the cases, and what is no such case.
func choices(d time.Duration) []load.Case {
	return append(load.Cases(d), load.Case{Name: hostileName}, load.Case{Name: scalingName}, load.Case{Name: memoryName}, load.Case{Name: syncName})
}

func (o *options) run(ctx context.Context) error {
	chosen, err := lab.Choose(choices(o.duration), o.only, name)
	if err != nil {
		return err
	}
	dir, remove, err := lab.Folder(o.keep, "telegraf-hologram-load-")
	if err != nil {
		return err
	}
	defer remove()
	var programs load.Programs
	if programs.Hologram, err = lab.BuildHologram(ctx, o.root, dir); err != nil {
		return err
	}
	if programs.Telegraf, err = lab.BuildTelegraf(ctx, o.cache); err != nil {
		return err
	}
	var rows []load.Row
	var tables []func()
	var wrong []error
	bad := 0
	for _, c := range chosen {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch c.Name {
		case hostileName:
			result, err := load.Hostile(ctx, programs, filepath.Join(dir, c.Name), load.Hostility{Each: 8 * time.Second, Connections: 10_000, Root: o.root}, os.Stdout)
			if err != nil {
				return err
			}
			tables, wrong = append(tables, func() { result.Print(os.Stdout) }), append(wrong, result.Check())
			continue
		case scalingName, memoryName, syncName:
			result, err := o.scale(ctx, programs, filepath.Join(dir, c.Name), c.Name)
			if err != nil {
				return err
			}
			tables, wrong = append(tables, func() {
				fmt.Printf("\n%s:\n", c.Name)
				result.Print(os.Stdout)
			}), append(wrong, result.Check())
			continue
		}
		row := load.Row{Case: c}
		row.Result, row.Err = load.Run(ctx, programs, filepath.Join(dir, c.Name), c, os.Stdout)
		rows = append(rows, row)
		if !row.OK() {
			bad++
		}
		if o.problems {
			fmt.Printf("  failed attempts: %v\n  %s\n", row.Result.Failed, strings.Join(row.Result.Problems, "\n  "))
		}
	}
	fmt.Println()
	if len(rows) > 0 {
		load.Table(os.Stdout, rows)
	}
	for _, table := range tables {
		table()
	}
	if bad > 0 {
		wrong = append(wrong, fmt.Errorf("%d of %d cases are not as they must be", bad, len(rows)))
	}
	return errors.Join(wrong...)
}

// scale runs examples/scaling.
func (o *options) scale(ctx context.Context, programs load.Programs, dir, name string) (load.ScalingResult, error) {
	servers, err := load.FindServers()
	if err != nil {
		return load.ScalingResult{}, err
	}
	files, err := filepath.Abs(filepath.Join(o.root, "examples"))
	if err != nil {
		return load.ScalingResult{}, fmt.Errorf("cannot find the examples: %w", err)
	}
	c := load.Scaling{Files: files, Rate: 50, Calm: o.duration / 4}
	switch name {
	case memoryName:
		c.Replace = []string{`buffer_strategy = "disk"`, `buffer_strategy = "memory"`}
	case syncName:
		c.Replace = []string{"buffer_disk_sync = false", "buffer_disk_sync = true"}
	}
	fmt.Printf("%s: the receivers' Telegrafs %q\n", name, c.Replace)
	result, err := load.Scale(ctx, programs, servers, dir, c, os.Stdout)
	if err != nil || o.problems {
		fmt.Println(result.Log)
	}
	return result, err
}

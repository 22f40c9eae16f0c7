//go:build linux

// Sms runs the tests of receiving SMS: an emulated modem, the real Telegraf with
// our binary under inputs.execd, and a file for the metrics, while the modem and
// the processes fail. It ends with tables, and with exit code 1 if something was
// lost, repeated or changed that must not be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/sms"
)

func main() {
	if code, ok := sms.Helper(os.Args[1:]); ok {
		os.Exit(code)
	}
	var o options
	flag.StringVar(&o.root, "root", "..", "the `folder` of our module")
	flag.StringVar(&o.cache, "cache", ".cache", "the `folder` that keeps the built Telegraf")
	flag.StringVar(&o.only, "cases", "", "run these `cases` only, a comma-separated list of "+lab.Names(choices(), name))
	flag.StringVar(&o.keep, "keep", "", "keep what the runs leave behind in this `folder`")
	flag.Uint64Var(&o.seed, "seed", 0, "the `number` of an earlier run, for the same texts and senders")
	flag.IntVar(&o.parallel, "parallel", 3, "run so `many` cases at a time")
	flag.BoolVar(&o.problems, "problems", false, "print the warnings and errors of each case")
	flag.Parse()
	if flag.NArg() > 0 || o.parallel < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sms:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	root, cache, only, keep string
	parallel                int
	seed                    uint64
	problems                bool
}

// idleName chooses the measurement of a plugin that has nothing to do.
const idleName = "idle"

func name(c sms.Case) string { return c.Name }

// choices are the cases, and the measurement as one more.
func choices() []sms.Case { return append(sms.Cases(), sms.Case{Name: idleName}) }

// cases are those that were chosen, and whether to measure at idle.
func (o *options) cases() (chosen []sms.Case, idle bool, err error) {
	if chosen, err = lab.Choose(choices(), o.only, name); err != nil {
		return nil, false, err
	}
	isIdle := func(c sms.Case) bool { return c.Name == idleName }
	idle = slices.ContainsFunc(chosen, isIdle)
	return slices.DeleteFunc(chosen, isIdle), idle, nil
}

func (o *options) run(ctx context.Context) (err error) {
	cases, idle, err := o.cases()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	dir, remove, err := lab.Folder(o.keep, "telegraf-hologram-sms-")
	if err != nil {
		return err
	}
	defer remove()
	begin := time.Now()
	var programs sms.Programs
	if programs.Hologram, err = lab.BuildHologram(ctx, o.root, dir); err != nil {
		return err
	}
	if programs.Telegraf, err = lab.BuildTelegraf(ctx, o.cache); err != nil {
		return err
	}
	fmt.Printf("built telegraf-hologram and Telegraf %s in %s\n\n", lab.TelegrafVersion, time.Since(begin).Round(100*time.Millisecond))

	bad := o.runCases(ctx, programs, self, dir, cases)
	if idle {
		bad = errors.Join(bad, o.measure(ctx, programs, dir))
	}
	return bad
}

// runCases runs cases, several at a time, and prints the table.
func (o *options) runCases(ctx context.Context, programs sms.Programs, self, dir string, cases []sms.Case) error {
	if len(cases) == 0 {
		return nil
	}
	rows := make([]sms.Row, len(cases))
	lab.InTurns(len(cases), o.parallel, func(i int) {
		c := cases[i]
		c.Seed = o.seed
		rows[i] = sms.Row{Case: c, Err: ctx.Err()}
		if rows[i].Err == nil {
			rows[i].Result, rows[i].Err = sms.Run(ctx, programs, self, filepath.Join(dir, c.Name), c, os.Stdout)
		}
	})
	fmt.Println()
	sms.Table(os.Stdout, rows)
	bad := 0
	for _, r := range rows {
		if !r.OK() {
			bad++
		}
		if o.problems {
			fmt.Printf("\n%s:\n  %s\n", r.Case.Name, strings.Join(r.Result.Problems, "\n  "))
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d cases are not as they must be", bad, len(rows))
	}
	return nil
}

// measure prints what the plugin takes when nothing happens.
func (o *options) measure(ctx context.Context, programs sms.Programs, dir string) error {
	edge, err := lab.BuildEdge(ctx, o.root, dir)
	if err != nil {
		return err
	}
	return sms.Measure(ctx, programs, edge, dir, os.Stdout)
}

//go:build linux

// Loss runs the loss tests: the real Telegraf sends 10,000 numbered metrics
// through our binary, and through Telegraf's stock shim for comparison, to the
// emulated cloud, while the link fails and processes are killed. It ends with a
// table, and with exit code 1 if something was lost or invented that must not be.
//
// Everything takes about seven minutes. Full disks need root, for a small file
// system.
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
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/loss"
)

func main() {
	if code, ok := loss.Helper(os.Args[1:]); ok {
		os.Exit(code)
	}
	var o options
	flag.StringVar(&o.root, "root", "..", "the `folder` of our module")
	flag.StringVar(&o.cache, "cache", ".cache", "the `folder` that keeps the built Telegraf")
	flag.StringVar(&o.only, "cases", "", "run these `cases` only, a comma-separated list of "+lab.Names(loss.Cases(), name))
	flag.StringVar(&o.keep, "keep", "", "keep what the runs leave behind in this `folder`")
	flag.StringVar(&o.options, "options", "", "`lines` of the plugin's configuration in place of the ordinary ones")
	flag.IntVar(&o.parallel, "parallel", 3, "run so `many` cases at a time")
	flag.Parse()
	if flag.NArg() > 0 || o.parallel < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "loss:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	root, cache, only, keep, options string
	parallel                         int
}

func name(c loss.Case) string { return c.Name }

// cases are those that were chosen.
func (o *options) cases() ([]loss.Case, error) {
	chosen, err := lab.Choose(loss.Cases(), o.only, name)
	for i := range chosen {
		if o.options != "" && chosen[i].Options == loss.DiskOptions {
			chosen[i].Options = o.options
		}
	}
	return chosen, err
}

func (o *options) run(ctx context.Context) error {
	cases, err := o.cases()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	dir, remove, err := lab.Folder(o.keep, "telegraf-hologram-loss-")
	if err != nil {
		return err
	}
	defer remove()
	programs, err := o.build(ctx, dir, cases)
	if err != nil {
		return err
	}

	rows := make([]loss.Row, len(cases))
	lab.InTurns(len(cases), o.parallel, func(i int) {
		c := cases[i]
		rows[i] = loss.Row{Case: c, Err: ctx.Err()}
		if c.Disk > 0 && os.Geteuid() != 0 {
			rows[i].Err = errors.New("a small file system needs root")
		}
		if rows[i].Err == nil {
			rows[i].Result, rows[i].Err = loss.Run(ctx, programs, self, filepath.Join(dir, c.Name), c, os.Stdout)
		}
	})

	fmt.Println()
	loss.Table(os.Stdout, rows)
	bad := 0
	for _, r := range rows {
		if !r.OK() {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d cases are not as they must be", bad, len(rows))
	}
	return nil
}

// build builds what the cases need.
func (o *options) build(ctx context.Context, dir string, cases []loss.Case) (p loss.Programs, err error) {
	begin := time.Now()
	if p.Hologram, err = lab.BuildHologram(ctx, o.root, dir); err != nil {
		return p, err
	}
	if p.Telegraf, err = lab.BuildTelegraf(ctx, o.cache); err != nil {
		return p, err
	}
	if slices.ContainsFunc(cases, func(c loss.Case) bool { return c.Shifted }) {
		if p.Shifted, err = lab.BuildShifted(ctx, o.root, dir); err != nil {
			return p, err
		}
	}
	if slices.ContainsFunc(cases, func(c loss.Case) bool { return c.Host == loss.Shim }) {
		if p.Shim, err = lab.BuildShim(ctx, filepath.Join(o.root, "e2e", "shim"), dir); err != nil {
			return p, err
		}
	}
	fmt.Printf("built telegraf-hologram and Telegraf %s in %s\n\n", lab.TelegrafVersion, time.Since(begin).Round(100*time.Millisecond))
	return p, nil
}

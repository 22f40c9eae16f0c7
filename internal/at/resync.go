package at

import (
	"context"
	"strings"
	"time"
)

func (d *Driver) isDirty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dirty
}

// resync brings the line to a known state: ESC and CR end what the modem may be
// waiting for, what was left is read until it falls silent, and then the modem
// has to answer AT with a lone OK. As that OK may still be another command's,
// late, a command follows whose answer has a name. A modem that does not answer
// so after Options.Probes tries has its port closed.
func (d *Driver) resync(ctx context.Context) error {
	d.mu.Lock()
	d.stats.Resyncs++
	owed := d.owed
	d.mu.Unlock()
	defer d.begin(nil)
	for range d.opts.Probes {
		ok, err := d.tryResync(ctx, owed)
		if err != nil {
			return err
		}
		if ok {
			d.mu.Lock()
			d.dirty, d.owed = false, ""
			d.mu.Unlock()
			return nil
		}
	}
	d.fail(ErrUnresponsive)
	return d.Err()
}

func (d *Driver) tryResync(ctx context.Context, owed string) (bool, error) {
	x := d.beginProbe("AT")
	if err := d.send(promptStop + "\r"); err != nil {
		return false, err
	}
	if err := d.drain(ctx, x); err != nil {
		return false, err
	}
	lone := false
	err := d.probe(ctx, "AT", func(x *exchange) bool {
		lone = x.finals == 1 && x.err == nil && x.others == 0
		return x.finals > 0
	})
	if err != nil || !lone {
		return false, err
	}
	// An answer with a name belongs to this command, unless the one that was given
	// up has it, too.
	cmd := "AT+CMEE?"
	if strings.Contains(strings.ToUpper(owed), "+CMEE") {
		cmd = "AT+CMGF?"
	}
	identified := false
	err = d.probe(ctx, cmd, func(x *exchange) bool {
		identified = x.identified
		return identified
	})
	return identified, err
}

// beginProbe begins an exchange that takes whatever comes but URCs.
func (d *Driver) beginProbe(cmd string) *exchange {
	x := newExchange(cmd)
	x.drains = true
	d.begin(x)
	return x
}

// drain reads until nothing but URCs has come for Options.Quiet.
func (d *Driver) drain(ctx context.Context, x *exchange) error {
	quiet, all := time.NewTimer(d.opts.Quiet), time.NewTimer(max(maxDrain, d.opts.Quiet))
	defer quiet.Stop()
	defer all.Stop()
	for {
		select {
		case <-x.progress:
			quiet.Reset(d.opts.Quiet)
		case <-quiet.C:
			return nil
		case <-all.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-d.closing:
			return d.Err()
		}
	}
}

// probe sends cmd and waits until done, which is called with mu, tells that its
// answer is there, or for Options.ProbeTimeout.
func (d *Driver) probe(ctx context.Context, cmd string, done func(*exchange) bool) error {
	x := d.beginProbe(cmd)
	d.opts.Trace(true, cmd)
	if err := d.send(cmd + "\r"); err != nil {
		return err
	}
	timeout := time.NewTimer(d.opts.ProbeTimeout)
	defer timeout.Stop()
	for {
		select {
		case <-x.progress:
			d.mu.Lock()
			ok := done(x)
			d.mu.Unlock()
			if ok {
				return nil
			}
		case <-timeout.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-d.closing:
			return d.Err()
		}
	}
}

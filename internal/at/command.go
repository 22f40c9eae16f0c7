package at

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CommandOption changes what [Driver.Command] and [Driver.Prompt] do for one
// command.
type CommandOption func(*call)

// call is a command with its options.
type call struct {
	cmd            string
	data           string
	timeout, limit time.Duration
	anyLine        bool
	names          []string
	dataSent       *bool
}

// Timeout sets how long to wait for the next line of the answer, in place of
// Options.Timeout (for Prompt, of Options.DataTimeout). URCs are not lines of the
// answer.
func Timeout(d time.Duration) CommandOption { return func(c *call) { c.timeout = d } }

// Limit sets how long to wait for the whole answer, in place of Options.Limit. It
// is never shorter than the timeout.
func Limit(d time.Duration) CommandOption { return func(c *call) { c.limit = d } }

// AnyLine takes lines without a name for a part of the answer, as those of a
// maker's own command or of text mode. Without it they are only where the
// command is known to answer with such (ATI, AT+CGSN and the like), and behind
// the lines of AT+CMGL and AT+CMGR.
func AnyLine() CommandOption { return func(c *call) { c.anyLine = true } }

// Name takes lines with this name for a part of the answer, besides those with
// the command's own, as "+ICCID" for AT+CCID.
func Name(name string) CommandOption {
	return func(c *call) { c.names = append(c.names, name) }
}

// DataSent has Prompt set sent to true before it gives the data away. Where an
// error leaves it as it was, the modem has not got any of the data.
func DataSent(sent *bool) CommandOption { return func(c *call) { c.dataSent = sent } }

// Command sends a command, which starts with AT and has no line end, and returns
// the lines of its answer without echo, final result and URCs. Errors wrap
// [ErrFailed], [ErrNotSupported], [*CMEError] or [*CMSError] where the modem has
// refused, and [ErrTimeout], [ErrTooLong], [ErrInvalid], [ErrClosed] or ctx's
// error otherwise; the lines that have come are returned with them.
//
// A context that ends while the answer is awaited costs the next command the
// resynchronisation that a timeout does.
func (d *Driver) Command(ctx context.Context, cmd string, opts ...CommandOption) ([]string, error) {
	c := call{cmd: cmd, timeout: d.opts.Timeout, limit: d.opts.Limit}
	return d.do(ctx, &c, opts, false)
}

// Prompt sends a command that asks for data, as AT+CMGS does, then the data and
// Ctrl-Z, and returns the lines of its answer as Command does. data may hold line
// ends, but no other control characters. Where no prompt comes in time the
// command is given up; the error then wraps [ErrTimeout]. One that was taken
// without a prompt is [ErrNoPrompt].
func (d *Driver) Prompt(ctx context.Context, cmd, data string, opts ...CommandOption) ([]string, error) {
	c := call{cmd: cmd, data: data, timeout: d.opts.DataTimeout, limit: d.opts.Limit}
	return d.do(ctx, &c, opts, true)
}

func (d *Driver) do(ctx context.Context, c *call, opts []CommandOption, prompts bool) ([]string, error) {
	for _, o := range opts {
		o(c)
	}
	lines, err := d.turnFor(ctx, c, prompts)
	if err != nil {
		return lines, fmt.Errorf("%s: %w", nameForErrors(c.cmd), err)
	}
	return lines, nil
}

func (d *Driver) turnFor(ctx context.Context, c *call, prompts bool) ([]string, error) {
	if err := check(c.cmd); err != nil {
		return nil, err
	}
	// Line ends belong to a text; the other control characters would end it.
	if err := checkText(strings.NewReplacer("\r", "", "\n", "").Replace(c.data)); err != nil {
		return nil, err
	}
	if err := d.acquire(ctx); err != nil {
		return nil, err
	}
	defer d.release()
	if d.isDirty() {
		if err := d.resync(ctx); err != nil {
			return nil, err
		}
	}
	x := newExchange(c.cmd)
	x.anyLine = x.anyLine || c.anyLine
	x.names = append(x.names, c.names...)
	x.maxBytes = d.opts.MaxAnswer
	x.wantPrompt = prompts
	d.begin(x)
	defer d.begin(nil)
	d.opts.Trace(true, traceable(c.cmd))
	if err := d.send(c.cmd + "\r"); err != nil {
		return nil, err
	}
	if prompts {
		if err := d.answerPrompt(ctx, x, c); err != nil {
			return d.giveUp(x, c.cmd, err)
		}
	}
	return d.giveUp(x, c.cmd, d.await(ctx, x, c.timeout, max(c.limit, c.timeout)))
}

// answerPrompt waits for the prompt and sends the data of the command. It returns nil as well
// when a final result has come instead.
func (d *Driver) answerPrompt(ctx context.Context, x *exchange, c *call) error {
	timeout := time.NewTimer(d.opts.PromptTimeout)
	defer timeout.Stop()
	for {
		select {
		case <-x.prompted:
			d.mu.Lock()
			for line := range strings.FieldsFuncSeq(c.data, func(r rune) bool { return r == '\r' || r == '\n' }) {
				x.echoes = append(x.echoes, strings.TrimSpace(line))
			}
			d.mu.Unlock()
			if c.dataSent != nil {
				*c.dataSent = true
			}
			d.opts.Trace(true, c.data)
			return d.send(c.data + promptEnd)
		case <-x.progress:
			if done, err := d.finished(x); done {
				if err == nil {
					return ErrNoPrompt
				}
				return nil
			}
		case <-timeout.C:
			return ErrTimeout
		case <-ctx.Done():
			return ctx.Err()
		case <-d.closing:
			return d.Err()
		}
	}
}

// await waits for the final result: nil means that it has come, whatever it is.
func (d *Driver) await(ctx context.Context, x *exchange, timeout, limit time.Duration) error {
	idle, all := time.NewTimer(timeout), time.NewTimer(limit)
	defer idle.Stop()
	defer all.Stop()
	for {
		// Asked first, since the result may have come before the data was sent.
		if done, _ := d.finished(x); done {
			return nil
		}
		select {
		case <-x.progress:
			idle.Reset(timeout)
		case <-idle.C:
			return ErrTimeout
		case <-all.C:
			return ErrTimeout
		case <-ctx.Done():
			return ctx.Err()
		case <-d.closing:
			return d.Err()
		}
	}
}

func (d *Driver) finished(x *exchange) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return x.finals > 0, x.err
}

// giveUp ends the exchange. What the modem has said counts, even if it came at
// the last moment; without a final result, the line has to be resynchronised.
func (d *Driver) giveUp(x *exchange, cmd string, err error) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cur = nil
	switch {
	case x.overflowed:
		d.dirty, d.owed = true, cmd
		return nil, ErrTooLong
	case x.finals > 0 && x.err != nil:
		return x.lines, x.err
	case x.finals > 0:
		return x.lines, err // nil, or ErrNoPrompt
	}
	if errors.Is(err, ErrTimeout) {
		d.stats.Timeout++
	}
	d.dirty, d.owed = true, cmd
	return x.lines, err
}

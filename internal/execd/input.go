package execd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/influxdata/telegraf"
)

const (
	// defaultInterval is how often an input is asked for metrics that has none of its own accord.
	defaultInterval = Duration(10 * time.Second)
	minGather       = Duration(100 * time.Millisecond)

	// endPrints is how long metrics are still written after the end, and endStop how long the plugin's Stop may take.
	// With the log's detachWait that is less than 2 s.
	endPrints = 700 * time.Millisecond
	endStop   = 1200 * time.Millisecond
)

// inputOptions are the options of the host that an input has.
type inputOptions struct {
	// LogLevel is as in Options.
	LogLevel string `toml:"log_level"`
}

// gatherOptions are those that an input has besides that is not a telegraf.ServiceInput.
type gatherOptions struct {
	// Interval is how often Gather is called, at least 100 ms; 0 is never.
	Interval Duration `toml:"interval"`
}

func (o *gatherOptions) validate() *OptionError {
	if o.Interval != 0 && o.Interval < minGather {
		return &OptionError{"interval", o.Interval.String(), "is too short", `at least "` + minGather.String() + `", or 0 for never`}
	}
	return nil
}

// runInput runs the input of a configuration. What Run says about signals, stdin and ctx holds for it as well: Telegraf
// ends an input by closing its stdin, with SIGTERM after 5 s. A signal to the whole process group reaches us while
// Telegraf still takes metrics.
func runInput(ctx context.Context, cfg *Config, stdin io.Reader, stdout io.Writer) error {
	h := &inputHost{
		cfg:     cfg,
		plugin:  cfg.input,
		acc:     newAccumulator(stdout, cfg.log),
		asked:   make(chan struct{}, 1),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		started: make(chan error, 1),
	}
	return h.run(ctx, stdin)
}

// inputHost runs an input.
type inputHost struct {
	cfg    *Config
	plugin telegraf.Input
	acc    *accumulator

	asked   chan struct{} // Telegraf wants metrics now
	stop    chan struct{} // closed at the end
	started chan error    // what Start has returned
	stopped chan struct{} // closed when the plugin has stopped
}

func (h *inputHost) run(ctx context.Context, stdin io.Reader) error {
	go h.work()
	read := make(chan error, 1)
	go func() { read <- h.listen(stdin) }()

	var err error
	for running := true; running; {
		select {
		case err = <-h.started:
			// Without an error the plugin runs, and this is not heard again.
			if running = err == nil; !running {
				err = fmt.Errorf("cannot start %s.%s: %w", h.cfg.Kind, h.cfg.Name, err)
				_ = interrupt(stdin, read)
			}
		case <-h.acc.broken:
			err, running = h.acc.brokenBy(), false
			_ = interrupt(stdin, read)
		case err = <-read:
			running = false
		case <-ctx.Done():
			err, running = interrupt(stdin, read), false
		}
	}
	h.end()
	return err
}

// end stops the plugin.
func (h *inputHost) end() {
	deadline := time.Now().Add(endStop)
	close(h.stop)
	within(endPrints, h.stopped)
	h.acc.end()
	within(time.Until(deadline), h.stopped)
	select {
	case <-h.stopped:
	default:
		h.cfg.log.Warnf("the plugin has not stopped in %v", Duration(endStop))
	}
	written, dropped, failed := h.acc.counts()
	h.cfg.log.Infof("ended: %s written, %d dropped, %d not written", plural(written, "metric"), dropped, failed)
}

// work starts the plugin, asks it for metrics, and stops it. All calls of the plugin are made here, one after the other.
func (h *inputHost) work() {
	defer close(h.stopped)
	if service, ok := h.plugin.(telegraf.ServiceInput); ok {
		err := service.Start(h.acc)
		h.started <- err
		if err != nil {
			return
		}
		defer service.Stop()
	}
	h.gather()
}

// gather calls Gather whenever it is time to, until the end.
func (h *inputHost) gather() {
	var due <-chan time.Time
	if h.cfg.interval > 0 {
		ticker := time.NewTicker(time.Duration(h.cfg.interval))
		defer ticker.Stop()
		due = ticker.C
	}
	for {
		select {
		case <-h.stop:
			return
		case <-h.asked:
			due = nil // Telegraf has an interval of its own.
		case <-due:
		}
		select {
		case <-h.stop:
			return
		default:
		}
		if err := h.plugin.Gather(h.acc); err != nil {
			h.acc.AddError(err)
		}
	}
}

// listen reads stdin until its end, which is no error. A newline is Telegraf's wish for metrics (signal = "STDIN").
func (h *inputHost) listen(stdin io.Reader) error {
	buf := make([]byte, 512)
	for {
		n, err := stdin.Read(buf)
		if bytes.IndexByte(buf[:n], '\n') >= 0 {
			select {
			case h.asked <- struct{}{}:
			default: // It is asked already.
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("cannot read the input: %w", err)
		}
	}
}

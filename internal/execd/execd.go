// Package execd runs one Telegraf plugin as an external process under Telegraf's outputs.execd, and gives it what
// Telegraf's own agent gives to a built-in plugin: batches, a buffer, retries and a strict configuration.
//
// Telegraf writes line protocol to our standard input and takes a metric for delivered as soon as it is in the pipe.
// So the input is read without ever waiting for the network: a Splitter cuts it into records, which go into a Queue,
// and only then more is read. A dispatcher, on a goroutine of its own, takes batches out of the queue, gives them to
// the plugin's Write and releases what Write settles. What fails is kept and offered again in the same order.
//
//	stdin → Splitter → Queue → ParseRecord → plugin's Write
//	                                       ↘ DeadLetter: what can never be sent
//
// The end of standard input is the only sign to stop: when a whole process group is signalled, Telegraf still flushes
// what it holds, and it is closing our input that ends it.
package execd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"telegraf-hologram/internal/queue"
)

// Queue is where records wait between intake and dispatch: one goroutine appends, another takes and acknowledges.
type Queue interface {
	// Append stores records that were taken in at the time at, all of them before it returns; the caller may then
	// reuse their memory. What the queue's limits do not allow is dropped and counted, which is no error.
	Append(records [][]byte, at time.Time) error
	// Next hands out up to limit of the records that wait, the oldest or the newest of them. They stay in the queue,
	// and are exempt from its limits, until they are acknowledged; after a restart they wait again.
	Next(limit int, order queue.Order) ([]queue.Record, error)
	// Ack releases the first n of the records that were handed out and not released, in the order of handing out.
	Ack(n int) error
	// Len is how many records the queue holds, those that were handed out included.
	Len() int
	// Bytes is how much they take, with what the queue needs for each.
	Bytes() int64
	// Stats are the queue's counters, drops by reason among them.
	Stats() queue.Stats
	// Close ends the queue; Len and Stats can still be called.
	Close() error
}

// ErrInputs says that a configuration is for an input, which this version cannot run.
var ErrInputs = errors.New("inputs are not in this version; want a plugin such as [[outputs.hologram]]")

const (
	// endWait is how long Run goes on after the end of its input to send what is in memory, and endClose how long it
	// then waits for the plugin's Close. Telegraf sends SIGTERM, which is ignored, after 5 s and SIGKILL after 10 s.
	endWait  = 3500 * time.Millisecond
	endClose = 400 * time.Millisecond
)

// Run runs the plugin of the configuration until stdin ends, or until ctx does, which is the same. A configuration can
// be run once.
//
// SIGTERM, SIGINT and SIGHUP do not end it, unless stdin is a terminal: then they are its end. When stdin ends, Run
// goes on to send what waits in memory, for 4 s at most and up to the first failure, closes the plugin and returns. If
// metrics had to be left it returns a *LeftError, which the caller reports. A Write that hangs does not keep Run: when
// the time is over, the plugin's Close is called beside it, which should end it; Run returns in any case.
//
// Log lines go to stdout and stderr as Telegraf understands them. A reader of stdin that cannot be interrupted (no
// SetReadDeadline) is left behind when ctx ends before stdin.
func Run(ctx context.Context, cfg *Config, stdin io.Reader, stdout, stderr io.Writer) error {
	if cfg.Kind != kindOutputs {
		return fmt.Errorf("%s: %w", cfg.Source, ErrInputs)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release := holdSignals(cancel, terminal(stdin))
	defer release()

	cfg.log.attach(stdout, stderr)
	defer cfg.log.detach()

	limits := queue.Limits{Bytes: int64(cfg.Options.BufferLimit), MaxAge: time.Duration(cfg.Options.BufferMaxAge)}
	if cfg.Options.BufferFull == FullDropNewest {
		limits.Full = queue.DropNewest
	}
	dead := &logDeadLetter{log: cfg.log}
	defer dead.close()
	return newHost(cfg, queue.NewMemory(limits), dead).run(ctx, stdin)
}

// host connects intake, queue and dispatch.
type host struct {
	cfg      *Config
	queue    Queue
	intake   *intake
	dispatch *dispatcher
}

func newHost(cfg *Config, q Queue, dead DeadLetter) *host {
	wake := make(chan struct{}, 1)
	return &host{
		cfg:      cfg,
		queue:    q,
		intake:   newIntake(cfg, q, dead, wake),
		dispatch: newDispatcher(cfg, q, dead, wake),
	}
}

func (h *host) run(ctx context.Context, stdin io.Reader) error {
	go h.dispatch.run()
	read := make(chan error, 1)
	go func() { read <- h.intake.run(stdin) }()

	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
		err = interrupt(stdin, read)
	}
	left := h.end()
	if left != nil {
		err = errors.Join(err, left)
	}
	return err
}

// end sends what is left as long as it may, closes plugin and queue and returns a *LeftError if there is one.
func (h *host) end() error {
	d := h.dispatch
	close(d.stop)
	within(endWait, d.done)
	d.abandoned.Store(true)

	if d.connected.Load() {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			if err := h.cfg.output.Close(); err != nil {
				h.cfg.log.Warnf("cannot close the plugin: %v", err)
			}
		}()
		deadline := time.Now().Add(endClose)
		within(endClose, closed)
		within(time.Until(deadline), d.done) // Close may have ended a Write
	}

	left := h.queue.Len() - int(d.settled.Load())
	s := h.queue.Stats()
	h.cfg.log.Infof("ended: %d metrics taken in, %d delivered, %d set aside, %d dropped, %d left",
		s.Appended, d.delivered.Load(), d.setAside.Load(), s.Dropped(), left)
	err := h.queue.Close()
	if left > 0 {
		return &LeftError{Metrics: left, Err: d.lastError()}
	}
	if err != nil {
		return fmt.Errorf("cannot close the queue: %w", err)
	}
	return nil
}

// within waits for done, but not for longer than d.
func within(d time.Duration, done <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// interrupt ends a read of stdin if that is possible, and returns what the intake returned.
func interrupt(stdin io.Reader, read <-chan error) error {
	f, ok := stdin.(interface{ SetReadDeadline(time.Time) error })
	if !ok || f.SetReadDeadline(time.Unix(1, 0)) != nil {
		return nil
	}
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case err := <-read:
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		return err
	case <-timer.C:
		return nil
	}
}

// holdSignals keeps the signals that would end the process from doing so until release is called. SIGPIPE is among
// them, because a log line after Telegraf's death must not kill us while we save what it has sent.
func holdSignals(end func(), atTerminal bool) (release func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case sig := <-signals:
				if atTerminal && sig != syscall.SIGPIPE {
					end()
				}
			case <-stop:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(stop)
		<-stopped
	}
}

// terminal tells whether a person types our input, rather than Telegraf.
func terminal(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

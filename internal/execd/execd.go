// Package execd runs one Telegraf plugin as an external process under Telegraf's outputs.execd or inputs.execd, and gives
// it what Telegraf's own agent gives to a built-in plugin: a strict configuration, a logger, and for an output batches, a
// buffer and retries.
//
// For an output, Telegraf writes line protocol to our standard input and takes a metric for delivered as soon as it is in the pipe.
// So the input is read without ever waiting for the network: a Splitter cuts it into records, which go into a Queue,
// and only then more is read. A dispatcher, on a goroutine of its own, takes batches out of the queue, gives them to
// the plugin's Write and releases what Write settles. What fails is kept and offered again in the same order.
//
//	stdin → Splitter → Queue → ParseRecord → plugin's Write
//	                                       ↘ DeadLetter: what can never be sent
//
// An input writes its metrics to standard output, as line protocol, through a Printer, which tells it when they are in
// the pipe.
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
	"path/filepath"
	"syscall"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/dirlock"
	"telegraf-hologram/internal/ledger"
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

// ErrInputs says that a configuration is for an input where only an output will do.
var ErrInputs = errors.New("an input has no buffer and no link; want an output such as [[outputs.hologram]]")

const (
	// endWait is how long Run goes on sending after the end of its input when something would be lost with the process,
	// and keptWait when nothing would be. Then endClose is what the plugin's Close gets.
	// Telegraf sends SIGTERM, which is ignored, after 5 s and SIGKILL after 10 s.
	endWait  = 3500 * time.Millisecond
	keptWait = 1200 * time.Millisecond
	endClose = 400 * time.Millisecond

	// lockWait is how long to wait for another process to leave the buffer directory: Telegraf may have started us
	// while our predecessor still ends.
	lockWait = 5 * time.Second
	// overflowLimit bounds what is kept in memory while the disk takes nothing.
	overflowLimit = 4 << 20
)

// Run runs the plugin of the configuration until stdin ends, or until ctx does, which is the same. A configuration can
// be run once.
//
// SIGTERM, SIGINT and SIGHUP do not end it, unless stdin is a terminal: then they are its end.
//
// When the stdin of an output ends, Run goes on to send what waits, up to the first failure and so long that it returns in less than 2 s; the rest stays on
// disk. With a buffer in memory that is 4 s, and if metrics had to be left Run returns a *LeftError, which the caller
// reports. A Write that hangs does not keep Run: when the time is over, the plugin's Close
// is called beside it, which should end it; Run returns in any case.
//
// When the stdin of an input ends, its Stop is called, and Run returns in less than 2 s, whatever Stop does and whether
// somebody reads stdout or not. It also returns, with an error, when Start fails and when nobody can read stdout any more:
// Telegraf then starts the process again.
//
// Log lines go to stdout and stderr as Telegraf understands them. A reader of stdin that cannot be interrupted (no
// SetReadDeadline) is left behind when ctx ends before stdin.
func Run(ctx context.Context, cfg *Config, stdin io.Reader, stdout, stderr io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release := holdSignals(cancel, terminal(stdin))
	defer release()

	cfg.log.attach(stdout, stderr)
	defer cfg.log.detach()
	if cfg.Kind == kindInputs {
		return runInput(ctx, cfg, stdin, stdout)
	}

	q, dir, err := openBuffer(ctx, cfg)
	if err != nil {
		return err
	}
	dead := openDeadLetter(cfg.log, dir)
	defer dead.close()
	return newHost(cfg, q, dead, openBooks(cfg, dir)).run(ctx, stdin)
}

// openBuffer opens the queues that the options ask for. dir is where everything else can be kept that is to outlive the
// process, empty if there is no such place. A disk that fails is no reason to send nothing.
func openBuffer(ctx context.Context, cfg *Config) (b *buffer, dir string, err error) {
	o := cfg.Options
	limits, urgentLimits := o.limits()
	first := !cfg.priorities().none()
	inMemory := func() *buffer {
		if first {
			return newBuffer(queue.NewMemory(limits), queue.NewMemory(urgentLimits))
		}
		return newBuffer(queue.NewMemory(limits), nil)
	}
	if o.BufferStrategy == BufferMemory {
		cfg.log.Warnf("metrics wait in memory and are lost when the process or the power is cut; buffer_directory keeps them on disk")
		return inMemory(), "", nil
	}
	rest, err := openDisk(ctx, o.BufferDirectory, limits, overflowLimit)
	switch {
	case diskFails(err):
		cfg.log.Errorf("cannot open the buffer on disk, metrics wait in memory: %v", err)
		return inMemory(), "", nil
	case err != nil:
		return nil, "", badDirectory(cfg, err)
	}
	urgent, err := openUrgent(ctx, cfg, first, urgentLimits)
	if err != nil {
		return nil, "", errors.Join(badDirectory(cfg, err), rest.Close())
	}
	b = newBuffer(rest, urgent)
	if n, damaged := b.Len(), b.Stats().Damaged; n > 0 || damaged > 0 {
		cfg.log.Infof("found %s in %s, %s damaged", plural(n, "metric"), o.BufferDirectory, plural(int(damaged), "place"))
	}
	return b, o.BufferDirectory, nil
}

// openUrgent opens the urgent queue if it is needed, or if an earlier configuration has left one. It returns nil if not.
func openUrgent(ctx context.Context, cfg *Config, needed bool, limits queue.Limits) (Queue, error) {
	dir := filepath.Join(cfg.Options.BufferDirectory, urgentDirectory)
	if !needed && !isDirectory(dir) {
		return nil, nil
	}
	urgent, err := openDisk(ctx, dir, limits, overflowLimit/urgentShare)
	if diskFails(err) {
		cfg.log.Errorf("cannot open the urgent buffer on disk, urgent metrics wait in memory: %v", err)
		return queue.NewMemory(limits), nil
	}
	if err != nil {
		return nil, err
	}
	return urgent, nil
}

// isDirectory tells whether there is a directory of that name.
func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// badDirectory is the error for a directory that cannot be used.
func badDirectory(cfg *Config, err error) error {
	return fmt.Errorf("%s: %w", cfg.Source, &OptionError{"buffer_directory", cfg.Options.BufferDirectory, err.Error(),
		"a directory that this user may write to, for this plugin alone"})
}

// graveyard is a DeadLetter that has to be closed.
type graveyard interface {
	DeadLetter
	close()
}

// openDeadLetter returns the dead letter of a directory, or one that only logs where dir is empty.
func openDeadLetter(log telegraf.Logger, dir string) graveyard {
	if dir == "" {
		return &logDeadLetter{log: log}
	}
	return newFileDeadLetter(dir, log)
}

// openDisk opens a queue on disk, waiting for a process that is about to leave it. While the disk takes nothing it holds
// overflow bytes in memory at most.
func openDisk(ctx context.Context, dir string, limits queue.Limits, overflow int64) (*queue.Spill, error) {
	for start := time.Now(); ; {
		disk, err := queue.OpenDisk(dir, limits)
		if err == nil {
			mem := limits
			mem.Bytes = min(mem.Bytes, overflow)
			return queue.NewSpill(disk, mem), nil
		}
		var locked *dirlock.LockedError
		if !errors.As(err, &locked) || time.Since(start) >= lockWait {
			return nil, err
		}
		timer := time.NewTimer(lockWait / 20)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// diskFails tells whether an error is the disk's and not that of a configuration.
func diskFails(err error) bool {
	for _, e := range []error{syscall.EROFS, syscall.EIO, syscall.ENOSPC} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// host connects intake, queue and dispatch.
type host struct {
	cfg      *Config
	queue    *buffer
	books    *books
	intake   *intake
	dispatch *dispatcher
}

func newHost(cfg *Config, q *buffer, dead DeadLetter, b *books) *host {
	wake := make(chan struct{}, 1)
	d := newDispatcher(cfg, q, dead, b, wake)
	return &host{
		cfg:      cfg,
		queue:    q,
		books:    b,
		intake:   newIntake(cfg, q, dead, b, wake, &d.hurry),
		dispatch: d,
	}
}

func (h *host) run(ctx context.Context, stdin io.Reader) error {
	go h.dispatch.run()
	h.intake.ended = ctx.Done()
	read := make(chan error, 1)
	go func() { read <- h.intake.run(stdin) }()

	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
		err = interrupt(stdin, read)
	}
	return errors.Join(err, h.end())
}

// end closes plugin and queue, after it has sent what would be lost, as far as it may. It returns a *LeftError if
// something is.
func (h *host) end() error {
	d := h.dispatch
	d.settleVolatile()
	wait := endWait
	if d.atRisk() == 0 {
		wait = keptWait
	}
	close(d.stop)
	within(wait, d.done)
	d.abandoned.Store(true)

	if d.connected.Load() || d.fallback != nil && d.fallback.used.Load() {
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
	left := d.unsettled()
	s := h.queue.Stats()
	h.cfg.log.Infof("ended: %d metrics taken in, %d delivered, %d set aside, %d dropped, %d left",
		s.Appended, d.delivered.Load(), d.setAside.Load(), s.Dropped(), left)
	var err error
	if e := h.queue.Close(); e != nil {
		err = fmt.Errorf("cannot close the buffer: %w", e)
	}
	lost := d.atRisk() // Close may have put some of it onto the disk
	h.books.countDrops(s)
	if lost > 0 {
		h.books.add(ledger.Counters{Lost: int64(lost)})
	}
	err = errors.Join(err, h.books.close())
	if lost > 0 {
		err = errors.Join(err, &LeftError{Metrics: lost, Err: d.lastError()})
	}
	return err
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

// holdSignals keeps the signals that would end the process from doing so until release is called, and for good where
// nobody is at a terminal: the process is about to end then. SIGPIPE is among them, because a log line after Telegraf's
// death must not kill us while we save what it has sent.
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
		if atTerminal {
			signal.Stop(signals)
		} else {
			// One that comes between here and the end of the process must not make that a failure.
			signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
		}
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

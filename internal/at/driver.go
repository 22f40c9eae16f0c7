package at

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// What [Options] mean with their zero values.
const (
	DefaultTimeout       = 10 * time.Second
	DefaultLimit         = 5 * time.Minute
	DefaultPromptTimeout = 5 * time.Second
	DefaultDataTimeout   = 60 * time.Second
	DefaultWriteTimeout  = 5 * time.Second
	DefaultProbeTimeout  = 2 * time.Second
	DefaultProbes        = 2
	DefaultQuiet         = 300 * time.Millisecond
	DefaultMaxLine       = 4 << 10
	DefaultMaxAnswer     = 1 << 20
	DefaultURCs          = 256
)

const (
	maxCommand = 1 << 10         // bytes of a command
	maxDrain   = 5 * time.Second // for the silence of a modem that never falls silent
	closeGrace = 2 * time.Second // for a port whose Read or Write outlives its Close
	maxEmpty   = 100             // reads in a row without data or error, in so little time as
	emptyTime  = time.Second     // no waiting port would take
	readBuffer = 4 << 10
	promptEnd  = "\x1A" // Ctrl-Z
	promptStop = "\x1B" // ESC
)

// Options are the limits of a [Driver]. The zero value is ready to use.
type Options struct {
	// Timeout is how long a command waits for the next line of its answer, unless
	// it says otherwise (0 is DefaultTimeout).
	Timeout time.Duration
	// Limit is how long a command waits for its whole answer, unless it says
	// otherwise (0 is DefaultLimit).
	Limit time.Duration
	// PromptTimeout is how long Prompt waits for the prompt (0 is
	// DefaultPromptTimeout), DataTimeout then for the next line of the answer
	// (0 is DefaultDataTimeout; 3GPP TS 24.011 gives the network up to 40 s).
	PromptTimeout, DataTimeout time.Duration
	// WriteTimeout is how long the port may take for a command before it is
	// closed (0 is DefaultWriteTimeout).
	WriteTimeout time.Duration
	// ProbeTimeout is how long resynchronising waits for the answer to AT (0 is
	// DefaultProbeTimeout), Probes is how often it tries before the port is
	// closed (0 is DefaultProbes), and Quiet is the silence that ends what was
	// left (0 is DefaultQuiet).
	ProbeTimeout time.Duration
	Probes       int
	Quiet        time.Duration
	// MaxLine bounds a line in bytes (0 is DefaultMaxLine); a longer one is
	// dropped. MaxAnswer bounds an answer in bytes (0 is DefaultMaxAnswer).
	MaxLine, MaxAnswer int
	// URCs is how many URCs wait for being taken (0 is DefaultURCs). When there is
	// no room, the newest is dropped and counted.
	URCs int
	// Trace is told what is sent and what is received, line by line, if it is not
	// nil. These lines hold numbers and texts, though no PIN. It must not call the
	// driver, and not block.
	Trace func(sent bool, line string)
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&o.Timeout, DefaultTimeout},
		{&o.Limit, DefaultLimit},
		{&o.PromptTimeout, DefaultPromptTimeout},
		{&o.DataTimeout, DefaultDataTimeout},
		{&o.WriteTimeout, DefaultWriteTimeout},
		{&o.ProbeTimeout, DefaultProbeTimeout},
		{&o.Quiet, DefaultQuiet},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	for _, n := range []struct {
		value *int
		def   int
	}{
		{&o.Probes, DefaultProbes},
		{&o.MaxLine, DefaultMaxLine},
		{&o.MaxAnswer, DefaultMaxAnswer},
		{&o.URCs, DefaultURCs},
	} {
		if *n.value <= 0 {
			*n.value = n.def
		}
	}
	if o.Trace == nil {
		o.Trace = func(bool, string) {}
	}
	return o
}

// Stats counts what a driver has dropped and done. All counters only grow.
type Stats struct {
	Noise   int64 // bytes in no line, or in a line that belongs to nothing or is too long
	Stray   int64 // final results without a command, of late answers mostly
	Missed  int64 // URCs that nobody took in time
	Timeout int64 // commands without a final result in time
	Resyncs int64 // times that the line was brought to a known state, the first included
}

// Driver sends commands to a modem. Its methods may be called by several
// goroutines; commands wait for each other.
type Driver struct {
	port io.ReadWriteCloser
	opts Options

	turn    chan struct{} // holds a token unless a command is in flight
	writes  chan []byte   // to the writer
	wrote   chan error    // from the writer; capacity 1
	urcs    chan URC      // from the reader, which closes it
	closing chan struct{} // closed by fail
	ended   chan struct{} // closed when reader and writer have ended
	portErr chan error    // the result of closing the port; capacity 1

	mu      sync.Mutex
	cur     *exchange // what the reader gives lines to
	dirty   bool      // an answer may still come that nobody waits for
	owed    string    // the command whose answer that is
	header  *URC      // a two-line URC whose second line has not come
	missed  int       // URCs dropped since the last one that was handed out
	stats   Stats
	failure error // why the driver is closed
}

// New starts a driver on a port, which it owns from now on: Close closes it.
// port.Close must end a Read that waits, and should end such a Write. Nothing is
// sent before the first command.
func New(port io.ReadWriteCloser, opts Options) *Driver {
	opts = opts.withDefaults()
	d := &Driver{
		port:    port,
		opts:    opts,
		turn:    make(chan struct{}, 1),
		writes:  make(chan []byte),
		wrote:   make(chan error, 1),
		urcs:    make(chan URC, opts.URCs),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
		portErr: make(chan error, 1),
		dirty:   true,
	}
	d.turn <- struct{}{}
	var both sync.WaitGroup
	both.Go(d.read)
	both.Go(d.write)
	go func() {
		both.Wait()
		close(d.ended)
	}()
	return d
}

// URCs returns the channel of the unsolicited result codes, in the order in which
// they came. It is closed when the driver is. Whoever receives from it may send
// commands.
func (d *Driver) URCs() <-chan URC { return d.urcs }

// Done returns a channel that is closed when the driver no longer works: the port
// has failed, the modem does not respond, or Close was called.
func (d *Driver) Done() <-chan struct{} { return d.closing }

// Err returns nil while the driver works, and then why it does not: an error that
// is [ErrClosed] and, unless Close was called, wraps the cause.
func (d *Driver) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure
}

// Stats returns the counters.
func (d *Driver) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Close closes the port and ends commands in flight. It waits for the driver's
// goroutines, but no longer than two seconds for a port whose Read or Write is
// not ended by Close, and returns the port's error the first time.
func (d *Driver) Close() error {
	d.fail(nil)
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-d.ended:
	case <-grace.C:
		return errors.New("cannot close the port: it is still being read or written")
	}
	select {
	case err := <-d.portErr:
		if err != nil {
			return fmt.Errorf("cannot close the port: %w", err)
		}
	default:
	}
	return nil
}

// fail closes the driver for a reason, nil if its owner wants it, the first time.
func (d *Driver) fail(cause error) {
	d.mu.Lock()
	if d.failure != nil {
		d.mu.Unlock()
		return
	}
	d.failure = ErrClosed
	if cause != nil {
		d.failure = fmt.Errorf("%w: %w", ErrClosed, cause)
	}
	close(d.closing)
	d.mu.Unlock()
	d.portErr <- d.port.Close()
}

// write is the writer: it alone writes to the port, so that a port that takes
// nothing holds up nobody else.
func (d *Driver) write() {
	for {
		select {
		case b := <-d.writes:
			n, err := d.port.Write(b)
			if err == nil && n < len(b) {
				err = io.ErrShortWrite
			}
			d.wrote <- err
		case <-d.closing:
			return
		}
	}
}

// send writes to the port and closes it if that fails or takes too long.
func (d *Driver) send(text string) error {
	select {
	case d.writes <- []byte(text):
	case <-d.closing:
		return d.Err()
	}
	watchdog := time.NewTimer(d.opts.WriteTimeout)
	defer watchdog.Stop()
	select {
	case err := <-d.wrote:
		if err != nil {
			d.fail(err)
			return d.Err()
		}
		return nil
	case <-watchdog.C:
		d.fail(ErrWriteTimeout)
		return d.Err()
	case <-d.closing:
		return d.Err()
	}
}

// read is the reader: it alone reads the port and closes the channel of URCs.
func (d *Driver) read() {
	defer close(d.urcs)
	a := assembler{max: d.opts.MaxLine}
	buf := make([]byte, readBuffer)
	empty, since := 0, time.Now()
	for {
		n, err := d.port.Read(buf)
		if n == 0 && err == nil {
			// A port with a read timeout returns so, one that is gone may too.
			if empty == 0 {
				since = time.Now()
			}
			if empty++; empty < maxEmpty {
				continue
			}
			empty = 0
			if time.Since(since) >= emptyTime {
				continue
			}
			err = io.ErrNoProgress
		} else {
			empty = 0
		}
		if n > 0 {
			d.mu.Lock()
			a.feed(buf[:n], (*receiver)(d))
			d.mu.Unlock()
		}
		if err != nil {
			d.mu.Lock()
			(*receiver)(d).dropHeader()
			d.mu.Unlock()
			d.fail(err)
			return
		}
	}
}

// receiver is the driver as the reader sees it; its methods need mu.
type receiver Driver

func (r *receiver) noise(bytes int) { r.stats.Noise += int64(bytes) }

func (r *receiver) promptWanted() bool { return r.cur != nil && r.cur.wantPrompt }

func (r *receiver) prompt() {
	r.opts.Trace(false, ">")
	r.cur.wantPrompt = false
	r.cur.prompted <- struct{}{}
}

// line decides whose a line is.
func (r *receiver) line(text string) {
	r.opts.Trace(false, text)
	if r.header != nil {
		if isHex(text) {
			r.header.Data = text
			r.dropHeader()
			return
		}
		r.dropHeader()
	}
	x := r.cur
	if x != nil && x.isEcho(text) {
		return
	}
	if ok, result := final(text, x != nil && x.dials); ok {
		if x == nil || x.finals > 0 && !x.drains {
			r.stats.Stray++
			return
		}
		x.finish(result)
		return
	}
	if x != nil && (x.finals == 0 || x.drains) && x.takes(text) {
		x.add(text)
		r.dirty = r.dirty || x.overflowed
		return
	}
	name, args, named := nameOf(text)
	switch {
	case named && isTwoLine(name):
		r.header = &URC{Name: name, Args: args}
	case named && r.dirty && (x == nil || x.overflowed) && !isURCName(name):
		r.noise(len(text)) // the answer that was given up, most likely
	case named:
		r.emit(URC{Name: name, Args: args})
	case isBareURC(text):
		r.emit(URC{Name: text})
	default:
		r.noise(len(text))
	}
}

// dropHeader hands out a two-line URC with what has come of it.
func (r *receiver) dropHeader() {
	if r.header != nil {
		r.emit(*r.header)
		r.header = nil
	}
}

func (r *receiver) emit(u URC) {
	u.Missed = r.missed
	select {
	case r.urcs <- u:
		r.missed = 0
	default:
		r.missed++
		r.stats.Missed++
	}
}

// begin makes x the exchange that the reader gives lines to, nil for none.
func (d *Driver) begin(x *exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cur = x
}

// acquire waits for the command's turn.
func (d *Driver) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-d.closing:
		return d.Err()
	default:
	}
	select {
	case <-d.turn:
		return nil
	case <-d.closing:
		return d.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Driver) release() { d.turn <- struct{}{} }

// check tells whether cmd can be sent.
func check(cmd string) error {
	if len(cmd) < 2 || len(cmd) > maxCommand || !strings.EqualFold(cmd[:2], "AT") {
		return ErrInvalid
	}
	return checkText(cmd)
}

func checkText(s string) error {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7F {
			return ErrInvalid
		}
	}
	return nil
}

// nameForErrors is a command without its parameters.
func nameForErrors(cmd string) string {
	if end := strings.IndexAny(cmd, "=\""); end >= 0 {
		cmd = cmd[:end]
	}
	if len(cmd) > 2 && (cmd[2] == 'D' || cmd[2] == 'd') {
		cmd = cmd[:3]
	}
	if len(cmd) > 32 {
		cmd = cmd[:32]
	}
	return cmd
}

// traceable is a command without a PIN.
func traceable(cmd string) string {
	name := nameForErrors(cmd)
	switch upper := strings.ToUpper(name); {
	case name == cmd:
		return cmd
	case strings.Contains(upper, "PIN"), strings.HasSuffix(upper, "+CLCK"), strings.HasSuffix(upper, "+CPWD"):
		return name + "=…"
	default:
		return cmd
	}
}

package execd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
)

const (
	readSize    = 32 << 10    // bytes of one read at most
	pipeSize    = 4 << 10     // bytes that stdin's pipe may hold beside us, where that can be set
	pipeTries   = 32          // reads until which a pipe that was too full to shrink is tried again
	dropLogWait = time.Minute // between two lines about dropped metrics

	diskPatience = 15 * time.Second       // for a disk that takes nothing, before memory is used
	diskPause    = 250 * time.Millisecond // between two tries to store
)

var errCutOff = errors.New("cut off: the input ended without a newline")

// overflower is a queue that can hold records in memory while its disk takes none.
type overflower interface {
	// Overflow puts records into the memory; what has no room there is dropped and counted.
	Overflow(records [][]byte, at time.Time) error
	// Settle tries to put all that waits in memory onto the disk.
	Settle() error
	// Volatile is how many records are in memory alone.
	Volatile() int
}

// intake reads the input into the queue. Its fields belong to the goroutine that runs it.
type intake struct {
	queue  Queue
	dead   DeadLetter
	log    telegraf.Logger
	books  *books
	wake   chan<- struct{}
	hurry  *atomic.Bool // set when a record is urgent
	urgent urgent
	split  *Splitter
	ended  <-chan struct{} // closed when the host ends for another reason than the input
	hungUp func() bool     // tells whether the input has no writer any more

	limit     Size // of the queue, for messages
	oversized int
	refused   time.Time // since when the queue cannot store; zero while it can
	volatile  bool      // what comes goes into memory
	lost      uint64    // records that the queue could not store
	dropped   queue.Stats
	dropShown time.Time
}

func newIntake(cfg *Config, q Queue, dead DeadLetter, b *books, wake chan<- struct{}, hurry *atomic.Bool) *intake {
	in := &intake{queue: q, dead: dead, log: cfg.log, books: b, wake: wake, hurry: hurry,
		urgent: urgent{NewPatterns(cfg.Options.Urgent)}, limit: cfg.Options.BufferLimit}
	in.dropped = q.Stats()
	in.split = NewSplitter(MaxRecord, func(head []byte) {
		in.oversized++
		in.books.add(ledger.Counters{TooLong: 1})
		in.log.Errorf("metric %s has more than %v and is skipped (%d so far)", shortened(head), Size(MaxRecord), in.oversized)
	})
	return in
}

// run reads until the input ends, which is no error.
func (in *intake) run(stdin io.Reader) error {
	shrink := pipeShrinker(stdin)
	in.hungUp = func() bool { return hungUp(stdin) }
	buf := make([]byte, readSize)
	var records [][]byte
	for {
		shrink()
		n, err := stdin.Read(buf)
		if n > 0 {
			records = in.split.Split(records[:0], buf[:n])
			in.store(records)
			clear(records)
		}
		if err == nil {
			continue
		}
		if rest := in.split.Finish(); len(rest) > 0 {
			in.dead.Bury(rest, time.Now(), errCutOff)
		}
		in.reportDrops(true)
		if errors.Is(err, io.EOF) {
			return nil
		}
		return fmt.Errorf("cannot read the input: %w", err)
	}
}

// store puts the records of one chunk into the queue, in one call, and lets the dispatcher know.
//
// While the disk takes nothing, no more is read for a while, so that Telegraf keeps what it has; but Telegraf cannot
// stop while it waits for us. After diskPatience what comes goes into memory.
func (in *intake) store(records [][]byte) {
	if len(records) == 0 {
		return
	}
	at := time.Now()
	err := in.queue.Append(records, at)
	for ; err != nil && in.patient(err); err = in.queue.Append(records, at) {
		in.pause()
	}
	switch {
	case err == nil && !in.refused.IsZero():
		in.log.Infof("the buffer takes metrics again after %v", Duration(time.Since(in.refused).Round(time.Second)))
		in.refused, in.volatile = time.Time{}, false
	case err != nil:
		if q, ok := in.queue.(overflower); ok {
			err = q.Overflow(records, at)
		}
		if err != nil {
			in.lost += uint64(len(records))
			in.books.add(ledger.Counters{Lost: int64(len(records))})
			in.log.Errorf("cannot store metrics: %v (%d lost so far)", err, in.lost)
			return
		}
	}
	in.books.add(ledger.Counters{Taken: int64(len(records))})
	in.reportDrops(false)
	if slices.ContainsFunc(records, in.urgent.match) {
		in.hurry.Store(true)
	}
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// patient tells whether to wait for a queue that has refused to store. It logs the first refusal and the end of
// patience.
func (in *intake) patient(err error) bool {
	if errors.Is(err, queue.ErrClosed) || in.volatile {
		return false
	}
	if in.refused.IsZero() {
		in.refused = time.Now()
		in.log.Errorf("cannot store metrics: %v; reading no more for up to %v", err, Duration(diskPatience))
	}
	select {
	case <-in.ended:
		in.volatile = true
	default:
		in.volatile = time.Since(in.refused) >= diskPatience || in.hungUp()
	}
	if in.volatile {
		in.log.Errorf("cannot store metrics: %v; what comes now is in memory alone", err)
	}
	return !in.volatile
}

// pause waits before the next try to store.
func (in *intake) pause() {
	timer := time.NewTimer(diskPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-in.ended:
	}
}

// reportDrops logs what the queue has dropped, at most once a minute and at the end.
func (in *intake) reportDrops(end bool) {
	s := in.queue.Stats()
	in.books.countDrops(s)
	if s.Dropped() == in.dropped.Dropped() || !end && !in.dropShown.IsZero() && time.Since(in.dropShown) < dropLogWait {
		return
	}
	if n := s.DroppedFull - in.dropped.DroppedFull; n > 0 {
		in.log.Warnf("the buffer of %v is full: %s dropped (%d so far)", in.limit, plural(int(n), "metric"), s.DroppedFull)
	}
	if n := s.DroppedAge - in.dropped.DroppedAge; n > 0 {
		in.log.Warnf("waited longer than buffer_max_age: %s dropped (%d so far)", plural(int(n), "metric"), s.DroppedAge)
	}
	in.dropped, in.dropShown = s, time.Now()
}

// pipeShrinker returns a function to call before each read. It makes the pipe behind stdin as small as a pipe can be,
// where the system allows it, because what is in the pipe is lost when the process is killed.
func pipeShrinker(stdin io.Reader) func() {
	f, ok := stdin.(*os.File)
	if !ok {
		return func() {}
	}
	tries := pipeTries
	return func() {
		if tries > 0 {
			tries--
			if err := shrinkPipe(f, pipeSize); err == nil || !errors.Is(err, errPipeBusy) {
				tries = 0
			}
		}
	}
}

// errPipeBusy says that a pipe holds more than it is to hold at most; that can change.
var errPipeBusy = errors.New("pipe is in use")

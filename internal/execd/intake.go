package execd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/queue"
)

const (
	readSize    = 32 << 10    // bytes of one read at most
	pipeSize    = 4 << 10     // bytes that stdin's pipe may hold beside us, where that can be set
	pipeTries   = 32          // reads until which a pipe that was too full to shrink is tried again
	dropLogWait = time.Minute // between two lines about dropped metrics
)

var errCutOff = errors.New("cut off: the input ended without a newline")

// intake reads the input into the queue. Its fields belong to the goroutine that runs it.
type intake struct {
	queue Queue
	dead  DeadLetter
	log   telegraf.Logger
	wake  chan<- struct{}
	split *Splitter

	limit     Size // of the queue, for messages
	oversized int
	lost      uint64 // records that the queue could not store
	dropped   queue.Stats
	dropShown time.Time
}

func newIntake(cfg *Config, q Queue, dead DeadLetter, wake chan<- struct{}) *intake {
	in := &intake{queue: q, dead: dead, log: cfg.log, wake: wake, limit: cfg.Options.BufferLimit}
	in.split = NewSplitter(MaxRecord, func(head []byte) {
		in.oversized++
		in.log.Errorf("metric %s has more than %v and is skipped (%d so far)", shortened(head), Size(MaxRecord), in.oversized)
	})
	return in
}

// run reads until the input ends, which is no error.
func (in *intake) run(stdin io.Reader) error {
	shrink := pipeShrinker(stdin)
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
func (in *intake) store(records [][]byte) {
	if len(records) == 0 {
		return
	}
	if err := in.queue.Append(records, time.Now()); err != nil {
		in.lost += uint64(len(records))
		in.log.Errorf("cannot store metrics: %v (%d lost so far)", err, in.lost)
		return
	}
	in.reportDrops(false)
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// reportDrops logs what the queue has dropped, at most once a minute and at the end.
func (in *intake) reportDrops(end bool) {
	s := in.queue.Stats()
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

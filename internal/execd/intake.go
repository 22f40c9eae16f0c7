package execd

import (
	"errors"
	"fmt"
	"io"
	"os"
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

// intake reads the input into the queues. Its fields belong to the goroutine that runs it.
type intake struct {
	queue  *buffer
	inlets []*inlet // of the queues, in their order
	dead   DeadLetter
	log    telegraf.Logger
	books  *books
	wake   chan<- struct{}
	hurry  *atomic.Bool // set when a record is to be sent at once
	first  priorities
	urgent [][]byte // reused by store
	split  *Splitter
	ended  <-chan struct{} // closed when the host ends for another reason than the input
	hungUp func() bool     // tells whether the input has no writer any more

	oversized int
	lost      uint64 // records that no queue could store
}

// inlet is where records go into a queue.
type inlet struct {
	queue     Queue
	name      string    // for messages
	refused   time.Time // since when the queue cannot store; zero while it can
	volatile  bool      // what comes goes into memory
	dropped   queue.Stats
	dropShown time.Time
}

func newIntake(cfg *Config, q *buffer, dead DeadLetter, b *books, wake chan<- struct{}, hurry *atomic.Bool) *intake {
	in := &intake{queue: q, dead: dead, log: cfg.log, books: b, wake: wake, hurry: hurry}
	rest, urgent := cfg.Options.limits()
	if q := q.urgent(); q != nil {
		in.first = cfg.priorities()
		in.inlets = append(in.inlets, &inlet{queue: q, name: "the urgent buffer of " + Size(urgent.Bytes).String(), dropped: q.Stats()})
	}
	in.inlets = append(in.inlets, &inlet{queue: q.rest(), name: "the buffer of " + Size(rest.Bytes).String(), dropped: q.rest().Stats()})
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

// store puts the records of one chunk into their queues, each in one call, and lets the dispatcher know.
func (in *intake) store(records [][]byte) {
	at := time.Now()
	urgent, rest, now := in.sort(records)
	stored := false
	if len(urgent) > 0 && in.put(in.inlets[0], urgent, at) {
		stored = true
		if now {
			in.hurry.Store(true)
		}
	}
	if len(rest) > 0 && in.put(in.inlets[len(in.inlets)-1], rest, at) {
		stored = true
	}
	clear(in.urgent)
	if !stored {
		return
	}
	in.reportDrops(false)
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// sort divides records into those for the urgent queue and the rest, which takes their place, and tells whether one is
// to be sent at once.
func (in *intake) sort(records [][]byte) (urgent, rest [][]byte, now bool) {
	if in.first.none() {
		return nil, records, false
	}
	in.urgent, rest = in.urgent[:0], records[:0]
	for _, r := range records {
		first, hurry := in.first.matchRecord(r)
		if first {
			in.urgent = append(in.urgent, r)
		} else {
			rest = append(rest, r)
		}
		now = now || hurry
	}
	return in.urgent, rest, now
}

// put puts records into a queue and tells whether they are there.
//
// While the disk takes nothing, no more is read for a while, so that Telegraf keeps what it has; but Telegraf cannot
// stop while it waits for us. After diskPatience what comes goes into memory.
func (in *intake) put(to *inlet, records [][]byte, at time.Time) bool {
	err := to.queue.Append(records, at)
	for ; err != nil && in.patient(to, err); err = to.queue.Append(records, at) {
		in.pause()
	}
	switch {
	case err == nil && !to.refused.IsZero():
		in.log.Infof("the buffer takes metrics again after %v", Duration(time.Since(to.refused).Round(time.Second)))
		to.refused, to.volatile = time.Time{}, false
	case err != nil:
		if q, ok := to.queue.(overflower); ok {
			err = q.Overflow(records, at)
		}
		if err != nil {
			in.lost += uint64(len(records))
			in.books.add(ledger.Counters{Lost: int64(len(records))})
			in.log.Errorf("cannot store metrics: %v (%d lost so far)", err, in.lost)
			return false
		}
	}
	in.books.add(ledger.Counters{Taken: int64(len(records))})
	return true
}

// patient tells whether to wait for a queue that has refused to store. It logs the first refusal and the end of
// patience. The queues are on one disk: if another one waits already, that time counts.
func (in *intake) patient(to *inlet, err error) bool {
	if errors.Is(err, queue.ErrClosed) || to.volatile {
		return false
	}
	if to.refused.IsZero() {
		to.refused = time.Now()
		for _, other := range in.inlets {
			if !other.refused.IsZero() && other.refused.Before(to.refused) {
				to.refused = other.refused
			}
		}
		if wait := diskPatience - time.Since(to.refused); wait > 0 {
			in.log.Errorf("cannot store metrics: %v; reading no more for up to %v", err, Duration(wait.Round(time.Second)))
		}
	}
	select {
	case <-in.ended:
		to.volatile = true
	default:
		to.volatile = time.Since(to.refused) >= diskPatience || in.hungUp()
	}
	if to.volatile {
		in.log.Errorf("cannot store metrics: %v; what comes now is in memory alone", err)
	}
	return !to.volatile
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

// reportDrops logs what the queues have dropped, each at most once a minute and at the end.
func (in *intake) reportDrops(end bool) {
	in.books.countDrops(in.queue.Stats())
	for _, q := range in.inlets {
		s := q.queue.Stats()
		if s.Dropped() == q.dropped.Dropped() || !end && !q.dropShown.IsZero() && time.Since(q.dropShown) < dropLogWait {
			continue
		}
		if n := s.DroppedFull - q.dropped.DroppedFull; n > 0 {
			in.log.Warnf("%s is full: %s dropped (%d so far)", q.name, plural(int(n), "metric"), s.DroppedFull)
		}
		if n := s.DroppedAge - q.dropped.DroppedAge; n > 0 {
			in.log.Warnf("waited longer than buffer_max_age: %s dropped (%d so far)", plural(int(n), "metric"), s.DroppedAge)
		}
		q.dropped, q.dropShown = s, time.Now()
	}
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

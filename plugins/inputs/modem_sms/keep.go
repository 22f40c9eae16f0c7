package modemsms

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/journal"
	"telegraf-hologram/internal/metric"
)

// keeper takes messages and prints their metrics.
type keeper interface {
	// known tells whether a message or a part was kept before.
	known(id gsm.ID) bool
	// keep takes the metrics of a message, of which there may be none. When it returns
	// nil the message may be deleted.
	keep(j *gsm.Joined, metrics []telegraf.Metric) error
	// run prints until ctx ends.
	run(ctx context.Context)
	// unprinted is how many messages were not printed yet, and dropped how many never
	// will be.
	unprinted() (waiting, dropped int)
	close() error
}

// partKeeper is a keeper that can also take parts of messages that are not
// complete.
type partKeeper interface {
	keepPart(ctx context.Context, p gsm.Part) error
	parts() []gsm.Part
}

// printer prints metrics, and waits until they are printed if the accumulator
// can tell.
type printer struct{ acc telegraf.Accumulator }

func (p printer) print(metrics []telegraf.Metric) error {
	if out, ok := p.acc.(execd.Printer); ok {
		return out.Print(metrics...)
	}
	for _, m := range metrics {
		p.acc.AddMetric(m)
	}
	return nil
}

// openKeeper returns the journal, or what there is in its place.
func (m *ModemSMS) openKeeper() (keeper, error) {
	out := printer{m.acc}
	if m.JournalDirectory == "" {
		risk := "a message that Telegraf has not passed on when it ends is lost"
		if m.Delete == deleteNever {
			risk = "the messages in the modem are printed again at each start"
		}
		m.Log.Warnf("There is no journal_directory: %s", risk)
		return &direct{printer: out}, nil
	}
	j, err := journal.Open(m.JournalDirectory, int64(m.JournalLimit))
	if err != nil {
		return nil, err
	}
	k := &journalled{
		printer: out, journal: j, log: m.Log, limit: int64(m.JournalLimit), hook: m.timing.hook,
		wake: make(chan struct{}, 1), kept: make(map[gsm.ID]struct{}),
	}
	if err := k.load(); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return k, nil
}

// direct keeps nothing: it prints at once.
type direct struct {
	printer
	recent [recentIDs]gsm.ID // messages that were printed, for those that the network delivers again
	next   int
}

// recentIDs is how many messages direct remembers. Those that are still in the
// modem are remembered by gsm.Modem.
const recentIDs = 256

func (d *direct) known(id gsm.ID) bool {
	for i := range d.recent {
		if d.recent[i] == id && id != (gsm.ID{}) {
			return true
		}
	}
	return false
}

func (d *direct) keep(j *gsm.Joined, metrics []telegraf.Metric) error {
	if err := d.print(metrics); err != nil {
		return err
	}
	for _, id := range j.IDs {
		d.recent[d.next] = id
		d.next = (d.next + 1) % recentIDs
	}
	return nil
}

func (*direct) run(context.Context)               {}
func (*direct) unprinted() (waiting, dropped int) { return 0, 0 }
func (*direct) close() error                      { return nil }

// The types of the entries of the journal.
const (
	entryLines = 1 // the metrics of a message, as line protocol
	entryPart  = 2 // a part of a message that is not complete; printed is that it is no longer needed
)

// Lines returns what an entry of the journal prints, line protocol, and whether it
// prints anything.
func Lines(e journal.Entry) (lines []byte, ok bool) {
	return e.Data, e.Type == entryLines
}

// journalled keeps messages in a journal and prints them out of it, so that
// receiving does not wait for Telegraf.
type journalled struct {
	printer
	journal *journal.Journal
	log     telegraf.Logger
	limit   int64
	wake    chan struct{}
	hook    func(string) // tests end the process there

	waiting      atomic.Int64 // messages that are not printed
	waitingBytes atomic.Int64 // of their lines

	// Of the goroutine that receives, and before that of the one that opens.
	kept  map[gsm.ID]struct{} // parts in the journal
	found []gsm.Part          // that were there at the start
}

var errBehind = errors.New("half of the journal waits for Telegraf to read")

func (k *journalled) known(id gsm.ID) bool { return k.journal.Has(journal.ID(id)) }

func (k *journalled) keep(j *gsm.Joined, metrics []telegraf.Metric) error {
	k.reach("received")
	if len(metrics) > 0 {
		e := journal.Entry{ID: journal.ID(j.Message.ID), Type: entryLines, Time: time.Now()}
		for _, id := range j.IDs {
			if id != j.Message.ID {
				e.Also = append(e.Also, journal.ID(id))
			}
		}
		for _, m := range metrics {
			data, err := metric.AppendLine(e.Data, m)
			if err != nil {
				continue // as a metric that cannot be printed
			}
			e.Data = append(data, '\n')
		}
		// The journal makes room by dropping the oldest, printed or not. The modem is the
		// better place then.
		if waiting := k.waitingBytes.Load(); waiting > 0 && waiting+int64(len(e.Data)) > k.limit/2 {
			return errBehind
		}
		switch err := k.journal.Append(e); {
		case err == nil:
			k.waiting.Add(1)
			k.waitingBytes.Add(int64(len(e.Data)))
		case !errors.Is(err, journal.ErrKnown):
			return err
		}
		k.reach("journalled")
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
	var done []journal.ID
	for _, id := range j.IDs {
		if _, ok := k.kept[id]; ok {
			done = append(done, partID(id))
			delete(k.kept, id)
		}
	}
	if len(done) > 0 {
		if err := k.journal.MarkPrinted(done...); err != nil {
			k.log.Warnf("%v", err)
		}
	}
	return nil
}

// partID is the ID of a part's entry: not the part's own, by which the message is
// known.
func partID(id gsm.ID) (other journal.ID) {
	for i := range id {
		other[i] = ^id[i]
	}
	return other
}

const partHead = 4 + 8

func (k *journalled) keepPart(_ context.Context, p gsm.Part) error {
	data := binary.LittleEndian.AppendUint32(nil, uint32(p.Length))
	data = binary.LittleEndian.AppendUint64(data, uint64(p.Time.UnixNano()))
	data = append(data, p.PDU...)
	err := k.journal.Append(journal.Entry{ID: partID(p.ID), Type: entryPart, Time: time.Now(), Data: data})
	if err != nil && !errors.Is(err, journal.ErrKnown) {
		return err
	}
	k.kept[p.ID] = struct{}{}
	return nil
}

// load finds what is not printed: parts that are needed still, in the order in
// which they were kept, and messages.
func (k *journalled) load() error {
	entries, err := k.journal.Unprinted(journal.MaxIDs)
	if err != nil {
		return err
	}
	var done []journal.ID
	for _, e := range entries {
		if e.Type != entryPart {
			k.waiting.Add(1)
			k.waitingBytes.Add(int64(len(e.Data)))
			continue
		}
		id := gsm.ID(partID(gsm.ID(e.ID)))
		if k.known(id) || len(e.Data) <= partHead {
			done = append(done, e.ID) // the process ended between the message and this mark
			continue
		}
		k.kept[id] = struct{}{}
		k.found = append(k.found, gsm.Part{
			ID:     id,
			Length: int(binary.LittleEndian.Uint32(e.Data)),
			Time:   time.Unix(0, int64(binary.LittleEndian.Uint64(e.Data[4:]))),
			PDU:    string(e.Data[partHead:]),
		})
	}
	return k.journal.MarkPrinted(done...)
}

// parts returns the parts that were there at the start.
func (k *journalled) parts() []gsm.Part {
	found := k.found
	k.found = nil
	return found
}

// run prints what is in the journal and is not printed.
func (k *journalled) run(ctx context.Context) {
	for {
		if err := k.printAll(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, execd.ErrEnded) {
			k.log.Warnf("Printing messages: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		}
	}
}

// printAtOnce is how many messages are read from the journal at a time.
const printAtOnce = 16

// printAll prints until nothing is left.
func (k *journalled) printAll(ctx context.Context) error {
	limit := printAtOnce
	for {
		entries, err := k.journal.Unprinted(limit)
		if err != nil {
			return err
		}
		parts := 0
		for _, e := range entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if e.Type == entryPart {
				parts++
				continue
			}
			if err := k.printEntry(e); err != nil {
				return err
			}
		}
		if len(entries) < limit {
			return nil
		}
		limit = printAtOnce + parts
	}
}

// printEntry prints the metrics of a message.
func (k *journalled) printEntry(e journal.Entry) error {
	metrics, err := parseLines(bytes.TrimRight(e.Data, "\n"), e.Time)
	if err != nil || e.Type != entryLines {
		k.log.Errorf("A message in the journal cannot be read, and is not printed: %s", e)
	}
	if err := k.print(metrics); err != nil {
		return fmt.Errorf("a message waits in the journal: %w", err)
	}
	k.reach("printed")
	k.waiting.Add(-1)
	k.waitingBytes.Add(-int64(len(e.Data)))
	if err := k.journal.MarkPrinted(e.ID); err != nil {
		k.log.Warnf("%v", err)
	}
	k.reach("marked")
	return nil
}

// reach tells a test where the process is.
func (k *journalled) reach(place string) {
	if k.hook != nil {
		k.hook(place)
	}
}

func (k *journalled) unprinted() (waiting, dropped int) {
	s := k.journal.Stats()
	return int(k.waiting.Load()), int(s.Dropped + s.Lost)
}

func (k *journalled) close() error { return k.journal.Close() }

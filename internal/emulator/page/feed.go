package page

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
)

const (
	maxItems    = 500     // of each list
	maxBytes    = 4 << 20 // that the items of a list take in memory, about
	maxMeasured = 60      // messages whose bytes are drawn
)

// Feed keeps what has happened last: at most 500 messages and 500 SMS, with 4 MiB of
// each, however many come. Its methods may be called by several goroutines, and never
// wait for those who look at it.
type Feed struct {
	run string // tells this feed from that of an earlier run

	mu       sync.Mutex
	seq      uint64        // of the latest item
	changed  chan struct{} // closed with the next item
	messages list
	sms      list
	totals   totals
	measured []measure
}

// NewFeed returns an empty feed.
func NewFeed() *Feed {
	return &Feed{run: strconv.FormatUint(rand.Uint64(), 36), changed: make(chan struct{})}
}

// entry is an item of either kind: the other is nil.
type entry struct {
	Seq     uint64
	Message *messageView
	SMS     *smsView
}

// list is the latest entries of a kind, in order.
type list struct {
	entries []entry
	bytes   int
}

func (l *list) add(e entry) {
	l.entries = append(l.entries, e)
	l.bytes += e.size()
	drop := 0
	for len(l.entries)-drop > maxItems || l.bytes > maxBytes && len(l.entries)-drop > 1 {
		l.bytes -= l.entries[drop].size()
		l.entries[drop] = entry{}
		drop++
	}
	l.entries = l.entries[drop:]
}

func (e entry) size() int {
	if e.Message != nil {
		return e.Message.size()
	}
	return 256 + len(e.SMS.Text)
}

// after returns the entries with a higher number.
func (l *list) after(seq uint64) []entry {
	at, _ := slices.BinarySearchFunc(l.entries, seq+1, func(e entry, seq uint64) int {
		switch {
		case e.Seq < seq:
			return -1
		case e.Seq > seq:
			return 1
		}
		return 0
	})
	return l.entries[at:]
}

// totals are those since the start.
type totals struct {
	Messages, Metrics, SMS, Refused, Lost int64
	Bytes, Wire                           int64 // of all that came by a connection
	metricBytes                           int64 // on the wire, of messages with metrics
}

// measure is a message in the drawing.
type measure struct {
	bytes int
	taken bool
}

// AddMessage adds a message. It keeps nothing of m.
func (f *Feed) AddMessage(m Message) {
	v := m.view()
	f.mu.Lock()
	defer f.mu.Unlock()
	t := &f.totals
	switch {
	case m.Outcome == Refused:
		t.Refused++
	case m.Outcome == Lost:
		t.Lost++
	case m.To != "":
		t.SMS++
	default:
		t.Messages++
		t.Metrics += int64(v.Count)
		if v.Count > 0 {
			t.metricBytes += int64(v.Wire)
		}
	}
	if !m.NoConnection {
		t.Bytes += int64(m.BytesIn)
		t.Wire += int64(v.Wire)
		f.measured = append(f.measured, measure{v.Wire, m.Outcome == Taken})
		f.measured = f.measured[max(0, len(f.measured)-maxMeasured):]
	}
	f.messages.add(entry{Seq: f.next(), Message: v})
}

// AddSMS adds an SMS of the modem.
func (f *Feed) AddSMS(m SMS) {
	v := m.view()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sms.add(entry{Seq: f.next(), SMS: v})
}

// next numbers an item, and wakes who waits for one. The lock is held.
func (f *Feed) next() uint64 {
	f.seq++
	close(f.changed)
	f.changed = make(chan struct{})
	return f.seq
}

// snapshot is the feed at one time. It shares nothing that changes.
type snapshot struct {
	seq           uint64
	messages, sms []entry // oldest first
	totals        totals
	measured      []measure
	changed       <-chan struct{} // closed when there is something new
}

// since returns what is newer than a number; 0 is all there is.
func (f *Feed) since(seq uint64) snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return snapshot{
		seq: f.seq, messages: slices.Clone(f.messages.after(seq)), sms: slices.Clone(f.sms.after(seq)),
		totals: f.totals, measured: slices.Clone(f.measured), changed: f.changed,
	}
}

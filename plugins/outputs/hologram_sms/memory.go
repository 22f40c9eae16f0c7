package hologramsms

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/fsync"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/slot"
)

// What is remembered at most.
const (
	memorySize   = 32 << 10 // bytes of the file's value
	maxCooldowns = 512      // series and recipients
	maxHeldNames = 16       // measurements in a digest
	maxNameBytes = 64
)

// memory is what the plugin remembers over restarts, besides what is in the
// journal and in the account. It belongs to the goroutine that calls Write.
type memory struct {
	file *slot.File // nil: it is not kept
	log  telegraf.Logger
	told bool   // that it cannot be written
	old  string // what was written last

	recall
}

// recall is the contents of a memory.
type recall struct {
	// cooldowns are when an SMS about a series went to a recipient, oldest first.
	cooldowns []cooldown
	// held is what the next digest tells.
	held digest
	// sending is the digest that some recipients may have, and others not.
	sending digest
	// next is the number of the next digest.
	next uint64
	// carrier is the key of the metric that waits in the host's queue, so that it
	// asks again, and is counted in held or sending already; 0 is none.
	carrier uint64
	// sequences number the payloads for each recipient.
	sequences []sequence
	// skipped counts the metrics that came too soon after an SMS of their series.
	skipped int64
}

type cooldown struct {
	series uint64 // and recipient
	at     time.Time
}

type sequence struct {
	recipient uint64
	next      payload.Sequence
}

// digest counts the metrics that were held back. The zero value is none.
type digest struct {
	number uint64
	since  time.Time // the time of the first
	total  int
	names  []heldName // in the order of their arrival
}

type heldName struct {
	name  string
	count int
}

// openMemory returns the memory in a file, or one that is not kept where there is
// no path or the file cannot be used.
func openMemory(path string, log telegraf.Logger) *memory {
	m := &memory{log: log}
	if path == "" {
		return m
	}
	err := fsync.MkdirAll(filepath.Dir(path))
	var data []byte
	if err == nil {
		m.file, data, err = slot.Open(path, memorySize)
	}
	if err == nil && data != nil {
		err = m.recall.unmarshal(string(data))
	}
	if err != nil {
		log.Warnf("The times of the last SMS and what was held back cannot be read: %v", err)
	}
	return m
}

// readMemory reads what another process remembers.
func readMemory(path string) (r recall, err error) {
	data, err := slot.Read(path, memorySize)
	if err == nil && data != nil {
		err = r.unmarshal(string(data))
	}
	return r, err
}

// keep writes the memory, if it has changed, and waits until it is on the disk. What cannot be written is in memory only.
func (m *memory) keep() {
	text := m.recall.marshal()
	if m.file == nil || string(text) == m.old {
		return
	}
	err := m.file.Write(text)
	if err == nil {
		err = m.file.Sync()
	}
	if err == nil {
		m.old = string(text)
	}
	if err != nil && !m.told {
		m.log.Warnf("The times of the last SMS and what was held back cannot be kept: %v", err)
	}
	m.told = err != nil
}

func (m *memory) close() {
	if m.file == nil {
		return
	}
	if err := m.file.Close(); err != nil {
		m.log.Warnf("Closing the memory: %v", err)
	}
}

// cool tells whether an SMS about a series is too soon.
func (r *recall) cool(series uint64, now time.Time, wait time.Duration) bool {
	if wait <= 0 {
		return false
	}
	for i := range r.cooldowns {
		c := &r.cooldowns[i]
		if c.series != series {
			continue
		}
		if c.at.After(now) {
			c.at = now // the clock was set back
		}
		return now.Sub(c.at) < wait
	}
	return false
}

// sent notes that an SMS about a series has gone.
func (r *recall) sent(series uint64, now time.Time, wait time.Duration) {
	if wait <= 0 {
		return
	}
	left := r.cooldowns[:0]
	for _, c := range r.cooldowns {
		if c.series != series && now.Sub(c.at) < wait {
			left = append(left, c)
		}
	}
	if len(left) >= maxCooldowns {
		left = append(left[:0], left[len(left)-maxCooldowns+1:]...)
	}
	r.cooldowns = append(left, cooldown{series, now})
}

// sequence returns where the number of the next payload for a recipient is.
func (r *recall) sequence(recipient uint64) *payload.Sequence {
	for i := range r.sequences {
		if r.sequences[i].recipient == recipient {
			return &r.sequences[i].next
		}
	}
	if len(r.sequences) >= 2*maxRecipients {
		r.sequences = append(r.sequences[:0], r.sequences[1:]...)
	}
	r.sequences = append(r.sequences, sequence{recipient: recipient})
	return &r.sequences[len(r.sequences)-1].next
}

// add counts a metric that is held back.
func (d *digest) add(name string, at time.Time) {
	if d.total == 0 || at.Before(d.since) {
		d.since = at
	}
	d.total++
	if len(name) > maxNameBytes {
		name = strings.ToValidUTF8(name[:maxNameBytes], "")
	}
	for i := range d.names {
		if d.names[i].name == name {
			d.names[i].count++
			return
		}
	}
	if len(d.names) < maxHeldNames {
		d.names = append(d.names, heldName{name, 1})
	}
}

// clone returns a digest that has nothing in common with d.
func (d *digest) clone() digest {
	c := *d
	c.names = append([]heldName(nil), d.names...)
	return c
}

// marshal returns the contents as lines of words:
//
//	next NUMBER
//	carrier KEY
//	skipped NUMBER
//	cooldown SERIES SECONDS
//	sequence RECIPIENT NUMBER
//	held NUMBER SECONDS TOTAL         and for the digest that is being sent "sending"
//	name COUNT NAME                   of the digest above
//
// Keys are hexadecimal, seconds are those from 1970, and names are quoted.
func (r *recall) marshal() []byte {
	b := fmt.Appendf(nil, "next %d\ncarrier %x\nskipped %d\n", r.next, r.carrier, r.skipped)
	for _, d := range []struct {
		kind string
		*digest
	}{{"held", &r.held}, {"sending", &r.sending}} {
		if d.total == 0 {
			continue
		}
		b = fmt.Appendf(b, "%s %d %d %d\n", d.kind, d.number, d.since.Unix(), d.total)
		for _, n := range d.names {
			b = fmt.Appendf(b, "name %d %q\n", n.count, n.name)
		}
	}
	for _, s := range r.sequences {
		b = fmt.Appendf(b, "sequence %x %d\n", s.recipient, s.next)
	}
	for _, c := range r.cooldowns {
		b = fmt.Appendf(b, "cooldown %x %d\n", c.series, c.at.Unix())
	}
	return b
}

var errMemory = errors.New("not a memory of this plugin")

// unmarshal reads what marshal returns, and leaves r as it is if it cannot. Lines
// of other kinds, which a later version may have, are passed over.
func (r *recall) unmarshal(text string) error {
	var n recall
	var above *digest
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		p := words{rest: line}
		switch kind := p.next(); kind {
		case "next":
			n.next = p.number(10)
		case "carrier":
			n.carrier = p.number(16)
		case "skipped":
			n.skipped = int64(p.number(10))
		case "held", "sending":
			above = &n.held
			if kind == "sending" {
				above = &n.sending
			}
			*above = digest{number: p.number(10), since: p.time(), total: p.count()}
		case "name":
			h := heldName{count: p.count()}
			h.name = p.quoted()
			if above == nil || len(above.names) >= maxHeldNames || len(h.name) > maxNameBytes {
				p.bad = true
				break
			}
			above.names = append(above.names, h)
		case "cooldown":
			n.cooldowns = append(n.cooldowns, cooldown{p.number(16), p.time()})
		case "sequence":
			s := sequence{recipient: p.number(16), next: payload.Sequence(p.number(10) % payload.SequenceLimit)}
			n.sequences = append(n.sequences, s)
		case "":
			p.bad = true
		}
		if p.bad || i == 0 && !strings.HasPrefix(line, "next ") {
			return fmt.Errorf("%w: line %d", errMemory, i+1)
		}
	}
	*r = n
	return nil
}

// words reads the words of a line.
type words struct {
	rest string
	bad  bool
}

func (w *words) next() (word string) {
	word, w.rest, _ = strings.Cut(w.rest, " ")
	return word
}

func (w *words) number(base int) uint64 {
	n, err := strconv.ParseUint(w.next(), base, 64)
	w.bad = w.bad || err != nil
	return n
}

func (w *words) count() int {
	n, err := strconv.ParseInt(w.next(), 10, 32)
	w.bad = w.bad || err != nil || n < 1
	return int(n)
}

func (w *words) time() time.Time {
	n, err := strconv.ParseInt(w.next(), 10, 64)
	w.bad = w.bad || err != nil
	return time.Unix(n, 0).UTC()
}

func (w *words) quoted() string {
	s, err := strconv.Unquote(w.rest)
	w.bad = w.bad || err != nil
	return s
}

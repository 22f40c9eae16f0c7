package gsm

import (
	"hash/fnv"
	"slices"
	"time"
)

// Location is where a modem keeps a message. The zero Location is nowhere: the
// message was handed over without being stored.
type Location struct {
	Storage string // the modem's name of the storage, such as SM or ME (3GPP TS 27.005 3.1, <mem1>)
	Index   int    // the number of the record, from 0
}

// Joined is a message with all its parts, or with those that came.
type Joined struct {
	// Message is the whole message: Text and Data are those of all parts, the
	// rest is that of the first part that is there. A message of one part is
	// that part. The ID is made of those of the parts.
	Message *Message
	// Parts is how many parts the message has, 1 to 255.
	Parts int
	// Missing are the numbers of the parts that did not come, in ascending
	// order.
	Missing []int
	// IDs are the parts' IDs. All of them should be remembered when one of the
	// Locations may still be read: after a restart a part that was not
	// deleted in time would otherwise begin a message anew.
	IDs []ID
	// PDUs are the parts as Decode got them, in their order: hexadecimal, up to 1024
	// digits of each. They hold text and numbers.
	PDUs []string
	// Locations are where the modem keeps the parts, copies included, in the
	// order of the parts. They can be deleted as soon as the message is in
	// safety, and not before.
	Locations []Location
	// Repeated tells that this is no message, but another copy of a part of
	// one that was given out before. Its Locations can be deleted.
	Repeated bool
}

// GoString describes the message without its text and numbers.
func (j Joined) GoString() string { return j.String() }

// String describes the message without its text and numbers. Its receiver is no
// pointer so that a copy does not print them either.
func (j Joined) String() string { return j.Message.String() }

// Complete tells whether all parts are there.
func (j *Joined) Complete() bool { return len(j.Missing) == 0 }

// The defaults of an Assembler.
const (
	DefaultTimeout  = 10 * time.Minute
	DefaultMaxParts = 512
)

// An Assembler puts the parts of concatenated messages together. Parts may come
// in any order, more than once, and among those of other messages.
//
// Parts belong together when sender, kind, reference, size of the reference and
// number of parts are the same; the service centre need not be, since one
// message may come through two. References are reused, by some senders for every
// message. Therefore two parts with one number but different content are of two
// messages, parts that the service centre got further apart than the timeout are
// too, and a part that fits two messages goes to the one that is nearer in time.
// Only when the parts of two messages with one reference come mixed within the
// timeout, and each lacks what the other has, they can not be told apart.
//
// Its state follows from the calls alone. It is not safe for concurrent use.
type Assembler struct {
	timeout  time.Duration
	maxParts int

	sets   []*set // in order of their last new part
	held   int    // parts in sets
	places map[Location]*part
	given  map[ID]time.Time // the parts that were given out, and when
}

// set is a message of which parts are missing.
type set struct {
	key   key
	parts []*part // in order of their numbers
	last  time.Time
}

// key is what the parts of a message have in common.
type key struct {
	kind      Kind
	peer      string
	reference uint16
	bits      int
	parts     int
}

type part struct {
	*Message
	set    *set
	came   time.Time
	places []Location
	copies []ID // of the same part with another time stamp
}

// maxCopies bounds what one part that is sent over and over takes.
const maxCopies = 32

// is tells whether the ID is that of the part or a copy of it.
func (p *part) is(id ID) bool { return p.ID == id || slices.Contains(p.copies, id) }

// NewAssembler makes an Assembler. A message is given out incomplete when no
// part of it has come for timeout. At most maxParts parts wait; for another one,
// the message that has waited longest is given out incomplete. Values of 0 or
// less stand for the defaults.
func NewAssembler(timeout time.Duration, maxParts int) *Assembler {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	if maxParts <= 0 {
		maxParts = DefaultMaxParts
	}
	return &Assembler{
		timeout:  timeout,
		maxParts: maxParts,
		places:   make(map[Location]*part),
		given:    make(map[ID]time.Time),
	}
}

// Add takes a message, or a part of one, that is kept at a location, and returns
// what is to be given out now: nothing as long as parts are missing. Most often
// that is the one message, but room may have to be made for it by giving out
// another. The message must not be changed afterwards.
//
// A message that is still kept may be added again and again, as each listing of
// a storage shows it. Only messages that were given out must not: their IDs are
// the caller's to know. The parts of concatenated ones are recognised for the
// timeout all the same.
func (a *Assembler) Add(m *Message, at Location, now time.Time) []*Joined {
	a.vacate(m, at)
	c := m.Concat
	// A status report may quote the header of the message that it is about.
	if c == nil || c.Parts == 1 || m.Kind == StatusReport {
		p := &part{Message: m}
		p.keptAt(at)
		return []*Joined{{Message: m, Parts: 1, IDs: []ID{m.ID}, PDUs: []string{m.pdu}, Locations: p.places}}
	}
	if when, ok := a.given[m.ID]; ok && now.Sub(when) < a.timeout {
		j := &Joined{Message: m, Parts: c.Parts, IDs: []ID{m.ID}, PDUs: []string{m.pdu}, Repeated: true}
		if at != (Location{}) {
			j.Locations = []Location{at}
		}
		return []*Joined{j}
	}

	k := key{kind: m.Kind, peer: m.Peer.Value, reference: c.Reference, bits: c.Bits, parts: c.Parts}
	s, double := a.find(k, m, now)
	if double != nil {
		if !double.is(m.ID) && len(double.copies) < maxCopies {
			double.copies = append(double.copies, m.ID)
		}
		a.keep(double, at)
		return nil
	}
	var out []*Joined
	completes := s != nil && len(s.parts)+1 == c.Parts
	if a.held >= a.maxParts && !completes {
		oldest := a.sets[0]
		if oldest == s && len(a.sets) > 1 {
			oldest = a.sets[1]
		}
		out = append(out, a.give(oldest, now))
		if oldest == s {
			s = nil
		}
	}
	if s == nil {
		s = &set{key: k}
	} else {
		a.sets = slices.DeleteFunc(a.sets, func(o *set) bool { return o == s })
	}
	s.last = now
	a.sets = append(a.sets, s)
	p := &part{Message: m, set: s, came: now}
	a.keep(p, at)
	i, _ := slices.BinarySearchFunc(s.parts, c.Sequence, func(p *part, n int) int { return p.Concat.Sequence - n })
	s.parts = append(s.parts, nil)
	copy(s.parts[i+1:], s.parts[i:])
	s.parts[i] = p
	a.held++
	if len(s.parts) == c.Parts {
		out = append(out, a.give(s, now))
	}
	return out
}

// vacate takes a location from the part that was there, if it is another one: a
// modem uses a record again as soon as it is free.
func (a *Assembler) vacate(m *Message, at Location) {
	if p := a.places[at]; p != nil && !p.is(m.ID) {
		p.places = slices.DeleteFunc(p.places, func(l Location) bool { return l == at })
		delete(a.places, at)
	}
}

func (a *Assembler) keep(p *part, at Location) {
	if at != (Location{}) && a.places[at] == nil {
		a.places[at] = p
		p.keptAt(at)
	}
}

func (p *part) keptAt(at Location) {
	if at != (Location{}) {
		p.places = append(p.places, at)
	}
}

// find returns the set that a message belongs to, nil if it begins a new one, or
// the part that it is a copy of.
func (a *Assembler) find(k key, m *Message, now time.Time) (best *set, double *part) {
	var distance time.Duration
	for _, s := range a.sets {
		if s.key != k {
			continue
		}
		d := s.distance(m, now)
		// A network delivers again what was not acknowledged, a sender sends
		// again what was not delivered, the latter with a new time stamp.
		if p := s.part(m.Concat.Sequence); p != nil {
			if p.is(m.ID) || d <= a.timeout && p.same(m) {
				return nil, p
			}
			continue
		}
		if d <= a.timeout && (best == nil || d <= distance) {
			best, distance = s, d
		}
	}
	return best, nil
}

func (s *set) part(sequence int) *part {
	for _, p := range s.parts {
		if p.Concat.Sequence == sequence {
			return p
		}
	}
	return nil
}

// same tells whether two parts say the same.
func (p *part) same(m *Message) bool {
	return p.body.encoding == m.body.encoding && string(p.body.octets) == string(m.body.octets) &&
		p.body.locking == m.body.locking && p.body.shift == m.body.shift
}

// distance is how far in time the message is from the nearest part of the set:
// by the service centre's clock or, where that is not known, by our own.
func (s *set) distance(m *Message, now time.Time) time.Duration {
	least := time.Duration(-1)
	for _, p := range s.parts {
		d := now.Sub(p.came)
		if t, o := m.Time, p.Time; !t.Time.IsZero() && !o.Time.IsZero() && t.NoZone == o.NoZone {
			d = t.Time.Sub(o.Time)
		}
		if d = d.Abs(); least < 0 || d < least {
			least = d
		}
	}
	return least
}

// Expire returns the messages, incomplete, of which no part has come for the
// timeout.
func (a *Assembler) Expire(now time.Time) []*Joined {
	var out []*Joined
	for len(a.sets) > 0 && now.Sub(a.sets[0].last) >= a.timeout {
		out = append(out, a.give(a.sets[0], now))
	}
	return out
}

// Deadline returns when Expire will next have something to return, and whether
// it will at all.
func (a *Assembler) Deadline() (time.Time, bool) {
	if len(a.sets) == 0 {
		return time.Time{}, false
	}
	return a.sets[0].last.Add(a.timeout), true
}

// Evict returns, incomplete, the message that has waited longest for a part, and
// false when none waits. It is for a modem whose storage is nearly full of parts.
func (a *Assembler) Evict(now time.Time) (*Joined, bool) {
	if len(a.sets) == 0 {
		return nil, false
	}
	return a.give(a.sets[0], now), true
}

// Waiting returns how many parts wait for others.
func (a *Assembler) Waiting() int { return a.held }

// give takes a set out and joins what is there of it.
func (a *Assembler) give(s *set, now time.Time) *Joined {
	a.sets = slices.DeleteFunc(a.sets, func(o *set) bool { return o == s })
	a.held -= len(s.parts)
	a.forget(now)

	first := *s.parts[0].Message
	concat := *first.Concat
	concat.Sequence = 0
	first.Concat = &concat
	j := &Joined{Message: &first, Parts: s.key.parts}
	var all joiner
	next := 1
	h := fnv.New128a()
	for _, p := range s.parts {
		if p.Concat.Sequence != next {
			all.gap()
			for ; next < p.Concat.Sequence; next++ {
				j.Missing = append(j.Missing, next)
			}
		}
		next++
		all.add(p.body)
		if p.Encoding != first.Encoding {
			first.Encoding = Mixed
		}
		if first.Err == nil {
			first.Err = p.Err
		}
		first.Repaired |= p.Repaired
		_, _ = h.Write(p.ID[:])
		j.IDs = append(append(j.IDs, p.ID), p.copies...)
		j.PDUs = append(j.PDUs, p.pdu)
		j.Locations = append(j.Locations, p.places...)
		for _, at := range p.places {
			delete(a.places, at)
		}
	}
	for _, id := range j.IDs {
		a.given[id] = now
	}
	for ; next <= s.key.parts; next++ {
		j.Missing = append(j.Missing, next)
	}
	first.Text, first.Data = all.result()
	first.body = segment{}
	h.Sum(first.ID[:0])
	return j
}

// forget makes room among the parts that were given out: of those that came so
// long ago that they are not looked for, and when that is not enough of all.
func (a *Assembler) forget(now time.Time) {
	if len(a.given) < 4*a.maxParts {
		return
	}
	for id, when := range a.given {
		if now.Sub(when) >= a.timeout {
			delete(a.given, id)
		}
	}
	if len(a.given) >= 4*a.maxParts {
		clear(a.given)
	}
}

package smslimit

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// reading is what the clocks show.
type reading struct {
	// wall is the time of day in nanoseconds since 1970, 0 if the clock was not set.
	wall int64
	// boot names the start of the system, and up is the time since then in nanoseconds. boot is 0 if they are not
	// known.
	boot uint64
	up   int64
}

// The times between which a clock counts as set. Later ones do not fit into 64 bits of nanoseconds soon.
var (
	firstSane = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	lastSane  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// wallOf is what a reading has of a time.
func wallOf(t time.Time) int64 {
	if t.Before(firstSane) || t.After(lastSane) {
		return 0
	}
	return t.UnixNano()
}

// state is what the file holds. Its time never goes back. It began with the clock and has since followed what is
// certain of the time that has passed, so that it may be behind the clock.
type state struct {
	time int64 // now, as of the last advance, in nanoseconds
	// wall is what the clock shows at the time setTime, 0 if it never was set.
	wall, setTime int64
	// gap tells that an unknown time has passed since setTime: the system was started again, and its clock was not set.
	gap  bool
	boot uint64 // of the last reading that had one
	up   int64
	// damaged is when nothing could be read, 0 for never.
	damaged int64
	next    uint64  // the ID of the next entry
	entries []entry // by time
}

// entry is a number of parts that were reserved at a time.
type entry struct {
	id    uint64
	at    int64
	parts int
	// loose tells that the time is not known and to be put later when the clock is set.
	loose bool
}

// advance brings the time up to a reading.
func (s *state) advance(r reading) {
	same := r.boot != 0 && r.boot == s.boot
	elapsed := int64(0)
	if same {
		elapsed = max(0, r.up-s.up)
	}
	switch {
	case r.wall == 0:
		s.time += elapsed
		if same && s.wall != 0 && !s.gap {
			s.wall += elapsed
			s.setTime = s.time
		} else {
			s.gap = true
		}
	case s.wall == 0 || s.gap:
		s.time += elapsed
		if s.wall == 0 {
			s.time = max(s.time, r.wall)
		} else {
			s.time = max(s.time, s.setTime+max(0, r.wall-s.wall))
		}
		s.settle()
		s.set(r.wall)
	case same:
		s.time += elapsed
		s.set(r.wall)
	default:
		s.time += max(0, r.wall-s.wall)
		s.set(r.wall)
	}
	if r.boot != 0 {
		s.boot, s.up = r.boot, r.up
	}
	const end = 1 << 62
	s.time, s.setTime = min(s.time, end), min(s.setTime, end)
}

// set notes what the clock shows. One that is behind what it should show by now is waited for, as there is no telling
// whether it was wrong before or is now; but not for ever.
func (s *state) set(wall int64) {
	if s.wall != 0 {
		s.wall += s.time - s.setTime
	}
	s.wall = min(max(s.wall, wall), wall+int64(period))
	s.setTime = s.time
	s.gap = false
}

// settle puts the entries whose time is not known to now.
func (s *state) settle() {
	for i := range s.entries {
		if s.entries[i].loose {
			s.entries[i].at, s.entries[i].loose = s.time, false
		}
	}
}

// begin returns the first state of an account. Its IDs are not those of an account that was there before.
func begin(r reading) state {
	var s state
	s.advance(r)
	s.next = uint64(max(s.time, r.up)) + 1
	return s
}

// add counts parts now.
func (s *state) add(parts int) (id uint64) {
	id = s.next
	s.next++
	s.entries = append(s.entries, entry{id: id, at: s.time, parts: parts, loose: s.wall == 0 || s.gap})
	return id
}

// remove gives back up to n parts of an entry. It does nothing if there is no such entry any more.
func (s *state) remove(id uint64, n int) {
	for i := range s.entries {
		e := &s.entries[i]
		if e.id != id {
			continue
		}
		if e.parts -= n; e.parts <= 0 {
			s.entries = append(s.entries[:i], s.entries[i+1:]...)
		}
		return
	}
}

// prune drops what no longer counts, and joins entries if they are too many: two neighbours, as of the later time, so
// that the fewest parts are kept the shortest time longer.
func (s *state) prune() {
	kept := s.entries[:0]
	for _, e := range s.entries {
		if e.loose || s.time-e.at < int64(period) {
			kept = append(kept, e)
		}
	}
	s.entries = kept
	for len(s.entries) > maxEntries {
		best, least := 0, math.Inf(1)
		for i := range len(s.entries) - 1 {
			if cost := float64(s.entries[i+1].at-s.entries[i].at) * float64(s.entries[i].parts); cost < least {
				best, least = i, cost
			}
		}
		s.entries[best+1].parts += s.entries[best].parts
		s.entries[best+1].loose = s.entries[best+1].loose || s.entries[best].loose
		s.entries = append(s.entries[:best], s.entries[best+1:]...)
	}
	if s.damaged != 0 && s.time-s.damaged >= int64(period) {
		s.damaged = 0
	}
}

// used is how many parts count in a window now.
func (s *state) used(w window) int {
	n := 0
	for _, e := range s.entries {
		if s.counts(e, w) {
			n += e.parts
		}
	}
	return n
}

func (s *state) counts(e entry, w window) bool { return e.loose || s.time-e.at < int64(w.length) }

// wait is how long it takes until parts are free in a window, less than 0 if they never are.
func (s *state) wait(w window, parts int) time.Duration {
	if parts > w.max {
		return -1
	}
	over := s.used(w) + parts - w.max
	wait := time.Duration(0)
	for _, e := range s.entries {
		if over <= 0 {
			break
		}
		if s.counts(e, w) {
			over -= e.parts
			wait = max(wait, w.length-time.Duration(s.time-e.at))
		}
	}
	return wait
}

// reserve counts parts if the limits allow it, and otherwise returns a [*LimitError]. now is the clock of the error.
func (s *state) reserve(l Limits, parts int, now time.Time) (id uint64, err error) {
	var limit *LimitError
	longest := time.Duration(0)
	for _, w := range l.windows() {
		wait := s.wait(w, parts)
		if wait == 0 || limit != nil && limit.Free.IsZero() || wait > 0 && wait < longest {
			continue
		}
		limit = &LimitError{Option: w.option, Max: w.max, Used: s.used(w), Parts: parts}
		if wait > 0 {
			longest, limit.Free = wait, now.Add(wait).Round(0)
		}
	}
	if limit != nil {
		return 0, limit
	}
	return s.add(parts), nil
}

// usage is what is used now.
func (s *state) usage(l Limits, now time.Time) Usage {
	var u Usage
	longest := time.Duration(0)
	for _, x := range []struct {
		of *Window
		w  window
	}{
		{&u.Hour, window{length: hour, max: l.Hour}}, {&u.Day, window{length: day, max: l.Day}},
		{&u.Period, window{length: period, max: l.Period}},
	} {
		*x.of = Window{Used: s.used(x.w), Max: x.w.max}
		if x.w.max == 0 {
			continue
		}
		if wait := s.wait(x.w, 1); wait > 0 {
			x.of.Free = now.Add(wait).Round(0)
			longest = max(longest, wait)
		}
	}
	if longest > 0 {
		u.Free = now.Add(longest).Round(0)
	}
	if s.damaged != 0 {
		u.Damaged = now.Add(-time.Duration(s.time - s.damaged)).Round(0)
	}
	return u
}

// charge counts what may have been sent when the file could not be read: the day, and half of the period.
func (s *state) charge(l Limits) {
	s.add(max(l.Day, (l.Period+1)/2))
	s.damaged = max(s.time, 1)
}

// The encoding, all little endian:
//
//	state = version u8 | flags u8 | time wall setTime boot up damaged next u64 | number u32 | entries
//	entry = id u64 | at u64 | parts u32, whose highest bit says loose
const (
	version    = 1
	flagGap    = 1
	headSize   = 2 + 7*8 + 4
	entrySize  = 8 + 8 + 4
	maxEntries = 1000
	looseBit   = 1 << 31
	// slotSize bounds an encoded state.
	slotSize = 20<<10 - 16
)

var (
	errDamaged = errors.New("it is damaged")
	errVersion = errors.New("it was made by a later version of this program")
)

func appendState(b []byte, s *state) []byte {
	flags := byte(0)
	if s.gap {
		flags |= flagGap
	}
	b = append(b, version, flags)
	for _, v := range []uint64{uint64(s.time), uint64(s.wall), uint64(s.setTime), s.boot, uint64(s.up), uint64(s.damaged), s.next} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.entries)))
	for _, e := range s.entries {
		b = binary.LittleEndian.AppendUint64(b, e.id)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.at))
		parts := uint32(e.parts)
		if e.loose {
			parts |= looseBit
		}
		b = binary.LittleEndian.AppendUint32(b, parts)
	}
	return b
}

// decodeState reads what appendState has written, and refuses what no account can have written.
func decodeState(b []byte) (state, error) {
	if len(b) > 0 && b[0] > version {
		return state{}, errVersion
	}
	if len(b) < headSize || b[0] != version || b[1]&^flagGap != 0 {
		return state{}, errDamaged
	}
	var v [7]uint64
	gap := b[1]&flagGap != 0
	b = b[2:]
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	s := state{
		time: int64(v[0]), wall: int64(v[1]), setTime: int64(v[2]), boot: v[3], up: int64(v[4]), damaged: int64(v[5]), next: v[6],
		gap: gap,
	}
	n := int(binary.LittleEndian.Uint32(b))
	b = b[4:]
	bad := n > maxEntries || len(b) != n*entrySize || s.time < 0 || s.time > 1<<62 || s.wall < 0 || s.wall > 1<<62 ||
		s.setTime < 0 || s.setTime > s.time || s.up < 0 || s.damaged < 0 || s.damaged > max(s.time, 1)
	if bad {
		return state{}, errDamaged
	}
	last := int64(0)
	for range n {
		parts := binary.LittleEndian.Uint32(b[16:])
		e := entry{
			id: binary.LittleEndian.Uint64(b), at: int64(binary.LittleEndian.Uint64(b[8:])),
			parts: int(parts &^ looseBit), loose: parts&looseBit != 0,
		}
		if e.at < last || e.at > s.time || e.parts < 1 || e.id >= s.next {
			return state{}, errDamaged
		}
		last = e.at
		s.entries = append(s.entries, e)
		b = b[entrySize:]
	}
	return s, nil
}

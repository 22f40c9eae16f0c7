package ledger

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// The encoding: a version byte, then unsigned varints. Times are seconds since 1970, 0 for none.
//
//	state    = version began lastDelivery failingSince failures nextTry error total days months
//	error    = length bytes
//	days     = number { key counters }, in the order of use; months alike
//	counters = mask { value }
//
// Bit n of the mask tells that the counter n of Counters.all is not 0 and follows. A later version that only has more
// counters needs no new number: values of unknown bits are passed over, and missing ones are 0.
const (
	version  = 1
	maxError = 240 // bytes of Link.Error
)

// slotSize bounds an encoded state. The largest has less than 8 KiB: there is room for more counters, which the size,
// as it gives the slots their places, has not.
const slotSize = 12<<10 - 16

var errEncoding = errors.New("it is damaged, or of a later version")

func appendState(b []byte, s *State) []byte {
	b = append(b, version)
	for _, t := range []time.Time{s.Began, s.LastDelivery, s.Link.FailingSince} {
		b = appendTime(b, t)
	}
	b = binary.AppendUvarint(b, uint64(s.Link.Failures))
	b = appendTime(b, s.Link.NextTry)
	text := shortened(s.Link.Error)
	b = binary.AppendUvarint(b, uint64(len(text)))
	b = append(b, text...)
	b = appendCounters(b, &s.Total)
	for _, list := range [][]period{s.days, s.months} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for i := range list {
			b = binary.AppendUvarint(b, uint64(list[i].key))
			b = appendCounters(b, &list[i].Counters)
		}
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() || t.Unix() < 0 {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, uint64(t.Unix()))
}

func appendCounters(b []byte, c *Counters) []byte {
	all := c.all()
	mask := uint64(0)
	for i, n := range all {
		if *n > 0 {
			mask |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, mask)
	for _, n := range all {
		if *n > 0 {
			b = binary.AppendUvarint(b, uint64(*n))
		}
	}
	return b
}

// decodeState reads what appendState has written. It refuses what no ledger can have written.
func decodeState(b []byte) (State, error) {
	if len(b) == 0 || b[0] != version {
		return State{}, errEncoding
	}
	r := reader{b: b[1:]}
	s := State{Began: r.time(), LastDelivery: r.time()}
	s.Link.FailingSince = r.time()
	s.Link.Failures = int64(r.number(1<<63 - 1))
	s.Link.NextTry = r.time()
	s.Link.Error = shortened(string(r.bytes(int(r.number(maxError)))))
	s.Total = r.counters()
	s.days = r.periods(keptDays)
	s.months = r.periods(keptMonths)
	if r.bad || len(r.b) > 0 {
		return State{}, errEncoding
	}
	return s, nil
}

// reader reads varints until something is wrong; from then on everything is 0.
type reader struct {
	b   []byte
	bad bool
}

// number reads a number of at most most.
func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) time() time.Time {
	const farthest = 1 << 38 // beyond the year 9999
	seconds := r.number(farthest)
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

func (r *reader) counters() (c Counters) {
	all := c.all()
	mask := r.number(1<<64 - 1)
	for _, n := range all {
		if mask&1 != 0 {
			*n = int64(r.number(1<<63 - 1))
		}
		mask >>= 1
	}
	for ; mask != 0; mask >>= 1 {
		if mask&1 != 0 {
			r.number(1<<63 - 1)
		}
	}
	return c
}

func (r *reader) periods(most int) []period {
	n := int(r.number(uint64(most)))
	list := make([]period, 0, n)
	for range n {
		const farthest = 1 << 20
		key := uint32(r.number(farthest))
		list = append(list, period{key, r.counters()})
	}
	return list
}

// shortened makes one line of at most maxError bytes of UTF-8 without control characters.
func shortened(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == utf8.RuneError {
			return ' '
		}
		return c
	}, s)
	const ellipsis = "…"
	if len(s) <= maxError {
		return s
	}
	return strings.ToValidUTF8(s[:maxError-len(ellipsis)], "") + ellipsis
}

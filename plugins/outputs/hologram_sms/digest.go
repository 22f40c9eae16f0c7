package hologramsms

import (
	"errors"
	"fmt"
	"strings"

	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/smsout"
)

// With on_limit = "digest", alarms beyond a limit are counted in the memory and
// rejected, and one SMS tells how many when the limit allows it. The last one that
// was counted, the carrier, is not rejected before: it stays in the host's queue,
// so that the host asks again.

var errToldInDigest = errors.New("held back by a limit, and counted in a digest")

// hold counts an alarm instead of sending it.
func (b *batch) hold(a alarm) {
	mem := b.h.memory
	if mem.held.total == 0 {
		mem.held = digest{number: mem.next}
		mem.next++
	}
	mem.held.add(a.metric.Name(), a.metric.Time())
	b.carry(a)
}

// carry makes an alarm that is counted the carrier.
func (b *batch) carry(a alarm) {
	if b.carrier != none {
		b.refuse(b.carrier, errToldInDigest)
	}
	b.carrier, b.h.memory.carrier = a.index, a.key
}

// endCarrier settles the carrier when there is no digest to come, and keeps what
// was counted.
func (b *batch) endCarrier() {
	mem := b.h.memory
	if b.carrier != none && mem.held.total == 0 && mem.sending.total == 0 {
		b.refuse(b.carrier, errToldInDigest)
		b.carrier, mem.carrier = none, 0
	}
	if b.h.OnLimit == limitDigest || mem.skipped > 0 {
		mem.keep()
	}
}

// digests sends what was held back before. When a limit leaves no room for the
// alarms that are new, they are counted as well.
func (b *batch) digests(alarms []alarm) {
	mem := b.h.memory
	if mem.sending.total > 0 {
		if _, all := b.sendDigest(mem.sending); !all {
			return
		}
		mem.sending = digest{}
	}
	if mem.held.total == 0 {
		return
	}
	d := mem.held.clone()
	var joined []alarm
	if !b.room(len(b.h.To) * (1 + len(alarms))) {
		joined = alarms
		for _, a := range joined {
			d.add(a.metric.Name(), a.metric.Time())
		}
	}
	some, all := b.sendDigest(d)
	if !some {
		return
	}
	mem.held = digest{}
	if !all {
		mem.sending = d
	}
	for _, a := range joined {
		b.carry(a)
	}
}

// room tells whether the limits allow so many SMS.
func (b *batch) room(n int) bool {
	u, err := b.h.account.Usage()
	if err != nil {
		return true // sending will say it
	}
	for _, w := range []struct{ limit, left int }{
		{b.h.MaxPerHour, u.Hour.Left()}, {b.h.MaxPerDay, u.Day.Left()}, {b.h.MaxPerPeriod, u.Period.Left()},
	} {
		if w.limit > 0 && w.left < n {
			return false
		}
	}
	return true
}

// sendDigest sends a digest to all that have not got it. A recipient that it
// cannot go to counts as one that has.
func (b *batch) sendDigest(d digest) (some, all bool) {
	text := d.text()
	all = true
	for _, to := range b.h.To {
		key := digestKey(d.number, to)
		m := smsout.Message{To: to, Text: text, Coding: encode.GSM7, Keys: []uint64{key}}
		switch outcome, err := b.send(m, d.total); outcome {
		case sent:
			some = true
		case refused:
			some = true
			b.h.Log.Errorf("The digest of %s that were held back cannot be sent: %v", plural(d.total, "metric"), err)
		default:
			all = false
		}
	}
	return some, all
}

// digestKey is the key of a digest for a recipient.
func digestKey(number uint64, to string) uint64 {
	return hash(fnvStart, fmt.Sprintf("digest %d for %s", number, to))
}

// resume makes a digest that some recipients have one that is being sent. The
// process may have ended before it could remember that.
func (h *HologramSMS) resume() {
	mem := h.memory
	if mem.held.total == 0 || mem.sending.total > 0 {
		return
	}
	for _, to := range h.To {
		if h.outbox.Told(digestKey(mem.held.number, to)) {
			mem.sending, mem.held = mem.held, digest{}
			return
		}
	}
}

// text says what was held back, in one SMS: "12 alarms held back since 11-23
// 14:05Z: freezer 7, door 5".
func (d *digest) text() string {
	var b strings.Builder
	alarms := "alarms"
	if d.total == 1 {
		alarms = "alarm"
	}
	fmt.Fprintf(&b, "%d %s held back since %s", d.total, alarms, d.since.UTC().Format("01-02 15:04Z"))
	rest := d.total
	for i, n := range d.names {
		separator := ", "
		if i == 0 {
			separator = ": "
		}
		next := fmt.Sprintf("%s%s %d", separator, n.name, n.count)
		more := ""
		if rest > n.count {
			more = fmt.Sprintf(", %d more", rest-n.count)
		}
		if encode.PlanText(b.String()+next+more, encode.GSM7).Parts > 1 {
			break
		}
		b.WriteString(next)
		rest -= n.count
	}
	if rest > 0 && rest < d.total {
		fmt.Fprintf(&b, ", %d more", rest)
	}
	return clean(b.String())
}

package hologramsms

import (
	"fmt"

	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/smsout"
	"telegraf-hologram/internal/smspack"
)

// compact sends the metrics themselves, as many in each SMS as it holds.
func (b *batch) compact() {
	for i, m := range b.metrics {
		if err := b.tooOld(m); err != nil {
			b.refuse(i, err)
		}
	}
	refusals := make([]error, len(b.metrics))
	open := make([]bool, len(b.metrics)) // some of it waits
	for _, to := range b.h.To {
		b.compactTo(to, open, refusals)
	}
	for i := range b.metrics {
		switch {
		case b.fates[i] != waits || open[i]:
		case refusals[i] != nil:
			b.reject(i, refusals[i])
		default:
			b.accept(i)
		}
	}
	b.h.memory.keep()
}

// compactTo sends what a recipient has not got.
func (b *batch) compactTo(to string, open []bool, refusals []error) {
	h := b.h
	pieces := smspack.Split(b.metrics, to, func(i int, err error) { refusals[i] = err })
	var todo []smspack.Piece
	begun := make([]bool, len(b.metrics)) // a piece of it was sent: the others follow
	for _, p := range pieces {
		begun[p.Index] = begun[p.Index] || h.outbox.Told(p.Key)
	}
	first := map[uint64]int{} // metric of each series
	for _, p := range pieces {
		if b.fates[p.Index] != waits || refusals[p.Index] != nil || h.outbox.Told(p.Key) {
			continue
		}
		if h.cooldown > 0 && !begun[p.Index] {
			series := seriesFor(p.Metric, to)
			if i, ok := first[series]; ok && i != p.Index || h.memory.cool(series, b.now, h.cooldown) {
				h.memory.skipped++
				continue
			}
			first[series] = p.Index
		}
		todo = append(todo, p)
	}
	sequence := h.memory.sequence(hash(fnvStart, to))
	for len(todo) > 0 {
		text, n, err := smspack.Fill(todo, *sequence)
		if err != nil {
			refusals[todo[0].Index] = err // not after Split
			todo = todo[1:]
			continue
		}
		m := smsout.Message{To: to, Text: text, Coding: encode.GSM7}
		for _, p := range todo[:n] {
			m.Keys = append(m.Keys, p.Key)
		}
		outcome, err := b.send(m, n)
		for _, p := range todo[:n] {
			switch {
			case outcome == sent:
				h.memory.sent(seriesFor(p.Metric, to), b.now, h.cooldown)
			case outcome == refused || outcome == overLimit && h.OnLimit == limitDrop:
				refusals[p.Index] = fmt.Errorf("metric %q cannot be sent: %w", p.Metric.Name(), err)
			default:
				open[p.Index] = true
			}
		}
		if outcome == sent {
			*sequence = sequence.Next()
			h.memory.keep()
		}
		todo = todo[n:]
	}
}

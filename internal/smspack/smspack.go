// Package smspack packs metrics into SMS: compact payloads in their form for SMS,
// each of which fits one SMS and decodes alone. A metric that is too large for one
// SMS goes in pieces, each of them a metric with the same name, tags and time and
// with some of the fields, as which it arrives.
package smspack

import (
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
)

// MaxText is how many characters an SMS has: septets of the GSM 7 bit default
// alphabet (3GPP TS 23.040 9.2.3.16), of which the form for SMS takes one for each
// character.
const MaxText = 160

// Piece is a metric, or some of its fields, that fits one SMS.
type Piece struct {
	// Metric is what it tells.
	Metric telegraf.Metric
	// Index is that of the metric that it is of.
	Index int
	// Key is the same for the same piece to the same recipient, also after a restart.
	Key uint64
}

// Split returns the metrics in pieces for a recipient, in order. A metric with a
// name, tags, or a field that no SMS has room for is given to refuse; none of it
// is among the pieces then.
func Split(metrics []telegraf.Metric, to string, refuse func(index int, err error)) []Piece {
	var pieces []Piece
	var p packer
	for i, m := range metrics {
		mark := len(pieces)
		err := p.split(m, func(part telegraf.Metric) error {
			key, err := Key(part, to)
			pieces = append(pieces, Piece{part, i, key})
			return err
		})
		if err != nil {
			pieces = pieces[:mark]
			refuse(i, fmt.Errorf("metric %q cannot be sent: %w", m.Name(), err))
		}
	}
	return pieces
}

// Key is a number for what a metric tells a recipient: FNV-1a of its line protocol
// and the number. The recipient may be empty.
func Key(m telegraf.Metric, to string) (uint64, error) {
	line, err := metric.AppendLine(nil, m)
	if err != nil {
		return 0, err
	}
	h := fnv.New64a()
	_, _ = h.Write(line) // a hash takes everything
	_, _ = h.Write(append([]byte{0}, to...))
	return h.Sum64(), nil
}

// Fill returns the text that takes as many pieces as fit one SMS, beginning with
// the first, and their number: at least one of pieces that Split has made.
func Fill(pieces []Piece, seq payload.Sequence) (text string, n int, err error) {
	var p packer
	for _, piece := range pieces {
		if err := p.add(piece.Metric); err != nil {
			return "", 0, err
		}
		longer, err := p.text(seq)
		if err != nil || len(longer) > MaxText {
			break
		}
		text, n = longer, n+1
	}
	if n == 0 {
		return "", 0, errTooLong
	}
	return text, n, nil
}

var errTooLong = errors.New("it is longer than an SMS")

// fieldError says which field is too long.
type fieldError struct{ key string }

func (e *fieldError) Error() string {
	return fmt.Sprintf("with nothing but its field %q it is longer than an SMS", e.key)
}

// packer encodes a few metrics.
type packer struct {
	enc payload.Encoder
	buf []byte
}

func (p *packer) add(m telegraf.Metric) error { return p.enc.Add(m) }

// text returns the payload of what was added.
func (p *packer) text(seq payload.Sequence) (string, error) {
	var err error
	p.buf, err = p.enc.AppendSMS(p.buf[:0], 0, p.enc.Len(), seq)
	return string(p.buf), err
}

// fits tells whether a metric alone fits an SMS. The sequence number has no
// influence on the length.
func (p *packer) fits(m telegraf.Metric) (bool, error) {
	p.enc.Reset()
	if err := p.add(m); err != nil {
		return false, err
	}
	text, err := p.text(0)
	return len(text) <= MaxText, err
}

// split calls emit for each piece of a metric. A piece takes as many fields as
// fit, in their order.
func (p *packer) split(m telegraf.Metric, emit func(telegraf.Metric) error) error {
	ok, err := p.fits(m)
	if err != nil {
		return err
	}
	if ok {
		return emit(m)
	}
	fields := m.FieldList()
	for len(fields) > 0 {
		var best telegraf.Metric
		taken := 0
		for n := 1; n <= len(fields); n++ {
			part := withFields(m, fields[:n])
			ok, err := p.fits(part)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			best, taken = part, n
		}
		if taken == 0 {
			return &fieldError{fields[0].Key}
		}
		if err := emit(best); err != nil {
			return err
		}
		fields = fields[taken:]
	}
	return nil
}

// withFields returns a metric like m with some of its fields.
func withFields(m telegraf.Metric, fields []*telegraf.Field) telegraf.Metric {
	tags := make([]telegraf.Tag, len(m.TagList()))
	for i, t := range m.TagList() {
		tags[i] = *t
	}
	own := make([]telegraf.Field, len(fields))
	for i, f := range fields {
		own[i] = *f
	}
	return metric.New(m.Name(), tags, own, m.Time())
}

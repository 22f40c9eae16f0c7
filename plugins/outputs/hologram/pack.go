package hologram

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

// packer divides metrics into messages that are as full as they can be.
type packer struct {
	credentials socketapi.Credentials
	names       socketapi.FieldNames
	limit       int // bytes of a message
	byName      bool
	extra       []string
	prefix      string
	format      format
	floatDigits int
	precision   time.Duration

	mapped  map[string]string // topics by measurement name, for names that were seen
	last    int               // metrics in the last full message, 0 before there was one
	slope   float64           // bytes that one more metric took there, 0 where not known
	encoded int               // metrics encoded so far, tries included
}

// message is a message before the credentials are put to it.
type message struct {
	data   string
	topics []string
	size   int  // of the whole message in bytes
	full   bool // one metric more was too many
}

// maxMapped bounds the memory for topics; names are few unless something is wrong.
const maxMapped = 4096

// pack divides the metrics at the indices into messages and calls send for
// each, which returns the sequence number of the next. What no message can
// carry is given to refuse. It stops at the first error of send.
//
// With hold, the last message is not sent if it has room for more and is not
// the only one; pack then returns how many metrics at the end are left.
func (p *packer) pack(metrics []telegraf.Metric, indices []int, seq payload.Sequence, hold bool,
	refuse func(int, error), send func(message, []int) (payload.Sequence, error),
) (left int, err error) {
	for _, group := range p.groups(metrics, indices) {
		p.format.reset()
		loaded := make([]int, 0, len(group))
		for _, i := range group {
			if err := p.format.add(p.reduce(metrics[i])); err != nil {
				refuse(i, fmt.Errorf("metric %q cannot be sent: %w", metrics[i].Name(), err))
				continue
			}
			loaded = append(loaded, i)
		}
		topics := make([]string, len(loaded))
		for j, i := range loaded {
			topics[j] = p.topic(metrics[i].Name())
		}
		for from := 0; from < len(loaded); {
			m, n, err := p.fill(topics, from, seq)
			if err != nil {
				refuse(loaded[from], fmt.Errorf("metric %q cannot be sent: %w", metrics[loaded[from]].Name(), err))
				from++
				continue
			}
			if hold && !p.byName && from > 0 && from+n == len(loaded) && m.size < p.limit-p.limit/roomShare {
				return len(metrics) - loaded[from], nil
			}
			if seq, err = send(m, loaded[from:from+n]); err != nil {
				return 0, err
			}
			from += n
		}
	}
	return 0, nil
}

// roomShare is the part of a message, one in so many, that is worth waiting
// for more metrics.
const roomShare = 8

// exactly returns the message of the first n metrics.
func (p *packer) exactly(metrics []telegraf.Metric, n int, seq payload.Sequence) (message, error) {
	p.format.reset()
	topics := make([]string, n)
	for i, m := range metrics[:n] {
		if err := p.format.add(p.reduce(m)); err != nil {
			return message{}, err
		}
		topics[i] = p.topic(m.Name())
	}
	return p.message(topics, 0, n, seq)
}

// groups returns the indices that may share messages, in order.
func (p *packer) groups(metrics []telegraf.Metric, indices []int) [][]int {
	if !p.byName {
		return [][]int{indices}
	}
	var groups [][]int
	at := map[string]int{}
	for _, i := range indices {
		name := metrics[i].Name()
		g, ok := at[name]
		if !ok {
			g = len(groups)
			at[name] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// sizeError says that a metric alone makes a message that is too large.
type sizeError struct{ size, limit int }

func (e *sizeError) Error() string {
	return fmt.Sprintf("alone it makes a message of %d bytes, and max_message_size is %d", e.size, e.limit)
}

// probe is what was found out about a number of metrics.
type probe struct {
	n    int
	size int // of the message; 0 where it is not known
}

// fill returns the message that takes as many metrics as fit, beginning with
// the one at index from, and their number. It encodes a handful of times: the
// message before tells about how many fit and what one more costs, and between
// a number that fits and one that does not the size is nearly a straight line.
func (p *packer) fill(topics []string, from int, seq payload.Sequence) (message, int, error) {
	rest := len(topics) - from
	var best message
	fits, over := probe{}, probe{n: rest + 1}
	guess := min(rest, firstGuess)
	if p.last > 0 {
		guess = p.last
	}
	var first probe
	for {
		guess = min(max(guess, fits.n+1), over.n-1)
		m, err := p.message(topics, from, from+guess, seq)
		switch {
		case err == nil && m.size <= p.limit:
			best, fits = m, probe{guess, m.size}
		case guess == 1:
			if err == nil {
				err = &sizeError{m.size, p.limit}
			}
			return message{}, 0, err
		default:
			// An error is a number beyond what one payload can hold.
			over = probe{guess, m.size}
		}
		if first.n == 0 {
			first = probe{guess, m.size}
		} else if d := guess - first.n; (d < -1 || d > 1) && first.size > 0 && m.size > 0 {
			p.slope = float64(m.size-first.size) / float64(d)
		}
		if fits.n+1 == over.n {
			break
		}
		guess = p.next(fits, over)
	}
	if fits.n < rest {
		p.last, best.full = fits.n, true
	}
	return best, fits.n, nil
}

// firstGuess is how many metrics are tried where nothing is known.
const firstGuess = 64

// next returns how many metrics to try between a number that fits and one that
// does not; either may be at the end of what there is, with no size known.
func (p *packer) next(fits, over probe) int {
	switch {
	case fits.n > 0 && over.size > 0:
		return fits.n + (p.limit-fits.size)*(over.n-fits.n)/max(over.size-fits.size, 1)
	case over.size > 0:
		slope := p.slope
		if slope <= 0 {
			slope = float64(over.size) / float64(over.n)
		}
		return over.n - int(math.Ceil(float64(over.size-p.limit)/slope))
	case fits.n > 0:
		slope := p.slope
		if slope <= 0 {
			slope = float64(fits.size) / float64(fits.n)
		}
		return fits.n + int(float64(p.limit-fits.size)/slope)
	}
	return over.n / 2
}

// message encodes a range.
func (p *packer) message(topics []string, from, to int, seq payload.Sequence) (message, error) {
	p.encoded += to - from
	data, err := p.format.encode(from, to, seq)
	if err != nil {
		return message{}, err
	}
	m := message{data: data, topics: distinct(topics[from:to], p.extra)}
	m.size = socketapi.MessageSize(p.credentials, p.names, socketapi.Message{Data: m.data, Topics: m.topics})
	return m, nil
}

// distinct returns each topic once, in order.
func distinct(topics, extra []string) []string {
	var out []string
	last := ""
	for _, t := range topics {
		if t != last && !slices.Contains(out, t) {
			out = append(out, t)
		}
		last = t
	}
	for _, t := range extra {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func (p *packer) topic(name string) string {
	if t, ok := p.mapped[name]; ok {
		return t
	}
	if p.mapped == nil || len(p.mapped) >= maxMapped {
		p.mapped = map[string]string{}
	}
	t := topic(p.prefix, name)
	p.mapped[name] = t
	return t
}

// reduce rounds what the options say may be lost. The metric given stays as it is.
func (p *packer) reduce(m telegraf.Metric) telegraf.Metric {
	if p.precision > 1 {
		if t := m.Time().Round(p.precision); !t.Equal(m.Time()) {
			m = m.Copy()
			m.SetTime(t)
		}
	}
	if p.floatDigits == 0 {
		return m
	}
	copied := false
	for i := range m.FieldList() {
		v, ok := m.FieldList()[i].Value.(float64)
		if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		r := round(v, p.floatDigits)
		if r == v {
			continue
		}
		if !copied {
			m, copied = m.Copy(), true
		}
		m.FieldList()[i].Value = r
	}
	return m
}

// round returns v with so many significant digits.
func round(v float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if err != nil {
		// Rounded up beyond the largest float.
		return v
	}
	return r
}

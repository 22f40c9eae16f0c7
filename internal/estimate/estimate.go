// Package estimate reckons what a device will use: from metrics that Telegraf has
// collected once, the messages that outputs.hologram makes of them and their bytes
// on the network, for any interval of sending.
//
// It divides metrics into collections, lets time pass, and hands what waits to the
// plugin's own packer as the host does: as soon as a batch is full, and at each
// interval.
package estimate

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf"
)

// Day is what all figures are for; a month is 30 of them.
const (
	Day   = 24 * time.Hour
	Month = 30
)

// What a message takes on the network besides itself, in bytes at the level of IP,
// both directions together: on Linux, over IPv4 with an MTU of 1500, when nothing is
// lost. scripts/wire measures it.
const (
	overhead = 385  // connection, headers, answer of five bytes, reset
	segment  = 1448 // bytes of a message in a packet
	further  = 104  // headers of each further packet and of its acknowledgement
)

// Wire returns the bytes on the network of a message with so many bytes, 1 or more,
// terminator included.
func Wire(size int) int { return size + overhead + further*((size-1)/segment) }

// LookupsPerDay are the bytes that the lookups of the cloud's name take in a day at
// most: one an hour, 154 bytes each.
const LookupsPerDay = 24 * 154

// Collections divides metrics, in the order in which they were written, into those
// that Telegraf has collected together: one ends where a series comes again with a
// later time.
func Collections(metrics []telegraf.Metric) [][]telegraf.Metric {
	var all [][]telegraf.Metric
	from := 0
	seen := map[string]time.Time{}
	for i, m := range metrics {
		id := series(m)
		if at, ok := seen[id]; ok && m.Time().After(at) {
			all, from = append(all, metrics[from:i]), i
			clear(seen)
		}
		if _, ok := seen[id]; !ok {
			seen[id] = m.Time()
		}
	}
	if from < len(metrics) {
		all = append(all, metrics[from:])
	}
	return all
}

// series is what metrics of one series have in common. No name and no tag has a NUL
// that came through line protocol and is not a mistake.
func series(m telegraf.Metric) string {
	var b strings.Builder
	b.WriteString(m.Name())
	for _, t := range m.TagList() {
		b.WriteString("\x00" + t.Key + "\x00" + t.Value)
	}
	return b.String()
}

// Spacing returns the time from one collection to the next, as the median, or 0 if
// there are fewer than two. That from the first to the second is only taken where
// there is no other: Telegraf rounds to whole intervals after its first.
func Spacing(collections [][]telegraf.Metric) time.Duration {
	var steps []time.Duration
	for i := 1; i < len(collections); i++ {
		steps = append(steps, collections[i][0].Time().Sub(collections[i-1][0].Time()))
	}
	if len(steps) > 1 {
		steps = steps[1:]
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// Config says how a device collects and sends.
type Config struct {
	// Interval is the time from one collection to the next, more than 0.
	Interval time.Duration
	// Batch is how many metrics are sent without waiting for the interval.
	Batch int
	// Limit is how many bytes a message has at most.
	Limit int
	// Pack returns the sizes of the messages that it makes of metrics, in bytes. With
	// more, others follow at once; then it may leave out some at the end, for which
	// there is no full message.
	Pack func(metrics []telegraf.Metric, more bool) (sizes []int, left int, err error)
	// SMS returns how many SMS take metrics; nil: they are not counted.
	SMS func(metrics []telegraf.Metric) (int, error)
}

// Usage is what a device uses in a day.
type Usage struct {
	// Every is the time from one sending to the next.
	Every time.Duration
	// Messages is their number, Bytes what is in them, Wire what they are on the
	// network, without name lookups.
	Messages, Bytes, Wire float64
	// SMS is how many it would be as SMS.
	SMS float64
	// TooHigh says that there were too few collections for one message at this
	// interval: then values of more collections, which compress better together, are
	// reckoned as those of few, and all figures are rather too high.
	TooHigh bool
}

var errNothing = errors.New("no metric that could be sent")

// Usage reckons with metrics being sent at an interval. Where that is shorter than
// the one of collecting, each collection is sent at once.
func (c Config) Usage(collections [][]telegraf.Metric, every time.Duration) (Usage, error) {
	u := Usage{Every: every}
	every = max(every, c.Interval)
	timed := c.retime(collections)
	whole := time.Duration(len(timed)) * c.Interval
	windows := int(whole / every)
	if windows == 0 {
		return c.tooFew(u, timed, float64(every)/float64(whole))
	}
	next := 0
	for w := 1; w <= windows; w++ {
		end := next
		for end < len(timed) && time.Duration(end)*c.Interval < time.Duration(w)*every {
			end++
		}
		sizes, sms, err := c.window(timed[next:end])
		if err != nil {
			return u, err
		}
		next = end
		for _, size := range sizes {
			u.Messages++
			u.Bytes += float64(size)
			u.Wire += float64(Wire(size))
		}
		u.SMS += float64(sms)
	}
	return u.scaled(float64(Day) / float64(time.Duration(windows)*every))
}

// tooFew reckons where one sending takes more collections than there are, so many
// times as many.
func (c Config) tooFew(u Usage, timed [][]telegraf.Metric, times float64) (Usage, error) {
	u.TooHigh = true
	sizes, sms, err := c.window(timed)
	if err != nil {
		return u, err
	}
	for _, size := range sizes {
		u.Bytes += float64(size) * times
	}
	if u.Bytes > 0 {
		u.Messages = math.Max(float64(len(sizes)), math.Ceil(u.Bytes/float64(c.Limit)))
		u.Wire = u.Messages * float64(Wire(int(math.Ceil(u.Bytes/u.Messages))))
	}
	u.SMS = float64(sms) * times
	return u.scaled(float64(Day) / (float64(len(timed)) * float64(c.Interval) * times))
}

func (u Usage) scaled(by float64) (Usage, error) {
	if u.Messages == 0 {
		return u, errNothing
	}
	u.Messages *= by
	u.Bytes *= by
	u.Wire *= by
	u.SMS *= by
	return u, nil
}

// window returns the messages and SMS of the collections between two sendings.
func (c Config) window(collections [][]telegraf.Metric) (sizes []int, sms int, err error) {
	var waiting, all []telegraf.Metric
	for _, metrics := range collections {
		waiting = append(waiting, metrics...)
		for len(waiting) >= c.Batch {
			made, left, err := c.Pack(waiting[:c.Batch], true)
			if err != nil {
				return nil, 0, err
			}
			sizes = append(sizes, made...)
			if left >= c.Batch {
				break
			}
			waiting = waiting[c.Batch-left:]
		}
		all = append(all, metrics...)
	}
	if len(waiting) > 0 {
		made, _, err := c.Pack(waiting, false)
		if err != nil {
			return nil, 0, err
		}
		sizes = append(sizes, made...)
	}
	if c.SMS != nil && len(all) > 0 {
		sms, err = c.SMS(all)
	}
	return sizes, sms, err
}

// retime returns copies of the collections, one every interval.
func (c Config) retime(collections [][]telegraf.Metric) [][]telegraf.Metric {
	timed := make([][]telegraf.Metric, len(collections))
	for i, metrics := range collections {
		move := collections[0][0].Time().Add(time.Duration(i) * c.Interval).Sub(metrics[0].Time())
		for _, m := range metrics {
			m = m.Copy()
			m.SetTime(m.Time().Add(move))
			timed[i] = append(timed[i], m)
		}
	}
	return timed
}

package execd

import (
	"errors"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"telegraf-hologram/internal/queue"
)

const (
	// urgentDirectory is where the urgent queue is, in the directory of the buffer.
	urgentDirectory = "urgent"
	// urgentShare is the part of the buffer's limit, one in so many, that the urgent queue may have beside it.
	urgentShare = 8
	// urgentLeast is what it may have at least.
	urgentLeast = 64 << 10
)

// buffer is all that waits. What must not wait behind the rest has a queue of its own.
type buffer struct {
	queues []Queue // in the order in which they are emptied; the last is for the rest
}

// newBuffer returns a buffer of two queues, or of one if urgent is nil.
func newBuffer(rest, urgent Queue) *buffer {
	if urgent == nil {
		return &buffer{[]Queue{rest}}
	}
	return &buffer{[]Queue{urgent, rest}}
}

// rest is the queue for what is not urgent.
func (b *buffer) rest() Queue { return b.queues[len(b.queues)-1] }

// urgent is the queue for what is, nil if there is none.
func (b *buffer) urgent() Queue {
	if len(b.queues) == 1 {
		return nil
	}
	return b.queues[0]
}

// Len is how many records wait or are in flight.
func (b *buffer) Len() int {
	n := 0
	for _, q := range b.queues {
		n += q.Len()
	}
	return n
}

// Bytes is how much they take.
func (b *buffer) Bytes() int64 {
	var n int64
	for _, q := range b.queues {
		n += q.Bytes()
	}
	return n
}

// Oldest is about when the one was taken in that has waited for longest, zero if that is not known.
func (b *buffer) Oldest() time.Time {
	var oldest time.Time
	for _, q := range b.queues {
		if q, ok := q.(oldestTeller); ok {
			if at := q.Oldest(); oldest.IsZero() || !at.IsZero() && at.Before(oldest) {
				oldest = at
			}
		}
	}
	return oldest
}

// Stats are the counters of all queues together.
func (b *buffer) Stats() queue.Stats {
	var sum queue.Stats
	for _, q := range b.queues {
		s := q.Stats()
		sum.Found += s.Found
		sum.Appended += s.Appended
		sum.Acked += s.Acked
		sum.DroppedFull += s.DroppedFull
		sum.DroppedAge += s.DroppedAge
		sum.Damaged += s.Damaged
		sum.Lost += s.Lost
	}
	return sum
}

// settle moves what waits in memory to the disk, where there is one that takes it.
func (b *buffer) settle() error {
	var err error
	for _, q := range b.queues {
		if q, ok := q.(overflower); ok && q.Volatile() > 0 {
			err = errors.Join(err, q.Settle())
		}
	}
	return err
}

// Close closes the queues.
func (b *buffer) Close() error {
	var err error
	for _, q := range b.queues {
		err = errors.Join(err, q.Close())
	}
	return err
}

// volatile is how many records of a queue are lost with the process.
func volatile(q Queue) int {
	if q, ok := q.(overflower); ok {
		return q.Volatile()
	}
	return q.Len()
}

// limits are those of the queue for the rest and of the urgent one.
func (o *Options) limits() (rest, urgent queue.Limits) {
	rest = queue.Limits{Bytes: int64(o.BufferLimit), MaxAge: time.Duration(o.BufferMaxAge)}
	if o.BufferFull == FullDropNewest {
		rest.Full = queue.DropNewest
	}
	urgent = rest
	urgent.Bytes = max(rest.Bytes/urgentShare, urgentLeast)
	return rest, urgent
}

// What an option with measurement names may hold. The number bounds the work for each record that comes in.
const (
	maxMeasurements  = 32
	wantMeasurements = `measurement names, in which * stands for any text, ? for one character and [a-z] for one of a range`
)

// priorities are the measurements that go into the urgent queue. The zero value is none.
type priorities struct {
	urgent   Patterns // they are also sent at once
	fallback Patterns // they also go by the fallback when the link is down
}

// priorities returns those of the configuration.
func (c *Config) priorities() priorities {
	_, names, _ := c.fallback()
	return priorities{NewPatterns(c.Options.Urgent), names}
}

// none tells whether there are none.
func (p priorities) none() bool { return p.urgent.Empty() && p.fallback.Empty() }

// match tells whether a measurement goes into the urgent queue, and whether it is to be sent at once.
func (p priorities) match(measurement string) (first, now bool) {
	now = p.urgent.Match(measurement)
	return now || p.fallback.Match(measurement), now
}

// matchRecord does so for the measurement of a record.
func (p priorities) matchRecord(record []byte) (first, now bool) {
	d := lineprotocol.NewDecoderWithBytes(record)
	if !d.Next() {
		return false, false
	}
	measurement, err := d.Measurement()
	if err != nil {
		return false, false
	}
	return p.match(string(measurement))
}

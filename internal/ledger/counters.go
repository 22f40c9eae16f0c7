package ledger

import "math"

// Counters are what was counted in a period. None of them is ever negative.
type Counters struct {
	// Sent and Received are the bytes on the link, IP headers included, as far as they are known.
	Sent     int64
	Received int64
	// Messages is how many messages the far side has taken.
	Messages int64
	// Tries is how many exchanges with the far side there were, Retries how many of them were for a message that had
	// been tried before, and Failures how many delivered nothing.
	Tries    int64
	Retries  int64
	Failures int64
	// Taken is how many metrics were taken in.
	Taken int64
	// Metrics is how many metrics the far side has taken, and Doubtful how many of them it may have twice.
	Metrics  int64
	Doubtful int64
	// Refused are metrics that can never be sent, Unparsable records that are no line protocol, and SetAside metrics of
	// messages that failed again and again while others passed. They are in the dead-letter file.
	Refused    int64
	Unparsable int64
	SetAside   int64
	// TooLong are records that were longer than the host takes; they were skipped.
	TooLong int64
	// DroppedFull and DroppedAge are metrics that the buffer had no room for or that had waited for too long.
	DroppedFull int64
	DroppedAge  int64
	// Lost are metrics that could not be stored, or that were in memory when the process ended.
	Lost int64
	// Damaged is how many places of the buffer could not be read any more.
	Damaged int64
}

// counters is how many there are.
const counters = 17

// Values returns the counters in the order of Counters.
func (c Counters) Values() (values [counters]int64) {
	for i, n := range c.all() {
		values[i] = *n
	}
	return values
}

// all returns the counters in the order in which they are stored. New ones go to the end.
func (c *Counters) all() [counters]*int64 {
	return [counters]*int64{
		&c.Sent, &c.Received, &c.Messages, &c.Tries, &c.Retries, &c.Failures, &c.Taken, &c.Metrics, &c.Doubtful,
		&c.Refused, &c.Unparsable, &c.SetAside, &c.TooLong, &c.DroppedFull, &c.DroppedAge, &c.Lost, &c.Damaged,
	}
}

// Add adds other to c. A counter that would overflow stays at the largest number, and a negative one adds nothing.
func (c *Counters) Add(other Counters) {
	mine, theirs := c.all(), other.all()
	for i, n := range mine {
		*n += min(max(*theirs[i], 0), math.MaxInt64-*n)
	}
}

// Bytes is what went over the link in both directions.
func (c Counters) Bytes() int64 {
	if c.Sent > math.MaxInt64-c.Received {
		return math.MaxInt64
	}
	return c.Sent + c.Received
}

// Dropped is how many metrics will not arrive, for any reason. The damaged places of the buffer are not among them:
// how many metrics stood there is not known.
func (c Counters) Dropped() int64 {
	return c.Refused + c.Unparsable + c.SetAside + c.TooLong + c.DroppedFull + c.DroppedAge + c.Lost
}

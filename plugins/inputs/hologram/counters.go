package hologram

import (
	"sync"
	"sync/atomic"
	"time"

	"telegraf-hologram/internal/metric"
)

// receiverMeasurement is the name of the metrics of the plugin itself.
const receiverMeasurement = "hologram_receiver"

// counter is one of the counters.
type counter int

// The counters.
const (
	cRequests counter = iota
	cAccepted
	cMessages
	cMetrics
	cBytes
	cRepeats
	cUndecodable
	cItems
	cRefusedSource
	cRefusedRate
	cRefusedRequest
	cRefusedSecret
	cRefusedSize
	cRefusedBody
	cRefusedBusy
	cRefusedConnections
	cPulls
	cPullFailures
	counterCount
)

var counterNames = [counterCount]string{
	"requests", "accepted", "messages", "metrics", "bytes", "repeats", "undecodable", "unreadable_items",
	"refused_source", "refused_rate", "refused_request", "refused_secret", "refused_size", "refused_body", "refused_busy", "refused_connections",
	"pulls", "pull_failures",
}

// complaintInterval is how often the log says the same at most.
const complaintInterval = time.Minute

// counters count since the start. They are safe for concurrent use.
type counters struct {
	n [counterCount]atomic.Int64

	mu   sync.Mutex
	said [counterCount]time.Time
	at   [counterCount]int64 // the counter then
}

func (c *counters) add(of counter, n int64) { c.n[of].Add(n) }

// complain tells whether it is time to say what a counter is about, and how often that happened since it was said.
func (c *counters) complain(of counter, now time.Time) (times int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.said[of].IsZero() && now.Sub(c.said[of]) < complaintInterval {
		return 0, false
	}
	n := c.n[of].Load()
	times = n - c.at[of]
	c.said[of], c.at[of] = now, n
	return times, true
}

func (c *counters) metric(in *intake, now time.Time) *metric.Metric {
	m := metric.New(receiverMeasurement, nil, nil, now)
	for i := range c.n {
		m.AddField(counterNames[i], c.n[i].Load())
	}
	m.AddField("waiting", int64(in.left()))
	m.AddField("buffer_bytes", in.queue.Bytes())
	s := in.queue.Stats()
	m.AddField("buffer_damaged", int64(s.Damaged))
	m.AddField("buffer_dropped", int64(s.Dropped()+s.Lost))
	return m
}

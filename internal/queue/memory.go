package queue

import (
	"slices"
	"sync"
	"time"
)

// Memory is a queue in memory: what it holds is lost when the process ends. It is safe for concurrent use by one writer
// and one reader.
type Memory struct {
	limits Limits

	mu       sync.Mutex
	inFlight []Record // handed out by Next, not acknowledged
	waiting  ring     // behind them
	bytes    int64    // of both, Overhead included
	flying   int64    // of inFlight alone
	stats    Stats
	closed   bool
}

// NewMemory returns an empty queue.
func NewMemory(limits Limits) *Memory {
	return &Memory{limits: limits}
}

// Append adds records in their order; at is when they were taken in. The records are copied. What does not fit under
// the limits is dropped and counted, which is no error.
func (m *Memory) Append(records [][]byte, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.expire(at)

	total := 0
	for _, r := range records {
		total += len(r)
	}
	// One allocation for all: the records of a chunk arrive together and mostly leave together.
	arena := make([]byte, 0, total)
	for _, r := range records {
		m.stats.Appended++
		size := cost(r)
		if m.limits.Full == DropOldest && m.flying+size <= m.limits.Bytes {
			for m.bytes+size > m.limits.Bytes && m.waiting.n > 0 {
				m.drop()
				m.stats.DroppedFull++
			}
		}
		if m.bytes+size > m.limits.Bytes {
			m.stats.DroppedFull++
			continue
		}
		start := len(arena)
		arena = append(arena, r...)
		m.waiting.push(Record{At: at, Data: arena[start:len(arena):len(arena)]})
		m.bytes += size
	}
	return nil
}

// Next hands out up to limit of the records that wait, as order says; none when nothing waits. They stay in the queue,
// in flight, until Ack.
func (m *Memory) Next(limit int, order Order) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	m.expire(time.Now())
	n := min(limit, m.waiting.n)
	if n <= 0 {
		return nil, nil
	}
	records := make([]Record, n)
	for i := range records {
		if order == NewestFirst {
			records[n-1-i] = m.waiting.popBack()
		} else {
			records[i] = m.waiting.pop()
		}
	}
	for _, rec := range records {
		m.flying += cost(rec.Data)
	}
	m.inFlight = append(m.inFlight, records...)
	return records, nil
}

// Ack releases the first n of the records in flight, in the order in which they were handed out.
func (m *Memory) Ack(n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	n = min(n, len(m.inFlight))
	for _, rec := range m.inFlight[:n] {
		m.bytes -= cost(rec.Data)
		m.flying -= cost(rec.Data)
	}
	m.stats.Acked += uint64(n)
	m.inFlight = slices.Delete(m.inFlight, 0, n)
	return nil
}

// Len is how many records the queue holds, in flight or waiting.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.inFlight) + m.waiting.n
}

// Bytes is how much the records of the queue take together, in bytes, Overhead included.
func (m *Memory) Bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

// Stats returns the counters.
func (m *Memory) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

// Close gives the memory back. The records are lost; Len still tells how many there were.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.closed = true
	for i := range m.inFlight {
		m.inFlight[i].Data = nil
	}
	m.waiting.buf = nil
	return nil
}

// expire drops waiting records that are too old at now.
func (m *Memory) expire(now time.Time) {
	if m.limits.MaxAge <= 0 {
		return
	}
	for m.waiting.n > 0 && now.Sub(m.waiting.front().At) > m.limits.MaxAge {
		m.drop()
		m.stats.DroppedAge++
	}
}

// drop removes the oldest waiting record.
func (m *Memory) drop() {
	m.bytes -= cost(m.waiting.pop().Data)
}

func cost(record []byte) int64 { return int64(len(record)) + Overhead }

// ring is a double-ended list of records that grows as needed and forgets its memory when it runs empty after a burst.
type ring struct {
	buf  []Record // length is a power of two, or 0
	head int
	n    int
}

const (
	ringMin  = 64
	ringKeep = 4096 // a ring of at most this length is kept when it runs empty
)

func (r *ring) push(rec Record) {
	if r.n == len(r.buf) {
		buf := make([]Record, max(ringMin, 2*len(r.buf)))
		n := copy(buf, r.buf[r.head:])
		copy(buf[n:], r.buf[:r.head])
		r.buf, r.head = buf, 0
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = rec
	r.n++
}

func (r *ring) front() Record { return r.at(0) }

func (r *ring) at(i int) Record { return r.buf[(r.head+i)&(len(r.buf)-1)] }

func (r *ring) pop() Record {
	rec := r.buf[r.head]
	r.buf[r.head] = Record{}
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	r.shrink()
	return rec
}

func (r *ring) popBack() Record {
	i := (r.head + r.n - 1) & (len(r.buf) - 1)
	rec := r.buf[i]
	r.buf[i] = Record{}
	r.n--
	r.shrink()
	return rec
}

func (r *ring) shrink() {
	if r.n == 0 && len(r.buf) > ringKeep {
		*r = ring{}
	}
}

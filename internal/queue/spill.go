package queue

import (
	"errors"
	"sync"
	"time"
)

const (
	// settleEvery is how long the disk is left alone after it has refused what waits in memory.
	settleEvery = time.Second
	// settleMost is how many records are moved at once.
	settleMost = 1000
)

// Spill is a Disk with a Memory behind it, for the time in which the disk takes nothing. Records come in through
// Append, which uses the disk alone. Who would rather risk a record than wait for the disk gives it to Overflow then.
// What is in memory moves to the disk, in its order, as soon as that takes records again.
//
// It is safe for concurrent use as Disk and Memory are.
type Spill struct {
	disk *Disk
	mem  *Memory

	// adding is held by what adds records. It is taken before mu.
	adding  sync.Mutex
	failure error     // the last one of moving records, nil after a success; guarded by adding
	failed  time.Time // when it was

	mu   sync.Mutex // what is in memory, and does not move meanwhile
	out  []handed   // what is in flight, in the order of handing out
	kept uint64     // counted by mem as appended, and since moved to the disk
}

// handed is how many records in flight come from the memory, or from the disk.
type handed struct {
	mem bool
	n   int
}

// NewSpill returns a queue of both, of which the disk is as it was opened and the memory has limits of its own. Close
// closes the disk too.
func NewSpill(disk *Disk, mem Limits) *Spill {
	return &Spill{disk: disk, mem: NewMemory(mem)}
}

// Append adds records as Disk does, behind what waits in memory: while that cannot be moved to the disk, an Append
// fails as well, so that the order is kept. After a failure the disk is left alone for a second.
func (s *Spill) Append(records [][]byte, at time.Time) error {
	s.adding.Lock()
	defer s.adding.Unlock()
	if s.failure != nil && time.Since(s.failed) < settleEvery && s.Volatile() > 0 {
		return s.failure
	}
	if err := s.settle(); err != nil {
		return err
	}
	return s.disk.Append(records, at)
}

// Overflow adds records to what waits in memory. What the memory's limits do not allow is dropped and counted.
func (s *Spill) Overflow(records [][]byte, at time.Time) error {
	s.adding.Lock()
	defer s.adding.Unlock()
	return s.mem.Append(records, at)
}

// Settle moves what waits in memory to the disk, without regard to when that was last tried. What is in flight stays
// in memory; Close moves that as well.
func (s *Spill) Settle() error {
	s.adding.Lock()
	defer s.adding.Unlock()
	return s.settle()
}

// settle moves what waits in memory to the disk. s.adding is held.
func (s *Spill) settle() error {
	for {
		n, err := s.move()
		switch {
		case err != nil:
			s.failure, s.failed = err, time.Now()
			return err
		case n == 0:
			s.failure = nil
			return nil
		}
	}
}

// move moves some of the records that have waited in memory for longest, and returns how many.
func (s *Spill) move() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	records, at := s.mem.front(settleMost)
	if len(records) == 0 {
		return 0, nil
	}
	if err := s.disk.Append(records, at); err != nil {
		return 0, err
	}
	s.mem.forget(len(records))
	s.kept += uint64(len(records))
	return len(records), nil
}

// Next hands out records as Disk does: those on disk are the older ones.
func (s *Spill) Next(limit int, order Order) ([]Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fromDisk, fromMem []Record
	var diskErr, memErr error
	if order == NewestFirst {
		fromMem, memErr = s.mem.Next(limit, order)
		fromDisk, diskErr = s.disk.Next(limit-len(fromMem), order)
	} else {
		fromDisk, diskErr = s.disk.Next(limit, order)
		fromMem, memErr = s.mem.Next(limit-len(fromDisk), order)
	}
	s.hand(false, len(fromDisk))
	s.hand(true, len(fromMem))
	if len(fromMem) == 0 {
		return fromDisk, errors.Join(diskErr, memErr)
	}
	return append(fromDisk, fromMem...), nil
}

func (s *Spill) hand(mem bool, n int) {
	if n > 0 {
		s.out = append(s.out, handed{mem, n})
	}
}

// Ack releases the first n of the records in flight, in the order in which they were handed out, as Disk does.
func (s *Spill) Ack(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var mem, disk int
	for n > 0 && len(s.out) > 0 {
		h := &s.out[0]
		k := min(n, h.n)
		if h.mem {
			mem += k
		} else {
			disk += k
		}
		n -= k
		if h.n -= k; h.n == 0 {
			s.out = s.out[1:]
		}
	}
	return errors.Join(s.disk.Ack(disk), s.mem.Ack(mem))
}

// Volatile is how many records are in memory alone, in flight or waiting. After Close they are lost.
func (s *Spill) Volatile() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mem.Len()
}

// Len is how many records the queue holds, in flight or waiting.
func (s *Spill) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.Len() + s.mem.Len()
}

// Oldest is about when the record was taken in that has been on the disk for longest, the zero time if there is none.
// What is in memory is younger.
func (s *Spill) Oldest() time.Time { return s.disk.Oldest() }

// Bytes is what both parts say that they take, together.
func (s *Spill) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.Bytes() + s.mem.Bytes()
}

// Stats returns the counters of both parts together. A record that was moved was appended once.
func (s *Spill) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, m := s.disk.Stats(), s.mem.Stats()
	d.Appended += m.Appended - s.kept
	d.Acked += m.Acked
	d.DroppedFull += m.DroppedFull
	d.DroppedAge += m.DroppedAge
	return d
}

// Close moves what is in memory to the disk, what is in flight there included, and closes both. If the disk refuses
// that, Close returns its error, and Volatile is how many records are lost.
func (s *Spill) Close() error {
	s.adding.Lock()
	defer s.adding.Unlock()
	s.mu.Lock()
	s.mem.requeue()
	s.mu.Unlock()
	err := s.settle()
	s.failure = nil
	return errors.Join(err, s.disk.Close(), s.mem.Close())
}

// front returns up to limit of the records that have waited for longest and were taken in together.
func (m *Memory) front(limit int) (records [][]byte, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, at
	}
	for i := range min(limit, m.waiting.n) {
		rec := m.waiting.at(i)
		if i == 0 {
			at = rec.At
		}
		if !rec.At.Equal(at) {
			break
		}
		records = append(records, rec.Data)
	}
	return records, at
}

// forget removes the n records that have waited for longest; they are kept elsewhere.
func (m *Memory) forget(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.drop()
	}
}

// requeue makes what is in flight wait again, before all else.
func (m *Memory) requeue() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.inFlight) == 0 || m.closed {
		return
	}
	waiting := m.waiting
	m.waiting = ring{}
	for _, rec := range m.inFlight {
		m.waiting.push(rec)
	}
	for waiting.n > 0 {
		m.waiting.push(waiting.pop())
	}
	m.inFlight, m.flying = nil, 0
}

//go:build linux

package cloud

import (
	"bytes"
	"sync"
	"time"
)

// Sink keeps what one of the servers was sent. Its zero value is ready.
type Sink struct {
	mu   sync.Mutex
	text bytes.Buffer
	last time.Time
}

func (s *Sink) add(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	s.last = time.Now()
}

// Write adds what was sent.
func (s *Sink) Write(b []byte) (int, error) {
	s.add(b)
	return len(b), nil
}

// Text is all that was sent: line protocol, or Socket API messages for the
// servers of that.
func (s *Sink) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Last is when something came last.
func (s *Sink) Last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

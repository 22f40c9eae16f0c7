// Package ledger counts what the link has cost and what became of the metrics, by day, by month and in all, in UTC, and
// keeps it across restarts.
//
// What was counted is in its file when Add returns, so that a process that is killed loses nothing of it; when the
// power is cut, up to a few minutes are lost. The file is never a reason to stop: where it cannot be read the ledger
// begins anew, where it cannot be written the ledger goes on in memory and writes again with the next Add.
//
// A clock that was not set (before 2020) counts into the day and month that were last counted in. One that was wrong
// for a while leaves a period with a wrong date and takes nothing from the others.
package ledger

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"telegraf-hologram/internal/slot"
)

// syncEvery is how much a power cut may take.
const syncEvery = 5 * time.Minute

// Ledger counts. It may be used by several goroutines.
type Ledger struct {
	now func() time.Time

	mu     sync.Mutex
	file   *slot.File // nil: in memory only
	state  State
	buf    []byte
	synced time.Time
}

// Open opens the ledger in the file path, which need not exist; "" is a ledger in memory. now is the clock.
//
// The ledger can be used whatever the error, which says why it began anew or that nothing of it is kept.
func Open(path string, now func() time.Time) (*Ledger, error) {
	l := &Ledger{now: now, synced: now()}
	if path == "" {
		return l, nil
	}
	before, _ := os.Stat(path)
	file, data, err := slot.Open(path, slotSize)
	if err != nil {
		return l, fmt.Errorf("cannot open the ledger, what is counted is not kept: %w", err)
	}
	l.file = file
	if data != nil || before != nil && before.Size() > 0 {
		if l.state, err = decodeState(data); err != nil {
			err = fmt.Errorf("cannot read the ledger %s, it begins anew: %w", path, err)
		}
	}
	if data == nil || err != nil {
		err = errors.Join(err, l.write()) // for a file without a state is taken for damaged
	}
	return l, err
}

// Read returns what the ledger in the file path holds, which another process may be writing.
func Read(path string) (State, error) {
	data, err := slot.Read(path, slotSize)
	if err != nil {
		return State{}, fmt.Errorf("cannot read the ledger: %w", err)
	}
	state, err := decodeState(data)
	if err != nil {
		return State{}, fmt.Errorf("cannot read the ledger %s: %w", path, err)
	}
	return state, nil
}

// Add counts delta now. If it has messages, this is the time of the last delivery. An error says that the file could
// not be written; it is counted all the same.
func (l *Ledger) Add(delta Counters) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	newDay := l.state.add(delta, now)
	if delta.Messages > 0 {
		l.state.LastDelivery = now
	}
	err := l.write()
	// A clock that goes back must not put this off.
	if since := now.Sub(l.synced); newDay || since < 0 || since >= syncEvery {
		err = errors.Join(err, l.sync(now))
	}
	return err
}

// Failed notes that the link does not work, why, and when the next try is due. The reason must hold no secret; of a
// long one the beginning is kept.
func (l *Ledger) Failed(reason string, nextTry time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	link := &l.state.Link
	if link.FailingSince.IsZero() {
		link.FailingSince = l.now()
	}
	link.Failures++
	link.Error, link.NextTry = shortened(reason), nextTry
	return l.write()
}

// Works notes that the link works.
func (l *Ledger) Works() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Link == (Link{}) {
		return nil
	}
	l.state.Link = Link{}
	return l.write()
}

// Snapshot returns what is known now.
func (l *Ledger) Snapshot() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.clone()
}

// MonthBytes is what went over the link this month, in both directions: what a Budget is asked with.
func (l *Ledger) MonthBytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Month(l.now()).Bytes()
}

// Close makes what was counted safe from a power cut and closes the file. Later calls count in memory.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.write(), l.sync(l.now()))
	if e := l.file.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("cannot close the ledger: %w", e))
	}
	l.file = nil
	return err
}

// write puts the state into the file. l.mu is held.
func (l *Ledger) write() error {
	if l.file == nil {
		return nil
	}
	l.buf = appendState(l.buf[:0], &l.state)
	if err := l.file.Write(l.buf); err != nil {
		return fmt.Errorf("cannot write the ledger: %w", err)
	}
	return nil
}

// sync waits until the file is on the disk. l.mu is held.
func (l *Ledger) sync(now time.Time) error {
	l.synced = now
	if l.file == nil {
		return nil
	}
	return l.file.Sync()
}

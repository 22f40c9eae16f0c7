package smslimit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"telegraf-hologram/internal/fsync"
	"telegraf-hologram/internal/slot"
)

// lockWait is how long another process may have the file: it needs it for as long as the disk takes.
const lockWait = 5 * time.Second

// Account counts what is sent. It may be used by several goroutines.
type Account struct {
	path   string
	limits Limits
	clock  clock

	mu     sync.Mutex
	memory state // without a path
	buf    []byte
}

// Open opens the account in the file path, which is made if there is none; "" is an account in memory, which begins
// anew with each process. now is the clock, and taken at its word; nil is the system's clock, which is not.
//
// The account can be used whatever the error, unless the limits are not valid: Reserve tries again what has failed.
func Open(path string, l Limits, now func() time.Time) (*Account, error) {
	return open(path, l, newClock(now))
}

func open(path string, l Limits, c clock) (*Account, error) {
	a := &Account{path: path, limits: l, clock: c}
	if err := l.Validate(); err != nil {
		return a, err
	}
	_, err := a.Usage()
	return a, err
}

// Reserve counts parts that are about to be sent. Only when it returns no error they may be sent: they are on the disk
// as sent. A [*LimitError] says that they are too many. Any other error says that they cannot be counted.
func (a *Account) Reserve(parts int) (*Reservation, error) {
	if parts < 1 || parts > MaxLimit {
		return nil, fmt.Errorf("cannot count an SMS of %d parts: must be 1 to %d", parts, MaxLimit)
	}
	r := &Reservation{a: a, left: parts}
	err := a.update(func(s *state, now time.Time) (err error) {
		r.id, err = s.reserve(a.limits, parts, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Usage returns what is used now.
func (a *Account) Usage() (u Usage, err error) {
	err = a.update(func(s *state, now time.Time) error {
		u = s.usage(a.limits, now)
		return errUnchanged
	})
	return u, err
}

// errUnchanged says that there is nothing to write.
var errUnchanged = errors.New("nothing has changed")

// update lets change see and change the state as of now, and writes it unless change returns an error.
func (a *Account) update(change func(s *state, now time.Time) error) error {
	if err := a.limits.Validate(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	if a.path == "" {
		now, r := a.clock.read()
		a.memory.advance(r)
		a.memory.prune()
		err = change(&a.memory, now)
	} else {
		err = a.updateFile(change)
	}
	_, limit := errors.AsType[*LimitError](err)
	switch {
	case err == nil, errors.Is(err, errUnchanged):
		return nil
	case limit:
		return err
	}
	return fmt.Errorf("cannot use the account of SMS %q: %w", a.path, err)
}

// updateFile is update for a file. a.mu is held.
func (a *Account) updateFile(change func(s *state, now time.Time) error) (err error) {
	if err := fsync.MkdirAll(filepath.Dir(a.path)); err != nil {
		return err
	}
	unlock, err := waitForLock(a.path+".lock", lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	if err := a.create(); err != nil {
		return err
	}
	file, data, err := slot.Open(a.path, slotSize)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// Not before: it may have taken a while to get here, and another process has written the file.
	now, r := a.clock.read()
	s, err := decodeState(data)
	switch {
	case errors.Is(err, errVersion):
		return err
	case err != nil:
		s = begin(r)
		s.charge(a.limits)
		if err := a.write(file, &s); err != nil {
			return err
		}
	default:
		s.advance(r)
	}
	s.prune()
	if err := change(&s, now); err != nil {
		return err
	}
	s.prune()
	return a.write(file, &s)
}

// create makes the file if there is none. A file is there whole or not at all, so that one in which nothing can be read
// is damaged.
func (a *Account) create() error {
	if _, err := os.Lstat(a.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := a.path + ".new"
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, _, err := slot.Open(name, slotSize)
	if err != nil {
		return err
	}
	_, r := a.clock.read()
	s := begin(r)
	if err := errors.Join(a.write(file, &s), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(name, a.path); err != nil {
		return err
	}
	return fsync.Dir(filepath.Dir(a.path))
}

// write writes the state into two of the slots, so that damage to any one of them takes nothing, and waits until it is
// on the disk.
func (a *Account) write(file *slot.File, s *state) error {
	a.buf = appendState(a.buf[:0], s)
	for range 2 {
		if err := file.Write(a.buf); err != nil {
			return err
		}
	}
	return file.Sync()
}

// Read returns what is used in the account in the file path, and changes nothing. now is as in Open. The error is
// fs.ErrNotExist if there is no such file, as nothing was sent yet.
func Read(path string, l Limits, now func() time.Time) (Usage, error) {
	if err := l.Validate(); err != nil {
		return Usage{}, err
	}
	s, err := readState(path)
	if err != nil {
		return Usage{}, fmt.Errorf("cannot read the account of SMS %q: %w", path, err)
	}
	wall, r := newClock(now).read()
	s.advance(r)
	s.prune()
	return s.usage(l, wall), nil
}

func readState(path string) (s state, err error) {
	// A process that writes may have all slots under its hands.
	for range 3 {
		var data []byte
		if data, err = slot.Read(path, slotSize); err != nil {
			return state{}, err
		}
		if s, err = decodeState(data); err == nil {
			return s, nil
		}
	}
	return state{}, err
}

// Reservation is what Reserve has counted. It needs no end. It must not be used by several goroutines at once.
type Reservation struct {
	a    *Account
	id   uint64
	left int
}

// Release gives back all parts of the reservation, because certainly none of them was sent.
func (r *Reservation) Release() error { return r.ReleaseParts(r.left) }

// ReleaseParts gives back some parts of the reservation, because certainly that many were not sent. More than there are
// left are all of them. An error says that they still count; they cannot be given back once more.
func (r *Reservation) ReleaseParts(n int) error {
	n = min(n, r.left)
	if n <= 0 {
		return nil
	}
	r.left -= n
	return r.a.update(func(s *state, _ time.Time) error {
		s.remove(r.id, n)
		return nil
	})
}

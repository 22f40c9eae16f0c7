package smsout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"telegraf-hologram/internal/dirlock"
	"telegraf-hologram/internal/fsync"
	"telegraf-hologram/internal/slot"
)

const (
	keptKeys = 2 * MaxKeys
	maxWays  = 4
)

// record is what is known of a key.
type record struct {
	key uint64
	// tries is how often a message with the key may have been sent without anybody knowing, 0 when it was told.
	tries uint8
}

// failing is a way that has failed since a time, in seconds since 1970.
type failing struct {
	way   uint64 // nameHash
	since int64
}

// state is what the journal's file holds.
type state struct {
	reference byte     // of the next long message
	records   []record // the one that was changed last is the last
	failing   []failing
}

// find returns where a key is, -1 if it is not known.
func (s *state) find(key uint64) int {
	for i := range s.records {
		if s.records[i].key == key {
			return i
		}
	}
	return -1
}

// set notes what is known of keys.
func (s *state) set(keys []uint64, tries uint8) {
	s.forget(keys)
	for _, key := range keys {
		if s.find(key) < 0 {
			s.records = append(s.records, record{key, tries})
		}
	}
	if over := len(s.records) - keptKeys; over > 0 {
		s.records = append(s.records[:0], s.records[over:]...)
	}
}

// forget removes keys.
func (s *state) forget(keys []uint64) {
	for _, key := range keys {
		if i := s.find(key); i >= 0 {
			s.records = append(s.records[:i], s.records[i+1:]...)
		}
	}
}

// since is when a way has begun to fail, 0 if it has not.
func (s *state) since(way string) int64 {
	for _, f := range s.failing {
		if f.way == nameHash(way) {
			return f.since
		}
	}
	return 0
}

// fails notes since when a way fails, 0 that it does not, and forgets ways that are no longer among those in use.
func (s *state) fails(way string, since int64, ways []Way) {
	var kept []failing
	for _, w := range ways {
		at := s.since(w.Name())
		if w.Name() == way {
			at = since
		}
		if at > 0 {
			kept = append(kept, failing{nameHash(w.Name()), at})
		}
	}
	s.failing = kept
}

// nameHash is FNV-1a.
func nameHash(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// The encoding, all little endian:
//
//	state = version u8 | reference u8 | ways u8 | { name u64 | since u64 } | { key u64 | tries u8 }
const (
	version    = 1
	headSize   = 3
	waySize    = 16
	recordSize = 9
	slotSize   = 20<<10 - 16
)

var (
	errDamaged = errors.New("it is damaged")
	errVersion = errors.New("it was made by a later version of this program")
)

func appendState(b []byte, s *state) []byte {
	b = append(b, version, s.reference, byte(len(s.failing)))
	for _, f := range s.failing {
		b = binary.LittleEndian.AppendUint64(b, f.way)
		b = binary.LittleEndian.AppendUint64(b, uint64(f.since))
	}
	for _, r := range s.records {
		b = binary.LittleEndian.AppendUint64(b, r.key)
		b = append(b, r.tries)
	}
	return b
}

// decodeState reads what appendState has written, and refuses what no journal can have written.
func decodeState(b []byte) (state, error) {
	if len(b) > 0 && b[0] > version {
		return state{}, errVersion
	}
	if len(b) < headSize || b[0] != version || b[2] > maxWays || len(b) < headSize+waySize*int(b[2]) {
		return state{}, errDamaged
	}
	s := state{reference: b[1]}
	ways := int(b[2])
	b = b[headSize:]
	for range ways {
		f := failing{binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:]))}
		if f.since <= 0 {
			return state{}, errDamaged
		}
		s.failing = append(s.failing, f)
		b = b[waySize:]
	}
	if len(b)%recordSize != 0 || len(b)/recordSize > keptKeys {
		return state{}, errDamaged
	}
	for ; len(b) > 0; b = b[recordSize:] {
		s.records = append(s.records, record{binary.LittleEndian.Uint64(b), b[8]})
	}
	return s, nil
}

// journal keeps a state in a directory. What its methods change is in the state whatever becomes of the file.
type journal struct {
	dir string // "": in memory only

	mu     sync.Mutex
	state  state
	loaded bool
	lock   *dirlock.Lock
	file   *slot.File // nil: to be opened
	buf    []byte
}

// fileName is the journal in its directory.
func fileName(dir string) string { return filepath.Join(dir, "journal") }

// open opens the file, unless it is open. damaged tells that nothing of it could be read and it has begun anew.
func (j *journal) open(now time.Time) (damaged bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dir == "" {
		if !j.loaded {
			j.loaded, j.state.reference = true, byte(now.Unix())
		}
		return false, nil
	}
	if j.file != nil {
		return false, nil
	}
	damaged, err = j.openFile(now)
	if err != nil {
		j.closeFile()
		return false, fmt.Errorf("cannot open the journal of SMS in %q: %w", j.dir, err)
	}
	return damaged, nil
}

// openFile opens the file. What is in it counts the first time only: after that this process knows better, as it has
// the lock. j.mu is held.
func (j *journal) openFile(now time.Time) (damaged bool, err error) {
	if err := fsync.MkdirAll(j.dir); err != nil {
		return false, err
	}
	if j.lock, err = dirlock.Take(j.dir); err != nil {
		return false, err
	}
	name := fileName(j.dir)
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		if !j.loaded {
			j.state = state{reference: byte(now.Unix())}
		}
		if err := j.create(name); err != nil {
			return false, err
		}
	} else if err != nil {
		return false, err
	}
	file, data, err := slot.Open(name, slotSize)
	if err != nil {
		return false, err
	}
	j.file = file
	if !j.loaded {
		s, err := decodeState(data)
		switch {
		case errors.Is(err, errVersion):
			return false, err
		case err != nil:
			damaged = true
			s = state{reference: byte(now.Unix())}
		}
		j.state = s
	}
	j.loaded = true
	return damaged, nil
}

// create makes the file. It is there whole or not at all, so that one in which nothing can be read is damaged. j.mu is
// held.
func (j *journal) create(name string) error {
	if err := os.Remove(name + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, _, err := slot.Open(name+".new", slotSize)
	if err != nil {
		return err
	}
	if err := errors.Join(j.writeTo(file), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return fsync.Dir(j.dir)
}

// write changes the state, and writes it. Where that fails the state has changed all the same, and the file is opened
// again before the next time.
func (j *journal) write(change func(s *state)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.state)
	if j.dir == "" {
		return nil
	}
	if j.file == nil {
		return fmt.Errorf("cannot write the journal of SMS in %q: %w", j.dir, os.ErrClosed)
	}
	if err := j.writeTo(j.file); err != nil {
		j.closeFile()
		return fmt.Errorf("cannot write the journal of SMS in %q: %w", j.dir, err)
	}
	return nil
}

// writeTo writes the state into two of the slots, so that damage to any one of them takes nothing, and waits until it is
// on the disk. j.mu is held.
func (j *journal) writeTo(file *slot.File) error {
	j.buf = appendState(j.buf[:0], &j.state)
	for range 2 {
		if err := file.Write(j.buf); err != nil {
			return err
		}
	}
	return file.Sync()
}

// look lets f see the state.
func (j *journal) look(f func(s *state)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(&j.state)
}

// closeFile closes the file and gives the directory back. j.mu is held.
func (j *journal) closeFile() {
	if j.file != nil {
		_ = j.file.Close() // what counts was synced
		j.file = nil
	}
	if j.lock != nil {
		_ = j.lock.Release()
		j.lock = nil
	}
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closeFile()
}

// readJournal reads a journal that may be in use.
func readJournal(dir string) (s state, err error) {
	// A process that writes may have all slots under its hands.
	for range 3 {
		var data []byte
		if data, err = slot.Read(fileName(dir), slotSize); err != nil {
			return state{}, err
		}
		if s, err = decodeState(data); err == nil {
			return s, nil
		}
	}
	return state{}, err
}

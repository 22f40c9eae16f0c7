package hologram

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"telegraf-hologram/internal/frame"
	"telegraf-hologram/internal/fsync"
	"telegraf-hologram/internal/payload"
)

// id identifies a message, or a device on one of its paths.
type id [16]byte

// remembered is how many messages one generation of a memory knows, by one or two IDs each. There are two generations,
// so that it is between this and twice as many.
const remembered = 1 << 17

// A file of the memory is a row of frames: the IDs of messages with a byte each, and the last sequence numbers of
// devices.
const (
	kindIDs       = 0xC1
	kindSequences = 0xF5

	idEntry       = len(id{}) + 1
	sequenceEntry = len(id{}) + 2

	memoryFormat = "telegraf-hologram received 1"
	memorySuffix = ".seen"
	memoryMost   = 64 << 20 // of a file that is read; none of ours is longer
)

var memoryKinds = frame.Kinds{kindIDs: uint8(idEntry), kindSequences: uint8(sequenceEntry)}

// memory knows the messages that were taken, to know them when they come again, and the last sequence number of each
// device. It is in memory and, with a directory, in files that survive the process. What a cut of the power takes from
// their end are messages that would be taken again, which is harmless.
//
// It is safe for concurrent use.
type memory struct {
	dir   string // empty: only in memory
	limit int    // of a generation

	mu         sync.Mutex
	young, old map[id]byte
	sequences  map[id]payload.Sequence
	number     uint64 // of the young generation's file
	file       *os.File
	size       int64
	buf        []byte
}

// openMemory reads what a directory has, if there is one. What is damaged is as good as forgotten.
func openMemory(dir string, limit int) (*memory, error) {
	m := &memory{dir: dir, limit: limit, young: make(map[id]byte), sequences: make(map[id]payload.Sequence)}
	if dir == "" {
		return m, nil
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"+memorySuffix))
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), memorySuffix), 16, 63)
		if err == nil && m.name(n) == name {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if err := m.load(n); err != nil {
			return nil, fmt.Errorf("cannot read what was taken before: %w", err)
		}
	}
	if len(numbers) > 0 {
		err = m.resume()
	} else {
		err = m.begin()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot remember what is taken: %w", err)
	}
	return m, nil
}

// resume goes on with the file that was read last.
func (m *memory) resume() (err error) {
	if m.file, err = os.OpenFile(m.name(m.number), os.O_WRONLY, 0); err != nil {
		return err
	}
	return m.file.Truncate(m.size)
}

func (m *memory) name(number uint64) string {
	return filepath.Join(m.dir, fmt.Sprintf("%016x%s", number, memorySuffix))
}

// load reads a file as the young generation.
func (m *memory) load(number uint64) error {
	f, err := os.Open(m.name(number))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, memoryMost))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	m.number = number
	m.old, m.young = m.young, make(map[id]byte)
	sc := frame.Scanner{Kinds: &memoryKinds, Seed: frame.Seed(memoryFormat, number), Buf: data}
	for f, ok := sc.Next(); ok; f, ok = sc.Next() {
		size := idEntry
		if f.Kind == kindSequences {
			size = sequenceEntry
		}
		for b := f.Body; len(b) >= size; b = b[size:] {
			key := id(b[:len(id{})])
			if f.Kind == kindIDs {
				m.young[key] = b[len(key)]
			} else {
				m.setSequence(key, payload.Sequence(binary.LittleEndian.Uint16(b[len(key):])))
			}
		}
	}
	// What was not written to its end is written over. Behind damage there is nothing to be found.
	m.size = int64(sc.Pos)
	return nil
}

// begin begins a file for the young generation, with all that is in it and the sequence numbers of all devices.
func (m *memory) begin() error {
	if m.dir == "" {
		return nil
	}
	f, err := os.OpenFile(m.name(m.number+1), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if m.file != nil {
		_ = m.file.Close()
	}
	m.number++
	m.file, m.size = f, 0
	entries := make([]entry, 0, len(m.young))
	for key, flag := range m.young {
		entries = append(entries, entry{key, flag})
	}
	if err := m.write(entries, m.sequences); err != nil {
		return err
	}
	if err := errors.Join(fsync.Data(f), fsync.Dir(m.dir)); err != nil {
		return err
	}
	m.forget()
	return nil
}

// forget deletes the files before that of the old generation.
func (m *memory) forget() {
	keep := m.number - 1
	names, _ := filepath.Glob(filepath.Join(m.dir, "*"+memorySuffix))
	for _, name := range names {
		if filepath.Base(name) < filepath.Base(m.name(keep)) {
			_ = os.Remove(name)
		}
	}
}

// entry is a message that is to be remembered.
type entry struct {
	id   id
	flag byte
}

// get returns the flag of an ID, and whether it is known.
func (m *memory) get(key id) (flag byte, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if flag, ok = m.young[key]; !ok {
		flag, ok = m.old[key]
	}
	return flag, ok
}

// sequence returns the last sequence number of a device, and whether there is one.
func (m *memory) sequence(device id) (payload.Sequence, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sequences[device]
	return s, ok
}

// add remembers messages and sequence numbers. They are known even if there is an error, which is that of the file.
func (m *memory) add(entries []entry, sequences map[id]payload.Sequence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		m.young[e.id] = e.flag
	}
	for device, s := range sequences {
		m.setSequence(device, s)
	}
	if len(m.young) >= m.limit {
		m.old, m.young = m.young, make(map[id]byte)
		// All is written that is known still, and nothing of what was in the file before.
		if err := m.write(entries, sequences); err != nil {
			return err
		}
		return m.begin()
	}
	return m.write(entries, sequences)
}

// setSequence keeps a sequence number, within the bound of devices.
func (m *memory) setSequence(device id, s payload.Sequence) {
	if _, ok := m.sequences[device]; !ok && len(m.sequences) >= maxDevices {
		for other := range m.sequences {
			delete(m.sequences, other)
			break
		}
	}
	m.sequences[device] = s
}

// write appends frames to the file, if there is one. It does not wait for the disk.
func (m *memory) write(entries []entry, sequences map[id]payload.Sequence) error {
	if m.file == nil {
		return nil
	}
	seed := frame.Seed(memoryFormat, m.number)
	b := m.buf[:0]
	if len(entries) > 0 {
		start := len(b)
		b = frame.Begin(b, kindIDs)
		for _, e := range entries {
			b = append(append(b, e.id[:]...), e.flag)
		}
		frame.End(b, start, seed)
	}
	if len(sequences) > 0 {
		start := len(b)
		b = frame.Begin(b, kindSequences)
		for device, s := range sequences {
			b = binary.LittleEndian.AppendUint16(append(b, device[:]...), uint16(s))
		}
		frame.End(b, start, seed)
	}
	if m.buf = b; cap(b) > 64<<10 {
		m.buf = nil
	}
	// At the place, so that what an error has left behind is written over.
	n, err := m.file.WriteAt(b, m.size)
	if err != nil {
		return fmt.Errorf("cannot remember what was taken: %w", err)
	}
	m.size += int64(n)
	return nil
}

// close waits until what is known is on the disk.
func (m *memory) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	err := errors.Join(fsync.Data(m.file), m.file.Close())
	m.file = nil
	return err
}

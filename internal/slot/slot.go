// Package slot keeps one small value in a file, so that there is a valid one at any moment.
//
// The file has three slots with a checksum each. A write goes into the slot that holds neither the newest value nor
// the one that was last synced. So a process that is killed while it writes leaves the value before, a power cut
// leaves at least the one that was synced, and damage to one slot leaves another.
package slot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"

	"telegraf-hologram/internal/fsync"
)

// A slot begins at a multiple of blockSize, so that the disk writes no two of them at once:
//
//	crc32c u32 | length u32 | sequence u64 | value
//
// all little endian. The checksum covers what is behind it. The sequence begins at 1, so that zeros are no slot.
const (
	slots     = 3
	blockSize = 4096
	headSize  = 16
)

var (
	errTooLong = errors.New("the value is too long for its slot")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// File is a file with one value. It may be used by several goroutines.
type File struct {
	name string
	size int // of the longest value

	mu     sync.Mutex
	f      *os.File
	buf    []byte
	seq    uint64 // of the newest value, 0 if there is none
	newest int    // its slot
	synced int    // the slot that is on the disk for sure
}

// Open opens the file, which it creates if there is none, and returns the newest valid value, nil if there is none.
// size is the longest value that can be written; it must be the same each time.
//
// A file that exists can be opened, and mostly be written, on a disk that is full.
func Open(name string, size int) (*File, []byte, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	s := &File{name: name, size: size, f: f, newest: -1}
	value, err := s.load()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot read %q: %w", name, err), f.Close())
	}
	return s, value, nil
}

// load finds the newest value, and takes the room for all slots.
func (s *File) load() ([]byte, error) {
	whole := s.stride() * slots
	file, err := io.ReadAll(io.LimitReader(s.f, whole))
	if err != nil {
		return nil, err
	}
	var value []byte
	value, s.seq, s.newest = newest(file, s.size)
	if missing := whole - int64(len(file)); missing > 0 {
		// If there is no room now a write will say so.
		if _, err := s.f.WriteAt(make([]byte, missing), int64(len(file))); err == nil {
			_ = s.f.Sync()
			_ = fsync.Dir(filepath.Dir(s.name))
		}
	}
	// What was read may have been written a moment ago by a process that is gone.
	_ = fsync.Data(s.f)
	s.synced = s.newest
	return value, nil
}

// Write makes p the value. It stays when the process is killed, and after Sync when the power is cut.
func (s *File) Write(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) > s.size {
		return fmt.Errorf("cannot write %q: %w: %d bytes, want at most %d", s.name, errTooLong, len(p), s.size)
	}
	slot := 0
	for slot == s.newest || slot == s.synced {
		slot++
	}
	s.buf = appendSlot(s.buf[:0], s.seq+1, p)
	if _, err := s.f.WriteAt(s.buf, int64(slot)*s.stride()); err != nil {
		return err
	}
	s.seq, s.newest = s.seq+1, slot
	return nil
}

// Sync waits until the value is on the disk.
func (s *File) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := fsync.Data(s.f); err != nil {
		return fmt.Errorf("cannot sync %q: %w", s.name, err)
	}
	s.synced = s.newest
	return nil
}

// Close closes the file. It does not sync.
func (s *File) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.f.Close()
}

// Read returns the newest valid value of a file, nil if there is none, while another process may be writing it.
func Read(name string, size int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	file, err := io.ReadAll(io.LimitReader(f, stride(size)*slots))
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", name, err)
	}
	value, _, _ := newest(file, size)
	return value, nil
}

func (s *File) stride() int64 { return stride(s.size) }

// stride is how far the slots are from each other.
func stride(size int) int64 {
	return (int64(size) + headSize + blockSize - 1) / blockSize * blockSize
}

func appendSlot(b []byte, seq uint64, value []byte) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = append(b, value...)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// newest finds the newest value in the contents of a file; slot is -1 if there is none.
func newest(file []byte, size int) (value []byte, seq uint64, slot int) {
	slot = -1
	for i := range slots {
		at := int64(i) * stride(size)
		if at >= int64(len(file)) {
			break
		}
		if v, n, ok := readSlot(file[at:], size); ok && n > seq {
			value, seq, slot = v, n, i
		}
	}
	return value, seq, slot
}

func readSlot(b []byte, size int) (value []byte, seq uint64, ok bool) {
	if len(b) < headSize {
		return nil, 0, false
	}
	n := binary.LittleEndian.Uint32(b[4:])
	seq = binary.LittleEndian.Uint64(b[8:])
	if seq == 0 || seq == math.MaxUint64 || uint64(n) > uint64(size) || uint64(n) > uint64(len(b)-headSize) {
		return nil, 0, false
	}
	b = b[:headSize+n]
	if binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return nil, 0, false
	}
	return b[headSize:], seq, true
}

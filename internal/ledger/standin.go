package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
)

// slotFile stands in for the package slot until that is there.
type slotFile struct {
	f    *os.File
	seq  uint64
	size int
}

const slotHead = 16

func openSlot(name string, size int) (*slotFile, []byte, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	p, seq := newest(f, size)
	return &slotFile{f, seq, size}, p, nil
}

func readSlot(name string, size int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	p, _ := newest(f, size)
	return p, f.Close()
}

func newest(f *os.File, size int) (p []byte, seq uint64) {
	for i := range int64(2) {
		b := make([]byte, slotHead+size)
		n, _ := f.ReadAt(b, i*int64(slotHead+size))
		if n < slotHead {
			continue
		}
		s, length := binary.LittleEndian.Uint64(b[4:]), int(binary.LittleEndian.Uint32(b[12:]))
		if length > n-slotHead || s <= seq {
			continue
		}
		if crc32.ChecksumIEEE(b[4:slotHead+length]) == binary.LittleEndian.Uint32(b) {
			p, seq = b[slotHead:slotHead+length], s
		}
	}
	return p, seq
}

func (s *slotFile) Write(p []byte) error {
	if len(p) > s.size {
		return errors.New("too large")
	}
	if s.f == nil {
		return fs.ErrClosed
	}
	s.seq++
	b := make([]byte, slotHead, slotHead+len(p))
	binary.LittleEndian.PutUint64(b[4:], s.seq)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(p)))
	b = append(b, p...)
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	_, err := s.f.WriteAt(b, int64(s.seq%2)*int64(slotHead+s.size))
	return err
}

func (s *slotFile) Sync() error  { return s.f.Sync() }
func (s *slotFile) Close() error { return s.f.Close() }

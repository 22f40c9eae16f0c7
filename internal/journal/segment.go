package journal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/frame"
	"telegraf-hologram/internal/order"
)

const (
	suffix = ".journal"
	// lastNumber is the highest number that a segment can have.
	lastNumber = math.MaxInt64
	// readMost is how much of a file is read; none of ours is longer.
	readMost = 2 * (frame.MaxBody + frame.HeadSize)
)

// segment is one file of a journal.
type segment struct {
	number    uint64
	seed      uint32
	size      int64
	ids       int // that the journal knows from it
	unprinted int // entries that are not marked
}

func newSegment(number uint64) *segment {
	return &segment{number: number, seed: frame.Seed(formatName, number)}
}

func segmentName(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", number, suffix))
}

// list returns the numbers of the segments in a directory, in their order. Whatever else is there is passed over.
func list(dir string) ([]uint64, error) {
	names, err := order.Names(dir) // By name, which is by number.
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, suffix)
		number, err := strconv.ParseUint(digits, 16, 64)
		if !ok || err != nil || number >= lastNumber || name != filepath.Base(segmentName("", number)) {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			numbers = append(numbers, number)
		}
	}
	return numbers, nil
}

// read returns the bytes of the file and sets the size, as far as that can be known. They are in buf where that has the
// room.
func (s *segment) read(dir string, buf []byte) ([]byte, error) {
	f, err := os.Open(segmentName(dir, s.number))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s.size = info.Size()
	size := int(min(s.size, readMost))
	buf = slices.Grow(buf[:0], size)[:size]
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return buf[:n], nil
}

// scan reads the frames of the segment, whose bytes are buf.
func (s *segment) scan(buf []byte) *frame.Scanner {
	return &frame.Scanner{Kinds: &kinds, Seed: s.seed, Buf: buf}
}

// Read calls each for the entries of the journal in a directory that are not older than since, in the order in which
// they were appended, until each returns an error, which Read returns. The data are only valid during the call. Another
// process may have the journal open, and nothing is changed. damaged is how many damaged places were passed over.
func Read(dir string, since time.Time, each func(Entry) error) (damaged int, err error) {
	numbers, err := list(dir)
	if err != nil {
		return 0, fmt.Errorf("cannot read the journal: %w", err)
	}
	var buf []byte
	seen := make(map[ID]struct{})
	for i, number := range numbers {
		seg := newSegment(number)
		read, err := seg.read(dir, buf)
		if errors.Is(err, os.ErrNotExist) {
			continue // It was dropped a moment ago.
		}
		if err != nil {
			damaged++
			continue
		}
		buf = read
		sc := seg.scan(read)
		for f, ok := sc.Next(); ok; f, ok = sc.Next() {
			if f.Kind != kindEntry {
				continue
			}
			e, ok := readEntry(f.Body)
			if _, twice := seen[e.ID]; !ok || twice {
				continue
			}
			seen[e.ID] = struct{}{}
			if e.Time.Before(since) {
				continue
			}
			if err := each(e); err != nil {
				return damaged, err
			}
		}
		damaged += sc.Places
		if rest := sc.Rest(); rest == frame.Damage || rest == frame.Torn && i < len(numbers)-1 {
			damaged++
		}
	}
	return damaged, nil
}

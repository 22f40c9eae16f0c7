package queue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"telegraf-hologram/internal/frame"
	"telegraf-hologram/internal/order"
)

const (
	logSuffix = ".log"
	badSuffix = ".bad"
	// lastNumber is the highest number that a segment can have.
	lastNumber = math.MaxInt64
	// readMost is how much of a file is read; none of ours is longer.
	readMost = 2 * (frame.MaxBody + frame.HeadSize)
	// pageSize is in what parts a file is read in which some cannot be.
	pageSize = 4096
)

// plausible is the earliest time that a clock can show that was set.
var plausible = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// segment is one file of a Disk. What it costs in memory does not depend on how many records are in it.
type segment struct {
	number uint64
	seed   uint32
	size   int64 // of what is known of the file: records are below it
	file   int64 // of the file

	waiting int   // records that wait
	flying  int   // records in flight
	taken   spans // records that do not wait: in flight, or done with
	done    spans // records that are done with: acknowledged, or dropped

	oldest  int64 // a time that no waiting record with a plausible one is older than, 0 if there is none
	newest  int64 // and one that none is younger than
	ageless bool  // there may be records whose time is not plausible

	damaged    bool // there are damaged places in it
	unreadable bool // it is left where it is, for the next start
}

func newSegment(number uint64) *segment {
	return &segment{number: number, seed: seedOf(number)}
}

// finished tells that nothing in the segment is needed any more.
func (s *segment) finished() bool { return s.waiting == 0 && s.flying == 0 && !s.unreadable }

// finish marks all of the segment as done with, what may stand behind its end included.
func (s *segment) finish() {
	s.taken = spans{{0, math.MaxUint32, 0}}
	s.done = spans{{0, math.MaxUint32, 0}}
}

// holes is how many spans the segment needs in the cursor once what was taken is done with.
func (s *segment) holes() int {
	if s.waiting == 0 {
		return 0
	}
	return len(s.taken)
}

// note takes the time of a record into account.
func (s *segment) note(at int64) {
	if at < plausible {
		s.ageless = true
		return
	}
	if s.oldest == 0 || at < s.oldest {
		s.oldest = at
	}
	s.newest = max(s.newest, at)
}

// gaps are the parts in which records wait.
func (s *segment) gaps() []span { return s.taken.gaps(uint32(s.size)) }

// scan reads a gap of the segment, whose bytes are buf.
func (s *segment) scan(buf []byte, gap span) *scanner {
	at := gap.at
	if at == 0 {
		// The record with the time is gone; this is the closest that is known.
		at = s.oldest
	}
	return newScanner(buf[:gap.to], gap.from, s.seed, at)
}

// survey finds out what waits in a segment that was there before, whose bytes are buf, and returns how many places are
// damaged. In the last segment what was not written to its end is no damage: whole is where the records end.
func (s *segment) survey(buf []byte, last bool) (places int, whole int64) {
	s.size, whole = int64(len(buf)), int64(len(buf))
	for _, gap := range s.gaps() {
		sc := s.scan(buf, gap)
		for f, ok := sc.next(); ok; f, ok = sc.next() {
			s.waiting++
			s.note(f.at)
		}
		places += sc.Places
		switch rest := sc.Rest(); {
		case rest == frame.Torn && last && int64(gap.to) == s.size:
			whole = int64(sc.Pos)
		case rest != frame.Nothing:
			places++
		}
	}
	return places, whole
}

// entry is a file in the directory of a queue.
type entry struct {
	number uint64
	size   int64
}

func segmentName(dir string, number uint64, suffix string) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", number, suffix))
}

// list returns the segments in a directory, and those that were set aside, in the order of their numbers. Whatever
// else is there is passed over.
func list(dir string) (logs, bad []entry, err error) {
	names, err := order.Names(dir) // By name, which is by number.
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		suffix := filepath.Ext(name)
		number, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 16, 64)
		if err != nil || number > lastNumber || name != filepath.Base(segmentName("", number, suffix)) {
			continue
		}
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch e := (entry{number, info.Size()}); suffix {
		case logSuffix:
			logs = append(logs, e)
		case badSuffix:
			bad = append(bad, e)
		}
	}
	return logs, bad, nil
}

// calls are what a Disk does with files that can fail; tests let them fail.
type calls struct {
	readAt   func(f *os.File, b []byte, off int64) (int, error)
	writeAt  func(f *os.File, b []byte, off int64) (int, error)
	sync     func(f *os.File) error
	truncate func(f *os.File, size int64) error
}

// read reads b from a file at off, as far as the file goes. Pages that cannot be read are zeros; the error is returned
// only when there is nothing else.
func (c calls) read(name string, b []byte, off int64) (n int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	n, err = c.readAt(f, b, off)
	if err == nil || errors.Is(err, io.EOF) {
		return n, nil
	}
	if !errors.Is(err, syscall.EIO) {
		return 0, err
	}
	// What an error leaves in b is not known.
	some := false
	for n = 0; n < len(b); {
		page := b[n:min(len(b), n+pageSize-int((off+int64(n))%pageSize))]
		got, pageErr := c.readAt(f, page, off+int64(n))
		if errors.Is(pageErr, io.EOF) {
			return n + got, nil
		}
		if pageErr != nil {
			clear(page)
		}
		some = some || pageErr == nil
		n += len(page)
	}
	if !some {
		return 0, err
	}
	return n, nil
}

// gone tells whether an error of reading a file means that its records are out of reach for this process.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EIO)
}

package queue

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"telegraf-hologram/internal/slot"
)

// Info is what Inspect finds in a queue.
type Info struct {
	// Records is how many records the queue holds.
	Records int
	// Bytes is how large the files with records are together.
	Bytes int64
	// Oldest is when the first of the records was taken in, the zero time if there is none.
	Oldest time.Time
	// Damaged is how many damaged places there are.
	Damaged int
	// Bad is how many damaged segments were set aside.
	Bad int
}

// Inspect looks at the queue in a directory, which another process may be using meanwhile. It changes nothing.
func Inspect(dir string) (Info, error) {
	// The cursor first: what is acknowledged from now on counts as held at worst.
	saved, err := slot.Read(filepath.Join(dir, "cursor"), cursorSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Info{}, fmt.Errorf("cannot look at the cursor of the queue: %w", err)
	}
	logs, bad, err := list(dir)
	if err != nil {
		return Info{}, fmt.Errorf("cannot look at the queue: %w", err)
	}
	c := readCursor(saved)
	info := Info{Bad: len(bad)}
	calls := calls{readAt: (*os.File).ReadAt}
	var buf []byte
	for i, e := range logs {
		if e.number < c.first {
			continue
		}
		seg := newSegment(e.number)
		seg.taken = c.done[e.number]
		size := min(e.size, readMost)
		if int64(cap(buf)) < size {
			buf = make([]byte, size)
		}
		n, err := calls.read(segmentName(dir, e.number, logSuffix), buf[:size], 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue // It was done with a moment ago.
		}
		info.Bytes += e.size
		if err != nil {
			info.Damaged++
			continue
		}
		places, _ := seg.survey(buf[:n], i == len(logs)-1)
		info.Damaged += places
		info.Records += seg.waiting
		if info.Oldest.IsZero() && seg.waiting > 0 {
			info.Oldest = time.Unix(0, cmp.Or(seg.oldest, 1))
		}
	}
	return info, nil
}

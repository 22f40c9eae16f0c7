package execd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
)

// DeadLetter takes records that can never be sent. It is called from several goroutines.
type DeadLetter interface {
	// Bury takes a record, of which it keeps no reference, the time at which it was taken in, and why it cannot be
	// sent.
	Bury(record []byte, at time.Time, reason error)
}

const (
	buriedShown = 5           // lines about buried records in one buriedWait
	buriedWait  = time.Minute //
)

// logDeadLetter says what it buries, within reason, and forgets it.
type logDeadLetter struct {
	log telegraf.Logger

	mu     sync.Mutex
	since  time.Time // begin of the current buriedWait
	shown  int       // lines in it
	hidden int       // records without a line
}

// Bury implements DeadLetter.
func (d *logDeadLetter) Bury(record []byte, _ time.Time, reason error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(record, reason)
}

// note logs a line about a record, unless there were many. d.mu is held.
func (d *logDeadLetter) note(record []byte, reason error) {
	if now := time.Now(); now.Sub(d.since) >= buriedWait {
		d.summarise()
		d.since, d.shown = now, 0
	}
	if d.shown >= buriedShown {
		d.hidden++
		return
	}
	d.shown++
	d.log.Errorf("metric %s is given up: %v", shortened(record), reason)
}

// close logs what Bury has not.
func (d *logDeadLetter) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.summarise()
}

func (d *logDeadLetter) summarise() {
	if d.hidden > 0 {
		d.log.Errorf("%s more given up", plural(d.hidden, "metric"))
		d.hidden = 0
	}
}

// shortened is the series of a record, for a log line.
func shortened(record []byte) string {
	const longest = 80
	cut := len(record)
	for i, c := range record {
		if c == ' ' && (i == 0 || record[i-1] != '\\') || i == longest {
			cut = i
			break
		}
	}
	return fmt.Sprintf("%q", record[:cut])
}

const (
	deadLetterFile = "dead_letter.lp"   // in the buffer's directory
	deadLetterOld  = "dead_letter.1.lp" // what a full one is called

	deadLetterSize   = 1 << 20  // bytes of the file at most
	deadLetterRecord = 64 << 10 // bytes of a record that is written as it is
	deadLetterHead   = 1 << 10  // bytes that are kept of one that is not
	deadLetterReason = 300      // bytes of a reason
	deadLetterLog    = time.Minute
)

// fileDeadLetter writes what it buries to a file and says it, within reason.
//
// The file is line protocol: before each record stands a comment with the time of its burial, the time at which it was
// taken in, and the reason. What would break the file is in a comment too, in quotes with Go's escapes: what is no line
// protocol, and the beginning of what is very long. A full file takes the place of the old one before it.
//
// A record is in the file when Bury returns, so that it outlives the process, and on the disk after close. The file is
// open only while it is written, so that a person may move it away. That it cannot be written stops nothing.
type fileDeadLetter struct {
	logDeadLetter
	dir  string
	size int64 // of a full file

	// The fields below are guarded by mu.
	written  bool      // something was
	mended   bool      // the end of the file was looked at
	unkept   int       // records that could not be written
	unkeptAt time.Time // when that was logged last
}

func newFileDeadLetter(dir string, log telegraf.Logger) *fileDeadLetter {
	return &fileDeadLetter{logDeadLetter: logDeadLetter{log: log}, dir: dir, size: deadLetterSize}
}

// Bury implements DeadLetter.
func (d *fileDeadLetter) Bury(record []byte, at time.Time, reason error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(record, reason)
	err := d.write(appendLetter(nil, record, time.Now(), at, reason))
	if err == nil {
		d.written = true
		return
	}
	d.unkept++
	if now := time.Now(); now.Sub(d.unkeptAt) >= deadLetterLog {
		d.unkeptAt = now
		d.log.Errorf("cannot write %s: %v (%s not kept so far)", filepath.Join(d.dir, deadLetterFile), err, plural(d.unkept, "metric"))
	}
}

// close logs what Bury has not, and waits until the file is on the disk.
func (d *fileDeadLetter) close() {
	d.logDeadLetter.close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.written {
		return
	}
	d.written = false
	f, err := os.OpenFile(filepath.Join(d.dir, deadLetterFile), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return // a person has moved it
	}
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		d.log.Errorf("cannot sync %s: %v", deadLetterFile, err)
	}
}

// write adds a letter to the file. d.mu is held.
func (d *fileDeadLetter) write(letter []byte) error {
	name := filepath.Join(d.dir, deadLetterFile)
	info, err := os.Stat(name)
	if err == nil && info.Size() > 0 && info.Size()+int64(len(letter)) > d.size {
		if err := os.Rename(name, filepath.Join(d.dir, deadLetterOld)); err != nil {
			return fmt.Errorf("it is full: %w", err)
		}
		d.log.Warnf("%s is full and called %s from now on; what had that name is gone", deadLetterFile, deadLetterOld)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = d.append(f, letter)
	return errors.Join(err, f.Close())
}

// append writes a letter behind the others, whole or not at all.
func (d *fileDeadLetter) append(f *os.File, letter []byte) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if !d.mended {
		if end, err = mend(f, end); err != nil {
			return fmt.Errorf("its end is damaged: %w", err)
		}
		d.mended = true
	}
	if _, err := f.WriteAt(letter, end); err != nil {
		return errors.Join(err, f.Truncate(end))
	}
	return nil
}

// mend makes a comment of the last letter of the file if a crash has cut it off, so that no other metric is read out of
// it, and returns where the file then ends.
func mend(f *os.File, end int64) (int64, error) {
	const far = 2 * deadLetterRecord
	from := max(0, end-far)
	tail := make([]byte, end-from)
	if _, err := f.ReadAt(tail, from); err != nil {
		return 0, err
	}
	whole := len(tail)
	tail = bytes.TrimRight(tail, "\x00") // what a power cut leaves where data was to come
	if len(tail) == 0 || tail[len(tail)-1] == '\n' {
		if len(tail) == whole {
			return end, nil
		}
		end = from + int64(len(tail))
		return end, f.Truncate(end)
	}
	cut := bytes.LastIndexByte(tail, '\n') + 1
	if tail[cut] != '#' {
		cut = bytes.LastIndex(tail, []byte("\n# ")) + 1
	}
	comment := appendQuoted([]byte("# cut off: "), tail[cut:])
	if _, err := f.WriteAt(comment, from+int64(cut)); err != nil {
		return 0, err
	}
	end = from + int64(cut+len(comment))
	return end, f.Truncate(end)
}

// appendLetter appends what stands in the file for a record.
func appendLetter(b, record []byte, now, at time.Time, reason error) []byte {
	b = append(b, "# "...)
	b = now.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, ' ')
	b = at.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, ' ')
	b = append(b, oneLine(reason.Error(), deadLetterReason)...)
	b = append(b, '\n')
	switch {
	case len(record) > deadLetterRecord:
		b = append(b, "# "...)
		b = strconv.AppendInt(b, int64(len(record)), 10)
		b = append(b, " bytes, which begin: "...)
		return appendQuoted(b, record)
	case !isRecord(record):
		return appendQuoted(append(b, "# no line protocol: "...), record)
	}
	b = append(b, record...)
	return append(b, '\n')
}

// appendQuoted appends the beginning of data in quotes, and a newline.
func appendQuoted(b, data []byte) []byte {
	b = strconv.AppendQuote(b, string(data[:min(len(data), deadLetterHead)]))
	if len(data) > deadLetterHead {
		b = append(b, "…"...)
	}
	return append(b, '\n')
}

// oneLine writes line ends and other control characters of a text with Go's escapes, and shortens it.
func oneLine(text string, longest int) string {
	cut := len(text) > longest
	if cut {
		text = text[:longest]
	}
	quoted := strconv.Quote(text)
	text = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	if cut {
		text += "…"
	}
	return text
}

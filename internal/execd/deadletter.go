package execd

import (
	"fmt"
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

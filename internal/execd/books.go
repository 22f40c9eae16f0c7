package execd

import (
	"encoding"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
	"telegraf-hologram/internal/slot"
)

// Files in the buffer directory, beside those of the queue.
const (
	ledgerFile = "ledger"
	stateFile  = "state"
	stateSize  = 4 << 10 // bytes that a plugin's state may have
)

// books keeps account of the link and the plugin's state, both over restarts where there is a directory, and tells what
// is left of the data budget. It is safe for concurrent use, except where a method says otherwise.
type books struct {
	log    telegraf.Logger
	ledger *ledger.Ledger
	budget ledger.Budget

	selfInterval time.Duration
	selfNext     time.Time // belongs to the dispatcher

	plugin    telegraf.StatefulPlugin // nil: it has no state, or none is kept
	stateFile *slot.File
	stateOld  string // what was written last; belongs to the dispatcher

	mu      sync.Mutex
	level   ledger.Level    // of the budget, when it was looked at last
	month   time.Month      // of level
	counted queue.Stats     // what of the queue is in the ledger
	broken  map[string]bool // what could not be written when that was last tried
}

// openBooks opens the accounts in dir, in memory where dir is empty. What it cannot open it does without, and says so.
func openBooks(cfg *Config, dir string) *books {
	o := cfg.Options
	b := &books{log: cfg.log, budget: o.budget(), selfInterval: time.Duration(o.SelfMetricsInterval)}
	if b.selfInterval > 0 {
		b.selfNext = time.Now().Add(b.selfInterval)
	}
	path := ""
	if dir != "" {
		path = filepath.Join(dir, ledgerFile)
	}
	var err error
	if b.ledger, err = ledger.Open(path, time.Now); err != nil {
		b.log.Warnf("%v", err)
	}
	if plugin, ok := cfg.output.(telegraf.StatefulPlugin); ok && dir != "" {
		b.openState(plugin, filepath.Join(dir, stateFile))
	}
	return b
}

// State is what GetState of a telegraf.StatefulPlugin has to return for the host to keep it: a pointer to a state that
// is the caller's, so that the host can read an earlier one into it for SetState. The text may have up to 4 KiB.
// Telegraf, which keeps states as JSON, takes the text for a JSON string.
type State interface {
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

// stateOf returns the state of a plugin.
func stateOf(plugin telegraf.StatefulPlugin) (State, error) {
	state := plugin.GetState()
	if s, ok := state.(State); ok {
		return s, nil
	}
	return nil, fmt.Errorf("the type %T has no text", state)
}

// openState gives the plugin the state that an earlier run has left.
func (b *books) openState(plugin telegraf.StatefulPlugin, path string) {
	file, data, err := slot.Open(path, stateSize)
	if err != nil {
		b.log.Warnf("cannot open the state of the plugin, it is not kept: %v", err)
		return
	}
	b.plugin, b.stateFile = plugin, file
	if data == nil {
		return
	}
	state, err := stateOf(plugin)
	if err == nil {
		if err = state.UnmarshalText(data); err == nil {
			err = plugin.SetState(state)
		}
	}
	if err != nil {
		b.log.Warnf("cannot restore the state of the plugin, it starts without: %v", err)
	}
}

// saveState keeps the plugin's state, if it has changed, from a kill but not from a power cut. It belongs to the
// dispatcher.
func (b *books) saveState() {
	if b.plugin == nil {
		return
	}
	b.complain("the state of the plugin", b.writeState())
}

func (b *books) writeState() error {
	state, err := stateOf(b.plugin)
	if err != nil {
		return err
	}
	data, err := state.MarshalText()
	if err != nil || string(data) == b.stateOld {
		return err
	}
	if err := b.stateFile.Write(data); err != nil {
		return err
	}
	b.stateOld = string(data)
	return nil
}

// complain logs the first of a series of errors.
func (b *books) complain(what string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && !b.broken[what] {
		b.log.Warnf("cannot keep %s: %v", what, err)
	}
	if b.broken == nil {
		b.broken = make(map[string]bool)
	}
	b.broken[what] = err != nil
}

// add counts.
func (b *books) add(c ledger.Counters) {
	b.complain("the accounts", b.ledger.Add(c))
}

// exchanged counts an exchange and keeps the state after it. It belongs to the dispatcher.
func (b *books) exchanged(x Exchange) {
	c := ledger.Counters{Sent: x.Sent, Received: x.Received, Tries: 1}
	if x.Again {
		c.Retries = 1
	}
	if x.Delivered {
		c.Messages, c.Metrics = 1, int64(x.Metrics)
		if x.Doubtful {
			c.Doubtful = int64(x.Metrics)
		}
	} else {
		c.Failures = 1
	}
	b.add(c)
	b.saveState()
	b.checkBudget()
}

// countDrops counts what the queue has dropped, or found damaged, since the last call.
func (b *books) countDrops(s queue.Stats) {
	b.mu.Lock()
	old := b.counted
	b.counted = s
	b.mu.Unlock()
	c := ledger.Counters{
		DroppedFull: int64(s.DroppedFull - old.DroppedFull),
		DroppedAge:  int64(s.DroppedAge - old.DroppedAge),
		Damaged:     int64(s.Damaged - old.Damaged),
		Lost:        int64(s.Lost - old.Lost),
	}
	if c != (ledger.Counters{}) {
		b.add(c)
	}
}

func (b *books) linkUp() {
	b.complain("the accounts", b.ledger.Works())
}

func (b *books) linkDown(err error, nextTry time.Time) {
	b.complain("the accounts", b.ledger.Failed(err.Error(), nextTry))
}

// checkBudget looks at the budget and logs, once a month each, that 80 % and all of it is used.
func (b *books) checkBudget() ledger.Level {
	if b.budget.Limit <= 0 {
		return ledger.LevelOK
	}
	used := b.ledger.MonthBytes()
	level, month := b.budget.Level(used), time.Now().UTC().Month()
	b.mu.Lock()
	defer b.mu.Unlock()
	if month != b.month {
		b.level, b.month = ledger.LevelOK, month
	}
	if level > b.level {
		then := ""
		if level == ledger.LevelOver {
			switch b.budget.Action {
			case ledger.Slow:
				then = "; until the next one metrics are sent half as often"
			case ledger.Stop:
				then = "; until the next one nothing is sent"
			case ledger.Warn:
			}
		}
		b.log.Warnf("%d %% of the month's data_budget of %v is used%s", b.budget.Percent(used), Size(b.budget.Limit), then)
	}
	b.level = level
	return level
}

// paused tells whether the budget allows nothing to be sent.
func (b *books) paused() bool {
	return b.budget.Action == ledger.Stop && b.checkBudget() == ledger.LevelOver
}

// interval is how often to flush when it is d as long as the budget is not used up.
func (b *books) interval(d time.Duration) time.Duration {
	b.checkBudget()
	return b.budget.Interval(d, b.ledger.MonthBytes())
}

// outage is for how long the link had been down at now when this process began, as an earlier one has noted: 0 if it
// worked then, if no clock was set, or if that process has left a try out for longer than gap, so that nobody knows.
func (b *books) outage(now time.Time, gap time.Duration) time.Duration {
	l := b.ledger.Snapshot().Link
	if l.Failures == 0 || !ledger.Set(l.FailingSince) || !ledger.Set(now) || now.Sub(l.NextTry) > gap {
		return 0
	}
	return max(now.Sub(l.FailingSince), 0)
}

// selfMetrics gives a metric about the link to store when it is time for it, and returns when that is next; zero is
// never. It belongs to the dispatcher.
func (b *books) selfMetrics(now time.Time, q *buffer, store func(record []byte, at time.Time) error) time.Time {
	if b.selfInterval <= 0 {
		return time.Time{}
	}
	if now.Before(b.selfNext) {
		return b.selfNext
	}
	missed := now.Sub(b.selfNext) / b.selfInterval
	b.selfNext = b.selfNext.Add((missed + 1) * b.selfInterval)
	b.countDrops(q.Stats())
	if err := store(appendSelfMetric(nil, now, b.ledger.Snapshot(), b.budget, q), now); err != nil {
		b.log.Debugf("cannot store hologram_link: %v", err)
	}
	return b.selfNext
}

// close keeps everything from a power cut.
func (b *books) close() error {
	err := b.ledger.Close()
	if b.stateFile != nil {
		b.saveState()
		err = errors.Join(err, b.stateFile.Sync(), b.stateFile.Close())
	}
	if err != nil {
		return fmt.Errorf("cannot close the accounts: %w", err)
	}
	return nil
}

// budget is the data budget of the options.
func (o *Options) budget() ledger.Budget {
	b := ledger.Budget{Limit: int64(o.DataBudget)}
	switch o.DataBudgetAction {
	case BudgetSlow:
		b.Action = ledger.Slow
	case BudgetStop:
		b.Action = ledger.Stop
	}
	return b
}

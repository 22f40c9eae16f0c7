package execd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
)

// bytesPerMB is what a price is for: SI megabytes, as network operators count them.
const bytesPerMB = 1_000_000

// errNothingKept says that there is nothing that Status could read.
var errNothingKept = errors.New("the buffer is in memory: nothing is kept that another process could show; " +
	"give the plugin a buffer_directory")

// Status writes to w how the buffer is, how the link is, and what it has cost: a text for a person, or JSON. It reads
// what is in buffer_directory, so that it can be called while the plugin runs and while it does not, and changes
// nothing there. What can be read is written even if the rest cannot; then there is an error as well.
func (c *Config) Status(w io.Writer, asJSON bool) error {
	s, err := c.status(time.Now())
	if s == nil {
		return err
	}
	text := []byte(s.text())
	if asJSON {
		text = append(s.json(), '\n')
	}
	if _, e := w.Write(text); e != nil {
		return fmt.Errorf("cannot write the status: %w", e)
	}
	return err
}

// status is what the command of that name says. A time is zero where there was none.
type status struct {
	Plugin string
	Source string
	Time   time.Time

	Buffer       *bufferStatus // nil: it cannot be read
	Details      []detail      // what the plugin says
	DeadLetters  int64
	Began        time.Time
	LastDelivery time.Time
	Link         *linkStatus   // nil: it cannot be read
	Budget       *budgetStatus // nil: there is none
	PricePerMB   float64

	Today     *periodStatus // nil, as the next three: it cannot be read
	ThisMonth *periodStatus
	LastMonth *periodStatus
	Total     *periodStatus
	Days      []periodStatus
	Months    []periodStatus
}

// bufferStatus is how the queues are, together.
type bufferStatus struct {
	Directory string
	Metrics   int
	Bytes     int64
	Limit     int64
	Oldest    time.Time
	Damaged   int
	Bad       int

	HasUrgent bool // there is an urgent queue
	Urgent    int  // metrics in it
}

// detail is something that the plugin says. Its value is one of those that StatusReporter names.
type detail struct {
	name  string
	value any
}

type linkStatus struct {
	Works        bool
	FailingSince time.Time
	Failures     int64
	Error        string
	NextTry      time.Time
}

type budgetStatus struct {
	Limit   int64
	Used    int64
	Percent int64
	Action  string
}

type periodStatus struct {
	Start time.Time
	ledger.Counters
	Cost float64
}

// status reads what there is. It returns nil if there is nothing, or that and an error if there is not all.
func (c *Config) status(now time.Time) (*status, error) {
	o := c.Options
	switch {
	case c.Kind != kindOutputs:
		return nil, fmt.Errorf("%s: %w", c.Source, ErrInputs)
	case o.BufferDirectory == "":
		return c.detailsOnly(now, fmt.Errorf("%s: %w", c.Source, errNothingKept))
	}
	if _, err := os.Stat(o.BufferDirectory); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; the plugin has not run yet, or with another buffer_directory", err)
		}
		return c.detailsOnly(now, fmt.Errorf("cannot read the buffer: %w", err))
	}
	s := c.newStatus(now)
	var bufferErr error
	s.Buffer, bufferErr = inspect(o)
	for _, name := range []string{deadLetterFile, deadLetterOld} {
		if info, err := os.Stat(filepath.Join(o.BufferDirectory, name)); err == nil {
			s.DeadLetters += info.Size()
		}
	}
	state, err := ledger.Read(filepath.Join(o.BufferDirectory, ledgerFile))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = nil // nothing was counted yet
		s.account(state, now, o)
	}
	return s, errors.Join(bufferErr, err, s.ask(c.output))
}

func (c *Config) newStatus(now time.Time) *status {
	return &status{Plugin: c.Kind + "." + c.Name, Source: c.Source, Time: now.UTC().Truncate(time.Second), PricePerMB: c.Options.PricePerMB}
}

// detailsOnly is the status of a plugin of whose buffer there is none, for the reason err. It is nil if the plugin has
// nothing to say.
func (c *Config) detailsOnly(now time.Time, err error) (*status, error) {
	s := c.newStatus(now)
	err = errors.Join(err, s.ask(c.output))
	if len(s.Details) == 0 {
		return nil, err
	}
	return s, err
}

// ask lets the plugin say what it has to say.
func (s *status) ask(plugin telegraf.Output) error {
	p, ok := plugin.(StatusReporter)
	if !ok {
		return nil
	}
	err := p.ReportStatus(func(name string, value any) {
		if t, ok := value.(time.Time); ok && t.IsZero() {
			return
		}
		s.Details = append(s.Details, detail{name, value})
	})
	if err != nil {
		return fmt.Errorf("cannot read the status of the plugin: %w", err)
	}
	return nil
}

// inspect looks at the queues.
func inspect(o Options) (*bufferStatus, error) {
	info, err := queue.Inspect(o.BufferDirectory)
	if err != nil {
		return nil, err
	}
	rest, urgent := o.limits()
	u := &bufferStatus{Directory: o.BufferDirectory, Metrics: info.Records, Bytes: info.Bytes, Limit: rest.Bytes,
		Oldest: info.Oldest, Damaged: info.Damaged, Bad: info.Bad}
	info, err = queue.Inspect(filepath.Join(o.BufferDirectory, urgentDirectory))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return u, nil
	case err != nil:
		return nil, err
	}
	u.HasUrgent, u.Urgent = true, info.Records
	u.Metrics += info.Records
	u.Bytes += info.Bytes
	u.Limit += urgent.Bytes
	u.Damaged += info.Damaged
	u.Bad += info.Bad
	if u.Oldest.IsZero() || !info.Oldest.IsZero() && info.Oldest.Before(u.Oldest) {
		u.Oldest = info.Oldest
	}
	return u, nil
}

// account puts what a ledger knows into the status.
func (s *status) account(state ledger.State, now time.Time, o Options) {
	s.Began, s.LastDelivery = state.Began, state.LastDelivery
	l := state.Link
	s.Link = &linkStatus{l.Failures == 0, l.FailingSince, l.Failures, l.Error, l.NextTry}
	month := state.Month(now)
	if budget := (ledger.Budget{Limit: int64(o.DataBudget)}); budget.Limit > 0 {
		used := month.Bytes()
		s.Budget = &budgetStatus{budget.Limit, used, budget.Percent(used), o.DataBudgetAction}
	}
	priced := func(start time.Time, c ledger.Counters) periodStatus {
		return periodStatus{start, c, float64(c.Bytes()) / bytesPerMB * o.PricePerMB}
	}
	period := func(c ledger.Counters) *periodStatus {
		p := priced(time.Time{}, c)
		return &p
	}
	s.Today, s.ThisMonth, s.LastMonth = period(state.Day(now)), period(month), period(state.PreviousMonth(now))
	s.Total = period(state.Total)
	for _, p := range state.Days() {
		s.Days = append(s.Days, priced(p.Start, p.Counters))
	}
	for _, p := range state.Months() {
		s.Months = append(s.Months, priced(p.Start, p.Counters))
	}
}

// text is the status for a person.
func (s *status) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, configured in %s\n", s.Plugin, s.Source)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-14s "+format+"\n", append([]any{label}, args...)...)
	}
	s.bufferText(line)
	s.detailsText(line)
	if s.Total == nil {
		return b.String()
	}
	if s.LastDelivery.IsZero() {
		line("last delivery", "none yet")
	} else {
		line("last delivery", "%s", s.since(s.LastDelivery))
	}
	s.linkText(line)
	if u := s.Budget; u != nil {
		line("data budget", "%d %% of %v is used this month; at 100 %%: %s", u.Percent, Size(u.Limit), u.Action)
	}
	s.table(&b)
	return b.String()
}

func (s *status) bufferText(line func(label, format string, args ...any)) {
	if u := s.Buffer; u != nil {
		line("buffer", "%s, in files of %s bytes, %d %% of %v, in %s", plural(u.Metrics, "metric"), grouped(u.Bytes),
			ledger.Budget{Limit: u.Limit}.Percent(u.Bytes), Size(u.Limit), u.Directory)
		if u.HasUrgent {
			line("  of them", "%s in the urgent queue", plural(u.Urgent, "metric"))
		}
		if !u.Oldest.IsZero() {
			line("oldest", "taken in %s", s.since(u.Oldest))
		}
		if u.Damaged > 0 || u.Bad > 0 {
			line("damage", "%s, %s set aside (*.bad)", plural(u.Damaged, "place"), plural(u.Bad, "file"))
		}
	} else {
		line("buffer", "cannot be read")
	}
	if s.DeadLetters > 0 {
		line("dead letters", "%s bytes in %s", grouped(s.DeadLetters), deadLetterFile)
	}
}

// detailsText writes what the plugin says.
func (s *status) detailsText(line func(label, format string, args ...any)) {
	for _, d := range s.Details {
		label := strings.ReplaceAll(d.name, "_", " ")
		switch v := d.value.(type) {
		case time.Time:
			if ahead := v.Sub(s.Time); ahead > 0 && ledger.Set(v) {
				line(label, "%s (in %v)", v.UTC().Format(time.RFC3339), Duration(ahead.Round(time.Second)))
			} else {
				line(label, "%s", s.since(v))
			}
		default:
			line(label, "%v", v)
		}
	}
}

func (s *status) linkText(line func(label, format string, args ...any)) {
	if s.Link.Works {
		line("link", "works, as far as the last try told")
		return
	}
	next := ""
	if wait := s.Link.NextTry.Sub(s.Time); wait > 0 {
		next = ", next try in " + Duration(wait.Round(time.Second)).String()
	}
	line("link", "fails since %s, %s%s", s.since(s.Link.FailingSince), plural(int(s.Link.Failures), "failure"), next)
	line("", "%s", s.Link.Error)
}

// since is a time and how long it is ago.
func (s *status) since(t time.Time) string {
	if !ledger.Set(t) {
		return "a time when no clock was set"
	}
	text := t.UTC().Format(time.RFC3339)
	if ago := s.Time.Sub(t); ago >= 0 {
		text += " (" + Duration(ago.Round(time.Second)).String() + " ago)"
	}
	return text
}

// rows are what the counters are called, in their order, in the table and in JSON, and whether the table has them while
// they are 0.
var rows = [...]struct {
	label  string
	name   string
	always bool
}{
	{"bytes sent", "bytes_sent", true},
	{"bytes received", "bytes_received", true},
	{"messages", "messages", true},
	{"tries", "tries", true},
	{"  of them retries", "retries", true},
	{"  of them failed", "failures", true},
	{"metrics taken in", "metrics_taken", true},
	{"metrics delivered", "metrics", true},
	{"  perhaps twice", "metrics_doubtful", true},
	{"  refused", "refused", false},
	{"  unparsable", "unparsable", false},
	{"  set aside", "set_aside", false},
	{"  too long", "too_long", false},
	{"  buffer full", "dropped_full", false},
	{"  too old", "dropped_age", false},
	{"  not stored", "lost", false},
	{"damaged places", "damaged", false},
}

// firstDrop is the first of the rows that "metrics dropped" stands above.
const firstDrop = 9

// table writes what was counted. Of the drops, it has those that there were.
func (s *status) table(b *strings.Builder) {
	periods := [...]*periodStatus{s.Today, s.ThisMonth, s.LastMonth, s.Total}
	var cells [len(periods)]string
	row := func(label string) {
		fmt.Fprintf(b, "  %-20s", label)
		for _, c := range cells {
			fmt.Fprintf(b, " %14s", c)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	cells = [...]string{"today", "this month", "last month", "total"}
	row("UTC")
	for i, r := range rows {
		if i == firstDrop {
			for n, p := range periods {
				cells[n] = grouped(p.Dropped())
			}
			row("metrics dropped")
		}
		show := r.always
		for n, p := range periods {
			v := p.Values()[i]
			show = show || v > 0
			cells[n] = grouped(v)
		}
		if show {
			row(r.label)
		}
	}
	if s.PricePerMB > 0 {
		for n, p := range periods {
			cells[n] = strconv.FormatFloat(p.Cost, 'f', 4, 64)
		}
		row("cost")
		fmt.Fprintf(b, "\n  Cost is at %v for 1 MB, which is 1,000,000 bytes, sent or received, IP headers included.\n", s.PricePerMB)
	}
	if !s.Began.IsZero() {
		fmt.Fprintf(b, "\n  Counted since %s.\n", s.Began.UTC().Format(time.RFC3339))
	}
}

// grouped writes a number that is not negative with commas between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

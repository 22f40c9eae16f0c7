//go:build linux

package sms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// Programs are the binaries that take part.
type Programs struct {
	Telegraf, Hologram string
}

// Case is one run.
type Case struct {
	// Name is what the case is chosen by, Title what the table says.
	Name, Title string
	// Count SMS are sent, in bursts of Burst, one every Every.
	Count, Burst int
	Every        time.Duration
	// Long is how many parts a third of them take, from one number to another; 2 to 5
	// by default.
	Long [2]int
	// Seed chooses texts and senders; 0 is another one each time.
	Seed uint64
	// Troubles come one after the other, drawn at random, with a pause before each
	// of up to Pause.
	Troubles []Trouble
	Pause    time.Duration
	// KillAfter kills the plugin with -9 the moment that it has printed so many SMS
	// since its start; 0 is never.
	KillAfter int
	// Modem holds further arguments of the emulated modem.
	Modem []string
	// Options are further lines of the plugin's configuration.
	Options string
	// NoJournal leaves the journal out.
	NoJournal bool
	// Omit is what the metrics must not hold: "text", "sender" or both.
	Omit []string
	// AtMost is how many may be lost or come twice, and May says why.
	AtMost int
	May    string
	// Compare says that nothing is asked of the case, but that nothing leaks.
	Compare bool
}

// Result is what came of a case.
type Result struct {
	Account
	// Parts is how many SMS all were on the air.
	Parts int
	// Left is how many are in the modem at the end.
	Left int
	// Kept is how many of the lost ones are in the journal, out of which they can be
	// printed again.
	Kept int
	// Leaks is how many of the texts and numbers are in a log, or, in a case that
	// omits them, in a metric or the journal; Leak is the first.
	Leaks int
	Leak  string
	// Troubles counts what happened; Starts is how often the plugin was started.
	Troubles map[string]int
	Starts   int
	// Drain is the time from when the last burst was due until the last SMS came out.
	Drain time.Duration
	// Problems are the warnings and errors in the log, for a person.
	Problems []string
}

// What long SMS take by default.
const leastParts, mostParts = 2, 5

const (
	drainQuiet = 75 * time.Second // so long nothing has come, so that nothing will
	doneQuiet  = 3 * time.Second  // the same when all is there
	drainLimit = 4 * time.Minute
	stopLimit  = 20 * time.Second
	childLimit = 15 * time.Second
)

const telegrafConf = `
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 1000
  metric_buffer_limit = 100000
  omit_hostname = true
  skip_processors_after_aggregators = true

[[inputs.execd]]
  command = [%s]
  signal = "none"
  restart_delay = "300ms"
  data_format = "influx"

[[outputs.file]]
  files = ["%s"]
  data_format = "influx"
`

const pluginConf = `
[[inputs.modem_sms]]
  port = "%s"
  poll_interval = "3s"
  status_interval = "10s"
%s
`

// names in a run's folder
const (
	sinkFile    = "metrics.lp"
	journalName = "journal"
	modemName   = "modem"
	pluginFile  = "plugin.conf"
)

// run is a case that runs.
type run struct {
	c        Case
	programs Programs
	dir      string
	log      io.Writer // what happens
	begin    time.Time

	command  string // the program that Telegraf starts as the plugin
	modem    *lab.Modem
	telegraf *lab.Process
	logs     strings.Builder // of Telegrafs that have ended
	events   map[string]int
	sent     []message
}

// Run runs a case in the folder dir, which it leaves behind, and writes to log
// what happens when. self is the program that calls it, see [Helper].
func Run(ctx context.Context, programs Programs, self, dir string, c Case, log io.Writer) (Result, error) {
	r := &run{c: c, programs: programs, dir: dir, log: log, events: make(map[string]int), begin: time.Now()}
	defer r.cleanUp()
	result, err := r.run(ctx, self)
	if err != nil {
		return result, fmt.Errorf("case %s: %w", c.Name, err)
	}
	return result, nil
}

func (r *run) file(name string) string { return filepath.Join(r.dir, name) }

func (r *run) run(ctx context.Context, self string) (result Result, err error) {
	result.Troubles = r.events
	if err := r.configure(self); err != nil {
		return result, err
	}
	if r.modem, err = lab.StartModem(ctx, r.programs.Hologram, r.file(modemName), r.c.Modem...); err != nil {
		return result, err
	}
	if err := r.start(); err != nil {
		return result, err
	}
	r.begin = time.Now()
	if err := r.work(ctx, &result); err != nil {
		return result, err
	}
	if err := r.drain(ctx, &result); err != nil {
		return result, err
	}
	// Once more: what was not marked as printed would come again.
	if err := r.stop(); err != nil {
		return result, err
	}
	if err := r.startAfter(ctx, 0); err != nil {
		return result, err
	}
	if err := lab.Pause(ctx, doneQuiet); err != nil {
		return result, err
	}
	if err := r.stop(); err != nil {
		return result, err
	}
	return result, r.judge(ctx, &result)
}

// configure writes the configuration files.
func (r *run) configure(self string) error {
	err := os.RemoveAll(r.dir)
	if err == nil {
		err = os.MkdirAll(r.dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("cannot make the folder of the run: %w", err)
	}
	command := []string{r.programs.Hologram, "--config", r.file(pluginFile)}
	if r.c.KillAfter > 0 {
		command = append([]string{self, tapName, "-kill-after", strconv.Itoa(r.c.KillAfter)}, command...)
	}
	r.command = command[0]
	conf := fmt.Sprintf(telegrafConf, lab.Quoted(command), r.file(sinkFile))
	if err := os.WriteFile(r.file("telegraf.conf"), []byte(conf), 0o600); err != nil {
		return fmt.Errorf("cannot write Telegraf's configuration: %w", err)
	}
	options := r.c.Options
	if !r.c.NoJournal {
		options += fmt.Sprintf("\njournal_directory = %q", r.file(journalName))
	}
	conf = fmt.Sprintf(pluginConf, r.file(modemName), options)
	if err := os.WriteFile(r.file(pluginFile), []byte(conf), 0o600); err != nil {
		return fmt.Errorf("cannot write the plugin's configuration: %w", err)
	}
	return nil
}

// start starts Telegraf.
func (r *run) start() (err error) {
	r.telegraf, err = lab.StartTelegraf(r.programs.Telegraf, r.dir, nil, r.file("telegraf.conf"))
	return err
}

// stop asks Telegraf to stop.
func (r *run) stop() error {
	_, err := r.telegraf.Stop(stopLimit)
	r.logs.WriteString(r.telegraf.Log())
	if err != nil {
		return fmt.Errorf("the stop of Telegraf failed: %w", err)
	}
	return nil
}

// cleanUp ends what a failed run has left.
func (r *run) cleanUp() {
	if r.telegraf != nil {
		r.telegraf.EndGroup(childLimit)
	}
	if r.modem != nil {
		_ = r.modem.Stop()
	}
}

// work sends the SMS while troubles come, and ends when all are sent and the last
// trouble is over.
func (r *run) work(ctx context.Context, result *Result) error {
	sendCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan error, 1)
	long := r.c.Long
	if long[1] == 0 {
		long = [2]int{leastParts, mostParts}
	}
	if r.c.Seed == 0 {
		r.c.Seed = uint64(r.begin.UnixNano())
	}
	all := messages(r.c.Seed, r.c.Count, long[0], long[1])
	var parts int
	go func() {
		var err error
		parts, err = r.send(sendCtx, all)
		sent <- err
	}()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	for {
		pause := time.Hour
		if len(r.c.Troubles) > 0 {
			pause = between(random, 0, r.c.Pause)
		}
		timer := time.NewTimer(pause)
		select {
		case err := <-sent:
			timer.Stop()
			result.Parts, r.sent = parts, all
			return err
		case <-timer.C:
		}
		trouble := r.c.Troubles[random.IntN(len(r.c.Troubles))]
		r.events[trouble.Name]++
		if err := trouble.do(ctx, r, random); err != nil {
			cancel()
			return errors.Join(fmt.Errorf("%s: %w", trouble.Name, err), <-sent)
		}
	}
}

// send sends SMS in bursts.
func (r *run) send(ctx context.Context, all []message) (parts int, err error) {
	ticker := time.NewTicker(r.c.Every)
	defer ticker.Stop()
	for burst := range slices.Chunk(all, r.c.Burst) {
		for _, m := range burst {
			n, err := r.modem.Send(ctx, m.SMS)
			if err != nil {
				return parts, err
			}
			if n != m.parts {
				return parts, fmt.Errorf("an SMS that should take %d parts takes %d: %q", m.parts, n, m.Text)
			}
			parts += n
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return parts, ctx.Err()
		}
	}
	return parts, nil
}

// came are the metrics of SMS so far.
func (r *run) came() ([]arrived, error) {
	metrics, err := lab.ReadMetricsFile(r.file(sinkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readArrived(metrics)
}

// drain waits until all has come out and the modem is empty, or until nothing
// happens any more.
func (r *run) drain(ctx context.Context, result *Result) error {
	begin := time.Now()
	last, seen, left := begin, -1, -1
	for time.Since(begin) < drainLimit {
		came, err := r.came()
		if err != nil {
			return err
		}
		status, err := r.modem.Status(ctx)
		if err != nil {
			return err
		}
		if len(came) != seen || status.Left() != left {
			if len(came) != seen {
				result.Drain = time.Since(begin)
			}
			seen, left, last = len(came), status.Left(), time.Now()
		}
		quiet := time.Since(last)
		if quiet > drainQuiet || quiet > doneQuiet && seen >= len(r.sent) && left == 0 {
			return nil
		}
		if quiet > 4*doneQuiet && left == 0 {
			return nil // the rest is not to come: no message waits for a part
		}
		if err := lab.Pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// judge says what became of all.
func (r *run) judge(ctx context.Context, result *Result) error {
	status, err := r.modem.Status(ctx)
	if err != nil {
		return err
	}
	result.Left = status.Left()
	came, err := r.came()
	if err != nil {
		return err
	}
	sent := r.shown()
	var lost []message
	result.Account, lost = count(sent, came)
	if len(lost) > 0 && !r.c.NoJournal {
		if result.Kept, err = r.kept(ctx, sent, lost); err != nil {
			return err
		}
	}
	logs := r.logs.String()
	if err := os.WriteFile(r.file("telegraf.log"), []byte(logs), 0o600); err != nil {
		return fmt.Errorf("cannot keep Telegraf's log: %w", err)
	}
	result.Starts = strings.Count(logs, "[inputs.execd] Starting process")
	result.Problems = problems(logs)
	if err := r.findLeaks(result, logs); err != nil {
		return err
	}
	fmt.Fprintf(r.log, "%-12s %6.1f s  %d of %d came, %d lost, %d twice, %d wrong, %d left in the modem, %d leaks; seed %d\n", r.c.Name,
		time.Since(r.begin).Seconds(), result.Came, result.Sent, result.Lost, result.Twice, result.Wrong, result.Left, result.Leaks, r.c.Seed)
	return nil
}

// shown are the messages as the metrics are to show them.
func (r *run) shown() []message {
	list := slices.Clone(r.sent)
	for i := range list {
		if slices.Contains(r.c.Omit, "text") {
			list[i].Text = ""
		}
		if slices.Contains(r.c.Omit, "sender") {
			list[i].From = ""
		}
	}
	return list
}

// kept counts the lost messages that the journal holds.
func (r *run) kept(ctx context.Context, sent, lost []message) (int, error) {
	cmd := exec.CommandContext(ctx, r.programs.Hologram, "sms", "replay", "--config", r.file(pluginFile))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("cannot replay the journal: %w: %s", err, stderr.String())
	}
	metrics, err := lab.ReadMetrics(bytes.NewReader(out))
	if err != nil {
		return 0, err
	}
	replayed, err := readArrived(metrics)
	if err != nil {
		return 0, err
	}
	_, missing := count(sent, replayed)
	absent := make(map[string]bool)
	for _, m := range missing {
		absent[m.key()] = true
	}
	n := 0
	for _, m := range lost {
		if !absent[m.key()] {
			n++
		}
	}
	return n, nil
}

// findLeaks looks for texts and numbers where they must not be.
func (r *run) findLeaks(result *Result, logs string) error {
	result.Leaks, result.Leak = leaks([]byte(logs), r.sent, true, true)
	// Telegraf logs what it cannot parse, which may be any part of a text.
	const torn = "metric parse error"
	if n := strings.Count(logs, torn); n > 0 {
		result.Leaks += n
		if result.Leak == "" {
			result.Leak = torn
		}
	}
	if result.Leaks > 0 {
		result.Leak = "log: " + result.Leak
	}
	text, sender := slices.Contains(r.c.Omit, "text"), slices.Contains(r.c.Omit, "sender")
	if !text && !sender {
		return nil
	}
	n, example, err := folderLeaks(r.file(journalName), r.sent, text, sender)
	if err != nil {
		return err
	}
	metrics, err := os.ReadFile(r.file(sinkFile))
	if err != nil {
		return fmt.Errorf("cannot look through the metrics: %w", err)
	}
	more, line := leaks(metrics, r.sent, text, sender)
	for _, found := range []string{example, line} {
		if result.Leak == "" {
			result.Leak = found
		}
	}
	result.Leaks += n + more
	return nil
}

// problems returns the warnings and errors in Telegraf's log without their times
// and numbers, each once, with how often it came.
func problems(log string) []string {
	counts := make(map[string]int)
	var order []string
	for line := range strings.Lines(log) {
		i := max(strings.Index(line, " E! "), strings.Index(line, " W! "))
		if i < 0 {
			continue
		}
		text := strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' {
				return '#'
			}
			return c
		}, strings.TrimSpace(line[i:]))
		for strings.Contains(text, "##") {
			text = strings.ReplaceAll(text, "##", "#")
		}
		if counts[text]++; counts[text] == 1 {
			order = append(order, text)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return counts[b] - counts[a] })
	for i, text := range order {
		order[i] = fmt.Sprintf("%d x %.300s", counts[text], text)
	}
	return order
}

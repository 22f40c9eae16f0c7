package execd

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/influxdata/telegraf"
)

const (
	maxLine     = 4000 // bytes of a log line: less than a pipe takes in one piece, far less than Telegraf's scanner stops at
	maxPending  = 256  // lines that wait for a slow Telegraf; more are dropped and counted
	maxRepeats  = 128  // different lines that are watched for repetition
	repeatAfter = time.Minute
	detachWait  = 200 * time.Millisecond
)

// logger writes log lines as Telegraf shows them best. Under outputs.execd Telegraf logs a line on the plugin's stdout
// as information and one on stderr as an error, so errors go to stderr and all else to stdout, with the level in front
// where it is not information. Under inputs.execd stdout is for metrics; there all lines go to stderr with E!, W!, I!,
// D! or T! in front, which Telegraf turns into its own levels. Telegraf adds the time.
//
// Lines never block the caller: they go through a bounded list to a goroutine that writes them, because Telegraf may
// have stopped to read. The same warning or error within a minute is counted instead of repeated. Before attach, lines
// are kept for it.
type logger struct {
	level telegraf.LogLevel
	kind  string // kindOutputs or "inputs"

	mu      sync.Mutex
	attrs   string
	early   []logLine // before attach
	lines   chan logLine
	done    chan struct{}
	lost    int // lines dropped because too many waited
	repeats map[logLine]*repeat
}

type logLine struct {
	level telegraf.LogLevel
	text  string
}

type repeat struct {
	shown time.Time
	more  int // times since shown
}

var _ telegraf.Logger = (*logger)(nil)

func newLogger(kind string, level telegraf.LogLevel) *logger {
	return &logger{kind: kind, level: level, repeats: make(map[logLine]*repeat)}
}

// attach starts writing. Every attach needs a detach.
func (l *logger) attach(stdout, stderr io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, done := make(chan logLine, maxPending), make(chan struct{})
	for _, line := range l.early {
		lines <- line
	}
	l.lines, l.done, l.early = lines, done, nil
	go func() {
		defer close(done)
		for line := range lines {
			w := stderr
			if l.kind == kindOutputs && line.level != telegraf.Error {
				w = stdout
			}
			// Nobody is left to be told when a log line cannot be written.
			_, _ = w.Write([]byte(l.format(line)))
		}
	}()
}

// detach writes what waits and stops; it gives up on a reader that takes nothing.
func (l *logger) detach() {
	l.mu.Lock()
	if l.lines == nil {
		l.mu.Unlock()
		return
	}
	for line, r := range l.repeats {
		l.again(line, r.more)
	}
	clear(l.repeats)
	l.reportLost()
	close(l.lines)
	l.lines = nil
	done := l.done
	l.mu.Unlock()

	timer := time.NewTimer(detachWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

func (l *logger) print(level telegraf.LogLevel, text string) {
	if !l.level.Includes(level) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	line := logLine{level, text + l.attrs}
	if level == telegraf.Error || level == telegraf.Warn {
		now := time.Now()
		if r := l.repeats[line]; r != nil {
			if now.Sub(r.shown) < repeatAfter {
				r.more++
				return
			}
			l.again(line, r.more)
			delete(l.repeats, line)
		}
		if len(l.repeats) >= maxRepeats {
			for other, r := range l.repeats {
				if now.Sub(r.shown) >= repeatAfter {
					l.again(other, r.more)
					delete(l.repeats, other)
				}
			}
		}
		if len(l.repeats) < maxRepeats {
			l.repeats[line] = &repeat{shown: now}
		}
	}
	l.send(line)
}

// again says how often a line was held back. l.mu is held.
func (l *logger) again(line logLine, more int) {
	if more > 0 {
		line.text = "(" + strconv.Itoa(more) + " times more) " + line.text
		l.send(line)
	}
}

// reportLost says how many lines were dropped, if there is room for it. l.mu is held.
func (l *logger) reportLost() {
	if l.lost > 0 {
		select {
		case l.lines <- logLine{telegraf.Warn, plural(l.lost, "log line") + " dropped because nobody read them"}:
			l.lost = 0
		default:
		}
	}
}

// send passes a line on. l.mu is held.
func (l *logger) send(line logLine) {
	if l.lines == nil {
		if len(l.early) < maxPending/2 {
			l.early = append(l.early, line)
		}
		return
	}
	l.reportLost()
	select {
	case l.lines <- line:
	default:
		l.lost++
	}
}

// format makes one line of at most maxLine bytes.
func (l *logger) format(line logLine) string {
	text := strings.TrimSpace(line.text)
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r == utf8.RuneError:
			return '?'
		}
		return r
	}, text)
	if l.kind != kindOutputs || (line.level != telegraf.Error && line.level != telegraf.Info) {
		text = line.level.Indicator() + " " + text
	}
	const ellipsis = "…"
	if len(text) >= maxLine {
		cut := maxLine - len(ellipsis) - 1
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + ellipsis
	}
	return text + "\n"
}

// warnings returns the warnings and errors that were logged before attach.
func (l *logger) warnings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, line := range l.early {
		if line.level <= telegraf.Warn {
			out = append(out, line.text)
		}
	}
	return out
}

func (l *logger) Level() telegraf.LogLevel { return l.level }

func (l *logger) AddAttribute(key string, value any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attrs += fmt.Sprintf(" %s=%v", key, value)
}

func (l *logger) Errorf(format string, args ...any) {
	l.print(telegraf.Error, fmt.Sprintf(format, args...))
}
func (l *logger) Error(args ...any) { l.print(telegraf.Error, fmt.Sprint(args...)) }
func (l *logger) Warnf(format string, args ...any) {
	l.print(telegraf.Warn, fmt.Sprintf(format, args...))
}
func (l *logger) Warn(args ...any) { l.print(telegraf.Warn, fmt.Sprint(args...)) }
func (l *logger) Infof(format string, args ...any) {
	l.print(telegraf.Info, fmt.Sprintf(format, args...))
}
func (l *logger) Info(args ...any) { l.print(telegraf.Info, fmt.Sprint(args...)) }
func (l *logger) Debugf(format string, args ...any) {
	l.print(telegraf.Debug, fmt.Sprintf(format, args...))
}
func (l *logger) Debug(args ...any) { l.print(telegraf.Debug, fmt.Sprint(args...)) }
func (l *logger) Tracef(format string, args ...any) {
	l.print(telegraf.Trace, fmt.Sprintf(format, args...))
}
func (l *logger) Trace(args ...any) { l.print(telegraf.Trace, fmt.Sprint(args...)) }

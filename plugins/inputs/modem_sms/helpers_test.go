package modemsms

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
)

// sink is an accumulator that keeps what is printed, as execd's does.
type sink struct {
	telegraf.Accumulator // nothing else is called
	mu                   sync.Mutex
	all                  []telegraf.Metric
	blocked              chan struct{} // Print waits until it is closed; nil does not
}

var _ execd.Printer = (*sink)(nil)

func (s *sink) Print(metrics ...telegraf.Metric) error {
	if s.blocked != nil {
		<-s.blocked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range metrics {
		s.all = append(s.all, m.Copy())
	}
	return nil
}

func (s *sink) AddMetric(m telegraf.Metric) { _ = s.Print(m) }

// named returns the metrics of a measurement.
func (s *sink) named(name string) (found []telegraf.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.all {
		if m.Name() == name {
			found = append(found, m)
		}
	}
	return found
}

// texts returns the texts of the messages.
func (s *sink) texts() (texts []string) {
	for _, m := range s.named(measurement) {
		text, _ := m.Fields()["text"].(string)
		texts = append(texts, text)
	}
	return texts
}

// lines are all metrics as they are printed.
func (s *sink) lines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b []byte
	for _, m := range s.all {
		b, _ = metric.AppendLine(b, m)
		b = append(b, '\n')
	}
	return string(b)
}

// log is a logger that keeps its lines.
type log struct {
	level telegraf.LogLevel
	mu    sync.Mutex
	lines []string
}

func (l *log) add(level telegraf.LogLevel, text string) {
	if !l.level.Includes(level) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level.Indicator()+" "+text)
}

func (l *log) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (l *log) Level() telegraf.LogLevel     { return l.level }
func (l *log) AddAttribute(string, any)     {}
func (l *log) Errorf(f string, args ...any) { l.add(telegraf.Error, fmt.Sprintf(f, args...)) }
func (l *log) Error(args ...any)            { l.add(telegraf.Error, fmt.Sprint(args...)) }
func (l *log) Warnf(f string, args ...any)  { l.add(telegraf.Warn, fmt.Sprintf(f, args...)) }
func (l *log) Warn(args ...any)             { l.add(telegraf.Warn, fmt.Sprint(args...)) }
func (l *log) Infof(f string, args ...any)  { l.add(telegraf.Info, fmt.Sprintf(f, args...)) }
func (l *log) Info(args ...any)             { l.add(telegraf.Info, fmt.Sprint(args...)) }
func (l *log) Debugf(f string, args ...any) { l.add(telegraf.Debug, fmt.Sprintf(f, args...)) }
func (l *log) Debug(args ...any)            { l.add(telegraf.Debug, fmt.Sprint(args...)) }
func (l *log) Tracef(f string, args ...any) { l.add(telegraf.Trace, fmt.Sprintf(f, args...)) }
func (l *log) Trace(args ...any)            { l.add(telegraf.Trace, fmt.Sprint(args...)) }

// setUp is a plugin with a sink and a log.
type setUp struct {
	*ModemSMS
	out *sink
	log *log
	t   *testing.T
}

// newSetUp returns a plugin that is in a hurry, for change to set its options.
func newSetUp(t *testing.T, port string, change func(*ModemSMS)) *setUp {
	t.Helper()
	s := &setUp{ModemSMS: New(), out: &sink{}, log: &log{level: telegraf.Info}, t: t}
	s.Port = port
	s.PollInterval = execd.Duration(time.Second)
	s.ModemSMS.Log = s.log
	s.timing = timing{
		backoff: 20 * time.Millisecond, longestBackoff: 100 * time.Millisecond, simTimeout: 500 * time.Millisecond,
		at: at.Options{Timeout: 2 * time.Second, ProbeTimeout: 300 * time.Millisecond, Quiet: 20 * time.Millisecond, WriteTimeout: time.Second},
	}
	if change != nil {
		change(s.ModemSMS)
	}
	require.NoError(t, s.Init())
	return s
}

// run starts the plugin, until stop or the end of the test.
func (s *setUp) run() *setUp {
	s.t.Helper()
	require.NoError(s.t, s.Start(s.out))
	s.t.Cleanup(s.stop)
	return s
}

func (s *setUp) stop() {
	if s.cancel != nil {
		s.Stop()
		s.cancel = nil
	}
}

func (s *setUp) waitState(state string) {
	s.t.Helper()
	s.eventually(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.told == state
	}, "the state does not become %s, it is %s; log:\n%s", state, &s.state, s.log)
}

func (s *setUp) waitTexts(texts ...string) {
	s.t.Helper()
	s.eventually(func() bool { return len(s.out.texts()) >= len(texts) }, "not all came: %v; log:\n%s", s.out, s.log)
	require.ElementsMatch(s.t, texts, s.out.texts())
}

func (s *setUp) eventually(done func() bool, format string, args ...any) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			require.Failf(s.t, "too late", format, args...)
		}
	}
}

func (l *log) String() string  { return l.text() }
func (s *sink) String() string { return s.lines() }

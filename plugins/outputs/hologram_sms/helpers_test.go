package hologramsms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/smsout"
)

const (
	alice = "+13125550123"
	bob   = "+4915112345678"
)

// bubble runs a test with a clock of its own, that begins at noon of a day in 2026.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
		f(t)
	})
}

// way is a way of which the test says what it does.
type way struct {
	name string
	fail func(m smsout.Message) error // nil: nothing fails
	mu   sync.Mutex
	sent []smsout.Message
}

func (w *way) Name() string { return w.name }

func (w *way) Plan(m smsout.Message) (int, error) {
	return encode.PlanText(m.Text, m.Coding).Parts, nil
}

func (w *way) Send(_ context.Context, m smsout.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		if err := w.fail(m); err != nil {
			return err
		}
	}
	w.sent = append(w.sent, m)
	return nil
}

func (w *way) Close() error { return nil }

// texts returns what was sent since the last call.
func (w *way) texts() (texts []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.sent {
		texts = append(texts, m.To+" "+m.Text)
	}
	w.sent = nil
	return texts
}

// logger keeps what is logged.
type logger struct {
	telegraf.Logger
	mu    sync.Mutex
	lines []string
}

func (l *logger) add(level, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+" "+fmt.Sprintf(format, args...))
}

func (l *logger) Errorf(format string, args ...any) { l.add("E!", format, args...) }
func (l *logger) Warnf(format string, args ...any)  { l.add("W!", format, args...) }
func (l *logger) Infof(format string, args ...any)  { l.add("I!", format, args...) }
func (l *logger) Debugf(format string, args ...any) { l.add("D!", format, args...) }

func (l *logger) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// start returns the plugin on its ways, in the directory.
func start(t *testing.T, dir string, set func(*HologramSMS), ways ...*way) *HologramSMS {
	t.Helper()
	h := New()
	h.To = []string{alice}
	h.DeviceKey = "ABCDWXYZ"
	h.Template = `{{.Name}}={{.Field "v"}}`
	h.clock = time.Now
	h.Log = &logger{}
	if set != nil {
		set(h)
	}
	require.NoError(t, h.Init())
	require.NoError(t, h.UseDirectory(dir))
	var all []smsout.Way
	for _, w := range ways {
		all = append(all, w)
	}
	h.open(all)
	return h
}

// record returns metrics of line protocol. Those without a time are of now.
func record(t require.TestingT, lines ...string) []telegraf.Metric {
	var metrics []telegraf.Metric
	for _, l := range lines {
		m, err := execd.ParseRecord([]byte(l), time.Now())
		require.NoError(t, err)
		metrics = append(metrics, m)
	}
	return metrics
}

// write writes metrics, and says what became of each and when to try again.
func write(h *HologramSMS, metrics []telegraf.Metric) (fates string, hint execd.RetryHint, err error) {
	err = h.Write(metrics)
	all := []byte(strings.Repeat("w", len(metrics)))
	var p *execd.PartialWriteError
	switch e := err.(type) { //nolint:errorlint // exactly that is what the host looks at first
	case nil:
		all = []byte(strings.Repeat("a", len(metrics)))
	case *execd.PartialWriteError:
		p = e
		for _, i := range p.MetricsAccept {
			all[i] = 'a'
		}
		for _, i := range p.MetricsReject {
			all[i] = 'r'
		}
	}
	if hinter, ok := errors.AsType[execd.Hinter](err); ok {
		hint = hinter.RetryHint()
	}
	return string(all), hint, err
}

package smsout

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/smslimit"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// errCause is why a fake way fails.
var errCause = errors.New("cause")

// fakeWay does what the next of its answers says, and takes the message without one.
type fakeWay struct {
	name     string
	parts    int
	plan     error
	answers  []error
	sent     []Message
	finished int
	closed   bool
	ready    func() // before the message may go
	during   func()
}

func (w *fakeWay) Name() string { return w.name }

func (w *fakeWay) Plan(Message) (int, error) { return max(w.parts, 1), w.plan }

func (w *fakeWay) Send(_ context.Context, m Message) error {
	if w.ready != nil {
		w.ready()
	}
	if err := m.Commit(); err != nil {
		return &WayError{Verdict: NotSent, Err: err}
	}
	w.sent = append(w.sent, m)
	if w.during != nil {
		w.during()
	}
	if len(w.answers) == 0 {
		return nil
	}
	err := w.answers[0]
	if len(w.answers) > 1 {
		w.answers = w.answers[1:]
	}
	return err
}

func (w *fakeWay) Finish(context.Context) { w.finished++ }

func (w *fakeWay) Close() error {
	w.closed = true
	return nil
}

func failure(v Verdict) *WayError { return &WayError{Verdict: v, Err: errCause} }

// record keeps lines.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Debugf(f string, args ...any) { l.add("D! ", f, args) }
func (l *lines) Infof(f string, args ...any)  { l.add("I! ", f, args) }
func (l *lines) Warnf(f string, args ...any)  { l.add("W! ", f, args) }

func (l *lines) add(level, f string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, level+fmt.Sprintf(f, args...))
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// rig is an outbox with two fake ways on files, and a clock.
type rig struct {
	t             *testing.T
	dir           string
	now           time.Time
	limits        smslimit.Limits
	cfg           Config
	socket, modem *fakeWay
	log           lines
	o             *Outbox
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, dir: t.TempDir(), now: noon, limits: smslimit.Limits{Period: 100}, socket: &fakeWay{name: "socket"}, modem: &fakeWay{name: "modem"}}
	r.open()
	t.Cleanup(r.close)
	return r
}

func (r *rig) clock() time.Time { return r.now }

// open opens the outbox, again after a crash if it is open: what it holds is let go of as the end of a process does.
func (r *rig) open() {
	r.t.Helper()
	if r.o != nil {
		r.o.journal.close()
	}
	account, err := smslimit.Open(filepath.Join(r.dir, "account"), r.limits, r.clock)
	require.NoError(r.t, err)
	cfg := r.cfg
	cfg.Ways, cfg.Account, cfg.Directory = []Way{r.socket, r.modem}, account, filepath.Join(r.dir, "sms")
	cfg.Log, cfg.Now = &r.log, r.clock
	r.o, err = Open(cfg)
	require.NoError(r.t, err)
}

func (r *rig) close() {
	require.NoError(r.t, r.o.Close())
	require.True(r.t, r.socket.closed && r.modem.closed)
	_, err := r.o.Send(context.Background(), Message{})
	require.ErrorIs(r.t, err, errClosed)
}

func (r *rig) send(keys ...uint64) (Result, error) {
	return r.o.Send(r.t.Context(), Message{To: "+15125550100", Text: "text", Keys: keys})
}

// sent sends what must be sent.
func (r *rig) sent(way string, keys ...uint64) Result {
	r.t.Helper()
	result, err := r.send(keys...)
	require.NoError(r.t, err)
	require.Equal(r.t, way, result.Way)
	return result
}

// down sends what cannot be sent now.
func (r *rig) down(keys ...uint64) *DownError {
	r.t.Helper()
	result, err := r.send(keys...)
	require.Zero(r.t, result)
	down := new(DownError)
	require.ErrorAs(r.t, err, &down)
	return down
}

// used is how many parts count.
func (r *rig) used() int {
	r.t.Helper()
	u, err := smslimit.Read(filepath.Join(r.dir, "account"), r.limits, r.clock)
	require.NoError(r.t, err)
	return u.Period.Used
}

// told are how many keys are told and pending in the file.
func (r *rig) told() [2]int {
	r.t.Helper()
	s, err := Read(filepath.Join(r.dir, "sms"))
	require.NoError(r.t, err)
	return [2]int{s.Told, s.Pending}
}

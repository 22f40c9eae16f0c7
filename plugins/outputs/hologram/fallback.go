package hologram

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/access"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/smslimit"
	"telegraf-hologram/internal/smsout"
	"telegraf-hologram/internal/smspack"
)

// cloudNumber is the long code at which the cloud takes SMS. No credentials go with
// them: the SIM is known.
const cloudNumber = "310000202"

// Limits of the options of the fallback.
const (
	minFallbackAfter = execd.Duration(10 * time.Second)
	maxFallbackAfter = execd.Duration(7 * 24 * time.Hour)
	maxNamepass      = 32
)

// Fallback are the options of the second way: while the data link is down, some
// metrics go as SMS through the modem. Without Namepass there is no such way.
type Fallback struct {
	access.Modem
	access.SMS
	Namepass []string       `toml:"namepass"`
	After    execd.Duration `toml:"after"`
	MaxAge   execd.Duration `toml:"max_age"`
	To       string         `toml:"to"`
}

func defaultFallback() Fallback {
	return Fallback{
		Modem: access.DefaultModem(), SMS: access.DefaultSMS(),
		After: execd.Duration(5 * time.Minute), MaxAge: execd.Duration(24 * time.Hour), To: cloudNumber,
	}
}

// enabled tells whether there is a second way.
func (f *Fallback) enabled() bool { return len(f.Namepass) > 0 }

// check says which option is wrong.
func (f *Fallback) check() error {
	if !f.enabled() {
		if f.Port == "" {
			return nil
		}
		return &execd.OptionError{
			Option: "namepass", Problem: "is missing or empty beside port",
			Want: `the measurements that go as SMS while the link is down, such as ["alarm*"]`,
		}
	}
	const want = `measurement names, in which * stands for any text, ? for one character and [a-z] for one of a range`
	if e := execd.CheckPatterns("namepass", f.Namepass, maxNamepass, want); e != nil {
		return e
	}
	if f.After < minFallbackAfter || f.After > maxFallbackAfter {
		return &execd.OptionError{Option: "after", Value: f.After.String(), Problem: "is out of range", Want: `"10s" to "7d"`}
	}
	if _, err := (&smsout.Modem{}).Plan(smsout.Message{To: f.To, Text: "?"}); err != nil {
		return &execd.OptionError{Option: "to", Value: f.To, Problem: err.Error(), Want: fmt.Sprintf("the number of the cloud, %q, or +digits", cloudNumber)}
	}
	if err := f.Modem.Check(); err != nil {
		return err
	}
	return f.SMS.Check()
}

// inTable puts the name of the table of the fallback before that of the option of an
// error.
func inTable(err error) error {
	e, ok := errors.AsType[*execd.OptionError](err)
	if !ok {
		return err
	}
	within := *e
	within.Option = "fallback." + e.Option
	return &within
}

// UseDirectory implements execd.DirectoryUser.
func (h *Hologram) UseDirectory(dir string) error {
	h.dir = dir
	if !h.Second.enabled() {
		return nil
	}
	return h.Second.CheckDirectory(dir)
}

// Fallback implements execd.FallbackWriter.
func (h *Hologram) Fallback() (names execd.Patterns, after time.Duration) {
	return execd.NewPatterns(h.Second.Namepass), time.Duration(h.Second.After)
}

// second is what the second way needs while it is in use.
type second struct {
	outbox *smsout.Outbox
	ctx    context.Context //nolint:containedctx // WriteFallback has none; Close ends what it waits for
	cancel context.CancelFunc
}

// openSecond opens the account and the outbox.
func (h *Hologram) openSecond() error {
	if h.second != nil {
		return nil
	}
	f := &h.Second
	way := &smsout.Modem{Sender: gsm.SenderConfig{AnswerTimeout: h.answerTimeout}}
	if err := f.SetWay(way, h.dir, h.Log); err != nil {
		return fmt.Errorf("opening the fallback: %w", err)
	}
	account, err := smslimit.Open(f.AccountPath(h.dir), f.Limits(), nil)
	if err != nil {
		h.Log.Warnf("The account of SMS: %v", err) // and is tried again with each SMS
	}
	outbox, err := smsout.Open(smsout.Config{
		Ways:      []smsout.Way{way},
		Account:   account,
		Directory: f.OutboxPath(h.dir),
		Unsure:    f.Unsure(),
		MaxParts:  1,
		Log:       h.Log,
	})
	if err != nil {
		h.Log.Warnf("The journal of SMS: %v", err) // likewise
	}
	h.second = &second{outbox: outbox}
	h.second.ctx, h.second.cancel = context.WithCancel(context.Background())
	return nil
}

// closeSecond ends what WriteFallback waits for.
func (h *Hologram) closeSecond() error {
	if h.second == nil {
		return nil
	}
	h.second.cancel()
	return h.second.outbox.Close()
}

// WriteFallback sends the metrics as SMS through the modem, as many in each as fit.
// What no SMS can carry, and what is too old for one, is rejected: it stays for the
// link. It implements execd.FallbackWriter.
func (h *Hologram) WriteFallback(metrics []telegraf.Metric) error {
	if err := h.openSecond(); err != nil {
		return err
	}
	var done outcome
	err := h.sendPieces(h.pieces(metrics, &done), &done)
	switch {
	case err != nil:
		return done.partial(err)
	case len(done.reject) > 0:
		return done.partial(fmt.Errorf("%d of %d metrics cannot go as SMS: %w", len(done.reject), len(metrics), done.reasons[0]))
	}
	return nil
}

var errOld = errors.New("it is older than max_age")

// pieces returns what there is to send.
func (h *Hologram) pieces(metrics []telegraf.Metric, done *outcome) []smspack.Piece {
	limit := time.Duration(h.Second.MaxAge)
	var reduced []telegraf.Metric
	var indices []int // of these in metrics
	for i, m := range metrics {
		if limit > 0 && time.Since(m.Time()) > limit {
			done.refuse(i, fmt.Errorf("metric %q: %w", m.Name(), errOld))
			continue
		}
		reduced, indices = append(reduced, h.packer.reduce(m)), append(indices, i)
	}
	pieces := smspack.Split(reduced, h.Second.To, func(i int, err error) { done.refuse(indices[i], err) })
	for i := range pieces {
		pieces[i].Index = indices[pieces[i].Index]
	}
	return pieces
}

// sendPieces sends pieces, as many in an SMS as fit. A metric is accepted with the
// last of its pieces.
func (h *Hologram) sendPieces(pieces []smspack.Piece, done *outcome) error {
	for len(pieces) > 0 {
		told := 0
		for told < len(pieces) && h.second.outbox.Told(pieces[told].Key) {
			told++
		}
		if told > 0 { // before the process ended, or by the part of an SMS
			h.finish(pieces, told, execd.Exchange{}, done)
			pieces = pieces[told:]
			continue
		}
		n := 1
		for n < len(pieces) && !h.second.outbox.Told(pieces[n].Key) {
			n++
		}
		n, err := h.sendSMS(pieces, n, done)
		if err != nil {
			return err
		}
		pieces = pieces[n:]
	}
	return nil
}

// sendSMS sends as many of the first n pieces as fit an SMS, and returns how many.
func (h *Hologram) sendSMS(pieces []smspack.Piece, n int, done *outcome) (int, error) {
	text, n, err := smspack.Fill(pieces[:n], h.smsSequence)
	if err != nil {
		return 0, fmt.Errorf("packing an SMS: %w", err)
	}
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = pieces[i].Key
	}
	if h.begin != nil {
		h.begin()
	}
	result, err := h.second.outbox.Send(h.second.ctx, smsout.Message{To: h.Second.To, Text: text, Keys: keys})
	if err != nil {
		if down, ok := errors.AsType[*smsout.DownError](err); ok && down.Unsure {
			h.smsSequence = h.smsSequence.Next()
		}
		if h.end != nil {
			h.end(execd.Exchange{Metrics: n})
		}
		return 0, &sendError{fmt.Errorf("sending an SMS of %d metrics: %w", n, err), outboxHint(err, time.Now())}
	}
	if !result.Already {
		h.smsSequence = h.smsSequence.Next()
	}
	if result.Unsure && !result.Already {
		h.Log.Warnf("An SMS of %d metrics may not have been sent, and counts as sent: %v", n, result.Err)
	}
	h.finish(pieces, n, execd.Exchange{Metrics: n, Delivered: true, Doubtful: result.Unsure || result.MayBeTwice}, done)
	h.Log.Debugf("Sent %d metrics in an SMS", n)
	return n, nil
}

// finish accepts the metrics of which the first n pieces are the last.
func (h *Hologram) finish(pieces []smspack.Piece, n int, x execd.Exchange, done *outcome) {
	for i, p := range pieces[:n] {
		if i+1 == len(pieces) || pieces[i+1].Index != p.Index {
			x.Accepted = append(x.Accepted, p.Index)
		}
	}
	done.accept = append(done.accept, x.Accepted...)
	if h.end != nil && x.Delivered {
		h.end(x)
	}
}

// outboxHint is what is known about the next try after an error of the outbox.
func outboxHint(err error, now time.Time) execd.RetryHint {
	wait := time.Duration(0)
	if limit, ok := errors.AsType[*smslimit.LimitError](err); ok {
		wait = limit.Free.Sub(now)
	} else if down, ok := errors.AsType[*smsout.DownError](err); ok && !down.Until.IsZero() {
		wait = down.Until.Sub(now)
	}
	if wait <= 0 {
		return execd.RetryHint{}
	}
	return execd.RetryHint{Poll: wait}
}

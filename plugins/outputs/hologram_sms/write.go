package hologramsms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/smslimit"
	"telegraf-hologram/internal/smsout"
	"telegraf-hologram/internal/smspack"
	"telegraf-hologram/internal/socketapi"
)

const (
	// pollLeast and pollMost are how often to try while another way may be used
	// soon, and to look while a limit holds back long texts only.
	pollLeast = 30 * time.Second
	pollMost  = 4 * time.Minute
	limitPoll = time.Minute
	// noRoutePoll is how often to look whether there is a network again, which
	// costs no byte.
	noRoutePoll = 12 * time.Second
)

// saneTime is before every time of a clock that was set.
var saneTime = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Write makes SMS of the metrics and sends them. It returns nil when all need no
// more work, and otherwise a partial write error that says which were sent, and
// which never will be; the others are to be written again. A metric is sent once,
// however often it is written.
func (h *HologramSMS) Write(metrics []telegraf.Metric) error {
	if h.outbox == nil {
		return errors.New("writing metrics: not connected")
	}
	h.readCredentials()
	b := &batch{h: h, now: h.now(), metrics: metrics, fates: make([]fate, len(metrics)), reasons: make([]error, len(metrics)), carrier: none}
	if h.template == nil {
		b.compact()
	} else {
		b.texts()
	}
	return b.result()
}

func (h *HologramSMS) now() time.Time {
	if h.clock != nil {
		return h.clock()
	}
	return time.Now()
}

// readCredentials reads the files with the credentials again after they were
// refused.
func (h *HologramSMS) readCredentials() {
	if !h.reload {
		return
	}
	credentials, err := h.Credentials()
	if err != nil {
		h.Log.Warnf("%v", err)
		return
	}
	h.client.Credentials, h.reload = credentials, false
}

// watched is a way of the plugin. It notes that credentials or a PIN were refused,
// and says when the way fails and works again, where the host does not learn it
// because another way works.
type watched struct {
	smsout.Way
	h       *HologramSMS
	failing bool
}

// Send implements smsout.Way.
func (w *watched) Send(ctx context.Context, m smsout.Message) error {
	err := w.Way.Send(ctx, m)
	if e, ok := errors.AsType[*socketapi.Error](err); ok && e.Verdict == socketapi.RefusedCredentials {
		w.h.reload = true
	}
	if len(w.h.Via) > 1 && ctx.Err() == nil {
		switch e, _ := errors.AsType[*smsout.WayError](err); {
		case err == nil && w.failing:
			w.h.Log.Infof("SMS go through the %s again", w.Name())
			w.failing = false
		case e != nil && !w.failing && (e.Verdict == smsout.NotSent || e.Verdict == smsout.Stopped):
			w.h.Log.Warnf("No SMS through the %s: %v", w.Name(), err)
			w.failing = true
		}
	}
	return err
}

// Finish implements smsout.Finisher.
func (w *watched) Finish(ctx context.Context) {
	if f, ok := w.Way.(smsout.Finisher); ok {
		f.Finish(ctx)
	}
}

// fate is what becomes of a metric.
type fate int

const (
	waits    fate = iota // it is to be written again
	accepted             // it needs no more work
	rejected             // it will never be sent
)

const none = -1 // no index

// batch is one Write.
type batch struct {
	h       *HologramSMS
	now     time.Time
	metrics []telegraf.Metric
	fates   []fate
	reasons []error // of those that are rejected

	carrier int // the metric that waits for the digest

	// Why no more is tried: for each kind of recipient, what stands in the way, and
	// from how many parts on a limit does.
	down  [2]error
	over  int // 0: no limit was reached
	limit *smslimit.LimitError
	sent  bool
}

func (b *batch) accept(i int) { b.fates[i] = accepted }

func (b *batch) reject(i int, reason error) { b.fates[i], b.reasons[i] = rejected, reason }

// refuse rejects a metric and says which.
func (b *batch) refuse(i int, reason error) {
	b.reject(i, fmt.Errorf("metric %q cannot be sent: %w", b.metrics[i].Name(), reason))
}

// tooOld says that a metric is older than max_age. A time before a clock was set
// tells no age.
func (b *batch) tooOld(m telegraf.Metric) error {
	most := time.Duration(b.h.MaxAge)
	age := b.now.Sub(m.Time())
	if most <= 0 || age <= most || m.Time().Before(saneTime) || b.now.Before(saneTime) {
		return nil
	}
	return fmt.Errorf("it is %v old, max_age is %v", age.Round(time.Second), b.h.MaxAge)
}

// alarm is a metric with its text.
type alarm struct {
	index  int
	key    uint64 // of the metric
	metric telegraf.Metric
	text   string
}

// texts sends a text for each metric.
func (b *batch) texts() {
	var alarms []alarm
	for i := range b.metrics {
		if a, ok := b.alarm(i); ok {
			alarms = append(alarms, a)
		}
	}
	if b.h.OnLimit == limitDigest {
		b.digests(alarms)
	}
	for _, a := range alarms {
		if b.fates[a.index] == waits && a.index != b.carrier {
			b.sendAlarm(a)
		}
	}
	b.endCarrier()
}

// alarm returns the alarm of a metric, unless the metric needs none.
func (b *batch) alarm(i int) (a alarm, ok bool) {
	m := b.metrics[i]
	key, err := smspack.Key(m, "")
	if err != nil {
		b.refuse(i, err)
		return a, false
	}
	a = alarm{index: i, key: key, metric: m}
	if key == b.h.memory.carrier {
		b.carrier = i
		return a, false
	}
	if len(b.todo(a)) == 0 {
		return a, false
	}
	if err := b.tooOld(m); err != nil {
		b.refuse(i, err)
		return a, false
	}
	if a.text, err = b.h.text(m); err != nil {
		b.refuse(i, err)
		return a, false
	}
	return a, true
}

// todo returns the recipients that an alarm is for. If there are none it is
// accepted: all have it, or had one of its series a moment ago.
func (b *batch) todo(a alarm) (recipients []string) {
	told := false
	for _, to := range b.h.To {
		switch {
		case b.h.outbox.Told(keyFor(a.metric, to)):
			told = true
		case !b.h.memory.cool(seriesFor(a.metric, to), b.now, b.h.cooldown):
			recipients = append(recipients, to)
		}
	}
	if len(recipients) == 0 {
		b.accept(a.index)
		if !told {
			b.h.memory.skipped++
			b.h.Log.Debugf("No SMS for a metric: one of its series was sent within the cooldown of %v", execd.Duration(b.h.cooldown))
		}
	}
	return recipients
}

// sendAlarm sends an alarm to all that have not got it.
func (b *batch) sendAlarm(a alarm) {
	var refusal error
	waiting := false
	todo := b.todo(a) // once more: the cooldown may have begun meanwhile
	if len(todo) == 0 {
		return
	}
	for _, to := range todo {
		m := b.h.fit(smsout.Message{To: to, Text: a.text, Coding: b.h.coding, Keys: []uint64{keyFor(a.metric, to)}})
		switch outcome, err := b.send(m, 1); outcome {
		case sent:
			b.h.memory.sent(seriesFor(a.metric, to), b.now, b.h.cooldown)
			b.h.memory.keep()
		case refused:
			refusal = err
		case overLimit:
			switch b.h.OnLimit {
			case limitDrop:
				refusal = err
			case limitDigest:
				b.hold(a)
				return
			default:
				waiting = true
			}
		default:
			waiting = true
		}
	}
	switch {
	case waiting:
	case refusal != nil:
		b.refuse(a.index, refusal)
	default:
		b.accept(a.index)
	}
}

// outcome is what became of an SMS.
type outcome int

const (
	held      outcome = iota // it waits: no way works
	sent                     // it was sent, now or before, or counts as sent
	refused                  // it can never be sent
	overLimit                // a limit does not allow it now
	partly                   // some of what it tells was told before
)

// kindOf tells apart the recipients that only the modem reaches.
func kindOf(to string) int {
	if strings.HasPrefix(to, "+") {
		return 0
	}
	return 1
}

// send sends an SMS that tells of n metrics. What is known to fail is not tried.
func (b *batch) send(m smsout.Message, n int) (outcome, error) {
	h := b.h
	kind := kindOf(m.To)
	if b.down[kind] != nil {
		return held, b.down[kind]
	}
	if b.over > 0 {
		if parts, err := h.outbox.Plan(m); err == nil && parts >= b.over {
			return overLimit, b.limit
		}
	}
	h.sending = n
	result, err := h.outbox.Send(h.ctx, m)
	if err == nil {
		b.sent = b.sent || !result.Already
		h.logSent(result, n)
		return sent, nil
	}
	if e, ok := errors.AsType[*smslimit.LimitError](err); ok {
		if b.over == 0 || e.Parts < b.over {
			b.over, b.limit = e.Parts, e
		}
		return overLimit, e
	}
	if _, ok := errors.AsType[*smsout.RefusedError](err); ok {
		return refused, err
	}
	if _, ok := errors.AsType[*smsout.PartlyToldError](err); ok {
		return partly, err
	}
	b.down[kind] = err
	return held, err
}

func (h *HologramSMS) logSent(r smsout.Result, n int) {
	switch {
	case r.Already:
		h.Log.Debugf("An SMS for %s was sent before", plural(n, "metric"))
	case r.Unsure && r.Err != nil:
		h.Log.Warnf("An SMS for %s may have been sent, or not; it counts as sent (%s of the limits): %v", plural(n, "metric"), plural(r.Parts, "part"), r.Err)
	case r.Unsure:
		h.Log.Warnf("An SMS for %s may have been sent before, or not; it counts as sent", plural(n, "metric"))
	default:
		twice := ""
		if r.MayBeTwice {
			twice = "; it may arrive twice"
		}
		h.Log.Infof("Sent an SMS of %s for %s through the %s%s", plural(r.Parts, "part"), plural(n, "metric"), r.Way, twice)
	}
}

// plural returns "1 metric", "2 metrics" and so on.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// result is the error of Write.
func (b *batch) result() error {
	p := &execd.PartialWriteError{}
	waiting := 0
	for i, f := range b.fates {
		switch f {
		case accepted:
			p.MetricsAccept = append(p.MetricsAccept, i)
		case rejected:
			p.MetricsReject = append(p.MetricsReject, i)
			p.MetricsRejectErrors = append(p.MetricsRejectErrors, b.reasons[i])
		default:
			waiting++
		}
	}
	if b.sent {
		b.h.polls = 0
	}
	switch {
	case waiting > 0:
		cause := b.down[0]
		switch {
		case cause == nil && b.down[1] != nil:
			cause = b.down[1]
		case cause == nil:
			cause = b.limit
		}
		p.Err = &sendError{fmt.Errorf("sending SMS for %s: %w", plural(waiting, "metric"), cause), b.hint()}
	case len(p.MetricsReject) > 0:
		p.Err = fmt.Errorf("refused %d of %d metrics for good: %w", len(p.MetricsReject), len(b.metrics), p.MetricsRejectErrors[0])
	default:
		return nil
	}
	if waiting == len(b.metrics) {
		return p.Err
	}
	return p
}

// hint is what is known about the next try: the earliest of all that is worth it.
func (b *batch) hint() execd.RetryHint {
	after, poll := time.Duration(0), false
	earlier := func(d time.Duration, isPoll bool) {
		d = max(d, time.Second)
		if after == 0 || d < after {
			after = d
		}
		poll = poll || isPoll
	}
	for _, err := range b.down {
		if err == nil {
			continue
		}
		e, _ := errors.AsType[*smsout.DownError](err)
		s, _ := errors.AsType[*socketapi.Error](err)
		switch {
		case e != nil && !e.By.IsZero():
			step := min(pollLeast<<min(b.h.polls, 3), pollMost)
			b.h.polls++
			if s != nil && s.NoRoute() {
				step = noRoutePoll
			}
			earlier(min(step, e.By.Sub(b.now)), true)
		case s != nil && s.NoRoute():
			earlier(noRoutePoll, true)
		case e != nil && !e.Until.IsZero():
			earlier(e.Until.Sub(b.now), false)
		default:
			return execd.RetryHint{}
		}
	}
	if b.limit != nil {
		free := b.limit.Free.Sub(b.now)
		if b.over > 1 {
			earlier(min(free, limitPoll), true) // shorter texts may go before
		} else {
			earlier(free, false)
		}
	}
	if poll {
		return execd.RetryHint{Poll: after}
	}
	return execd.RetryHint{After: after}
}

// sendError is a failure with what is known about the next try.
type sendError struct {
	error
	hint execd.RetryHint
}

func (e *sendError) Unwrap() error { return e.error }

// RetryHint implements execd.Hinter.
func (e *sendError) RetryHint() execd.RetryHint { return e.hint }

// FNV-1a of 64 bits, as in hash/fnv.
const (
	fnvStart uint64 = 14695981039346656037
	fnvPrime uint64 = 1099511628211
)

// seriesFor returns the key of the series of a metric for one recipient.
func seriesFor(m telegraf.Metric, to string) uint64 { return hash(m.HashID(), to) }

// keyFor returns the key of a metric that has one for one recipient.
func keyFor(m telegraf.Metric, to string) uint64 {
	key, _ := smspack.Key(m, to) // the error would be that of the metric itself
	return key
}

func hash(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

package smsout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegraf-hologram/internal/smslimit"
)

// A way that is stopped until a person acts is left alone for firstStop, and twice as long each time, to lastStop:
// looking whether it works may cost something.
const (
	firstStop = 15 * time.Minute
	lastStop  = time.Hour
)

// Logger is where an outbox reports what it survives.
type Logger interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

// Config says how an [Outbox] works. Ways and Account must be set.
type Config struct {
	// Ways are tried in this order, 1 to 4 of them with different names. The outbox closes them.
	Ways []Way
	// FallbackAfter: a way is tried when each before it has failed for so long, which is counted over restarts; 0 is at
	// once. For one that is stopped until a person acts, or cannot take the message, nothing waits.
	FallbackAfter time.Duration
	// Account is what may be spent.
	Account *smslimit.Account
	// Directory is where the journal is, which is made if there is none; "" keeps it in memory. It must be the
	// outbox's own.
	Directory string
	// Unsure is what becomes of a message that may have been sent.
	Unsure WhenUnsure
	// MaxParts is how many parts a message may have; 0 is no limit. It counts for each way by itself.
	MaxParts int
	// Log may be nil.
	Log Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Outbox sends messages. Its methods may be called by several goroutines; messages wait for each other.
type Outbox struct {
	cfg     Config
	journal journal
	turn    chan struct{} // holds one value while nobody sends
	closed  chan struct{}
	ways    []wayState // whose turn it is
	warned  time.Time  // of a damage of the account
}

// wayState is what is known of a way besides the journal.
type wayState struct {
	stops   int       // in a row
	stopped time.Time // until then
	err     error     // why
}

var (
	errWays   = errors.New("an outbox has 1 to 4 ways with different names, and an account")
	errClosed = errors.New("the outbox is closed")
)

// Open makes an outbox. The outbox can be used whatever the error, which says why nothing can be sent now, unless the
// configuration is not valid.
func Open(cfg Config) (*Outbox, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = silent{}
	}
	o := &Outbox{cfg: cfg, journal: journal{dir: cfg.Directory}, ways: make([]wayState, len(cfg.Ways))}
	o.turn, o.closed = make(chan struct{}, 1), make(chan struct{})
	o.turn <- struct{}{}
	if err := o.validate(); err != nil {
		return o, err
	}
	o.reportDamage()
	return o, o.openJournal()
}

func (o *Outbox) validate() error {
	ok := len(o.cfg.Ways) >= 1 && len(o.cfg.Ways) <= maxWays && o.cfg.Account != nil
	for i, w := range o.cfg.Ways {
		for _, other := range o.cfg.Ways[:i] {
			ok = ok && w.Name() != other.Name()
		}
	}
	if !ok {
		return errWays
	}
	return nil
}

// silent drops what it is given.
type silent struct{}

func (silent) Debugf(string, ...any) {}
func (silent) Infof(string, ...any)  {}
func (silent) Warnf(string, ...any)  {}

func (o *Outbox) openJournal() error {
	damaged, err := o.journal.open(o.cfg.Now())
	if damaged {
		o.cfg.Log.Warnf("The journal of SMS in %s was damaged and begins anew: what was sent before may be sent again", o.cfg.Directory)
	}
	return err
}

// reportDamage says once that the account was damaged.
func (o *Outbox) reportDamage() {
	u, err := o.cfg.Account.Usage()
	if err != nil || u.Damaged.IsZero() || u.Damaged.Sub(o.warned).Abs() < time.Minute {
		return
	}
	o.warned = u.Damaged
	o.cfg.Log.Warnf("The account of SMS was damaged at %s: the SMS of a day and half of those of 30 days count as sent",
		u.Damaged.UTC().Format(time.RFC3339))
}

// Plan returns how many parts the message takes at most, of the ways that can send it. The error is a [*RefusedError].
func (o *Outbox) Plan(m Message) (parts int, err error) {
	var refused error
	for _, w := range o.cfg.Ways {
		n, err := o.plan(w, m)
		if err != nil {
			refused = firstOf(refused, err)
			continue
		}
		parts = max(parts, n)
	}
	if parts == 0 {
		return 0, &RefusedError{refused}
	}
	return parts, nil
}

// plan is Plan for one way.
func (o *Outbox) plan(w Way, m Message) (parts int, err error) {
	if len(m.Keys) > MaxKeys {
		return 0, fmt.Errorf("it has %d keys, may have %d", len(m.Keys), MaxKeys)
	}
	if parts, err = w.Plan(m); err != nil {
		return 0, fmt.Errorf("%s: %w", w.Name(), err)
	}
	if o.cfg.MaxParts > 0 && parts > o.cfg.MaxParts {
		return 0, &TooLongError{parts, o.cfg.MaxParts}
	}
	return max(parts, 1), nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Told tells whether a message with this key was sent, or counts as sent.
func (o *Outbox) Told(key uint64) (told bool) {
	o.journal.look(func(s *state) {
		if i := s.find(key); i >= 0 {
			told = o.counts(s.records[i])
		}
	})
	return told
}

// counts tells whether a key counts as told.
func (o *Outbox) counts(r record) bool {
	return r.tries == 0 || o.cfg.Unsure != Again || r.tries >= MaxUnsure
}

// Send sends a message. Without an error it needs no more work. An error is a [*smslimit.LimitError], a [*RefusedError],
// a [*DownError] or a [*PartlyToldError].
func (o *Outbox) Send(ctx context.Context, m Message) (Result, error) {
	if err := o.validate(); err != nil {
		return Result{}, &DownError{Err: err}
	}
	select {
	case <-o.turn:
	case <-o.closed:
		return Result{}, &DownError{Err: errClosed}
	case <-ctx.Done():
		return Result{}, &DownError{Err: context.Cause(ctx)}
	}
	defer func() { o.turn <- struct{}{} }()
	if err := o.openJournal(); err != nil {
		return Result{}, &DownError{Err: err}
	}
	told, tries := o.known(m.Keys)
	switch {
	case len(told) > 0 && len(told) == len(m.Keys):
		return Result{Already: true, Unsure: tries > 0}, nil
	case len(told) > 0:
		return Result{}, &PartlyToldError{told}
	}
	if _, err := o.Plan(m); err != nil {
		return Result{}, err
	}
	s := sending{o: o, m: m, tries: tries}
	return s.run(ctx)
}

// known returns which keys count as told, and how often one of all may have been sent without anybody knowing.
func (o *Outbox) known(keys []uint64) (told []uint64, tries uint8) {
	o.journal.look(func(s *state) {
		for _, key := range keys {
			i := s.find(key)
			if i < 0 {
				continue
			}
			tries = max(tries, s.records[i].tries)
			if o.counts(s.records[i]) {
				told = append(told, key)
			}
		}
	})
	return told, tries
}

// sending is one call of Send.
type sending struct {
	o       *Outbox
	m       Message
	tries   uint8 // before
	pending bool  // the journal says so
	written error // why it could not be made to say so

	refused, down, stopped error // the first of each kind
	until                  time.Time
	open                   bool // a way has failed of which it is not known until when
	by                     time.Time
}

// run tries the ways.
func (s *sending) run(ctx context.Context) (Result, error) {
	for i, w := range s.o.cfg.Ways {
		parts, err := s.o.plan(w, s.m)
		if err != nil {
			s.refused = firstOf(s.refused, err)
			continue
		}
		if st := &s.o.ways[i]; st.stopped.After(s.o.cfg.Now()) {
			s.stopped = firstOf(s.stopped, st.err)
			s.waitUntil(st.stopped)
			continue
		}
		if !s.by.IsZero() {
			break // a way before it has not failed for long enough
		}
		result, done, err := s.try(ctx, i, w, parts)
		if done {
			return result, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	s.settle()
	if s.down == nil && s.stopped == nil {
		return Result{}, &RefusedError{s.refused}
	}
	if s.open {
		s.until = time.Time{}
	}
	return Result{}, &DownError{Until: s.until, By: s.by, Err: firstOf(s.down, s.stopped)}
}

// try sends by one way. done tells that there is no more to be done.
func (s *sending) try(ctx context.Context, i int, w Way, parts int) (result Result, done bool, err error) {
	o := s.o
	reservation, err := o.cfg.Account.Reserve(parts)
	if limit, ok := errors.AsType[*smslimit.LimitError](err); ok {
		o.reportDamage()
		if limit.Free.IsZero() {
			s.refused = firstOf(s.refused, err)
			return Result{}, false, nil
		}
		s.settle()
		return Result{}, true, err
	}
	if err != nil {
		s.settle()
		return Result{}, true, &DownError{Err: err}
	}

	s.m.commit = s.begin
	o.journal.look(func(j *state) { s.m.Reference = j.reference })
	err = w.Send(ctx, s.m)
	if f, ok := w.(Finisher); ok {
		defer f.Finish(ctx)
	}
	if s.written != nil {
		s.release(reservation, parts)
		s.settle()
		return Result{}, true, &DownError{Err: s.written}
	}
	failure, ok := errors.AsType[*WayError](err)
	if err != nil && !ok {
		failure = &WayError{Verdict: Unsure, Err: err}
	}
	switch {
	case err == nil:
		o.ways[i] = wayState{}
		s.end(w, 0, func(j *state) { j.set(s.m.Keys, 0) })
		return Result{Way: w.Name(), MayBeTwice: s.tries > 0, Parts: parts}, true, nil
	case failure.Verdict == NotSent:
		s.release(reservation, parts)
		s.failed(ctx, w, failure)
	case failure.Verdict == Refused:
		s.release(reservation, parts)
		o.ways[i] = wayState{}
		s.refused = firstOf(s.refused, fmt.Errorf("%s: %w", w.Name(), err))
	case failure.Verdict == Stopped:
		s.release(reservation, parts)
		s.stop(i, w, failure)
	default:
		result, err := s.unsure(ctx, w, failure, reservation, parts)
		return result, true, err
	}
	return Result{}, false, nil
}

// begin writes the keys as pending.
func (s *sending) begin() error {
	if s.pending {
		return s.written
	}
	s.written = s.o.journal.write(func(j *state) {
		j.reference = s.m.Reference + 1
		j.set(s.m.Keys, s.tries+1)
	})
	s.pending = true
	return s.written
}

// end writes what became of the message. since is when the way began to fail, 0 if it works.
func (s *sending) end(w Way, since int64, change func(j *state)) {
	s.pending = false
	err := s.o.journal.write(func(j *state) {
		change(j)
		j.fails(w.Name(), since, s.o.cfg.Ways)
	})
	if err != nil {
		s.o.cfg.Log.Warnf("What became of an SMS is not on the disk: %v", err)
	}
}

// settle takes back what is pending, as the message certainly was not sent.
func (s *sending) settle() {
	if !s.pending {
		return
	}
	s.pending = false
	err := s.o.journal.write(func(j *state) {
		if s.tries > 0 {
			j.set(s.m.Keys, s.tries)
			return
		}
		j.forget(s.m.Keys)
	})
	if err != nil {
		s.o.cfg.Log.Warnf("That an SMS was not sent is not on the disk, and if this process ends it counts as sent: %v", err)
	}
}

func (s *sending) release(r *smslimit.Reservation, parts int) {
	if err := r.ReleaseParts(parts); err != nil {
		s.o.cfg.Log.Warnf("An SMS of %d parts counts, though it was not sent: %v", parts, err)
	}
}

// failed notes that a way does not work.
func (s *sending) failed(ctx context.Context, w Way, failure *WayError) {
	s.down = firstOf(s.down, fmt.Errorf("%s: %w", w.Name(), failure))
	if failure.Wait > 0 {
		s.waitUntil(s.o.cfg.Now().Add(failure.Wait))
	} else {
		s.open = true
	}
	if ctx.Err() != nil {
		return // which says nothing about the way
	}
	now := s.o.cfg.Now()
	since := s.since(w, now)
	s.begins(w, since)
	if by := time.Unix(since, 0).Add(s.o.cfg.FallbackAfter); s.o.cfg.FallbackAfter > 0 && by.After(now) && !s.last(w) {
		s.by = by
	}
}

// begins writes down when a way has begun to fail, once for all its failures.
func (s *sending) begins(w Way, since int64) {
	known := int64(0)
	s.o.journal.look(func(j *state) { known = j.since(w.Name()) })
	if known == since {
		return
	}
	if err := s.o.journal.write(func(j *state) { j.fails(w.Name(), since, s.o.cfg.Ways) }); err != nil {
		s.o.cfg.Log.Debugf("Since when %s fails is not on the disk: %v", w.Name(), err)
	}
}

// since is when the way has begun to fail, now if it has not. A time to come is of a clock that was wrong.
func (s *sending) since(w Way, now time.Time) (since int64) {
	s.o.journal.look(func(j *state) { since = j.since(w.Name()) })
	if since <= 0 || since > now.Unix() {
		return max(now.Unix(), 1)
	}
	return since
}

// last tells whether no way is behind this one.
func (s *sending) last(w Way) bool {
	return s.o.cfg.Ways[len(s.o.cfg.Ways)-1].Name() == w.Name()
}

// stop notes that nothing can be sent by a way until a person acts.
func (s *sending) stop(i int, w Way, failure *WayError) {
	st := &s.o.ways[i]
	wait := min(firstStop<<min(st.stops, 4), lastStop)
	if failure.Wait > 0 {
		wait = failure.Wait
	}
	st.stops++
	st.stopped = s.o.cfg.Now().Add(wait)
	st.err = fmt.Errorf("%s: %w", w.Name(), failure)
	s.stopped = firstOf(s.stopped, st.err)
	s.waitUntil(st.stopped)
}

// waitUntil notes when a way may work again.
func (s *sending) waitUntil(t time.Time) {
	if s.until.IsZero() || t.Before(s.until) {
		s.until = t
	}
}

// unsure notes that nobody knows whether the message was sent. It goes no other way.
func (s *sending) unsure(ctx context.Context, w Way, failure *WayError, r *smslimit.Reservation, parts int) (Result, error) {
	sent := parts
	if failure.Sent > 0 && failure.Sent < parts {
		sent = failure.Sent
		s.release(r, parts-sent)
	}
	o := s.o
	since, tries := int64(0), s.tries+1
	if ctx.Err() == nil {
		since = s.since(w, o.cfg.Now())
	} else {
		o.journal.look(func(j *state) { since = j.since(w.Name()) })
	}
	s.end(w, since, func(j *state) { j.set(s.m.Keys, tries) })
	err := fmt.Errorf("%s: %w", w.Name(), failure)
	if o.counts(record{tries: tries}) {
		return Result{Way: w.Name(), Unsure: true, MayBeTwice: s.tries > 0, Parts: sent, Err: err}, nil
	}
	down := &DownError{Unsure: true, Parts: sent, Err: err}
	if failure.Wait > 0 {
		down.Until = o.cfg.Now().Add(failure.Wait)
	}
	return Result{}, down
}

// Close waits for a message that is being sent, and closes the ways and the journal. It must be called once.
func (o *Outbox) Close() error {
	close(o.closed)
	<-o.turn // for ever
	var err error
	for _, w := range o.cfg.Ways {
		err = errors.Join(err, w.Close())
	}
	o.journal.close()
	return err
}

// Status is what a journal tells.
type Status struct {
	Told    int // keys that were told, of the last 2048
	Pending int // keys of messages that may have been sent
	// Failing are the ways that have failed since their last success, of those that were asked for.
	Failing []Failing
}

// Failing is a way that does not work.
type Failing struct {
	Way   string
	Since time.Time
}

// Read reads the journal of the outbox in a directory, which may be in use, and changes nothing. ways are names. The
// error is fs.ErrNotExist if there is none yet.
func Read(dir string, ways ...string) (Status, error) {
	j, err := readJournal(dir)
	if err != nil {
		return Status{}, fmt.Errorf("cannot read the journal of SMS in %q: %w", dir, err)
	}
	var s Status
	for _, r := range j.records {
		if r.tries == 0 {
			s.Told++
		} else {
			s.Pending++
		}
	}
	for _, name := range ways {
		if since := j.since(name); since > 0 {
			s.Failing = append(s.Failing, Failing{name, time.Unix(since, 0).UTC()})
		}
	}
	return s, nil
}

package gsm

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"telegraf-hologram/internal/at"
)

// The defaults of a [Config].
const (
	DefaultPollInterval = 30 * time.Second
	DefaultSIMTimeout   = time.Minute
)

// Logger is told what a [Modem] does. No text and no number of a message is in
// what it gets.
type Logger interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

// Config says how a [Modem] is used. Only Handle must be set.
type Config struct {
	// Handle takes a message. When it returns nil the message is in safety and is
	// deleted from the modem; when it returns an error nothing is deleted, and the
	// message is offered again at the next sweep. It must keep j.IDs for Known
	// before it returns nil. Messages that cannot be decoded come too, once, with
	// Message.Err.
	Handle func(ctx context.Context, j *Joined) error
	// Known tells whether a message or a part was handled before, as after a restart
	// between Handle and deletion; it is asked for each one that a modem holds
	// whenever that is read. Nil knows those of this process that are in the modem.
	Known func(id ID) bool
	// KeepMessages leaves the messages in the modem, which fills up then.
	KeepMessages bool

	// PIN unlocks the SIM: 4 to 8 digits, empty for none. It is tried once; again
	// only after it was right.
	PIN string
	// Storages are the modem's storages to read, such as SM and ME (3GPP TS 27.005
	// 3.1, <mem1>). None are those of SM, ME and SR that the modem has.
	Storages []string
	// InitCommands are sent at the end of each initialisation. One that is refused
	// is logged by its name.
	InitCommands []string
	// PollInterval is how often the storages are read without an indication (0 is
	// DefaultPollInterval).
	PollInterval time.Duration
	// MultipartTimeout and MaxParts are those of the [Assembler].
	MultipartTimeout time.Duration
	MaxParts         int
	// SIMTimeout is how long to wait for a SIM that is busy, as after a start (0 is
	// DefaultSIMTimeout).
	SIMTimeout time.Duration
	// Once has Run return nil when it has read all that the modem has, so that others
	// can use its port until the next Run.
	Once bool

	// KeepPart takes a part of a message whose other parts have not come and that
	// cannot stay in the modem, since the modem hands it over without storing it or
	// its storage is nearly full. When it returns nil the part is in safety. It is no
	// longer needed when Handle has got a message with its ID. Nil keeps nothing:
	// parts are in memory then, and for a full storage messages are given out
	// incomplete.
	KeepPart func(ctx context.Context, p Part) error
	// Parts are those that KeepPart has taken and that are still needed. Their timeout
	// begins anew, as that of parts in the modem does after a restart.
	Parts []Part

	// OnState is told what the modem is doing while Run runs, and why it is not ready;
	// the state that Run's error leaves is not told. It is called on Run's goroutine,
	// and may be nil.
	OnState func(state State, cause error)
	// Log may be nil.
	Log Logger
}

// Part is a part of a message as [Config.KeepPart] takes it.
type Part struct {
	ID     ID
	PDU    string    // hexadecimal, with the service centre's address
	Length int       // octets of the TPDU as announced, or 0
	Time   time.Time // when it was first read
}

// GoString tells the ID only.
func (p Part) GoString() string { return p.String() }

// String tells the ID only.
func (p Part) String() string { return "part " + p.ID.String() }

// Modem receives SMS. It outlives the connections to the modem: what it knows of
// messages goes on with the next one.
//
// It reads all storages when it starts, when the modem tells of a message (+CMTI,
// +CDSI) or of a full storage, and at each poll interval, and so depends on no
// indication. Parts stay in the modem until their message is complete or given
// up. What a modem hands over without storing it (+CMT, +CDS) is acknowledged
// when it is in safety.
type Modem struct {
	cfg Config

	// Of Run's goroutine.
	assembler *Assembler
	refused   []*Joined       // to be offered again, as no listing brings them back
	handled   map[ID]struct{} // what may still be in the modem
	waiting   map[ID]*waiting // parts, if there is a KeepPart
	failing   bool            // Handle fails

	sim pin

	mu      sync.Mutex
	status  Status
	started bool       // Run was called
	driver  *at.Driver // while it can be asked, nil otherwise
}

// waiting is a part that the assembler has.
type waiting struct {
	Part
	kept bool // KeepPart has it
}

// NewModem makes a Modem. Nothing happens before [Modem.Run].
func NewModem(cfg Config) *Modem {
	if cfg.PollInterval <= 0 {
		cfg.PollInterval = DefaultPollInterval
	}
	if cfg.SIMTimeout <= 0 {
		cfg.SIMTimeout = DefaultSIMTimeout
	}
	if cfg.Log == nil {
		cfg.Log = silent{}
	}
	m := &Modem{
		cfg:       cfg,
		assembler: NewAssembler(cfg.MultipartTimeout, cfg.MaxParts),
		handled:   make(map[ID]struct{}),
		waiting:   make(map[ID]*waiting),
		sim:       pin{value: cfg.PIN},
	}
	for _, p := range cfg.Parts {
		msg := Decode(p.PDU, p.Length)
		m.wait(msg, p, true)
		m.refused = append(m.refused, m.assembler.Add(msg, Location{}, time.Now())...)
	}
	m.cfg.Parts = nil
	return m
}

// Run initialises the modem behind the driver and receives messages until ctx
// ends or the connection does, and returns why; with Config.Once, until it has read
// them. The driver remains the caller's
// to close, and its URCs are Run's to take. One Run at a time; it starts no
// goroutine.
//
// Deleting a message from a SIM and listing a full one take some modems long: the
// driver's timeout should not be under ten seconds.
func (m *Modem) Run(ctx context.Context, d *at.Driver) error {
	s := &session{Modem: m, link: link{d: d, log: m.cfg.Log, pin: &m.sim}, told: make(map[string]time.Time)}
	s.onURC = s.take
	m.begin()
	err := s.initialise(ctx)
	if err == nil {
		err = s.serve(ctx)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	err = typed(err)
	m.end(err)
	return err
}

// session is a connection to a modem. It is Run's goroutine's.
type session struct {
	*Modem
	link

	// What the initialisation has found, besides what link has.
	storages  []string
	noList    map[string]bool // AT+CMGL does not work
	shortfall map[string]int  // messages that a storage counts and does not have
	cmgf      string          // the answer to AT+CMGF?, empty if there is none
	cnmi      string          // the answer to AT+CNMI?, empty if there is none
	fullIndex string          // of AT+CIND's smsfull

	told map[string]time.Time // what tell has logged last, and when

	// What is to be done.
	direct    []at.URC // +CMT and +CDS
	doomed    []doomed // to be deleted
	sweepDue  bool
	checkDue  bool // the modem may have lost its settings
	booted    bool // it has
	indicated bool // a message was announced
	again     bool // something could not be read
	retries   int  // sweeps in a row that were to find what was announced
	repairs   int  // initialisations for want of AT+CPMS
	found     int  // new messages in a sweep
}

const (
	retryDelay  = time.Second // for a message that was announced and is not there, or not readable
	maxRetries  = 2
	maxTimeouts = 3 // sweeps in a row that end early
	maxRepairs  = 5
)

// serve sweeps when there is a reason to.
func (s *session) serve(ctx context.Context) error {
	s.sweepDue = true
	timeouts := 0                             // or the like, in a row
	due := time.Now().Add(s.cfg.PollInterval) // the next sweep after this one
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case u, ok := <-s.d.URCs():
			if !ok {
				return s.d.Err()
			}
			s.take(u)
		case <-wake.C:
			if !time.Now().Before(due) {
				s.sweepDue, s.checkDue = true, true
			}
		}
		swept, err := s.work(ctx)
		s.tally()
		switch {
		case err == nil:
			timeouts = 0
		case simError(err) != nil:
			// Not at once: there may be more to it than a SIM that is gone for a moment.
			if timeouts++; timeouts == maxTimeouts {
				return err
			}
			s.tell(s.cfg.Log.Infof, "The modem is initialised again: %v", err)
			s.count(func(c *Counters) { c.Resets++ })
			if err := s.initialise(ctx); err != nil {
				return err
			}
			s.again, swept = true, true
		case errors.Is(err, at.ErrTimeout), errors.Is(err, at.ErrTooLong):
			if timeouts++; timeouts == maxTimeouts || s.d.Err() != nil || ctx.Err() != nil {
				return err
			}
			s.cfg.Log.Debugf("Reading the messages: %v", err)
			s.again, swept = true, true
		default:
			return err
		}
		if swept {
			due = time.Now().Add(s.nextSweep())
			if s.cfg.Once && err == nil && s.retries == 0 {
				return nil
			}
		}
		next := due
		if d, ok := s.assembler.Deadline(); ok && d.Before(next) {
			next = d
		}
		wake.Reset(max(time.Until(next), 0))
	}
}

// nextSweep is the time to the next sweep: the poll interval, or less if the last
// one did not find what it should have.
func (s *session) nextSweep() time.Duration {
	missing := s.indicated && s.found == 0 || s.again
	s.indicated, s.again, s.found = false, false, 0
	if missing && s.retries < maxRetries {
		s.retries++
		return min(retryDelay<<(s.retries-1), s.cfg.PollInterval)
	}
	s.retries = 0
	return s.cfg.PollInterval
}

// work does what is due, and what becomes due meanwhile.
func (s *session) work(ctx context.Context) (swept bool, err error) {
	for {
		s.drain()
		if err := s.handOver(ctx); err != nil {
			return swept, err
		}
		if s.checkDue {
			s.checkDue = false
			intact, err := s.intact(ctx)
			if err != nil {
				return swept, err
			}
			if !intact {
				s.tell(s.cfg.Log.Infof, "The modem has lost its settings and is initialised again")
				s.count(func(c *Counters) { c.Resets++ })
				if err := s.initialise(ctx); err != nil {
					return swept, err
				}
				s.sweepDue = true
			}
		}
		if !s.sweepDue {
			return swept, s.expire(ctx)
		}
		s.sweepDue, swept = false, true
		if err := s.sweep(ctx); err != nil {
			return true, err
		}
	}
}

// expire gives out what has waited long enough.
func (s *session) expire(ctx context.Context) error {
	for _, j := range s.assembler.Expire(time.Now()) {
		s.deliver(ctx, j)
	}
	return s.flush(ctx)
}

// known tells whether a message was handled.
func (m *Modem) known(id ID) bool {
	if _, ok := m.handled[id]; ok {
		return true
	}
	return m.cfg.Known != nil && m.cfg.Known(id)
}

// isRefused tells whether a part belongs to what is to be offered again.
func (m *Modem) isRefused(id ID) bool {
	for _, j := range m.refused {
		if slices.Contains(j.IDs, id) {
			return true
		}
	}
	return false
}

// deliver gives a message out, and tells whether it is in safety. Its Locations
// are deleted at the next flush then.
func (s *session) deliver(ctx context.Context, j *Joined) bool {
	if j.Repeated {
		s.doom(j)
		return true
	}
	if err := s.cfg.Handle(ctx, j); err != nil {
		s.count(func(c *Counters) { c.Refused++ })
		if !s.failing {
			s.cfg.Log.Warnf("A message stays in the modem: %v", err)
		}
		s.failing = true
		// A listing brings a message of one part back, as far as it is stored.
		if j.Parts > 1 || len(j.Locations) == 0 {
			s.refused = append(s.refused, j)
		}
		return false
	}
	s.failing = false
	s.found++
	for _, id := range j.IDs {
		s.handled[id] = struct{}{}
		delete(s.waiting, id)
	}
	s.mu.Lock()
	c := &s.status.Counters
	c.Messages++
	c.Parts += int64(j.Parts - len(j.Missing))
	if !j.Complete() {
		c.Incomplete++
	}
	if j.Message.Err != nil {
		c.Undecodable++
	}
	s.status.LastMessage = time.Now()
	s.mu.Unlock()
	if err := j.Message.Err; err != nil {
		s.cfg.Log.Warnf("A message cannot be decoded: %v", err)
	}
	s.doom(j)
	return true
}

// offer offers again what was refused.
func (s *session) offer(ctx context.Context) {
	all := s.refused
	s.refused = nil
	for _, j := range all {
		s.deliver(ctx, j)
	}
}

// wait keeps a part at hand for KeepPart.
func (m *Modem) wait(msg *Message, p Part, kept bool) {
	if m.cfg.KeepPart == nil || m.waiting[msg.ID] != nil {
		return
	}
	p.ID = msg.ID
	m.waiting[msg.ID] = &waiting{Part: p, kept: kept}
}

// keepPart puts a part that the assembler waits with in safety elsewhere.
func (s *session) keepPart(ctx context.Context, id ID) bool {
	w := s.waiting[id]
	if w == nil {
		return false
	}
	if w.kept {
		return true
	}
	if err := s.cfg.KeepPart(ctx, w.Part); err != nil {
		s.cfg.Log.Warnf("A part of a message is not kept: %v", err)
		return false
	}
	w.kept = true
	return true
}

// add gives a message or a part to the assembler, and tells whether it is in
// safety: handled, kept, or in the modem.
func (s *session) add(ctx context.Context, msg *Message, p Part, at Location) bool {
	now := time.Now()
	p.Time = now
	out := s.assembler.Add(msg, at, now)
	safe, given := true, false
	for _, j := range out {
		ok := s.deliver(ctx, j)
		if slices.Contains(j.IDs, msg.ID) {
			safe, given = ok, true
		}
	}
	if given || msg.Concat == nil {
		return safe
	}
	if s.waiting[msg.ID] == nil {
		s.found++
	}
	s.wait(msg, p, false)
	if at != (Location{}) {
		return true
	}
	return s.cfg.KeepPart == nil || s.keepPart(ctx, msg.ID)
}

// tellAgain is how long nothing is said of what goes on.
const tellAgain = time.Hour

// tell logs what may happen again and again, but seldom.
func (s *session) tell(log func(string, ...any), format string, args ...any) {
	if last, ok := s.told[format]; !ok || time.Since(last) >= tellAgain {
		s.told[format] = time.Now()
		log(format, args...)
	}
}

// silent is no Logger.
type silent struct{}

func (silent) Debugf(string, ...any) {}
func (silent) Infof(string, ...any)  {}
func (silent) Warnf(string, ...any)  {}

package gsm

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm/encode"
)

// The defaults of a [SenderConfig].
const (
	DefaultReportTimeout = time.Minute
	DefaultAnswerTimeout = 2 * time.Minute
)

// Why a [Sender] does not send, besides the errors of [Modem.Run].
var (
	// ErrRecipient says that the number is none that an SMS can go to.
	ErrRecipient = errors.New("the recipient is neither a + and 2 to 15 digits nor 2 to 20 digits")
	// ErrTooLong says that a text needs more parts than a message can have.
	ErrTooLong = errors.New("the text needs more than 255 parts")
	// ErrNotRegistered says that the modem has no network to send through.
	ErrNotRegistered = errors.New("the modem is not registered in a network")
)

// Submission is a message to be sent.
type Submission struct {
	// To is the number: +digits for an international one (E.164, up to 15 digits),
	// or the digits of a short or long code.
	To string
	// Text is coded and cut as encode.PlanText(Text, Coding) plans it.
	Text   string
	Coding encode.Coding
	// Report asks for a status report for each part, which SenderConfig.OnReport
	// gets during Send and Wait.
	Report bool
	// Reference is that of the parts of a long text. Two long texts to one number
	// must not have the same one within days: the caller counts it over restarts.
	Reference byte
	// Skip is how many parts were sent before, under the same Reference; they are
	// not sent again.
	Skip int
	// Validity is for how long the network tries to deliver it, 5 minutes to 63
	// weeks; 0 leaves it to the network.
	Validity time.Duration
	// Before is called when the modem and the network are ready, before the first
	// part. An error, which Send wraps, keeps the message from going. It may be nil.
	Before func() error
}

// GoString tells nothing.
func (s Submission) GoString() string { return s.String() }

// String tells nothing, so that nothing prints a number or a text by the way.
func (Submission) String() string { return "a message to be sent" }

// SendResult is what has gone out.
type SendResult struct {
	// References are the TP-MR of the parts that this call has sent, for those of
	// which the modem has told it.
	References []byte
	// Sent is how many parts this call has sent: the network has taken them.
	Sent int
}

// Report is what has become of a part that was sent (3GPP TS 23.040 9.2.2.3).
type Report struct {
	Reference byte   // TP-MR, as in SendResult.References
	To        string // as in the Submission
	Status    byte   // TP-ST (3GPP TS 23.040 9.2.3.15)
	// Delivered tells that the recipient has it, Failed that the service centre no
	// longer tries. With neither it still tries, or cannot tell (TP-ST 1).
	Delivered, Failed bool
	// Discharge is when it was delivered, or tried last; zero if it is not told.
	Discharge time.Time
}

// GoString tells the status only.
func (r Report) GoString() string { return r.String() }

// String tells the status only.
func (r Report) String() string {
	switch {
	case r.Delivered:
		return "delivered"
	case r.Failed:
		return "failed"
	default:
		return "not yet delivered"
	}
}

// SendClass says what to do about a message that was not sent.
type SendClass uint8

// The classes.
const (
	// Retry: certainly not sent; it may be tried again.
	Retry SendClass = iota
	// GiveUp: this message cannot be sent, others may.
	GiveUp
	// Stop: nothing can be sent until a person acts, as for a missing SIM, a PIN, or
	// barring.
	Stop
	// Unsure: it may have been sent. The modem had all of it and did not tell.
	Unsure
)

// String returns the name of the class in small letters with underscores.
func (c SendClass) String() string {
	switch c {
	case Retry:
		return "retry"
	case GiveUp:
		return "give_up"
	case Stop:
		return "stop"
	default:
		return "unsure"
	}
}

// SendError says why a message, or a part of one, was not sent. Neither number nor
// text are in it.
type SendError struct {
	// Class is of the first part that was not sent. Sent is how many parts this call
	// has sent before it.
	Class SendClass
	Sent  int
	Err   error
}

// Error describes the cause.
func (e *SendError) Error() string { return "cannot send an SMS: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// SenderConfig says how a [Sender] uses the modem. The zero value is ready to use.
type SenderConfig struct {
	// PIN unlocks the SIM: 4 to 8 digits, empty for none. It is tried once; again
	// only after it was right.
	PIN string
	// InitCommands are sent at the end of each Init. One that is refused is logged by
	// its name.
	InitCommands []string
	// SIMTimeout is how long Init waits for a SIM that is busy (0 is
	// DefaultSIMTimeout).
	SIMTimeout time.Duration
	// AnswerTimeout is how long the modem may take to send a part (0 is
	// DefaultAnswerTimeout; makers give up to three minutes).
	AnswerTimeout time.Duration
	// ReportTimeout is how long Wait waits for status reports after the last part was
	// sent (0 is DefaultReportTimeout).
	ReportTimeout time.Duration
	// OnReport is told of status reports for what was sent, on the goroutine of Send
	// or Wait. It may be nil.
	OnReport func(Report)
	// Log may be nil.
	Log Logger
}

// Sender sends SMS. It outlives the connections to the modem; what it knows of its
// PIN and of the reports that are to come goes on with the next one. It starts no
// goroutine, and its methods must not be called at the same time.
//
// It needs a port of its own: the driver and its URCs are the Sender's while a
// method runs. Another process may read the same modem on another port meanwhile,
// as a [Modem] does; the Sender takes nothing from the storages but reports for what
// it has sent, and changes no setting that another may depend on.
type Sender struct {
	cfg  SenderConfig
	pin  pin
	link *link // nil if there is none that is prepared

	booted   bool // the modem has, since it was prepared
	reports  bool // AT+CNMI was seen to
	awaited  []awaited
	lastSent time.Time
	direct   []at.URC   // +CDS
	stored   []Location // of +CDSI; as it is told, which may be wrong
	ahead    int        // reports that were found before their +CDSI
}

// NewSender makes a Sender. Nothing happens before [Sender.Init].
func NewSender(cfg SenderConfig) *Sender {
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&cfg.SIMTimeout, DefaultSIMTimeout},
		{&cfg.AnswerTimeout, DefaultAnswerTimeout},
		{&cfg.ReportTimeout, DefaultReportTimeout},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	if cfg.Log == nil {
		cfg.Log = silent{}
	}
	if cfg.OnReport == nil {
		cfg.OnReport = func(Report) {}
	}
	return &Sender{cfg: cfg, pin: pin{value: cfg.PIN}}
}

// Init prepares the modem behind a driver, and waits for its SIM. It is called once
// for each connection; Send does so where it was not. An error is a [*SendError],
// which wraps those of [Modem.Run] where one of them is the cause.
func (s *Sender) Init(ctx context.Context, d *at.Driver) error {
	if err := s.prepare(ctx, d); err != nil {
		return sendError(err, false)
	}
	return nil
}

func (s *Sender) prepare(ctx context.Context, d *at.Driver) error {
	l := &link{d: d, log: s.cfg.Log, pin: &s.pin, onURC: s.take, forms: make(map[string]cpmsForm)}
	s.link, s.booted, s.reports, s.direct, s.stored, s.ahead = nil, false, false, nil, nil, 0
	err := l.untilSIM(ctx, s.cfg.SIMTimeout,
		func(ctx context.Context) error {
			if err := l.basics(ctx); err != nil {
				return err
			}
			return l.custom(ctx, s.cfg.InitCommands)
		},
		func(_, err error) { s.cfg.Log.Debugf("Waiting for the SIM: %v", err) })
	if err != nil {
		return err
	}
	s.link = l
	return nil
}

// What is between the tries of a part that is not the first: without it those that
// have gone out are of no use.
const (
	partTries = 3
	partWait  = 2 * time.Second // twice as long the next time
)

// Send sends a message, part by part, and returns when the network has taken all of
// it. An error is a [*SendError]; the result tells the parts that have gone out then,
// which Submission.Skip leaves out the next time.
//
// A part that the network refuses for the moment is tried again if there was one
// before it. What may have been sent is never sent again.
func (s *Sender) Send(ctx context.Context, d *at.Driver, sub Submission) (SendResult, error) {
	var result SendResult
	pdus, err := sub.pdus()
	if err != nil {
		return result, sendError(err, false)
	}
	if s.link == nil || s.link.d != d || s.booted {
		if err := s.prepare(ctx, d); err != nil {
			return result, sendError(err, false)
		}
	}
	if err := s.checkRegistration(ctx); err != nil {
		return result, sendError(err, false)
	}
	if sub.Report {
		if err := s.askForReports(ctx); err != nil {
			return result, sendError(err, false)
		}
	}
	if sub.Before != nil {
		if err := sub.Before(); err != nil {
			return result, sendError(err, false)
		}
	}
	for i, pdu := range pdus[min(sub.Skip, len(pdus)):] {
		tries := 1
		if i+sub.Skip > 0 {
			tries = partTries
		}
		reference, err := s.sendPart(ctx, pdu, tries)
		if err != nil {
			err.Sent = result.Sent
			return result, err
		}
		result.Sent++
		s.lastSent = time.Now()
		if reference >= 0 {
			result.References = append(result.References, byte(reference))
			if sub.Report {
				s.await(byte(reference), sub.To)
			}
		}
		// The next part, or Wait, fails if the connection has.
		_ = s.takeDirect(ctx)
	}
	return result, nil
}

// pdus returns the PDUs of a message.
func (s Submission) pdus() ([]string, error) {
	if !isRecipient(s.To) || s.Skip < 0 {
		return nil, ErrRecipient
	}
	plan := encode.PlanText(s.Text, s.Coding)
	if plan.Parts > maxParts {
		return nil, ErrTooLong
	}
	m := encode.Message{
		From: s.To, Text: plan.Text, UCS2: plan.UCS2,
		Reference: uint16(s.Reference), Report: s.Report, Validity: s.Validity,
	}
	return m.Submit()
}

const maxParts = 255 // of a message (3GPP TS 23.040 9.2.3.24.1)

// isRecipient tells whether an SMS can go to a number: 3GPP TS 23.040 9.1.2.5 has
// room for 20 digits, E.164 has at most 15.
func isRecipient(to string) bool {
	digits, international := strings.CutPrefix(to, "+")
	if strings.Trim(digits, "0123456789") != "" {
		return false
	}
	if international {
		return len(digits) >= 2 && len(digits) <= 15 && digits[0] != '0'
	}
	return len(digits) >= 2 && len(digits) <= 20
}

// sendPart sends one part, and again if it was certainly not sent. It returns TP-MR,
// or -1 if the modem does not tell.
func (s *Sender) sendPart(ctx context.Context, pdu string, tries int) (reference int, err *SendError) {
	wait, d := partWait, s.link.d
	for prepared := false; ; {
		reference, handed, problem := s.submit(ctx, pdu)
		if problem == nil {
			return reference, nil
		}
		if simError(problem) != nil && !handed && !prepared {
			// The modem may have been reset, without a word.
			if problem = s.prepare(ctx, d); problem == nil {
				prepared = true
				continue
			}
		}
		err = sendError(problem, handed)
		tries--
		if err.Class != Retry || tries <= 0 || s.link == nil || d.Err() != nil {
			return -1, err
		}
		s.cfg.Log.Debugf("A part of an SMS is tried again: %v", problem)
		if s.link.sleep(ctx, wait) != nil {
			return -1, err
		}
		wait *= 2
	}
}

// submit gives the modem a part (3GPP TS 27.005 4.3), and tells whether the modem
// may have got it.
func (s *Sender) submit(ctx context.Context, pdu string) (reference int, handed bool, err error) {
	// In text mode, as after a reset, the length would be taken for a number.
	if err := s.link.pduMode(ctx); err != nil {
		return -1, false, err
	}
	length := len(pdu)/2 - 1 // without the octet for the service centre
	lines, err := s.link.d.Prompt(ctx, "AT+CMGS="+strconv.Itoa(length), pdu,
		at.DataSent(&handed), at.Timeout(s.cfg.AnswerTimeout), at.Limit(s.cfg.AnswerTimeout))
	reference = -1
	p := at.Params(argsOf(lines, "+CMGS"))
	if len(p) > 0 {
		if n := number(p[0]); n <= 255 {
			reference = n
		}
	}
	if err != nil && handed && len(p) > 0 && !isRefusal(err) {
		// The network has taken it; only the OK is missing.
		s.cfg.Log.Debugf("An SMS was sent, but: %v", err)
		return reference, true, nil
	}
	return reference, handed, err
}

// checkRegistration asks whether there is a network. A modem that does not tell is
// taken at its word when it sends.
func (s *Sender) checkRegistration(ctx context.Context) error {
	told := false
	for _, name := range []string{"+CREG", "+CEREG", "+CGREG"} {
		lines, _, err := s.link.try(ctx, "AT"+name+"?")
		if err != nil {
			return err
		}
		r := registrationOf(at.Params(argsOf(lines, name)))
		if r.Registered() {
			return nil
		}
		told = told || r != NoRegistration
	}
	if told {
		return ErrNotRegistered
	}
	return nil
}

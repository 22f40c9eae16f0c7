package gsm

import (
	"context"
	"errors"
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
	ErrRecipient = errors.New("the recipient is not a number of 2 to 20 digits, or of up to 15 digits behind a +")
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
	// Class is of the first part that was not sent: those before it, Sent, were.
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
type Sender struct {
	cfg SenderConfig
}

// NewSender makes a Sender. Nothing happens before [Sender.Init].
func NewSender(cfg SenderConfig) *Sender { return &Sender{cfg: cfg} }

// Init prepares the modem behind a driver, and waits for its SIM. It is called once
// for each connection. An error is a [*SendError].
func (s *Sender) Init(context.Context, *at.Driver) error { return nil }

// Send sends a message, part by part. An error is a [*SendError].
func (s *Sender) Send(context.Context, *at.Driver, Submission) (SendResult, error) {
	return SendResult{}, &SendError{Class: Retry, Err: ErrNotRegistered}
}

// Wait waits for the status reports that are to come, until ReportTimeout has
// passed since the last part was sent or ctx ends. Without such it returns at once.
func (s *Sender) Wait(context.Context, *at.Driver) error { return nil }

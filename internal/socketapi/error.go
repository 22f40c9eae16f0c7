package socketapi

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"
)

// Verdict says what became of a message.
type Verdict int

// The verdicts. Only Delivered comes without an error.
const (
	// Unknown: the message may or may not have been taken. Sending it again
	// may deliver it twice; if that is done, the same bytes should be sent.
	Unknown Verdict = iota
	// Delivered: the cloud has answered that it took the message.
	Delivered
	// NotDelivered: the cloud certainly does not have the message. It may be
	// sent again.
	NotDelivered
	// Refused: the cloud refused this message, or it cannot be sent at all.
	// Sending it again cannot help.
	Refused
	// RefusedCredentials: the credentials are refused. No message will be
	// taken until they are changed, here or in the cloud.
	RefusedCredentials
)

var verdictNames = [...]string{"unknown", "delivered", "not delivered", "refused", "credentials refused"}

// String names the verdict.
func (v Verdict) String() string {
	if v >= 0 && int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "invalid verdict"
}

// Phase is the step at which sending a message failed.
type Phase int

// The phases, in their order.
const (
	PhaseBuild   Phase = iota // message, credentials or address is not valid, or the client is closed; no byte was spent
	PhaseResolve              // the name lookup
	PhaseConnect              // opening the connection
	PhaseWrite                // handing the message to the system
	PhaseAnswer               // waiting for the answer, and the answer
)

var phaseNames = [...]string{"build message", "resolve", "connect", "write", "answer"}

// String names the phase.
func (p Phase) String() string {
	if p >= 0 && int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "invalid phase"
}

// UnackedUnknown is the value of Error.Unacked when the system does not tell.
const UnackedUnknown = -1

// Error says why a message is not known to be delivered. Every error of
// [Client.Send] and [Client.SendSMS] is an *Error.
type Error struct {
	Verdict Verdict // never Delivered
	Code    Code    // what the cloud answered, CodeNone without a usable answer
	Phase   Phase   // what failed
	// Sent tells that at least one byte of the message was handed to the
	// system and may have left this host.
	Sent bool
	// Unacked is how many bytes of the message the other side's system had
	// not acknowledged when sending was given up; 0 says that its system,
	// not necessarily its program, has the whole message. UnackedUnknown
	// before the message was written and on systems that do not tell.
	Unacked int
	// Waited is how long Send went on waiting after the client's AnswerTimeout.
	// It may be taken off the pause before the next try.
	Waited time.Duration
	// Err is the cause. It contains neither credentials nor the text of the
	// message.
	Err error
}

// Error describes the failure and the verdict.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Phase.String())
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	// The cause of a refusal says so itself.
	if e.Verdict == Unknown {
		b.WriteString(" (the message may have been delivered)")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout tells whether a time limit of the client was reached: the lookup's,
// the connection's or the answer's. The context's own end is no timeout.
func (e *Error) Timeout() bool {
	if errors.Is(e.Err, errContextEnded) {
		return false
	}
	return isTimeout(e.Err)
}

// Canceled tells whether sending ended because the caller's context did.
func (e *Error) Canceled() bool { return errors.Is(e.Err, errContextEnded) }

// NoRoute tells whether this host had no way to the address: no network, no
// route or no address of its own. Finding that out normally costs no byte on
// the link, so that it may be tried again often.
func (e *Error) NoRoute() bool {
	if e.Phase != PhaseResolve && e.Phase != PhaseConnect {
		return false
	}
	return isNoRoute(e.Err)
}

// MayDuplicate tells whether sending the message again may deliver it twice.
func (e *Error) MayDuplicate() bool { return e.Verdict == Unknown }

// errContextEnded marks errors that the end of the caller's context brought
// about.
var errContextEnded = errors.New("canceled")

// errAddressGone says that this host no longer has the address from which the
// connection was made, as after a modem has attached anew: nothing that is sent
// to it can arrive.
var errAddressGone = errors.New("this host has lost the address of the connection")

// contextError joins the marker with the reason that the context gives.
func contextError(ctx context.Context) error {
	return &canceledError{cause: context.Cause(ctx)}
}

type canceledError struct{ cause error }

func (e *canceledError) Error() string   { return e.cause.Error() }
func (e *canceledError) Unwrap() []error { return []error{errContextEnded, e.cause} }

// isTimeout tells whether a time limit was reached.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// isNoRoute looks for the errors of a host without a way to the address.
func isNoRoute(err error) bool {
	for _, no := range noRouteErrors {
		if errors.Is(err, no) {
			return true
		}
	}
	return isNoRouteText(err)
}

// isNoNetwork is the part of isNoRoute that a host without IPv4 has, and that
// says nothing against the address.
func isNoNetwork(err error) bool {
	return isNoRoute(err) && !errors.Is(err, errHostUnreachable)
}

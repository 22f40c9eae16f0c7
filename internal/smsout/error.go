package smsout

import (
	"fmt"
	"time"
)

// Verdict says what became of a message that a way has not sent.
type Verdict uint8

// The verdicts.
const (
	// Unsure: it, or a part of it, may have been sent.
	Unsure Verdict = iota
	// NotSent: certainly not; it may be tried again.
	NotSent
	// Refused: certainly not, and this message never can be by this way.
	Refused
	// Stopped: certainly not, and nothing can be by this way until a person acts.
	Stopped
)

// WayError is why a [Way] has not sent a message, or does not know it.
type WayError struct {
	Verdict Verdict
	// Sent is how many parts were sent, or may have been. It is 0 unless the verdict is Unsure, and then all parts if
	// it is 0.
	Sent int
	// Wait is how long the way need not be tried again; 0 if that is not known.
	Wait time.Duration
	// Err is the cause. Neither number nor text are in it.
	Err error
}

// Error describes the cause.
func (e *WayError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *WayError) Unwrap() error { return e.Err }

// RefusedError says that no way can ever send this message, or that it needs more parts than a limit allows at all.
type RefusedError struct {
	Err error // of the first way
}

// Error describes the cause.
func (e *RefusedError) Error() string { return fmt.Sprintf("the SMS cannot be sent: %v", e.Err) }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// TooLongError says that a text needs more parts than a message may have.
type TooLongError struct {
	Parts, Max int
}

// Error tells both numbers.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("the text needs %d parts, max_parts is %d", e.Parts, e.Max)
}

// DownError says that no way works now, or that what is sent cannot be written down. The message certainly was not
// sent, or is to be sent again (Unsure).
type DownError struct {
	// Until is when it is worth trying again, zero if that is not known.
	Until time.Time
	// By is when it should be tried again at the latest, because another way may be used from then on; zero if there
	// is none.
	By time.Time
	// Unsure tells that the message may have been sent, and is to be sent again all the same ([Again]).
	Unsure bool
	// Parts is how many parts count as sent.
	Parts int
	Err   error
}

// Error describes the cause.
func (e *DownError) Error() string { return fmt.Sprintf("SMS cannot be sent now: %v", e.Err) }

// Unwrap returns the cause.
func (e *DownError) Unwrap() error { return e.Err }

// PartlyToldError says that some of a message's keys were told before, and others not. Nothing was sent: the message
// must be made anew, without them.
type PartlyToldError struct {
	Told []uint64
}

// Error tells how many.
func (e *PartlyToldError) Error() string {
	return fmt.Sprintf("%d things that the SMS tells were told before", len(e.Told))
}

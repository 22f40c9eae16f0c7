package smsout

import (
	"context"
	"errors"
	"time"

	"telegraf-hologram/internal/smslimit"
)

// Logger is where an outbox reports what it survives.
type Logger interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

// Config says how an [Outbox] works. Ways and Account must be set.
type Config struct {
	// Ways are tried in this order, 1 to 4 of them. The outbox closes them.
	Ways []Way
	// FallbackAfter: a way is tried when each before it has failed for so long; 0 is at once. For one that is stopped
	// until a person acts, or cannot take the message, nothing waits.
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
	cfg Config
}

// Open makes an outbox. The outbox can be used whatever the error, which says why nothing can be sent now.
func Open(cfg Config) (*Outbox, error) { return &Outbox{cfg: cfg}, nil }

// Plan returns how many parts the message takes at most, of the ways that can send it. The error is a [*RefusedError].
func (o *Outbox) Plan(m Message) (parts int, err error) { return 0, errors.ErrUnsupported }

// Told tells whether a message with this key was sent, or counts as sent.
func (o *Outbox) Told(key uint64) bool { return false }

// Send sends a message. Without an error it needs no more work. An error is a [*smslimit.LimitError], a [*RefusedError],
// a [*DownError] or a [*PartlyToldError].
func (o *Outbox) Send(ctx context.Context, m Message) (Result, error) {
	return Result{}, errors.ErrUnsupported
}

// Close closes the ways and the journal.
func (o *Outbox) Close() error { return nil }

// Status is what a journal tells.
type Status struct {
	Told    int // keys that were told, of the last 2048
	Pending int // keys of messages that may have been sent
	// Failing are the ways that have failed since their last success.
	Failing []Failing
}

// Failing is a way that does not work.
type Failing struct {
	Way   string
	Since time.Time
}

// Read reads the journal of the outbox in a directory, which may be in use, and changes nothing. The error is
// fs.ErrNotExist if there is none yet.
func Read(dir string) (Status, error) { return Status{}, errors.ErrUnsupported }

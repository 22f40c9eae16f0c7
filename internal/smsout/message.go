package smsout

import (
	"telegraf-hologram/internal/gsm/encode"
)

// MaxKeys is how many keys a message may have.
const MaxKeys = 1024

// Message is a text for one number.
type Message struct {
	// To is the number: +digits (E.164), or the digits of a short or long code, which only a modem reaches.
	To string
	// Text is UTF-8.
	Text string
	// Coding is how it is coded. The cloud codes as it likes: by the Socket API, GSM7 only replaces what the
	// alphabet lacks, and UCS2 only counts.
	Coding encode.Coding
	// Keys stand for what the message tells, each for one thing that is to be told once. Without keys nothing keeps
	// the message from being sent again.
	Keys []uint64
	// Reference is set by the outbox: that of the parts of a long message, another one for each.
	Reference byte

	commit func() error // set by the outbox
}

// Commit is for ways: they call it before the first byte that may let the message go. The outbox writes down then that
// the message may have been sent. An error means that it must not go; Send returns it as the error of one that was not
// sent. Until then, a process that ends has sent nothing, and does so after its next start.
func (m Message) Commit() error {
	if m.commit == nil {
		return nil
	}
	return m.commit()
}

// GoString tells nothing.
func (m Message) GoString() string { return m.String() }

// String tells nothing, so that nothing prints a number or a text by the way.
func (Message) String() string { return "an SMS" }

// Result is what became of a message that needs no more work.
type Result struct {
	// Way is the name of the way that it went, "" if it did not go now.
	Way string
	// Already tells that nothing was sent now, because all keys were told before.
	Already bool
	// Unsure tells that nobody knows whether it was sent. It counts as sent.
	Unsure bool
	// MayBeTwice tells that it was sent now, and may have been before.
	MayBeTwice bool
	// Parts is how many parts count as sent.
	Parts int
	// Err is why it is Unsure, nil if that is not known.
	Err error
}

// WhenUnsure says what becomes of a message of which nobody knows whether it was sent.
type WhenUnsure uint8

// What becomes of it.
const (
	Skip  WhenUnsure = iota // it counts as sent
	Again                   // it is sent again, MaxUnsure times in all, and may so arrive more than once
)

// MaxUnsure is how often a message is sent with Again before it counts as sent.
const MaxUnsure = 3

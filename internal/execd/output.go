package execd

import (
	"errors"
	"time"

	"github.com/influxdata/telegraf"
)

// ErrSetAside is in the chain of a PartialWriteError's reason for metrics that were given up because their message failed
// again and again while others passed. They may have been delivered.
var ErrSetAside = errors.New("given up")

// An output can do without the interfaces below; with them, the host keeps fewer duplicates, waits for the right time,
// knows what the link costs, and has a second way when it is down.

// ExchangeReporter is an output that tells the host of each exchange with the far side while Write runs. What an
// exchange has settled is released at once, so that a crash later in the same Write repeats less.
type ExchangeReporter interface {
	// OnExchange sets the functions to call, before Connect and once: begin before a message goes out, when the state
	// that GetState returns (a [State], if the output is a telegraf.StatefulPlugin) is kept, and end after the exchange.
	// Both are called on the goroutine that called Write.
	OnExchange(begin func(), end func(Exchange))
}

// Exchange is one try to send one message.
type Exchange struct {
	// Accepted are the metrics that the far side has taken, as indices into the slice that was given to Write. They
	// may be in the error of Write once more.
	Accepted []int
	// Metrics is how many metrics the message has.
	Metrics int
	// Sent and Received are the bytes that the exchange took on the wire, IP headers included, as far as they are known.
	Sent, Received int64
	// Delivered tells that the far side has taken the message.
	Delivered bool
	// Again tells that the same message was sent before.
	Again bool
	// Doubtful tells that an earlier try of the same message may have been delivered as well, so that the far side may
	// have it twice.
	Doubtful bool
}

// BacklogWriter is an output that puts many metrics into one message.
type BacklogWriter interface {
	// WriteBacklog does what Write does, for metrics behind which more wait. It may leave out the last ones, so that
	// they share a message with those that follow, and returns how many: at most all but one. They are offered again.
	WriteBacklog(metrics []telegraf.Metric) (left int, err error)
}

// Defaulter is an output with defaults of its own for the host's options. They hold where the file sets nothing.
type Defaulter interface {
	// DefaultOptions changes the defaults in o. It is called once, before the file is read and before Init.
	DefaultOptions(o *Options)
}

// DirectoryUser is an output that keeps files of its own beside the buffer.
type DirectoryUser interface {
	// UseDirectory tells the output where the buffer is: an absolute path, "" for a buffer in memory. It is called once,
	// after Init and before anything else, and reads and writes nothing: the directory may not be there yet. An error
	// ends the start; an *OptionError in its chain gets the line of the option put before it.
	//
	// In the directory the host has "cursor", "ledger", "lock", "state", "urgent" and what begins with "dead_letter" or ends
	// in ".log" or ".bad"; other names are free.
	UseDirectory(dir string) error
}

// StatusReporter is an output that has something to say to the command status.
type StatusReporter interface {
	// ReportStatus calls add for each thing to show, in order. A name is of lower-case words with _ between them. A value
	// is a string, a bool, an int, an int64, a float64, a time.Time (zero is not shown) or a Duration; any other is shown
	// as fmt prints it. ReportStatus is called instead of Connect, in another process than the one that runs; it reads
	// files at most and changes nothing. What was added before an error is shown.
	ReportStatus(add func(name string, value any)) error
}

// FallbackWriter is an output with a second way for some of its metrics, for when the link is down.
type FallbackWriter interface {
	// Fallback returns which measurements may go the second way and for how long the link must have been down, counted
	// from the first failure of an unbroken series. No names is no fallback. It is called after Init and returns the
	// same each time.
	Fallback() (names Patterns, after time.Duration)
	// WriteFallback does what Write does, the second way: nil, a *PartialWriteError and a Hinter mean the same, except
	// that what it rejects can still go to Write, and is not offered to WriteFallback again by this process. What it
	// accepts is never given to Write. A failure makes it wait, for itself and not for the link. It is called on the
	// goroutine that calls Write, also when Connect has failed, and is followed by Close at the end.
	WriteFallback(metrics []telegraf.Metric) error
}

// Hinter is an error of an output that knows something about the next try.
type Hinter interface {
	error
	RetryHint() RetryHint
}

// RetryHint is what is known about the next try after a failure.
type RetryHint struct {
	// After is how long to wait at least, whatever the backoff says: what stands in the way needs a person.
	After time.Duration
	// Poll is how long to wait in place of the backoff, which does not grow: the try has cost nothing on the link.
	Poll time.Duration
	// Quick is how long to wait in place of the first backoff: the try has certainly delivered nothing.
	Quick time.Duration
	// Waited is how much of the backoff is over, because the try itself has waited for the far side.
	Waited time.Duration
}

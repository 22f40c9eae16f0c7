package smsout

import "context"

// Way is a way by which SMS can go. The outbox calls its methods one at a time.
type Way interface {
	// Name names it in results and errors.
	Name() string
	// Plan returns how many parts the message takes by this way, or why it cannot take it at all.
	Plan(m Message) (parts int, err error)
	// Send sends it, and calls its Commit before that. nil means that the network, or the cloud, has taken all of it. An error that is no [*WayError]
	// means that it may have been sent.
	Send(ctx context.Context, m Message) error
	// Close gives back what it holds.
	Close() error
}

// Finisher is a way that has something to do after a message, for which the journal need not wait.
type Finisher interface {
	// Finish is called after each Send, when what became of the message is in the journal, unless ctx ends first.
	Finish(ctx context.Context)
}

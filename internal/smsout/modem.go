package smsout

import (
	"context"
	"errors"
	"time"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm"
)

// DefaultBusyWait is how long a port that another process has is waited for.
const DefaultBusyWait = 15 * time.Second

// Modem is the way through a modem. Only Port must be set. The port is open only while an SMS is sent.
type Modem struct {
	// Port is the serial port, BaudRate its speed; 0 is 115200.
	Port     string
	BaudRate int
	// Sender says how the modem is used. Its OnReport is called for status reports.
	Sender gsm.SenderConfig
	// Reports asks for status reports. The port then stays open until they have come, for at most
	// Sender.ReportTimeout.
	Reports bool
	// Validity is for how long the network tries to deliver; 0 leaves it to the network.
	Validity time.Duration
	// BusyWait is how long a port that another process has is waited for; 0 is DefaultBusyWait, less than 0 not at all.
	BusyWait time.Duration
	// AT are the limits of the driver.
	AT at.Options
}

var (
	_ Way      = (*Modem)(nil)
	_ Finisher = (*Modem)(nil)
)

// Name returns "modem".
func (m *Modem) Name() string { return "modem" }

// Plan implements Way.
func (m *Modem) Plan(msg Message) (int, error) { return 0, errors.ErrUnsupported }

// Send implements Way.
func (m *Modem) Send(ctx context.Context, msg Message) error { return errors.ErrUnsupported }

// Finish waits for status reports, if there are any to come, and closes the port.
func (m *Modem) Finish(ctx context.Context) {}

// Close closes the port.
func (m *Modem) Close() error { return nil }

package smslimit

import (
	"errors"
	"time"
)

// Account counts what is sent. It may be used by several goroutines.
type Account struct {
	path   string
	limits Limits
	now    func() time.Time
}

// Open opens the account in the file path, which is made if there is none; "" is an account in memory, which begins
// anew with each process. now is the clock, and taken at its word; nil is the system's clock, which is not.
//
// The account can be used whatever the error, unless the limits are not valid: Reserve tries again what has failed.
func Open(path string, l Limits, now func() time.Time) (*Account, error) {
	return &Account{path: path, limits: l, now: now}, l.Validate()
}

// Reserve counts parts that are about to be sent. Only when it returns no error they may be sent: they are on the disk
// as sent. A [*LimitError] says that they are too many. Any other error says that they cannot be counted.
func (a *Account) Reserve(parts int) (*Reservation, error) { return nil, errors.ErrUnsupported }

// Usage returns what is used now.
func (a *Account) Usage() (Usage, error) { return Usage{}, errors.ErrUnsupported }

// Read returns what is used in the account in the file path, and changes nothing. now is as in Open. The error is
// fs.ErrNotExist if there is no such file, as nothing was sent yet.
func Read(path string, l Limits, now func() time.Time) (Usage, error) {
	return Usage{}, errors.ErrUnsupported
}

// Reservation is what Reserve has counted. It needs no end.
type Reservation struct{}

// Release gives back all parts of the reservation, because certainly none of them was sent.
func (r *Reservation) Release() error { return r.ReleaseParts(MaxLimit) }

// ReleaseParts gives back some parts of the reservation, because certainly that many were not sent. More than there are
// left are all of them. An error says that they still count.
func (r *Reservation) ReleaseParts(n int) error { return errors.ErrUnsupported }

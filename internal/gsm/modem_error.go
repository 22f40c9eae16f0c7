package gsm

import (
	"context"
	"errors"
	"fmt"

	"telegraf-hologram/internal/at"
)

// Why [Modem.Run] ends, besides the error of its context. After each of them the
// port should be opened again after a while: the cause may be gone then.
var (
	// ErrNoAnswer says that the modem does not answer, or no longer: it is frozen,
	// or there is no modem on this port.
	ErrNoAnswer = errors.New("the modem does not answer")
	// ErrPortClosed says that the port has failed, as when a modem is unplugged, or
	// was closed.
	ErrPortClosed = errors.New("the port was closed")
	// ErrNoSMS says that what answers takes no SMS commands, as on a port that is
	// for data.
	ErrNoSMS = errors.New("the modem takes no SMS commands on this port")
	// ErrTextModeOnly says that the modem does not give messages as PDUs.
	ErrTextModeOnly = errors.New("the modem has no PDU mode")
	// ErrStorage says that none of the storages can be selected.
	ErrStorage = errors.New("the modem has none of the storages")
	// ErrNoSIM says that there is no SIM, or a broken one.
	ErrNoSIM = errors.New("the modem has no usable SIM")
	// ErrSIMBusy says that the SIM was not ready in time.
	ErrSIMBusy = errors.New("the SIM is not ready")
	// ErrPIN says that the SIM wants its PIN and does not get it.
	ErrPIN = errors.New("the SIM needs its PIN")
	// ErrPINRefused says that the PIN was wrong. The Modem does not try it again:
	// after three wrong ones a SIM wants its PUK. It is [ErrPIN] as well.
	ErrPINRefused = fmt.Errorf("%w: the one that is configured was refused", ErrPIN)
	// ErrPINLastTry says that one try is left, which is not the Modem's to take. It
	// is [ErrPIN] as well.
	ErrPINLastTry = fmt.Errorf("%w: only one try is left, which is not made", ErrPIN)
	// ErrPUK says that the SIM wants its PUK. No PIN is tried then.
	ErrPUK = errors.New("the SIM needs its PUK")
)

// State is what a [Modem] is doing, or why it is not.
type State uint8

// The states.
const (
	Stopped      State = iota // Run is not running, and has not failed
	Starting                  // the modem is being initialised
	Ready                     // messages are received
	NoAnswer                  // ErrNoAnswer
	PortClosed                // ErrPortClosed
	NoSMS                     // ErrNoSMS
	TextModeOnly              // ErrTextModeOnly
	NoStorage                 // ErrStorage
	NoSIM                     // ErrNoSIM
	SIMBusy                   // ErrSIMBusy, also while it is waited for
	NeedsPIN                  // ErrPIN
	NeedsPUK                  // ErrPUK
	Failed                    // any other error
)

// String returns the name of the state, in small letters with underscores.
func (s State) String() string {
	switch s {
	case Stopped:
		return "stopped"
	case Starting:
		return "starting"
	case Ready:
		return "ready"
	case NoAnswer:
		return "no_answer"
	case PortClosed:
		return "port_closed"
	case NoSMS:
		return "no_sms"
	case TextModeOnly:
		return "text_mode_only"
	case NoStorage:
		return "no_storage"
	case NoSIM:
		return "no_sim"
	case SIMBusy:
		return "sim_busy"
	case NeedsPIN:
		return "pin"
	case NeedsPUK:
		return "puk"
	default:
		return "failed"
	}
}

// StateOf returns the state that an error of [Modem.Run] leaves.
func StateOf(err error) State {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return Stopped
	case errors.Is(err, ErrNoAnswer):
		return NoAnswer
	case errors.Is(err, ErrPortClosed):
		return PortClosed
	case errors.Is(err, ErrNoSMS):
		return NoSMS
	case errors.Is(err, ErrTextModeOnly):
		return TextModeOnly
	case errors.Is(err, ErrStorage):
		return NoStorage
	case errors.Is(err, ErrNoSIM):
		return NoSIM
	case errors.Is(err, ErrSIMBusy):
		return SIMBusy
	case errors.Is(err, ErrPIN):
		return NeedsPIN
	case errors.Is(err, ErrPUK):
		return NeedsPUK
	default:
		return Failed
	}
}

// typed makes an error of a driver one of this package's.
func typed(err error) error {
	switch {
	case err == nil, StateOf(err) != Failed:
		return err
	case errors.Is(err, at.ErrUnresponsive), errors.Is(err, at.ErrWriteTimeout), errors.Is(err, at.ErrTimeout):
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	case errors.Is(err, at.ErrClosed):
		return fmt.Errorf("%w: %w", ErrPortClosed, err)
	}
	if sim := simError(err); sim != nil {
		return fmt.Errorf("%w: %w", sim, err)
	}
	return err
}

// isRefusal tells whether the modem has answered, and has not done what it should.
func isRefusal(err error) bool {
	if _, ok := errors.AsType[*at.CMEError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*at.CMSError](err); ok {
		return true
	}
	return errors.Is(err, at.ErrFailed) || errors.Is(err, at.ErrNotSupported) || errors.Is(err, at.ErrNoCarrier)
}

// isHarmless tells whether only the one command was refused, not all of them for
// want of a SIM.
func isHarmless(err error) bool { return isRefusal(err) && simError(err) == nil }

// isCMS tells whether a refusal has a code of 3GPP TS 27.005 3.2.5.
func isCMS(err error, code int) bool {
	cms, ok := errors.AsType[*at.CMSError](err)
	return ok && cms.Code == code
}

// The codes of 3GPP TS 27.005 3.2.5 that are no error here.
const (
	cmsInvalidIndex = 321
	cmsNoAckWanted  = 340
)

// simError returns what is wrong with the SIM if that is why a command was
// refused (3GPP TS 27.007 9.2.1, 3GPP TS 27.005 3.2.5), and nil otherwise.
func simError(err error) error {
	if cme, ok := errors.AsType[*at.CMEError](err); ok {
		switch cme.Code {
		case 10, 13, 15: // not inserted, failure, wrong
			return ErrNoSIM
		case 11:
			return ErrPIN
		case 12:
			return ErrPUK
		case 14:
			return ErrSIMBusy
		}
	}
	if cms, ok := errors.AsType[*at.CMSError](err); ok {
		switch cms.Code {
		case 310, 313, 315:
			return ErrNoSIM
		case 311:
			return ErrPIN
		case 314:
			return ErrSIMBusy
		case 316:
			return ErrPUK
		}
	}
	return nil
}

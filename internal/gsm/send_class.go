package gsm

import (
	"errors"

	"telegraf-hologram/internal/at"
)

// sendError classifies why a part was not sent. handed tells whether the modem may
// have got the part: without that nothing can have been sent.
func sendError(err error, handed bool) *SendError {
	err = typed(err)
	class := classOf(err)
	if class == Unsure && !handed {
		class = Retry
	}
	return &SendError{Class: class, Err: err}
}

// classOf classifies an error; what says nothing of the message is Unsure.
func classOf(err error) SendClass {
	switch {
	case errors.Is(err, ErrRecipient), errors.Is(err, ErrTooLong), errors.Is(err, at.ErrInvalid):
		return GiveUp
	case errors.Is(err, ErrNotRegistered), errors.Is(err, ErrSIMBusy):
		return Retry
	case errors.Is(err, ErrNoSIM), errors.Is(err, ErrPIN), errors.Is(err, ErrPUK),
		errors.Is(err, ErrNoSMS), errors.Is(err, ErrTextModeOnly), errors.Is(err, at.ErrNotSupported):
		return Stop
	}
	if cms, ok := errors.AsType[*at.CMSError](err); ok {
		return classOfCMS(cms.Code)
	}
	if cme, ok := errors.AsType[*at.CMEError](err); ok {
		return classOfCME(cme.Code)
	}
	return Unsure
}

// classOfCMS classifies a code of +CMS ERROR (3GPP TS 27.005 3.2.5): 1 to 127 are
// RP-Cause, 128 to 255 TP-FCS, and those from 300 on the modem's own.
func classOfCMS(code int) SendClass {
	switch {
	case code < 1:
		return Unsure
	case code < 128:
		return classOfRPCause(code)
	case code < 256:
		return classOfFCS(code)
	}
	switch code {
	case 301, // SMS service of ME reserved
		302,           // operation not allowed
		314,           // SIM busy
		320, 321, 322, // memory
		331: // no network service
		return Retry
	case 303, // operation not supported
		310, 311, 312, 313, 315, 316, 317, 318, // SIM, PIN, PUK
		330: // SMSC address unknown
		return Stop
	case 304, 305: // invalid parameter
		return GiveUp
	}
	// 300 ME failure, 332 network timeout, 500 unknown error, and from 512 on what each
	// maker has for itself: they come after the message has left, too.
	return Unsure
}

// classOfRPCause classifies what a network answers in RP-ERROR, which says that it
// has not taken the message (3GPP TS 24.011 annex E-2). The MSC gives 38 also for a
// service centre that does not answer (3GPP TS 23.040 10.1), but waits for that
// longer than a modem waits for the MSC (TR1M, 35 to 45 s).
func classOfRPCause(code int) SendClass {
	switch code {
	case 8, 10, // barred by the operator, or by the barring of outgoing calls
		28,     // IMSI not known
		50, 69: // the subscription, or the network, is without SMS
		return Stop
	case 1, // unassigned number
		21,                  // this message is not wanted
		29,                  // what it asks for is not supported
		30,                  // the number is not allocated
		95, 96, 97, 99, 111: // it is not as it should be
		return GiveUp
	}
	// Failure, congestion, out of service; and all others are to be treated as 41,
	// temporary failure (3GPP TS 24.011 8.2.5.4).
	return Retry
}

// classOfFCS classifies what a service centre answers (3GPP TS 23.040 9.2.3.22).
func classOfFCS(code int) SendClass {
	switch {
	case code == 0xc1: // no SC subscription
		return Stop
	case code == 0xc5: // duplicate: it has this message already
		return Unsure
	case code == 0xc0, code == 0xc2, // SC busy, SC system failure
		code >= 0xc8 && code <= 0xdf, // of the modem, when it receives; and reserved
		code == 0xff:                 // unspecified
		return Retry
	}
	// TP-PID, TP-DCS, the type or the validity period are not supported, the number is
	// invalid or barred, or an application's own.
	return GiveUp
}

// classOfCME classifies a code of +CME ERROR (3GPP TS 27.007 9.2) that is none of
// the SIM's.
func classOfCME(code int) SendClass {
	switch code {
	case 3, 30, 32: // operation not allowed, no network service, emergency calls only
		return Retry
	case 4, 5, 6, 7, 16, 17, 18, 40: // operation not supported, locks of the modem, PIN2
		return Stop
	case 50: // incorrect parameters
		return GiveUp
	}
	return Unsure
}

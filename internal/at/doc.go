// Package at drives a modem with AT commands (ITU-T V.250, 3GPP TS 27.007 and
// 27.005) over any [io.ReadWriteCloser]. It knows nothing of SMS, metrics or how
// a port is opened.
//
// A [Driver] has one command in flight at a time. What the modem says of its own
// accord, an unsolicited result code ([URC]), is kept apart from answers even
// when it comes in the middle of one, and is handed out in the order of arrival.
// The second line of +CMT, +CDS and +CBM, their PDU, travels with the first.
//
// An answer that was not waited for to its end is never taken for the answer of
// the next command: the driver then brings the line to a known state first, and
// closes the port if it cannot. It does so before the first command, too, since
// a port may hold what an earlier owner has asked for.
//
// Modems differ and lines are noisy, so the driver skips echo whether or not it
// should be on, takes all the forms of final results that are known, bounds every
// line, answer and wait, and drops what belongs to nothing, counting it.
//
// Errors name a command without its parameters, which may be a PIN, a number or
// a text.
package at

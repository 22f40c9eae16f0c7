// Package smslimit is the account of the SMS that were sent, and keeps them within limits: Hologram pauses a SIM, for
// data as well, that has sent 100 SMS in a period of 30 days.
//
// It counts before the SMS is sent. A [Reservation] is on the disk when Reserve returns, so that a process that is
// killed, or whose power is cut, between counting and sending has counted. Only what certainly was not sent is given
// back. Where the account cannot be read or written nothing may be sent.
//
// Several processes may use the same file at the same time; each operation locks, reads and writes it.
//
// # Time
//
// A part counts for an hour, a day and 30 days after it was reserved. With the system's clock (see [Open]) this time is
// taken from the time since the system was started, on Linux, so that a clock that is set forwards or backwards frees
// nothing. Over a restart of the system it is taken from the clock, as the time without power is known to nothing else:
//
//   - A clock that is behind frees nothing until it has caught up, or for 30 days if it is further behind.
//   - A clock before 2024 was not set. Time stands still with it, except for what the system knows since its start.
//     What was sent under it counts from when the clock is set.
//   - A clock that is wrongly ahead after a restart, or was behind before it and is right now, frees too early by as
//     much. Nothing can tell this from a device that was switched off for longer.
//
// On other systems, and with a clock of the caller's, the same holds at any time.
package smslimit

// Package gsm reads SMS as a modem has them: it decodes the PDUs that the modem
// lists and puts the parts of long messages together.
//
// [Decode] never refuses a PDU. Service centres, modems and SIM cards damage
// messages in harmless ways: digits that are none in a time stamp, octets that
// were not erased behind the end, a length that counts a fill digit. What can be
// read is read, and [Message.Repaired] tells what was amiss; only when something
// is really missing there is an error, in [Message.Err], next to what is known
// all the same. No error and no printed form of this package contains the text
// of a message or a number.
//
// An [Assembler] joins the parts of concatenated messages. It does no I/O, has
// no clock and starts nothing: a caller that adds the parts that are still in
// the modem after a restart gets to the same result.
//
// A [Modem] brings both to a real one, over an at.Driver: it initialises the
// modem, reads its storages, hands out messages, and deletes them when they are
// in safety.
package gsm

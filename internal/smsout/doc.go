// Package smsout sends SMS, each at most once, by the first way that works, within the limits of an account.
//
// An [Outbox] has a journal of what its messages tell, as keys that the caller chooses, and an account of what they
// cost (package smslimit). For each message it does, in this order, each step on the disk before the next:
//
//  1. The parts are reserved in the account.
//  2. A [Way] makes ready to send: the Socket API connects, the modem finds its network. That may take long.
//  3. The keys are written into the journal as pending.
//  4. The message goes.
//  5. The keys are written as told. If the message certainly was not sent they are removed, and the parts given back.
//
// A process that ends between 3 and 5 leaves keys that are pending: the message may have been sent. It counts as sent and
// as told, unless the caller wants such messages to be sent again ([Again]).
//
// Where the account or the journal cannot be written nothing is sent, and everything is tried again with the next
// message.
package smsout

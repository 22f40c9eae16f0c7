// Package socketapi sends messages to Hologram's Socket API, the TCP service
// with which a device hands data to the Hologram cloud ("Embedded APIs" in
// Hologram's documentation). It knows nothing about metrics.
//
// A [Client] makes one connection for each message: it writes the message in
// one piece, reads the answer and closes. What became of a message that was
// not confirmed is told by an [*Error], whose [Verdict] says whether the
// message may safely be sent again, may already be there, or is refused.
//
// An answer that is late is not an answer that is lost: when the cloud's system
// has acknowledged the whole message and nothing has come in time, the client
// keeps the connection, on which nothing moves, and waits on for a while. Any
// other failure ends it with RST at once, so that the system does not go on
// sending and deliver what the caller is about to send again.
//
// Traffic on a cellular link is paid for by the byte, and here the packets
// around a message cost more than most messages. On Linux the client therefore
// lets the third segment of the TCP handshake travel with the data, and ends a
// confirmed exchange with RST instead of FIN: 385 bytes of IP and TCP headers
// and answer for a message of one segment, where a plain client needs 541.
// Other systems work without the first of the two. What an exchange has taken
// on the wire, successful or not, is in its [Receipt].
//
// The Socket API is not encrypted: credentials and data travel in clear text
// outside of the cellular network's own tunnel. No error, log value or printed
// form of this package contains credentials or the text of a message.
package socketapi

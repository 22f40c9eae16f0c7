package lab

import (
	"bytes"
	"encoding/json"
)

// Bytes at the level of IP, both directions together, of one message in a TCP
// connection of its own, over IPv4 with timestamps, as Linux does it.
const (
	// OverheadOurs is what a message of one segment costs besides its own bytes
	// with our binary: handshake, headers, the answer, and the end by RST.
	OverheadOurs = 385
	// OverheadPlain is the same for a plain client that writes once, reads the
	// answer, and closes.
	OverheadPlain = 541

	segmentSize     = 1448 // bytes of data in a full segment
	segmentOverhead = 104  // headers of a further segment and of its acknowledgement
)

// WireBytes returns the bytes on the wire of a message of size bytes, which
// include the two newlines at its end.
func WireBytes(size, overhead int) int {
	segments := max(1, (size+segmentSize-1)/segmentSize)
	return size + overhead + (segments-1)*segmentOverhead
}

// PlainMessage returns the size in bytes of a Socket API message that carries
// data as it is, with an eight-character device key and no topics.
func PlainMessage(data string) int {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // nobody but Go's default does
	if err := encoder.Encode(data); err != nil {
		panic(err) // a string always has a JSON form
	}
	const envelope = `{"k":"12345678","d":}`
	return len(envelope) + text.Len() - len("\n") + len("\n\n")
}

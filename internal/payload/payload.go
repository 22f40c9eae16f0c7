// Package payload turns Telegraf metrics into compact text and back.
//
// A payload is what goes into the data string of a Hologram Socket API
// message: a few hundred metrics in about as many bytes as the metrics carry
// news, in characters that JSON does not escape, so that the length of the
// text is what is billed. It is lossless, decodes alone, carries a checksum and
// a sequence number, and is the same for the same metrics everywhere.
//
// Encoding has four stages, each in a file or files of its own:
//
//   - layout: metrics are turned into columns (prepare.go, encode.go,
//     decode.go), and every column into bytes by the rule that fits it best
//     (int.go, float.go, text columns in string.go);
//   - entropy: the columns are compressed by DEFLATE with a preset dictionary
//     (entropy.go, package dictionary);
//   - frame: method, sequence number and checksum (frame.go);
//   - text: nine bytes become eleven characters (radix94.go), or for an SMS 27
//     bytes become 34 characters that every SMS can carry (radix82.go).
//
// docs/payload.md is the specification, byte by byte.
package payload

import (
	"errors"
	"fmt"
	"strings"

	"github.com/influxdata/telegraf"
)

// The first character of a payload tells its version and its text stage.
const (
	// Version1 starts a payload of version 1. No line protocol and no JSON text
	// starts with it.
	Version1 = ','
	// VersionSMS starts a payload of version 1 in the text stage for SMS. No JSON
	// text starts with it, people hardly ever do, and line protocol that does has a
	// space, which such a payload has not.
	VersionSMS = ';'
)

// Limits of one payload, which bound what a decoder allocates for any input.
const (
	// MaxContent is the largest number of bytes between the layout and the
	// entropy stage.
	MaxContent = 2 << 20
	// MaxValues is the largest number of tag and field values of all metrics.
	MaxValues = 1 << 18
	// MaxText is the largest number of bytes that the names, tag keys, tag values,
	// field names and string values of all metrics have together, each counted
	// in every metric.
	MaxText = 1 << 24
	// MaxMetrics is the largest number of metrics.
	MaxMetrics = 1 << 16
	// SequenceLimit is one more than the largest sequence number.
	SequenceLimit = 1 << 12
)

// Errors that a caller may want to tell apart.
var (
	// ErrNotCompact is the error for text that is no compact payload at all.
	ErrNotCompact = errors.New("not a compact payload")
	// ErrChecksum is the error for a payload that was damaged on its way.
	ErrChecksum = errors.New("checksum does not match")
	// ErrTooLarge is the error for metrics, or a declared size, beyond the limits
	// of one payload.
	ErrTooLarge = errors.New("beyond the limits of one payload")
)

// Sequence numbers the payloads of one sender, so that a receiver can report
// gaps and drop repeats. It runs from 0 to 4095; 0 is the first payload after
// a sender has started without memory of its last number, and 4095 is followed
// by 1.
type Sequence uint16

// Next returns the number after s.
func (s Sequence) Next() Sequence {
	if s+1 >= SequenceLimit {
		return 1
	}
	return s + 1
}

// Batch is what a payload decodes to.
type Batch struct {
	Sequence Sequence
	Checksum uint32 // of the content, 24 bits; with Sequence it identifies the payload
	Metrics  []telegraf.Metric
}

// MetricError says that a metric cannot be carried by any payload.
type MetricError struct {
	Index int // in the slice given
	Err   error
}

func (e *MetricError) Error() string { return fmt.Sprintf("metric %d: %v", e.Index, e.Err) }

func (e *MetricError) Unwrap() error { return e.Err }

// Encode returns the payload of the metrics.
func Encode(metrics []telegraf.Metric, seq Sequence) ([]byte, error) {
	var e Encoder
	if err := e.addAll(metrics); err != nil {
		return nil, err
	}
	return e.Append(nil, 0, e.Len(), seq)
}

// EncodeSMS is Encode in the text stage for SMS.
func EncodeSMS(metrics []telegraf.Metric, seq Sequence) ([]byte, error) {
	var e Encoder
	if err := e.addAll(metrics); err != nil {
		return nil, err
	}
	return e.AppendSMS(nil, 0, e.Len(), seq)
}

func (e *Encoder) addAll(metrics []telegraf.Metric) error {
	for i, m := range metrics {
		if err := e.Add(m); err != nil {
			return &MetricError{Index: i, Err: err}
		}
	}
	return nil
}

// IsCompact tells whether the text starts as a compact payload does. One in the
// text stage for SMS must also be without spaces, as line protocol never is.
func IsCompact(text string) bool {
	return text != "" && (text[0] == Version1 || text[0] == VersionSMS && strings.IndexByte(trimSMS(text), ' ') < 0)
}

// trimSMS takes away what networks, modems and gateways add to the end of an
// SMS: ends of lines and spaces, and the @ that the fill bits behind a text of
// 8n-1 septets are for who counts octets. None of them is in the alphabet.
func trimSMS(text string) string { return strings.TrimRight(text, " \t\r\n@") }

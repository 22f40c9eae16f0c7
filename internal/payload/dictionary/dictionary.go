// Package dictionary holds the preset dictionaries of the compact payload: the
// names of the measurements, tags and fields that Telegraf's common plugins and
// typical devices use, so that even a message with one metric does not spell
// them out.
//
// A dictionary never changes once payloads have been made with it: a payload
// names its version, and a decoder must have the same bytes.
package dictionary

import _ "embed" // for the dictionary

//go:generate go run ./gen -o v1.bin

//go:embed v1.bin
var version1 string

// Version1 returns the dictionary of version 1, at most 32 KiB.
func Version1() []byte { return []byte(version1) }

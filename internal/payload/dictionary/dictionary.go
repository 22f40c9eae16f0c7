// Package dictionary holds the preset dictionaries of the compact payload: the
// names of the measurements, tags and fields that Telegraf's common plugins and
// typical devices use, so that even a message with one metric does not spell
// them out.
//
// A dictionary never changes once payloads have been made with it: a payload
// names its version, and a decoder must have the same bytes.
//
// v1.bin is the dictionary. What is linked is v1.deflate, the same compressed,
// which is 24 kB less on a device.
package dictionary

import (
	_ "embed" // for the dictionary
	"sync"

	"telegraf-hologram/internal/payload/deflate"
)

//go:generate go run ./gen -o v1.bin -deflate v1.deflate

//go:embed v1.deflate
var compressed1 []byte

var version1 = sync.OnceValue(func() []byte {
	text, rest, err := deflate.Inflate(compressed1, nil, 32<<10)
	if err != nil || rest > 0 {
		panic("unreachable: the tests have read what is linked")
	}
	return text
})

// Version1 returns the dictionary of version 1, at most 32 KiB. It is the same
// for all callers, who only read it.
func Version1() []byte { return version1() }

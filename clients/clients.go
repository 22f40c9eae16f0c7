// Package clients holds decoders of the compact payload for others, in Python and in JavaScript,
// each in one file with the dictionary in it. Its tests hold them to the decoder in Go.
package clients

//go:generate go run ./gen

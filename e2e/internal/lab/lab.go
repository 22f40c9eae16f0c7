// Package lab puts the real parts together for the end-to-end tests and for the
// demo: it builds Telegraf and our binary, runs them with the emulator of the
// cloud between them, and compares what went in with what came out.
package lab

// Package modem is an AT modem on this machine: it speaks on a pseudo-terminal
// as a GSM or LTE modem does on its serial port (ITU-T V.250, 3GPP TS 27.007 and
// 27.005), receives the SMS that it is told to, and does what makes modems hard
// to work with, when it is told to: it is unplugged, freezes, resets, is full,
// wants a PIN, talks in the middle of its answers.
//
// A [Profile] is a maker's way of doing things, as users and manuals describe it:
// it has the oddities that are documented, not the whole modem. Nothing here was
// measured on a real one.
//
// [Start] works on Linux only.
package modem

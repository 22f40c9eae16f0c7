// Package network tests our binary behind a network that fails: toxiproxy stands
// between it and the emulator of the cloud, and slows, cuts, swallows and resets
// what passes. Whatever happens, the cloud has in the end what was sent, and
// twice only what it took without the answer having come back.
//
// It is a module of its own because of what toxiproxy brings along.
package network

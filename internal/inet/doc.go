// Package inet opens connections of TCP and sockets of UDP to literal
// addresses. On Linux it does so without package net, which costs a device 280
// kB of its binary: a socket is an [os.File] there, which has all that is
// needed of deadlines and of a Close that ends a Read. Other systems use
// package net.
//
// It does not look up names (package dns does), listen, probe idle connections,
// or try several addresses at once.
package inet

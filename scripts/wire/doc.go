// Package wire has no code of its own. Its tests count, packet by packet, what
// a message to the Socket API costs on the wire, and lose packets to see what a
// client makes of it: for every failure of a link or a cloud they print the
// verdict, the bytes that the client reports and those that were counted, and
// whether the cloud had the message:
//
//	go test -count=1 -v ./scripts/wire
//
// They join two network namespaces by a link in user space that delays each
// packet as a cellular network would, and that sees every one of them. This
// needs Linux, root and /dev/net/tun; elsewhere the tests are skipped and say
// why. Nothing of it remains afterwards, not even if the test is killed: the
// namespaces have no name and go with the last thread that is in them.
package wire

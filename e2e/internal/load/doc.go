// Package load measures the receiving side: many devices' webhooks come to our
// binary, which runs under inputs.execd of the real Telegraf, and every metric of
// every webhook that was answered with success must come out of that Telegraf. It
// tells requests a second, latencies, memory, CPU and syncs of the disk; what
// becomes of them while the receiver is killed, and while others send what is
// hostile; and it runs examples/scaling, with two receivers behind a balancer and
// a broker.
package load

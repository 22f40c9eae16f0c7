// Package dns looks up the addresses of one host name. On Linux it does so
// without package net, in as few bytes as the link allows: one question for one
// kind of address, without EDNS0. Other systems use package net.
//
// A name is looked for in /etc/hosts and then asked of the name servers of
// /etc/resolv.conf, both of which are read anew for each lookup. Of resolv.conf
// count nameserver (the first three, IPv6 with its zone as well), search and
// domain for names without a dot, and of the options timeout and attempts.
// Without a name server there one on this host is asked.
//
// Servers are asked in their order. One that does not answer in time is asked
// again after all others, and what it answers until then still counts; one that
// answers with a failure is not asked again in the same lookup. An answer
// counts if it comes from the server asked and has the question and the random
// number of it; together with the port, which the kernel chooses at random,
// that is all the protection there is. An answer that does not fit into a
// datagram of 512 bytes is used if there is an address in what fits, or else
// asked for by TCP.
//
// What it does not do: search domains for names with a dot; keep answers, or
// tell how long they may be kept; check signatures (DNSSEC); encrypt (DoT, DoH);
// nsswitch.conf, mDNS, NIS; names other than those of hosts in ASCII; the
// options rotate, ndots, edns0, no-aaaa and what else resolv.conf knows; any
// record but A and AAAA, and CNAME on the way to them.
package dns

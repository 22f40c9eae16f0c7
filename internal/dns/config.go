package dns

import (
	"bufio"
	"bytes"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	maxServers = 3 // as in resolv.conf(5)
	maxSearch  = 6
	maxTimeout = 30 * time.Second
	maxRounds  = 5

	maxLine  = 4096      // bytes; longer lines are passed over
	maxLines = 1_000_000 // lists of names to be blocked have hundreds of thousands
)

// config is what resolv.conf says.
type config struct {
	servers []netip.Addr // at least one
	search  []string
	timeout time.Duration // for an answer, at least a second
	rounds  int           // how often each server is asked, at least once
}

// readConfig reads a file in the form of resolv.conf(5). What is missing or
// makes no sense is as if it were not there.
func readConfig(file string) config {
	c := config{timeout: 5 * time.Second, rounds: 2}
	eachLine(file, func(line []byte) bool {
		fields := strings.Fields(string(line))
		if len(fields) < 2 {
			return true
		}
		switch values := fields[1:]; fields[0] {
		case "nameserver":
			if addr, err := netip.ParseAddr(values[0]); err == nil && len(c.servers) < maxServers {
				c.servers = append(c.servers, addr.Unmap())
			}
		case "domain":
			c.search = values[:1]
		case "search":
			c.search = values[:min(len(values), maxSearch)]
		case "options":
			for _, o := range values {
				c.option(o)
			}
		}
		return true
	})
	if len(c.servers) == 0 {
		c.servers = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	return c
}

func (c *config) option(o string) {
	name, value, _ := strings.Cut(o, ":")
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return
	}
	switch name {
	case "timeout":
		c.timeout = min(time.Duration(min(n, 1000))*time.Second, maxTimeout)
	case "attempts":
		c.rounds = min(n, maxRounds)
	}
}

// names are what is to be asked for, in order, to find a host: the name itself
// if it has a dot, else that with each search domain before.
func (c *config) names(host string) []string {
	name := strings.TrimSuffix(host, ".")
	if strings.Contains(host, ".") {
		return []string{name}
	}
	var names []string
	for _, domain := range c.search {
		if domain = strings.Trim(domain, "."); domain != "" {
			names = append(names, name+"."+domain)
		}
	}
	return append(names, name)
}

// readHosts returns the addresses that a file in the form of hosts(5) has for a
// name. known tells whether the name is there, if only with addresses of the
// other kind.
func readHosts(file, host string, k recordType) (addrs []netip.Addr, known bool) {
	host = strings.TrimSuffix(host, ".")
	eachLine(file, func(line []byte) bool {
		address, names := nextField(line)
		for len(names) > 0 {
			var name []byte
			if name, names = nextField(names); !sameName(name, host) {
				continue
			}
			addr, err := netip.ParseAddr(string(address))
			if err != nil {
				break
			}
			known = true
			if addr = addr.Unmap(); addr.Is4() == (k == typeA) {
				addrs = append(addrs, addr)
			}
			break
		}
		return len(addrs) < maxAddrs
	})
	return addrs, known
}

// nextField cuts the first word off a line.
func nextField(line []byte) (field, rest []byte) {
	line = bytes.TrimLeft(line, " \t\r\n")
	end := bytes.IndexAny(line, " \t\r\n")
	if end < 0 {
		return line, nil
	}
	return line[:end], line[end:]
}

// sameName compares names of hosts. The first may have a final dot.
func sameName(a []byte, b string) bool {
	if a = bytes.TrimSuffix(a, []byte{'.'}); len(a) != len(b) || b == "" {
		return false
	}
	for i := range len(b) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// eachLine calls f with each line of a file, without the comment, until f
// returns false. f must not keep the line. A file that cannot be read has no lines.
func eachLine(name string, f func(line []byte) bool) {
	file, err := os.Open(name)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	r := bufio.NewReaderSize(file, maxLine)
	long := false // in the rest of a line that is too long
	for range maxLines {
		b, err := r.ReadSlice('\n')
		skip := long
		long = errors.Is(err, bufio.ErrBufferFull)
		if !skip && !long {
			if i := bytes.IndexAny(b, "#;"); i >= 0 {
				b = b[:i]
			}
			if !f(b) {
				return
			}
		}
		if err != nil && !long {
			return
		}
	}
}

package gsm

import (
	"context"
	"strconv"
	"strings"

	"telegraf-hologram/internal/at"
)

// maxDirect is how many messages that were handed over may wait to be handled.
const maxDirect = 256

// drain takes the URCs that are there.
func (s *session) drain() {
	for {
		select {
		case u, ok := <-s.d.URCs():
			if !ok {
				return // the next command fails
			}
			s.take(u)
		default:
			return
		}
	}
}

// take notes what a URC asks for.
func (s *session) take(u at.URC) {
	if u.Missed > 0 {
		s.sweepDue = true
	}
	name := strings.ToUpper(u.Name)
	switch name {
	case "+CMTI", "+CDSI":
		// The storage that is named may be another one, or none at all.
		s.sweepDue, s.indicated = true, true
	case "+CMT", "+CDS":
		if u.Data == "" || len(s.direct) >= maxDirect {
			s.sweepDue = true
			return
		}
		s.direct = append(s.direct, u)
	case "RDY", "START", "^SYSSTART":
		s.sweepDue, s.checkDue, s.booted = true, true, true
	case "SMS READY", "CALL READY", "SMS DONE", "PB DONE", "+CPIN", "+PBREADY", "+QUSIM", "^SRVST":
		s.sweepDue, s.checkDue = true, true
	case "+CIEV":
		p := u.Params()
		if s.fullIndex != "" && len(p) > 1 && p[0] == s.fullIndex && p[1] != "0" {
			s.full()
		}
	default:
		what := name + strings.ToUpper(u.Args)
		switch {
		case strings.Contains(what, "MEMFULL"), strings.Contains(what, "SMSFULL"), strings.Contains(what, "SMFULL"):
			s.full() // ^SMMEMFULL: "SM", +QIND: "smsfull","SM"
		case name == "+QIND":
			s.sweepDue, s.checkDue = true, true // SMS DONE
		}
	}
}

func (s *session) full() {
	s.sweepDue = true
	s.count(func(c *Counters) { c.Full++ })
}

// handOver handles the messages that came without being stored.
func (s *session) handOver(ctx context.Context) error {
	for len(s.direct) > 0 {
		u := s.direct[0]
		s.direct = s.direct[1:]
		params := u.Params()
		length := 0
		if len(params) > 0 {
			length, _ = strconv.Atoi(params[len(params)-1])
		}
		msg := Decode(u.Data, length)
		switch {
		case s.known(msg.ID):
			s.count(func(c *Counters) { c.Duplicates++ })
		case s.isRefused(msg.ID):
			continue // not acknowledged, so that the network has it
		case !s.add(ctx, msg, Part{PDU: u.Data, Length: length}, Location{}):
			continue
		}
		if err := s.acknowledge(ctx); err != nil {
			return err
		}
	}
	return nil
}

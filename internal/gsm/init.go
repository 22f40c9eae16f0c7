package gsm

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"telegraf-hologram/internal/at"
)

// initialise prepares the modem, and waits for its SIM.
func (s *session) initialise(ctx context.Context) error {
	s.setState(Starting, nil)
	s.booted = false
	err := s.untilSIM(ctx, s.cfg.SIMTimeout, s.prepare, func(problem, err error) { s.setState(StateOf(problem), err) })
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.driver = s.d
	s.mu.Unlock()
	s.setState(Ready, nil)
	return nil
}

// prepare goes through the steps of the initialisation once.
func (s *session) prepare(ctx context.Context) error {
	if err := s.basics(ctx); err != nil {
		return err
	}
	if err := s.findStorages(ctx); err != nil {
		return err
	}
	if err := s.indications(ctx); err != nil {
		return err
	}
	if err := s.fullIndicator(ctx); err != nil {
		return err
	}
	if err := s.custom(ctx, s.cfg.InitCommands); err != nil {
		return err
	}
	return s.remember(ctx)
}

// indications has the modem tell of messages that it has stored (3GPP TS 27.005
// 3.4.1). Without, they are found at the next poll.
func (s *session) indications(ctx context.Context) error {
	offered, err := s.cnmiOffers(ctx)
	if err != nil {
		return err
	}
	if len(offered(1, 1)) == 1 {
		// Some tell of modes and refuse them.
		for _, bfr := range offered(4, 0, 1) {
			for _, ds := range offered(3, 2, 1, 0) { // stored reports before direct ones before none
				for _, mode := range offered(0, 2, 1, 3) {
					_, ok, err := s.try(ctx, fmt.Sprintf("AT+CNMI=%d,1,0,%d,%d", mode, ds, bfr))
					if ok || err != nil {
						return err
					}
				}
			}
		}
	}
	s.cfg.Log.Infof("The modem does not tell of new messages: they are looked for every %v", s.cfg.PollInterval)
	return nil
}

// fullIndicator finds out which indicator of +CIEV tells of a full storage (3GPP
// TS 27.007 8.9).
func (s *session) fullIndicator(ctx context.Context) error {
	s.fullIndex = ""
	lines, _, err := s.try(ctx, "AT+CIND=?")
	if err != nil {
		return err
	}
	for i, p := range at.Params(argsOf(lines, "+CIND")) {
		if strings.Contains(strings.ToLower(p), `"smsfull"`) {
			s.fullIndex = strconv.Itoa(i + 1)
		}
	}
	return nil
}

// remember asks for the settings that tell later whether the modem has lost them.
func (s *session) remember(ctx context.Context) (err error) {
	var lines []string
	if lines, _, err = s.try(ctx, "AT+CMGF?"); err != nil {
		return err
	}
	s.cmgf = argsOf(lines, "+CMGF")
	if lines, _, err = s.try(ctx, "AT+CNMI?"); err != nil {
		return err
	}
	s.cnmi = argsOf(lines, "+CNMI")
	if err := s.findService(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.status.Indications = s.cnmi
	s.mu.Unlock()
	return nil
}

// intact tells whether the modem has kept its settings, which it loses with a
// reset, and AT+CNMI's by an acknowledgement that did not come in time.
func (s *session) intact(ctx context.Context) (bool, error) {
	if s.booted {
		return false, nil
	}
	if s.noSelect && s.repairs < maxRepairs {
		s.repairs++ // it may have been asked too early
		return false, nil
	}
	for _, q := range []struct{ cmd, name, want string }{
		{"AT+CMGF?", "+CMGF", s.cmgf},
		{"AT+CNMI?", "+CNMI", s.cnmi},
	} {
		if q.want == "" {
			continue
		}
		lines, err := s.d.Command(ctx, q.cmd)
		if err != nil && !isRefusal(err) {
			return false, err
		}
		if argsOf(lines, q.name) != q.want {
			return false, nil
		}
	}
	return true, nil
}

package gsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/at"
)

const (
	firstSIMWait = 500 * time.Millisecond
	maxSIMWait   = 5 * time.Second
	noSIMTimeout = 15 * time.Second // a starting modem says for a while that there is none
	maxPINSends  = 2                // without having learned whether it was right
)

// initialise prepares the modem, and waits for its SIM. It uses no ATZ and no
// AT&F: they undo what a user has stored, and more with some modems. Only what a
// modem cannot do without may fail.
func (s *session) initialise(ctx context.Context) error {
	s.setState(Starting, nil)
	s.booted = false
	wait, started := firstSIMWait, time.Now()
	for {
		err := s.prepare(ctx)
		if err == nil {
			s.mu.Lock()
			s.driver = s.d
			s.mu.Unlock()
			s.setState(Ready, nil)
			return nil
		}
		limit := s.cfg.SIMTimeout
		problem := simError(err)
		switch {
		case problem == nil, errors.Is(problem, ErrPUK):
			return err
		case errors.Is(problem, ErrNoSIM):
			limit = min(limit, noSIMTimeout)
		}
		if time.Since(started)+wait > limit {
			return err
		}
		s.setState(StateOf(problem), err)
		if err := s.sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxSIMWait)
	}
}

// sleep waits, taking what the modem says meanwhile.
func (s *session) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case u, ok := <-s.d.URCs():
			if !ok {
				return s.d.Err()
			}
			s.take(u)
		}
	}
}

// try sends a command that may be refused, but not because of the SIM.
func (s *session) try(ctx context.Context, cmd string) (lines []string, ok bool, err error) {
	lines, err = s.d.Command(ctx, cmd)
	if err != nil && isHarmless(err) {
		s.cfg.Log.Debugf("Initialising: %v", err)
		return nil, false, nil
	}
	return lines, err == nil, err
}

// prepare goes through the steps of the initialisation once.
func (s *session) prepare(ctx context.Context) error {
	for _, cmd := range []string{"ATE0", "AT+CMEE=1"} {
		if _, _, err := s.try(ctx, cmd); err != nil {
			return err
		}
	}
	if err := s.unlock(ctx); err != nil {
		return err
	}
	if err := s.pduMode(ctx); err != nil {
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
	for _, cmd := range s.cfg.InitCommands {
		if _, err := s.d.Command(ctx, cmd); err != nil {
			if !isRefusal(err) && !errors.Is(err, at.ErrInvalid) {
				return err
			}
			s.cfg.Log.Warnf("An init command was refused: %v", err)
		}
	}
	return s.remember(ctx)
}

// unlock gives the SIM its PIN if it wants it (3GPP TS 27.007 8.3).
func (s *session) unlock(ctx context.Context) error {
	lines, ok, err := s.try(ctx, "AT+CPIN?")
	if err != nil || !ok {
		return err
	}
	switch strings.ToUpper(strings.Trim(argsOf(lines, "+CPIN"), `" `)) {
	case "SIM PIN":
		return s.enterPIN(ctx)
	case "SIM PUK":
		return ErrPUK
	case "NOT INSERTED":
		return &at.CMEError{Code: cmeNoSIM}
	case "NOT READY":
		return &at.CMEError{Code: cmeSIMBusy}
	case "READY":
		s.pinSends, s.pinSent = 0, false
	}
	return nil // other locks do not keep messages from being read
}

// enterPIN enters the PIN, unless that may cost the SIM.
func (s *session) enterPIN(ctx context.Context) error {
	switch {
	case s.cfg.PIN == "":
		return ErrPIN
	case len(s.cfg.PIN) < 4 || len(s.cfg.PIN) > 8 || strings.Trim(s.cfg.PIN, "0123456789") != "":
		return fmt.Errorf("%w: the one that is configured is not 4 to 8 digits", ErrPIN)
	case s.pinRefused:
		return ErrPINRefused
	case s.pinSent:
		// It was taken: the modem is at it.
		return &at.CMEError{Code: cmeSIMBusy}
	case s.pinSends >= maxPINSends:
		return ErrPINRefused
	}
	left, err := s.pinTries(ctx)
	if err != nil {
		return err
	}
	if left >= 0 && left <= 1 {
		return ErrPINLastTry
	}
	s.pinSends++
	_, err = s.d.Command(ctx, `AT+CPIN="`+s.cfg.PIN+`"`)
	switch {
	case err == nil:
		s.pinSent = true
		return s.unlock(ctx)
	case !isRefusal(err):
		return err
	case errors.Is(simError(err), ErrPUK):
		s.pinRefused = true
		return ErrPUK
	case errors.Is(simError(err), ErrSIMBusy):
		s.pinSends--
		return err
	}
	s.pinRefused = true
	return fmt.Errorf("%w (%w)", ErrPINRefused, err)
}

// 3GPP TS 27.007 9.2.1.
const (
	cmeNoSIM   = 10
	cmeSIMBusy = 14
)

// pinTries returns how many PINs may be tried, -1 if the modem does not tell. The
// standard command is AT+CPINR (3GPP TS 27.007 8.65), the others are makers' own.
func (s *session) pinTries(ctx context.Context) (int, error) {
	for _, q := range []struct {
		cmd, name string
		param     int
	}{
		{`AT+CPINR="SIM PIN"`, "+CPINR", 1},
		{"AT^CPIN?", "^CPIN", 3},
		{"AT+UPINCNT?", "+UPINCNT", 0},
		{`AT+QPINC="SC"`, "+QPINC", 1},
		{"AT+SPIC", "+SPIC", 0},
		{"AT#PCT", "#PCT", 0},
	} {
		lines, err := s.d.Command(ctx, q.cmd)
		if err != nil && !isRefusal(err) {
			return -1, err
		}
		if p := at.Params(argsOf(lines, q.name)); err == nil && len(p) > q.param {
			if n := number(p[q.param]); n >= 0 && n <= 10 {
				return n, nil
			}
		}
	}
	return -1, nil
}

// pduMode has messages given as PDUs (3GPP TS 27.005 3.2.3).
func (s *session) pduMode(ctx context.Context) error {
	_, ok, err := s.try(ctx, "AT+CMGF=0")
	if ok || err != nil {
		return err
	}
	lines, ok, err := s.try(ctx, "AT+CMGF?")
	switch {
	case err != nil:
		return err
	case !ok:
		return ErrNoSMS
	case strings.TrimSpace(argsOf(lines, "+CMGF")) == "0":
		return nil
	}
	return ErrTextModeOnly
}

// indications has the modem tell of messages that it has stored (3GPP TS 27.005
// 3.4.1). Without, they are found at the next poll.
func (s *session) indications(ctx context.Context) error {
	lines, _, err := s.try(ctx, "AT+CNMI=?")
	if err != nil {
		return err
	}
	groups := at.Params(argsOf(lines, "+CNMI"))
	offered := func(i int, wanted ...int) []int {
		if i >= len(groups) {
			return wanted
		}
		values := valuesOf(groups[i])
		if len(values) == 0 {
			return wanted
		}
		var both []int
		for _, n := range wanted {
			if slices.Contains(values, n) {
				both = append(both, n)
			}
		}
		return both
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

// valuesOf reads a list of numbers as test commands give it: (0-2), (0,1,3), (2),
// or 2.
func valuesOf(group string) []int {
	var values []int
	for part := range strings.SplitSeq(strings.Trim(group, "() "), ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		low := number(strings.TrimSpace(first))
		high := low
		if isRange {
			high = number(strings.TrimSpace(last))
		}
		for n := low; n >= 0 && n <= high && len(values) < 256; n++ {
			values = append(values, n)
		}
	}
	return values
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
	// Service 1 (phase 2+) wants what is handed over to be acknowledged. It is not
	// asked for, since a modem that misses one acknowledgement hands over nothing
	// more, but a user or another owner of the modem may have asked.
	lines, _, err = s.try(ctx, "AT+CSMS?")
	if err != nil {
		return err
	}
	p := at.Params(argsOf(lines, "+CSMS"))
	s.mustAck = len(p) > 0 && p[0] == "1"
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

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

// link is a connection to a modem, and what a [Modem] and a [Sender] do alike on it.
// It is of one goroutine.
type link struct {
	d     *at.Driver
	log   Logger
	onURC func(at.URC) // takes what comes while link waits
	pin   *pin

	pinSent bool // and taken

	receiving string              // <mem3>
	forms     map[string]cpmsForm // of AT+CPMS, by storage
	noSelect  bool                // AT+CPMS does not work
	selected  string              // <mem1>
	mustAck   bool                // AT+CSMS is 1
}

// pin is the PIN of a SIM, and what is known of it over connections.
type pin struct {
	value   string
	sends   int  // that are not known to have been right
	refused bool //
}

// untilSIM prepares the modem, again and again while its SIM is busy, but no longer
// than limit. waiting is told why it waits.
func (l *link) untilSIM(ctx context.Context, limit time.Duration, prepare func(context.Context) error, waiting func(problem, err error)) error {
	wait, started := firstSIMWait, time.Now()
	for {
		err := prepare(ctx)
		if err == nil {
			return nil
		}
		limit := limit
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
		waiting(problem, err)
		if err := l.sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxSIMWait)
	}
}

// basics goes through the steps that come first: no echo, errors with numbers, the
// SIM unlocked, PDU mode. It uses no ATZ and no AT&F: they undo what a user has
// stored, and more with some modems. Only what a modem cannot do without may fail.
func (l *link) basics(ctx context.Context) error {
	for _, cmd := range []string{"ATE0", "AT+CMEE=1"} {
		if _, _, err := l.try(ctx, cmd); err != nil {
			return err
		}
	}
	if err := l.unlock(ctx); err != nil {
		return err
	}
	return l.pduMode(ctx)
}

// custom sends the user's commands. One that is refused is no error.
func (l *link) custom(ctx context.Context, commands []string) error {
	for _, cmd := range commands {
		if _, err := l.d.Command(ctx, cmd); err != nil {
			if !isRefusal(err) && !errors.Is(err, at.ErrInvalid) {
				return err
			}
			l.log.Warnf("An init command was refused: %v", err)
		}
	}
	return nil
}

// try sends a command that may be refused, but not because of the SIM.
func (l *link) try(ctx context.Context, cmd string) (lines []string, ok bool, err error) {
	lines, err = l.d.Command(ctx, cmd)
	if err != nil && isHarmless(err) {
		l.log.Debugf("Initialising: %v", err)
		return nil, false, nil
	}
	return lines, err == nil, err
}

// sleep waits, taking what the modem says meanwhile.
func (l *link) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case u, ok := <-l.d.URCs():
			if !ok {
				return l.d.Err()
			}
			l.onURC(u)
		}
	}
}

// unlock gives the SIM its PIN if it wants it (3GPP TS 27.007 8.3).
func (l *link) unlock(ctx context.Context) error {
	lines, ok, err := l.try(ctx, "AT+CPIN?")
	if err != nil || !ok {
		return err
	}
	switch strings.ToUpper(strings.Trim(argsOf(lines, "+CPIN"), `" `)) {
	case "SIM PIN":
		return l.enterPIN(ctx)
	case "SIM PUK":
		return ErrPUK
	case "NOT INSERTED":
		return &at.CMEError{Code: cmeNoSIM}
	case "NOT READY":
		return &at.CMEError{Code: cmeSIMBusy}
	case "READY":
		l.pin.sends, l.pinSent = 0, false
	}
	return nil // other locks do not keep messages from being read
}

// enterPIN enters the PIN, unless that may cost the SIM.
func (l *link) enterPIN(ctx context.Context) error {
	switch {
	case l.pin.value == "":
		return ErrPIN
	case len(l.pin.value) < 4 || len(l.pin.value) > 8 || strings.Trim(l.pin.value, "0123456789") != "":
		return fmt.Errorf("%w: the one that is configured is not 4 to 8 digits", ErrPIN)
	case l.pin.refused:
		return ErrPINRefused
	case l.pinSent:
		// It was taken: the modem is at it.
		return &at.CMEError{Code: cmeSIMBusy}
	case l.pin.sends >= maxPINSends:
		return ErrPINRefused
	}
	left, err := l.pinTries(ctx)
	if err != nil {
		return err
	}
	if left >= 0 && left <= 1 {
		return ErrPINLastTry
	}
	l.pin.sends++
	_, err = l.d.Command(ctx, `AT+CPIN="`+l.pin.value+`"`)
	switch {
	case err == nil:
		l.pinSent = true
		return l.unlock(ctx)
	case !isRefusal(err):
		return err
	case errors.Is(simError(err), ErrPUK):
		l.pin.refused = true
		return ErrPUK
	case errors.Is(simError(err), ErrSIMBusy):
		l.pin.sends--
		return err
	}
	l.pin.refused = true
	return fmt.Errorf("%w (%w)", ErrPINRefused, err)
}

// 3GPP TS 27.007 9.2.1.
const (
	cmeNoSIM   = 10
	cmeSIMBusy = 14
)

// pinTries returns how many PINs may be tried, -1 if the modem does not tell. The
// standard command is AT+CPINR (3GPP TS 27.007 8.65), the others are makers' own.
func (l *link) pinTries(ctx context.Context) (int, error) {
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
		lines, err := l.d.Command(ctx, q.cmd)
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
func (l *link) pduMode(ctx context.Context) error {
	_, ok, err := l.try(ctx, "AT+CMGF=0")
	if ok || err != nil {
		return err
	}
	lines, ok, err := l.try(ctx, "AT+CMGF?")
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

// cnmiOffers asks which values AT+CNMI takes (3GPP TS 27.005 3.4.1). The function
// returns those of the wanted values that are offered for a parameter, the first
// one being 0; all of them, where the modem does not tell.
func (l *link) cnmiOffers(ctx context.Context) (offered func(i int, wanted ...int) []int, err error) {
	lines, _, err := l.try(ctx, "AT+CNMI=?")
	if err != nil {
		return nil, err
	}
	groups := at.Params(argsOf(lines, "+CNMI"))
	return func(i int, wanted ...int) []int {
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
	}, nil
}

// findService asks whether what the modem hands over has to be acknowledged.
//
// Service 1 (phase 2+) wants that. It is not asked for, since a modem that misses
// one acknowledgement hands over nothing more, but a user or another owner of the
// modem may have asked.
func (l *link) findService(ctx context.Context) error {
	lines, _, err := l.try(ctx, "AT+CSMS?")
	if err != nil {
		return err
	}
	p := at.Params(argsOf(lines, "+CSMS"))
	l.mustAck = len(p) > 0 && p[0] == "1"
	return nil
}

// acknowledge tells the network that a message has arrived (3GPP TS 27.005
// 3.4.4), where the modem does not do so itself.
func (l *link) acknowledge(ctx context.Context) error {
	if !l.mustAck {
		return nil
	}
	_, err := l.d.Command(ctx, "AT+CNMA")
	if err != nil && isRefusal(err) {
		if !isCMS(err, cmsNoAckWanted) {
			l.log.Debugf("Acknowledging a message: %v", err)
		}
		return nil
	}
	return err
}

// read reads a record; ok tells whether there is one.
func (l *link) read(ctx context.Context, where Location) (r record, ok bool, err error) {
	if l.selected != where.Storage {
		if _, err := l.use(ctx, where.Storage); err != nil {
			return record{}, false, err
		}
	}
	lines, err := l.d.Command(ctx, "AT+CMGR="+strconv.Itoa(where.Index))
	if isCMS(err, cmsInvalidIndex) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, err
	}
	for i, line := range lines {
		args, ok := cutName(line, "+CMGR")
		if !ok {
			continue
		}
		if i+1 == len(lines) {
			return record{}, false, nil
		}
		r := record{index: where.Index, stat: -1, pdu: lines[i+1]}
		p := at.Params(args)
		if len(p) > 1 {
			r.stat = number(p[0])
		}
		if len(p) > 0 {
			r.length = max(number(p[len(p)-1]), 0)
		}
		return r, r.pdu != "", nil
	}
	return record{}, false, nil
}

// cpmsForm is how many storages AT+CPMS is given.
type cpmsForm int

const (
	untried  cpmsForm = iota
	mixed             // three, of which the first is to be read and the others stay
	three             // three times the same
	two               // twice
	one               // once
	unusable          // it is refused
)

// command is the AT+CPMS of a form (3GPP TS 27.005 3.2.2).
func (f cpmsForm) command(storage, receiving string) string {
	rest := ""
	switch f {
	case mixed:
		rest = `,"` + receiving + `","` + receiving + `"`
	case three:
		rest = `,"` + storage + `","` + storage + `"`
	case two:
		rest = `,"` + storage + `"`
	}
	return `AT+CPMS="` + storage + `"` + rest
}

// use selects a storage to read from and tells how full it is.
func (l *link) use(ctx context.Context, storage string) (Usage, error) {
	if l.noSelect {
		return Usage{Storage: storage}, nil
	}
	if l.selected == storage {
		lines, err := l.d.Command(ctx, "AT+CPMS?")
		if err != nil && !isHarmless(err) {
			return Usage{Storage: storage}, err
		}
		if p := at.Params(argsOf(lines, "+CPMS")); len(p) >= 3 && p[0] == storage {
			return Usage{Storage: storage, Used: max(number(p[1]), 0), Total: max(number(p[2]), 0)}, nil
		}
		l.selected = ""
	}
	return l.selectStorage(ctx, storage)
}

// selectStorage tries the forms of AT+CPMS until one is taken: some modems take
// three storages only, some two at most.
func (l *link) selectStorage(ctx context.Context, storage string) (Usage, error) {
	u := Usage{Storage: storage}
	var refusal error
	first, last := l.forms[storage], one
	if first == untried {
		first = mixed
		if l.receiving == "" || l.receiving == storage {
			first = three
		}
	} else {
		last = first
	}
	for form := first; form <= last; form++ {
		lines, err := l.d.Command(ctx, form.command(storage, l.receiving))
		if err == nil {
			l.forms[storage], l.selected = form, storage
			var counts []int
			for _, p := range at.Params(argsOf(lines, "+CPMS")) {
				if n := number(p); n >= 0 {
					counts = append(counts, n) // some give the names, too
				}
			}
			if len(counts) > 1 {
				u.Used, u.Total = counts[0], counts[1]
			}
			return u, nil
		}
		if !isHarmless(err) {
			return u, err
		}
		refusal = err
	}
	if refusal == nil {
		refusal = errors.New("AT+CPMS: the storage was refused before")
	}
	return u, refusal
}

package gsm

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/at"
)

// awaited is a part for which a status report is to come.
type awaited struct {
	reference byte
	to        string
	sent      time.Time
}

const (
	maxAwaited = 255 // TP-MR has no more
	maxStored  = 64
	// keepAwaited is how long a report is known for ours, if somebody has the port open
	// then.
	keepAwaited    = 24 * time.Hour
	putBackTimeout = 5 * time.Second // for AT+CPMS, even if nobody waits any more
)

// await takes down that a report is to come.
func (s *Sender) await(reference byte, to string) {
	now := time.Now()
	s.awaited = slices.DeleteFunc(s.awaited, func(a awaited) bool {
		return a.reference == reference && a.to == to || now.Sub(a.sent) > keepAwaited
	})
	if len(s.awaited) == maxAwaited {
		s.awaited = s.awaited[1:]
	}
	s.awaited = append(s.awaited, awaited{reference, to, now})
}

// Awaited returns for how many of the parts that were sent within ReportTimeout a
// status report is still to come.
func (s *Sender) Awaited() (n int) {
	for _, a := range s.awaited {
		if time.Since(a.sent) < s.cfg.ReportTimeout {
			n++
		}
	}
	return n
}

// Wait waits for the status reports that are to come, until ReportTimeout has
// passed since the last part was sent, or ctx ends, which is no error. Without such
// it returns at once. An error is of the connection: what was sent remains sent.
func (s *Sender) Wait(ctx context.Context, d *at.Driver) error {
	if s.Awaited() == 0 {
		return nil
	}
	if s.link == nil || s.link.d != d {
		if err := s.prepare(ctx, d); err != nil {
			return typed(err)
		}
		if err := s.askForReports(ctx); err != nil {
			return typed(err)
		}
	}
	timeout := time.NewTimer(time.Until(s.lastSent.Add(s.cfg.ReportTimeout)))
	defer timeout.Stop()
	for {
		if err := s.takeReports(ctx); err != nil {
			return endOfWait(ctx, err)
		}
		if s.Awaited() == 0 {
			return nil
		}
		select {
		case u, ok := <-d.URCs():
			if !ok {
				return typed(d.Err())
			}
			s.take(u)
		case <-timeout.C:
			// Some modems, and some ports, do not tell of a report.
			return endOfWait(ctx, s.search(ctx, Location{}))
		case <-ctx.Done():
			return nil
		}
	}
}

func endOfWait(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that the wait ends is what the context is for
	}
	return typed(err)
}

// take takes what the modem says.
func (s *Sender) take(u at.URC) {
	switch strings.ToUpper(u.Name) {
	case "+CDS":
		if u.Data != "" && len(s.direct) < maxAwaited {
			s.direct = append(s.direct, u)
		}
	case "+CDSI":
		where := Location{Index: -1}
		if p := u.Params(); len(p) > 1 {
			where = Location{Storage: strings.ToUpper(p[0]), Index: number(p[1])}
		}
		if len(s.stored) < maxStored {
			s.stored = append(s.stored, where)
		}
	case "RDY", "START", "^SYSSTART":
		s.booted = true
	}
}

// drain takes what is there.
func (s *Sender) drain() {
	for {
		select {
		case u, ok := <-s.link.d.URCs():
			if !ok {
				return // the next command fails
			}
			s.take(u)
		default:
			return
		}
	}
}

// askForReports has the modem give status reports if it does not yet: stored ones
// rather than direct ones, since these are lost where nobody takes them. The other
// settings of AT+CNMI stay as they are (3GPP TS 27.005 3.4.1).
func (s *Sender) askForReports(ctx context.Context) error {
	if s.reports {
		return nil
	}
	if err := s.link.findService(ctx); err != nil {
		return err
	}
	lines, _, err := s.link.try(ctx, "AT+CNMI?")
	if err != nil {
		return err
	}
	now := make([]int, 0, 5)
	for _, p := range at.Params(argsOf(lines, "+CNMI")) {
		now = append(now, max(number(p), 0))
	}
	s.reports = true
	if len(now) != 5 || now[3] != 0 {
		return nil
	}
	offered, err := s.link.cnmiOffers(ctx)
	if err != nil {
		return err
	}
	modes := []int{now[0]}
	if now[0] == 0 && now[1] == 0 {
		// It keeps back what it has to tell; nobody else is told anything.
		modes = append(offered(0, 2, 1, 3), 0)
	}
	for _, ds := range offered(3, 2, 1) {
		for _, mode := range modes {
			for _, bfr := range offered(4, now[4], 1-min(now[4], 1)) {
				_, ok, err := s.link.try(ctx, fmt.Sprintf("AT+CNMI=%d,%d,%d,%d,%d", mode, now[1], now[2], ds, bfr))
				if ok || err != nil {
					return err
				}
			}
		}
	}
	s.cfg.Log.Debugf("The modem gives no status reports")
	return nil
}

// takeReports takes the reports that have come.
func (s *Sender) takeReports(ctx context.Context) error {
	if err := s.takeDirect(ctx); err != nil {
		return err
	}
	for len(s.stored) > 0 {
		where := s.stored[0]
		s.stored = s.stored[1:]
		if len(s.awaited) == 0 {
			continue
		}
		if err := s.search(ctx, where); err != nil {
			return err
		}
	}
	return nil
}

// takeDirect takes the reports that the modem has handed over, and acknowledges
// them where they want it: those of others, too, who are told on their own port.
func (s *Sender) takeDirect(ctx context.Context) error {
	s.drain()
	for len(s.direct) > 0 {
		u := s.direct[0]
		s.direct = s.direct[1:]
		length := 0
		if p := u.Params(); len(p) > 0 {
			length = max(number(p[len(p)-1]), 0)
		}
		msg := Decode(u.Data, length)
		if msg.Kind != StatusReport {
			continue
		}
		if i := s.find(msg); i >= 0 {
			s.report(i, msg)
		}
		if err := s.link.acknowledge(ctx); err != nil {
			return err
		}
	}
	return nil
}

// find returns which of the awaited parts a message is the report for, -1 for none.
func (s *Sender) find(msg *Message) int {
	if msg.Kind != StatusReport || msg.Err != nil {
		return -1
	}
	for i, a := range slices.Backward(s.awaited) {
		if a.reference == msg.Reference && sameNumber(a.to, msg.Peer.Value) {
			return i
		}
	}
	return -1
}

// sameNumber tells whether two numbers are the same, one of which may be without the
// code of its country.
func sameNumber(a, b string) bool {
	const enough = 7
	a, b = strings.TrimLeft(a, "+0"), strings.TrimLeft(b, "+0")
	if len(a) < len(b) {
		a, b = b, a
	}
	return a == b || len(b) >= enough && strings.HasSuffix(a, b)
}

// report hands a report out.
func (s *Sender) report(i int, msg *Message) {
	a := s.awaited[i]
	r := Report{Reference: a.reference, To: a.to, Status: msg.Status, Discharge: msg.Discharge.Time}
	switch st := msg.Status; {
	case st == 0x00, st == 0x02: // received; replaced by the service centre
		r.Delivered = true
	case st >= 0x40 && st <= 0x7f: // permanent errors; temporary ones and no more tries
		r.Failed = true
	}
	if msg.Status < 0x20 || msg.Status >= 0x40 { // else it still tries
		s.awaited = slices.Delete(s.awaited, i, i+1)
	}
	s.cfg.Log.Debugf("A status report: %v", r)
	s.cfg.OnReport(r)
}

// search looks for reports of ours: in the storage that has nothing else, and then
// where the modem has said that one is, which is not always true. A listing of
// others would mark what somebody has not read. AT+CPMS is put back to what it was.
func (s *Sender) search(ctx context.Context, where Location) (err error) {
	lines, _, err := s.link.try(ctx, "AT+CPMS?")
	if err != nil {
		return err
	}
	var selected []string
	for i, p := range at.Params(argsOf(lines, "+CPMS")) {
		if i%3 == 0 && isStorage(p) {
			selected = append(selected, p)
		}
	}
	if len(selected) == 0 {
		s.link.noSelect = true
	} else {
		s.link.selected, s.link.receiving = selected[0], selected[len(selected)-1]
		defer func() {
			if s.link.selected != selected[0] {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackTimeout)
				defer cancel()
				_, _, again := s.link.try(ctx, `AT+CPMS="`+strings.Join(selected, `","`)+`"`)
				if err == nil {
					err = again
				}
			}
		}()
	}
	found, err := s.searchReports(ctx)
	switch {
	case err != nil:
	case found > 0:
		s.ahead += found - 1
	case s.ahead > 0:
		s.ahead-- // it was found with one before
	case isStorage(where.Storage) && where.Index >= 0:
		_, err = s.fetch(ctx, where)
	}
	return err
}

// searchReports takes the reports out of the storage that is for them, if the modem
// has one, and returns how many were there.
func (s *Sender) searchReports(ctx context.Context) (found int, err error) {
	const storage = "SR"
	lines, _, err := s.link.try(ctx, "AT+CPMS=?")
	if err != nil || !slices.Contains(storagesOf(argsOf(lines, "+CPMS")), storage) {
		return 0, err
	}
	if _, err := s.link.use(ctx, storage); err != nil {
		return 0, harmless(err)
	}
	lines, _, err = s.link.try(ctx, "AT+CMGL=4")
	if err != nil {
		return 0, err
	}
	records, _ := parseList(lines)
	for _, r := range records {
		if s.find(Decode(r.pdu, r.length)) < 0 {
			continue
		}
		ours, err := s.fetch(ctx, Location{Storage: storage, Index: r.index})
		if err != nil {
			return found, err
		}
		if ours {
			found++
		}
	}
	return found, nil
}

// fetch reads a report and deletes it, if it is one of ours.
func (s *Sender) fetch(ctx context.Context, where Location) (found bool, err error) {
	r, ok, err := s.link.read(ctx, where)
	if err != nil || !ok {
		return false, harmless(err)
	}
	msg := Decode(r.pdu, r.length)
	i := s.find(msg)
	if i < 0 {
		return false, nil
	}
	s.report(i, msg)
	_, _, err = s.link.try(ctx, "AT+CMGD="+strconv.Itoa(where.Index))
	return true, err
}

// harmless is nil for what does not keep the modem from being used.
func harmless(err error) error {
	if err == nil || isHarmless(err) {
		return nil
	}
	return err
}

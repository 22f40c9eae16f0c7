package gsm

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/at"
)

// doomed is a message to be deleted.
type doomed struct {
	at  Location
	ids []ID // it is one of these
}

const (
	maxIndex    = 255 // for a storage whose size is not known
	maxScan     = 2000
	nearlyFull  = 80 // percent
	maxListTime = 5 * time.Minute
)

// sweep reads all storages and handles what is there. An error is of the
// connection or of the SIM.
func (s *session) sweep(ctx context.Context) error {
	s.count(func(c *Counters) { c.Sweeps++ })
	s.offer(ctx)
	order := slices.Clone(s.storages)
	if i := slices.Index(order, s.selected); i > 0 {
		order[0], order[i] = order[i], order[0] // the less AT+CPMS the better
	}
	seen := make(map[ID]struct{})
	whole := true
	for _, storage := range order {
		all, err := s.sweepStorage(ctx, storage, seen)
		if err != nil {
			return err
		}
		whole = whole && all
	}
	if err := s.expire(ctx); err != nil {
		return err
	}
	if whole && s.refused == nil {
		for id := range s.handled {
			if _, there := seen[id]; !there {
				delete(s.handled, id)
			}
		}
	}
	return nil
}

// sweepStorage handles what is in a storage, and tells whether that was all.
func (s *session) sweepStorage(ctx context.Context, storage string, seen map[ID]struct{}) (whole bool, err error) {
	records, usage, whole, listErr := s.list(ctx, storage)
	s.setUsage(usage)
	var waiting []doomed // parts that are of no message yet
	for _, r := range records {
		at := Location{Storage: storage, Index: r.index}
		id, waits, err := s.handle(ctx, r, at)
		if err != nil {
			return false, err
		}
		seen[id] = struct{}{}
		if waits {
			waiting = append(waiting, doomed{at, []ID{id}})
		}
		// What the modem hands over wants to be acknowledged soon.
		s.drain()
		if err := s.handOver(ctx); err != nil {
			return false, err
		}
	}
	if err := s.flush(ctx); err != nil {
		return false, err
	}
	if listErr != nil {
		if !isHarmless(listErr) {
			return false, listErr
		}
		s.tell(s.cfg.Log.Warnf, "A storage cannot be read: %v", listErr)
	}
	return whole && listErr == nil, s.makeRoom(ctx, storage, waiting)
}

// handle handles a record. It tells its ID, and whether it is a part that waits
// for others.
func (s *session) handle(ctx context.Context, r record, at Location) (id ID, waits bool, err error) {
	if !r.received() {
		return ID{}, false, nil
	}
	msg := Decode(r.pdu, r.length)
	if msg.Kind == Submit {
		return ID{}, false, nil
	}
	if s.isRefused(msg.ID) {
		return msg.ID, false, nil
	}
	if s.known(msg.ID) {
		s.doom(&Joined{IDs: []ID{msg.ID}, Locations: []Location{at}})
		return msg.ID, false, nil
	}
	if msg.Err != nil || msg.Repaired != 0 {
		// The line may be what is damaged.
		again, ok, err := s.readAgain(ctx, at)
		if err != nil {
			return msg.ID, false, err
		}
		if !ok || again.pdu != r.pdu {
			s.again = true
			return msg.ID, false, nil
		}
	}
	s.add(ctx, msg, Part{PDU: r.pdu, Length: r.length}, at)
	_, handled := s.handled[msg.ID]
	return msg.ID, msg.Concat != nil && !handled && !s.isRefused(msg.ID), nil
}

// makeRoom takes parts out of a storage that is nearly full, since the others
// could not come otherwise.
func (s *session) makeRoom(ctx context.Context, storage string, parts []doomed) error {
	u := s.usage(storage)
	if s.cfg.KeepMessages || u.Total == 0 || u.Used*100 < u.Total*nearlyFull || s.assembler.Waiting() == 0 {
		return nil
	}
	if s.cfg.KeepPart != nil {
		for _, p := range parts {
			if s.keepPart(ctx, p.ids[0]) {
				s.doomed = append(s.doomed, p)
			}
		}
		return s.flush(ctx)
	}
	for len(parts) > 0 && u.Used >= u.Total {
		j, ok := s.assembler.Evict(time.Now())
		if !ok {
			return nil
		}
		s.cfg.Log.Warnf("The storage %s is full of parts: a message is given out incomplete", storage)
		if !s.deliver(ctx, j) {
			return nil
		}
		if err := s.flush(ctx); err != nil {
			return err
		}
		u = s.usage(storage)
	}
	return nil
}

// doom has the records of a message deleted at the next flush.
func (s *session) doom(j *Joined) {
	if s.cfg.KeepMessages {
		return
	}
	for _, at := range j.Locations {
		s.doomed = append(s.doomed, doomed{at, j.IDs})
	}
}

// flush deletes what is to be deleted. What the modem refuses to delete is found
// again by the next sweep.
func (s *session) flush(ctx context.Context) error {
	sooner := func(a, b string) bool { return a != b && (a == s.selected || b != s.selected && a < b) }
	for i := range s.doomed {
		for ; i > 0 && sooner(s.doomed[i].at.Storage, s.doomed[i-1].at.Storage); i-- {
			s.doomed[i], s.doomed[i-1] = s.doomed[i-1], s.doomed[i]
		}
	}
	for len(s.doomed) > 0 {
		next := s.doomed[0]
		if err := s.delete(ctx, next); err != nil {
			if !isHarmless(err) {
				return err
			}
			s.count(func(c *Counters) { c.DeleteFailed++ })
			s.tell(s.cfg.Log.Warnf, "Messages cannot be deleted: %v", err)
		}
		s.doomed = s.doomed[1:]
		s.drain()
	}
	s.doomed = nil
	return nil
}

// delete deletes a record if it is what it is thought to be: a modem uses one
// again as soon as it is free.
func (s *session) delete(ctx context.Context, it doomed) error {
	r, ok, err := s.read(ctx, it.at)
	if err != nil || !ok {
		return err
	}
	if !r.received() || !slices.Contains(it.ids, Decode(r.pdu, r.length).ID) {
		s.sweepDue = true
		return nil
	}
	if _, err := s.d.Command(ctx, "AT+CMGD="+strconv.Itoa(it.at.Index)); err != nil && !isCMS(err, cmsInvalidIndex) {
		return err
	}
	s.mu.Lock()
	s.status.Counters.Deleted++
	for i := range s.status.Storages {
		if u := &s.status.Storages[i]; u.Storage == it.at.Storage && u.Used > 0 {
			u.Used--
		}
	}
	s.mu.Unlock()
	return nil
}

// list reads the records of a storage: those that came before an error, too. It
// tells whether these are all.
func (s *session) list(ctx context.Context, storage string) (records []record, u Usage, whole bool, err error) {
	u, err = s.use(ctx, storage)
	if err != nil {
		return nil, u, false, err
	}
	if !s.noList[storage] {
		lines, err := s.d.Command(ctx, "AT+CMGL=4", at.Limit(maxListTime))
		records, whole = parseList(lines)
		switch {
		case err == nil, isCMS(err, cmsInvalidIndex): // how some say that there is nothing
		case !isHarmless(err) && !errors.Is(err, at.ErrTooLong):
			return records, u, false, err
		default:
			s.cfg.Log.Debugf("The storage %s is read record by record: %v", storage, err)
			s.noList[storage] = true
		}
		short := u.Used - len(records)
		if !s.noList[storage] && whole && (u.Total == 0 || short <= 0 || short == s.shortfall[storage]) {
			return records, u, true, nil
		}
	}
	if err := s.scan(ctx, storage, u, &records); err != nil {
		return records, u, false, err
	}
	s.shortfall[storage] = max(u.Used-len(records), 0)
	return records, u, true, nil
}

// scan reads the records that a listing does not have, one by one.
func (s *session) scan(ctx context.Context, storage string, u Usage, records *[]record) error {
	last := maxIndex
	if u.Total > 0 {
		last = min(u.Total, maxScan) // the first is 0 or 1
	}
	for i := 0; i <= last && (u.Total == 0 || len(*records) < u.Used); i++ {
		if slices.ContainsFunc(*records, func(r record) bool { return r.index == i }) {
			continue
		}
		r, ok, err := s.readAgain(ctx, Location{Storage: storage, Index: i})
		if err != nil {
			return err
		}
		if ok {
			*records = append(*records, r)
		}
		s.drain()
	}
	return nil
}

// readAgain is read, for which a refusal means that there is no record.
func (s *session) readAgain(ctx context.Context, where Location) (record, bool, error) {
	r, ok, err := s.read(ctx, where)
	if err != nil && isHarmless(err) {
		return record{}, false, nil
	}
	return r, ok, err
}

// findStorages chooses the storages to read.
func (s *session) findStorages(ctx context.Context) error {
	s.forms, s.selected, s.receiving, s.noSelect = make(map[string]cpmsForm), "", "", false
	s.noList, s.shortfall = make(map[string]bool), make(map[string]int)

	lines, err := s.d.Command(ctx, "AT+CPMS=?")
	if err != nil && !isHarmless(err) {
		return err
	}
	offered := storagesOf(argsOf(lines, "+CPMS"))
	lines, err = s.d.Command(ctx, "AT+CPMS?")
	if err != nil && !isHarmless(err) {
		return err
	}
	now := at.Params(argsOf(lines, "+CPMS"))

	wanted := s.cfg.Storages
	if len(wanted) == 0 {
		wanted = defaultStorages(offered, now)
	}
	if len(now) >= 7 && (slices.Contains(wanted, now[6]) || now[6] == "MT") {
		s.receiving = now[6]
	} else {
		s.receiving = wanted[0]
	}
	var usages []Usage
	var refusal error
	for _, storage := range wanted {
		u, err := s.selectStorage(ctx, storage)
		switch {
		case err == nil:
			usages = append(usages, u)
		case !isHarmless(err):
			return err
		default:
			refusal = err
			if len(s.cfg.Storages) > 0 {
				s.cfg.Log.Warnf("The modem has no storage %s: %v", storage, err)
			}
		}
	}
	if len(usages) == 0 {
		if len(offered) > 0 || len(now) > 0 || len(s.cfg.Storages) > 0 {
			return joinErrors(ErrStorage, refusal)
		}
		// There is no choice of storages.
		s.noSelect, s.selected = true, wanted[0]
		usages = []Usage{{Storage: wanted[0]}}
		s.cfg.Log.Debugf("The storage cannot be chosen: %v", refusal)
	}
	s.storages = s.storages[:0]
	for _, u := range usages {
		s.storages = append(s.storages, u.Storage)
	}
	s.mu.Lock()
	s.status.Storages = usages
	s.mu.Unlock()
	return nil
}

// defaultStorages are those to read of the ones that a modem offers, or else of
// the answer to AT+CPMS?.
func defaultStorages(offered, now []string) []string {
	if len(offered) == 0 {
		for i := 0; i < len(now); i += 3 {
			if !slices.Contains(offered, now[i]) {
				offered = append(offered, now[i])
			}
		}
	}
	var chosen []string
	for _, name := range []string{"SM", "ME", "SR"} {
		if slices.Contains(offered, name) || len(offered) == 0 && name != "SR" {
			chosen = append(chosen, name)
		}
	}
	if !slices.Contains(chosen, "SM") && !slices.Contains(chosen, "ME") {
		if slices.Contains(offered, "MT") { // both of them
			return append(chosen, "MT")
		}
		for _, name := range offered {
			if name != "BM" && name != "SR" { // BM has broadcasts
				chosen = append(chosen, name)
			}
		}
	}
	if len(chosen) == 0 {
		return []string{"SM"}
	}
	return chosen
}

// storagesOf reads the first list of the answer to AT+CPMS=?: ("SM","ME"),(…),
// or (("SM","BM"),("SM")), or "SM" alone.
func storagesOf(args string) []string {
	args = strings.TrimLeft(args, "( ")
	if list, _, ok := strings.Cut(args, ")"); ok {
		args = list
	}
	var names []string
	for _, name := range at.Params(args) {
		if isStorage(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isStorage tells whether a modem may have a storage of this name.
func isStorage(name string) bool {
	if len(name) < 2 || len(name) > 8 {
		return false
	}
	for _, c := range name {
		if (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return true
}

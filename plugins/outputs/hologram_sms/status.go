package hologramsms

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/smslimit"
	"telegraf-hologram/internal/smsout"
)

// ReportStatus tells what is left of the limits, what is held back, and which way
// does not work. It implements execd.StatusReporter.
func (h *HologramSMS) ReportStatus(add func(name string, value any)) error {
	add("ways", strings.Join(h.Via, ", "))
	var errs []error
	usage, err := smslimit.Read(h.AccountPath(h.dir), h.Limits(), h.clock)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		add("sms_in_hour", window(usage.Hour, h.MaxPerHour))
		add("sms_in_day", window(usage.Day, h.MaxPerDay))
		add("sms_in_period", window(usage.Period, h.MaxPerPeriod))
		add("next_sms_allowed", usage.Free)
		add("account_damaged", usage.Damaged)
	} else {
		errs = append(errs, err)
	}
	if path := h.OutboxPath(h.dir); path != "" {
		journal, err := smsout.Read(path, h.Via...)
		switch {
		case err == nil:
			add("sms_unsure", journal.Pending)
			for _, f := range journal.Failing {
				add("failing_"+f.Way, f.Since)
			}
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	if path := h.memoryPath(); path != "" {
		mem, err := readMemory(path)
		switch {
		case err == nil:
			mem.report(add, h.cooldown, h.now())
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// window says what is used of a limit.
func window(w smslimit.Window, limit int) string {
	if limit == 0 {
		return fmt.Sprintf("%d, no limit", w.Used)
	}
	return fmt.Sprintf("%d of %d", w.Used, limit)
}

// report tells what is remembered.
func (r *recall) report(add func(name string, value any), wait time.Duration, now time.Time) {
	if n := r.held.total + r.sending.total; n > 0 {
		since := r.held.since
		if r.sending.total > 0 {
			since = r.sending.since
		}
		add("held_back", n)
		add("held_back_since", since)
	}
	cooling := 0
	for _, c := range r.cooldowns {
		if now.Sub(c.at) < wait {
			cooling++
		}
	}
	if wait > 0 {
		add("cooldown", execd.Duration(wait))
		add("series_in_cooldown", cooling)
		add("skipped_by_cooldown", r.skipped)
	}
}

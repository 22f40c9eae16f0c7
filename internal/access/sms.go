package access

import (
	"fmt"
	"path/filepath"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/smslimit"
	"telegraf-hologram/internal/smsout"
)

// SMS are the options of what sends SMS: how many may be sent, and what becomes of
// one that may have been sent. The samples of the plugins describe them.
type SMS struct {
	// MaxPerHour and MaxPerDay are how many SMS, counted in parts, may be sent in any
	// hour and in any 24 hours; 0 is no limit.
	MaxPerHour int `toml:"max_per_hour"`
	MaxPerDay  int `toml:"max_per_day"`
	// MaxPerPeriod is the same for any 30 days, 1 to 1000.
	MaxPerPeriod int `toml:"max_per_period"`
	// AccountFile is the file in which they are counted, shared by all that sends
	// with the same SIM; without it, one in the buffer directory.
	AccountFile string `toml:"account_file"`
	// WhenUnsure is "skip" or "again".
	WhenUnsure string `toml:"when_unsure"`
}

// Values of SMS.WhenUnsure.
const (
	unsureSkip  = "skip"
	unsureAgain = "again"
)

// Names in the buffer directory.
const (
	accountName = "sms-account"
	outboxName  = "sms-outbox"
)

const maxPerPeriod = 1000

// DefaultSMS returns the options that hold when a configuration sets none. Hologram
// pauses a SIM, for data as well, that has sent 100 SMS in a period of 30 days.
func DefaultSMS() SMS {
	return SMS{MaxPerHour: 10, MaxPerDay: 20, MaxPerPeriod: 50, WhenUnsure: unsureSkip}
}

// Check says which option is wrong, as an [*execd.OptionError].
func (o *SMS) Check() error {
	for _, n := range []struct {
		option            string
		value, from, upto int
		want              string
	}{
		{"max_per_period", o.MaxPerPeriod, 1, maxPerPeriod, "1 to 1000 SMS in 30 days"},
		{"max_per_day", o.MaxPerDay, 0, maxPerPeriod, "1 to 1000 SMS in 24 hours, or 0 for no limit but those for longer times"},
		{"max_per_hour", o.MaxPerHour, 0, maxPerPeriod, "1 to 1000 SMS in an hour, or 0 for no limit but those for longer times"},
	} {
		if n.value < n.from || n.value > n.upto {
			return &execd.OptionError{Option: n.option, Value: n.value, Problem: "is out of range", Want: n.want}
		}
	}
	if o.AccountFile != "" && !filepath.IsAbs(o.AccountFile) {
		return &execd.OptionError{
			Option: "account_file", Value: o.AccountFile, Problem: "is not absolute",
			Want: `an absolute path such as "/var/lib/telegraf-hologram/sms-account"`,
		}
	}
	if o.WhenUnsure != unsureSkip && o.WhenUnsure != unsureAgain {
		return &execd.OptionError{
			Option: "when_unsure", Value: o.WhenUnsure, Problem: "is unknown",
			Want: fmt.Sprintf("one of %q, %q", unsureSkip, unsureAgain),
		}
	}
	return nil
}

// CheckDirectory says what is wrong with keeping the account and the outbox in the
// buffer directory dir, as an [*execd.OptionError]: limits that end with the process
// are none.
func (o *SMS) CheckDirectory(dir string) error {
	if dir != "" {
		return nil
	}
	return &execd.OptionError{
		Option: "buffer_directory", Problem: "is missing: what was sent must be counted on disk",
		Want: `an absolute path such as "/var/lib/telegraf-hologram"`,
	}
}

// Limits returns how many SMS may be sent.
func (o *SMS) Limits() smslimit.Limits {
	return smslimit.Limits{Hour: o.MaxPerHour, Day: o.MaxPerDay, Period: o.MaxPerPeriod}
}

// AccountPath returns the file in which they are counted, for a buffer directory.
func (o *SMS) AccountPath(dir string) string {
	if o.AccountFile != "" || dir == "" {
		return o.AccountFile
	}
	return filepath.Join(dir, accountName)
}

// OutboxPath returns the directory of the outbox, for a buffer directory.
func (*SMS) OutboxPath(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, outboxName)
}

// Unsure is what becomes of an SMS that may have been sent.
func (o *SMS) Unsure() smsout.WhenUnsure {
	if o.WhenUnsure == unsureAgain {
		return smsout.Again
	}
	return smsout.Skip
}

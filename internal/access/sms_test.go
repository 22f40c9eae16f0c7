package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/access"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/smslimit"
	"telegraf-hologram/internal/smsout"
)

func TestCheckSMS(t *testing.T) {
	for option, spoil := range map[string]func(*access.SMS){
		"max_per_period": func(o *access.SMS) { o.MaxPerPeriod = 0 },
		"max_per_day":    func(o *access.SMS) { o.MaxPerDay = 1001 },
		"max_per_hour":   func(o *access.SMS) { o.MaxPerHour = -1 },
		"account_file":   func(o *access.SMS) { o.AccountFile = "account" },
		"when_unsure":    func(o *access.SMS) { o.WhenUnsure = "twice" },
	} {
		o := access.DefaultSMS()
		require.NoError(t, o.Check())
		spoil(&o)
		var e *execd.OptionError
		require.ErrorAs(t, o.Check(), &e)
		require.Equal(t, option, e.Option)
		require.NotEmpty(t, e.Want)
	}
	var e *execd.OptionError
	o := access.DefaultSMS()
	require.NoError(t, o.CheckDirectory("/a"))
	require.ErrorAs(t, o.CheckDirectory(""), &e)
	require.Equal(t, "buffer_directory", e.Option)
}

func TestSMS(t *testing.T) {
	o := access.DefaultSMS()
	require.Equal(t, smslimit.Limits{Hour: 10, Day: 20, Period: 50}, o.Limits(), "half of what Hologram allows")
	require.Equal(t, smsout.Skip, o.Unsure())
	require.Equal(t, "/a/sms-account", o.AccountPath("/a"))
	require.Equal(t, "/a/sms-outbox", o.OutboxPath("/a"))
	require.Empty(t, o.AccountPath(""))
	require.Empty(t, o.OutboxPath(""))
	o.AccountFile, o.WhenUnsure = "/b/sim", "again"
	require.NoError(t, o.Check())
	require.Equal(t, "/b/sim", o.AccountPath("/a"))
	require.Equal(t, smsout.Again, o.Unsure())
}

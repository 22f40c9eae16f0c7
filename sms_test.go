package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/journal"
)

// smsConfig returns a configuration file for a journal directory.
func smsConfig(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sms.conf")
	text := fmt.Sprintf("[[inputs.modem_sms]]\n  port = \"/dev/ttyUSB2\"\n  journal_directory = %q\n", dir)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestSMS(t *testing.T) {
	dir := t.TempDir()
	file := smsConfig(t, dir)
	j, err := journal.Open(dir, 1<<20)
	require.NoError(t, err)
	now := time.Now().Truncate(time.Second)
	for i, e := range []struct {
		age  time.Duration
		kind byte // as the plugin has them: 1 is a message, 2 a part of one
		data string
	}{
		{50 * time.Hour, 1, "sms,kind=message,sender=+15550100 text=\"old\" 1\n"},
		{40 * time.Hour, 2, "0791"},
		{30 * time.Hour, 1, "sms,kind=message,sender=ACME\\ Ltd text=\"two\nlines\x1b[31m\",complete=false,missing=\"2,3\" 2\n"},
		{20 * time.Hour, 1, "sms,kind=message length=3i 3\n"},
		{10 * time.Hour, 1, "sms,kind=message,sender=+15550101 metrics=2i 4\ncpu v=1 5\nmem v=2 6\n"},
		{time.Hour, 1, "sms,kind=report,sender=+15550102 outcome=\"delivered\" 7\n"},
		{time.Minute, 1, "sms,kind=message,sender=+15550103 data=\"0aff\",error=\"no text\" 8\n"},
		{time.Second, 1, "not line protocol\n"},
	} {
		require.NoError(t, j.Append(journal.Entry{ID: journal.ID{byte(i + 1)}, Type: e.kind, Time: now.Add(-e.age), Data: []byte(e.data)}))
	}
	at := func(age time.Duration) string { return now.Add(-age).Format(time.RFC3339) }

	// The plugin may run meanwhile.
	code, stdout, stderr := call(t, "", "sms", "list", "--config", file)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, at(50*time.Hour)+"  +15550100         \"old\"\n"+
		at(30*time.Hour)+"  ACME Ltd          \"two\\nlines\\x1b[31m\", without part 2,3\n"+
		at(20*time.Hour)+"  -                 -\n"+
		at(10*time.Hour)+"  +15550101         metrics: 2\n"+
		at(time.Hour)+"  +15550102         report, delivered\n"+
		at(time.Minute)+"  +15550103         data 0aff, error: no text\n"+
		at(time.Second)+"  cannot be read: ")

	code, stdout, stderr = call(t, "", "sms", "replay", "--since", "25h", "--config", file)
	require.Zero(t, code, stderr)
	require.Equal(t, "sms,kind=message length=3i 3\nsms,kind=message,sender=+15550101 metrics=2i 4\ncpu v=1 5\nmem v=2 6\n"+
		"sms,kind=report,sender=+15550102 outcome=\"delivered\" 7\nsms,kind=message,sender=+15550103 data=\"0aff\",error=\"no text\" 8\nnot line protocol\n", stdout)
	for _, since := range []string{at(2 * time.Hour), now.Add(-2 * time.Hour).Format("2006-01-02 15:04:05"), "2h"} {
		_, stdout, _ = call(t, "", "sms", "replay", "--config", file, "--since="+since)
		require.Equal(t, "sms,kind=report,sender=+15550102 outcome=\"delivered\" 7\n"+
			"sms,kind=message,sender=+15550103 data=\"0aff\",error=\"no text\" 8\nnot line protocol\n", stdout)
	}

	require.NoError(t, j.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	b, err := os.ReadFile(files[0])
	require.NoError(t, err)
	b[60] ^= 1
	require.NoError(t, os.WriteFile(files[0], b, 0o600))
	code, stdout, stderr = call(t, "", "sms", "list", "--config", file)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "metrics: 2\n")
	require.NotContains(t, stdout, "old")
	require.Contains(t, stderr, "is damaged in 1 place; what is not damaged was read\n")
}

func TestSMSUsage(t *testing.T) {
	none := smsConfig(t, filepath.Join(t.TempDir(), "none"))
	keptNowhere := filepath.Join(t.TempDir(), "sms.conf")
	require.NoError(t, os.WriteFile(keptNowhere, []byte("[[inputs.modem_sms]]\nport = \"/dev/ttyUSB2\"\n"), 0o600))
	testUsage(t, []usageCase{
		{[]string{"sms"}, 2, "", "sms list --config FILE"},
		{[]string{"sms", "--help"}, 0, "telegraf-hologram sms replay --config FILE", ""},
		{[]string{"sms", "delete"}, 2, "", `sms cannot "delete"`},
		{[]string{"sms", "list"}, 2, "", "no configuration: give --config FILE; see telegraf-hologram sms list --help\n"},
		{[]string{"sms", "list", "--help"}, 0, "  -since time\n", ""},
		{[]string{"sms", "list", "--since", "yesterday", "--config", none}, 2, "", "want a time such as "},
		{[]string{"sms", "list", "--since", "-3h", "--config", none}, 2, "", "want a time such as "},
		{[]string{"sms", "list", "--config", none}, 1, "", "the plugin has not run yet with it"},
		{[]string{"sms", "replay", "--config", keptNowhere}, 1, "", "has no journal_directory"},
		{[]string{"sms", "list", "--config", config(t, `device_key = "ABCDWXYZ"`)}, 1, "", "is for outputs.hologram; sms reads the journal of inputs.modem_sms\n"},
		{[]string{"status", "--config", none}, 1, "", "an input has no buffer and no link"},
	})
}

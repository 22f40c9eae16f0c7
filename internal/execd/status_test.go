package execd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
)

var statusNow = time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)

// statusConfig is a configuration with its buffer in dir.
func statusConfig(t *testing.T, dir string) *Config {
	t.Helper()
	cfg, err := Parse([]byte("[[outputs.recorder]]\n"), "some.conf", pluginsWith(&recorder{}))
	require.NoError(t, err)
	cfg.Options.BufferDirectory = dir
	return cfg
}

// count writes a ledger with something in three months.
func count(t *testing.T, dir string) {
	t.Helper()
	now := statusNow.AddDate(0, -2, 0)
	l, err := ledger.Open(filepath.Join(dir, "ledger"), func() time.Time { return now })
	require.NoError(t, err)
	require.NoError(t, l.Add(ledger.Counters{Sent: 1_000_000, Tries: 9, Failures: 9}))
	now = statusNow.AddDate(0, -1, 0)
	require.NoError(t, l.Add(ledger.Counters{Sent: 2_500_000, Received: 500_000, Messages: 3000, Tries: 3000, Taken: 31_000, Metrics: 30_000,
		DroppedFull: 12}))
	now = statusNow.Add(-time.Hour)
	require.NoError(t, l.Add(ledger.Counters{Sent: 700, Received: 200, Messages: 1, Tries: 2, Retries: 1, Failures: 1, Taken: 12, Metrics: 10,
		Doubtful: 5, Refused: 1, Unparsable: 2}))
	require.NoError(t, l.Failed("dial tcp: no route to host", statusNow.Add(100*time.Second)))
	require.NoError(t, l.Close())
}

func TestStatusText(t *testing.T) {
	dir := t.TempDir()
	count(t, dir)
	cfg := statusConfig(t, dir)
	cfg.Options.PricePerMB, cfg.Options.DataBudget, cfg.Options.DataBudgetAction = 0.4, 100_000, BudgetSlow
	require.NoError(t, os.WriteFile(filepath.Join(dir, deadLetterFile), make([]byte, 1234), 0o600))
	s, err := cfg.status(statusNow)
	require.NoError(t, err)
	s.Buffer = &bufferStatus{Directory: "/var/lib/x", Metrics: 1200, Bytes: 230_000, Limit: 64 << 20,
		Oldest: statusNow.Add(-90 * time.Second), Damaged: 1, Bad: 2}
	require.Equal(t, `outputs.recorder, configured in some.conf
  buffer         1200 metrics, in files of 230,000 bytes, 0 % of 64MiB, in /var/lib/x
  oldest         taken in 2026-03-04T05:04:37Z (1m30s ago)
  damage         1 place, 2 files set aside (*.bad)
  dead letters   1,234 bytes in dead_letter.lp
  last delivery  2026-03-04T04:06:07Z (1h ago)
  link           fails since 2026-03-04T04:06:07Z (1h ago), 1 failure, next try in 1m40s
                 dial tcp: no route to host
  data budget    0 % of 100kB is used this month; at 100 %: slow

  UTC                           today     this month     last month          total
  bytes sent                      700            700      2,500,000      3,500,700
  bytes received                  200            200        500,000        500,200
  messages                          1              1          3,000          3,001
  tries                             2              2          3,000          3,011
    of them retries                 1              1              0              1
    of them failed                  1              1              0             10
  metrics taken in                 12             12         31,000         31,012
  metrics delivered                10             10         30,000         30,010
    perhaps twice                   5              5              0              5
  metrics dropped                   3              3             12             15
    refused                         1              1              0              1
    unparsable                      2              2              0              2
    buffer full                     0              0             12             12
  cost                         0.0004         0.0004         1.2000         1.6004

  Cost is at 0.4 for 1 MB, which is 1,000,000 bytes, sent or received, IP headers included.

  Counted since 2026-01-04T05:06:07Z.
`, s.text())

	s.LastDelivery, s.Buffer = time.Unix(100, 0), nil
	require.Contains(t, s.text(), "\n  buffer         cannot be read\n")
	require.Contains(t, s.text(), "\n  last delivery  a time when no clock was set\n")
	// Columns that are wider stay apart.
	s.Total.Sent = 1 << 62
	require.Contains(t, s.text(), " 4,611,686,018,427,387,904\n")
}

var someDetails = []detail{{"sms_this_hour", 3}, {"sms_left", int64(47)}, {"next_sms", statusNow.Add(90 * time.Second)},
	{"last_sms", statusNow.Add(-time.Hour)}, {"way", "modem"}, {"works", true}, {"share", 0.5}, {"cooldown", Duration(15 * time.Minute)}}

// reporting is a recorder that has something to say to the status.
type reporting struct {
	*recorder
	err error
}

func (r *reporting) ReportStatus(add func(name string, value any)) error {
	for _, d := range someDetails {
		add(d.name, d.value)
	}
	add("never", time.Time{})
	return r.err
}

func TestStatusOfThePlugin(t *testing.T) {
	cfg := statusConfig(t, t.TempDir())
	r := &reporting{recorder: &recorder{}}
	cfg.output = r
	s, err := cfg.status(statusNow)
	require.NoError(t, err)
	require.Contains(t, s.text(), `
  sms this hour  3
  sms left       47
  next sms       2026-03-04T05:07:37Z (in 1m30s)
  last sms       2026-03-04T04:06:07Z (1h ago)
  way            modem
  works          true
  share          0.5
  cooldown       15m
`)
	require.NotContains(t, s.text(), "never")

	// What it could say before an error is shown, also where there is no buffer.
	r.err = errors.New("no journal")
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none"), ""} {
		cfg.Options.BufferDirectory = dir
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			require.ErrorContains(t, cfg.Status(&out, asJSON), "cannot read the status of the plugin: no journal", dir)
			require.Contains(t, out.String(), "modem")
		}
	}
	cfg.output = &recorder{}
	s, err = cfg.status(statusNow)
	require.ErrorIs(t, err, errNothingKept)
	require.Nil(t, s)
}

// The urgent queue counts, and is told apart.
func TestStatusOfTheUrgentQueue(t *testing.T) {
	dir := t.TempDir()
	cfg := statusConfig(t, dir)
	cfg.Options.BufferLimit = 1 << 20
	at := time.Now().Truncate(time.Second)
	for name, n := range map[string]int{"": 10, urgentDirectory: 3} {
		q, err := queue.OpenDisk(filepath.Join(dir, name), queue.Limits{Bytes: 1 << 20})
		require.NoError(t, err)
		for range n {
			require.NoError(t, q.Append([][]byte{[]byte("m v=1")}, at.Add(-time.Duration(n)*time.Minute)))
		}
		require.NoError(t, q.Close())
	}
	s, err := cfg.status(at)
	require.NoError(t, err)
	require.Equal(t, 13, s.Buffer.Metrics)
	require.Equal(t, 3, s.Buffer.Urgent)
	require.EqualValues(t, 1<<20+128<<10, s.Buffer.Limit)
	require.WithinDuration(t, at.Add(-10*time.Minute), s.Buffer.Oldest, time.Second)
	require.Contains(t, s.text(), "\n  buffer         13 metrics, ")
	require.Contains(t, s.text(), "\n    of them      3 metrics in the urgent queue\n")
}

func TestStatusOfAFreshDirectory(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, statusConfig(t, t.TempDir()).Status(&out, false))
	for _, want := range []string{"0 metrics, in files of 0 bytes", "last delivery  none yet", "link           works"} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "cost")
	require.NotContains(t, out.String(), "oldest")
	require.NotContains(t, out.String(), "Counted since")
}

// The queue is looked at while another process has it, and after.
func TestStatusOfABuffer(t *testing.T) {
	dir := t.TempDir()
	cfg := statusConfig(t, dir)
	cfg.Options.BufferLimit = 64 << 10
	q, err := queue.OpenDisk(dir, queue.Limits{Bytes: 64 << 10})
	require.NoError(t, err)
	now := time.Now().Truncate(time.Second)
	var records [][]byte
	for range 100 {
		records = append(records, bytes.Repeat([]byte("x"), 100))
	}
	require.NoError(t, q.Append(records[:40], now.Add(-time.Hour)))
	require.NoError(t, q.Append(records[40:], now.Add(-time.Minute)))
	files := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		return names
	}
	before := files()

	for _, running := range []bool{true, false} {
		s, err := cfg.status(now)
		require.NoError(t, err)
		require.Equal(t, 100, s.Buffer.Metrics)
		require.Positive(t, s.Buffer.Bytes)
		require.WithinDuration(t, now.Add(-time.Hour), s.Buffer.Oldest, time.Second)
		require.Contains(t, s.text(), "100 metrics, ")
		require.Contains(t, s.text(), "(1h ago)")
		require.Contains(t, s.text(), " % of 64KiB, in "+dir)
		require.NotContains(t, s.text(), "damage")
		if running {
			require.Equal(t, before, files())
			require.NoError(t, q.Close())
		}
	}

	q, err = queue.OpenDisk(dir, queue.Limits{Bytes: 64 << 10})
	require.NoError(t, err)
	got, err := q.Next(40, queue.OldestFirst)
	require.NoError(t, err)
	require.Len(t, got, 40)
	require.NoError(t, q.Ack(40))
	require.NoError(t, q.Close())
	s, err := cfg.status(now)
	require.NoError(t, err)
	require.Equal(t, 60, s.Buffer.Metrics)
	require.WithinDuration(t, now.Add(-time.Minute), s.Buffer.Oldest, time.Second)
}

func TestStatusJSON(t *testing.T) {
	dir := t.TempDir()
	count(t, dir)
	cfg := statusConfig(t, dir)
	cfg.Options.PricePerMB, cfg.Options.DataBudget = 2, 1_000_000
	s, err := cfg.status(statusNow)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(s.json(), &got))
	require.Equal(t, "outputs.recorder", got["plugin"])
	require.Equal(t, "2026-03-04T05:06:07Z", got["time"])
	require.Equal(t, map[string]any{"works": false, "failures": 1.0, "error": "dial tcp: no route to host",
		"failing_since": "2026-03-04T04:06:07Z", "next_try": "2026-03-04T05:07:47Z"}, got["link"])
	require.Equal(t, map[string]any{"limit": 1e6, "used": 900.0, "percent": 0.0, "action": "warn"}, got["data_budget"])
	last := got["last_month"].(map[string]any)
	require.InDelta(t, 6.0, last["cost"], 1e-9)
	require.InDelta(t, 2_500_000, last["bytes_sent"], 0)
	require.Len(t, got["months"], 3)
	require.Equal(t, "2026-01-01T00:00:00Z", got["months"].([]any)[0].(map[string]any)["start"])
	require.Len(t, got["days"], 3)

	var out bytes.Buffer
	require.NoError(t, cfg.Status(&out, true))
	require.True(t, json.Valid(out.Bytes()))
	require.True(t, strings.HasSuffix(out.String(), "}\n"))
}

// Programs read the JSON. testdata has one with all that can be there, and one of which nothing could be read.
func TestStatusJSONText(t *testing.T) {
	dir := t.TempDir()
	count(t, dir)
	cfg := statusConfig(t, dir)
	cfg.Options.PricePerMB, cfg.Options.DataBudget, cfg.Options.DataBudgetAction = 0.4, 1_000_000, BudgetSlow
	s, err := cfg.status(statusNow)
	require.NoError(t, err)
	s.Buffer = &bufferStatus{Directory: "/var/lib/x", Metrics: 1200, Bytes: 230_000, Limit: 64 << 20,
		Oldest: statusNow.Add(-90 * time.Second), Damaged: 1, Bad: 2, HasUrgent: true, Urgent: 7}
	s.Details = someDetails
	s.Days, s.Months = s.Days[:1], s.Months[1:2]
	same := func(name string, s *status) {
		want, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(s.json())+"\n")
	}
	same("status.json", s)
	same("status_unreadable.json", &status{Plugin: "outputs.recorder", Source: "a <b> & c", Time: statusNow})
}

func TestStatusWithoutAnythingToShow(t *testing.T) {
	var out bytes.Buffer
	err := statusConfig(t, "").Status(&out, false)
	require.ErrorIs(t, err, errNothingKept)
	require.ErrorContains(t, err, "some.conf: the buffer is in memory")

	err = statusConfig(t, filepath.Join(t.TempDir(), "none")).Status(&out, false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "has not run yet")

	cfg := &Config{Kind: "inputs", Source: "some.conf"}
	require.ErrorIs(t, cfg.Status(&out, false), ErrInputs)
	require.Empty(t, out.String())
}

// What can be read is shown.
func TestStatusOfADamagedLedger(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ledger"), []byte("no ledger"), 0o600))
	var out bytes.Buffer
	require.ErrorContains(t, statusConfig(t, dir).Status(&out, false), "cannot read the ledger")
	require.Contains(t, out.String(), "0 metrics, in files of 0 bytes")
	require.NotContains(t, out.String(), "link")

	out.Reset()
	require.Error(t, statusConfig(t, dir).Status(&out, true))
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Nil(t, got["total"])
	require.Nil(t, got["link"])
	require.NotNil(t, got["buffer"])
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestStatusThatCannotBeWritten(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		require.ErrorContains(t, statusConfig(t, t.TempDir()).Status(brokenWriter{}, asJSON), "broken pipe")
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		require.Equal(t, want, grouped(n))
	}
}

func TestStatusHasARowForEveryCounter(t *testing.T) {
	require.Len(t, rows, len(ledger.Counters{}.Values()))
	require.Equal(t, "  refused", rows[firstDrop].label)
	require.EqualValues(t, 1, ledger.Counters{Refused: 1}.Values()[firstDrop])
}

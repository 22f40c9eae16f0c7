package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
)

// alarmRig is a Telegraf whose alarms become SMS, with a cloud and a modem.
type alarmRig struct {
	dir      string
	namepass string // of Telegraf; alarm by default
	address  string // of the cloud
	log      string // of the cloud
	cloud    *lab.Emulator
	modem    *lab.Modem
	telegraf *lab.Process
}

const alarmTelegraf = `
[agent]
  interval = "1s"
  flush_interval = "1s"
  omit_hostname = true

[[inputs.execd]]
  command = ["sh", "-c", "cat %s/alarms; exec sleep 3600"]
  signal = "none"
  restart_delay = "1h"
  data_format = "influx"

[[outputs.execd]]
  command = [%q, "--config", "%s/plugin.conf"]
  restart_delay = "1s"
  data_format = "influx"
  influx_uint_support = true
  namepass = %s
`

// newAlarmRig prepares a rig that begins with cloud and modem as told.
func newAlarmRig(t *testing.T, cloud, modem bool) *alarmRig {
	t.Helper()
	r := &alarmRig{dir: t.TempDir()}
	r.log = filepath.Join(r.dir, "cloud.jsonl")
	// A port that is free now, for a cloud that comes later.
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.address = l.Addr().String()
	require.NoError(t, l.Close())
	if cloud {
		r.startCloud(t)
	}
	r.modem, err = lab.StartModem(t.Context(), binaries.hologram, filepath.Join(r.dir, "modem"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.modem.Stop()) })
	if !modem {
		require.NoError(t, r.modem.Do(t.Context(), "unplug"))
	}
	return r
}

func (r *alarmRig) startCloud(t *testing.T, args ...string) {
	t.Helper()
	var err error
	r.cloud, err = lab.StartEmulatorAt(t.Context(), binaries.hologram, r.address, r.log, io.Discard, args...)
	require.NoError(t, err)
	cloud := r.cloud
	t.Cleanup(func() {
		_, err := cloud.Stop()
		assert.NoError(t, err)
	})
}

// start writes the configurations and starts Telegraf, which then has the lines to
// tell of.
func (r *alarmRig) start(t *testing.T, plugin string, lines ...string) {
	t.Helper()
	file := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600))
	}
	file("alarms", strings.Join(lines, "\n")+"\n")
	file("telegraf.conf", fmt.Sprintf(alarmTelegraf, r.dir, binaries.hologram, r.dir, cmp.Or(r.namepass, `["alarm"]`)))
	file("plugin.conf", strings.NewReplacer("ADDRESS", r.address, "BUFFER", filepath.Join(r.dir, "buffer"), "PORT", r.modem.Link).Replace(plugin))
	var err error
	r.telegraf, err = lab.StartTelegraf(binaries.telegraf, r.dir, nil, filepath.Join(r.dir, "telegraf.conf"))
	require.NoError(t, err)
	t.Cleanup(func() {
		r.telegraf.EndGroup(20 * time.Second)
		if t.Failed() {
			t.Log(r.telegraf.Log())
		}
	})
}

// sent returns what the cloud and the modem have sent.
func (r *alarmRig) sent(t *testing.T) (cloud, modem []lab.SentSMS) {
	t.Helper()
	cloud, err := lab.ReadSMS(r.log)
	require.NoError(t, err)
	modem, err = r.modem.Sent(t.Context())
	require.NoError(t, err)
	return cloud, modem
}

// wait waits for so many SMS, and then for more that must not come.
func (r *alarmRig) wait(t *testing.T, byCloud, byModem int) (cloud, modem []lab.SentSMS) {
	t.Helper()
	require.Eventually(t, func() bool {
		cloud, modem = r.sent(t)
		return len(cloud) >= byCloud && len(modem) >= byModem
	}, 40*time.Second, 100*time.Millisecond, "the SMS do not come")
	time.Sleep(4 * time.Second)
	cloud, modem = r.sent(t)
	require.Len(t, cloud, byCloud)
	require.Len(t, modem, byModem)
	return cloud, modem
}

const alarmPlugin = `
[[outputs.hologram_sms]]
  via = ["socket", "modem"]
  fallback_after = "3s"
  to = ["+13125551212"]
  template = '{{ .Tag "site" }}: level {{ .Field "level" }} m'
  address = "ADDRESS"
  device_key = "aB3-xYz9"
  port = "PORT"
  buffer_directory = "BUFFER"
  retry_backoff_min = "1s"
  retry_backoff_max = "2s"
`

const alarmLine = "alarm,site=north level=4.81 1700000000000000000"

// now is a line with the time of now, as max_age is an hour.
func now(line string) string {
	return strings.Replace(line, "1700000000000000000", strconv.FormatInt(time.Now().UnixNano(), 10), 1)
}

// TestAlarm shows that an alarm becomes one SMS, whatever is up.
func TestAlarm(t *testing.T) {
	t.Parallel()
	want := lab.SentSMS{To: "+13125551212", Text: "north: level 4.81 m"}
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		r := newAlarmRig(t, true, true)
		r.start(t, alarmPlugin, now("other,site=north level=1 1700000000000000000"), now(alarmLine))
		cloud, _ := r.wait(t, 1, 0)
		require.Equal(t, want, cloud[0])
	})
	t.Run("modem", func(t *testing.T) {
		t.Parallel()
		r := newAlarmRig(t, false, true)
		r.start(t, alarmPlugin, now(alarmLine))
		_, modem := r.wait(t, 0, 1)
		require.Equal(t, want, modem[0])
	})
	t.Run("neither and then the socket", func(t *testing.T) {
		t.Parallel()
		r := newAlarmRig(t, false, false)
		r.start(t, alarmPlugin, now(alarmLine))
		time.Sleep(8 * time.Second)
		r.startCloud(t)
		cloud, _ := r.wait(t, 1, 0)
		require.Equal(t, want, cloud[0])
		require.NoError(t, r.modem.Do(t.Context(), "replug"))
		r.wait(t, 1, 0)
	})
	t.Run("neither and then the modem", func(t *testing.T) {
		t.Parallel()
		r := newAlarmRig(t, false, false)
		r.start(t, alarmPlugin, now(alarmLine))
		time.Sleep(8 * time.Second)
		require.NoError(t, r.modem.Do(t.Context(), "replug"))
		_, modem := r.wait(t, 0, 1)
		require.Equal(t, want, modem[0])
		r.startCloud(t)
		r.wait(t, 0, 1)
	})
	t.Run("a cloud that does not answer", func(t *testing.T) {
		t.Parallel()
		r := newAlarmRig(t, false, true)
		r.startCloud(t, "--fail", "close-without-answer-taken")
		r.start(t, alarmPlugin, now(alarmLine))
		// It may have been sent, and was.
		r.wait(t, 1, 0)
	})
}

// TestCompactSMS shows that metrics come back out of SMS, as the cloud tells of them.
func TestCompactSMS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := filepath.Join(dir, "cloud.jsonl")
	link := filepath.Join(dir, "modem")
	cloud, err := lab.StartEmulator(t.Context(), binaries.hologram, log, io.Discard, "--modem", link, "--device-key", "aB3-xYz9")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := cloud.Stop()
		assert.NoError(t, err)
	})
	r := &alarmRig{dir: dir, log: log, address: cloud.Address, modem: &lab.Modem{Link: link}}
	var lines []string
	for i := range 30 {
		lines = append(lines, now(fmt.Sprintf(`alarm,site=north,pump=%d level=%v,count=%di,on=true,why="high" 1700000000000000000`, i, rand.Float64(), i)))
	}
	r.start(t, `
[[outputs.hologram_sms]]
  via = ["modem"]
  data_format = "compact"
  port = "PORT"
  max_per_hour = 0
  max_per_day = 0
  max_per_period = 50
  buffer_directory = "BUFFER"
`, lines...)
	want, err := lab.ReadMetrics(strings.NewReader(strings.Join(lines, "\n")))
	require.NoError(t, err)
	var got []lab.Metric
	require.Eventually(t, func() bool {
		if got, err = lab.Decode(t.Context(), binaries.hologram, log); err != nil {
			return false // nothing is there yet
		}
		return len(got) >= len(want)
	}, 30*time.Second, 200*time.Millisecond)
	difference := lab.Compare(want, got, lab.Exact)
	require.True(t, difference.None(), difference)
	all, err := cloud.SMS()
	require.NoError(t, err)
	t.Logf("%d metrics in %d SMS", len(got), len(all))
	require.Less(t, len(all), 20)
	for _, sms := range all {
		require.Equal(t, "310000202", sms.To)
		require.LessOrEqual(t, len(sms.Text), 160)
	}
}

// TestAlarmKills shows that the limits hold, and that no alarm is told twice, through
// 200 kills at random moments, with both ways in use.
func TestAlarmKills(t *testing.T) {
	t.Parallel()
	const kills, limit = 200, 60
	r := newAlarmRig(t, false, true)
	r.startCloud(t, "--fail", "late-answer=20ms:30%,reset:5%,close-without-answer-taken:10%,refuse=800ms:40%")
	config := filepath.Join(r.dir, "plugin.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
[[outputs.hologram_sms]]
  via = ["socket", "modem"]
  fallback_after = "0s"
  to = ["+13125551212"]
  template = '{{ .Field "n" }}'
  cooldown = "0s"
  address = %q
  device_key = "aB3-xYz9"
  answer_timeout = "1s"
  port = %q
  max_per_hour = 0
  max_per_day = 0
  max_per_period = %d
  buffer_directory = "%s/buffer"
  flush_interval = "100ms"
  retry_backoff_min = "1s"
  retry_backoff_max = "1s"
`, r.address, r.modem.Link, limit, r.dir), 0o600))

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	n := 0
	for i := range kills {
		p, stdin, err := lab.StartPlugin(binaries.hologram, config)
		require.NoError(t, err)
		for range 3 {
			n++
			_, err := fmt.Fprintf(stdin, "alarm n=%di %d\n", n, time.Now().UnixNano())
			require.NoError(t, err)
		}
		// Most are short; some are long enough for the modem.
		life := 30*time.Millisecond + rand.N(200*time.Millisecond)
		if i%5 == 0 {
			life += rand.N(1200 * time.Millisecond)
		}
		time.Sleep(life)
		require.NoError(t, p.Kill())
		<-p.Done()
		require.NoError(t, stdin.Close())
		require.NoError(t, ctx.Err())
	}
	cloud, modem := r.sent(t)
	times := map[string]int{}
	for _, sms := range append(cloud, modem...) {
		times[sms.Text]++
	}
	for text, n := range times {
		assert.Equal(t, 1, n, "SMS %s", text)
	}
	t.Logf("%d kills, %d alarms, limit %d: %d SMS by the cloud, %d by the modem", kills, n, limit, len(cloud), len(modem))
	require.LessOrEqual(t, len(cloud)+len(modem), limit)
	require.Greater(t, len(cloud)+len(modem), limit/4, "else nothing was shown")
	require.NotEmpty(t, cloud)
	require.NotEmpty(t, modem)
}

// TestFallback shows that alarms reach the cloud by SMS while the data link is down,
// and everything else when it is up again, each metric once.
func TestFallback(t *testing.T) {
	t.Parallel()
	r := newAlarmRig(t, false, true)
	var lines, alarms, others []string
	for i := range 40 {
		line := now(fmt.Sprintf("alarm,pump=%d level=%v 1700000000000000000", i, rand.Float64()))
		if i%2 == 0 {
			line = strings.Replace(line, "alarm", "other", 1)
			others = append(others, line)
		} else {
			alarms = append(alarms, line)
		}
		lines = append(lines, line)
	}
	r.namepass = `["alarm", "other"]`
	r.start(t, `
[[outputs.hologram]]
  address = "ADDRESS"
  device_key = "aB3-xYz9"
  buffer_directory = "BUFFER"
  flush_interval = "1s"
  retry_backoff_min = "1s"
  retry_backoff_max = "2s"
  [outputs.hologram.fallback]
    namepass = ["alarm"]
    after = "10s"
    port = "PORT"
`, lines...)
	var sent []lab.SentSMS
	require.Eventually(t, func() bool {
		_, sent = r.sent(t)
		return len(sent) > 0
	}, 40*time.Second, 200*time.Millisecond)
	time.Sleep(4 * time.Second)
	_, sent = r.sent(t)
	var texts []string
	for _, sms := range sent {
		require.Equal(t, "310000202", sms.To)
		require.LessOrEqual(t, len(sms.Text), 160)
		texts = append(texts, sms.Text)
	}
	t.Logf("%d alarms in %d SMS", len(alarms), len(sent))
	file := filepath.Join(r.dir, "sms")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(texts, "\n")), 0o600))
	got, err := lab.Decode(t.Context(), binaries.hologram, file)
	require.NoError(t, err)
	same := func(want []string, got []lab.Metric) {
		t.Helper()
		all, err := lab.ReadMetrics(strings.NewReader(strings.Join(want, "\n")))
		require.NoError(t, err)
		difference := lab.Compare(all, got, lab.Exact)
		require.True(t, difference.None(), difference)
	}
	same(alarms, got)

	r.startCloud(t)
	require.Eventually(t, func() bool {
		got, err = lab.Decode(t.Context(), binaries.hologram, r.log)
		return err == nil && len(got) >= len(others)
	}, 30*time.Second, 200*time.Millisecond)
	time.Sleep(3 * time.Second)
	got, err = lab.Decode(t.Context(), binaries.hologram, r.log)
	require.NoError(t, err)
	same(others, got)
	_, after := r.sent(t)
	require.Len(t, after, len(sent))
}

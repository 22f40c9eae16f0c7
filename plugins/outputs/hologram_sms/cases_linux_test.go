package hologramsms

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/smsout"
)

// TestCases runs each directory of testcases against an emulated cloud and an
// emulated modem: the configuration plugin.conf, with the records of input.lp
// written at once; expected.txt is what came of them. In plugin.conf
//
//	## cloud MODE            has the cloud fail so; "gone" is none at all
//	## modem MODE [CODE]     has the modem fail so, for good
//	## pin PIN               locks the SIM
//	## write N               writes what waits N times
//
// are for the test, and ${ADDRESS}, ${PORT} and ${DIR} are where cloud, modem and
// the buffer are.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("testcases/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) { runCase(t, dir) })
	}
}

// ownPort is another one each time.
var ownPort = regexp.MustCompile(`127\.0\.0\.1:[0-9]+->`)

// testCase is what a test case asks of the test.
type testCase struct {
	cloud, modem string
	code         int
	pin          string
	writes       int
}

func readCase(t *testing.T, config string) testCase {
	t.Helper()
	c := testCase{writes: 1}
	for line := range strings.Lines(config) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "##" {
			continue
		}
		switch words[1] {
		case "cloud":
			c.cloud = words[2]
		case "modem":
			c.modem = words[2]
			if len(words) > 3 {
				_, err := fmt.Sscan(words[3], &c.code)
				require.NoError(t, err)
			}
		case "pin":
			c.pin = words[2]
		case "write":
			_, err := fmt.Sscan(words[2], &c.writes)
			require.NoError(t, err)
		}
	}
	return c
}

// startCloud returns the address of an emulated cloud, and how to get its events.
func startCloud(t *testing.T, mode string) (address string, events func() []emulator.Event) {
	t.Helper()
	if mode == "gone" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, ln.Close())
		return ln.Addr().String(), func() []emulator.Event { return nil }
	}
	faults, err := emulator.ParseFaults(mode)
	require.NoError(t, err)
	s, err := emulator.Start(t.Context(), emulator.Config{DeviceKeys: []string{"ABCDWXYZ"}, Faults: faults})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s.Addr().String(), s.Events
}

func startModem(t *testing.T, c testCase) *modem.Modem {
	t.Helper()
	m, err := modem.Start(t.Context(), modem.Config{Link: filepath.Join(t.TempDir(), "modem"), PIN: c.pin, ReportAfter: 10 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	if c.modem != "" {
		require.NoError(t, m.FailSending(modem.SendFault{Mode: c.modem, Code: c.code, Times: -1}))
	}
	return m
}

// patience is how long a test waits for a modem.
func patience() smsout.Modem {
	m := smsout.Modem{
		BusyWait: -1,
		AT:       at.Options{Quiet: 20 * time.Millisecond, Timeout: 2 * time.Second, PromptTimeout: time.Second, ProbeTimeout: time.Second},
	}
	m.Sender.AnswerTimeout, m.Sender.SIMTimeout, m.Sender.ReportTimeout = 500*time.Millisecond, 100*time.Millisecond, 5*time.Second
	return m
}

func runCase(t *testing.T, dir string) {
	config, err := os.ReadFile(filepath.Join(dir, "plugin.conf"))
	require.NoError(t, err)
	c := readCase(t, string(config))
	address, events := startCloud(t, c.cloud)
	emulated := startModem(t, c)
	pinFile := filepath.Join(t.TempDir(), "pin")
	require.NoError(t, os.WriteFile(pinFile, []byte(c.pin), 0o600))
	places := map[string]string{"ADDRESS": address, "PORT": emulated.Port(), "DIR": t.TempDir(), "PIN_FILE": pinFile}
	for name, value := range places {
		t.Setenv(name, value)
	}

	var h *HologramSMS
	_, err = execd.Parse(config, "plugin.conf", execd.Plugins{Outputs: map[string]outputs.Creator{
		"hologram_sms": func() telegraf.Output { h = New(); return h },
	}})
	require.NoError(t, err)
	log := &logger{}
	h.Log, h.tuning = log, patience()
	h.clock = func() time.Time { return time.Date(2026, 11, 23, 12, 10, 0, 0, time.UTC) }
	require.NoError(t, h.Connect())

	input, err := os.ReadFile(filepath.Join(dir, "input.lp"))
	require.NoError(t, err)
	split := execd.NewSplitter(execd.MaxRecord, nil)
	records := split.Split(nil, input)
	var metrics []telegraf.Metric
	for _, r := range records {
		metrics = append(metrics, record(t, string(r))...)
	}
	var out strings.Builder
	for range c.writes {
		fates, _, err := write(h, metrics)
		if err == nil {
			fmt.Fprintf(&out, "%s\n", fates)
		} else {
			fmt.Fprintf(&out, "%s %v\n", fates, err)
		}
		var left []telegraf.Metric
		for i, f := range fates {
			if f == 'w' {
				left = append(left, metrics[i])
			}
		}
		metrics = left
	}
	require.NoError(t, h.Close())
	for _, e := range events() {
		if e.Taken {
			fmt.Fprintf(&out, "socket %s %s\n", e.To, shown(t, e.Data))
		}
	}
	for _, s := range emulated.Sent() {
		part := ""
		if s.Parts > 1 {
			part = fmt.Sprintf("part %d of %d ", s.Part, s.Parts)
		}
		fmt.Fprintf(&out, "modem %s %s %s%s\n", s.To, s.Encoding, part, shown(t, s.Text))
	}
	for _, line := range log.lines {
		out.WriteString(line + "\n")
	}
	got := out.String()
	for name, value := range places {
		got = strings.ReplaceAll(got, value, "${"+name+"}")
	}
	got = ownPort.ReplaceAllString(got, "here->")
	for _, private := range append([]string{"ABCDWXYZ"}, h.To...) {
		require.NotContains(t, strings.Join(log.lines, "\n"), private)
	}

	file := filepath.Join(dir, "expected.txt")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// shown is a text on one line, or the metrics of a payload.
func shown(t *testing.T, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, ";") {
		return fmt.Sprintf("%q", text)
	}
	d, err := event.Decode(text)
	require.NoError(t, err)
	var b bytes.Buffer
	fmt.Fprintf(&b, "compact, %d characters:", len(text))
	for _, m := range d.Metrics {
		line, err := metric.AppendLine(nil, m)
		require.NoError(t, err)
		b.WriteString("\n  ")
		b.Write(line)
	}
	return b.String()
}

// TestBytes shows the bytes of an SMS by the Socket API as they are documented.
func TestBytes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	got := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		buf := make([]byte, 1000)
		n := 0
		for !bytes.HasSuffix(buf[:n], []byte("\n\n")) {
			more, err := conn.Read(buf[n:])
			if n += more; err != nil {
				break
			}
		}
		_, _ = conn.Write([]byte("00"))
		_ = conn.Close()
		got <- string(buf[:n])
	}()
	h := New()
	h.Address, h.DeviceKey, h.To, h.Template = ln.Addr().String(), "ABCDWXYZ", []string{"+13125551212"}, "{{.Field \"text\"}}"
	h.Log = &logger{}
	var exchanges []execd.Exchange
	h.OnExchange(func() {}, func(x execd.Exchange) { exchanges = append(exchanges, x) })
	require.NoError(t, h.Init())
	require.NoError(t, h.UseDirectory(t.TempDir()))
	require.NoError(t, h.Connect())
	fates, _, _ := write(h, record(t, `a text="Hello, SMS!"`))
	require.Equal(t, "a", fates)
	require.Equal(t, "SABCDWXYZ+13125551212 Hello, SMS!\n\n", <-got)
	require.Len(t, exchanges, 1)
	require.Equal(t, 1, exchanges[0].Metrics)
	require.True(t, exchanges[0].Delivered)
	require.Positive(t, exchanges[0].Sent)
	require.NoError(t, h.Close())
}

// TestCredentialsAreReadAgain shows that a key can be replaced while the plugin
// runs.
func TestCredentialsAreReadAgain(t *testing.T) {
	address, events := startCloud(t, "")
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("WRONGKEY"), 0o600))
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	h := New()
	h.Address, h.DeviceKeyFile, h.To, h.Log = address, key, []string{alice}, &logger{}
	h.clock = func() time.Time { return now }
	require.NoError(t, h.Init())
	require.NoError(t, h.UseDirectory(t.TempDir()))
	require.NoError(t, h.Connect())
	alarm := record(t, "a v=1i 1795435200000000000")
	fates, hint, err := write(h, alarm)
	require.Equal(t, "w", fates)
	require.NotContains(t, err.Error(), "WRONGKEY")
	require.Equal(t, 15*time.Minute, hint.After, "a person has to act")

	require.NoError(t, os.WriteFile(key, []byte("ABCDWXYZ"), 0o600))
	now = now.Add(hint.After)
	fates, _, _ = write(h, alarm)
	require.Equal(t, "a", fates)
	all := events()
	require.True(t, all[len(all)-1].Taken)
	require.NoError(t, h.Close())
}

// TestPINIsTriedOnce shows that a wrong PIN is not tried again by the next process.
func TestPINIsTriedOnce(t *testing.T) {
	m := startModem(t, testCase{pin: "1234"})
	pin, dir := filepath.Join(t.TempDir(), "pin"), t.TempDir()
	require.NoError(t, os.WriteFile(pin, []byte("9999"), 0o600))
	run := func() (string, *logger) {
		log := &logger{}
		h := New()
		h.Via, h.Port, h.PINFile, h.Log, h.tuning = []string{viaModem}, m.Port(), pin, log, patience()
		require.NoError(t, h.Init())
		require.NoError(t, h.UseDirectory(dir))
		require.NoError(t, h.Connect())
		fates, _, _ := write(h, record(t, "a v=1i"))
		require.NoError(t, h.Close())
		return fates, log
	}
	fates, _ := run()
	require.Equal(t, "w", fates)
	fates, log := run()
	require.Equal(t, "w", fates)
	require.Contains(t, log.text(), "E! The PIN in "+pin+" was refused before and is not tried again until the file is changed")
	require.Equal(t, "SIM PIN", m.Status().SIM)

	require.NoError(t, os.WriteFile(pin, []byte("1234"), 0o600))
	require.NoError(t, os.Chtimes(pin, time.Time{}, time.Unix(1.9e9, 0)))
	fates, _ = run()
	require.Equal(t, "a", fates)
	require.Len(t, m.Sent(), 1)
}

// TestStatus shows what another process tells of this one.
func TestStatus(t *testing.T) {
	dir := t.TempDir()
	status := func(set func(*HologramSMS)) string {
		h := New()
		h.To, h.DeviceKey = []string{alice}, "ABCDWXYZ"
		set(h)
		require.NoError(t, h.Init())
		require.NoError(t, h.UseDirectory(dir))
		var b strings.Builder
		require.NoError(t, h.ReportStatus(func(name string, value any) {
			if at, ok := value.(time.Time); ok {
				value = !at.IsZero()
			}
			fmt.Fprintf(&b, "%s %v\n", name, value)
		}))
		return b.String()
	}
	set := func(h *HologramSMS) { h.OnLimit, h.MaxPerHour, h.MaxPerDay = limitDigest, 2, 0 }
	require.Equal(t, `ways socket
sms_in_hour 0 of 2
sms_in_day 0, no limit
sms_in_period 0 of 50
next_sms_allowed false
account_damaged false
`, status(set))

	w := &way{name: "socket"}
	h := start(t, dir, set, w)
	_, _, err := write(h, record(t, "a v=1i", "b v=1i", "b v=2i", "c v=1i", "d v=1i"))
	require.Error(t, err)
	require.Equal(t, `ways socket
sms_in_hour 2 of 2
sms_in_day 2, no limit
sms_in_period 2 of 50
next_sms_allowed true
account_damaged false
sms_unsure 0
held_back 2
held_back_since true
cooldown 15m
series_in_cooldown 2
skipped_by_cooldown 1
`, status(set), "while it runs")
	w.fail = notSent
	h.OnLimit, h.MaxPerHour = limitQueue, 0
	require.NoError(t, h.Close())
	h = start(t, dir, func(*HologramSMS) {}, w)
	_, _, err = write(h, record(t, "e v=1i"))
	require.ErrorContains(t, err, "no network")
	require.NoError(t, h.Close())
	require.Contains(t, status(set), "failing_socket true\n")
}

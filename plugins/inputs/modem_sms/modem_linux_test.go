package modemsms

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/journal"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/serial"
)

// startModem runs an emulated modem for the test, behind a link.
func startModem(t *testing.T, cfg modem.Config) (m *modem.Modem, link string) {
	t.Helper()
	if cfg.Link == "" {
		cfg.Link = filepath.Join(t.TempDir(), "usb-Quectel-if02-port0")
	}
	m, err := modem.Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m, cfg.Link
}

func send(t *testing.T, m *modem.Modem, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, err := m.Receive(modem.Message{From: "+15550100", Text: text})
		require.NoError(t, err)
	}
}

// stored is how many messages the modem has.
func stored(m *modem.Modem) (n int) {
	s := m.Status()
	for _, u := range s.Stores {
		n += u.Used
	}
	return n + s.Network
}

func withJournal(dir string) func(*ModemSMS) {
	return func(m *ModemSMS) { m.JournalDirectory = dir }
}

// both runs a test with a journal and without.
func both(t *testing.T, test func(t *testing.T, change func(*ModemSMS))) {
	t.Helper()
	t.Run("journal", func(t *testing.T) { test(t, withJournal(t.TempDir())) })
	t.Run("no journal", func(t *testing.T) { test(t, func(*ModemSMS) {}) })
}

func TestReceive(t *testing.T) {
	for _, profile := range modem.Profiles() {
		t.Run(profile, func(t *testing.T) {
			m, link := startModem(t, modem.Config{Profile: profile})
			send(t, m, "before")
			s := newSetUp(t, link, withJournal(t.TempDir())).run()
			s.waitTexts("before")
			long := strings.Repeat("long 😀 ", 40)
			send(t, m, "one", long)
			s.waitTexts("before", "one", long)
			s.eventually(func() bool { return stored(m) == 0 }, "messages stay in the modem")
			got := s.out.named(measurement)[0]
			require.Equal(t, map[string]string{
				"encoding": "gsm7", "kind": "message", "modem": "usb-Quectel-if02-port0", "sender": "+15550100",
			}, got.Tags())
			require.NotContains(t, s.log.text(), "5550100")
			require.NotContains(t, s.log.text(), "one")
		})
	}
}

// With delete = "never" messages stay, and do not come again.
func TestDeleteNever(t *testing.T) {
	m, link := startModem(t, modem.Config{})
	dir := t.TempDir()
	for i := range 3 {
		s := newSetUp(t, link, func(m *ModemSMS) { m.JournalDirectory, m.Delete = dir, deleteNever }).run()
		s.waitState(stateOK)
		text := fmt.Sprint("text ", i)
		send(t, m, text)
		s.waitTexts(text)
		time.Sleep(1200 * time.Millisecond) // another poll
		s.stop()
		require.Equal(t, []string{text}, s.out.texts())
		require.Equal(t, i+1, stored(m))
	}
}

// A message of somebody who is not wanted leaves the modem as well.
func TestFiltered(t *testing.T) {
	both(t, func(t *testing.T, change func(*ModemSMS)) {
		m, link := startModem(t, modem.Config{})
		s := newSetUp(t, link, func(p *ModemSMS) {
			change(p)
			p.AllowSenders = []string{"+1555*"}
		}).run()
		s.waitState(stateOK)
		_, err := m.Receive(modem.Message{From: "SPAM", Text: "buy"})
		require.NoError(t, err)
		send(t, m, "hello")
		s.waitTexts("hello")
		s.eventually(func() bool { return stored(m) == 0 }, "messages stay in the modem")
		require.EqualValues(t, 1, s.status(t.Context()).Fields()["filtered"])
		require.Equal(t, []string{"hello"}, s.out.texts())
	})
}

// TestStates brings a modem into each state, and out again where it can do so by
// itself.
func TestStates(t *testing.T) {
	t.Run("no port, and unplugged", func(t *testing.T) {
		both(t, func(t *testing.T, change func(*ModemSMS)) {
			link := filepath.Join(t.TempDir(), "modem")
			s := newSetUp(t, link, change).run()
			s.waitState(stateNoPort)
			m, _ := startModem(t, modem.Config{Link: link})
			s.waitState(stateOK)
			send(t, m, "one")
			s.waitTexts("one")
			for i := range 3 {
				require.NoError(t, m.Unplug())
				s.waitState(stateNoPort)
				send(t, m, fmt.Sprint("while unplugged ", i))
				require.NoError(t, m.Replug())
				s.waitState(stateOK)
			}
			s.waitTexts("one", "while unplugged 0", "while unplugged 1", "while unplugged 2")
			require.Equal(t, 4, strings.Count(s.log.text(), "W! The modem receives no SMS: "), s.log.text())
			require.Equal(t, 1, strings.Count(s.log.text(), "receives SMS\n"))
			require.Equal(t, 3, strings.Count(s.log.text(), "I! The modem receives SMS again"))
			require.EqualValues(t, 3, s.status(t.Context()).Fields()["reconnects"])
		})
	})
	t.Run("frozen", func(t *testing.T) {
		m, link := startModem(t, modem.Config{})
		s := newSetUp(t, link, withJournal(t.TempDir())).run()
		s.waitState(stateOK)
		require.NoError(t, m.Freeze())
		s.waitState("no_answer")
		send(t, m, "late")
		time.Sleep(2 * time.Second)
		require.NoError(t, m.Unfreeze())
		s.waitState(stateOK)
		s.waitTexts("late")
		require.Equal(t, 1, strings.Count(s.log.text(), "receives no SMS"), s.log.text())
		require.Contains(t, s.log.text(), "may be another of the modem's ports")
	})
	t.Run("reset", func(t *testing.T) {
		m, link := startModem(t, modem.Config{})
		s := newSetUp(t, link, withJournal(t.TempDir())).run()
		s.waitState(stateOK)
		require.NoError(t, m.Reset())
		send(t, m, "after")
		s.waitTexts("after")
	})
	t.Run("sim busy", func(t *testing.T) {
		_, link := startModem(t, modem.Config{SIMBusy: 1500 * time.Millisecond})
		s := newSetUp(t, link, nil).run()
		s.waitState("sim_busy")
		s.waitState(stateOK)
		require.Equal(t, 1, strings.Count(s.log.text(), "receives no SMS"), s.log.text())
	})
	t.Run("pin", func(t *testing.T) {
		_, link := startModem(t, modem.Config{PIN: "1234"})
		s := newSetUp(t, link, nil).run()
		s.waitState("pin")
		require.Contains(t, s.log.text(), "E! ")
		require.Contains(t, s.log.text(), "name that in pin_file")
	})
	t.Run("pin is right", func(t *testing.T) {
		_, link := startModem(t, modem.Config{PIN: "1234"})
		s := newSetUp(t, link, func(p *ModemSMS) { p.PINFile = file(t, "1234\n") }).run()
		s.waitState(stateOK)
		require.NotContains(t, s.log.text(), "1234")
	})
	t.Run("pin is wrong, and tried once", func(t *testing.T) {
		m, link := startModem(t, modem.Config{PIN: "1234"})
		dir, pin := t.TempDir(), file(t, "9999\n")
		for i := range 4 {
			s := newSetUp(t, link, func(p *ModemSMS) { p.PINFile, p.JournalDirectory = pin, dir }).run()
			s.waitState("pin")
			time.Sleep(300 * time.Millisecond)
			s.stop()
			require.Equal(t, i > 0, strings.Contains(s.log.text(), "was refused before"), s.log.text())
			require.Equal(t, "SIM PIN", m.Status().SIM)
			require.NotContains(t, s.log.text(), "9999")
		}
		require.NoError(t, os.WriteFile(pin, []byte("1234"), 0o600))
		s := newSetUp(t, link, func(p *ModemSMS) { p.PINFile, p.JournalDirectory = pin, dir }).run()
		s.waitState(stateOK)
	})
	t.Run("puk", func(t *testing.T) {
		m, link := startModem(t, modem.Config{PIN: "1234"})
		port, err := serial.Open(link, 115200)
		require.NoError(t, err)
		d := at.New(port, at.Options{Quiet: 20 * time.Millisecond})
		for range 3 {
			_, err := d.Command(t.Context(), `AT+CPIN="9999"`)
			require.Error(t, err)
		}
		require.NoError(t, d.Close())
		s := newSetUp(t, link, func(p *ModemSMS) { p.PINFile = file(t, "1234") }).run()
		s.waitState("puk")
		require.Equal(t, "SIM PUK", m.Status().SIM)
		require.Contains(t, s.log.text(), "E! The modem receives no SMS: ")
	})
	t.Run("no storage", func(t *testing.T) {
		_, link := startModem(t, modem.Config{})
		s := newSetUp(t, link, func(p *ModemSMS) { p.Storages = []string{"XY"} }).run()
		s.waitState("no_storage")
	})
	t.Run("text mode only", func(t *testing.T) {
		_, link := startModem(t, modem.Config{TextOnly: true})
		s := newSetUp(t, link, nil).run()
		s.waitState("text_mode_only")
		require.Contains(t, s.log.text(), "E! The modem receives no SMS: ")
	})
	t.Run("busy", func(t *testing.T) {
		m, link := startModem(t, modem.Config{})
		send(t, m, "one")
		other, err := serial.Open(link, 115200)
		require.NoError(t, err)
		s := newSetUp(t, link, nil).run()
		s.waitState(stateBusy)
		require.Contains(t, s.log.text(), "is in use by another process")
		require.Contains(t, s.log.text(), `ENV{ID_MM_PORT_IGNORE}="1"`)
		require.NoError(t, other.Close())
		s.waitState(stateOK)
		s.waitTexts("one")
	})
	t.Run("no serial port", func(t *testing.T) {
		s := newSetUp(t, file(t, ""), nil).run()
		s.waitState(stateNotSerial)
	})
	t.Run("no permission", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may do everything")
		}
		name := file(t, "")
		require.NoError(t, os.Chmod(name, 0))
		s := newSetUp(t, name, nil).run()
		s.waitState(stateNoPermission)
		require.Contains(t, s.log.text(), "dialout")
	})
	t.Run("full at the start", func(t *testing.T) {
		m, link := startModem(t, modem.Config{Stores: map[string]int{"SM": 10, "ME": 10}})
		_, err := m.Fill("", 0)
		require.NoError(t, err)
		send(t, m, "in the network")
		before := stored(m)
		require.GreaterOrEqual(t, before, 10)
		s := newSetUp(t, link, withJournal(t.TempDir())).run()
		s.eventually(func() bool { return len(s.out.texts()) == before && stored(m) == 0 }, "%d of %d; log:\n%s", len(s.out.texts()), before, s.log)
		require.Contains(t, s.out.texts(), "in the network")
	})
	t.Run("noise", func(t *testing.T) {
		m, link := startModem(t, modem.Config{Chatter: 20 * time.Millisecond, Profile: "huawei"})
		s := newSetUp(t, link, withJournal(t.TempDir())).run()
		s.waitState(stateOK)
		for i := range 10 {
			require.NoError(t, m.Noise([]byte("\x00\xff\x1b[?\r\n+CMTI\r\n+CMGL: x\r\n")))
			send(t, m, strconv.Itoa(i))
		}
		s.waitTexts("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
	})
}

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

// TestExplain shows what a person reads of a port that somebody else has.
func TestExplain(t *testing.T) {
	m := New()
	m.Port = "/dev/ttyUSB2"
	require.Equal(t, `/dev/ttyUSB2 is in use by ModemManager (process 612); keep it away with the udev rule ENV{ID_MM_PORT_IGNORE}="1" for this port`,
		m.explain(stateBusy, &serial.BusyError{Port: "/dev/ttyUSB2", Holders: []serial.Holder{{PID: 612, Name: "ModemManager"}}}))
	require.Equal(t, `/dev/ttyUSB2 is in use by minicom (process 7)`,
		m.explain(stateBusy, &serial.BusyError{Port: "/dev/ttyUSB2", Holders: []serial.Holder{{PID: 7, Name: "minicom"}}}))
	require.Equal(t, "there is no /dev/ttyUSB2; it may be unplugged; it is looked for", m.explain(stateNoPort, os.ErrNotExist))
	require.Equal(t, "the SIM needs its PUK; unlock the SIM in a phone", m.explain("puk", gsm.ErrPUK))
}

// TestStart has the reasons for which the plugin does not start.
func TestStart(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.LeastLimit)
	require.NoError(t, err)
	defer func() { _ = j.Close() }()
	for name, tt := range map[string]struct {
		change func(*ModemSMS)
		want   string
	}{
		"no pin file":      {func(p *ModemSMS) { p.PINFile = "/none" }, "reading pin_file: open /none: no such file or directory"},
		"no pin in it":     {func(p *ModemSMS) { p.PINFile = file(t, "12a4") }, "reading pin_file: the first line is not 4 to 8 digits"},
		"no key file":      {func(p *ModemSMS) { p.Text, p.HashKeyFile = showHash, "/none" }, "reading hash_key_file: open /none: no such file or directory"},
		"no key in it":     {func(p *ModemSMS) { p.Text, p.HashKeyFile = showHash, file(t, "secret") }, "reading hash_key_file: the first line is not 32 hexadecimal digits"},
		"journal is taken": {withJournal(dir), "the journal in "},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetUp(t, "/dev/none", tt.change)
			err := s.Start(s.out)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "secret")
			s.Stop()
		})
	}
}

func init() { runChild = child }

// child runs the plugin and prints metrics to stdout until it gets to a place,
// where it ends as with kill -9.
func child(spec string) {
	args := strings.Split(spec, "|")
	skip, _ := strconv.Atoi(args[3])
	m := New()
	m.Port, m.JournalDirectory = args[0], args[1]
	m.Log = &log{level: telegraf.Error}
	m.timing.backoff = 20 * time.Millisecond
	m.timing.at.Quiet = 20 * time.Millisecond
	var mu sync.Mutex
	m.timing.hook = func(place string) {
		mu.Lock()
		defer mu.Unlock()
		if place == args[2] {
			if skip--; skip < 0 {
				os.Exit(0)
			}
		}
	}
	if err := errors.Join(m.Init(), m.Start(stdout{})); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Sleep(10 * time.Second)
	os.Exit(2)
}

// stdout is an accumulator that prints.
type stdout struct{ telegraf.Accumulator }

func (stdout) Print(metrics ...telegraf.Metric) error {
	for _, m := range metrics {
		line, err := metric.AppendLine(nil, m)
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// TestCrash ends the process in every place between the listing and the deletion,
// and starts it again: each message comes out, and once, except for one that was
// printed and not marked yet.
func TestCrash(t *testing.T) {
	for _, place := range []string{"received", "journalled", "printed", "marked"} {
		for skip := range 4 {
			t.Run(fmt.Sprint(place, " ", skip), func(t *testing.T) {
				m, link := startModem(t, modem.Config{})
				dir := t.TempDir()
				long := strings.Repeat("in two parts ", 20)
				texts := []string{"one", long, "three", "four"}
				send(t, m, texts...)

				process := exec.CommandContext(t.Context(), os.Args[0])
				process.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%s|%d", childEnv, link, dir, place, skip))
				process.Stderr = os.Stderr
				printed, err := process.Output()
				require.NoError(t, err)
				lines, err := parseLines(printed, time.Now())
				require.NoError(t, err)
				before := &sink{all: lines}

				s := newSetUp(t, link, withJournal(dir)).run()
				first := before.texts()
				s.eventually(func() bool {
					return len(first)+len(s.out.texts()) >= len(texts) && stored(m) == 0 && s.keeper.(*journalled).waiting.Load() == 0
				}, "%v %v", before, s.out)
				s.stop()
				then := s.out.texts()
				last := len(first) - 1
				again := last >= 0 && len(then) > 0 && then[0] == first[last]
				switch place {
				case "printed":
					require.True(t, again, "it was not marked")
				case "marked":
					require.False(t, again)
				}
				if again {
					require.Equal(t, before.named(measurement)[last].Time(), s.out.named(measurement)[0].Time(), "the same point for a database")
					then = then[1:]
				}
				require.ElementsMatch(t, texts, append(first, then...))
			})
		}
	}
}

// When deletion fails, because the modem is gone, nothing comes twice.
func TestUnplugBeforeDeletion(t *testing.T) {
	m, link := startModem(t, modem.Config{})
	send(t, m, "one", "two")
	s := newSetUp(t, link, withJournal(t.TempDir()))
	once := false
	s.timing.hook = func(place string) {
		if place == "journalled" && !once {
			once = true
			require.NoError(t, m.Unplug())
		}
	}
	s.run()
	s.waitState(stateNoPort)
	require.NotZero(t, stored(m))
	require.NoError(t, m.Replug())
	s.eventually(func() bool { return stored(m) == 0 }, "messages stay in the modem")
	s.waitTexts("one", "two")
}

// While Telegraf does not read, messages go to the journal and the modem is
// emptied; when half of the journal waits they stay in the modem.
func TestTelegrafDoesNotRead(t *testing.T) {
	m, link := startModem(t, modem.Config{Stores: map[string]int{"ME": 255}})
	s := newSetUp(t, link, func(p *ModemSMS) { p.JournalDirectory, p.JournalLimit, p.StatusInterval = t.TempDir(), minJournal, 0 })
	s.out.blocked = make(chan struct{})
	s.run()
	s.waitState(stateOK)
	var texts []string
	for i := range 250 {
		texts = append(texts, fmt.Sprint(i, strings.Repeat("x", 3000)))
	}
	send(t, m, texts...)
	s.eventually(func() bool { return strings.Contains(s.log.text(), errBehind.Error()) }, "log:\n%s", s.log)
	require.Empty(t, s.out.all)
	close(s.out.blocked)
	s.waitTexts(texts...)
	s.eventually(func() bool { return stored(m) == 0 }, "messages stay in the modem")
	require.Zero(t, s.status(t.Context()).Fields()["dropped"])
}

// Neither metrics nor journal nor logs have what is not to be told.
func TestNothingTold(t *testing.T) {
	for _, how := range []string{showOmit, showHash} {
		t.Run(how, func(t *testing.T) {
			m, link := startModem(t, modem.Config{Stores: map[string]int{"SM": 3, "ME": 3}})
			dir := t.TempDir()
			s := newSetUp(t, link, func(p *ModemSMS) {
				p.JournalDirectory, p.Text, p.Sender, p.DataFormat = dir, how, how, formatInflux
			})
			s.log.level = telegraf.Trace
			s.run()
			s.waitState(stateOK)
			secret := "Secret code 314159"
			send(t, m, secret)
			_, err := m.Receive(modem.Message{From: "Bank", Text: strings.Repeat(secret+" ", 30)})
			require.NoError(t, err)
			_, err = m.Receive(modem.Message{From: "+15550100", Text: secret, Encoding: modem.Data})
			require.NoError(t, err)
			parts, err := modem.Encode(modem.Message{From: "+15550100", Text: strings.Repeat(secret, 20)})
			require.NoError(t, err)
			require.NoError(t, m.ReceivePDU(parts[0].PDU), "a part that waits")
			require.NoError(t, m.ReceivePDU(parts[1].PDU[:60]), "one that is cut off")
			s.eventually(func() bool { return len(s.out.named(measurement)) >= 3 }, "%v; log:\n%s", s.out, s.log)
			time.Sleep(1500 * time.Millisecond)
			s.stop()

			told := s.out.lines() + s.log.text()
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			require.NoError(t, err)
			for _, f := range files {
				content, err := os.ReadFile(f)
				require.NoError(t, err)
				told += string(content)
			}
			for _, hidden := range []string{"Secret", "314159", "5550100", "51551000", "Bank", fmt.Sprintf("%X", parts[0].PDU[20:]), fmt.Sprintf("%x", secret)} {
				require.NotContains(t, told, hidden)
			}
			if how == showHash {
				require.Contains(t, told, hashKey{}.hash(secret))
			}
		})
	}
}

// Parts that cannot stay in a modem that is full are kept over a restart.
func TestPartsOverRestart(t *testing.T) {
	m, link := startModem(t, modem.Config{Stores: map[string]int{"SM": 4, "ME": 4}})
	long := strings.Repeat("0123456789 ", 60)
	parts, err := modem.Encode(modem.Message{From: "+15550100", Text: long, Ref: 9})
	require.NoError(t, err)
	require.Greater(t, len(parts), 4)
	dir := t.TempDir()
	for i, p := range parts {
		require.NoError(t, m.ReceivePDU(p.PDU))
		s := newSetUp(t, link, withJournal(dir)).run()
		s.waitState(stateOK)
		if i < len(parts)-1 {
			time.Sleep(300 * time.Millisecond)
			s.stop()
			require.Empty(t, s.out.texts())
			continue
		}
		s.waitTexts(long)
		s.eventually(func() bool { return stored(m) == 0 }, "parts stay in the modem")
		s.stop()
	}
	// Nothing of it is left.
	j, err := journal.Open(dir, journal.LeastLimit)
	require.NoError(t, err)
	defer func() { _ = j.Close() }()
	require.Zero(t, j.Stats().Unprinted)
}

func TestStatus(t *testing.T) {
	m, link := startModem(t, modem.Config{})
	require.NoError(t, m.SetSignal(20))
	s := newSetUp(t, link, func(p *ModemSMS) {
		p.JournalDirectory = t.TempDir()
		p.StatusInterval = execd.Duration(time.Second)
	}).run()
	send(t, m, "one")
	s.waitTexts("one")
	require.NoError(t, m.SetRegistration(5))
	var last telegraf.Metric
	s.eventually(func() bool {
		all := s.out.named(statusMeasurement)
		if len(all) == 0 {
			return false
		}
		last = all[len(all)-1]
		return last.Fields()["registration"] == "roaming" && last.Fields()["messages"] == int64(1)
	}, "%v", s.out)
	f := last.Fields()
	require.Equal(t, map[string]string{"modem": "usb-Quectel-if02-port0"}, last.Tags())
	require.Equal(t, stateOK, f["state"])
	require.Equal(t, true, f["receiving"])
	require.Equal(t, true, f["registered"])
	require.EqualValues(t, -73, f["signal_dbm"])
	require.EqualValues(t, 20, f["signal_raw"])
	require.EqualValues(t, 0, f["unprinted"])
	require.Contains(t, f, "operator")
	require.Contains(t, f, "storage_used")
	require.Contains(t, f, "storage_total")
	require.NotContains(t, f, "error")

	before := len(s.out.named(statusMeasurement))
	require.NoError(t, s.Gather(s.out))
	require.Greater(t, len(s.out.named(statusMeasurement)), before)

	require.NoError(t, m.Unplug())
	s.eventually(func() bool {
		all := s.out.named(statusMeasurement)
		last = all[len(all)-1]
		return last.Fields()["state"] == stateNoPort
	}, "%v", s.out)
	require.Equal(t, false, last.Fields()["receiving"])
	require.Contains(t, last.Fields(), "error")
	require.NotContains(t, last.Fields(), "signal_dbm")
}

// Another host than execd's has no Printer.
func TestOtherHost(t *testing.T) {
	m, link := startModem(t, modem.Config{})
	s := newSetUp(t, link, nil)
	other := struct{ telegraf.Accumulator }{s.out}
	require.NoError(t, s.Start(other))
	t.Cleanup(s.stop)
	send(t, m, "one")
	s.waitTexts("one")
}

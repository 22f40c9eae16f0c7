package gsm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/gsm"
)

// emulate starts an emulated modem.
func emulate(t *testing.T, cfg modem.Config) *modem.Modem {
	t.Helper()
	cfg.Link = filepath.Join(t.TempDir(), "modem")
	if trace := os.Getenv("GSM_TRACE"); trace != "" {
		cfg.Trace = func(sent bool, line string) { t.Logf("%s %v %s", time.Now().Format("05.000"), sent, line) }
	}
	e, err := modem.Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func dial(t *testing.T, e *modem.Modem) *at.Driver {
	t.Helper()
	port, err := os.OpenFile(e.Port(), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	return at.New(port, at.Options{Quiet: 20 * time.Millisecond, Timeout: 2 * time.Second, ProbeTimeout: 200 * time.Millisecond})
}

// running is a Modem on an emulated one.
type running struct {
	*gsm.Modem
	t    *testing.T
	stop context.CancelFunc
	done chan error
}

func run(t *testing.T, e *modem.Modem, m *gsm.Modem) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{Modem: m, t: t, stop: stop, done: make(chan error, 1)}
	d := dial(t, e)
	go func() {
		err := m.Run(ctx, d)
		_ = d.Close()
		r.done <- err
		close(r.done)
	}()
	t.Cleanup(func() {
		stop()
		for range r.done {
		}
	})
	return r
}

// end returns why Run has ended.
func (r *running) end() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(20 * time.Second):
		require.Fail(r.t, "Run does not end", "%+v", r.Status())
		return nil
	}
}

func (r *running) ready() {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.Status().State == gsm.Ready && r.Status().Sweeps > 0 }, 10*time.Second, 10*time.Millisecond)
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, 20*time.Second, 10*time.Millisecond, what)
}

// empty tells whether nothing is in the emulated modem.
func empty(e *modem.Modem) bool {
	for _, u := range e.Status().Stores {
		if u.Used > 0 {
			return false
		}
	}
	return e.Status().Network == 0
}

func send(t *testing.T, e *modem.Modem, msg modem.Message) int {
	t.Helper()
	if msg.From == "" {
		msg.From = "+15550100"
	}
	n, err := e.Receive(msg)
	require.NoError(t, err)
	return n
}

func TestProfiles(t *testing.T) {
	for _, profile := range modem.Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			e := emulate(t, modem.Config{Profile: profile, Chatter: 30 * time.Millisecond, SIMBusy: 300 * time.Millisecond})
			var want []string
			for i := range 5 {
				want = append(want, fmt.Sprintf("stored %d", i))
				send(t, e, modem.Message{Text: want[i]})
			}
			b := newInbox()
			cfg := b.config()
			log := &logger{}
			cfg.KeepPart, cfg.Log = b.keepPart, log
			r := run(t, e, gsm.NewModem(cfg))
			r.ready()
			for i := range 30 {
				text := fmt.Sprintf("burst %d 😀", i)
				if i%3 == 0 {
					text += strings.Repeat(fmt.Sprintf(" and %d", i), 30+10*(i%4))
				}
				want = append(want, text)
				send(t, e, modem.Message{From: fmt.Sprintf("+1555010%d", i%4), Text: text})
			}
			eventually(t, "all", func() bool { return b.count() >= len(want) && empty(e) })
			require.ElementsMatch(t, want, b.texts())
			require.Zero(t, r.Status().Incomplete)
			require.EqualValues(t, len(want), r.Status().Messages)
			n, err := r.Network(t.Context())
			require.NoError(t, err)
			require.Equal(t, gsm.Signal{Known: true, Raw: 20, DBm: -73, BER: 99}, n.Signal)
			require.Equal(t, gsm.Registration(5), n.Registration())
			require.Equal(t, "Emulator", n.Operator)
			id, err := r.Identify(t.Context())
			require.NoError(t, err)
			require.Equal(t, e.Profile().Model, id.Model)
			r.stop()
			require.ErrorIs(t, r.end(), context.Canceled)
			require.Equal(t, gsm.Stopped, r.Status().State)
			for _, private := range []string{"stored", "burst", "1555", "5155"} {
				require.NotContains(t, log.all(), private)
			}
		})
	}
}

// Messages that come while others are listed and deleted, into records that were
// free for a moment, come out once.
func TestDeleteWhileMessagesCome(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{Profile: "simcom", Stores: map[string]int{"SM": 3, "ME": 7}})
	b := newInbox()
	run(t, e, gsm.NewModem(b.config()))
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprintf("number %d", i))
		send(t, e, modem.Message{Text: want[i]})
		time.Sleep(time.Duration(i%5) * time.Millisecond)
	}
	eventually(t, "all", func() bool { return b.count() >= len(want) && empty(e) })
	require.ElementsMatch(t, want, b.texts())
}

// What was journalled and not deleted is deleted after a restart, and not handled
// again.
func TestCrashBetweenHandleAndDelete(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{})
	send(t, e, modem.Message{Text: "one"})
	n := send(t, e, modem.Message{Text: strings.Repeat("many ", 80)})
	require.Greater(t, n, 1)
	b := newInbox()
	ctx, crash := context.WithCancel(context.Background())
	b.after = func() {
		if len(b.got) == 2 {
			crash()
		}
	}
	d := dial(t, e)
	require.ErrorIs(t, gsm.NewModem(b.config()).Run(ctx, d), context.Canceled)
	require.NoError(t, d.Close())
	require.Equal(t, 2, b.count())
	require.False(t, empty(e))

	b.after = nil
	r := run(t, e, gsm.NewModem(b.config()))
	eventually(t, "empty", func() bool { return empty(e) })
	require.Equal(t, 2, b.count())
	require.EqualValues(t, 0, r.Status().Messages)
	require.EqualValues(t, n+1, r.Status().Deleted)
}

// What Handle does not take stays in the modem, and is offered again at the next
// sweep.
func TestHandleRefuses(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{})
	long := strings.Repeat("long ", 80)
	n := send(t, e, modem.Message{Text: "short"}) + send(t, e, modem.Message{Text: long})
	b := newInbox()
	b.refuses(errors.New("no space left"))
	log := &logger{}
	cfg := b.config()
	cfg.PollInterval, cfg.Log = 100*time.Millisecond, log
	r := run(t, e, gsm.NewModem(cfg))
	eventually(t, "refused", func() bool { return r.Status().Refused > 4 })
	require.Equal(t, n, e.Status().Stores[0].Used)
	require.Equal(t, 1, r.Status().Offered)
	require.Equal(t, 1, strings.Count(log.all(), "no space left"), "one line")
	b.refuses(nil)
	eventually(t, "all", func() bool { return empty(e) })
	require.ElementsMatch(t, []string{"short", long}, b.texts())
	eventually(t, "none left", func() bool { return r.Status().Offered == 0 })
}

func TestStorageFullAtStart(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"huawei", "quectel", "telit"} {
		e := emulate(t, modem.Config{Profile: profile, Stores: map[string]int{"SM": 10}})
		filled, err := e.Fill("SM", 0)
		require.NoError(t, err)
		for i := range 20 {
			send(t, e, modem.Message{Text: fmt.Sprintf("held %d", i)})
		}
		b := newInbox()
		run(t, e, gsm.NewModem(b.config()))
		eventually(t, "all", func() bool { return b.count() == filled+20 && empty(e) })
	}
}

// A message of more parts than the modem has places comes out whole when parts
// may be kept elsewhere, also after a restart amid them.
func TestMorePartsThanPlaces(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{Profile: "telit", Stores: map[string]int{"SM": 5}})
	text := strings.Repeat("0123456789", 150)
	require.Equal(t, 10, send(t, e, modem.Message{Text: text}))
	b := newInbox()
	cfg := b.config()
	cfg.KeepPart = func(ctx context.Context, p gsm.Part) error {
		if len(b.parts) == 3 {
			return errors.New("crashed")
		}
		return b.keepPart(ctx, p)
	}
	r := run(t, e, gsm.NewModem(cfg))
	eventually(t, "kept", func() bool { return r.Status().Deleted == 3 })
	r.stop()
	require.ErrorIs(t, r.end(), context.Canceled)

	cfg.KeepPart, cfg.Parts = b.keepPart, slices.Clone(b.parts)
	run(t, e, gsm.NewModem(cfg))
	eventually(t, "all", func() bool { return empty(e) })
	require.Equal(t, []string{text}, b.texts())
	require.True(t, b.got[0].Complete())
	require.Empty(t, b.parts)
}

// Without a place for parts, a modem that is full of them gives them out so that
// it can receive at all.
func TestFullOfParts(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{Profile: "telit", Stores: map[string]int{"SM": 5}})
	send(t, e, modem.Message{Text: strings.Repeat("0123456789", 150)})
	send(t, e, modem.Message{Text: "another"})
	b := newInbox()
	r := run(t, e, gsm.NewModem(b.config()))
	eventually(t, "room", func() bool { return slices.Contains(b.texts(), "another") && empty(e) })
	require.EqualValues(t, 2, r.Status().Incomplete)
}

func TestKeepMessages(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{})
	long := strings.Repeat("long ", 80)
	n := send(t, e, modem.Message{Text: "short"}) + send(t, e, modem.Message{Text: long})
	for _, remembers := range []bool{false, true} {
		b := newInbox()
		cfg := b.config()
		cfg.KeepMessages, cfg.PollInterval = true, 50*time.Millisecond
		if !remembers {
			cfg.Known = nil
		}
		r := run(t, e, gsm.NewModem(cfg))
		eventually(t, "sweeps", func() bool { return r.Status().Sweeps > 4 })
		if remembers {
			r.stop()
			require.ErrorIs(t, r.end(), context.Canceled)
			r = run(t, e, gsm.NewModem(cfg))
			eventually(t, "sweeps", func() bool { return r.Status().Sweeps > 4 })
		}
		require.ElementsMatch(t, []string{"short", long}, b.texts())
		require.Equal(t, n, e.Status().Stores[0].Used)
		require.Zero(t, r.Status().Deleted)
		r.stop()
		require.ErrorIs(t, r.end(), context.Canceled)
	}
}

func TestPIN(t *testing.T) {
	t.Parallel()
	b := newInbox()
	e := emulate(t, modem.Config{PIN: "1234", SIMBusy: 200 * time.Millisecond})
	send(t, e, modem.Message{Text: "behind the PIN"})

	cfg := b.config()
	r := run(t, e, gsm.NewModem(cfg))
	require.ErrorIs(t, r.end(), gsm.ErrPIN)
	require.Equal(t, gsm.NeedsPIN, r.Status().State)

	cfg.PIN = "9999"
	wrong := gsm.NewModem(cfg)
	for range 5 { // reconnects
		err := run(t, e, wrong).end()
		require.ErrorIs(t, err, gsm.ErrPINRefused)
		require.ErrorIs(t, err, gsm.ErrPIN)
		require.NotContains(t, err.Error(), "9999")
	}
	require.EqualValues(t, 4, wrong.Status().Reconnects)

	cfg.PIN, cfg.PollInterval = "1234", 200*time.Millisecond
	right := gsm.NewModem(cfg)
	r = run(t, e, right)
	eventually(t, "message", func() bool { return b.count() == 1 })
	for i := range 3 { // needs its PIN each time
		require.NoError(t, e.Unplug())
		require.ErrorIs(t, r.end(), gsm.ErrPortClosed)
		require.NoError(t, e.Replug())
		send(t, e, modem.Message{Text: fmt.Sprint("again ", i)})
		r = run(t, e, right)
		r.ready()
	}
	eventually(t, "messages", func() bool { return b.count() == 4 })
	require.NoError(t, e.Reset()) // which takes the PIN, too
	send(t, e, modem.Message{Text: "after a reset"})
	eventually(t, "messages", func() bool { return b.count() == 5 })
}

func TestPUK(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{PIN: "1234"})
	b := newInbox()
	for range 3 {
		cfg := b.config()
		cfg.PIN = "0000"
		require.ErrorIs(t, run(t, e, gsm.NewModem(cfg)).end(), gsm.ErrPIN)
	}
	require.Equal(t, "SIM PUK", e.Status().SIM)
	cfg := b.config()
	cfg.PIN = "1234"
	r := run(t, e, gsm.NewModem(cfg))
	require.ErrorIs(t, r.end(), gsm.ErrPUK)
	require.Equal(t, gsm.NeedsPUK, r.Status().State)
	require.Equal(t, "puk", r.Status().State.String())
}

func TestSIMBusy(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{SIMBusy: time.Second, Profile: "quectel"})
	send(t, e, modem.Message{Text: "late"})
	b := newInbox()
	cfg := b.config()
	cfg.SIMTimeout = 100 * time.Millisecond
	r := run(t, e, gsm.NewModem(cfg))
	require.ErrorIs(t, r.end(), gsm.ErrSIMBusy)
	require.Equal(t, gsm.SIMBusy, r.Status().State)
	r = run(t, e, gsm.NewModem(b.config()))
	eventually(t, "busy", func() bool { return r.Status().State == gsm.SIMBusy })
	eventually(t, "message", func() bool { return b.count() == 1 && r.Status().State == gsm.Ready })
}

func TestTextModeOnly(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{TextOnly: true})
	r := run(t, e, gsm.NewModem(newInbox().config()))
	require.ErrorIs(t, r.end(), gsm.ErrTextModeOnly)
	require.Equal(t, gsm.TextModeOnly, r.Status().State)
	_, err := r.Network(t.Context())
	require.ErrorIs(t, err, gsm.ErrNotReady)
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{})
	b := newInbox()
	cfg := b.config()
	cfg.PollInterval = 100 * time.Millisecond
	m := gsm.NewModem(cfg)
	require.NoError(t, e.Freeze())
	require.ErrorIs(t, run(t, e, m).end(), gsm.ErrNoAnswer)
	require.NoError(t, e.Unfreeze())
	r := run(t, e, m)
	r.ready()
	require.NoError(t, e.Freeze())
	send(t, e, modem.Message{Text: "while frozen"})
	require.ErrorIs(t, r.end(), gsm.ErrNoAnswer)
	require.Equal(t, gsm.NoAnswer, r.Status().State)
	require.NoError(t, e.Unfreeze())
	run(t, e, m)
	eventually(t, "message", func() bool { return b.count() == 1 && empty(e) })
}

// A modem that resets behind a port that stays is initialised again, whether it
// says so or not.
func TestReset(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"quectel", "generic"} {
		e := emulate(t, modem.Config{Profile: profile, SIMBusy: 300 * time.Millisecond})
		b := newInbox()
		cfg := b.config()
		if profile == "generic" {
			cfg.PollInterval = 200 * time.Millisecond
		}
		r := run(t, e, gsm.NewModem(cfg))
		r.ready()
		require.NoError(t, e.Reset())
		eventually(t, "initialised", func() bool { return r.Status().Resets > 0 && r.Status().State == gsm.Ready && e.Status().CNMI[1] == 1 })
		send(t, e, modem.Message{Text: "after"})
		eventually(t, "message", func() bool { return b.count() == 1 && empty(e) })
	}
}

func TestNoise(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{})
	b := newInbox()
	cfg := b.config()
	cfg.PollInterval = 20 * time.Millisecond
	run(t, e, gsm.NewModem(cfg))
	for i := range 50 {
		send(t, e, modem.Message{Text: fmt.Sprintf("amid noise %d", i)})
		require.NoError(t, e.Noise([]byte("\x00\xff{]~\r\n\x13$GPGGA,1\r")))
		require.NoError(t, e.URC(`+CMTI: ,-1`, i%2 == 0))
		require.NoError(t, e.URC("^RSSI:7", true))
		time.Sleep(2 * time.Millisecond)
	}
	eventually(t, "all", func() bool { return b.count() == 50 && empty(e) })
}

// What a modem hands over without storing it is acknowledged when it is in
// safety, not before.
func TestDirect(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{AckTimeout: 300 * time.Millisecond})
	b := newInbox()
	cfg := b.config()
	cfg.InitCommands = []string{"AT+CSMS=1", "AT+CNMI=2,2,0,1,0"}
	cfg.PollInterval, cfg.KeepPart = 100*time.Millisecond, b.keepPart
	r := run(t, e, gsm.NewModem(cfg))
	r.ready()
	long := strings.Repeat("long ", 80)
	want := []string{"one", long, "two"}
	for _, text := range want {
		send(t, e, modem.Message{Text: text})
	}
	eventually(t, "all", func() bool { return b.count() == 3 && empty(e) })
	require.Equal(t, want, b.texts())

	b.refuses(errors.New("no space left"))
	send(t, e, modem.Message{Text: "three"})
	eventually(t, "refused", func() bool { return r.Status().Refused > 0 })
	b.refuses(nil)
	eventually(t, "all", func() bool { return b.count() == 4 && empty(e) })
	require.Equal(t, "three", b.texts()[3])
}

// Everything at once, over several lives of the process.
func TestLives(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{Profile: "huawei", Chatter: 50 * time.Millisecond})
	b := newInbox()
	var want []string
	var r *running
	for life := range 12 {
		if life%3 != 0 || r == nil || len(r.done) > 0 {
			cfg := b.config()
			cfg.KeepPart, cfg.Parts = b.keepPart, slices.Clone(b.parts)
			r = run(t, e, gsm.NewModem(cfg))
		}
		for i := range 20 {
			text := fmt.Sprintf("life %d, message %d 😀 ", life, i)
			if i%3 == 0 {
				text += strings.Repeat(fmt.Sprintf("ü%d", i), 60)
			}
			want = append(want, text)
			send(t, e, modem.Message{From: fmt.Sprintf("+1555%04d", i%3), Text: text})
		}
		time.Sleep(time.Duration(life*3) * time.Millisecond)
		switch life % 3 {
		case 0: // unplugged
			require.NoError(t, e.Unplug())
			require.ErrorIs(t, r.end(), gsm.ErrPortClosed)
			require.NoError(t, e.Replug())
		case 1: // killed
			r.stop()
			require.ErrorIs(t, r.end(), context.Canceled)
		case 2: // frozen for a while
			require.NoError(t, e.Freeze())
			time.Sleep(50 * time.Millisecond)
			require.NoError(t, e.Unfreeze())
		}
	}
	select {
	case err := <-r.done:
		require.ErrorIs(t, err, gsm.ErrNoAnswer)
		cfg := b.config()
		cfg.KeepPart, cfg.Parts = b.keepPart, slices.Clone(b.parts)
		run(t, e, gsm.NewModem(cfg))
	default:
	}
	eventually(t, "all", func() bool { return empty(e) })
	require.ElementsMatch(t, want, b.texts())
}

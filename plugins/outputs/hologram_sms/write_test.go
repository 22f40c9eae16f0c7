package hologramsms

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/smsout"
)

// notSent is the error of a way that certainly has sent nothing.
func notSent(smsout.Message) error {
	return &smsout.WayError{Verdict: smsout.NotSent, Err: errors.New("no network")}
}

// TestOnce shows that a metric is sent once to each recipient, whatever happens in
// between.
func TestOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir, w := t.TempDir(), &way{name: "socket"}
		both := func(h *HologramSMS) { h.To = []string{alice, bob} }
		h := start(t, dir, both, w)
		alarm := record(t, "door v=1i")

		// Bob's fails.
		w.fail = func(m smsout.Message) error {
			if m.To == bob {
				return notSent(m)
			}
			return nil
		}
		fates, _, err := write(h, alarm)
		require.Equal(t, "w", fates)
		require.ErrorContains(t, err, "sending SMS for 1 metric: ")
		require.Equal(t, []string{alice + " door=1"}, w.texts())

		// After a restart only Bob gets it.
		require.NoError(t, h.Close())
		w.fail = nil
		h = start(t, dir, both, w)
		fates, _, _ = write(h, alarm)
		require.Equal(t, "a", fates)
		require.Equal(t, []string{bob + " door=1"}, w.texts())

		// And then nobody.
		require.NoError(t, h.Close())
		h = start(t, dir, both, w)
		fates, _, _ = write(h, alarm)
		require.Equal(t, "a", fates)
		require.Empty(t, w.texts())
		require.NoError(t, h.Close())
	})
}

func TestCooldown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir, w := t.TempDir(), &way{name: "socket"}
		h := start(t, dir, nil, w)
		send := func(want []string, lines ...string) {
			t.Helper()
			fates, _, _ := write(h, record(t, lines...))
			require.Equal(t, strings.Repeat("a", len(lines)), fates)
			require.Equal(t, want, w.texts())
		}
		send([]string{alice + " door=1"}, "door,room=a v=1i", "door,room=a v=2i")
		time.Sleep(time.Minute)
		send([]string{alice + " door=4"}, "door,room=a v=3i", "door,room=b v=4i")

		// Also after a restart, and up to the last moment.
		require.NoError(t, h.Close())
		h = start(t, dir, nil, w)
		time.Sleep(14*time.Minute - time.Second)
		send(nil, "door,room=a v=5i")
		time.Sleep(time.Second)
		send([]string{alice + " door=6"}, "door,room=a v=6i")
		require.EqualValues(t, 3, h.memory.skipped)
		require.NoError(t, h.Close())

		// None.
		h = start(t, dir, func(h *HologramSMS) { h.Cooldown = new(execd.Duration) }, w)
		send([]string{alice + " door=7", alice + " door=8"}, "door,room=a v=7i", "door,room=a v=8i")
		require.NoError(t, h.Close())
	})
}

// TestCooldownBounds shows that the memory of series is bounded, and that a clock
// that was set back holds nothing up for longer than the cooldown.
func TestCooldownBounds(t *testing.T) {
	var r recall
	now := time.Unix(1.8e9, 0)
	for i := range uint64(2 * maxCooldowns) {
		r.sent(i, now, time.Minute)
	}
	require.Len(t, r.cooldowns, maxCooldowns)
	require.False(t, r.cool(0, now, time.Minute))
	require.True(t, r.cool(2*maxCooldowns-1, now, time.Minute))
	require.Less(t, len(r.marshal()), memorySize)

	back := now.Add(-24 * time.Hour)
	require.True(t, r.cool(2*maxCooldowns-1, back, time.Minute))
	require.False(t, r.cool(2*maxCooldowns-1, back.Add(time.Minute), time.Minute))
	r.sent(1, now.Add(2*time.Minute), time.Minute)
	require.Len(t, r.cooldowns, 1, "those that are over are forgotten")
}

func TestLimitQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), func(h *HologramSMS) { h.MaxPerHour, h.MaxAge = 2, 0 }, w)
		alarms := record(t, "a v=1i", "b v=1i", "c v=1i", "d v=1i")
		fates, hint, err := write(h, alarms)
		require.Equal(t, "aaww", fates)
		require.Len(t, w.texts(), 2)
		require.ErrorContains(t, err, "sending SMS for 2 metrics: 2 of max_per_hour = 2 SMS are used")
		require.InDelta(t, time.Hour.Seconds(), hint.After.Seconds(), 1)

		time.Sleep(hint.After)
		fates, _, _ = write(h, alarms[2:])
		require.Equal(t, "aa", fates)
		require.Equal(t, []string{alice + " c=1", alice + " d=1"}, w.texts())
		require.NoError(t, h.Close())
	})
}

// TestLimitOfLongTexts shows that a text of several parts that must wait does not
// hold up shorter ones.
func TestLimitOfLongTexts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), func(h *HologramSMS) { h.MaxPerHour, h.MaxParts = 3, 3 }, w)
		alarms := record(t, "a v=1i", `b v="`+strings.Repeat("x", 400)+`"`, "c v=1i", `d v="`+strings.Repeat("x", 400)+`"`)
		fates, hint, _ := write(h, alarms)
		require.Equal(t, "awaw", fates)
		require.Len(t, w.texts(), 2)
		require.Equal(t, execd.RetryHint{Poll: time.Minute}, hint, "a short one may come")
		require.NoError(t, h.Close())
	})
}

func TestLimitDrop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), func(h *HologramSMS) { h.MaxPerDay, h.OnLimit = 1, limitDrop }, w)
		fates, _, err := write(h, record(t, "a v=1i", "b v=1i", "c v=1i"))
		require.Equal(t, "arr", fates)
		require.ErrorContains(t, err, `refused 2 of 3 metrics for good: metric "b" cannot be sent: 1 of max_per_day = 1 SMS are used`)
		require.Len(t, w.texts(), 1)
		require.NoError(t, h.Close())
	})
}

func TestMaxAge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), nil, w)
		at := func(age time.Duration) string { return strconv.FormatInt(time.Now().Add(-age).UnixNano(), 10) }
		fates, _, err := write(h, record(t, "a v=1i "+at(time.Hour), "b v=1i "+at(time.Hour+time.Second), "c v=1i 5000000000", "d v=1i "+at(-time.Hour)))
		require.Equal(t, "araa", fates, "a time of a clock that was not set tells no age")
		require.ErrorContains(t, err, `metric "b" cannot be sent: it is 1h0m1s old, max_age is 1h`)
		require.NoError(t, h.Close())
	})
}

func TestTooLong(t *testing.T) {
	long := `a v="` + strings.Repeat("wörd ", 100) + `"`
	for name, c := range map[string]struct {
		set   func(*HologramSMS)
		fates string
		want  string // what is sent
	}{
		"refused": {func(*HologramSMS) {}, "r", ""},
		"fits":    {func(h *HologramSMS) { h.MaxParts = 4 }, "a", "a=" + strings.TrimSpace(strings.Repeat("wörd ", 100))},
		"cut":     {func(h *HologramSMS) { h.OnTooLong = tooLongCut }, "a", ("a=" + strings.Repeat("wörd ", 100))[:187] + cutMark},
		"cut in ucs2": {func(h *HologramSMS) { h.OnTooLong, h.Encoding = tooLongCut, codingUCS2 }, "a",
			"a=" + strings.Repeat("wörd ", 13)[:77] + cutMark},
	} {
		t.Run(name, func(t *testing.T) {
			w := &way{name: "socket"}
			h := start(t, t.TempDir(), c.set, w)
			fates, _, err := write(h, record(t, long))
			require.Equal(t, c.fates, fates)
			texts := w.texts()
			if c.want == "" {
				require.Empty(t, texts)
				require.ErrorContains(t, err, `metric "a" cannot be sent: the SMS cannot be sent: the text needs 4 parts, max_parts is 1`)
			} else {
				require.Equal(t, []string{alice + " " + c.want}, texts)
			}
			require.NoError(t, h.Close())
		})
	}
}

// TestTexts shows what a template may make, and what is refused. No error has the
// text in it.
func TestTexts(t *testing.T) {
	for template, want := range map[string]string{
		defaultTemplate: "door gw-7 v=secret 11-23 12:00Z",
		"  {{.Name}}\t{{.Field \"v\"}}\r\n\nnext\n": "door secret \n\nnext",
		`{{if false}}x{{end}} `:                     "error: the template makes no text of it",
		`{{gt (.Field "v") 3}}`:                     "error: filling in the template: character 3: gt: a text cannot be compared with a whole number",
	} {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), func(h *HologramSMS) { h.Template, h.MaxAge = template, 0 }, w)
		fates, _, err := write(h, record(t, `door,host=gw-7 v="secret" 1795435200000000000`))
		if reason, ok := strings.CutPrefix(want, "error: "); ok {
			require.Equal(t, "r", fates)
			require.EqualError(t, err, `refused 1 of 1 metrics for good: metric "door" cannot be sent: `+reason)
			require.NotContains(t, err.Error(), "secret")
		} else {
			require.Equal(t, "a", fates)
			require.Equal(t, []string{alice + " " + want}, w.texts())
		}
		require.NoError(t, h.Close())
	}
}

// TestFallback shows what becomes of an alarm while ways are down.
func TestFallback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		socket, modem := &way{name: "socket", fail: notSent}, &way{name: "modem"}
		h := start(t, t.TempDir(), func(h *HologramSMS) { h.Via, h.Port = []string{viaSocket, viaModem}, "/dev/null" }, socket, modem)
		began := time.Now()
		alarm := record(t, "a v=1i")
		tries := 0
		for {
			fates, hint, _ := write(h, alarm)
			tries++
			if fates == "a" {
				break
			}
			require.Positive(t, hint.Poll)
			require.LessOrEqual(t, time.Since(began)+hint.Poll, 5*time.Minute)
			time.Sleep(hint.Poll)
		}
		require.Equal(t, 5*time.Minute, time.Since(began))
		require.Equal(t, 5, tries, "after 0s, 30s, 1m30s, 3m30s and 5m")
		require.Equal(t, []string{alice + " a=1"}, modem.texts())
		require.Empty(t, socket.texts())

		// With both down it waits, without a hint: the host's backoff is right.
		modem.fail = notSent
		fates, hint, err := write(h, record(t, "b v=1i"))
		require.Equal(t, "w", fates)
		require.Equal(t, execd.RetryHint{}, hint)
		require.ErrorContains(t, err, "socket: no network")
		require.NoError(t, h.Close())
	})
}

// TestOneKindDown shows that a broken modem, which alone reaches a code, holds up
// nobody else.
func TestOneKindDown(t *testing.T) {
	w := &way{name: "modem", fail: func(m smsout.Message) error {
		if m.To == cloudNumber {
			return notSent(m)
		}
		return nil
	}}
	h := start(t, t.TempDir(), func(h *HologramSMS) {
		h.Via, h.Port, h.To = []string{viaModem}, "/dev/null", []string{cloudNumber, alice}
	}, w)
	fates, _, _ := write(h, record(t, "a v=1i", "b v=1i"))
	require.Equal(t, "ww", fates)
	require.Equal(t, []string{alice + " a=1", alice + " b=1"}, w.texts())
	require.NoError(t, h.Close())
}

// TestRefusedHoldsUpNobody shows that an SMS that can never be sent is the only one
// that is not.
func TestRefusedHoldsUpNobody(t *testing.T) {
	w := &way{name: "socket", fail: func(m smsout.Message) error {
		if m.Text == "b=1" {
			return &smsout.WayError{Verdict: smsout.Refused, Err: errors.New("no such number")}
		}
		return nil
	}}
	h := start(t, t.TempDir(), nil, w)
	fates, _, err := write(h, record(t, "a v=1i", "b v=1i", "c v=1i"))
	require.Equal(t, "ara", fates)
	require.ErrorContains(t, err, `metric "b" cannot be sent: the SMS cannot be sent: socket: no such number`)
	require.Len(t, w.texts(), 2)
	require.NoError(t, h.Close())
}

// TestUnsure shows that an SMS that may have been sent counts as sent.
func TestUnsure(t *testing.T) {
	dir := t.TempDir()
	w := &way{name: "socket", fail: func(smsout.Message) error { return errors.New("no answer") }}
	h := start(t, dir, nil, w)
	alarm := record(t, "a v=1i")
	fates, _, _ := write(h, alarm)
	require.Equal(t, "a", fates)
	require.Contains(t, h.Log.(*logger).text(), "W! An SMS for 1 metric may have been sent, or not; it counts as sent (1 part of the limits): socket: no answer")
	require.NoError(t, h.Close())

	h = start(t, dir, nil, w)
	fates, _, _ = write(h, alarm)
	require.Equal(t, "a", fates)
	require.Empty(t, w.texts())
	u, err := h.account.Usage()
	require.NoError(t, err)
	require.Equal(t, 1, u.Hour.Used)
	require.NoError(t, h.Close())
}

// slow is a way that waits for the end of its context.
type slow struct{ way }

func (s *slow) Send(ctx context.Context, _ smsout.Message) error {
	<-ctx.Done()
	return &smsout.WayError{Verdict: smsout.NotSent, Err: ctx.Err()}
}

func TestCloseEndsWrite(t *testing.T) {
	h := start(t, t.TempDir(), nil)
	require.NoError(t, h.Close())
	h.open([]smsout.Way{&slow{way{name: "socket"}}})
	done := make(chan string)
	alarm := record(t, "a v=1i")
	go func() {
		fates, _, _ := write(h, alarm)
		done <- fates
	}()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, h.Close())
	require.Equal(t, "w", <-done)
}

func TestNotConnected(t *testing.T) {
	require.EqualError(t, New().Write(record(t, "a v=1i")), "writing metrics: not connected")
	require.NoError(t, New().Close())
}

// TestUnwritable shows that nothing is sent that cannot be counted.
func TestUnwritable(t *testing.T) {
	w := &way{name: "socket"}
	h := start(t, t.TempDir(), func(h *HologramSMS) { h.AccountFile = "/proc/none/account" }, w)
	require.Contains(t, h.Log.(*logger).text(), "E! Nothing is sent before this is mended: ")
	fates, _, err := write(h, record(t, "a v=1i"))
	require.Equal(t, "w", fates)
	require.ErrorContains(t, err, "account")
	require.Empty(t, w.texts())
	require.NoError(t, h.Close())
}

func TestUseDirectory(t *testing.T) {
	h := New()
	require.EqualError(t, h.UseDirectory(""),
		"buffer_directory: is missing or empty, and so is account_file; want one of the two, so that what was sent counts after a restart")
	h.AccountFile = filepath.Join(t.TempDir(), "account")
	require.NoError(t, h.UseDirectory(""))
	require.NoError(t, New().UseDirectory("/a"))
}

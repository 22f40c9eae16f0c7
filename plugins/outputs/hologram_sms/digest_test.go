package hologramsms

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/smsout"
)

// digests sets up a plugin with digests and so many SMS in an hour.
func digests(perHour int, to ...string) func(*HologramSMS) {
	return func(h *HologramSMS) {
		h.OnLimit, h.MaxPerHour, h.MaxAge, h.Cooldown = limitDigest, perHour, 0, new(execd.Duration)
		if len(to) > 0 {
			h.To = to
		}
	}
}

func TestDigest(t *testing.T) {
	for name, restart := range map[string]bool{"in one run": false, "with restarts": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				dir, w := t.TempDir(), &way{name: "socket"}
				h := start(t, dir, digests(2), w)
				again := func() {
					if restart {
						require.NoError(t, h.Close())
						h = start(t, dir, digests(2), w)
					}
				}
				alarms := record(t, "a v=1i", "b v=1i", "freezer v=1i", "door v=1i", "door v=2i")
				fates, hint, err := write(h, alarms)
				require.Equal(t, "aarrw", fates, "the last one waits, so that the host asks again")
				require.ErrorContains(t, err, "2 of max_per_hour = 2 SMS are used")
				require.InDelta(t, time.Hour.Seconds(), hint.After.Seconds(), 1)
				require.Len(t, w.texts(), 2)
				again()

				// One more comes, and is the one that waits now.
				time.Sleep(30 * time.Minute)
				alarms = append(alarms[4:], record(t, "pump v=1i")...)
				fates, hint, _ = write(h, alarms)
				require.Equal(t, "rw", fates)
				require.InDelta(t, (30 * time.Minute).Seconds(), hint.After.Seconds(), 1)
				require.Empty(t, w.texts())
				again()

				time.Sleep(hint.After)
				fates, _, err = write(h, alarms[1:])
				require.Equal(t, "r", fates)
				require.ErrorContains(t, err, `metric "pump" cannot be sent: held back by a limit, and counted in a digest`)
				require.Equal(t, []string{alice + " 4 alarms held back since 11-23 12:00Z: freezer 1, door 2, pump 1"}, w.texts())
				again()

				// It is over.
				fates, _, _ = write(h, record(t, "e v=1i"))
				require.Equal(t, "a", fates)
				require.Equal(t, []string{alice + " e=1"}, w.texts())
				require.NoError(t, h.Close())
			})
		})
	}
}

// TestDigestCountsWhatHasNoRoom shows that alarms that come with the digest and
// have no room beside it are in it; with room they go by themselves.
func TestDigestCountsWhatHasNoRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), digests(2), w)
		alarms := record(t, "a v=1i", "b v=1i", "c v=1i")
		fates, hint, _ := write(h, alarms)
		require.Equal(t, "aaw", fates)
		w.texts()
		time.Sleep(hint.After)
		fates, _, _ = write(h, append(alarms[2:], record(t, "d v=1i", "e v=1i")...))
		require.Equal(t, "rrr", fates)
		require.Equal(t, []string{alice + " 3 alarms held back since 11-23 12:00Z: c 1, d 1, e 1"}, w.texts())

		alarms = record(t, "f v=1i", "g v=1i", "h v=1i")
		fates, hint, _ = write(h, alarms)
		require.Equal(t, "arw", fates)
		w.texts()
		time.Sleep(hint.After + time.Hour)
		fates, _, _ = write(h, append(alarms[2:], record(t, "i v=1i")...))
		require.Equal(t, "ra", fates)
		require.Equal(t, []string{alice + " 2 alarms held back since 11-23 13:00Z: g 1, h 1", alice + " i=1"}, w.texts())
		require.NoError(t, h.Close())
	})
}

// TestDigestForSome shows that each recipient gets a digest once, and the same.
func TestDigestForSome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir, w := t.TempDir(), &way{name: "socket"}
		set := digests(3, alice, bob)
		h := start(t, dir, set, w)
		alarms := record(t, "a v=1i", "b v=1i")
		fates, hint, _ := write(h, alarms)
		require.Equal(t, "aw", fates, "three of four")
		require.Equal(t, []string{alice + " a=1", bob + " a=1", alice + " b=1"}, w.texts())

		time.Sleep(hint.After - 30*time.Minute)
		require.NoError(t, h.Close())
		h = start(t, dir, set, w)
		time.Sleep(30 * time.Minute)
		w.fail = func(m smsout.Message) error {
			if m.To == bob {
				return notSent(m)
			}
			return nil
		}
		fates, _, _ = write(h, alarms[1:])
		require.Equal(t, "w", fates)
		require.Equal(t, []string{alice + " 1 alarm held back since 11-23 12:00Z: b 1"}, w.texts())
		require.NoError(t, h.Close())

		h = start(t, dir, set, w)
		w.fail = nil
		fates, _, _ = write(h, alarms[1:])
		require.Equal(t, "r", fates)
		require.Equal(t, []string{bob + " 1 alarm held back since 11-23 12:00Z: b 1"}, w.texts())
		require.NoError(t, h.Close())
	})
}

// TestDigestWhileDown shows that alarms are not counted because no way works.
func TestDigestWhileDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), digests(1), w)
		alarms := record(t, "a v=1i", "b v=1i")
		_, hint, _ := write(h, alarms)
		w.texts()
		time.Sleep(hint.After)
		w.fail = notSent
		fates, hint, _ := write(h, append(alarms[1:], record(t, "c v=1i")...))
		require.Equal(t, "ww", fates)
		require.Equal(t, execd.RetryHint{}, hint)
		require.Equal(t, 1, h.memory.held.total)
		w.fail = nil
		fates, _, _ = write(h, append(alarms[1:], record(t, "c v=1i")...))
		require.Equal(t, "rr", fates)
		require.Equal(t, []string{alice + " 2 alarms held back since 11-23 12:00Z: b 1, c 1"}, w.texts())
		require.NoError(t, h.Close())
	})
}

// TestDigestRefused shows that a digest that can never be sent holds up nothing.
func TestDigestRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "socket"}
		h := start(t, t.TempDir(), digests(1), w)
		alarms := record(t, "a v=1i", "b v=1i")
		_, hint, _ := write(h, alarms)
		w.texts()
		time.Sleep(hint.After)
		w.fail = func(smsout.Message) error {
			return &smsout.WayError{Verdict: smsout.Refused, Err: os.ErrInvalid}
		}
		fates, _, _ := write(h, alarms[1:])
		require.Equal(t, "r", fates)
		require.Contains(t, h.Log.(*logger).text(), "E! The digest of 1 metric that were held back cannot be sent: ")
		require.NoError(t, h.Close())
	})
}

// TestDigestOnce shows that a process that ends before it can remember that a
// digest was sent does not send it again.
func TestDigestOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir, w := t.TempDir(), &way{name: "socket"}
		h := start(t, dir, digests(1), w)
		alarms := record(t, "a v=1i", "b v=1i", "c v=1i")
		_, hint, _ := write(h, alarms)
		w.texts()
		time.Sleep(hint.After)
		before, err := os.ReadFile(filepath.Join(dir, memoryName))
		require.NoError(t, err)
		_, _, err = write(h, alarms[2:])
		require.Error(t, err)
		require.Len(t, w.texts(), 1)
		require.NoError(t, h.Close())
		require.NoError(t, os.WriteFile(filepath.Join(dir, memoryName), before, 0o600))

		time.Sleep(2 * time.Hour)
		h = start(t, dir, digests(1), w)
		fates, _, _ := write(h, alarms[2:])
		require.Equal(t, "r", fates)
		require.Empty(t, w.texts())
		require.Zero(t, h.memory.held.total+h.memory.sending.total)
		require.NoError(t, h.Close())
	})
}

func TestDigestText(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var d digest
	d.add("tür", at)
	require.Equal(t, "1 alarm held back since 01-02 03:04Z: tür 1", d.text())
	d.add("door", at.Add(-time.Minute))
	d.add("tür", at)
	require.Equal(t, "3 alarms held back since 01-02 03:03Z: tür 2, door 1", d.text())
	for i := range 100 {
		d.add(fmt.Sprintf("measurement%d", i), at)
	}
	require.Equal(t, "103 alarms held back since 01-02 03:03Z: tür 2, door 1, measurement0 1, measurement1 1, measurement2 1, measurement3 1, measurement4 1, measurement5 1, 94 more", d.text())
	require.Equal(t, 1, encode.PlanText(d.text(), encode.GSM7).Parts)
	require.Len(t, d.names, maxHeldNames)

	d = digest{}
	d.add(strings.Repeat("ü", 500), at)
	require.Equal(t, "1 alarm held back since 01-02 03:04Z: "+strings.Repeat("ü", 32)+" 1", d.text())
}

package hologram

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
)

// secondWay is a plugin with a fallback through an emulated modem.
type secondWay struct {
	*Hologram
	modem *modem.Modem
	dir   string
	link  string

	begun     int
	exchanges []execd.Exchange
}

func newSecondWay(t *testing.T, change func(*Hologram)) *secondWay {
	t.Helper()
	s := &secondWay{dir: t.TempDir(), link: filepath.Join(t.TempDir(), "modem")}
	var err error
	s.modem, err = modem.Start(t.Context(), modem.Config{Link: s.link})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.modem.Close()) })
	s.restart(t, change)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// restart makes the plugin anew, as a new process has it.
func (s *secondWay) restart(t *testing.T, change func(*Hologram)) {
	t.Helper()
	var state any
	if s.Hologram != nil {
		state = s.GetState()
		require.NoError(t, s.Close())
	}
	h := New()
	h.DeviceKey, h.Log = key, silent{}
	h.Second.Namepass, h.Second.Port = []string{"alarm*"}, s.link
	if change != nil {
		change(h)
	}
	require.NoError(t, h.Init())
	require.NoError(t, h.UseDirectory(s.dir))
	h.OnExchange(func() { s.begun++ }, func(x execd.Exchange) { s.exchanges = append(s.exchanges, x) })
	if state != nil {
		require.NoError(t, h.SetState(state))
	}
	s.Hologram = h
}

// told returns what the SMS that were sent tell.
func (s *secondWay) told(t *testing.T) (batches []payload.Batch) {
	t.Helper()
	for _, sms := range s.modem.Sent() {
		require.Equal(t, cloudNumber, sms.To)
		require.Equal(t, "gsm7", sms.Encoding)
		require.LessOrEqual(t, sms.Parts, 1)
		b, err := payload.Decode(string(sms.Body()))
		require.NoError(t, err)
		batches = append(batches, b)
	}
	return batches
}

func alarms(t *testing.T, n int) (metrics []telegraf.Metric) {
	t.Helper()
	for range n {
		m, err := execd.ParseRecord(fmt.Appendf(nil, "alarm,station=north level=%v %d", rand.Float64(), time.Now().UnixNano()), time.Time{})
		require.NoError(t, err)
		metrics = append(metrics, m)
	}
	return metrics
}

func TestFallback(t *testing.T) {
	s := newSecondWay(t, nil)
	metrics := alarms(t, 40)
	require.NoError(t, s.WriteFallback(metrics))
	batches := s.told(t)
	require.Greater(t, len(batches), 1)
	require.Less(t, len(batches), 10, "an SMS takes several metrics")
	n := 0
	for i, b := range batches {
		require.Equal(t, payload.Sequence(i), b.Sequence)
		for _, m := range b.Metrics {
			require.Equal(t, metrics[n].Tags(), m.Tags())
			require.Equal(t, metrics[n].Fields(), m.Fields())
			require.Equal(t, metrics[n].Time().UnixNano(), m.Time().UnixNano())
			n++
		}
	}
	require.Equal(t, 40, n)
	var accepted []int
	for _, x := range s.exchanges {
		require.True(t, x.Delivered)
		require.Zero(t, x.Sent, "it went another way")
		accepted = append(accepted, x.Accepted...)
	}
	require.Len(t, accepted, 40)
	require.Len(t, s.exchanges, s.begun)

	// What was told is told once, also by a new process.
	s.restart(t, nil)
	more := append(metrics, alarms(t, 1)...)
	require.NoError(t, s.WriteFallback(more))
	all := s.told(t)
	require.Len(t, all, len(batches)+1)
	require.Equal(t, batches[len(batches)-1].Sequence.Next(), all[len(batches)].Sequence)
	require.Len(t, all[len(batches)].Metrics, 1)
}

func TestFallbackTellsInPieces(t *testing.T) {
	s := newSecondWay(t, nil)
	r := rand.New(rand.NewPCG(1, 1))
	var fields []string
	for i := range 8 {
		var text strings.Builder
		for range 50 {
			text.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"[r.IntN(64)])
		}
		fields = append(fields, fmt.Sprintf(`f%d="%s"`, i, text.String()))
	}
	m, err := execd.ParseRecord(fmt.Appendf(nil, "alarm %s %d", strings.Join(fields, ","), time.Now().UnixNano()), time.Time{})
	require.NoError(t, err)
	require.NoError(t, s.WriteFallback([]telegraf.Metric{m}))
	got := map[string]any{}
	for _, b := range s.told(t) {
		require.Len(t, b.Metrics, 1)
		maps.Copy(got, b.Metrics[0].Fields())
	}
	require.Equal(t, m.Fields(), got)
	accepted := 0
	for _, x := range s.exchanges {
		accepted += len(x.Accepted)
	}
	require.Equal(t, 1, accepted, "with its last piece")
}

// TestFallbackLeavesTheRest shows that what cannot go as SMS is rejected, for the
// host to keep it for the link, and nothing else.
func TestFallbackLeavesTheRest(t *testing.T) {
	s := newSecondWay(t, func(h *Hologram) { h.Second.MaxAge = execd.Duration(time.Hour) })
	metrics := alarms(t, 3)
	metrics[1].SetTime(time.Now().Add(-2 * time.Hour))
	err := s.WriteFallback(metrics)
	var partial *execd.PartialWriteError
	require.ErrorAs(t, err, &partial)
	require.Equal(t, []int{0, 2}, partial.MetricsAccept)
	require.Equal(t, []int{1}, partial.MetricsReject)
	require.EqualError(t, err, `1 of 3 metrics cannot go as SMS: metric "alarm": it is older than max_age`)
}

func TestFallbackWaitsForItsLimits(t *testing.T) {
	s := newSecondWay(t, func(h *Hologram) { h.Second.MaxPerHour = 2 })
	for range 2 {
		require.NoError(t, s.WriteFallback(alarms(t, 1)))
	}
	err := s.WriteFallback(alarms(t, 1))
	require.ErrorContains(t, err, "max_per_hour = 2")
	var hinter execd.Hinter
	require.ErrorAs(t, err, &hinter)
	require.InDelta(t, time.Hour, hinter.RetryHint().Poll, float64(time.Minute))
	require.Len(t, s.modem.Sent(), 2)
}

func TestFallbackWithoutModem(t *testing.T) {
	s := newSecondWay(t, nil)
	require.NoError(t, s.modem.Unplug())
	metrics := alarms(t, 1)
	require.ErrorContains(t, s.WriteFallback(metrics), "sending an SMS of 1 metrics: SMS cannot be sent now")
	require.NoError(t, s.modem.Replug())
	require.NoError(t, s.WriteFallback(metrics))
	require.Len(t, s.modem.Sent(), 1)
}

// TestFallbackIsSentOnce shows what becomes of an SMS to which the modem says
// nothing.
func TestFallbackIsSentOnce(t *testing.T) {
	for _, test := range []struct {
		mode, unsure string
		sent         int
	}{
		{modem.SendLost, "skip", 1},
		{modem.SendNever, "skip", 0},
		{modem.SendNever, "again", 1},
	} {
		t.Run(test.mode+" "+test.unsure, func(t *testing.T) {
			t.Parallel()
			s := newSecondWay(t, func(h *Hologram) {
				h.Second.WhenUnsure = test.unsure
				h.answerTimeout = 300 * time.Millisecond
			})
			require.NoError(t, s.modem.FailSending(modem.SendFault{Mode: test.mode}))
			metrics := alarms(t, 1)
			err := s.WriteFallback(metrics)
			if test.unsure == "again" {
				require.ErrorContains(t, err, "sending an SMS of 1 metrics: ")
			} else {
				require.NoError(t, err)
			}
			require.NoError(t, s.WriteFallback(metrics))
			require.Len(t, s.modem.Sent(), test.sent)
		})
	}
}

// TestFallbackPIN shows that a wrong PIN is not tried again by the next process.
func TestFallbackPIN(t *testing.T) {
	s := &secondWay{dir: t.TempDir(), link: filepath.Join(t.TempDir(), "modem")}
	var err error
	s.modem, err = modem.Start(t.Context(), modem.Config{Link: s.link, PIN: "1234"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.modem.Close()) })
	pin := filepath.Join(t.TempDir(), "pin")
	require.NoError(t, os.WriteFile(pin, []byte("9999"), 0o600))
	for range 4 { // three would lock the SIM
		s.restart(t, func(h *Hologram) { h.Second.PINFile = pin })
		require.Error(t, s.WriteFallback(alarms(t, 1)))
	}
	require.Equal(t, "SIM PIN", s.modem.Status().SIM)

	require.NoError(t, os.WriteFile(pin, []byte("1234"), 0o600))
	require.NoError(t, os.Chtimes(pin, time.Time{}, time.Unix(1.9e9, 0)))
	s.restart(t, func(h *Hologram) { h.Second.PINFile = pin })
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.WriteFallback(alarms(t, 1)))
	require.Len(t, s.told(t), 1)
}

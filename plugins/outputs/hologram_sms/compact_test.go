package hologramsms

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/smsout"
)

func compact(h *HologramSMS) {
	h.Via, h.Port, h.To = []string{viaModem}, "/dev/null", nil
	h.DataFormat, h.Template, h.MaxAge = formatCompact, defaultTemplate, 0
}

// decode returns the metrics of the SMS that were sent.
func decode(t *testing.T, w *way) (metrics []telegraf.Metric, sequences []payload.Sequence) {
	t.Helper()
	for _, text := range w.texts() {
		to, text, _ := strings.Cut(text, " ")
		require.Equal(t, cloudNumber, to)
		require.Equal(t, 1, encode.PlanText(text, encode.Auto).Parts)
		b, err := payload.Decode(text)
		require.NoError(t, err)
		metrics = append(metrics, b.Metrics...)
		sequences = append(sequences, b.Sequence)
	}
	return metrics, sequences
}

func requireSame(t *testing.T, want, got []telegraf.Metric) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Name(), got[i].Name())
		require.Equal(t, want[i].Tags(), got[i].Tags())
		require.Equal(t, want[i].Fields(), got[i].Fields())
		require.Equal(t, want[i].Time().UnixNano(), got[i].Time().UnixNano())
	}
}

func TestCompact(t *testing.T) {
	dir, w := t.TempDir(), &way{name: "modem"}
	h := start(t, dir, compact, w)
	var metrics []telegraf.Metric
	for i := range 20 {
		metrics = append(metrics, record(t, fmt.Sprintf("tank,site=a level=%d.5,ok=true %d", i, 1795435200e9+int64(i)*60e9))...)
	}
	fates, _, err := write(h, metrics)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("a", 20), fates)
	require.Len(t, w.sent, 1, "twenty fit one SMS")
	got, sequences := decode(t, w)
	requireSame(t, metrics, got)
	require.Equal(t, []payload.Sequence{0}, sequences)

	// Those that were sent are not sent again, and the numbers go on after a restart.
	require.NoError(t, h.Close())
	h = start(t, dir, compact, w)
	more := append(metrics[10:], record(t, "tank,site=a level=99 1795440000000000000")...)
	fates, _, _ = write(h, more)
	require.Equal(t, strings.Repeat("a", 11), fates)
	got, sequences = decode(t, w)
	requireSame(t, more[10:], got)
	require.Equal(t, []payload.Sequence{1}, sequences)
	require.NoError(t, h.Close())
}

// TestCompactPieces shows that a metric that is too large goes in pieces, and that
// one with a field that no SMS can hold is refused, and no other.
func TestCompactPieces(t *testing.T) {
	w := &way{name: "modem"}
	h := start(t, t.TempDir(), compact, w)
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[r.IntN(64)]
		}
		return string(b)
	}
	large := record(t, fmt.Sprintf(`log,a=b one=%q,two=%q,three=%q 1795435200000000000`, noise(90), noise(90), noise(90)))
	hopeless := record(t, fmt.Sprintf(`log one=1i,two=%q 1795435200000000000`, noise(500)))
	small := record(t, "tank level=1 1795435200000000000")
	fates, _, err := write(h, []telegraf.Metric{large[0], hopeless[0], small[0]})
	require.Equal(t, "ara", fates)
	require.ErrorContains(t, err, `metric "log" cannot be sent: with nothing but its field "two" it is longer than an SMS`)
	got, sequences := decode(t, w)
	require.Len(t, sequences, 4, "three pieces, and no room beside the last")
	fields := map[string]any{}
	for _, m := range got[:3] {
		require.Equal(t, "log", m.Name())
		for _, f := range m.FieldList() {
			fields[f.Key] = f.Value
		}
	}
	require.Equal(t, large[0].Fields(), fields)
	requireSame(t, small, got[3:])
	require.NoError(t, h.Close())
}

// TestCompactAfterFailures shows that the pieces of a metric that were not sent
// follow, in spite of a cooldown, and those that were do not.
func TestCompactAfterFailures(t *testing.T) {
	w := &way{name: "modem"}
	minute := execd.Duration(time.Minute)
	h := start(t, t.TempDir(), func(h *HologramSMS) { compact(h); h.Cooldown = &minute }, w)
	metrics := record(t,
		fmt.Sprintf(`log one=%q,two=%q 1795435200000000000`, strings.Repeat("x1y2z", 30), strings.Repeat("öäü!", 40)),
		"log v=1i 1795435200000000001", "tank level=1 1795435200000000000")
	tries := 0
	w.fail = func(m smsout.Message) error {
		if tries++; tries == 2 {
			return notSent(m)
		}
		return nil
	}
	_, _, _ = write(h, metrics)
	first, _ := decode(t, w)
	fates, _, _ := write(h, metrics)
	require.Equal(t, "aaa", fates)
	second, _ := decode(t, w)
	got := append(first, second...)
	names := map[string]int{}
	for _, m := range got {
		names[m.Name()] += len(m.FieldList())
	}
	require.Equal(t, map[string]int{"log": 2, "tank": 1}, names, "the second of the series log is within its cooldown")
	require.NoError(t, h.Close())
}

func TestCompactLimits(t *testing.T) {
	for onLimit, want := range map[string]string{limitQueue: "w", limitDrop: "r"} {
		bubble(t, func(t *testing.T) {
			w := &way{name: "modem"}
			h := start(t, t.TempDir(), func(h *HologramSMS) { compact(h); h.MaxPerHour, h.OnLimit = 1, onLimit }, w)
			fates, _, _ := write(h, record(t, "a v=1i"))
			require.Equal(t, "a", fates)
			fates, hint, err := write(h, record(t, "b v=1i"))
			require.Equal(t, want, fates)
			require.Error(t, err)
			if want == "w" {
				require.InDelta(t, time.Hour.Seconds(), hint.After.Seconds(), 1)
			}
			require.NoError(t, h.Close())
		})
	}
}

// TestCompactMaxAge shows that old metrics are refused one by one.
func TestCompactMaxAge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &way{name: "modem"}
		h := start(t, t.TempDir(), func(h *HologramSMS) { compact(h); h.MaxAge = execd.Duration(time.Hour) }, w)
		fates, _, _ := write(h, record(t, "a v=1i", fmt.Sprintf("b v=1i %d", time.Now().Add(-2*time.Hour).UnixNano())))
		require.Equal(t, "ar", fates)
		got, _ := decode(t, w)
		require.Len(t, got, 1)
		require.NoError(t, h.Close())
	})
}

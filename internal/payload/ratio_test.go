package payload

import (
	"math"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Shares and quotients come back bit for bit, whatever lies between them.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		total := rapid.IntRange(1, 3000).Draw(t, "total")
		boot := rapid.Float64Range(0, 1e8).Draw(t, "boot")
		odd := rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 100, -1.5, math.Pi, math.NaN(), math.Inf(1), 1e300, 5e-324})
		var all []telegraf.Metric
		for range n {
			fields := map[string]any{
				"used": rapid.Int64().Draw(t, "used"), "free": rapid.Uint64().Draw(t, "free"), "none": int64(0),
			}
			used, free := float64(fields["used"].(int64)), float64(fields["free"].(uint64))
			fields["of_total"] = 100 * used / free
			fields["percent"] = free / used * 100
			fields["of_sum"] = used / (used + free) * 100
			fields["of_none"] = used / 0 * 100
			for _, name := range []string{"usage_a", "usage_b", "usage_c"} {
				ticks := rapid.IntRange(0, total).Draw(t, "ticks")
				// As a device does it: differences of seconds since boot.
				share := 100 * (boot + float64(ticks)/100 - boot) / (boot + float64(total)/100 - boot)
				if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
					share = odd.Draw(t, "value")
				}
				fields[name] = share
			}
			all = append(all, newTestMetric("m", nil, fields, time.Now().Unix()))
		}
		text, err := Encode(all, 1)
		require.NoError(t, err)
		got, err := Decode(string(text))
		require.NoError(t, err)
		require.Len(t, got.Metrics, len(all))
		for i := range all {
			require.True(t, sameMetric(all[i], got.Metrics[i]), "%v %v", all[i], got.Metrics[i])
		}
	})
}

func TestDenominator(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   uint64
	}{
		{[]float64{100.0 / 993 * 10, 100.0 / 993 * 975, 100.0 / 993 * 8}, 993},
		{[]float64{100.0 / 3, 100.0 / 7}, 21},
		{[]float64{100.0 / 3, 0, 100}, 3},
		{[]float64{50, 25, 0}, 4},
		{[]float64{100, 0, 200}, 0}, // whole numbers need none
		{[]float64{math.Pi * 1e-9}, 0},
		{[]float64{-100.0 / 3}, 0},
		{[]float64{100.0 / 3, math.NaN()}, 0},
		{[]float64{math.Inf(1)}, 0},
		{[]float64{100.0 / 1048573, 100.0 / 1048571}, 0},
	} {
		require.Equal(t, c.want, denominator(c.values), "%v", c.values)
	}
}

// The metrics of processors, disks and memory use these columns.
func TestSharesAreUsed(t *testing.T) {
	for _, c := range []struct {
		metrics []telegraf.Metric
		kinds   map[string]int // of the last column, by measurement
	}{
		{shareMetrics(), map[string]int{
			"disk": kindShare + int(shareOfSum), "mem": kindShare + int(shareOfTotal), "pool": kindShare + int(shareThenPercent),
		}},
		{quotientMetrics(), map[string]int{"cpu": kindQuotient}},
	} {
		var e Encoder
		for _, m := range c.metrics {
			require.NoError(t, e.Add(m))
		}
		_, err := e.appendContent(nil, 0, len(c.metrics))
		require.NoError(t, err)
		for _, g := range e.scratch.groups {
			at := len(g.kinds) - 1
			if g.measurement.name == "pool" {
				at = 1 // free, percent, total
			}
			require.Equal(t, c.kinds[g.measurement.name], int(g.kinds[at]), g.measurement.name)
		}
	}
}

package estimate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/estimate"
	"telegraf-hologram/internal/metric"
)

var start = time.Unix(1_800_000_000, 0)

func at(name, host string, seconds float64) telegraf.Metric {
	return metric.New(name, []telegraf.Tag{{Key: "host", Value: host}}, []telegraf.Field{{Key: "v", Value: seconds}},
		start.Add(time.Duration(seconds*float64(time.Second))))
}

func sizes(collections [][]telegraf.Metric) (all []int) {
	for _, c := range collections {
		all = append(all, len(c))
	}
	return all
}

func TestCollections(t *testing.T) {
	for name, c := range map[string]struct {
		metrics []telegraf.Metric
		want    []int
	}{
		"none": {nil, nil},
		"one":  {[]telegraf.Metric{at("cpu", "a", 0), at("cpu", "b", 0), at("mem", "a", 0)}, []int{3}},
		"two": {[]telegraf.Metric{at("cpu", "a", 0), at("mem", "a", 0.3), at("cpu", "a", 10), at("mem", "a", 10.1)},
			[]int{2, 2}},
		"a series twice in one, as of inputs.system": {
			[]telegraf.Metric{at("system", "a", 0), at("system", "a", 0), at("cpu", "a", 0), at("system", "a", 10), at("system", "a", 10), at("cpu", "a", 10)},
			[]int{3, 3}},
		"the first without some": {[]telegraf.Metric{at("mem", "a", 0), at("cpu", "a", 10), at("mem", "a", 10), at("mem", "a", 20), at("cpu", "a", 20)},
			[]int{2, 1, 2}},
		"what is late belongs to the one before": {[]telegraf.Metric{at("cpu", "a", 10), at("cpu", "a", 5), at("cpu", "a", 20)}, []int{2, 1}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, sizes(estimate.Collections(c.metrics))) })
	}
}

// No metric is lost or moved.
func TestCollectionsKeepAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var metrics, joined []telegraf.Metric
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			metrics = append(metrics, at(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), "h", float64(rapid.IntRange(0, 9).Draw(t, "at"))))
		}
		for _, c := range estimate.Collections(metrics) {
			require.NotEmpty(t, c)
			joined = append(joined, c...)
		}
		require.Equal(t, metrics, joined)
	})
}

func TestSpacing(t *testing.T) {
	spacing := func(seconds ...float64) time.Duration {
		var all [][]telegraf.Metric
		for _, s := range seconds {
			all = append(all, []telegraf.Metric{at("cpu", "a", s)})
		}
		return estimate.Spacing(all)
	}
	require.Zero(t, spacing())
	require.Zero(t, spacing(7))
	require.Equal(t, 10*time.Second, spacing(0, 10))
	require.Equal(t, 10*time.Second, spacing(6.5, 10, 20, 30, 90, 100))
}

func TestWire(t *testing.T) {
	for size, want := range map[int]int{1: 386, 1448: 1833, 1449: 1449 + 385 + 104, 2896: 2896 + 385 + 104, 2897: 2897 + 385 + 208} {
		require.Equal(t, want, estimate.Wire(size), "%d bytes", size)
	}
}

// pack makes messages of 10 bytes and as many for each metric, of 5 metrics at most.
type pack struct {
	times [][]float64 // of the metrics in each message, in seconds from the start
}

func (p *pack) pack(metrics []telegraf.Metric, more bool) (sizes []int, left int, err error) {
	for len(metrics) > 0 {
		n := min(5, len(metrics))
		if more && n < 5 && len(sizes) > 0 {
			return sizes, n, nil
		}
		var times []float64
		for _, m := range metrics[:n] {
			times = append(times, m.Time().Sub(start).Seconds())
		}
		p.times = append(p.times, times)
		sizes, metrics = append(sizes, 10+10*n), metrics[n:]
	}
	return sizes, 0, nil
}

// collections are so many, of two metrics each, 10 s apart.
func collections(n int) (all [][]telegraf.Metric) {
	for i := range n {
		all = append(all, []telegraf.Metric{at("cpu", "a", float64(10*i)), at("mem", "a", float64(10*i)+0.5)})
	}
	return all
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		n               int
		interval, every time.Duration
		batch           int
		messages, bytes float64 // in each hour
		tooHigh         bool
	}{
		"each":                                 {4, time.Minute, time.Minute, 1000, 60, 60 * 30, false},
		"sent more often than collected":       {4, time.Minute, 10 * time.Second, 1000, 60, 60 * 30, false},
		"two":                                  {4, time.Minute, 2 * time.Minute, 1000, 30, 30 * 50, false},
		"one and two in turn":                  {6, time.Minute, 90 * time.Second, 1000, 40, 40 * 40, false},
		"three, in two messages":               {3, time.Minute, 3 * time.Minute, 1000, 40, 20 * 80, false},
		"what is left over does not count":     {5, time.Minute, 2 * time.Minute, 1000, 30, 30 * 50, false},
		"a batch of four goes at once":         {4, time.Minute, 4 * time.Minute, 4, 30, 30 * 50, false},
		"of a batch of six one metric is left": {4, time.Minute, 4 * time.Minute, 6, 30, 15 * 100, false},
		"too few":                              {2, time.Minute, 4 * time.Minute, 1000, 15, 15 * 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pack{}
			config := estimate.Config{
				Interval: c.interval, Batch: c.batch, Limit: 100, Pack: p.pack,
				SMS: func(m []telegraf.Metric) (int, error) { return len(m), nil },
			}
			u, err := config.Usage(collections(c.n), c.every)
			require.NoError(t, err)
			require.Equal(t, c.every, u.Every)
			require.InDelta(t, c.messages, u.Messages/24, 1e-6)
			require.InDelta(t, c.bytes, u.Bytes/24, 1e-6)
			require.InDelta(t, c.bytes+385*c.messages, u.Wire/24, 1e-6)
			require.InDelta(t, 120, u.SMS/24, 1e-6)
			require.Equal(t, c.tooHigh, u.TooHigh)
		})
	}
}

// Collections keep what is within them, and come at the interval that is asked for.
func TestUsageTimes(t *testing.T) {
	p := &pack{}
	in := collections(2)
	_, err := estimate.Config{Interval: time.Minute, Batch: 10, Limit: 100, Pack: p.pack}.Usage(in, 2*time.Minute)
	require.NoError(t, err)
	require.Equal(t, [][]float64{{0, 0.5, 60, 60.5}}, p.times)
	require.Equal(t, start.Add(10*time.Second), in[1][0].Time(), "those given stay as they are")
}

func TestUsageErrors(t *testing.T) {
	config := estimate.Config{Interval: time.Minute, Batch: 10, Limit: 100}
	config.Pack = func([]telegraf.Metric, bool) ([]int, int, error) { return nil, 0, nil }
	for _, every := range []time.Duration{time.Minute, time.Hour} {
		_, err := config.Usage(collections(2), every)
		require.EqualError(t, err, "no metric that could be sent")
	}
	broken := errors.New("broken")
	config.Pack = func([]telegraf.Metric, bool) ([]int, int, error) { return nil, 0, broken }
	for _, every := range []time.Duration{time.Minute, time.Hour} {
		for _, batch := range []int{1, 10} {
			config.Batch = batch
			_, err := config.Usage(collections(2), every)
			require.ErrorIs(t, err, broken)
		}
	}
	config.Pack = (&pack{}).pack
	config.SMS = func([]telegraf.Metric) (int, error) { return 0, broken }
	_, err := config.Usage(collections(2), time.Hour)
	require.ErrorIs(t, err, broken)
}

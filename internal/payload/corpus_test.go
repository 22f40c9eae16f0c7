package payload

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
)

// corpora are real metrics of ten kinds, by name. Tests share them and change none.
func corpora(t testing.TB) map[string][]telegraf.Metric {
	t.Helper()
	all, err := readCorpora()
	require.NoError(t, err)
	require.Len(t, all, 10)
	for name, metrics := range all {
		require.Greater(t, len(metrics), 500, name)
	}
	return all
}

var readCorpora = sync.OnceValues(func() (map[string][]telegraf.Metric, error) {
	files, err := filepath.Glob("../../testdata/corpora/*.lp")
	if err != nil {
		return nil, err
	}
	all := map[string][]telegraf.Metric{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var metrics []telegraf.Metric
		for line := range strings.Lines(string(data)) {
			// A few examples out of Telegraf's documentation are no line protocol.
			if ms, err := parse([]byte(line)); err == nil {
				metrics = append(metrics, ms...)
			}
		}
		all[strings.TrimSuffix(filepath.Base(f), ".lp")] = metrics
	}
	return all, nil
})

func names(c map[string][]telegraf.Metric) []string { return slices.Sorted(maps.Keys(c)) }

// parse reads line protocol with times in nanoseconds.
func parse(data []byte) ([]telegraf.Metric, error) {
	var all []telegraf.Metric
	dec := lineprotocol.NewDecoderWithBytes(data)
	for dec.Next() {
		name, err := dec.Measurement()
		if err != nil {
			return nil, err
		}
		m := metric.New(string(name), nil, nil, time.Time{})
		for {
			k, v, err := dec.NextTag()
			if err != nil {
				return nil, err
			}
			if k == nil {
				break
			}
			m.AddTag(string(k), string(v))
		}
		for {
			k, v, err := dec.NextField()
			if err != nil {
				return nil, err
			}
			if k == nil {
				break
			}
			m.AddField(string(k), v.Interface())
		}
		at, err := dec.Time(lineprotocol.Nanosecond, time.Time{})
		if err != nil {
			return nil, err
		}
		m.SetTime(at)
		all = append(all, m)
	}
	return all, nil
}

// windows returns up to most windows of n metrics, spread over all.
func windows(all []telegraf.Metric, n, most int) [][]telegraf.Metric {
	if n >= len(all) {
		return [][]telegraf.Metric{all}
	}
	count := min(most, len(all)-n+1)
	var out [][]telegraf.Metric
	for i := range count {
		at := 0
		if count > 1 {
			at = i * (len(all) - n) / (count - 1)
		}
		out = append(out, all[at:at+n])
	}
	return out
}

// A payload of every corpus, in windows as small and as large as they come.
func TestCorpora(t *testing.T) {
	for name, all := range corpora(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			most := 20
			if raceEnabled {
				most = 5
			}
			for _, n := range []int{1, 5, 20, 100, 500, len(all)} {
				for _, w := range windows(all, n, max(2, min(most, 1000/n))) {
					requireRoundTrip(t, w)
				}
			}
		})
	}
}

// The payload of a range is the payload of its metrics alone, whatever else an
// Encoder holds or held.
func TestRanges(t *testing.T) {
	var reused Encoder
	for name, all := range corpora(t) {
		all = all[:min(len(all), 300)]
		reused.Reset()
		for _, m := range all {
			require.NoError(t, reused.Add(m))
		}
		for _, r := range [][2]int{{0, 1}, {0, len(all)}, {7, 8}, {len(all) - 1, len(all)}, {3, 103}, {100, 300}, {0, 1}} {
			want, err := Encode(all[r[0]:r[1]], 9)
			require.NoError(t, err)
			got, err := reused.Append([]byte("before"), r[0], r[1], 9)
			require.NoError(t, err)
			require.Equal(t, "before"+string(want), string(got), "%s %v", name, r)
		}
	}
}

// Telegraf keeps fields in a map at times, so that their order is not stable.
func TestOrderOfFieldsDoesNotMatter(t *testing.T) {
	for _, all := range corpora(t) {
		all = all[:40]
		want, err := Encode(all, 9)
		require.NoError(t, err)
		var turned []telegraf.Metric
		for _, m := range all {
			m = m.Copy()
			slices.Reverse(m.FieldList())
			turned = append(turned, m)
		}
		got, err := Encode(turned, 9)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}

package payload

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/corpus"
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

var readCorpora = sync.OnceValues(func() (map[string][]telegraf.Metric, error) { return corpus.Read("../..") })

func names(c map[string][]telegraf.Metric) []string { return slices.Sorted(maps.Keys(c)) }

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
				for _, w := range corpus.Windows(all, n, max(2, min(most, 1000/n))) {
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

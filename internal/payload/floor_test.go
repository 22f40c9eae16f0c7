package payload

import (
	"math"
	"testing"

	"telegraf-hologram/internal/corpus"
	"telegraf-hologram/internal/payload/dictionary/build"

	"github.com/stretchr/testify/require"
)

// floor is what a columnar layout with DEFLATE and a dictionary was found to
// reach, in bytes per metric of the frame, by number of metrics: the geometric
// mean over the corpora, in windows spread over each.
var floor = []struct {
	metrics int
	bytes   float64
}{{1, 141}, {5, 73}, {20, 45}, {100, 23}, {500, 15.5}}

// Every corpus is measured with a dictionary that has not seen it.
func TestFloor(t *testing.T) {
	if raceEnabled {
		t.Skip("takes ten times as long with the race detector, which has nothing to find here")
	}
	all := corpora(t)
	sources, err := build.ReadSources("../..")
	require.NoError(t, err)
	logs := make([]float64, len(floor))
	for _, name := range names(all) {
		var e Encoder
		e.SetDictionary(sources.Dictionary(name))
		for i, f := range floor {
			size, count := 0, 0
			for _, w := range corpus.Windows(all[name], f.metrics, 20) {
				e.Reset()
				for _, m := range w {
					require.NoError(t, e.Add(m))
				}
				text, err := e.Append(nil, 0, e.Len(), 1)
				require.NoError(t, err)
				frame, err := appendBytes(nil, string(text[1:]))
				require.NoError(t, err)
				size += len(frame)
				count += len(w)
			}
			logs[i] += math.Log(float64(size) / float64(count))
		}
	}
	for i, f := range floor {
		got := math.Exp(logs[i] / float64(len(all)))
		t.Logf("%3d metrics: %5.1f bytes per metric, floor %5.1f", f.metrics, got, f.bytes)
		require.LessOrEqual(t, got, f.bytes, "%d metrics", f.metrics)
	}
}

package payload

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
)

var benchSizes = []int{1, 20, 100, 1000}

// many returns n metrics out of the middle of a corpus, from the front again
// where it has fewer.
func many(all []telegraf.Metric, n int) []telegraf.Metric {
	if n > len(all) {
		return slices.Repeat(all, n/len(all)+1)[:n]
	}
	at := (len(all) - n) / 2
	return all[at : at+n]
}

// BenchmarkEncode adds metrics to an Encoder that is in use and encodes them.
func BenchmarkEncode(b *testing.B) {
	all := corpora(b)
	for _, name := range names(all) {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				metrics := many(all[name], n)
				var e Encoder
				var text []byte
				encode := func() {
					e.Reset()
					for _, m := range metrics {
						require.NoError(b, e.Add(m))
					}
					var err error
					text, err = e.Append(text[:0], 0, n, 1)
					require.NoError(b, err)
				}
				encode()
				b.ReportAllocs()
				for b.Loop() {
					encode()
				}
				reportPerMetric(b, n)
				b.ReportMetric(float64(len(text))/float64(n), "chars/metric")
			})
		}
	}
}

// BenchmarkDecode decodes and keeps the metrics until the next time.
func BenchmarkDecode(b *testing.B) {
	all := corpora(b)
	for _, name := range names(all) {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				text := encodeReused(b, many(all[name], n), 1)
				b.ReportAllocs()
				for b.Loop() {
					_, err := Decode(text)
					require.NoError(b, err)
				}
				reportPerMetric(b, n)
			})
		}
	}
}

func reportPerMetric(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/metric")
}

// BenchmarkMemory tells what 1000 metrics take: all that an Encoder allocates
// from nothing and what it then keeps for the next time, and the same of Decode
// with the metrics that it returns.
func BenchmarkMemory(b *testing.B) {
	all := corpora(b)
	for _, name := range names(all) {
		metrics := many(all[name], 1000)
		b.Run("encode/"+name, func(b *testing.B) {
			reportMemory(b, func() any {
				e := new(Encoder)
				for _, m := range metrics {
					require.NoError(b, e.Add(m))
				}
				_, err := e.Append(nil, 0, len(metrics), 1)
				require.NoError(b, err)
				return e
			})
		})
		b.Run("decode/"+name, func(b *testing.B) {
			text := encodeReused(b, metrics, 1)
			reportMemory(b, func() any {
				batch, err := Decode(text)
				require.NoError(b, err)
				return &batch
			})
		})
	}
}

func reportMemory(b *testing.B, work func() any) {
	b.Helper()
	var total, kept uint64
	for b.Loop() {
		var before, after, rest runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		result := work()
		runtime.ReadMemStats(&after)
		runtime.GC()
		runtime.ReadMemStats(&rest)
		runtime.KeepAlive(result)
		total += after.TotalAlloc - before.TotalAlloc
		kept += rest.HeapAlloc - min(rest.HeapAlloc, before.HeapAlloc)
	}
	b.ReportMetric(float64(total)/float64(b.N)/1024, "KiB-allocated")
	b.ReportMetric(float64(kept)/float64(b.N)/1024, "KiB-kept")
}

package deflate

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// inflate is the standard library's decoder.
func inflate(t require.TestingT, data, dict []byte) []byte {
	r := bytes.NewReader(data)
	out, err := io.ReadAll(flate.NewReaderDict(r, dict))
	require.NoError(t, err)
	require.Zero(t, r.Len(), "bytes behind the last block")
	return out
}

func check(t require.TestingT, e *Encoder, text []byte, dict *Dictionary) []byte {
	out := e.Append([]byte("before"), text, dict)
	require.Equal(t, "before", string(out[:6]))
	var d []byte
	if dict != nil {
		d = dict.Text()
	}
	require.True(t, bytes.Equal(text, inflate(t, out[6:], d)))
	// Memory that was used before changes nothing.
	require.Equal(t, new(Encoder).Append(nil, text, dict), out[6:])
	return out[6:]
}

func TestAppend(t *testing.T) {
	random := make([]byte, 100_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	corpus, err := os.ReadFile("../../../testdata/corpora/host.lp")
	require.NoError(t, err)
	dict := NewDictionary(corpus[:50_000])
	var e Encoder
	for _, d := range []*Dictionary{nil, dict, NewDictionary(nil), NewDictionary([]byte("ab")), NewDictionary(random[:32<<10])} {
		for _, text := range [][]byte{
			nil, {0}, []byte("a"), []byte("ab"), []byte("abc"), []byte("aaaa"), []byte("cpu,host=a"),
			bytes.Repeat([]byte{0}, 1000), bytes.Repeat([]byte("abc"), 70_000),
			random[:10], random[:3000], random, random[:40_000],
			corpus[60_000:60_100], corpus[60_000:65_000], corpus[:100_000],
		} {
			check(t, &e, text, d)
		}
	}
}

// Distances of up to 32768 are used, into the dictionary as well, and no larger.
func TestDistance(t *testing.T) {
	phrase := []byte("a phrase that is found nowhere else")
	for _, gap := range []int{maxDistance - len(phrase) - 1, maxDistance - len(phrase), maxDistance - len(phrase) + 1, maxDistance} {
		r := rand.New(rand.NewPCG(3, 4))
		noise := make([]byte, gap)
		for i := range noise {
			noise[i] = byte(128 + r.IntN(128))
		}
		text := append(append(bytes.Clone(phrase), noise...), phrase...)
		var e Encoder
		all := len(check(t, &e, text, nil))
		with := len(check(t, &e, text[len(phrase):], NewDictionary(phrase)))
		if gap <= maxDistance-len(phrase) {
			require.Less(t, with, all)
			require.Less(t, with, gap+10)
		}
	}
}

func TestRandom(t *testing.T) {
	var e Encoder
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SliceOfN(rapid.Byte(), 1, 12)
		words := rapid.SliceOfN(word, 1, 6).Draw(t, "words")
		text := bytes.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 300).Draw(t, "text"), nil)
		dict := NewDictionary(bytes.Join(words, nil))
		check(t, &e, text, dict)
	})
}

// Code lengths stay within their limit and use up the code space.
func TestCodeLengths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, literalCodes).Draw(t, "n")
		limit := rapid.SampledFrom([]int{9, 15}).Draw(t, "limit")
		counts := make([]uint32, n)
		x := uint32(1)
		steep := rapid.Bool().Draw(t, "steep")
		for i := range counts {
			if steep {
				// Fibonacci-like weights make the deepest trees.
				counts[i] = x
				if i < 40 {
					x += x/2 + 1
				}
				continue
			}
			counts[i] = rapid.Uint32Range(0, 1000).Draw(t, "count")
		}
		var h huffman
		lengths := make([]byte, n)
		h.buildLengths(counts, lengths, limit)
		used, sum := 0, 0
		for i, l := range lengths {
			require.Equal(t, counts[i] > 0, l > 0)
			require.LessOrEqual(t, int(l), limit)
			if l > 0 {
				used++
				sum += 1 << (limit - int(l))
			}
		}
		if used > 1 {
			require.Equal(t, 1<<limit, sum)
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("cpu\x00host\x00usage_idle\x00"), []byte("usage_idle\x00usage_user\x00"))
	f.Add(bytes.Repeat([]byte("ab"), 300), []byte("abab"))
	f.Fuzz(func(t *testing.T, text, dict []byte) {
		var e Encoder
		check(t, &e, text, NewDictionary(dict))
	})
}

func BenchmarkAppend(b *testing.B) {
	corpus, err := os.ReadFile("../../../testdata/corpora/host.lp")
	require.NoError(b, err)
	dict := NewDictionary(corpus[:32<<10])
	for _, n := range []int{200, 2000, 20_000} {
		text := corpus[70_000 : 70_000+n]
		b.Run("deflate/"+itoa(n), func(b *testing.B) {
			var e Encoder
			var out []byte
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				out = e.Append(out[:0], text, dict)
			}
			b.ReportMetric(float64(len(out)), "bytes")
		})
		b.Run("compress-flate/"+itoa(n), func(b *testing.B) {
			var buf bytes.Buffer
			w, err := flate.NewWriterDict(&buf, flate.BestCompression, dict.Text())
			require.NoError(b, err)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				buf.Reset()
				w.Reset(&buf)
				_, _ = w.Write(text)
				_ = w.Close()
			}
			b.ReportMetric(float64(buf.Len()), "bytes")
		})
	}
}

func itoa(n int) string {
	s := ""
	for ; n > 0; n /= 10 {
		s = string(rune('0'+n%10)) + s
	}
	return s
}

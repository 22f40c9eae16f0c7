package frame

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Kinds for tests, one of which has bodies of eight bytes at least.
const (
	kindShort = 0xC1
	kindLong  = 0xF5
)

var kinds = Kinds{kindShort: 1, kindLong: 8}

func appendFrame(b []byte, seed uint32, kind byte, body []byte) []byte {
	start := len(b)
	b = append(Begin(b, kind), body...)
	End(b, start, seed)
	return b
}

// rows returns frames of the file with a number.
func rows(number uint64, texts ...string) (b []byte) {
	for _, text := range texts {
		b = appendFrame(b, Seed("test", number), kindShort, []byte(text))
	}
	return b
}

func TestScanner(t *testing.T) {
	seed := Seed("test", 1)
	good := appendFrame(rows(1, "one", "two"), seed, kindLong, []byte("the third"))
	cut := len(good)
	for _, tc := range []struct {
		name   string
		file   []byte
		want   []string
		places int
		rest   Leftover
	}{
		{"empty", nil, nil, 0, Nothing},
		{"whole", good, []string{"one", "two", "the third"}, 0, Nothing},
		{"torn body", good[:cut-1], []string{"one", "two"}, 0, Torn},
		{"torn head", good[:cut-len("the third")-1], []string{"one", "two"}, 0, Torn},
		{"zeros behind", append(slices.Clone(good), make([]byte, 5000)...), []string{"one", "two", "the third"}, 0, Torn},
		{"text behind", append(slices.Clone(good), "some text of another file"...), []string{"one", "two", "the third"}, 0, Damage},
		{"damage between", slices.Concat(rows(1, "one"), []byte("noise"), rows(1, "two")), []string{"one", "two"}, 1, Nothing},
		{"damage in front", good[3:], []string{"two", "the third"}, 1, Nothing},
		{"of another file", slices.Concat(rows(2, "one"), rows(1, "two")), []string{"two"}, 1, Nothing},
		{"too short for its kind", slices.Concat(appendFrame(nil, seed, kindLong, []byte("short")), rows(1, "two")), []string{"two"}, 1, Nothing},
		{"of no kind", slices.Concat(appendFrame(nil, seed, 0xC0, []byte("other")), rows(1, "two")), []string{"two"}, 1, Nothing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &Scanner{Kinds: &kinds, Seed: seed, Buf: tc.file}
			var got []string
			for f, ok := s.Next(); ok; f, ok = s.Next() {
				got = append(got, string(f.Body))
			}
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.places, s.Places)
			require.Equal(t, tc.rest, s.Rest())
		})
	}
}

// TestSearchIsBounded has bytes that look like frames everywhere.
func TestSearchIsBounded(t *testing.T) {
	buf := bytes.Repeat([]byte{0x00, 0xff, 0x0f, kindShort}, 4<<20/4)
	start := time.Now()
	s := &Scanner{Kinds: &kinds, Buf: buf, Seed: 1}
	_, ok := s.Next()
	require.False(t, ok)
	require.Equal(t, Damage, s.Rest())
	require.LessOrEqual(t, s.summed, searchMost+MaxBody)
	require.Less(t, time.Since(start), 5*time.Second)
}

// FuzzScanner scans any bytes and wants frames in order with their checksums, and every frame that was put among the
// bytes.
func FuzzScanner(f *testing.F) {
	f.Add([]byte{}, []byte("record"), []byte{})
	f.Add(rows(1, "one", "two")[:15], []byte("three"), make([]byte, 100))
	f.Add([]byte{0xff, 0x00, 0x00, kindShort, 1, 2, 3, 4, 5}, []byte{1}, rows(2, "of another"))
	f.Fuzz(func(t *testing.T, before, body, behind []byte) {
		if len(body) == 0 {
			body = []byte{0}
		}
		const seed = 12345
		buf := appendFrame(slices.Clone(before), seed, kindShort, body)
		from, to := len(before), len(buf)
		buf = append(buf, behind...)
		s := &Scanner{Kinds: &kinds, Seed: seed, Buf: buf}
		found, last := false, 0
		for fr, ok := s.Next(); ok; fr, ok = s.Next() {
			start := fr.To - len(fr.Body) - HeadSize
			require.Equal(t, last, fr.From)
			require.GreaterOrEqual(t, start, last)
			require.Equal(t, fr.Kind, buf[start+3])
			require.Equal(t, binary.LittleEndian.Uint32(buf[start+4:]), sum(seed, buf[start:fr.To]))
			last = fr.To
			found = found || start == from && last == to
		}
		require.Equal(t, last, s.Pos)
		require.True(t, found || s.summed > searchMost)
		require.Equal(t, len(buf) == last, s.Rest() == Nothing)
	})
}

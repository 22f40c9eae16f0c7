package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// reference is what compress/flate makes of data.
func reference(data, dict []byte, limit int) (text []byte, rest int, err error) {
	in := bytes.NewReader(data)
	text, err = io.ReadAll(io.LimitReader(flate.NewReaderDict(in, dict), int64(limit)+1))
	if err == nil && len(text) > limit {
		err = ErrTooLong
	}
	return text, in.Len(), err
}

// requireSame fails where Inflate and compress/flate differ in more than the
// words of an error.
func requireSame(t testing.TB, data, dict []byte, limit int) {
	t.Helper()
	got, rest, err := Inflate(data, dict, limit)
	want, wantRest, wantErr := reference(data, dict, limit)
	if wantErr != nil {
		require.Error(t, err)
		require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLong) || errors.Is(err, io.ErrUnexpectedEOF))
		return
	}
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	require.Equal(t, wantRest, rest)
}

func TestInflate(t *testing.T) {
	var e Encoder
	dict := NewDictionary([]byte(strings.Repeat("usage_idle usage_user host=gw ", 1500)))
	long := bytes.Repeat([]byte("0123456789abcdef usage_idle "), 4000)
	for name, text := range map[string][]byte{
		"nothing": {}, "short": []byte("host=gw usage"), "out of the dictionary": dict.Text()[100:400], "long": long,
		"of one kind": bytes.Repeat([]byte{7}, 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			data := e.Append(nil, text, dict)
			got, rest, err := Inflate(append(data, "rest"...), dict.Text(), len(text))
			require.NoError(t, err)
			require.Equal(t, 4, rest)
			require.True(t, bytes.Equal(text, got))
			requireSame(t, data, dict.Text(), len(text))
			for i := range min(len(data), 300) {
				_, _, err = Inflate(data[:i], dict.Text(), len(text))
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
			if len(text) > 0 {
				_, _, err = Inflate(data, dict.Text(), len(text)-1)
				require.ErrorIs(t, err, ErrTooLong)
			}
		})
	}
}

// What other compressors make, at every level, is read.
func TestInflateOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dict := rapid.SliceOfN(rapid.ByteRange('a', 'f'), 0, 2000).Draw(t, "dictionary")
		text := rapid.OneOf(rapid.SliceOfN(rapid.ByteRange('a', 'f'), 0, 5000), rapid.SliceOfN(rapid.Byte(), 0, 5000)).Draw(t, "text")
		var b bytes.Buffer
		w, err := flate.NewWriterDict(&b, rapid.IntRange(flate.HuffmanOnly, flate.BestCompression).Draw(t, "level"), dict)
		require.NoError(t, err)
		half := rapid.IntRange(0, len(text)).Draw(t, "half")
		_, _ = w.Write(text[:half])
		require.NoError(t, w.Flush())
		_, _ = w.Write(text[half:])
		require.NoError(t, w.Close())
		got, rest, err := Inflate(b.Bytes(), dict, len(text))
		require.NoError(t, err)
		require.Zero(t, rest)
		require.True(t, bytes.Equal(text, got))
	})
}

func TestInflateCorrupt(t *testing.T) {
	for name, data := range map[string]string{
		"block of type 3":                "\x07",
		"stored length and inverse":      "\x01\x05\x00\x00\x00hello",
		"distance before the text":       "\x4b\x04\x11\x00",
		"too many literal codes":         "\xfd\x00\x00\x00\x00\x00\x00",
		"more codes than there can be":   "\x05\xe0\x93\x24\x49\x92\x24\x49\x92\x00",
		"fewer codes than there must be": "\x05\xe0\xb7\x01\x00\x00\x00\x00\x00\x00",
		"a repeat of nothing":            "\x05\xe0\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Inflate([]byte(data), nil, 1000)
			require.ErrorIs(t, err, ErrCorrupt)
			requireSame(t, []byte(data), nil, 1000)
		})
	}
}

func FuzzInflate(f *testing.F) {
	var e Encoder
	dict := NewDictionary([]byte("usage_idle usage_user host=gw"))
	for _, text := range []string{"", "host=gw", "usage_idle usage_user host=gw", strings.Repeat("abc usage", 50)} {
		f.Add(e.Append(nil, []byte(text), dict), dict.Text())
	}
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, level)
		require.NoError(f, err)
		_, err = w.Write([]byte(strings.Repeat("Inflate and compress/flate take the same data. ", 30)))
		require.NoError(f, err)
		require.NoError(f, w.Close())
		f.Add(b.Bytes(), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, data, dict []byte) { requireSame(t, data, dict, 1<<16) })
}

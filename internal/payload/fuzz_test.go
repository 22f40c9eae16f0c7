package payload

import (
	"errors"
	"testing"

	"telegraf-hologram/internal/payload/dictionary"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// FuzzDecode looks for text that does harm. With mend the text gets a right
// checksum, as random changes hardly ever have one.
func FuzzDecode(f *testing.F) {
	for _, metrics := range corpora(f) {
		for _, n := range []int{1, 5, 40} {
			text := encodeReused(f, metrics[:n], Sequence(n))
			f.Add(text, false)
			f.Add(asSMS(f, text), false)
			content := contentOf(f, metrics[:n])
			f.Add(storedText(content), true)
			f.Add(deflatedText(f, content), true)
		}
	}
	f.Add(storedText(good()), true)
	f.Add(asSMS(f, storedText(good()))+"\r\n", true)
	f.Add(",", false)
	f.Add(";", false)
	f.Fuzz(func(t *testing.T, text string, mend bool) {
		if len(text) > 64<<10 {
			return
		}
		if mend {
			text = mended(text)
		}
		b, err := Decode(text)
		if err != nil {
			return
		}
		requireEncodable(t, b)
	})
}

// mended returns the text with a right checksum, if it can have one.
func mended(text string) string {
	if !IsCompact(text) {
		return text
	}
	toBytes, toText := appendBytes, appendText
	if text[0] == VersionSMS {
		toBytes, toText = appendSMSBytes, appendSMSText
	}
	data, err := toBytes(nil, text[1:])
	if err != nil {
		return text
	}
	fr, err := parseFrame(data)
	if err != nil {
		return text
	}
	content, err := decompress(fr.method, fr.body, dictionary.Version1())
	if err != nil {
		return text
	}
	fr.checksum = checksum(fr.sequence, content)
	return string(toText([]byte{text[0]}, fr.append(nil)))
}

// FuzzContent is FuzzDecode behind checksum and compression.
func FuzzContent(f *testing.F) {
	for _, metrics := range corpora(f) {
		for _, n := range []int{1, 2, 7, 40} {
			f.Add(contentOf(f, metrics[:n]))
		}
	}
	f.Add(good())
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 64<<10 {
			return
		}
		b, err := Decode(storedText(content))
		if err != nil {
			require.NotErrorIs(t, err, ErrChecksum)
			return
		}
		requireEncodable(t, b)
	})
}

// requireEncodable fails where metrics that came out of a payload do not go
// into another and come out the same.
func requireEncodable(t testing.TB, b Batch) {
	t.Helper()
	text, err := Encode(b.Metrics, b.Sequence)
	if errors.Is(err, ErrTooLarge) {
		return // what hostile content says in few bytes may take many
	}
	require.NoError(t, err)
	again, err := Decode(string(text))
	require.NoError(t, err)
	require.Equal(t, b.Sequence, again.Sequence)
	require.Empty(t, difference(b.Metrics, again.Metrics))
}

func FuzzRadix94(f *testing.F) {
	for n := range 25 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(255 - i*n)
		}
		f.Add(b, string(appendText(nil, b)))
	}
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "           ")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		got := appendText(nil, data)
		require.Len(t, got, textLen(len(data)))
		requireText(t, string(Version1)+string(got))
		back, err := appendBytes(nil, string(got))
		require.NoError(t, err)
		require.Equal(t, string(data), string(back))

		// No two texts stand for the same bytes.
		if b, err := appendBytes(nil, text); err == nil {
			require.Equal(t, text, string(appendText(nil, b)))
		}
	})
}

// FuzzEncode lets the fuzzer choose the metrics.
func FuzzEncode(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		metrics := batches().Draw(t, "metrics")
		text, err := Encode(metrics, 1)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Decode(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if d := difference(metrics, b.Metrics); d != "" {
			t.Fatal(d)
		}
	}))
}

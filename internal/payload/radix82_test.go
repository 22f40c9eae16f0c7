package payload

import (
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// smsAlphabet is that of the specification.
const smsAlphabet = `!"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz`

// asSMS returns a payload in the text stage for SMS.
func asSMS(t testing.TB, text string) string {
	t.Helper()
	data, err := appendBytes(nil, text[1:])
	require.NoError(t, err)
	return string(appendSMSText([]byte{VersionSMS}, data))
}

func TestSMSAlphabet(t *testing.T) {
	require.Len(t, smsAlphabet, smsRadix)
	// What ASCII has at these codes is not in the GSM 7 bit default alphabet, or
	// elsewhere.
	require.False(t, strings.ContainsAny(smsAlphabet, " $@[\\]^_`{|}~\x7f"))
	for i := range smsRadix {
		require.Equal(t, smsAlphabet[i], smsDigitChar(byte(i)))
	}
	for c := range 256 {
		d, ok := smsCharDigit(byte(c))
		require.Equal(t, strings.IndexByte(smsAlphabet, byte(c)) >= 0, ok, "%q", c)
		if ok {
			require.Equal(t, byte(c), smsAlphabet[d])
		}
	}
	require.Contains(t, smsAlphabet, string(rune(VersionSMS)), "the version is one septet as well")
}

// No text stage over this alphabet could put more into one SMS.
func TestSMSCapacity(t *testing.T) {
	const bytes = 126
	require.Len(t, appendSMSText([]byte{VersionSMS}, make([]byte, bytes)), 160)
	all := new(big.Int).Exp(big.NewInt(smsRadix), big.NewInt(159), nil)
	require.Equal(t, bytes, (all.BitLen()-1)/8)
}

// The text of a group is its number, in as few digits as hold every number of
// so many bytes.
func TestSMSGroups(t *testing.T) {
	radix := big.NewInt(smsRadix)
	for n := 1; n <= smsGroupBytes; n++ {
		digits, room := 0, big.NewInt(1)
		for limit := new(big.Int).Lsh(big.NewInt(1), uint(8*n)); room.Cmp(limit) < 0; digits++ {
			room.Mul(room, radix)
		}
		require.Equal(t, digits, smsTextLen(n), "%d bytes", n)
	}
	require.Equal(t, smsGroupChars, smsTextLen(smsGroupBytes))

	rapid.Check(t, func(t *rapid.T) {
		group := rapid.SliceOfN(rapid.Byte(), 1, smsGroupBytes).Draw(t, "group")
		want := make([]byte, smsTextLen(len(group)))
		rest, digit := new(big.Int).SetBytes(group), new(big.Int)
		for i := range slices.Backward(want) {
			rest.DivMod(rest, radix, digit)
			want[i] = smsAlphabet[digit.Int64()]
		}
		require.Equal(t, string(want), string(appendSMSText(nil, group)))
	})
}

func TestSMSText(t *testing.T) {
	metrics := []telegraf.Metric{newTestMetric("door", map[string]string{"host": "gw"}, map[string]any{"open": true}, epoch)}
	sms, err := EncodeSMS(metrics, 3)
	require.NoError(t, err)
	text := string(sms)
	require.True(t, IsCompact(text))

	b, err := Decode(text)
	require.NoError(t, err)
	require.Equal(t, Sequence(3), b.Sequence)
	require.Empty(t, difference(metrics, b.Metrics))

	// The same frame in both text stages, and so the same identity.
	plain, err := Encode(metrics, 3)
	require.NoError(t, err)
	require.Equal(t, text, asSMS(t, string(plain)))

	for _, tail := range []string{"\n", "\r\n", " ", "\r", "@", " \r\n@ \t\n"} {
		again, err := Decode(text + tail)
		require.NoError(t, err, "%q", tail)
		require.Equal(t, b.Checksum, again.Checksum)
		require.True(t, IsCompact(text+tail))
	}

	var me *MetricError
	_, err = EncodeSMS([]telegraf.Metric{metrics[0], newTestMetric("", nil, nil, 0)}, 3)
	require.ErrorAs(t, err, &me)
	require.Equal(t, 1, me.Index)
	_, err = EncodeSMS(metrics, SequenceLimit)
	require.ErrorContains(t, err, "must be below 4096")
	_, err = EncodeSMS(nil, 0)
	require.ErrorContains(t, err, "no such range")
	e := new(Encoder)
	kept, err := e.AppendSMS([]byte("kept"), 0, 1, 0)
	require.Error(t, err)
	require.Equal(t, "kept", string(kept))
}

func TestHostileSMSText(t *testing.T) {
	text := asSMS(t, storedText(good()))
	require.Greater(t, len(text), 40)
	for _, c := range []struct {
		name, text, want string
	}{
		{"another version", ":" + text[1:], "not a compact payload"},
		{"line protocol", ";m f=1 1", "not a compact payload"},
		{"smile", ";) see you", "not a compact payload"},
		{"smile of one word", ";-)", "out of range"},
		{"space", text[:5] + " " + text[6:], "not a compact payload"},
		{"space in front", " " + text, "not a compact payload"},
		{"version alone", ";", "0 bytes are too few"},
		{"version and a tail", "; \r\n", "0 bytes are too few"},
		{"group of one character", text[:2], "group of 1 characters"},
		{"group of five characters", text[:6], "group of 5 characters"},
		{"later group of one character", text[:36], "group of 1 characters"},
		{"currency sign", text[:5] + "$" + text[6:], `'$' at position 4 is outside the alphabet`},
		{"at", text[:5] + "@" + text[6:], "outside the alphabet"},
		{"newline inside", text[:5] + "\n" + text[6:], "outside the alphabet"},
		{"extension", text[:5] + "~" + text[6:], "outside the alphabet"},
		{"not ASCII", text[:5] + "\x80" + text[6:], "outside the alphabet"},
		{"later group", text[:38] + "$" + text[39:], `'$' at position 37 is outside the alphabet`},
		{"group beyond 216 bits", ";" + strings.Repeat("z", 34), "group at position 0 is out of range"},
		{"group beyond 8 bits", ";" + strings.Repeat("!", 34) + "zz", "group at position 34 is out of range"},
		{"frame too short", ";!!!!!!", "4 bytes are too few"},
		{"unknown method", asSMS(t, frameText(2, good(), good())), "method is unknown"},
		{"wrong checksum", asSMS(t, frameText(methodStored, []byte("x"), good())), "checksum does not match"},
		{"too long", ";" + strings.Repeat("!", smsTextLen(frameLen+MaxContent)+1), "beyond the limits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.text)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, !errors.Is(err, ErrNotCompact), IsCompact(c.text))
		})
	}
}

func FuzzRadix82(f *testing.F) {
	for n := range 60 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(255 - i*n)
		}
		f.Add(b, string(appendSMSText(nil, b)))
	}
	f.Add(slices.Repeat([]byte{0xff}, smsGroupBytes), strings.Repeat("z", smsGroupChars))
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		got := appendSMSText(nil, data)
		require.Len(t, got, smsTextLen(len(data)))
		back, err := appendSMSBytes(nil, string(got))
		require.NoError(t, err)
		require.Equal(t, string(data), string(back))

		// No two texts stand for the same bytes.
		if b, err := appendSMSBytes(nil, text); err == nil {
			require.Equal(t, text, string(appendSMSText(nil, b)))
		}
	})
}

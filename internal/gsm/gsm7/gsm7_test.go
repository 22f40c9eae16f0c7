package gsm7_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	libgsm7 "github.com/warthog618/sms/encoding/gsm7"
	"github.com/warthog618/sms/encoding/gsm7/charset"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/gsm/gsm7"
)

// The tables agree with those of github.com/warthog618/sms, but for what is
// wrong there in v0.3.0: the first three characters of Hindi are those of
// Bengali, one of Portuguese is missing, and the code 0x0D of the single shift
// tables, which 3GPP TS 23.038 keeps for a control character, is a character.
func TestTablesAgree(t *testing.T) {
	hindi := map[int]rune{0: '\u0901', 1: '\u0902', 2: '\u0903'}
	for l := gsm7.Default; l <= gsm7.Urdu; l++ {
		locking, shift := gsm7.Locking(l), gsm7.Shift(l)
		theirs, theirShift := charset.NewDecoder(int(l)), charset.NewExtDecoder(int(l))
		for s := range 128 {
			want, got := theirs[byte(s)], locking[s]
			if l == gsm7.Hindi && hindi[s] != 0 {
				want = hindi[s]
			}
			if s == gsm7.Escape {
				want = 0
			}
			require.Equalf(t, want, got, "locking %d %#x", l, s)
			want, got = theirShift[byte(s)], shift[s]
			switch {
			case s == gsm7.Escape, s == 0x0d:
				want = 0
			case l == gsm7.Portuguese && s == 0x1f:
				want = 'Ê'
			}
			require.Equalf(t, want, got, "shift %d %#x", l, s)
		}
	}
	require.Equal(t, gsm7.Locking(gsm7.Default), gsm7.Locking(14))
	require.Equal(t, gsm7.Shift(gsm7.Default), gsm7.Shift(255))
}

func TestPack(t *testing.T) {
	require.Equal(t, []byte{0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37}, gsm7.Pack([]byte("hellohello"), 0))
	require.Empty(t, gsm7.Pack(nil, 0))
	require.Empty(t, gsm7.Unpack(nil, 0, 5))
	require.Empty(t, gsm7.Unpack([]byte{1}, 6, -3))
	rapid.Check(t, func(t *rapid.T) {
		septets := rapid.SliceOfN(rapid.ByteRange(0, 127), 0, 200).Draw(t, "septets")
		fill := rapid.IntRange(0, 6).Draw(t, "fill")
		octets := gsm7.Pack(septets, fill)
		require.Equal(t, septets, gsm7.Unpack(octets, fill, len(septets)))
		if len(septets) > 0 {
			require.Equal(t, libgsm7.Pack7Bit(septets, fill), octets)
		}
		require.LessOrEqual(t, len(gsm7.Unpack(octets, fill, 1000)), len(septets)+1)
	})
}

// Whatever a pair of tables has goes there and back, however it is cut.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		locking := gsm7.Language(rapid.ByteRange(0, 13).Draw(t, "locking"))
		shift := gsm7.Language(rapid.ByteRange(0, 13).Draw(t, "shift"))
		var have []rune
		for _, table := range []*gsm7.Table{gsm7.Locking(locking), gsm7.Shift(shift)} {
			for _, c := range table {
				if c != 0 {
					have = append(have, c)
				}
			}
		}
		text := string(rapid.SliceOf(rapid.SampledFrom(have)).Draw(t, "text"))
		septets, ok := gsm7.NewEncoder(locking, shift).Encode(text)
		require.True(t, ok)
		cut := rapid.IntRange(0, len(septets)).Draw(t, "cut")
		var d gsm7.Decoder
		d.Add(septets[:cut], locking, shift)
		d.Add(septets[cut:], locking, shift)
		require.Equal(t, text, d.Text())
	})
}

func TestEncodeRefuses(t *testing.T) {
	_, ok := gsm7.NewEncoder(gsm7.Default, gsm7.Default).Encode("a→b")
	require.False(t, ok)
}

func TestBreak(t *testing.T) {
	var d gsm7.Decoder
	d.Add([]byte{'A', gsm7.Escape}, 0, 0)
	d.Break()
	d.Add([]byte{0x65}, 0, 0)
	require.Equal(t, "A e", d.Text())
}

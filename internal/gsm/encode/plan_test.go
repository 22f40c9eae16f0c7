package encode_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/gsm/encode"
)

// How many parts a text takes, where that changes (3GPP TS 23.040).
func TestPlanParts(t *testing.T) {
	for _, c := range []struct {
		text  string
		as    encode.Coding
		ucs2  bool
		parts int
	}{
		{"", encode.Auto, false, 1},
		{"", encode.UCS2, true, 1},
		{strings.Repeat("a", 160), encode.Auto, false, 1},
		{strings.Repeat("a", 161), encode.Auto, false, 2},
		{strings.Repeat("a", 306), encode.Auto, false, 2},
		{strings.Repeat("a", 307), encode.Auto, false, 3},
		{strings.Repeat("€", 80), encode.Auto, false, 1},
		{strings.Repeat("€", 81), encode.Auto, false, 2},
		{strings.Repeat("€", 152), encode.Auto, false, 2},
		{strings.Repeat("€", 153), encode.Auto, false, 3}, // 76 in each: none is cut
		{strings.Repeat("я", 70), encode.Auto, true, 1},
		{strings.Repeat("я", 71), encode.Auto, true, 2},
		{strings.Repeat("я", 134), encode.Auto, true, 2},
		{strings.Repeat("я", 135), encode.Auto, true, 3},
		{strings.Repeat("🌊", 35), encode.Auto, true, 1},
		{strings.Repeat("🌊", 36), encode.Auto, true, 2},
		{strings.Repeat("🌊", 67), encode.Auto, true, 3}, // 33 in each
		{strings.Repeat("a", 71), encode.UCS2, true, 2},
		{strings.Repeat("я", 160), encode.GSM7, false, 3}, // "ya"
		{strings.Repeat("中", 160), encode.GSM7, false, 1},
		{strings.Repeat("a", 153*255), encode.Auto, false, 255},
		{strings.Repeat("a", 153*255+1), encode.Auto, false, 256},
		{"\xff", encode.Auto, true, 1},
		{"\xff", encode.GSM7, false, 1},
	} {
		p := encode.PlanText(c.text, c.as)
		require.Equal(t, []any{c.ucs2, c.parts}, []any{p.UCS2, p.Parts}, "%v %.20q", c.as, c.text)
		require.True(t, utf8.ValidString(p.Text))
	}
	require.Equal(t, "auto gsm7 ucs2 invalid", strings.Join([]string{encode.Auto.String(), encode.GSM7.String(), encode.UCS2.String(), encode.Coding(9).String()}, " "))
}

// What is planned is what is sent.
func TestPlanIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringN(0, 400, -1), rapid.StringMatching(`[ -~€äöüß\n]{0,400}`), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) })).Draw(t, "text")
		as := rapid.SampledFrom([]encode.Coding{encode.Auto, encode.GSM7, encode.UCS2}).Draw(t, "coding")
		p := encode.PlanText(text, as)
		m := encode.Message{From: "+15125550100", Text: p.Text, UCS2: p.UCS2}
		pdus, err := m.Submit()
		require.NoError(t, err)
		require.Len(t, pdus, p.Parts)
		if as == encode.GSM7 {
			require.False(t, p.UCS2)
			require.False(t, encode.PlanText(p.Text, encode.Auto).UCS2)
		} else {
			require.Equal(t, strings.ToValidUTF8(text, "\ufffd") == text, p.Text == text)
		}
	})
}

func TestTransliterate(t *testing.T) {
	for text, want := range map[string]string{
		"plain {€} \n": "plain {€} \n",
		"“quoted” ‘text’ – and — more …": "\"quoted\" 'text' - and - more ...",
		"á â ã å ç é ï ñ ø š ž ł đ ő":    "a a a å c é i ñ ø s z l d o",
		"21,5 °C ±2 µm³":                 "21,5 degC +/-2 um3",
		"Жара ЩУКА, ёлка":                "Zhara ShchUKA, elka",
		"Αθήνα ΔΩ αβγ":                   "AΘHNA ΔΩ ABΓ",
		"a\tb\u00a0c\u2009d":             "a b c d",
		"e\u0301 n\u0303 \u200dx\ufe0f":  "e n x",
		"🌊👍🏽 中":                          "?? ?",
		"\xff\x00\x1b":                   "???",
		"=/ '?":                          "=/ '?",
		"½ × ¼":                          "1/2 x 1/4",
		"tab\v":                          "tab ",
	} {
		require.Equal(t, want, encode.Transliterate(text), text)
	}
	// Every Latin letter with a mark, and what is in nobody's alphabet, comes out in
	// this one.
	for c := range rune(0x3000) {
		got := encode.Transliterate(string(c))
		require.False(t, encode.PlanText(got, encode.Auto).UCS2, "%U", c)
		require.LessOrEqual(t, len([]rune(got)), 4, "%U", c)
		if c >= 0xc0 && c < 0x180 {
			require.NotEqual(t, "?", got, "%U %c", c, c)
		}
	}
}

func TestSubmitOptions(t *testing.T) {
	for _, c := range []struct {
		validity time.Duration
		report   bool
		want     string // first octet, and TP-VP
	}{
		{0, false, "01 "},
		{0, true, "21 "},
		{time.Second, false, "11 00"},
		{5 * time.Minute, false, "11 00"},
		{6 * time.Minute, false, "11 01"},
		{12 * time.Hour, true, "31 8F"},
		{12*time.Hour + time.Minute, false, "11 90"},
		{24 * time.Hour, false, "11 A7"},
		{25 * time.Hour, false, "11 A8"},
		{30 * 24 * time.Hour, false, "11 C4"},
		{31 * 24 * time.Hour, false, "11 C5"},
		{63 * 7 * 24 * time.Hour, false, "11 FF"},
		{1000 * 7 * 24 * time.Hour, false, "11 FF"},
	} {
		m := encode.Message{From: "5", Text: "A", Report: c.report, Validity: c.validity}
		pdus, err := m.Submit()
		require.NoError(t, err)
		first, vp, _ := strings.Cut(c.want, " ")
		require.Equal(t, []string{"00" + first + "00" + "0181F5" + "0000" + vp + "0141"}, pdus, c.validity)
	}
}

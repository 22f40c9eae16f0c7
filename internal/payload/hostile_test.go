package payload

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"telegraf-hologram/internal/payload/dictionary"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
)

// frameText makes a payload of content that no Encoder made, with a right checksum.
func frameText(m method, content, body []byte) string {
	f := frame{method: m, sequence: 5, checksum: checksum(5, content), body: body}
	return string(appendText([]byte{Version1}, f.append(nil)))
}

// storedText makes a payload of content as it is.
func storedText(content []byte) string { return frameText(methodStored, content, content) }

// deflatedText makes a payload of compressed content.
func deflatedText(t testing.TB, content []byte) string {
	t.Helper()
	return frameText(methodDeflate, content, deflated(t, content))
}

func deflated(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, flate.BestCompression, dictionary.Version1())
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// script puts content together: bytes as they are, numbers as varints, and
// strings with their end.
func script(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case byte:
			b = append(b, p)
		case []byte:
			b = append(b, p...)
		case int:
			b = binary.AppendUvarint(b, uint64(p))
		case string:
			b = append(append(b, p...), textEnd)
		default:
			panic(fmt.Sprintf("%T", p))
		}
	}
	return b
}

const (
	end        = byte(textEnd)
	constantly = byte(predictRow)<<2 | byte(shortConstant)
	plainly    = byte(predictNone) << 2
)

// good is content with two metrics, as a beginning for what is wrong.
func good() []byte {
	return script(byte(headOne|9), 2, "m", "tag", end, "f", end, byte(plainTags), byte(kindInt)|constantly,
		1, "value", constantly, 2, constantly, 0, 2)
}

func TestGoodScript(t *testing.T) {
	b, err := Decode(storedText(good()))
	require.NoError(t, err)
	m := newTestMetric("m", map[string]string{"tag": "value"}, map[string]any{"f": int64(1)}, epoch)
	require.Empty(t, difference([]telegraf.Metric{m, m}, b.Metrics))
	require.Equal(t, Sequence(5), b.Sequence)
}

func TestHostileContent(t *testing.T) {
	flags := func(f byte) []byte { // two metrics in one series, without tags
		return script(byte(headOne|9), 2, "m", end, "f", end, f, byte(kindFalse))
	}
	column := func(kind int, data ...any) []byte { // one metric with one field
		return append(script(byte(headOne|headSequence|9), 1, "m", end, "f", end, byte(plainTags), byte(kind), plainly, 0), script(data...)...)
	}
	two := func(kind int, data ...any) []byte { // two metrics of one series
		return append(script(byte(headOne|9), 2, "m", end, "f", end, byte(plainTags), byte(kind), 1, constantly, 2, constantly, 0), script(data...)...)
	}
	indexed := kindString + int(stringsIndexed)
	numbered := kindString + int(stringsNumbered)
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"nothing", nil, "content ends early"},
		{"reserved bit of the head", script(byte(0x40), 1), "unknown coding"},
		{"unit beyond 100 s", script(byte(headOne|12), 1), "unknown coding"},
		{"no metrics", script(byte(headOne), 0), "unknown coding"},
		{"too many metrics", script(byte(headOne), MaxMetrics+1), "65537 where at most 65536 can be"},
		{"absurdly many metrics", script(byte(headOne), bytes.Repeat([]byte{0xff}, 9), byte(1)), "where at most 65536 can be"},
		{"a number of more than 64 bits", script(byte(headOne), bytes.Repeat([]byte{0xff}, 10), byte(1)), "larger than 64 bits"},
		{"no groups", script(byte(0), 5, 0), "unknown coding"},
		{"more groups than metrics", script(byte(0), 5, 6), "6 where at most 5 can be"},
		{"more groups than content", script(byte(0), 50000, 50000, "m"), "content ends early"},
		{"a group without metrics", script(byte(headSequence), 2, 2,
			"m", end, "f", end, byte(plainTags), byte(kindFalse), "n", end, "f", end, byte(plainTags), byte(kindFalse),
			plainly, 0, 0, plainly, 0, 0), "unknown coding"},
		{"a measurement without name", script(byte(headOne|headSequence), 1, end), "unknown coding"},
		{"a measurement with the empty name", script(byte(headOne|headSequence), 1, "\x01\x01", end, "f", end, byte(plainTags), byte(kindFalse)), "unknown coding"},
		{"a measurement without fields", script(byte(headOne|headSequence), 1, "m", end, end, byte(0), plainly, 0), "unknown coding"},
		{"reserved flag", flags(0x10), "unknown coding"},
		{"tags in disorder", script(byte(headOne|headSequence), 1, "m", "b", "a", end, "f", end, byte(plainTags), byte(kindFalse)), "not in ascending order"},
		{"a tag twice", script(byte(headOne|headSequence), 1, "m", "a", "a", end, "f", end, byte(plainTags), byte(kindFalse)), "not in ascending order"},
		{"fields in disorder", script(byte(headOne|headSequence), 1, "m", end, "g", "f", end, byte(plainTags), byte(kindFalse), byte(kindFalse)), "not in ascending order"},
		{"a column twice", script(byte(headOne|headSequence), 1, "m", end, "f", "f", end, byte(plainTags), byte(kindFalse), byte(kindTrue)), "not in ascending order"},
		{"a field with two types at once", script(byte(headOne|headSequence), 1, "m", end, "f", "f", end, byte(plainTags), byte(kindInt), byte(kindFalse), plainly, 0, 7), "a metric has a field twice"},
		{"an escape of nothing", script(byte(headOne|headSequence), 1, byte('m'), byte(1), byte(0)), "unknown coding"},
		{"an unknown escape", script(byte(headOne|headSequence), 1, "m\x01x"), "unknown coding"},
		{"an empty string inside of a string", script(byte(headOne|headSequence), 1, "m\x01\x01"), "unknown coding"},
		{"no series", append(flags(plainTags), 0), "unknown coding"},
		{"more series than metrics", append(flags(plainTags), 3), "3 where at most 2 can be"},
		{"a series that no metric has", append(flags(plainTags), script(2, plainly, 1, 1, constantly, 0)...), "unknown coding"},
		{"series out of order", append(flags(plainTags), script(2, plainly, 2, 1, constantly, 0)...), "unknown coding"},
		{"metric of no series", append(flags(plainTags), script(1, plainly, 5, 0)...), "unknown coding"},
		{"more than the last series", append(flags(plainTags), script(1, plainly, 1, 2, constantly, 0)...), "unknown coding"},
		{"tags that no series has", script(byte(headOne|headSequence), 1, "m", "a", end, "f", end, byte(sparseTags), byte(kindFalse), plainly, 0, byte(0)), "unknown coding"},
		{"a set with unknown tags", script(byte(headOne|headSequence), 1, "m", "a", end, "f", end, byte(sparseTags), byte(kindFalse), plainly, 0, byte(3)), "unknown coding"},
		{"a set out of order", script(byte(headOne|headSequence), 1, "m", "a", end, "f", end, byte(sparseTags), byte(kindFalse), plainly, 1, byte(1)), "unknown coding"},
		{"a metric without fields", script(byte(headOne), 2, "m", end, "f", end, byte(plainTags|sparseColumns), byte(kindFalse), 1, constantly, 2, constantly, 0, plainly, 0, 1, byte(1), byte(0)), "unknown coding"},
		{"unknown coding of tags", script(byte(headOne|headSequence), 1, "m", "a", end, "f", end, byte(0), byte(kindFalse), byte(stringCodings)), "unknown coding"},
		{"unknown coding of times", script(byte(headOne|headSequence), 1, "m", end, "f", end, byte(0), byte(kindFalse), byte(intCodings)), "unknown coding"},
		{"predictor that needs series", append(flags(plainTags), script(1, byte(predictSeries)<<2, 1, 1)...), "unknown coding"},
		{"unknown kind", column(kinds), "unknown coding"},
		{"shift beyond 63", column(kindInt+int(shortShifted), 64, 1), "unknown coding"},
		{"exponent beyond 22", column(kindDecimalParam, byte(maxExponent+1), 1), "unknown coding"},
		{"reserved bit of the parameter", column(kindDecimalParam, byte(0x80), 1), "unknown coding"},
		{"exceptions without predictor", column(kindDecimalParam, byte(paramException), 1), "unknown coding"},
		{"constant exceptions", column(kindDecimalParam+3, byte(paramException), 1), "unknown coding"},
		{"an exception cut off", column(kindDecimalParam+2, byte(paramException), 1, []byte("1234567")), "content ends early"},
		{"an exception that is none", column(kindDecimalParam+2, byte(paramException), 3), "unknown coding"},
		{"raw of more than eight bytes", column(kindRaw, byte(0x81), byte(1)), "unknown coding"},
		{"raw of nine bytes", column(kindRaw, byte(0x09), bytes.Repeat([]byte{1}, 9)), "unknown coding"},
		{"index beyond the strings", two(indexed, plainly, 0, 2, "a"), "unknown coding"},
		{"first index not the first string", two(indexed, plainly, 1, 0, "a", "b"), "unknown coding"},
		{"numbers too wide", two(numbered, "n", byte(maxDigits+1), constantly, 0), "unknown coding"},
		{"bits cut off", two(kindBits), "content ends early"},
		{"something left over", append(good(), 0), "1 bytes are left over"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(storedText(c.content))
			require.ErrorContains(t, err, c.want)
			require.NotErrorIs(t, err, ErrChecksum)
		})
	}
}

func TestTruncatedContent(t *testing.T) {
	all := corpora(t)
	for _, content := range [][]byte{good(), contentOf(t, all["host"][:8]), contentOf(t, all["tgreal"][:12])} {
		for i := range content {
			_, err := Decode(storedText(content[:i]))
			require.Error(t, err, "%d of %d bytes", i, len(content))
		}
	}
}

func TestHostileText(t *testing.T) {
	text := storedText(good())
	for _, c := range []struct {
		name, text, want string
	}{
		{"empty", "", "not a compact payload"},
		{"another version", "-" + text[1:], "not a compact payload"},
		{"line protocol", "cpu usage=1 1", "not a compact payload"},
		{"JSON", `{"metrics":[]}`, "not a compact payload"},
		{"version alone", ",", "0 bytes are too few"},
		{"group of one character", text[:13], "group of 1 characters"},
		{"group of six characters", text[:18], "group of 6 characters"},
		{"quote", text[:5] + `"` + text[6:], `'"' at position 4 is outside the alphabet`},
		{"backslash", text[:5] + `\` + text[6:], "outside the alphabet"},
		{"newline", text[:5] + "\n" + text[6:], "outside the alphabet"},
		{"not ASCII", text[:5] + "\x80" + text[6:], "outside the alphabet"},
		{"newline at the end", text + "\n", ""},
		{"group beyond 72 bits", "," + strings.Repeat("\x7f", 11), "out of range"},
		{"group beyond 64 bits", ",!!!!!!!!!!!" + strings.Repeat("\x7f", 10), "out of range"},
		{"group beyond 8 bits", ",!!!!!!!!!!!" + strings.Repeat("\x7f", 2), "out of range"},
		{"frame too short", string(appendText([]byte{Version1}, []byte("1234"))), "4 bytes are too few"},
		{"unknown method", frameText(2, good(), good()), "method is unknown"},
		{"last method", frameText(15, good(), good()), "method is unknown"},
		{"wrong checksum", frameText(methodStored, []byte("x"), good()), "checksum does not match"},
		{"no DEFLATE", frameText(methodDeflate, good(), []byte("\xff\xff\xff")), "inflating"},
		{"DEFLATE cut off", frameText(methodDeflate, good(), deflated(t, good())[:10]), "inflating: unexpected EOF"},
		{"more behind DEFLATE", frameText(methodDeflate, good(), append(deflated(t, good()), 0)), "1 bytes are left over"},
		{"too long", "," + strings.Repeat(" ", textLen(frameLen+MaxContent)+11), "beyond the limits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.text)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, strings.HasPrefix(c.text, ","), IsCompact(c.text))
		})
	}
	_, err := Decode("x")
	require.ErrorIs(t, err, ErrNotCompact)
	_, err = Decode(frameText(methodStored, []byte("x"), good()))
	require.ErrorIs(t, err, ErrChecksum)
}

// damaged payloads: each is cut, and changed in every bit and every character.
func TestDamage(t *testing.T) {
	all := corpora(t)
	for name, metrics := range map[string][]telegraf.Metric{
		"gps": all["gps"][:2], "host": all["host"][:1], "stored": {newTestMetric("zq", nil, map[string]any{"\xfe\xf8": 0.3}, 12345)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := encodeReused(t, metrics, 9)
			want, err := Decode(text)
			require.NoError(t, err)
			same := 0
			refused := func(damaged, how string) {
				b, err := Decode(damaged)
				if err != nil {
					return
				}
				// DEFLATE has bits that mean nothing, and more than one way to say
				// a thing.
				if b.Sequence == want.Sequence && b.Checksum == want.Checksum && difference(want.Metrics, b.Metrics) == "" {
					same++
					return
				}
				t.Errorf("%s was not found out", how)
			}
			for i := range len(text) {
				refused(text[:i], fmt.Sprintf("cut at %d", i))
			}
			data, err := appendBytes(nil, text[1:])
			require.NoError(t, err)
			sms := asSMS(t, text)
			for i := range len(sms) {
				refused(sms[:i], fmt.Sprintf("SMS cut at %d", i))
			}
			for i := range 8 * len(data) {
				data[i/8] ^= 1 << (i % 8)
				refused(string(appendText([]byte{Version1}, data)), fmt.Sprintf("bit %d", i))
				data[i/8] ^= 1 << (i % 8)
			}
			for i := range len(text) {
				for c := byte(' '); c <= 0x7f; c++ {
					if c != text[i] && (i+int(c))%damageShare == 0 {
						refused(text[:i]+string(rune(c))+text[i+1:], fmt.Sprintf("%q at %d", c, i))
					}
					if i < len(sms) && c != sms[i] && (i+int(c))%damageShare == 0 {
						refused(sms[:i]+string(rune(c))+sms[i+1:], fmt.Sprintf("SMS, %q at %d", c, i))
					}
				}
			}
			t.Logf("%d characters; %d changes without effect", len(text), same)
			require.LessOrEqual(t, same, 64)
		})
	}
}

// The nastiest that fits 64 KiB of text: as much memory and time as possible.
func TestHostileSize(t *testing.T) {
	const most = 64 << 10
	names := func(n int, add func(i int) string) []byte {
		var b []byte
		for i := range n {
			b = append(b, add(i)...)
			b = append(b, textEnd)
		}
		return append(b, textEnd)
	}
	// one metric after the other, all alike, with so many constant columns and tags
	grid := func(rows, tags, columns int, kind byte, data []byte) []byte {
		return script(byte(headOne|9), rows, "m", names(tags, func(i int) string { return fmt.Sprintf("t%06d", i) }),
			names(columns, func(i int) string { return fmt.Sprintf("%06d", i) }), byte(plainTags), bytes.Repeat([]byte{kind}, columns),
			1, bytes.Repeat([]byte{'v', 0}, tags), constantly, 2, constantly, 0, bytes.Repeat(data, columns))
	}
	numbered := byte(kindString + int(stringsNumbered))
	pattern := func(n int) []byte { return script(strings.Repeat("x", n), byte(0), constantly, 0) }
	cases := map[string][]byte{
		"zeros":                           make([]byte, MaxContent),
		"more than there may be":          make([]byte, MaxContent+1),
		"one metric, many tags":           grid(1, 200_000, 1, byte(kindFalse), nil),
		"one metric, many columns":        grid(1, 0, 60_000, byte(kindFalse), nil),
		"as many columns as can be":       grid(1, 0, MaxValues, byte(kindFalse), nil),
		"many metrics":                    grid(MaxMetrics, 0, 4, byte(kindFalse), nil),
		"many metrics of few values":      grid(MaxMetrics, 0, 4, byte(kindInt)|constantly, []byte{0xfe, 0xff, 0x07}),
		"many metrics of too many tags":   grid(MaxMetrics, 4096, 1, byte(kindFalse), nil),
		"many metrics of too many fields": grid(MaxMetrics, 0, 4096, byte(kindFalse), nil),
		"2^32 values":                     grid(MaxMetrics, MaxMetrics, 1, byte(kindFalse), nil),
		"numbered strings":                grid(512, 0, 512, numbered, pattern(50)),
		"numbered strings, few and long":  grid(512, 0, 30, numbered, pattern(1000)),
		"numbered strings, too many":      grid(512, 0, 512, numbered, pattern(4000)),
		"raw floats":                      grid(8192, 0, 30, byte(kindRaw), bytes.Repeat([]byte{0}, 8192)),
		"long names":                      grid(MaxMetrics, 0, 1, byte(kindString+int(stringsConstant)), script(strings.Repeat("x", 1<<20))),
		"many measurements":               measurementsScript(40_000),
		"wide sets":                       wideSetsScript(20_000, 2_000),
		"wide sets, and one narrow":       wideSetsScript(80_000, 50),
		"series of their own":             seriesScript(MaxMetrics, 12),
		"series of their own, long texts": seriesScript(MaxMetrics, 60),
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			if raceEnabled && len(content) > 400_000 {
				t.Skip("takes its time with the race detector, which has nothing to find here")
			}
			text := deflatedText(t, content)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			b, err := Decode(text)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
			kept := uint64(0)
			if err == nil {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				kept = (m.HeapAlloc - min(m.HeapAlloc, before.HeapAlloc)) >> 20
			}
			t.Logf("%6d characters, %7d bytes of content: %6d metrics, %3d MB allocated, %3d MB kept, %v, error: %v",
				len(text), len(content), len(b.Metrics), allocated, kept, took.Round(time.Millisecond), err)
			runtime.KeepAlive(b)
			require.Less(t, took, hostileTime)
			if len(text) <= most {
				require.Less(t, allocated, uint64(150))
				require.Less(t, kept, uint64(100))
			}
		})
	}
}

// measurementsScript is content of so many measurements with a metric each.
func measurementsScript(n int) []byte {
	b := script(byte(headSequence|9), n, n)
	for i := range n {
		b = append(b, script(fmt.Sprintf("%05d", i), end, "f", end, byte(plainTags), byte(kindTrue))...)
	}
	// Each series' measurement is one more than that before.
	b = append(b, byte(predictRow)<<2)
	for i := range n {
		b = append(b, byte(min(i, 1)*2))
	}
	return append(b, constantly, 0)
}

// wideSetsScript is content of metrics that have all columns or only the first.
func wideSetsScript(columns, rows int) []byte {
	b := script(byte(headOne|9), rows, "m", end)
	for i := range columns {
		b = append(b, fmt.Sprintf("%06d\x00", i)...)
	}
	b = append(b, end, plainTags|sparseColumns)
	b = append(b, bytes.Repeat([]byte{byte(kindTrue)}, columns)...)
	b = append(b, script(1, constantly, 2, constantly, 0, plainly, 0, bytes.Repeat([]byte{1}, rows-1))...)
	all := bytes.Repeat([]byte{0xff}, columns/8)
	one := make([]byte, columns/8)
	one[0] = 1
	return append(append(b, all...), one...)
}

// seriesScript is content of so many metrics with a series each, whose two tags
// and two fields are made from a prefix of so many bytes.
func seriesScript(n, prefix int) []byte {
	numbered := script(strings.Repeat("x", prefix), byte(1), constantly, 0)
	return script(byte(headOne|headSequence|9), n, "m", "a", "b", end, "f", "g", end, byte(0),
		bytes.Repeat([]byte{byte(kindString + int(stringsNumbered))}, 2),
		byte(stringsNumbered), byte(stringsNumbered),
		numbered, numbered, constantly, 0, numbered, numbered)
}

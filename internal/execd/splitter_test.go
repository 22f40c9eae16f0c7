package execd

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// split feeds chunks to a new splitter and copies what comes out.
func split(maxRecord int, chunks ...[]byte) (records []string, oversized int, rest string) {
	s := NewSplitter(maxRecord, func([]byte) { oversized++ })
	for _, c := range chunks {
		for _, r := range s.Split(nil, bytes.Clone(c)) {
			records = append(records, string(r))
		}
	}
	return records, oversized, string(s.Finish())
}

var splitterCases = []struct {
	name      string
	in        string
	max       int // MaxRecord when 0
	want      []string
	oversized int
	rest      string
}{
	{name: "empty"},
	{name: "plain", in: "cpu v=1 1\nmem v=2 2\n", want: []string{"cpu v=1 1", "mem v=2 2"}},
	{name: "carriage returns", in: "a v=1 1\r\nb v=2\r\nc v=\"x\"\r\n", want: []string{"a v=1 1", "b v=2", `c v="x"`}},
	{name: "empty lines and comments", in: "\n\r\n  \n# a \"comment\n#\n  a v=1\n\n", want: []string{"a v=1"}},
	{name: "no line end", in: "a v=1 1\nb v=2", want: []string{"a v=1 1"}, rest: "b v=2"},
	{name: "cut in a string", in: "a v=\"x\ny", rest: "a v=\"x\ny"},
	{name: "newline in a string", in: "sms text=\"hello\nworld\" 1\nb v=2\n", want: []string{"sms text=\"hello\nworld\" 1", "b v=2"}},
	{name: "carriage return and newline in a string", in: "a v=\"x\r\n\" 1\n", want: []string{"a v=\"x\r\n\" 1"}},
	{name: "string ends in newline", in: "a v=\"x\n\"\nb v=1\n", want: []string{"a v=\"x\n\"", "b v=1"}},
	{name: "escaped quote", in: "a v=\"say \\\"hi\\\"\n\" 1\nb v=1\n", want: []string{"a v=\"say \\\"hi\\\"\n\" 1", "b v=1"}},
	{name: "escaped backslash before the end", in: "a v=\"c:\\\\\" 1\nb v=1\n", want: []string{`a v="c:\\" 1`, "b v=1"}},
	{name: "backslash before newline in a string", in: "a v=\"x\\\ny\" 1\n", want: []string{"a v=\"x\\\ny\" 1"}},
	{name: "quote in measurement", in: "a\"b v=1\nc v=2\n", want: []string{`a"b v=1`, "c v=2"}},
	{name: "quote in tag", in: "a,t=\"x v=1\nc v=2\n", want: []string{`a,t="x v=1`, "c v=2"}},
	{name: "quote in field key", in: "a k\"=1\nc v=2\n", want: []string{`a k"=1`, "c v=2"}},
	{name: "quote inside a number", in: "a k=1\"\nc v=2\n", want: []string{`a k=1"`, "c v=2"}},
	{name: "escaped space then equals and quote", in: "a\\ b=\"c v=1\nc v=2\n", want: []string{`a\ b="c v=1`, "c v=2"}},
	{name: "escaped equals in field key", in: "a k\\=\"=1\nc v=2\n", want: []string{`a k\="=1`, "c v=2"}},
	{name: "two backslashes before a space", in: "a\\\\ b v=\"x\ny\" 1\n", want: []string{"a\\\\ b v=\"x\ny\" 1"}},
	{name: "second field is a string", in: "a i=1i,s=\"x\ny\",b=true 1\n", want: []string{"a i=1i,s=\"x\ny\",b=true 1"}},
	{name: "equals and commas in a string", in: "a s=\",x=\\\"\n\",t=1 1\n", want: []string{"a s=\",x=\\\"\n\",t=1 1"}},
	{name: "several spaces", in: "a  v=\"x\ny\"  1 \nb v=1\n", want: []string{"a  v=\"x\ny\"  1 ", "b v=1"}},
	{name: "no fields", in: "a\nb v=1\n", want: []string{"a", "b v=1"}},
	{name: "backslash at line end", in: "a\\\nb v=1\n", want: []string{`a\`, "b v=1"}},

	{name: "lost quote, then numbers", in: "a v=\"x\nb v=1 1\nc v=2 2\nd s=\"y\" 3\ne v=1\n",
		want: []string{`a v="x`, "b v=1 1", "c v=2 2", `d s="y" 3`, "e v=1"}},
	{name: "lost quote at the front", in: "a v=x\" 1\nb v=1 1\n", want: []string{`a v=x" 1`, "b v=1 1"}},
	{name: "lost quote, then a tag with a quote", in: "a v=\"x\nb,t=\" v=1 1\nc v=2\n", want: []string{`a v="x`, `b,t=" v=1 1`, "c v=2"}},
	{name: "two lost quotes", in: "a v=\"x\nb v=1\nc v=\"y\nd v=2\ne s=\"z\"\n",
		want: []string{`a v="x`, "b v=1", `c v="y`, "d v=2", `e s="z"`}},
	{name: "bad record with text is one record", in: "a v=\"x\nnot a metric\ncpu v=1\"z 1\nb v=1\n",
		want: []string{"a v=\"x\nnot a metric\ncpu v=1\"z 1", "b v=1"}},

	{name: "exactly the maximum", max: 8, in: "a v=1234\nb v=1\n", want: []string{"a v=1234", "b v=1"}},
	{name: "one more than the maximum", max: 8, in: "z v=1\na v=12345\nb v=1\n", want: []string{"z v=1", "b v=1"}, oversized: 1},
	{name: "oversized with newlines in its string", max: 8, in: "z v=1\na v=\"1234\n567\n\" 1\nb v=1\n", want: []string{"z v=1", "b v=1"}, oversized: 1},
	{name: "oversized at the end", max: 8, in: "a v=123456789", oversized: 1},
	{name: "oversized comment", max: 8, in: "# 1234567890\nb v=1\n", want: []string{"b v=1"}},
	{name: "lost quote found at the maximum", max: 16, in: "a v=\"x\nb v=1\nc v=2\nd v=3\ne v=4\n",
		want: []string{`a v="x`, "b v=1", "c v=2", "d v=3", "e v=4"}},
	{name: "string far inside an oversized record", max: 8, in: "a " + strings.Repeat("v", 128) + "=\"x\nb v=1\n",
		want: []string{"b v=1"}, oversized: 1},
	{name: "endless string", max: 8, in: "a v=\"" + strings.Repeat("no metric\n", 20) + "b v=1\nc v=2\n",
		want: []string{"b v=1", "c v=2"}, oversized: 8},
}

func TestSplitter(t *testing.T) {
	for _, tc := range splitterCases {
		t.Run(tc.name, func(t *testing.T) {
			maxRecord := tc.max
			if maxRecord == 0 {
				maxRecord = MaxRecord
			}
			records, oversized, rest := split(maxRecord, []byte(tc.in))
			require.Equal(t, tc.want, records)
			require.Equal(t, tc.oversized, oversized)
			require.Equal(t, tc.rest, rest)

			for i := range len(tc.in) + 1 {
				r, o, e := split(maxRecord, []byte(tc.in[:i]), []byte(tc.in[i:]))
				require.Equal(t, tc.want, r, "split at %d", i)
				require.Equal(t, tc.oversized, o, "split at %d", i)
				require.Equal(t, tc.rest, e, "split at %d", i)
			}
			var bytewise [][]byte
			for i := range len(tc.in) {
				bytewise = append(bytewise, []byte(tc.in[i:i+1]))
			}
			r, o, e := split(maxRecord, bytewise...)
			require.Equal(t, tc.want, r, "byte by byte")
			require.Equal(t, tc.oversized, o)
			require.Equal(t, tc.rest, e)
		})
	}
}

// TestSplitterMemory feeds an oversized record of 64 MiB in small chunks.
func TestSplitterMemory(t *testing.T) {
	oversized := 0
	s := NewSplitter(MaxRecord, func([]byte) { oversized++ })
	require.Len(t, s.Split(nil, []byte("first v=1\nbig v=\"")), 1)
	chunk := bytes.Repeat([]byte("0123456789abcde\n"), 256)
	for range (8 << 20) / len(chunk) {
		require.Empty(t, s.Split(nil, chunk))
	}
	require.Less(t, cap(s.buf), 2*MaxRecord)
	require.Equal(t, [][]byte{[]byte("last v=1")}, s.Split(nil, []byte("\" 1\nlast v=1\n")))
	require.Equal(t, 1, oversized)
	s.Split(nil, []byte("a v=1\n"))
	s.Split(nil, []byte("a v=1\n"))
	require.LessOrEqual(t, cap(s.buf), keepBuffer)
}

// awkward are pieces of names and values that a splitter may stumble over.
var awkward = []string{"a", "b c", ",", "=", "\"", "\\", "\\\"", "\\\\", "\n", "\r", "\r\n", "\t", "#", " ", "é", "日本", "😀", "=\"", "\"\n", "x=\"", ",y=\"z"}

func drawText(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(awkward), 0, 6).Draw(t, label), "")
}

// drawName draws a name that line protocol can hold: one that ends in a backslash would escape what follows it.
func drawName(t *rapid.T, label string) string {
	return strings.TrimLeft(drawText(t, label), "#") + "n"
}

func drawMetric(t *rapid.T) telegraf.Metric {
	m := metric.New(drawName(t, "name"), nil, nil, time.Unix(0, rapid.Int64().Draw(t, "time")))
	for range rapid.IntRange(0, 3).Draw(t, "tags") {
		m.AddTag(drawName(t, "tag"), drawText(t, "value"))
	}
	for range rapid.IntRange(1, 4).Draw(t, "fields") {
		var v any
		switch rapid.IntRange(0, 4).Draw(t, "type") {
		case 0:
			v = rapid.Int64().Draw(t, "int")
		case 1:
			v = rapid.Uint64().Draw(t, "uint")
		case 2:
			v = rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }).Draw(t, "float")
		case 3:
			v = rapid.Bool().Draw(t, "bool")
		default:
			v = drawText(t, "string")
		}
		m.AddField(drawName(t, "field"), v)
	}
	return m
}

// TestSplitterRoundTrip checks that the splitter returns exactly the records that Telegraf's serializer wrote, and that
// they parse to the same fields.
func TestSplitterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ser := &influx.Serializer{UintSupport: true}
		require.NoError(t, ser.Init())
		var stream []byte
		var want []string
		var metrics []telegraf.Metric
		for range rapid.IntRange(1, 5).Draw(t, "metrics") {
			m := drawMetric(t)
			line, err := ser.Serialize(m)
			require.NoError(t, err)
			stream = append(stream, line...)
			want = append(want, strings.TrimSuffix(string(line), "\n"))
			metrics = append(metrics, m)
		}
		cut := rapid.IntRange(0, len(stream)).Draw(t, "cut")
		records, oversized, rest := split(MaxRecord, stream[:cut], stream[cut:])
		require.Equal(t, want, records)
		require.Zero(t, oversized)
		require.Empty(t, rest)
		for i, r := range records {
			got, err := ParseRecord([]byte(r), time.Time{})
			require.NoError(t, err, "%q", r)
			require.Equal(t, metrics[i].Time().UnixNano(), got.Time().UnixNano())
			require.Len(t, got.FieldList(), len(metrics[i].FieldList()))
			for j, f := range got.FieldList() {
				require.Equal(t, metrics[i].FieldList()[j].Value, f.Value, "%q", r)
			}
		}
	})
}

// FuzzSplitter checks that the records do not depend on how the stream is divided, and that nothing comes out that did
// not go in.
func FuzzSplitter(f *testing.F) {
	for _, tc := range splitterCases {
		f.Add([]byte(tc.in), uint16(3), uint16(tc.max))
	}
	f.Fuzz(func(t *testing.T, in []byte, size, maxRecord uint16) {
		if maxRecord == 0 {
			maxRecord = 64
		}
		records, oversized, rest := split(int(maxRecord), in)
		var chunks [][]byte
		for i := 0; i < len(in); i += int(size) + 1 {
			chunks = append(chunks, in[i:min(len(in), i+int(size)+1)])
		}
		r, o, e := split(int(maxRecord), chunks...)
		require.Equal(t, records, r)
		require.Equal(t, oversized, o)
		require.Equal(t, rest, e)

		from := 0
		for _, r := range records {
			require.NotEmpty(t, r)
			require.LessOrEqual(t, len(r), int(maxRecord))
			i := strings.Index(string(in[from:]), r)
			require.GreaterOrEqual(t, i, 0, "%q is not in the input", r)
			from += i + len(r)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`cpu,host=a usage=1.5,n=3i,u=4u,b=true,s="x" 1`))
	f.Add([]byte("a v=1\nb v=2"))
	f.Fuzz(func(t *testing.T, record []byte) {
		at := time.Unix(1, 2)
		m, err := ParseRecord(record, at)
		if err != nil {
			return
		}
		require.NotEmpty(t, m.Name())
		require.NotEmpty(t, m.FieldList())
	})
}

func TestParseRecord(t *testing.T) {
	at := time.Unix(1700000000, 5)
	m, err := ParseRecord([]byte(`cpu,host=a\ b,b=2 z=1.5,n=-3i,u=18446744073709551615u,b=true,s="x\"\\`+"\n"+`",z=2 1700000001000000007`), at)
	require.NoError(t, err)
	require.Equal(t, "cpu", m.Name())
	require.Equal(t, map[string]string{"host": "a b", "b": "2"}, m.Tags())
	var fields []string
	for _, f := range m.FieldList() {
		fields = append(fields, fmt.Sprintf("%s=%T(%v)", f.Key, f.Value, f.Value))
	}
	require.Equal(t, []string{"z=float64(2)", "n=int64(-3)", "u=uint64(18446744073709551615)", "b=bool(true)", "s=string(x\"\\\n)"}, fields)
	require.Equal(t, int64(1700000001000000007), m.Time().UnixNano())

	m, err = ParseRecord([]byte("cpu v=1"), at)
	require.NoError(t, err)
	require.Equal(t, at, m.Time())

	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, ",f%d=%di", i%500, i)
	}
	m, err = ParseRecord([]byte("m "+many.String()[1:]+" 1"), at)
	require.NoError(t, err)
	require.Len(t, m.FieldList(), 500)
	v, _ := m.GetField("f499")
	require.EqualValues(t, 999, v)

	for _, bad := range []string{"", "cpu", "cpu v", "cpu v=", "cpu v=x", "cpu v=1 x", "cpu v=1 99999999999999999999", "cpu v=\"x", ",a=b v=1", "a v=1\nb v=2", "#c"} {
		_, err := ParseRecord([]byte(bad), at)
		require.Error(t, err, bad)
	}
}

func BenchmarkSplitter(b *testing.B) {
	line := []byte("cpu,cpu=cpu0,host=gateway-17 usage_user=1.25,usage_system=0.5,usage_idle=98.25,state=\"on line\" 1700000000000000000\n")
	chunk := bytes.Repeat(line, 4096/len(line))
	s := NewSplitter(MaxRecord, nil)
	dst := make([][]byte, 0, 64)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Split(dst[:0], chunk)
	}
}

func BenchmarkParseRecord(b *testing.B) {
	line := []byte("cpu,cpu=cpu0,host=gateway-17 usage_user=1.25,usage_system=0.5,usage_idle=98.25,state=\"on line\" 1700000000000000000")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecord(line, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}

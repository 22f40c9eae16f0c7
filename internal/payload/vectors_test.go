package payload

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/corpus"
)

var update = flag.Bool("update", false, "write testdata/vectors.jsonl anew")

const vectorsFile = "testdata/vectors.jsonl"

// vector is a line of the file of test vectors, for whoever writes a decoder.
type vector struct {
	Name         string         `json:"name"`
	LineProtocol string         `json:"line_protocol,omitempty"` // "" where it cannot express the metrics
	Metrics      []vectorMetric `json:"metrics"`
	Sequence     Sequence       `json:"sequence"`
	Dictionary   int            `json:"dictionary"` // version; 0 where the payload is stored
	Checksum     string         `json:"checksum"`   // six hexadecimal digits
	Content      string         `json:"content"`    // hexadecimal
	Payload      string         `json:"payload"`
	SMS          string         `json:"sms"` // the same frame in the text stage for SMS
}

// vectorMetric is a metric without loss in JSON: numbers are in strings, floats
// are the hexadecimal digits of their bits.
type vectorMetric struct {
	Name   string                 `json:"name"`
	Tags   map[string]string      `json:"tags"`
	Fields map[string]vectorField `json:"fields"`
	Time   string                 `json:"time"` // Unix time in nanoseconds
}

type vectorField struct {
	Type  string `json:"type"` // int, uint, float, bool, string
	Value string `json:"value"`
}

func toVector(m telegraf.Metric) vectorMetric {
	v := vectorMetric{Name: m.Name(), Tags: m.Tags(), Fields: map[string]vectorField{}, Time: strconv.FormatInt(m.Time().UnixNano(), 10)}
	for _, f := range m.FieldList() {
		x := vectorField{Value: fmt.Sprint(f.Value)}
		switch y := f.Value.(type) {
		case int64:
			x.Type = "int"
		case uint64:
			x.Type = "uint"
		case float64:
			x.Type, x.Value = "float", fmt.Sprintf("%016x", math.Float64bits(y))
		case bool:
			x.Type = "bool"
		case string:
			x.Type = "string"
		}
		v.Fields[f.Key] = x
	}
	return v
}

func (v vectorMetric) metric(t testing.TB) telegraf.Metric {
	t.Helper()
	fields := map[string]any{}
	for k, f := range v.Fields {
		var err error
		switch f.Type {
		case "int":
			fields[k], err = strconv.ParseInt(f.Value, 10, 64)
		case "uint":
			fields[k], err = strconv.ParseUint(f.Value, 10, 64)
		case "float":
			var bits uint64
			bits, err = strconv.ParseUint(f.Value, 16, 64)
			fields[k] = math.Float64frombits(bits)
		case "bool":
			fields[k], err = strconv.ParseBool(f.Value)
		case "string":
			fields[k] = f.Value
		default:
			t.Fatalf("type %q", f.Type)
		}
		require.NoError(t, err)
	}
	at, err := strconv.ParseInt(v.Time, 10, 64)
	require.NoError(t, err)
	return newTestMetric(v.Name, v.Tags, fields, at)
}

// series makes so many rows of three series each, with one field that value
// gives for row and series.
func rowsOfThree(rows int, value func(row, series int) any) []telegraf.Metric {
	var all []telegraf.Metric
	for r := range rows {
		for s := range 3 {
			all = append(all, newTestMetric("m", map[string]string{"id": string(rune('a' + s))}, map[string]any{"f": value(r, s)}, epoch+int64(r)*10e9))
		}
	}
	return all
}

func oneSeries(values ...any) []telegraf.Metric {
	var all []telegraf.Metric
	for i, v := range values {
		all = append(all, newTestMetric("m", nil, map[string]any{"f": v}, epoch+int64(i)*60e9))
	}
	return all
}

// vectorCases are the metrics of the test vectors. sequence is that of the case
// in the list unless the name says otherwise.
func vectorCases() []vector {
	lp := func(name string, lines ...string) vector {
		return vector{Name: name, LineProtocol: strings.Join(lines, "\n") + "\n"}
	}
	of := func(name string, metrics []telegraf.Metric) vector {
		v := vector{Name: name}
		for _, m := range metrics {
			v.Metrics = append(v.Metrics, toVector(m))
		}
		return v
	}
	chaos := func(i int) int64 { return int64(uint64(i+1) * 0x9e3779b97f4a7c15 >> 1) }
	return []vector{
		lp("one integer", "m f=1i 1767225600000000000"),
		lp("a temperature", "temp,host=gw-17,sensor=cpu_thermal temp=48.2 1767225660000000000"),
		lp("every type", `m,a=b b=true,f=1.5,i=-7i,s="text",u=7u 1767225660000000001`),
		lp("sequence number 4095", "m f=2i 1767225600000000000"),
		lp("two intervals of a host",
			"cpu,cpu=cpu0,host=gw usage_idle=97.1,usage_system=1.2,usage_user=1.7 1780000000000000000",
			"cpu,cpu=cpu1,host=gw usage_idle=88.9,usage_system=4.4,usage_user=6.7 1780000000000000000",
			"mem,host=gw available=412368896i,total=1038663680i,used_percent=60.3 1780000000000000000",
			`system,host=gw load1=0.07,uptime=86400i,uptime_format="1 day,  0:00" 1780000000000000000`,
			"cpu,cpu=cpu0,host=gw usage_idle=96.6,usage_system=1.5,usage_user=1.9 1780000010000000000",
			"cpu,cpu=cpu1,host=gw usage_idle=90.2,usage_system=3.8,usage_user=6 1780000010000000000",
			"mem,host=gw available=412364800i,total=1038663680i,used_percent=60.3 1780000010000000000",
			`system,host=gw load1=0.06,uptime=86410i,uptime_format="1 day,  0:00" 1780000010000000000`),
		lp("tags that not all series have", "m,a=1,b=2 f=1i 0", "m,a=1 f=2i 0", "m f=3i 0", "m,b=2,c=3 f=4i 0", "m,a=1 f=5i 0"),
		lp("fields that not all metrics have", "m a=1i,b=2i 0", "m a=2i 0", "m b=4i,c=true 0", "m a=4i 0", "m a=5i,b=6i 0"),
		lp("one field with three types", "m f=1i 0", "m f=1.5 0", `m f="x" 0`, "m f=2i 0"),
		lp("series in no order", "m,s=a f=1i 10", "m,s=b f=10i 10", "m,s=a f=2i 20", "m,s=a f=3i 30", "m,s=c f=100i 30", "m,s=b f=11i 40", "m,s=c f=101i 40", "m,s=a f=4i 50"),
		lp("numbered series", "m,t=truck-007 f=1i 0", "m,t=truck-008 f=1i 0", "m,t=truck-010 f=1i 0", "m,t=truck-1234 f=2i 0"),
		lp("a serial number", "m,imei=356938035643809 f=1i 0"),
		lp("strings that come again", `m s="on" 0`, `m s="off" 1`, `m s="on" 2`, `m s="on" 3`, `m s="off" 4`, `m s="error" 5`),
		lp("a string for all", `m s="v1.2" 0`, `m s="v1.2" 1`, `m s="v1.2" 2`),
		of("strange strings", oneSeries("", "\n", `"`, `\`, "\x00", "\x01", "a\x00b\x01c", "é漢😀")),
		of("an empty tag, field and value", []telegraf.Metric{newTestMetric("m", map[string]string{"": "", "t": ""}, map[string]any{"": ""}, 0)}),
		of("floats of few decimals", oneSeries(21.5, 21.5, 21.75, 21.25, -3.0, 0.0)),
		of("floats of many decimals", oneSeries(52.520008, 52.520111, 52.520302, 52.520499)),
		of("floats from a scale", oneSeries(3*negativePowers[1], 6*negativePowers[1], 7*negativePowers[1], 12*negativePowers[1])),
		of("floats that do not change", rowsOfThree(3, func(_, s int) any { return 230.1 + float64(s) })),
		of("floats with exceptions", oneSeries(1.5, 2.5, math.NaN(), 3.5, 3.25, math.Inf(1), 4.5, 4.75)),
		of("raw floats", oneSeries(math.Pi, math.Pi, math.E, math.Inf(-1), math.NaN(), math.Copysign(0, -1), 0.0, math.SmallestNonzeroFloat64, math.MaxFloat64)),
		of("raw floats of three series", rowsOfThree(4, func(r, s int) any {
			return math.Float64frombits(math.Float64bits(math.Pi*float64(s+1)) + uint64(r))
		})),
		of("integers near those of the series", rowsOfThree(5, func(r, s int) any { return int64(r%2) + chaos(s)>>30 })),
		of("integers that grow steadily", rowsOfThree(6, func(r, s int) any { return int64(r)*chaos(s)>>20 + chaos(s)>>8 })),
		of("integers in steps between series", rowsOfThree(6, func(r, s int) any { return chaos(r)>>20 + int64(s)*1000003 })),
		of("multiples of 4096", rowsOfThree(3, func(r, s int) any { return chaos(3*r+s) >> 30 << 12 })),
		of("constant integers", rowsOfThree(3, func(int, int) any { return int64(-77) })),
		of("extreme integers", oneSeries(int64(math.MinInt64), int64(math.MaxInt64), int64(0), int64(-1), int64(math.MinInt64))),
		of("extreme unsigned integers", oneSeries(uint64(math.MaxUint64), uint64(0), uint64(1)<<63, uint64(math.MaxUint64))),
		of("booleans", rowsOfThree(4, func(r, s int) any { return (r+s)%3 == 0 })),
		of("booleans that stay", rowsOfThree(6, func(r, s int) any { return s != 1 == (r < 4) })),
		of("extreme times", []telegraf.Metric{
			newTestMetric("m", nil, map[string]any{"f": true}, math.MinInt64), newTestMetric("m", nil, map[string]any{"f": true}, math.MaxInt64),
			newTestMetric("m", nil, map[string]any{"f": true}, 0),
		}),
		of("times in hundreds of seconds", []telegraf.Metric{
			newTestMetric("m", nil, map[string]any{"f": false}, epoch-100e9), newTestMetric("m", nil, map[string]any{"f": false}, epoch+300e9),
		}),
		of("noise that does not compress", []telegraf.Metric{newTestMetric("\x02\x03", nil, map[string]any{"\x04": chaos(1), "\x05": chaos(2), "\x06": chaos(3)}, chaos(4))}),
		of("shares of other columns", shareMetrics()),
		of("quotients", quotientMetrics()),
	}
}

// TestVectors holds the format still. What the vectors say must be read for
// ever; an encoder that learns to write less may write other vectors.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	data, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	cases := vectorCases()
	count := 0
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); count++ {
		var v vector
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v))
		require.Less(t, count, len(cases))
		require.Equal(t, cases[count].Name, v.Name)
		t.Run(v.Name, func(t *testing.T) {
			var metrics []telegraf.Metric
			for _, m := range v.Metrics {
				metrics = append(metrics, m.metric(t))
			}
			if v.LineProtocol != "" {
				parsed, err := corpus.Parse(v.LineProtocol)
				require.NoError(t, err)
				require.Empty(t, difference(parsed, metrics))
			}
			text, err := Encode(metrics, v.Sequence)
			require.NoError(t, err)
			require.Equal(t, v.Payload, string(text))
			sms, err := EncodeSMS(metrics, v.Sequence)
			require.NoError(t, err)
			require.Equal(t, v.SMS, string(sms))
			require.Equal(t, v.Content, hex.EncodeToString(contentOf(t, metrics)))

			for _, text := range []string{v.Payload, v.SMS} {
				b, err := Decode(text)
				require.NoError(t, err)
				require.Equal(t, v.Sequence, b.Sequence)
				require.Equal(t, v.Checksum, fmt.Sprintf("%06x", b.Checksum))
				require.Empty(t, difference(metrics, b.Metrics))
			}
		})
	}
	require.Equal(t, len(cases), count)
}

func writeVectors(t *testing.T) {
	t.Helper()
	var file bytes.Buffer
	out := json.NewEncoder(&file)
	out.SetEscapeHTML(false)
	for i, v := range vectorCases() {
		v.Sequence = Sequence(i)
		if n, ok := strings.CutPrefix(v.Name, "sequence number "); ok {
			s, err := strconv.Atoi(n)
			require.NoError(t, err)
			v.Sequence = Sequence(s)
		}
		var metrics []telegraf.Metric
		if v.LineProtocol != "" {
			var err error
			metrics, err = corpus.Parse(v.LineProtocol)
			require.NoError(t, err)
			for _, m := range metrics {
				v.Metrics = append(v.Metrics, toVector(m))
			}
		} else {
			for _, m := range v.Metrics {
				metrics = append(metrics, m.metric(t))
			}
		}
		text, err := Encode(metrics, v.Sequence)
		require.NoError(t, err)
		b, err := Decode(string(text))
		require.NoError(t, err)
		data, err := appendBytes(nil, string(text[1:]))
		require.NoError(t, err)
		f, err := parseFrame(data)
		require.NoError(t, err)
		v.Dictionary = int(f.method)
		v.Checksum = fmt.Sprintf("%06x", b.Checksum)
		v.Content = hex.EncodeToString(contentOf(t, metrics))
		v.Payload = string(text)
		v.SMS = string(appendSMSText([]byte{VersionSMS}, data))
		require.NoError(t, out.Encode(v))
	}
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	require.NoError(t, os.WriteFile(vectorsFile, file.Bytes(), 0o600))
}

// The specification and the code give the same numbers.
func TestSpecification(t *testing.T) {
	spec, err := os.ReadFile("../../docs/payload.md")
	require.NoError(t, err)
	data, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	for line := range bytes.Lines(data) {
		var v vector
		require.NoError(t, json.Unmarshal(line, &v))
		if v.Name == "every type" {
			for _, text := range []string{v.Payload, v.SMS} {
				if !bytes.Contains(spec, []byte("    "+text+"\n")) {
					t.Errorf("the example is not %s", text)
				}
			}
		}
	}
	for text, number := range map[string]int{
		"| 0..23 | int":      kindInt,
		"| 24..47 | uint":    kindUint,
		"| 48..95 | float":   kindDecimal,
		"| 96..107 | float":  kindDecimalParam,
		"| 108..110 | float": kindRaw,
		"| 111..113 | float": kindShare,
		"| 114 | float":      kindQuotient,
		"| 115 | bool":       kindFalse,
		"| 116 | bool":       kindTrue,
		"| 117 | bool":       kindBits,
		"| 118 | bool":       kindBitsSeries,
		"| 119..122 | str":   kindString,
		"| 123..255 | ":      kinds,
	} {
		require.Contains(t, string(spec), "\n"+text)
		require.True(t, strings.HasPrefix(text, fmt.Sprintf("| %d", number)), "%s: %d", text, number)
	}
	for text, number := range map[string]int{
		"bytes of content | 2,097,152":                     MaxContent,
		"\n| metrics | 65,536":                             MaxMetrics,
		"tag values and field values of all metrics | 262": MaxValues,
		"over all metrics | 16,777,216":                    MaxText,
	} {
		require.Contains(t, string(spec), text)
		digits := strings.ReplaceAll(text[strings.LastIndex(text, "| ")+2:], ",", "")
		require.True(t, strings.HasPrefix(strconv.Itoa(number), digits), "%s: %d", text, number)
	}
}

// shareMetrics are of a disk, a memory and a counter that say how full they are.
func shareMetrics() []telegraf.Metric {
	var all []telegraf.Metric
	for i := range 4 {
		used, free := int64(16775118848+i*12288), int64(81018175488-i*12288)
		all = append(all,
			newTestMetric("disk", map[string]string{"path": "/"}, map[string]any{
				"used": used, "free": free, "used_percent": float64(used) / (float64(used) + float64(free)) * 100,
			}, epoch+int64(i)*1e10),
			newTestMetric("mem", nil, map[string]any{
				"used": used, "total": int64(25276502016), "used_percent": 100 * float64(used) / 25276502016,
			}, epoch+int64(i)*1e10),
			newTestMetric("pool", nil, map[string]any{
				"free": uint64(i + 1), "total": uint64(7), "percent": float64(i+1) / 7 * 100,
			}, epoch+int64(i)*1e10),
		)
	}
	return all
}

// quotientMetrics are of two processors that count ticks.
func quotientMetrics() []telegraf.Metric {
	var all []telegraf.Metric
	for i := range 4 {
		for cpu := range 2 {
			total := 993 + 7*i + cpu
			idle, user := total-82-9*i-cpu, 61+5*i+cpu
			share := func(ticks int) float64 { return 100 * (float64(ticks+5000)/100 - 50) / (float64(total) / 100) }
			all = append(all, newTestMetric("cpu", map[string]string{"cpu": "cpu" + strconv.Itoa(cpu)}, map[string]any{
				"usage_idle": share(idle), "usage_user": share(user), "usage_system": share(total - idle - user), "usage_irq": 0.0,
			}, epoch+int64(i)*1e10))
		}
	}
	return all
}

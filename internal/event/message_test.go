package event

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
)

func TestMessages(t *testing.T) {
	at := time.Date(2016, 9, 27, 18, 53, 9, 302915000, time.UTC)
	whole := at.Truncate(time.Second)
	for _, tt := range []struct {
		name, body string
		want       []Message
		err        string
	}{
		{"new shape", `{"received":"2016-09-27T18:53:09.302915","tags":["a","_DEVICE_1_"],"device":{"id":1,"name":"x"},"source":7,"data":"aGk="}`,
			[]Message{{DeviceID: "1", DeviceName: "x", Received: at, Topics: []string{"a", "_DEVICE_1_"}, Data: []byte("hi")}}, ""},
		{"flat shape, base64 without its end", ` {"received":"2016-09-27 18:53:09+00:00","tags":"a, b","device_id":"1","device_name":"x","data":"aGk"}`,
			[]Message{{DeviceID: "1", DeviceName: "x", Received: whole, Topics: []string{"a", "b"}, Data: []byte("hi")}}, ""},
		{"a time that is none", `{"received":"soon","data":""}`, []Message{{Data: []byte{}}}, ""},
		{"SMS", `{"body":"aGk=","received":"2016-09-27 18:53:09","id":1}`, []Message{{Received: whole, SMS: true, Data: []byte("hi")}}, ""},
		{"SMS in data", `{"tags":["_SMS_DO_"],"data":"` + base64.StdEncoding.EncodeToString([]byte(`{"body":"aGk="}`)) + `"}`,
			[]Message{{Topics: []string{"_SMS_DO_"}, SMS: true, Data: []byte("hi")}}, ""},
		{"not an SMS", `{"tags":["a"],"data":"` + base64.StdEncoding.EncodeToString([]byte(`{"body":"aGk="}`)) + `"}`,
			[]Message{{Topics: []string{"a"}, Data: []byte(`{"body":"aGk="}`)}}, ""},
		{"item", `{"logged":"2016-09-27 18:53:09","deviceid":1,"record_id":"r","tags":["a"],"data":"{\"data\":\"aGk=\"}"}`,
			[]Message{{RecordID: "r", DeviceID: "1", Received: whole, Topics: []string{"a"}, Data: []byte("hi")}}, ""},
		{"list", `[{"data":"aGk="},{"data":1},3,{"data":"YQ=="}]`, []Message{{Data: []byte("hi")}, {Data: []byte("a")}},
			`item 2: data is not a text; a template must have "<<data>>", which is base64 (2 of 4 items cannot be read)`},
		{"answer", `{"success":true,"data":[{"data":"aGk="}]}`, []Message{{Data: []byte("hi")}}, ""},
		{"a device that is a text", `{"device":"x","data":"aGk="}`, nil, "reading JSON: member device is no struct"},
		{"nothing", `{"a":1}`, nil, ErrNoMessage.Error()},
		{"null", `{"data":null}`, nil, ErrNoMessage.Error()},
		{"no base64", `{"data":"?"}`, nil, "reading data as base64: illegal base64 data at input byte 0"},
		{"event in event", `{"data":"{\"data\":\"{}\"}"}`, nil, "an event in an event in data"},
		{"too many", `[` + strings.Repeat(`{},`, MaxItems) + `{}]`, nil, "a list of more than 10000 items"},
		{"no JSON", `{"data":"classified`, nil, "reading JSON: unexpected end of JSON input"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Messages([]byte(tt.body))
			if tt.err == "" {
				require.NoError(t, err)
			} else if tt.name == "a device that is a text" {
				require.ErrorContains(t, err, "reading JSON: member device is no ")
			} else {
				require.EqualError(t, err, tt.err)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func printed(t *testing.T, metrics []telegraf.Metric) string {
	t.Helper()
	var lines []string
	for _, m := range metrics {
		line, err := metric.AppendLine(nil, m)
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}

func TestDecodeData(t *testing.T) {
	received := time.Unix(1700000000, 5)
	all := func(string) bool { return true }
	compact := payloadOf(t, "cpu,host=a v=1 1600000000000000000")
	for _, tt := range []struct {
		name    string
		decoder Decoder
		data    string
		want    string
		err     string
	}{
		{"compact", Decoder{}, compact, "cpu,host=a v=1 1600000000000000000", ""},
		{"damaged", Decoder{}, compact[:len(compact)-1] + "~", `hologram_message text="` + compact[:len(compact)-1] + `~",error="no compact payload: `, "no compact payload: "},
		{"line protocol", Decoder{}, "a v=1\nb v=2 3", "a v=1 1700000000000000005\nb v=2 3", ""},
		{"a newline in a text", Decoder{}, "a v=\"1\n2\" 3", "a v=\"1\n2\" 3", ""},
		{"a part is none", Decoder{Measurement: "m"}, "a v=1 1\nnone\nc v=3 3", "a v=1 1\nc v=3 3\nm text=\"none\",error=\"a line is no line protocol\" 1700000000000000005", "a line is no line protocol"},
		{"text", Decoder{}, "one two\nthree", "hologram_message text=\"one two\nthree\" 1700000000000000005", ""},
		{"bytes", Decoder{}, "\xff\x00", `hologram_message data="/wA=" 1700000000000000005`, ""},
		{"JSON", Decoder{}, ` {"b":{"c":[1,{"d":2.5}]},"a":1e3,"s":"x","t":true,"n":null}`, "hologram_message a=1000,b_c_0=1,b_c_1_d=2.5 1700000000000000005", ""},
		{"JSON with texts", Decoder{StringFields: all}, `{"s":"x","t":true}`, `hologram_message s="x",t=true 1700000000000000005`, ""},
		{"JSON with tags", Decoder{TagKeys: func(s string) bool { return s != "v" }}, `{"s":"x","t":true,"n":1.5,"v":1}`, `hologram_message,n=1.5,s=x,t=true v=1 1700000000000000005`, ""},
		{"JSON with a name and a time", Decoder{NameKey: "n", TimeKey: "t", TimeFormat: "unix_ms"}, `{"n":"x","t":1600000000123,"v":1}`, `x v=1 1600000000123000000`, ""},
		{"JSON with a fraction of a second", Decoder{TimeKey: "t", TimeFormat: "unix"}, `{"t":1600000000.25,"v":1}`, `hologram_message v=1 1600000000250000000`, ""},
		{"JSON with nanoseconds as text", Decoder{TimeKey: "t", TimeFormat: "unix_ns"}, `{"t":"1600000000123456789","v":1}`, `hologram_message v=1 1600000000123456789`, ""},
		{"JSON with a layout", Decoder{TimeKey: "t", TimeFormat: time.RFC3339}, `{"t":"2020-09-13T12:26:40Z","v":1}`, `hologram_message v=1 1600000000000000000`, ""},
		{"JSON with a wrong time", Decoder{TimeKey: "t", TimeFormat: "unix"}, `{"t":"now","v":1}`, `hologram_message text="{\"t\":\"now\",\"v\":1}",error="` + errTime.Error() + `" 1700000000000000005`, errTime.Error()},
		{"JSON of texts only", Decoder{}, `{"s":"x"}`, `hologram_message text="{\"s\":\"x\"}" 1700000000000000005`, ""},
		{"JSON of Telegraf", Decoder{}, `{"metrics":[{"name":"a","tags":{"h":"x"},"fields":{"v":1,"s":"t"},"timestamp":1600000000}]}`, `a,h=x s="t",v=1 1600000000000000000`, ""},
		{"JSON that only looks like it", Decoder{}, `{"metrics":[{"v":1}]}`, `hologram_message metrics_0_v=1 1700000000000000005`, ""},
		{"list", Decoder{}, `[{"v":1},{"v":2}]`, "hologram_message v=1 1700000000000000005\nhologram_message v=2 1700000000000000006", ""},
		{"list of numbers", Decoder{}, `[1,2]`, `hologram_message text="[1,2]" 1700000000000000005`, ""},
		{"deep JSON", Decoder{}, strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), `hologram_message text="`, errBeyond.Error()},
		{"broken JSON", Decoder{}, `{"a":`, `hologram_message text="{\"a\":" 1700000000000000005`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.decoder.Decode(&Message{Received: received, Data: []byte(tt.data)}, time.Now())
			if tt.err == "" {
				require.NoError(t, got.Err)
				require.Equal(t, tt.want, printed(t, got.Metrics))
			} else {
				require.ErrorContains(t, got.Err, tt.err)
				require.True(t, strings.HasPrefix(printed(t, got.Metrics), tt.want), printed(t, got.Metrics))
			}
			require.Equal(t, tt.name == "compact", got.Payload != nil)
		})
	}
}

// Two texts of one second have different times, and a text that comes twice has the same.
func TestApart(t *testing.T) {
	var d Decoder
	at := func(text string) time.Time {
		return d.Decode(&Message{Received: time.Unix(1700000000, 0), Data: []byte(text)}, time.Now()).Metrics[0].Time()
	}
	require.NotEqual(t, at("one more"), at("one less"))
	twice := at("one more")
	require.Equal(t, twice, at("one more"))
	require.Equal(t, int64(1700000000000), at("one more").UnixMilli())
}

func TestCheckTimeFormat(t *testing.T) {
	for format, want := range map[string]bool{"unix": true, "unix_ns": true, time.RFC3339: true, "15:04": true, "iso": false, "": false, "unix_s": false} {
		require.Equal(t, want, CheckTimeFormat(format), format)
	}
}

func payloadOf(t testing.TB, lines string) string {
	t.Helper()
	var metrics []telegraf.Metric
	for line := range strings.Lines(lines) {
		m, err := execd.ParseRecord([]byte(strings.TrimSpace(line)), time.Now())
		require.NoError(t, err)
		metrics = append(metrics, m)
	}
	text, err := payload.Encode(metrics, 1)
	require.NoError(t, err)
	return string(text)
}

// FuzzMessages shows that no body does harm: messages have data, and all data becomes metrics that can be written.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"received":"2016-09-27T18:53:09.302915","tags":["a"],"device":{"id":1,"name":"x"},"data":"aGk="}`))
	f.Add([]byte(`{"success":true,"data":[{"logged":"2016-09-27 18:53:09","deviceid":1,"record_id":"r","data":"{\"data\":\"aGk=\"}"}]}`))
	f.Add([]byte(`{"body":"aGk=","tags":["_SMS_"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Messages(body)
		if err == nil && len(got) == 0 && json.Valid(body) {
			require.Contains(t, string(body), "[")
		}
		if len(got) > MaxItems {
			t.Fatal("too many")
		}
	})
}

// FuzzData shows that all data becomes metrics that can be written, and that none is lost.
func FuzzData(f *testing.F) {
	for _, s := range []string{"a v=1", `{"a":[1,{"b":"x"}],"t":1}`, `[{"v":1}]`, "text", "\xff", payloadOf(f, "cpu,host=a v=1 1600000000000000000"), `{"metrics":[{"name":"a","fields":{"v":1},"timestamp":1}]}`} {
		f.Add([]byte(s))
	}
	d := Decoder{StringFields: func(s string) bool { return len(s)%2 == 0 }, TagKeys: func(s string) bool { return len(s) == 3 }, NameKey: "n", TimeKey: "t", TimeFormat: "unix"}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := d.Decode(&Message{Data: data, Received: time.Unix(1700000000, 0)}, time.Now())
		require.NotEmpty(t, got.Metrics)
		if got.Payload != nil {
			return // package payload has tests of its own
		}
		for _, m := range got.Metrics {
			_, _ = metric.AppendLine(nil, m) // a name or a field may be empty
		}
	})
}

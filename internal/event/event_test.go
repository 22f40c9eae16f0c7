package event_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm/gsm7"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

var update = flag.Bool("update", false, "write the expected outcomes in testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines returns metrics as line protocol.
func lines(t testing.TB, metrics []telegraf.Metric) string {
	t.Helper()
	s := &influx.Serializer{UintSupport: true, SortFields: true}
	require.NoError(t, s.Init())
	b, err := s.SerializeBatch(metrics)
	require.NoError(t, err)
	return string(b)
}

// TestDecode decodes each testdata/NAME.in. What comes of it is in NAME.want: the
// metrics as line protocol and then, after "error: ", the error if there is one.
func TestDecode(t *testing.T) {
	files, err := filepath.Glob("testdata/*.in")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".in")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			e, err := event.Decode(string(text))
			got := lines(t, e.Metrics)
			if err != nil {
				got += "error: " + err.Error() + "\n"
			}
			require.Equal(t, strings.HasPrefix(name, "wrong_"), len(e.Metrics) == 0 && err != nil)

			expected := strings.TrimSuffix(file, ".in") + ".want"
			if *update {
				require.NoError(t, os.WriteFile(expected, []byte(got), 0o600))
			}
			want, err := os.ReadFile(expected)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// batch is what a device sends in the tests that make their own texts.
func batch() []telegraf.Metric {
	at := time.Unix(0, 1800000000123456789)
	return []telegraf.Metric{
		metric.New("cpu", map[string]string{"host": "gw"}, map[string]any{"usage": 98.5}, at),
		metric.New("mem", map[string]string{"host": "gw"}, map[string]any{"free": int64(-1), "all": uint64(math.MaxUint64)}, at.Add(1)),
		metric.New("text", nil, map[string]any{"s": "two\nlines, \"quoted\" \\ ä€𝄞", "b": true}, at.Add(2)),
	}
}

// A compact payload is read alone and in everything that may be around it.
func TestDecodeCompact(t *testing.T) {
	metrics := batch()
	text, err := payload.Encode(metrics, 17)
	require.NoError(t, err)
	want := lines(t, metrics)

	quoted := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return string(b)
	}
	credentials := socketapi.Credentials{DeviceKey: `nE"N%q\_`}
	source := socketapi.Credentials{SourceID: "ABCD", SourceKey: "WXYZ"}
	message := socketapi.Message{Data: string(text), Topics: []string{"cpu", "mem"}}
	short, err := socketapi.AppendMessage(nil, credentials, socketapi.ShortNames, message)
	require.NoError(t, err)
	full, err := socketapi.AppendMessage(nil, credentials, socketapi.FullNames, message)
	require.NoError(t, err)
	shortSource, err := socketapi.AppendMessage(nil, source, socketapi.ShortNames, message)
	require.NoError(t, err)
	fullSource, err := socketapi.AppendMessage(nil, source, socketapi.FullNames, message)
	require.NoError(t, err)
	one := quoted(map[string]any{"data": text, "received": "2027-01-15T08:00:00", "errorcode": 0}) // []byte is base64 in JSON
	item := quoted(map[string]any{"id": 1, "data": one})
	sms, err := socketapi.AppendSMS(nil, credentials, socketapi.SMS{To: "+15125550100", Text: string(text)})
	require.NoError(t, err)

	forSMS, err := payload.EncodeSMS(metrics, 17)
	require.NoError(t, err)
	forSMSMessage, err := socketapi.AppendMessage(nil, credentials, socketapi.ShortNames, socketapi.Message{Data: string(forSMS)})
	require.NoError(t, err)
	forSMSSocket, err := socketapi.AppendSMS(nil, credentials, socketapi.SMS{To: "+15125550100", Text: string(forSMS)})
	require.NoError(t, err)

	for name, text := range map[string]string{
		"payload":              string(text),
		"message":              string(short),
		"message, full names":  string(full),
		"message, source":      string(shortSource),
		"message, full source": string(fullSource),
		"event":                one,
		"SMS event":            quoted(map[string]any{"body": text}),
		"item":                 item,
		"list of items":        `{"success":true,"data":[` + item + `]}`,
		"array of items":       `[` + item + `]`,
		"SMS":                  strings.TrimRight(string(sms), "\n"),

		"for SMS":                      string(forSMS),
		"for SMS, message":             string(forSMSMessage),
		"for SMS, event":               quoted(map[string]any{"body": forSMS}),
		"for SMS, event with a tail":   quoted(map[string]any{"body": []byte(string(forSMS) + " \r\n")}),
		"for SMS, item of the log":     quoted(map[string]any{"id": 1, "data": quoted(map[string]any{"body": forSMS})}),
		"for SMS, through the sockets": strings.TrimRight(string(forSMSSocket), "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			e, err := event.Decode(text)
			require.NoError(t, err)
			require.Equal(t, want, lines(t, e.Metrics))
			require.NotNil(t, e.Payload)
			require.Equal(t, payload.Sequence(17), e.Payload.Sequence)
		})
	}
	t.Run("two items", func(t *testing.T) {
		e, err := event.Decode("[" + item + "," + item + "]")
		require.NoError(t, err)
		require.Equal(t, want+want, lines(t, e.Metrics))
		require.Nil(t, e.Payload)
	})
	t.Run("damaged", func(t *testing.T) {
		damaged := []byte(string(text))
		damaged[len(damaged)/2]++
		e, err := event.Decode(string(damaged))
		require.ErrorContains(t, err, "reading a compact payload: ")
		require.Empty(t, e.Metrics)
	})
}

// A phone, and a modem in its GSM alphabet, read a payload for SMS as it is: a
// septet for a character, with its ASCII code.
func TestSMSAlphabet(t *testing.T) {
	text, err := payload.EncodeSMS(batch(), 17)
	require.NoError(t, err)
	var d gsm7.Decoder
	d.Add(text, gsm7.Default, gsm7.Default)
	require.Equal(t, string(text), d.Text())
	for c := range byte(0x80) {
		var one gsm7.Decoder
		one.Add([]byte{c}, gsm7.Default, gsm7.Default)
		_, err := payload.Decode(string([]byte{payload.VersionSMS, c, '!'}))
		if digit := !strings.Contains(err.Error(), "alphabet"); digit {
			require.Equal(t, string(rune(c)), one.Text())
		}
	}
}

// What the emulated cloud logs is read back, in both of its shapes.
func TestDecodeEmulatorLog(t *testing.T) {
	metrics := batch()
	want := lines(t, metrics)
	compact, err := payload.Encode(metrics, 1)
	require.NoError(t, err)

	for _, flat := range []bool{false, true} {
		t.Run(map[bool]string{false: "nested", true: "flat"}[flat], func(t *testing.T) {
			cloud, err := emulator.Start(t.Context(), emulator.Config{})
			require.NoError(t, err)
			defer func() { require.NoError(t, cloud.Close()) }()
			client := &socketapi.Client{Address: cloud.Addr().String(), Credentials: socketapi.Credentials{DeviceKey: "ABCDWXYZ"}}
			defer func() { require.NoError(t, client.Close()) }()
			for _, data := range []string{string(compact), strings.TrimSuffix(want, "\n")} {
				_, err = client.Send(t.Context(), socketapi.Message{Data: data, Topics: []string{"cpu"}})
				require.NoError(t, err)
			}
			_, err = client.SendSMS(t.Context(), socketapi.SMS{To: "+15125550100", Text: "door open=true 1800000000000000000"})
			require.NoError(t, err)

			file := filepath.Join(t.TempDir(), "events.jsonl")
			log, err := emulator.OpenLog(file, flat)
			require.NoError(t, err)
			for _, e := range cloud.Events() {
				require.NoError(t, log.Write(e))
			}
			require.NoError(t, log.Close())

			text, err := os.ReadFile(file)
			require.NoError(t, err)
			logged := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			require.Len(t, logged, 3)
			for i, expected := range []string{want, want, "door open=true 1800000000000000000\n"} {
				e, err := event.Decode(logged[i])
				require.NoError(t, err)
				require.Equal(t, expected, lines(t, e.Metrics))
			}
		})
	}
}

// A record without a time gets the current one where nothing tells another.
func TestDecodeNow(t *testing.T) {
	before := time.Now()
	e, err := event.Decode("door open=true")
	require.NoError(t, err)
	require.Len(t, e.Metrics, 1)
	require.WithinRange(t, e.Metrics[0].Time(), before.Truncate(0), time.Now())
}

// A record that is too long is told, and its neighbours are read.
func TestDecodeLongRecord(t *testing.T) {
	long := `text s="` + strings.Repeat("x", execd.MaxRecord) + `" 1` + "\n"
	e, err := event.Decode("a v=1 1\n" + long + "b v=1 1")
	require.EqualError(t, err, "record 3: longer than 1048576 bytes")
	require.Equal(t, "a v=1 1\nb v=1 1\n", lines(t, e.Metrics))
}

// The unit of a time in JSON is told by its size.
func TestDecodeJSONTime(t *testing.T) {
	for text, want := range map[string]time.Time{
		"0":                    time.Unix(0, 0),
		"-1":                   time.Unix(-1, 0),
		"99999999999":          time.Unix(99999999999, 0), // the year 5138
		"-99999999999":         time.Unix(-99999999999, 0),
		"100000000000":         time.UnixMilli(100000000000), // March 1973
		"-100000000000":        time.UnixMilli(-100000000000),
		"99999999999999":       time.UnixMilli(99999999999999),
		"100000000000000":      time.UnixMicro(100000000000000),
		"99999999999999999":    time.UnixMicro(99999999999999999),
		"100000000000000000":   time.Unix(0, 100000000000000000),
		"1800000000123456789":  time.Unix(0, 1800000000123456789),
		"9223372036854775807":  time.Unix(0, math.MaxInt64),
		"-9223372036854775808": time.Unix(0, math.MinInt64),
	} {
		e, err := event.Decode(`{"name":"m","fields":{"v":1},"timestamp":` + text + `}`)
		require.NoError(t, err, text)
		require.True(t, want.Equal(e.Metrics[0].Time()), "%s is %s, want %s", text, e.Metrics[0].Time(), want)
	}
}

// FuzzDecode decodes anything: it must neither panic nor make more metrics than
// a payload may have of a short text.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.in")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
	}
	text, err := payload.Encode(batch(), 3)
	require.NoError(f, err)
	f.Add(string(text))
	quoted, err := json.Marshal(map[string]any{"data": text})
	require.NoError(f, err)
	f.Add(string(quoted))
	text, err = payload.EncodeSMS(batch(), 3)
	require.NoError(f, err)
	f.Add(string(text) + "\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := event.Decode(text)
		if len(e.Metrics) > payload.MaxMetrics*(1+len(text)/8) {
			t.Fatalf("%d metrics of %d bytes", len(e.Metrics), len(text))
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Fatalf("an error of %d bytes for a text of %d", len(err.Error()), len(text))
		}
	})
}

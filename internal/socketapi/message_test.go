package socketapi_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/socketapi"
)

var source = socketapi.Credentials{SourceID: "AB/D", SourceKey: `W"YZ`}

func TestAppendMessage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cred  socketapi.Credentials
		names socketapi.FieldNames
		msg   socketapi.Message
		want  string
	}{
		{"short", socketapi.Credentials{DeviceKey: "ABCDWXYZ"}, socketapi.ShortNames,
			socketapi.Message{Data: "hi", Topics: []string{"cpu"}}, `{"k":"ABCDWXYZ","d":"hi","t":"cpu"}`},
		{"full", socketapi.Credentials{DeviceKey: "ABCDWXYZ"}, socketapi.FullNames,
			socketapi.Message{Data: "hi", Topics: []string{"cpu"}}, `{"devicekey":"ABCDWXYZ","data":"hi","tags":"cpu"}`},
		{"source short", source, socketapi.ShortNames,
			socketapi.Message{Data: "hi", Topics: []string{"cpu"}}, `{"s":"AB/D","c":"W\"YZ","d":"hi","t":"cpu"}`},
		{"source full", source, socketapi.FullNames,
			socketapi.Message{Data: "hi", Topics: []string{"cpu"}}, `{"source":"AB/D","checksum":"W\"YZ","data":"hi","tags":"cpu"}`},
		{"several topics", cred, socketapi.ShortNames,
			socketapi.Message{Data: "x", Topics: []string{"cpu", "mem/a", "d-i_s"}}, `{"k":"k\"Y\\%$9z","d":"x","t":["cpu","mem/a","d-i_s"]}`},
		{"no topic", cred, socketapi.ShortNames, socketapi.Message{Data: "x"}, `{"k":"k\"Y\\%$9z","d":"x"}`},
		{"no data", socketapi.Credentials{DeviceKey: "ABCDWXYZ"}, socketapi.ShortNames,
			socketapi.Message{Topics: []string{}}, `{"k":"ABCDWXYZ","d":""}`},
		{"terminator in data", socketapi.Credentials{DeviceKey: "ABCDWXYZ"}, socketapi.ShortNames,
			socketapi.Message{Data: "a\n\nb\r\r\t\b\f\x00\x1f\x7f<>&\u2028é"}, `{"k":"ABCDWXYZ","d":"a\n\nb\r\r\t\b\f\u0000\u001f` + "\x7f<>&\u2028é" + `"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := socketapi.AppendMessage([]byte("before "), tt.cred, tt.names, tt.msg)
			require.NoError(t, err)
			require.Equal(t, "before "+tt.want+"\n\n", string(got))
			require.Equal(t, len(tt.want)+2, socketapi.MessageSize(tt.cred, tt.names, tt.msg))
			require.True(t, json.Valid([]byte(tt.want)))
		})
	}
}

// What is not escaped costs no more than itself.
func TestEscapedSizeOfPayloadAlphabet(t *testing.T) {
	var alphabet strings.Builder
	for c := byte(' '); c <= 0x7f; c++ {
		if c != '"' && c != '\\' {
			alphabet.WriteByte(c)
		}
	}
	s := alphabet.String()
	require.Len(t, s, 94)
	require.Equal(t, 94, socketapi.EscapedSize(s))
	got, err := socketapi.AppendMessage(nil, socketapi.Credentials{DeviceKey: "ABCDWXYZ"}, socketapi.ShortNames, socketapi.Message{Data: s})
	require.NoError(t, err)
	require.Len(t, got, 25+94)
}

// Any valid message is JSON that means what was put in, contains no newline
// but its two last bytes, and has the size that MessageSize says.
func TestAppendMessageMeansItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := func(n int) string {
			return rapid.StringOfN(rapid.RuneFrom(nil, visible), n, n, -1).Draw(t, "secret")
		}
		c := socketapi.Credentials{DeviceKey: secret(8)}
		if rapid.Bool().Draw(t, "source form") {
			c = socketapi.Credentials{SourceID: secret(4), SourceKey: secret(4)}
		}
		names := rapid.SampledFrom([]socketapi.FieldNames{socketapi.ShortNames, socketapi.FullNames}).Draw(t, "names")
		m := socketapi.Message{
			Data:   rapid.String().Draw(t, "data"),
			Topics: rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9/-][a-zA-Z0-9/_-]{0,30}`), 0, 4).Draw(t, "topics"),
		}
		got, err := socketapi.AppendMessage(nil, c, names, m)
		require.NoError(t, err)
		require.Len(t, got, socketapi.MessageSize(c, names, m))
		body, ended := strings.CutSuffix(string(got), "\n\n")
		require.True(t, ended)
		require.NotContains(t, body, "\n")
		require.NotContains(t, body, "\r")

		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &fields))
		name := func(short, full string) string {
			if names == socketapi.FullNames {
				return full
			}
			return short
		}
		want := map[string]any{name("d", "data"): m.Data}
		if c.DeviceKey != "" {
			want[name("k", "devicekey")] = c.DeviceKey
		} else {
			want[name("s", "source")], want[name("c", "checksum")] = c.SourceID, c.SourceKey
		}
		switch len(m.Topics) {
		case 0:
		case 1:
			want[name("t", "tags")] = m.Topics[0]
		default:
			var topics []any
			for _, s := range m.Topics {
				topics = append(topics, s)
			}
			want[name("t", "tags")] = topics
		}
		require.Equal(t, want, fields)
	})
}

func TestAppendMessageRefuses(t *testing.T) {
	good := socketapi.Credentials{DeviceKey: key}
	for _, tt := range []struct {
		name string
		cred socketapi.Credentials
		msg  socketapi.Message
		want string
	}{
		{"no credentials", socketapi.Credentials{}, socketapi.Message{}, "no credentials"},
		{"both forms", socketapi.Credentials{DeviceKey: key, SourceID: "ABCD"}, socketapi.Message{}, "only one form"},
		{"short key", socketapi.Credentials{DeviceKey: key[:7]}, socketapi.Message{}, "device key has 7 bytes, must have exactly 8"},
		{"long key", socketapi.Credentials{DeviceKey: key + "x"}, socketapi.Message{}, "device key has 9 bytes"},
		{"space in key", socketapi.Credentials{DeviceKey: "abc defg"}, socketapi.Message{}, "device key: character 4 is a space"},
		{"newline in key", socketapi.Credentials{DeviceKey: "abcdefg\n"}, socketapi.Message{}, "device key: character 8"},
		{"DEL in key", socketapi.Credentials{DeviceKey: "abcdefg\x7f"}, socketapi.Message{}, "device key: character 8"},
		{"key beyond ASCII", socketapi.Credentials{DeviceKey: "abcdefé"}, socketapi.Message{}, "device key: character 7"},
		{"source ID alone", socketapi.Credentials{SourceID: "ABCD"}, socketapi.Message{}, "source key has 0 bytes"},
		{"long source ID", socketapi.Credentials{SourceID: "ABCDE", SourceKey: "ABCD"}, socketapi.Message{}, "source ID has 5 bytes"},
		{"topic", good, socketapi.Message{Topics: []string{"ok", "a b"}}, `topic "a b"`},
		{"data", good, socketapi.Message{Data: "secret text\xff"}, "data is not valid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := socketapi.AppendMessage([]byte("x"), tt.cred, socketapi.ShortNames, tt.msg)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "secret text")
			require.NotContains(t, err.Error(), key[:7])
			require.Equal(t, "x", string(got))
		})
	}
}

func TestValidTopic(t *testing.T) {
	for _, s := range []string{"a", "cpu", "9", "-", "/", "a_b/c-D9", strings.Repeat("x", socketapi.MaxTopicLen)} {
		require.NoError(t, socketapi.ValidTopic(s), s)
	}
	for _, s := range []string{"", "_a", "_", "a b", "a.b", "é", "a\n", `a"`, "a\x00", strings.Repeat("x", socketapi.MaxTopicLen+1)} {
		require.Error(t, socketapi.ValidTopic(s), s)
	}
}

func TestAppendSMS(t *testing.T) {
	for _, tt := range []struct {
		name string
		cred socketapi.Credentials
		text string
		want string
	}{
		{"device key is not escaped", cred, "secret text", `Sk"Y\%$9z+15125551212 secret text`},
		{"source", source, "hi", `SAB/DW"YZ+15125551212 hi`},
		{"one newline stays", cred, "a\nb", `Sk"Y\%$9z+15125551212 a` + "\nb"},
		{"newlines collapse", cred, "a\n\nb\r\rc\r\n\r\nd\re", `Sk"Y\%$9z+15125551212 a` + "\nb\nc\nd\ne"},
		{"newlines at the ends go", cred, "\n\ra\n", `Sk"Y\%$9z+15125551212 a`},
		{"UTF-8", cred, "grüße €", `Sk"Y\%$9z+15125551212 grüße €`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := socketapi.AppendSMS([]byte("x"), tt.cred, socketapi.SMS{To: "+15125551212", Text: tt.text})
			require.NoError(t, err)
			require.Equal(t, "x"+tt.want+"\n\n", string(got))
		})
	}
}

func TestAppendSMSRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		cred socketapi.Credentials
		sms  socketapi.SMS
		want string
	}{
		{"credentials", socketapi.Credentials{}, socketapi.SMS{To: "+15125551212", Text: "x"}, "no credentials"},
		{"no number", cred, socketapi.SMS{Text: "x"}, "must begin with '+'"},
		{"no plus", cred, socketapi.SMS{To: "15125551212", Text: "x"}, "must begin with '+'"},
		{"short", cred, socketapi.SMS{To: "+123456", Text: "x"}, "6 characters after '+'"},
		{"long", cred, socketapi.SMS{To: "+1234567890123456", Text: "x"}, "16 characters after '+'"},
		{"letters", cred, socketapi.SMS{To: "+1512555121x", Text: "x"}, "only digits"},
		{"space", cred, socketapi.SMS{To: "+1 512 555", Text: "x"}, "only digits"},
		{"no country", cred, socketapi.SMS{To: "+0512555121", Text: "x"}, "no country code"},
		{"no text", cred, socketapi.SMS{To: "+15125551212"}, "text is empty"},
		{"only newlines", cred, socketapi.SMS{To: "+15125551212", Text: "\r\n\n"}, "text is empty"},
		{"not UTF-8", cred, socketapi.SMS{To: "+15125551212", Text: "secret text\xff"}, "text is not valid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := socketapi.AppendSMS([]byte("x"), tt.cred, tt.sms)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "secret text")
			require.Equal(t, "x", string(got))
		})
	}
}

// No text ends an SMS early.
func TestAppendSMSEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("\n\rab é"))).Draw(t, "text")
		got, err := socketapi.AppendSMS(nil, cred, socketapi.SMS{To: "+15125551212", Text: text})
		if err != nil {
			require.Empty(t, strings.Trim(text, "\r\n"))
			return
		}
		require.Equal(t, len(got)-2, strings.Index(string(got), "\n\n"))
		require.NotContains(t, string(got), "\r")
	})
}

// A client, its credentials and pointers to them may be printed and logged.
func TestCredentialsStayHidden(t *testing.T) {
	c := &socketapi.Client{Credentials: cred}
	both := struct{ A, B socketapi.Credentials }{cred, socketapi.Credentials{SourceID: "IDID", SourceKey: "KEYY"}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+verb+verb, both, &both.A, both.B)
	}
	fmt.Fprintf(&out, "%v %+v", c.Credentials, c)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "bare", cred, "within", both, "pointer", &both)
	}
	b, err := json.Marshal(both)
	require.NoError(t, err)
	out.Write(b)
	for _, secret := range []string{key, `k\"Y`, "IDID", "KEYY", fmt.Sprintf("%x", key)} {
		require.NotContains(t, out.String(), secret)
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	for _, bb := range []struct {
		name string
		data string
	}{
		{"1000 bytes compact", strings.Repeat("0123456789", 100)},
		{"1000 bytes JSON", strings.Repeat(`{"a":"b"},`, 100)},
	} {
		m := socketapi.Message{Data: bb.data, Topics: []string{"cpu", "mem"}}
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bb.data)))
			var dst []byte
			for b.Loop() {
				var err error
				if dst, err = socketapi.AppendMessage(dst[:0], cred, socketapi.ShortNames, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMessageSize(b *testing.B) {
	m := socketapi.Message{Data: strings.Repeat("0123456789", 100), Topics: []string{"cpu", "mem"}}
	b.ReportAllocs()
	for b.Loop() {
		_ = socketapi.MessageSize(cred, socketapi.ShortNames, m)
	}
}

// visible is what credentials are made of.
var visible = &unicode.RangeTable{R16: []unicode.Range16{{Lo: '!', Hi: '~', Stride: 1}}, LatinOffset: 1}

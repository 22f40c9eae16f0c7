package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/socketapi"
)

// TestMessages sends each message over a real connection.
func TestMessages(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxMessageSize = 4096 })
	const d1, d2 = "device-1", "device-2"
	topic31 := strings.Repeat("a", 31)
	for _, c := range []struct {
		name   string
		send   string
		answer string
		device string
		reason string // part of it
		data   string // of messages that are taken
		topics string
	}{
		// Accepted forms.
		{"short names", `{"k":"nEPN%q2_","d":"x"}` + "\n\n", "[0,0]", d1, "", "x", ""},
		{"full names", `{"devicekey":"ABCDWXYZ","data":"x","tags":["a","b"]}` + "\n\n", "[0,0]", d2, "", "x", "a b"},
		{"one topic as a string", `{"k":"nEPN%q2_","d":"x","t":"a/b_c-D9"}` + "\n\n", "[0,0]", d1, "", "x", "a/b_c-D9"},
		{"no topics in the array", `{"k":"nEPN%q2_","d":"x","t":[]}` + "\n\n", "[0,0]", d1, "", "x", ""},
		{"topic of 31 characters", `{"k":"nEPN%q2_","d":"x","t":"` + topic31 + `"}` + "\n\n", "[0,0]", d1, "", "x", topic31},
		{"source and checksum, short", `{"s":"ABCD","c":"WXYZ","d":"x"}` + "\n\n", "[0,0]", d2, "", "x", ""},
		{"source and checksum, full", `{"source":"ABCD","checksum":"WXYZ","data":"x"}` + "\n\n", "[0,0]", d2, "", "x", ""},
		{"as hologram-python sends it", `{"k": "ABCDWXYZ", "m": "\u0001agnostic-0.9.1", "d": "x", "t": ["T"]}` + "\r\r", "[0,0]", d2, "", "x", "T"},
		{"as println sends it", `{"k":"ABCDWXYZ","d":"x"}` + "\r\n\r\n", "[0,0]", d2, "", "x", ""},
		{"newline within the object", "{\"k\":\"ABCDWXYZ\",\n\"d\":\"x\"}\n\n", "[0,0]", d2, "", "x", ""},
		{"escapes and UTF-8", `{"k":"ABCDWXYZ","d":"\n\"\u00fc€\ud83d\ude00"}` + "\n\n", "[0,0]", d2, "", "\n\"ü€😀", ""},
		{"what follows the terminator is ignored", valid + valid, "[0,0]", d1, "", "cpu mem", "cpu mem"},
		{"the first terminator ends it", "{\"k\":\"ABCDWXYZ\",\"d\":\"x\"}\r\r\n\n", "[0,0]", d2, "", "x", ""},

		// Code 2.
		{"empty", "\n\n", "[2,0]", "", "empty message", "", ""},
		{"not JSON", "{nonsense\n\n", "[2,0]", "", "not a JSON object", "", ""},
		{"object not closed", `{"k":"ABCDWXYZ","d":"x"` + "\n\n", "[2,0]", "", "not a JSON object", "", ""},
		{"raw newlines in a string", "{\"k\":\"ABCDWXYZ\",\"d\":\"a\n\nb\"}\n\n", "[2,0]", "", "not a JSON object", "", ""},
		{"text after the object", `{"k":"ABCDWXYZ","d":"x"}{}` + "\n\n", "[2,0]", "", "text after", "", ""},
		{"mixed names", `{"k":"ABCDWXYZ","data":"x"}` + "\n\n", "[2,0]", "", "mixed", "", ""},
		{"mixed names, topics", `{"devicekey":"ABCDWXYZ","data":"x","t":"a"}` + "\n\n", "[2,0]", "", "mixed", "", ""},
		{"the same field by both names", `{"k":"ABCDWXYZ","d":"x","data":"y"}` + "\n\n", "[2,0]", "", "mixed", "", ""},
		{"unknown field", `{"k":"ABCDWXYZ","d":"x","x":1}` + "\n\n", "[2,0]", "", "unknown field", "", ""},
		{"field in capitals", `{"K":"ABCDWXYZ","d":"x"}` + "\n\n", "[2,0]", "", "unknown field", "", ""},
		{"duplicate field", `{"k":"ABCDWXYZ","d":"x","d":"y"}` + "\n\n", "[2,0]", "", "field d given twice", "", ""},
		{"invalid UTF-8", "{\"k\":\"ABCDWXYZ\",\"d\":\"\xff\"}\n\n", "[2,0]", "", "not UTF-8", "", ""},
		{"too large", `{"k":"ABCDWXYZ","d":"` + strings.Repeat("x", 4096), "[2,0]", "", "exceeds 4096 bytes", "", ""},

		// Code 3.
		{"no credentials", `{"d":"x"}` + "\n\n", "[3,0]", "", "no credentials", "", ""},
		{"unknown key", `{"k":"ABCDWXYz","d":"x"}` + "\n\n", "[3,0]", "", "unknown device key", "", ""},
		{"key too short", `{"k":"ABCD","d":"x"}` + "\n\n", "[3,0]", "", "8 bytes", "", ""},
		{"key is a number", `{"k":12345678,"d":"x"}` + "\n\n", "[3,0]", "", "8 bytes", "", ""},
		{"source without checksum", `{"s":"ABCD","d":"x"}` + "\n\n", "[3,0]", "", "without checksum", "", ""},
		{"checksum without source", `{"c":"WXYZ","d":"x"}` + "\n\n", "[3,0]", "", "without source", "", ""},
		{"source and checksum cut elsewhere", `{"s":"ABC","c":"DWXYZ","d":"x"}` + "\n\n", "[3,0]", "", "4 bytes", "", ""},
		{"both credentials", `{"k":"ABCDWXYZ","s":"ABCD","c":"WXYZ","d":"x"}` + "\n\n", "[3,0]", "", "both", "", ""},

		// Code 4.
		{"no data", `{"k":"ABCDWXYZ"}` + "\n\n", "[4,0]", d2, "no data", "", ""},
		{"empty data", `{"k":"ABCDWXYZ","d":""}` + "\n\n", "[4,0]", d2, "empty", "", ""},
		{"data is an object", `{"k":"ABCDWXYZ","d":{"a":1}}` + "\n\n", "[4,0]", d2, "not a string", "", ""},
		{"data is null", `{"k":"ABCDWXYZ","d":null}` + "\n\n", "[4,0]", d2, "not a string", "", ""},

		// Code 5.
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "[5,0]", "", "first byte 0x47", "", ""},
		{"nonce request", "N\n\n", "[5,0]", "", "first byte 0x4e", "", ""},
		{"space before the object", ` {"k":"ABCDWXYZ","d":"x"}` + "\n\n", "[5,0]", "", "first byte 0x20", "", ""},

		// Code 7.
		{"other metadata", `{"k":"ABCDWXYZ","d":"x","m":"modem"}` + "\n\n", "[7,0]", d2, "U+0001", "", ""},
		{"metadata is an object", `{"k":"ABCDWXYZ","d":"x","m":{}}` + "\n\n", "[7,0]", d2, "U+0001", "", ""},

		// Code 8.
		{"topic too long", `{"k":"ABCDWXYZ","d":"x","t":"` + topic31 + `a"}` + "\n\n", "[8,0]", d2, "32 characters", "", ""},
		{"topic with a space", `{"k":"ABCDWXYZ","d":"x","t":["a","b c"]}` + "\n\n", "[8,0]", d2, "topic 2 contains ' '", "", ""},
		{"topic with an umlaut", `{"k":"ABCDWXYZ","d":"x","t":"ü"}` + "\n\n", "[8,0]", d2, "contains 'ü'", "", ""},
		{"reserved topic", `{"k":"ABCDWXYZ","d":"x","t":"_SOCKETAPI_"}` + "\n\n", "[8,0]", d2, "underscore", "", ""},
		{"empty topic", `{"k":"ABCDWXYZ","d":"x","t":""}` + "\n\n", "[8,0]", d2, "empty", "", ""},
		{"topic is a number", `{"k":"ABCDWXYZ","d":"x","t":[1]}` + "\n\n", "[8,0]", d2, "not a string", "", ""},
		{"topics are an object", `{"k":"ABCDWXYZ","d":"x","t":{}}` + "\n\n", "[8,0]", d2, "neither", "", ""},
		{"topics are null", `{"k":"ABCDWXYZ","d":"x","t":null}` + "\n\n", "[8,0]", d2, "null", "", ""},

		// SMS.
		{"SMS", "SABCDWXYZ+15125550100 high water\n\n", "00", d2, "", "high water", ""},
		{"SMS as hologram-python sends it", "SABCDWXYZ+4915112345678 a b\r\r", "00", d2, "", "a b", ""},
		{"SMS of 160 characters", "SABCDWXYZ+15125550100 " + strings.Repeat("ü", 160) + "\n\n", "00", d2, "", strings.Repeat("ü", 160), ""},
		{"SMS of 161 characters", "SABCDWXYZ+15125550100 " + strings.Repeat("x", 161) + "\n\n", "40", d2, "161 characters", "", ""},
		{"SMS without text", "SABCDWXYZ+15125550100 \n\n", "40", d2, "empty", "", ""},
		{"SMS with invalid UTF-8", "SABCDWXYZ+15125550100 \xff\n\n", "40", d2, "UTF-8", "", ""},
		{"SMS with unknown key", "SABCDWXYz+15125550100 x\n\n", "30", "", "unknown device key", "", ""},
		{"SMS ends early", "SABCD\n\n", "20", "", "credentials", "", ""},
		{"SMS without space", "SABCDWXYZ+15125550100\n\n", "20", d2, "no space", "", ""},
		{"SMS without plus", "SABCDWXYZ15125550100 x\n\n", "20", d2, "E.164", "", ""},
		{"SMS with 16 digits", "SABCDWXYZ+1234567890123456 x\n\n", "20", d2, "E.164", "", ""},
		{"SMS with country code 0", "SABCDWXYZ+015125550100 x\n\n", "20", d2, "E.164", "", ""},
		{"SMS with a letter in the number", "SABCDWXYZ+1512555010O x\n\n", "20", d2, "E.164", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.answer, ask(t, s, c.send))
			events := s.Events()
			e := events[len(events)-1]
			require.Equal(t, c.device, e.DeviceName)
			require.Equal(t, c.reason == "", e.Taken)
			require.Contains(t, e.Reason, c.reason)
			require.Equal(t, c.data, e.Data)
			require.Equal(t, c.topics, strings.Join(e.UserTopics(), " "))
			require.Equal(t, len(c.answer), e.BytesOut)
			require.NotContains(t, e.String(), "ABCDWXYZ")
			require.NotContains(t, e.String(), key1)
		})
	}
	require.Zero(t, s.Counters().Lost)
}

func TestAnyKey(t *testing.T) {
	s := start(t, func(c *Config) { c.DeviceKeys = nil })
	require.Equal(t, "[0,0]", ask(t, s, `{"k":"first000","d":"x"}`+"\n\n"))
	require.Equal(t, "[0,0]", ask(t, s, `{"k":"second00","d":"x"}`+"\n\n"))
	require.Equal(t, "[0,0]", ask(t, s, `{"s":"firs","c":"t000","d":"x"}`+"\n\n"))
	require.Equal(t, "00", ask(t, s, "Sfirst000+15125550100 x\n\n"))
	require.Equal(t, "[3,0]", ask(t, s, `{"k":"short","d":"x"}`+"\n\n"))
	ids := make([]int, 0, 5)
	for _, e := range s.Events() {
		ids = append(ids, e.DeviceID)
	}
	require.Equal(t, []int{1, 2, 1, 1, 0}, ids)
}

func TestNoSMSLimit(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxSMSLength = -1 })
	require.Equal(t, "00", ask(t, s, "SABCDWXYZ+15125550100 "+strings.Repeat("x", 1000)+"\n\n"))
}

// The place where the reads cut a message makes no difference.
func TestEndOfMessageInPieces(t *testing.T) {
	for _, msg := range []string{"a\n\n", "a\r\r", "a\r\n\r\n", "a\nb\r\nc\r\n\n\n", "\n\n", "\r\n\r\n", "a\n\r\n\r\r\n"} {
		end, next, ok := endOfMessage([]byte(msg), 0)
		for from := range len(msg) {
			end2, next2, ok2 := endOfMessage([]byte(msg[:from]), 0)
			if !ok2 {
				end2, next2, ok2 = endOfMessage([]byte(msg), from)
			}
			require.Equal(t, []any{end, next, ok}, []any{end2, next2, ok2}, "%q cut at %d", msg, from)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, seed := range []string{
		valid, validSMS, `{"s":"ABCD","c":"WXYZ","data":"x"}`, `{"k": "ABCDWXYZ", "m": "\u0001a-1", "d": "x"}` + "\r\r",
		"", "S", "N\n\n", `{"k":`, `{"k":"ABCDWXYZ","d":"x","t":["a","_b"]}`, `{"k":"ABCDWXYZ","k":"ABCDWXYZ"}`, "{}x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		msg := raw
		if end, next, ok := endOfMessage(raw, 0); ok {
			require.Greater(t, next, end)
			require.LessOrEqual(t, next, len(raw))
			msg = raw[:end]
		}
		asked := false
		req, ref := parseMessage(msg, DefaultMaxSMSLength, func(key string) *refusal {
			require.False(t, asked)
			require.Len(t, key, keyLength)
			asked = true
			return nil
		})
		if ref != nil {
			require.Greater(t, ref.code, socketapi.CodeOK)
			require.LessOrEqual(t, ref.code, socketapi.CodeInvalidTopic)
			require.NotEmpty(t, ref.reason)
			return
		}
		require.True(t, asked, "taken without credentials")
		require.NotEmpty(t, req.data)
		require.True(t, utf8.ValidString(req.data))
		for _, topic := range req.topics {
			require.NoError(t, socketapiTopic(topic))
		}
		require.Equal(t, req.kind == KindSMS, req.to != "")
	})
}

// socketapiTopic states the documented rule a second time, as one expression.
func socketapiTopic(topic string) error {
	rest := strings.Trim(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/")
	if topic == "" || len(topic) >= 32 || rest != "" || topic[0] == '_' {
		return &refusal{reason: topic}
	}
	return nil
}

// The documentation names every failure mode and every option.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "emulator.md"))
	require.NoError(t, err)
	for _, m := range modeTable() {
		if m.mode != modeCode {
			require.Contains(t, string(text), "`"+m.name, m.name)
		}
	}
	for _, name := range flagNames() {
		require.Contains(t, string(text), "`--"+name, name)
	}
}

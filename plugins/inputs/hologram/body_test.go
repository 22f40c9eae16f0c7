package hologram

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
)

// payloadOf returns the compact payload of lines.
func payloadOf(t testing.TB, lines string) string { return numberedPayload(t, 1, lines) }

func numberedPayload(t testing.TB, n payload.Sequence, lines string) string {
	t.Helper()
	var metrics []telegraf.Metric
	for line := range strings.Lines(lines) {
		m, err := execd.ParseRecord([]byte(strings.TrimSpace(line)), time.Now())
		require.NoError(t, err)
		metrics = append(metrics, m)
	}
	text, err := payload.Encode(metrics, n)
	require.NoError(t, err)
	return string(text)
}

func TestPath(t *testing.T) {
	var value any
	require.NoError(t, json.Unmarshal([]byte(`{"a":{"b.c":[1,{"d":"x"}]},"e":null}`), &value))
	for text, want := range map[string]any{`a.b\.c.0`: 1.0, `a.b\.c.1.d`: "x", `a.b\.c.2`: nil, `a.b\.c.-1`: nil, `a.b\.c.x`: nil, "a.b": nil, "e": nil, "e.f": nil, "a.b.c.d": nil} {
		p, err := parsePath(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p.find(value), text)
	}
	for _, text := range []string{"", ".", "a.", ".a", "a..b", `a\`, `\n`, strings.Repeat("a.", 16) + "a", strings.Repeat("a", 257)} {
		_, err := parsePath(text)
		require.Error(t, err, text)
	}
	require.Nil(t, path(nil).find(value))
}

// Any name can be written in a path.
func TestAnyPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringN(1, 5, 16), 1, 8).Draw(t, "names")
		var value any = "found"
		var text []string
		for i := range names {
			name := names[len(names)-1-i]
			value = map[string]any{name: value}
		}
		for _, name := range names {
			text = append(text, strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(name))
		}
		p, err := parsePath(strings.Join(text, "."))
		require.NoError(t, err)
		require.Equal(t, "found", p.find(value))
	})
}

// FuzzBody shows that no body does harm, in the cloud's shapes and in templates.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		webhookOf(1, "m v=1"), `{"data":"{\"data\":\"aGk=\"}"}`, `[{"data":"aGk="},{}]`, `payload=%7B%22data%22%3A%22aGk%3D%22%7D&key=x`, `{"a":{"b":["aGk=","2016-09-27"]}}`, `{"a":{"b":[{"x":1},7,["t"]]}}`,
	} {
		f.Add([]byte(s))
	}
	templates := []*template{
		{},
		{data: path{"a", "b", "0"}, received: path{"a", "b", "1"}, tags: path{"a", "b", "2"}, deviceID: path{"a", "b", "1"}},
		{data: path{"a", "b", "0"}, text: true},
	}
	in := &intake{log: &testLog{}, counters: &counters{}, labels: labels{prefix: "p_", topics: true, received: "r"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		if form, err := parseForm(body); err == nil && form.payload != "" {
			_, _ = templates[0].messages([]byte(form.payload))
		}
		for _, tm := range templates {
			messages, err := tm.messages(body)
			if err != nil {
				require.Less(t, len(err.Error()), 400, "an error tells too much")
			}
			for i := range messages {
				m := in.decodeOne(&messages[i], time.Now())
				require.NotEmpty(t, m.records, "nothing is kept of %q", body)
				require.LessOrEqual(t, m.size, int64(messageMost+1<<20))
			}
		}
	})
}

// FuzzPath shows that what is taken for a path can be used.
func FuzzPath(f *testing.F) {
	f.Add("a.b.0", `{"a":{"b":[1]}}`)
	f.Add(`a\.b`, `{"a.b":1}`)
	f.Fuzz(func(_ *testing.T, text, body string) {
		p, err := parsePath(text)
		var value any
		if err == nil && json.Unmarshal([]byte(body), &value) == nil {
			_ = fmt.Sprint(p.find(value))
		}
	})
}

package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The emulator as a command passes on and lists what it takes, and after a
// restart lists it still.
func TestCommandForwards(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	log := filepath.Join(dir, "events.jsonl")
	apiKey := file("apikey", "s3cr3t\n")
	h := newHookServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/bad") {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	free := startAPI(t, nil) // an address that is free once this is closed
	address := free.APIAddr().String()
	require.NoError(t, free.Close())
	args := []string{
		"--log", log, "--api-load", log, "--api", address, "--api-key-file", apiKey, "--api-fail", "429:1", "--api-items", "7",
		"--webhook", h.URL + "/good/s3cr3t", "--webhook", h.URL + "/bad/s3cr3t", "--webhook-shape", "template",
		"--webhook-template", file("template", "<<decdata>>\r\n"),
		"--webhook-header", "X-One: s3cr3t", "--webhook-header-file", file("headers", "\nX-Two: s3cr3t\r\n\nContent-Type: text/plain\n"),
		"--webhook-fail", "duplicate:1", "--webhook-fail", "drop:0.0001%", "--seed", "7",
	}
	get := func(query string) (status int, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/api/1/csr/data"+query, nil)
		require.NoError(t, err)
		req.SetBasicAuth("apikey", "s3cr3t")
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		var text bytes.Buffer
		_, err = text.ReadFrom(res.Body)
		require.NoError(t, err)
		return res.StatusCode, text.String()
	}
	sizes := []int{2, 4}
	var first apiAnswer
	for run, size := range sizes {
		var stdout lockedBuffer
		code, stderr := runCommand(t, args, &stdout, func(cloud string, _ func()) {
			require.Eventually(t, func() bool {
				// It listens on the API's address before it prints the other one.
				status, _ := get("")
				return status == http.StatusTooManyRequests
			}, 5*time.Second, 10*time.Millisecond)
			require.Equal(t, "[0,0]", send(t, cloud, `{"k":"ABCDWXYZ","d":"one"}`+"\n\n"))
			require.Equal(t, "[0,0]", send(t, cloud, `{"k":"ABCDWXYZ","d":"two"}`+"\n\n"))
			h.wait(t, 6*(run+1))
			status, body := get("?limit=10")
			require.Equal(t, http.StatusOK, status)
			var p apiAnswer
			require.NoError(t, json.Unmarshal([]byte(body), &p))
			require.Equal(t, size, p.Size)
			if run == 0 {
				first = p
			} else {
				for i := range first.Data {
					first.Data[i].MatchedRules = []matchedRule{} // the log does not have them
				}
				require.Equal(t, first.Data, p.Data[2:])
			}
		})
		require.Zero(t, code, stderr)
		require.Regexp(t, `(?m)^API on http://`+regexp.QuoteMeta(address)+`/api/1/csr/data, failing with 429:1$`, stderr)
		require.Regexp(t, `(?m)^passing on to 2 webhooks in shape template, failing with duplicate:1,drop:0\.0001% \(seed 7\)$`, stderr)
		require.Regexp(t, `(?m)^3 webhooks answered, 3 failed, 0 dropped, 0 retries$`, stderr)
		require.Regexp(t, `(?m)  webhook 2   failed: answered 404 Not Found$`, stdout.String())
		require.NotContains(t, stdout.String()+stderr, "s3cr3t")
	}
	for _, r := range h.requests {
		require.Contains(t, []string{"one", "two"}, r.body)
		require.Equal(t, "s3cr3t", r.header.Get("X-One"))
		require.Equal(t, "s3cr3t", r.header.Get("X-Two"))
		require.Equal(t, "text/plain", r.header.Get("Content-Type"))
	}
}

func TestCommandForwardsForm(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("s3cr3t\r\nsecond line"), 0o600))
	h := newHookServer(t, nil)
	var stdout lockedBuffer
	code, stderr := runCommand(t, []string{"--webhook", h.URL, "--webhook-shape", "form", "--webhook-key-file", key}, &stdout, func(cloud string, _ func()) {
		require.Equal(t, "[0,0]", send(t, cloud, valid))
		require.Contains(t, h.wait(t, 1)[0].body, "&payload=")
	})
	require.Zero(t, code, stderr)
	require.True(t, strings.HasPrefix(h.requests[0].body, "key=s3cr3t&"))
	require.Contains(t, stderr, "\npassing on to 1 webhook in shape form\n")
}

func TestCommandForwardUsage(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	hook := []string{"--webhook", "http://127.0.0.1:1/s3cr3t"}
	api := []string{"--api", "127.0.0.1:0"}
	for i, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--webhook", "s3cr3t"}, 2, "webhook 1: URL starts neither with"},
		{[]string{"--webhook-header", "X: s3cr3t"}, 2, "no meaning without -webhook"},
		{[]string{"--webhook-key", "s3cr3t"}, 2, "no webhook that its options would be for"},
		{[]string{"--webhook-retries", "1"}, 2, "no webhook that its options would be for"},
		{append(hook, "--webhook-shape", "old"), 2, "want one of new, flat, form, template"},
		{append(hook, "--webhook-shape", "template"), 2, "needs -webhook-template"},
		{append(hook, "--webhook-template", file("t", "s3cr3t")), 2, `a template is for webhooks in shape "template"`},
		{append(hook, "--webhook-shape", "template", "--webhook-template", file("e", "\n")), 1, "is empty"},
		{append(hook, "--webhook-shape", "template", "--webhook-template", file("b", strings.Repeat("s3cr3t", 20_000))), 1, "more than 65536 bytes"},
		{append(hook, "--webhook-header", "s3cr3t"), 1, "-webhook-header 1: header is not"},
		{append(hook, "--webhook-header-file", file("h", "X: ok\ns3cr3t")), 1, "line 2 of the headers"},
		{append(hook, "--webhook-header-file", filepath.Join(dir, "none")), 1, "cannot read the headers of webhooks"},
		{append(hook, "--webhook-shape", "form", "--webhook-key", "s3cr3t", "--webhook-key-file", file("k", "s3cr3t")), 2, "are both given"},
		{append(hook, "--webhook-shape", "form", "--webhook-key-file", file("k2", "\ns3cr3t")), 1, "is empty"},
		{append(hook, "--webhook-fail", "reset"), 2, "want one of drop, duplicate, delay, reorder"},
		{[]string{"--api-key-file", file("k3", "s3cr3t")}, 2, "no meaning without -api"},
		{[]string{"--api-load", "x"}, 2, "no meaning without -api"},
		{[]string{"--api-key", "s3cr3t"}, 2, "there is no API"},
		{[]string{"--api", "0.0.0.0:1"}, 2, "not on the loopback interface"},
		{append(api, "--api-fail", "404"), 2, "want one of ok, 429"},
		{append(api, "--api-items", "-1"), 2, "maximum of -1 items"},
		{append(api, "--api-load", filepath.Join(dir, "none")), 1, "cannot read the messages for the API"},
		{append(api, "--api-load", dir), 1, "cannot read the messages for the API"},
		{append(api, "--api-key", "s3cr3t", "--api-key-file", file("k4", "s3cr3t")), 2, "are both given"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, c.code, Command(t.Context(), append([]string{"--address", "127.0.0.1:0"}, c.args...), &stdout, &stderr, nil), stderr.String())
			require.Contains(t, stderr.String(), c.want)
			require.NotContains(t, stderr.String(), "s3cr3t")
			require.Empty(t, stdout.String())
		})
	}
}

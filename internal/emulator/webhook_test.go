package emulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hookRequest is what a receiver of webhooks got.
type hookRequest struct {
	path   string
	query  string
	header http.Header
	body   string
}

// hookServer is a real receiver of webhooks.
type hookServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []hookRequest
	answer   func(w http.ResponseWriter, r *http.Request) // nil is 200
}

func newHookServer(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *hookServer {
	t.Helper()
	h := &hookServer{answer: answer}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hookServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.requests = append(h.requests, hookRequest{r.URL.Path, r.URL.RawQuery, r.Header, string(body)})
	h.mu.Unlock()
	if h.answer != nil {
		h.answer(w, r)
	}
}

// wait returns the first n requests.
func (h *hookServer) wait(t *testing.T, n int) []hookRequest {
	t.Helper()
	var got []hookRequest
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		got = h.requests
		return len(got) >= n
	}, 10*time.Second, 5*time.Millisecond)
	return got
}

const validJSONData = `{"k":"nEPN%q2_","d":"{\"t\":21.50,\"a\":{\"b\":[1, 2]},\"s\":\"say \\\"x\\\"\",\"n\":null}","t":"env"}` + "\n\n"

func TestWebhookShapes(t *testing.T) {
	const flat = `{"received":"RECEIVED","authtype":"psk","tags":["cpu","mem","_DEVICE_1_","_SOCKETAPI_","_JSONSTRING_"],"device_id":1,"device_name":"device-1","errorcode":0,"source":"0001","timestamp":"0","data":"Y3B1IG1lbQ=="}`
	for _, c := range []struct {
		name, send  string
		cfg         WebhookConfig
		contentType string
		want        string // RECEIVED is the time
	}{
		{"new", valid, WebhookConfig{}, "application/json",
			`{"received":"RECEIVED","authtype":"psk","tags":["cpu","mem","_DEVICE_1_","_SOCKETAPI_","_JSONSTRING_"],"device":{"id":1,"name":"device-1"},"errorcode":0,"source":"0001","timestamp":"0","data":"Y3B1IG1lbQ=="}`},
		{"flat", valid, WebhookConfig{Shape: ShapeFlat}, "application/json", flat},
		{"SMS", validSMS, WebhookConfig{}, "application/json",
			`{"received":"RECEIVED","authtype":"psk","tags":["_DEVICE_2_","_SMSOVERIP_","_SMS_"],"device":{"id":2,"name":"device-2"},"errorcode":0,"source":"0002","timestamp":"0","body":"aGlnaCB3YXRlcg==","destination":"+15125550100","direction":"DO","type":"T","status":"delivered"}`},
		{"form", valid, WebhookConfig{Shape: ShapeForm, Key: "a&b=ü"}, "application/x-www-form-urlencoded",
			url.Values{"payload": {flat}, "key": {"a&b=ü"}, "userid": {"1"}, "properties": {`{"key":"a\u0026b=ü","url":"URL","user_id":1}`}}.Encode()},
		{"form without a key", valid, WebhookConfig{Shape: ShapeForm}, "application/x-www-form-urlencoded",
			url.Values{"payload": {flat}, "userid": {"1"}, "properties": {`{"key":"","url":"URL","user_id":1}`}}.Encode()},
		{"template", valid, WebhookConfig{Shape: ShapeTemplate, Template: `{"at":"<<received>>","t":<<tags>>,"i":<<device.id>>,"n":"<<device.name>>","d":"<<data>>"} <<device_id>> <<device_name>> <<decdata>>|<<decdata.x>>|`}, "",
			`{"at":"RECEIVED","t":["cpu","mem","_DEVICE_1_","_SOCKETAPI_","_JSONSTRING_"],"i":1,"n":"device-1","d":"Y3B1IG1lbQ=="} 1 device-1 cpu mem||`},
		{"template of fields", validJSONData, WebhookConfig{Shape: ShapeTemplate, Template: `<<decdata.t>>|<<decdata.a.b>>|<<decdata.a>>|<<decdata.s>>|<<decdata.n>>|<<decdata.none>>|<<decdata.t.x>>|"<<decdata>>"`}, "",
			`21.50|[1, 2]|{"b":[1, 2]}|say "x"||||"{"t":21.50,"a":{"b":[1, 2]},"s":"say \"x\"","n":null}"`},
		{"raw template of an SMS", validSMS, WebhookConfig{Shape: ShapeTemplate, Template: `<<decdata>>`, Header: http.Header{"content-type": {"text/plain"}}}, "text/plain", "high water"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHookServer(t, nil)
			s := start(t, func(cfg *Config) { cfg.Webhooks = c.cfg; cfg.Webhooks.URLs = []string{h.URL + "/hologram"} })
			exchangeTaken(t, s, c.send)
			got := h.wait(t, 1)[0]
			received := s.Events()[0].Received.UTC().Format(cloudTime)
			want := strings.NewReplacer("RECEIVED", url.QueryEscape(received), "URL", url.QueryEscape(h.URL+"/hologram"))
			if c.cfg.Shape != ShapeForm {
				want = strings.NewReplacer("RECEIVED", received)
			}
			require.Equal(t, want.Replace(c.want), got.body)
			require.Equal(t, c.contentType, got.header.Get("Content-Type"))
			require.Equal(t, webhookUserAgent, got.header.Get("User-Agent"))
			require.Equal(t, "/hologram", got.path)
		})
	}
}

func exchangeTaken(t *testing.T, s *Server, text string) {
	t.Helper()
	require.Contains(t, []string{"[0,0]", "00"}, ask(t, s, text))
}

func TestWebhookRecordID(t *testing.T) {
	h := newHookServer(t, nil)
	s := start(t, func(c *Config) { c.Webhooks = WebhookConfig{URLs: []string{h.URL}, RecordID: true} })
	exchangeTaken(t, s, valid)
	var got struct {
		RecordID string `json:"record_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(h.wait(t, 1)[0].body), &got))
	require.Equal(t, s.Events()[0].RecordID, got.RecordID)
}

func TestWebhookHeadersAndURL(t *testing.T) {
	h := newHookServer(t, nil)
	header := http.Header{"X-Secret": {"s3cr3t"}, "User-Agent": {"other"}}
	s := start(t, func(c *Config) {
		c.Webhooks = WebhookConfig{
			URLs:   []string{strings.Replace(h.URL, "//", "//user:pass@", 1) + "/<<device_id>>?n=<<device.name>>"},
			Header: header,
		}
	})
	header.Set("X-Secret", "changed later")
	exchangeTaken(t, s, valid)
	got := h.wait(t, 1)[0]
	require.Equal(t, "/1", got.path)
	require.Equal(t, "n=device-1", got.query)
	require.Equal(t, "s3cr3t", got.header.Get("X-Secret"))
	require.Equal(t, "other", got.header.Get("User-Agent"))
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("user:pass")), got.header.Get("Authorization"))
}

// Only what was taken goes on, in order, and one URL that fails stops no other.
func TestWebhooksOfServer(t *testing.T) {
	good := newHookServer(t, nil)
	bad := newHookServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	var mu sync.Mutex
	var told []Delivery
	s := start(t, func(c *Config) {
		c.Faults = faults(t, "code-6:1,ok:1,reset-taken:1")
		c.Webhooks = WebhookConfig{
			URLs: []string{bad.URL, good.URL},
			OnDelivery: func(d Delivery) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, d)
			},
		}
	})
	require.Equal(t, "[6,0]", ask(t, s, valid))
	require.Equal(t, "[0,0]", ask(t, s, valid))
	_, err := exchange(t, s, validSMS)
	require.True(t, isReset(err), "taken, though its client does not know")
	require.Equal(t, "[3,0]", ask(t, s, `{"k":"ABCDWXYz","d":"x"}`+"\n\n"))
	for i := range 20 {
		require.Equal(t, "[0,0]", ask(t, s, `{"k":"ABCDWXYZ","d":"`+string(rune('a'+i))+`"}`+"\n\n"))
	}
	got := good.wait(t, 22)
	require.NoError(t, s.Close())
	require.Len(t, got, 22)
	require.Contains(t, got[1].body, "_SMS_")
	for i, r := range got[2:] {
		require.Contains(t, r.body, base64.StdEncoding.EncodeToString([]byte{byte('a' + i)}))
	}
	require.Equal(t, WebhookCounters{Answered: 22, Failed: 22}, s.Counters().Webhooks)
	require.Len(t, told, 44)
	for _, d := range told {
		if d.Webhook == 1 {
			var status *WebhookStatusError
			require.ErrorAs(t, d.Err, &status)
			require.EqualError(t, status, "answered 418 I'm a teapot")
		}
	}
}

// A receiver that hangs delays no answer, and the end only for so long.
func TestWebhookHangs(t *testing.T) {
	stop := make(chan struct{})
	h := newHookServer(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	defer close(stop)
	s := start(t, func(c *Config) {
		c.Webhooks = WebhookConfig{URLs: []string{h.URL}, Timeout: 100 * time.Millisecond, Retries: 5}
	})
	begin := time.Now()
	for range 5 {
		exchangeTaken(t, s, valid)
	}
	require.Less(t, time.Since(begin), 2*time.Second)
	h.wait(t, 1)
	require.NoError(t, s.Close())
	require.Less(t, time.Since(begin), webhookGrace+2*time.Second)
	c := s.Counters().Webhooks
	require.EqualValues(t, 5, c.Failed+c.Dropped)
	require.Zero(t, c.Answered+c.Waiting)
}

// However a webhook fails, the error does not show where it went.
func TestWebhookErrorsShowNoSecret(t *testing.T) {
	h := newHookServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/redirect"):
			http.Redirect(w, r, "/elsewhere/s3cr3t", http.StatusTemporaryRedirect)
		case strings.HasPrefix(r.URL.Path, "/hang"):
			<-r.Context().Done()
		case strings.HasPrefix(r.URL.Path, "/drop"):
			panic(http.ErrAbortHandler)
		}
	})
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for _, c := range []struct{ url, want string }{
		{h.URL + "/redirect/s3cr3t?key=s3cr3t", "answered 307 Temporary Redirect"},
		{h.URL + "/hang/s3cr3t", "not answered within 200ms: context deadline exceeded"},
		{h.URL + "/drop/s3cr3t", "not answered: EOF"},
		{"http://s3cr3t:s3cr3t@" + closed.Addr().String() + "/s3cr3t", "connection refused"},
		{strings.Replace(h.URL, "http", "https", 1) + "/s3cr3t", "server gave HTTP response to HTTPS client"},
		{h.URL + "/s3cr3t%<<data>>", "the values make no URL of the template"},
	} {
		// The variable is a 1 when the config is checked, and %1 would be no URL.
		c.url = strings.Replace(c.url, "%<<", "%2<<", 1)
		told := make(chan Delivery, 1)
		s := start(t, func(cfg *Config) {
			cfg.Webhooks = WebhookConfig{URLs: []string{c.url}, Timeout: 200 * time.Millisecond, OnDelivery: func(d Delivery) { told <- d }}
		})
		exchangeTaken(t, s, valid)
		d := <-told
		require.ErrorContains(t, d.Err, c.want)
		require.NotContains(t, d.Err.Error(), "s3cr3t")
		require.NotContains(t, d.String(), "s3cr3t")
		require.True(t, d.Final)
	}
	for _, r := range h.requests {
		require.NotContains(t, r.path, "elsewhere", "a redirect was followed")
	}
}

func TestWebhookConfig(t *testing.T) {
	one := []string{"http://127.0.0.1/s3cr3t"}
	for _, c := range []struct {
		cfg  WebhookConfig
		want string
	}{
		{WebhookConfig{Key: "s3cr3t"}, "no webhook that its options would be for"},
		{WebhookConfig{Retries: 1}, "no webhook that its options would be for"},
		{WebhookConfig{URLs: []string{"127.0.0.1:8080/s3cr3t"}}, "webhook 1: not a URL"},
		{WebhookConfig{URLs: []string{one[0], "ftp://h/s3cr3t"}}, "webhook 2: URL starts neither with http:// nor with https://"},
		{WebhookConfig{URLs: []string{"http:///s3cr3t"}}, "webhook 1: URL has no host"},
		{WebhookConfig{URLs: []string{"http://h/s3cr3t<<"}}, "webhook 1: template has a << without >>"},
		{WebhookConfig{URLs: make([]string, 17)}, "17 webhooks are more than 16"},
		{WebhookConfig{URLs: one, Key: "s3cr3t"}, `a key is for webhooks in shape "form", not "new"`},
		{WebhookConfig{URLs: one, Shape: ShapeFlat, Template: "s3cr3t"}, `a template is for webhooks in shape "template", not "flat"`},
		{WebhookConfig{URLs: one, Shape: ShapeTemplate}, "need a template that is not empty"},
		{WebhookConfig{URLs: one, Shape: ShapeTemplate, Template: "s3cr3t <<device.nam>>"}, `variable "device.nam", which is none of received, tags, `},
		{WebhookConfig{URLs: one, Shape: ShapeTemplate, Template: "<<decdata.>>"}, `variable "decdata."`},
		{WebhookConfig{URLs: one, Shape: ShapeTemplate, Template: strings.Repeat("s3cr3t", 11_000)}, "more than 65536"},
		{WebhookConfig{URLs: one, Shape: 7}, "shape 7 of webhooks is unknown"},
		{WebhookConfig{URLs: one, Retries: -1}, "not from 0 to 1000"},
		{WebhookConfig{URLs: one, RetryWait: time.Hour}, "not from 0s to 1m0s"},
		{WebhookConfig{URLs: one, Timeout: -1}, "webhook timeout"},
		{WebhookConfig{URLs: one, Workers: 1000}, "workers of a webhook"},
		{WebhookConfig{URLs: one, MaxQueued: -1}, "waiting webhooks"},
		{WebhookConfig{URLs: one, Header: http.Header{"Host": {"s3cr3t"}}}, `header "Host" of a webhook cannot be set`},
		{WebhookConfig{URLs: one, Header: http.Header{"X-A": {"s3cr3t\r\nX: y"}}}, `value of the header "X-A" has control characters`},
		{WebhookConfig{URLs: one, Header: http.Header{"X s3cr3t": {""}}}, "name of a header"},
	} {
		_, err := New(Config{Webhooks: c.cfg})
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "s3cr3t")
	}
	for _, u := range []string{"https://example.org", "http://[::1]:8080/x", "http://u:p@h:1/?<<data>>"} {
		_, err := New(Config{Webhooks: WebhookConfig{URLs: []string{u}}})
		require.NoError(t, err)
	}
}

func TestParseHeader(t *testing.T) {
	name, value, err := ParseHeader(" x-hologram-secret :  a: b ")
	require.NoError(t, err)
	require.Equal(t, "X-Hologram-Secret", name)
	require.Equal(t, "a: b", value)
	for _, line := range []string{"s3cr3t", ": s3cr3t", "a b: s3cr3t", "content-length: s3cr3t", "x: s3cr3t\x00"} {
		_, _, err := ParseHeader(line)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cr3t")
	}
}

func TestParseShape(t *testing.T) {
	for _, name := range shapeNames() {
		s, err := ParseShape(name)
		require.NoError(t, err)
		require.Equal(t, name, s.String())
	}
	_, err := ParseShape("old")
	require.EqualError(t, err, `unknown shape "old", want one of new, flat, form, template`)
}

// A template without variables is itself; what is not a template is refused
// without an echo of it; nothing else happens.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "<<data>>", "a<<tags>>b<<decdata.x.y>>", "<<", "<<>>", ">><<device.id>>", "<<<data>>"} {
		f.Add(s, `{"x":{"y":[1]}}`)
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		parts, err := parseTemplate(text)
		if err != nil {
			return
		}
		require.Equal(t, strings.Count(text, "<<") > 0, len(parts) > 1)
		require.Equal(t, text, parts.expand(func(name string) string { return "<<" + name + ">>" }))
		parts.expand(Event{Data: data}.variable)
	})
}

func TestWebhooksNeedNoServer(t *testing.T) {
	// Nothing that is only set up has a goroutine or a connection.
	s, err := New(Config{Webhooks: WebhookConfig{URLs: []string{"http://127.0.0.1:1"}}, API: APIConfig{Address: "127.0.0.1:0"}})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Nil(t, s.APIAddr())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.ListenAndServe(ctx))
}

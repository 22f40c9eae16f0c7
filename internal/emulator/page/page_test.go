package page

import (
	"context"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/metric"
)

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(body)
}

func TestIndex(t *testing.T) {
	feed := NewFeed()
	feed.AddMessage(message())
	feed.AddMessage(refused("unknown device key"))
	feed.AddSMS(SMS{Time: at, Peer: "+15125550100", Text: "reboot", Part: 1, Parts: 1})
	feed.AddSMS(SMS{Time: at, Sent: true, Peer: "310000202", Text: "high water", Part: 2, Parts: 3, Reference: 7, WantsReport: true})
	feed.AddSMS(SMS{Time: at, Peer: "310000202", Report: true, Reference: 7, Status: 70})
	p := newPage(t, feed, &fakeModem{})
	r := ask(p, http.MethodGet, "/", "")
	require.Equal(t, http.StatusOK, r.StatusCode)
	require.Contains(t, r.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	got := html.UnescapeString(text(t, r))
	for _, want := range []string{
		`<td class="name">weather</td>`, `<span>city=Austin</span>`, `<span><i>temperature</i> 31.5</span>`, `<span><i>count</i> 3i</span>`,
		`<span class="topic">roof</span>`, `<span>device-1</span>`, `<span>1 metric</span>`, "12:03:09.512",
		`<span>102 B</span><span class="wire">≈ 487 on the wire</span>`,
		`<b class="failed">refused 3</b>`, "unknown device key", "unknown device<",
		`<dd class="failed">1, 0</dd>`, "≈ 487.0 B", "487 B at most",
		"<p>reboot</p>", "from +15125550100", "to 310000202", "part 2 of 3", "report wanted", "not delivered (70)", "for 310000202", "reference 7",
		"registered, roaming", "quectel", "/tmp/modem", "SM 0/30", "2 waiting in the network",
	} {
		require.Contains(t, got, want)
	}
	require.Less(t, strings.Index(got, "unknown device key"), strings.Index(got, "city=Austin"), "the latest is first")
	require.NotContains(t, got, "style=", "the policy would not let it be")
	require.NotRegexp(t, `(?:src|href|action)="(?:[a-z]+:)?//`, got, "nothing is from elsewhere")

	got = text(t, ask(newPage(t, feed, nil), http.MethodGet, "/", ""))
	require.NotContains(t, got, `id="modem"`)
	p, err := New(feed, Config{Modem: &fakeModem{sick: true}})
	require.NoError(t, err)
	got = text(t, ask(p, http.MethodGet, "/", ""))
	require.NotContains(t, got, `id="cloud"`)
	require.Contains(t, got, "unplugged")
}

func TestFiles(t *testing.T) {
	p := newPage(t, NewFeed(), nil)
	for name, kind := range map[string]string{"/style.css": "text/css", "/script.js": "text/javascript", "/icon.svg": "image/svg+xml"} {
		r := ask(p, http.MethodGet, name, "")
		require.Equal(t, http.StatusOK, r.StatusCode)
		require.Contains(t, r.Header.Get("Content-Type"), kind)
		require.NotEmpty(t, text(t, r))
	}
	for _, name := range []string{"/page.html", "/assets/page.html", "/x", "/sms"} {
		require.GreaterOrEqual(t, ask(p, http.MethodGet, name, "").StatusCode, 400, name)
	}
}

func TestFilter(t *testing.T) {
	feed := NewFeed()
	feed.AddMessage(message())
	feed.AddMessage(refused("unknown device key"))
	feed.AddMessage(Message{Received: at, Kind: "SMS over IP", Device: "device-2", Status: "taken", To: "+15125550100", Data: "high WATER", BytesIn: 41})
	feed.AddMessage(Message{Received: at, Kind: "message", Device: "device-2", Status: "taken", Data: "?", DecodeErr: errors.New("no metrics in it")})
	p := newPage(t, feed, nil)
	for query, want := range map[string]string{
		"": "4321", "show=nothing": "4321", "show=all": "4321", "show=data": "421", "show=sms": "3", "show=failed": "42",
		"q=water": "3", "q=%20High+": "3", "q=austin": "1", "q=COUNT": "1", "q=roof": "1", "q=device-2": "43", "show=sms&q=device-2": "3",
		"q=unknown+device": "2", "q=no+metrics": "4", "q=zzz": "",
	} {
		body, got := text(t, ask(p, http.MethodGet, "/?"+query, "")), ""
		for part := range strings.SplitSeq(body, `" id="m`) {
			if !strings.HasPrefix(part, "<!") {
				got += part[:1]
			}
		}
		require.Equal(t, want, got, query)
		require.Equal(t, want != "4321", strings.Contains(body, "Nothing matches"), query) // which is hidden while something does
	}
	body := text(t, ask(p, http.MethodGet, `/?q="><script>&show="><script>`, ""))
	require.NotContains(t, body, "><script>")
	text(t, ask(p, http.MethodGet, "/?q="+strings.Repeat("%C3%A4", 1000), ""))
}

// Only who can be trusted to be this page in this browser gets anything.
func TestGuard(t *testing.T) {
	cases := map[string]struct {
		method, path string
		header       []string
		remote       bool
		want         int
	}{
		"address":                    {"GET", "/", []string{"Host", "127.0.0.1:8080"}, false, 200},
		"other loopback address":     {"GET", "/", []string{"Host", "127.9.9.9"}, false, 200},
		"IPv6":                       {"GET", "/", []string{"Host", "[::1]:8080"}, false, 200},
		"IPv6 without port":          {"GET", "/", []string{"Host", "[::1]"}, false, 200},
		"localhost":                  {"GET", "/", []string{"Host", "LocalHost:1"}, false, 200},
		"name of the option":         {"GET", "/", []string{"Host", "bench.lan:8080"}, false, 200},
		"no name":                    {"GET", "/", []string{"Host", ""}, false, 421},
		"rebound name":               {"GET", "/", []string{"Host", "evil.example:8080"}, false, 421},
		"rebound name, remote":       {"GET", "/", []string{"Host", "evil.example:8080"}, true, 421},
		"rebound name, stream":       {"GET", "/events", []string{"Host", "localhost.evil.example"}, false, 421},
		"rebound name, sending":      {"POST", "/sms", []string{"Host", "127.0.0.1.evil.example"}, false, 421},
		"other address":              {"GET", "/", []string{"Host", "192.0.2.1:8080"}, false, 421},
		"other address, remote":      {"GET", "/", []string{"Host", "192.0.2.1:8080"}, true, 200},
		"link from elsewhere":        {"GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, false, 200},
		"stream from elsewhere":      {"GET", "/events", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, false, 403},
		"stream from another port":   {"GET", "/events", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, false, 403},
		"style from elsewhere":       {"GET", "/style.css", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, false, 403},
		"own form":                   {"POST", "/sms", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:8080"}, false, 303},
		"curl":                       {"POST", "/sms", nil, false, 303},
		"old browser, own form":      {"POST", "/sms", []string{"Origin", "http://127.0.0.1:8080"}, false, 303},
		"old browser, other page":    {"POST", "/sms", []string{"Origin", "http://evil.example"}, false, 403},
		"old browser, other port":    {"POST", "/sms", []string{"Origin", "http://127.0.0.1:80"}, false, 403},
		"old browser, sandbox":       {"POST", "/sms", []string{"Origin", "null"}, false, 403},
		"form from elsewhere":        {"POST", "/sms", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, false, 403},
		"form from another port":     {"POST", "/sms", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate"}, false, 403},
		"sending with GET":           {"GET", "/sms?from=1&text=x", nil, false, 405},
		"other methods":              {"DELETE", "/", nil, false, 405},
		"headers only":               {"HEAD", "/", nil, false, 200},
		"a way out of the directory": {"GET", "/../page.go", nil, false, 307},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := &fakeModem{}
			p, err := New(NewFeed(), Config{Host: "bench.lan", AllowRemote: c.remote, Modem: m})
			require.NoError(t, err)
			body := ""
			if c.method == http.MethodPost {
				body = form("+15125550100", "x")
			}
			r := ask(p, c.method, c.path, body, c.header...)
			require.Equal(t, c.want, r.StatusCode)
			require.Equal(t, c.want == http.StatusSeeOther, len(m.got) == 1)
			require.Contains(t, r.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
			require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
		})
	}
}

func TestSend(t *testing.T) {
	m := &fakeModem{}
	p := newPage(t, NewFeed(), m)
	r := ask(p, http.MethodPost, "/sms", form(" +15125550100 ", "high\r\nwater 🌊"))
	require.Equal(t, http.StatusSeeOther, r.StatusCode)
	require.Equal(t, "/#modem", r.Header.Get("Location"))
	require.Equal(t, []modem.Message{{From: "+15125550100", Text: "high\nwater 🌊"}}, m.got)
	r = ask(p, http.MethodPost, "/sms", form("+15125550100", strings.Repeat("x", 200)), "Accept", "text/plain")
	require.Equal(t, "Sent in 2 SMS\n", text(t, r))

	r = ask(p, http.MethodPost, "/sms", form("", "<b>kept</b>"))
	require.Equal(t, http.StatusUnprocessableEntity, r.StatusCode)
	body := text(t, r)
	require.Contains(t, body, "Not sent: sender: empty")
	require.Contains(t, body, "&lt;b&gt;kept&lt;/b&gt;</textarea>")
	r = ask(p, http.MethodPost, "/sms", form("+15125550100", ""), "Accept", "text/plain")
	require.Equal(t, http.StatusUnprocessableEntity, r.StatusCode)
	require.Equal(t, "Not sent: the text is empty\n", text(t, r))
	require.Equal(t, http.StatusBadRequest, ask(p, http.MethodPost, "/sms", form("1", strings.Repeat("x", maxForm))).StatusCode)
	require.Equal(t, http.StatusBadRequest, ask(p, http.MethodPost, "/sms", "%zz=1").StatusCode)
	require.Len(t, m.got, 2)

	r = ask(newPage(t, NewFeed(), nil), http.MethodPost, "/sms", form("1", "x"), "Accept", "text/plain")
	require.Equal(t, "Not sent: there is no modem\n", text(t, r))
}

// markup fails unless HTML has only the elements and attributes that the page uses, and
// returns its text.
func markup(t require.TestingT, fragment string) string {
	const elements = " article details summary time span b div p table thead tr th tbody td i h3 pre footer "
	const attributes = " class id title "
	var b strings.Builder
	for d := xml.NewDecoder(strings.NewReader("<div>" + fragment + "</div>")); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		require.NoError(t, err, "%q", fragment)
		switch token := token.(type) {
		case xml.StartElement:
			require.Contains(t, elements, " "+token.Name.Local+" ", "%q", fragment)
			for _, a := range token.Attr {
				require.Contains(t, attributes, " "+a.Name.Local+" ", "%q", fragment)
			}
		case xml.CharData:
			b.Write(token)
		case xml.EndElement:
		default:
			require.Fail(t, "neither element nor text", "%q", fragment)
		}
	}
}

// hostile is a message and an SMS with a text everywhere.
func hostile(s string) (Message, SMS) {
	m := metric.New(s, nil, nil, at)
	m.AddTag(s, s)
	m.AddTag("t", s)
	m.AddField(s, s)
	m.AddField("f", 1.5)
	return Message{
			Received: at, Kind: s, Device: s, Status: s, Reason: s, Fault: s, To: s, Topics: []string{s, s}, Data: s,
			Outcome: Lost, Metrics: []telegraf.Metric{m}, DecodeErr: errors.New(s),
		},
		SMS{Time: at, Sent: true, Peer: s, Text: s, Part: 1, Parts: 2}
}

// FuzzMarkup: whatever devices send is text.
func FuzzMarkup(f *testing.F) {
	for _, s := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</pre></textarea></script><svg onload=alert(1)>`,
		"<!--", "]]>", "{{.}}", "javascript:alert(1)", "&lt;b&gt;", "\x00\x07\x1b[31m", "\xff\xfe", "\u202eabc", "a\nb\r\nevent: x\r\rdata: y", "👩‍👧", "\ufffe\U0010ffff",
	} {
		f.Add(s)
	}
	feed := NewFeed()
	p, err := New(feed, Config{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		m, sms := hostile(s)
		for name, e := range map[string]entry{"message": {Seq: 1, Message: m.view()}, "sms": {Seq: 2, SMS: sms.view()}} {
			out := stream{page: p}
			out.render(name, "", e)
			event := out.buf.String()
			head, data, ok := strings.Cut(event, "\ndata: ")
			require.True(t, ok)
			require.Equal(t, "event: "+name, head)
			require.NotContains(t, strings.TrimSuffix(data, "\n\n"), "\n\n", "it would end the event")
			require.NotContains(t, event, "\r")
			lines := strings.ReplaceAll(strings.TrimSuffix(data, "\n\n"), "\ndata: ", "\n")
			require.NotContains(t, lines, "\ndata:", "all lines are data")
			got := markup(t, lines)
			if len(s) < 60 {
				require.Contains(t, got, printable(s, maxShort))
			}
		}
	})
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"high water €🌊 👩‍👧": "high water €🌊 👩‍👧", "a\nb": "a\nb", "a\tb\x00": `a\tb\x00`, "\x1b[31m\r": `\x1b[31m\r`,
		"\xffa\xc3": `\xffa\xc3`, "\u202eevil": `\u202eevil`, "\u2028": `\u2028`, "\ufeff\ufffe": `\ufeff\ufffe`, `a\b'"`: `a\b'"`,
	} {
		require.Equal(t, want, printable(s, 100))
	}
	require.Equal(t, "€€…", printable("€€€", 8))
	require.Equal(t, "€€€", printable("€€€", 9))
}

// The figures are those that were measured on the wire.
func TestWire(t *testing.T) {
	for in, overhead := range map[int]int{102: 385, 1026: 385, 1448: 385, 1449: 489, 10242: 1113} {
		require.Equal(t, in+overhead, wire(in, 5), in)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		require.Equal(t, want, number(n))
	}
	for value, want := range map[any]string{1.5: "1.5", 1e21: "1e+21", 0.0: "0", 1e-9: "1e-09", int64(-3): "-3i", uint64(7): "7u", true: "true", "a\x00": `"a\x00"`, 'x': ""} {
		require.Equal(t, want, fieldValue(value))
	}
	for status, want := range map[int]string{0: "delivered (0)", 0x30: "still trying (48)", 0x41: "not delivered (65)", 0x60: "not delivered, given up (96)", 200: "reserved (200)"} {
		require.Equal(t, want, reportStatus(status))
	}
	for stat, want := range map[int]string{0: "not registered", 1: "registered", 2: "searching", 3: "denied", 5: "registered, roaming", 8: "registration 8"} {
		got, up := registration(stat)
		require.Equal(t, want, got)
		require.Equal(t, stat == 1 || stat == 5, up)
	}
}

func TestServeRefusesOtherAddresses(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "0.0.0.0:0")
	require.NoError(t, err)
	require.ErrorContains(t, newPage(t, NewFeed(), nil).Serve(t.Context(), ln), "not on the loopback interface")
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)

	ln, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorContains(t, newPage(t, NewFeed(), nil).Serve(context.Background(), ln), "cannot serve the page")
}

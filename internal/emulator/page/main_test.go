package page

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is when everything in the tests happens.
var at = time.Date(2026, 8, 1, 12, 3, 9, 512e6, time.UTC)

// message is one of a weather station.
func message() Message {
	return Message{
		Received: at, Kind: "message", Device: "device-1", Status: "taken", Topics: []string{"weather", "roof"},
		Data: "weather,city=Austin temperature=31.5,count=3i", BytesIn: 102, BytesOut: 5,
		Metrics: []telegraf.Metric{weather()},
	}
}

func weather() telegraf.Metric {
	m := metric.New("weather", nil, nil, at)
	m.AddTag("city", "Austin")
	m.AddField("temperature", 31.5)
	m.AddField("count", int64(3))
	return m
}

func refused(reason string) Message {
	return Message{Received: at, Kind: "message", Outcome: Refused, Status: "refused 3", Reason: reason, BytesIn: 41, BytesOut: 5}
}

// fakeModem takes what is sent to it.
type fakeModem struct {
	mu   sync.Mutex
	got  []modem.Message
	sick bool
}

func (m *fakeModem) Receive(msg modem.Message) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if msg.From == "" {
		return 0, errors.New("sender: empty")
	}
	m.got = append(m.got, msg)
	return 1 + len(msg.Text)/160, nil
}

func (m *fakeModem) Status() modem.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sick {
		return modem.Status{}
	}
	return modem.Status{Port: "/dev/pts/5", SIM: "READY", Registration: 5, Stores: []modem.Usage{{Store: "SM", Used: len(m.got), Total: 30}}, Network: 2}
}

func (*fakeModem) Profile() modem.Profile { return modem.Profile{Name: "quectel"} }

// newPage returns a page of a feed with a cloud, and a modem if there is one.
func newPage(t *testing.T, feed *Feed, m Modem) *Page {
	t.Helper()
	p, err := New(feed, Config{Cloud: "127.0.0.1:9999", Modem: m, ModemPort: "/tmp/modem"})
	require.NoError(t, err)
	return p
}

// ask sends a request without a network.
func ask(p *Page, method, target, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8080"
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

// serve serves a page for the test, and returns where.
func serve(t *testing.T, p *Page) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + ln.Addr().String() + "/"
}

func form(from, text string) string { return url.Values{"from": {from}, "text": {text}}.Encode() }

package hologram

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
)

const testKey = "an-api-key-1"

// dataLog is the data log of the REST API: items with rising numbers, given newest first.
type dataLog struct {
	mu       sync.Mutex
	items    []logItem
	requests []string // their queries
	answer   func(w http.ResponseWriter, r *http.Request) bool
	byLink   bool // pages are told by links.next alone
	page     int  // items of one at most; 0 as asked
}

type logItem struct {
	id     int
	device int
	at     time.Time
	topic  string
	data   string
}

func (l *dataLog) add(items ...logItem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, items...)
}

func (l *dataLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, r.URL.RawQuery)
	if user, key, ok := r.BasicAuth(); !ok || user != "apikey" || key != testKey {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if l.answer != nil && l.answer(w, r) {
		return
	}
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit"))
	if l.page > 0 {
		limit = l.page
	}
	after, err := strconv.Atoi(q.Get("startafter"))
	if err != nil {
		after = 1 << 30
	}
	start, _ := strconv.ParseInt(q.Get("timestart"), 10, 64)
	var found []map[string]any
	continues := false
	for _, it := range slices.Backward(l.items) {
		if it.id >= after || it.at.Unix() < start {
			continue
		}
		if continues = len(found) == limit; continues {
			break
		}
		event, _ := json.Marshal(map[string]any{
			"authtype": "psk", "tags": []string{"_SOCKETAPI_", it.topic}, "data": base64.StdEncoding.EncodeToString([]byte(it.data)),
			"received": it.at.UTC().Format("2006-01-02T15:04:05+00:00"), "record_id": fmt.Sprint("r", it.id), "device_id": it.device, "device_name": "d",
		})
		found = append(found, map[string]any{
			"id": it.id, "logged": it.at.UTC().Format(time.DateTime), "deviceid": it.device, "record_id": fmt.Sprint("r", it.id), "data": string(event), "tags": []string{it.topic},
		})
	}
	out := map[string]any{"success": true, "limit": limit, "size": len(found), "continues": continues, "data": found}
	if found == nil {
		out["data"] = []any{}
	}
	if continues {
		last := found[len(found)-1]["id"]
		if l.byLink {
			out["links"] = map[string]any{"path": "/api/1/csr/rdm/", "base": "elsewhere.example", "next": fmt.Sprintf("/api/1/csr/rdm/?limit=2&startafter=%d", last)}
		} else {
			out["lastid"] = last
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (l *dataLog) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.requests...)
}

// newPuller returns a plugin that fetches from a log.
func newPuller(t *testing.T, log http.Handler, change func(*Hologram)) *receiver {
	t.Helper()
	server := httptest.NewServer(log)
	t.Cleanup(server.Close)
	return newReceiver(t, func(h *Hologram) {
		h.ServiceAddress, h.Secret = "", ""
		h.APIURL = server.URL + "/api/1/csr/data"
		h.APIKeyFile = filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(h.APIKeyFile, []byte(testKey+"\n"), 0o600))
		h.PullInterval = execd.Duration(time.Second)
		h.timing.backoff, h.timing.longestBackoff = 50*time.Millisecond, 200*time.Millisecond
		if change != nil {
			change(h)
		}
	})
}

// items are some of an hour ago, and itemsNow some that are logged a moment ago.
func items(from, to int) []logItem { return itemsSince(time.Now().Add(-time.Hour), from, to) }

func itemsNow(from, to int) []logItem { return itemsSince(time.Now().Add(-time.Minute), from, to) }

func itemsSince(now time.Time, from, to int) (all []logItem) {
	for i := from; i <= to; i++ {
		all = append(all, logItem{id: i, device: 1 + i%3, at: now.Add(time.Duration(i) * time.Second), topic: fmt.Sprint("t", i%2), data: fmt.Sprintf("m v=%di %d", i, i)})
	}
	return all
}

func TestPull(t *testing.T) {
	for _, byLink := range []bool{false, true} {
		t.Run(fmt.Sprint("links ", byLink), func(t *testing.T) {
			log := &dataLog{byLink: byLink}
			log.add(items(1, 25)...)
			log.add(logItem{id: 26, at: time.Now().Add(-48 * time.Hour), data: "old v=1 1"})
			dir := t.TempDir()
			r := newPuller(t, log, func(h *Hologram) { h.PullLimit, h.BufferDirectory = 10, dir }).run()
			r.eventually(func() bool { return len(r.out.data()) >= 25 && len(log.asked()) >= 3 }, "not all came")
			require.Contains(t, log.asked()[0], "limit=10&timestart=")
			require.Contains(t, log.asked()[1], "startafter=16")

			// New ones come, and none comes twice.
			log.add(itemsNow(27, 30)...)
			r.eventually(func() bool { return len(r.out.data()) >= 29 }, "new ones do not come")
			require.Len(t, r.out.data(), 29)
			r.stop()

			// After a restart, from the cursor.
			log.add(itemsNow(31, 33)...)
			n := len(log.asked())
			other := newPuller(t, log, func(h *Hologram) { h.BufferDirectory = dir }).run()
			other.eventually(func() bool { return len(other.out.data()) >= 3 }, "what came meanwhile does not come")
			require.Len(t, other.out.data(), 3)
			from := query(log.asked()[n], "timestart")
			require.InDelta(t, time.Now().Add(-5*time.Minute).Unix(), from, 20, "the sweep does not begin at the cursor")
			other.stop()
			require.NotContains(t, r.log.String()+other.log.String(), testKey)
		})
	}
}

func query(q, name string) int64 {
	_, text, _ := strings.Cut(q, name+"=")
	text, _, _ = strings.Cut(text, "&")
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// A sweep that is interrupted goes on at its page, after a failure and after a restart.
func TestPullInterrupted(t *testing.T) {
	log := &dataLog{}
	log.add(items(1, 30)...)
	broken := true
	log.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if broken && r.URL.Query().Get("startafter") == "21" {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}
	dir := t.TempDir()
	r := newPuller(t, log, func(h *Hologram) { h.PullLimit, h.BufferDirectory = 10, dir }).run()
	r.eventually(func() bool { return len(log.asked()) >= 4 }, "it does not try again")
	for _, q := range log.asked()[1:] {
		require.Contains(t, q, "startafter=21")
	}
	r.stop()
	require.Len(t, r.out.data(), 10)
	require.Contains(t, r.log.String(), "E! Fetching messages: the REST API answers 502")
	require.Equal(t, 1, strings.Count(r.log.String(), "E! "), "said more than once")

	log.mu.Lock()
	broken, log.requests = false, nil
	log.mu.Unlock()
	other := newPuller(t, log, func(h *Hologram) { h.PullLimit, h.BufferDirectory = 10, dir }).run()
	other.eventually(func() bool { return len(other.out.data()) >= 20 }, "the rest does not come")
	require.Contains(t, log.asked()[0], "startafter=21")
	require.Len(t, other.out.data(), 20)
}

func TestPullRefused(t *testing.T) {
	log := &dataLog{}
	log.add(items(1, 2)...)
	start := time.Now()
	var again time.Time
	log.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		if len(log.requests) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"success":false,"error":"API rate limit exceeded"}`))
			return true
		}
		if again.IsZero() {
			again = time.Now()
		}
		return false
	}
	r := newPuller(t, log, nil).run()
	r.eventually(func() bool { return len(r.out.data()) == 2 }, "nothing comes")
	log.mu.Lock()
	require.GreaterOrEqual(t, again.Sub(start), time.Second, "Retry-After is not honoured")
	log.mu.Unlock()
	require.Contains(t, r.log.String(), "429")
	require.Contains(t, r.log.String(), "I! Fetches messages again")

	// A key that is renewed is read again.
	wrong := newPuller(t, log, func(h *Hologram) {
		require.NoError(t, os.WriteFile(h.APIKeyFile, []byte("an-old-key\n"), 0o600))
	}).run()
	wrong.eventually(func() bool { return strings.Contains(wrong.log.String(), "the key in api_key_file is wrong") }, "not said")
	require.NoError(t, os.WriteFile(wrong.APIKeyFile, []byte(testKey+"\n"), 0o600))
	wrong.eventually(func() bool { return len(wrong.out.data()) == 2 }, "nothing comes")
	require.NotContains(t, wrong.log.String(), "an-old-key")
}

func TestPullHostile(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked, with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }, errRedirect.Error()},
		{"redirects in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }, "too many redirects"},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "no list of messages"},
		{"no success", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"success":false,"data":[]}`)) }, "no list of messages"},
		{"no list", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"success":true,"data":{}}`)) }, "no list of messages"},
		{"too large", func(w http.ResponseWriter, _ *http.Request) {
			chunk := make([]byte, 1<<20)
			for range 20 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "a smaller pull_limit helps"},
		{"the same page for ever", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"success":true,"continues":true,"lastid":7,"data":[{"data":"aGk="},{"data":7}]}`))
		}, "gives the same page again"},
		{"another host in links", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("startafter") == "7" {
				_, _ = w.Write([]byte(`{"success":false}`))
				return
			}
			_, _ = w.Write([]byte(`{"success":true,"continues":true,"links":{"next":"` + other.URL + `/?startafter=7"},"data":[]}`))
		}, "no list of messages"},
		{"nothing that can be read", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"success":true,"data":[{"data":7},{}]}`))
		}, "Nothing of a page can be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newPuller(t, http.HandlerFunc(tt.answer), nil).run()
			r.eventually(func() bool { return strings.Contains(r.log.String(), tt.want) }, "not said: "+tt.want)
		})
	}
}

func TestPullFilters(t *testing.T) {
	log := &dataLog{}
	log.add(items(1, 12)...)
	r := newPuller(t, log, func(h *Hologram) {
		h.PullDevices, h.PullTopics, h.PullOrganization = []string{"1", "3"}, []string{"t1"}, "77"
	}).run()
	r.eventually(func() bool { return len(r.out.data()) >= 4 }, "not all came")
	for _, want := range []string{"deviceids=1%2C3", "topicname=t1", "orgid=77"} {
		require.Contains(t, log.asked()[0], want)
	}
	require.Len(t, r.out.data(), 4) // 3, 5, 9, 11: the log knows no filters
}

// Both ways at once count each message once.
func TestBothWays(t *testing.T) {
	log := &dataLog{page: 7}
	all := itemsNow(1, 40)
	log.add(all[:20]...)
	r := newPuller(t, log, func(h *Hologram) {
		h.ServiceAddress, h.Secret = "127.0.0.1:0", testSecret
		h.BufferDirectory = t.TempDir()
	}).run()
	c := newClient(t)
	for i, it := range all {
		if i%5 == 4 {
			continue // lost on the way
		}
		for range 1 + i%2 {
			status, text := r.postWith(c, fmt.Sprintf(`{"received":%q,"tags":[%q],"device":{"id":%d,"name":"d"},"data":%q}`,
				it.at.UTC().Format("2006-01-02T15:04:05.000000"), it.topic, it.device, base64.StdEncoding.EncodeToString([]byte(it.data))))
			require.Equal(t, 204, status, text)
		}
	}
	log.add(all[20:]...)
	r.eventually(func() bool { return len(r.out.data()) >= 40 && r.counters.n[cPulls].Load() >= 3 }, "not all came")
	require.Len(t, r.out.data(), 40)
	// Webhooks that came twice, and those of what had been fetched; not what the log gives again and again.
	repeats := r.counters.n[cRepeats].Load()
	require.GreaterOrEqual(t, repeats, int64(16))
	require.LessOrEqual(t, repeats, int64(32))
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for s, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0} {
		require.Equal(t, want, retryAfter(s, now), s)
	}
}

// Stop ends a request that is on its way.
func TestPullStop(t *testing.T) {
	ctx, release := context.WithCancel(t.Context())
	asked := make(chan struct{}, 1)
	r := newPuller(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-ctx.Done():
		case <-r.Context().Done():
		}
	}), nil).run()
	<-asked
	start := time.Now()
	r.stop()
	require.Less(t, time.Since(start), time.Second)
	release()
}

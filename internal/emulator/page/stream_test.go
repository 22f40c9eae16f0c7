package page

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/metric"

	"github.com/influxdata/telegraf"
)

// event is one of the stream.
type event struct{ name, id, data string }

// listener reads an event stream.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func listen(t *testing.T, url string, header ...string) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	l := &listener{t: t, lines: bufio.NewScanner(answer.Body), close: func() { _ = answer.Body.Close() }}
	l.lines.Buffer(nil, 1<<20)
	t.Cleanup(l.close)
	return l
}

// next returns the next event. It is empty at the end of the stream.
func (l *listener) next() (e event) {
	for l.lines.Scan() {
		name, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch {
		case l.lines.Text() == "" && e.name != "":
			return e
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data += value + "\n"
		}
	}
	return event{}
}

// names reads up to a summary, and returns the kinds and numbers of what came.
func (l *listener) names() (names, place string) {
	for {
		e := l.next()
		switch e.name {
		case "message", "sms":
			_, id, _ := strings.Cut(e.data, `" id="`)
			id, _, _ = strings.Cut(id, `"`)
			names += id + " "
		case "summary":
			return names + e.name, e.id
		default:
			names += e.name + " "
		}
		if e.name == "" {
			return names, ""
		}
	}
}

func TestStream(t *testing.T) {
	feed := NewFeed()
	p := newPage(t, feed, &fakeModem{})
	p.timing.breath = 0
	url := serve(t, p)
	feed.AddMessage(message()) // on the page already
	l := listen(t, url+"events?after="+p.eventID(1))
	feed.AddMessage(message())
	names, place := l.names()
	require.Equal(t, "m2 summary", names)
	require.Equal(t, p.eventID(2), place)
	feed.AddSMS(SMS{Time: at, Text: "reboot"})
	names, _ = l.names()
	require.Equal(t, "s3 modem summary", names)

	// The browser connects again, and is told what it has missed, and nothing twice.
	l = listen(t, url+"events?after="+p.eventID(1), "Last-Event-Id", place)
	names, _ = l.names()
	require.Equal(t, "s3 modem summary", names)

	l = listen(t, url+"events?show=failed&after="+p.eventID(1))
	feed.AddMessage(refused("why"))
	for names, place = l.names(); place != p.eventID(4); names, place = l.names() {
		require.NotContains(t, names, "m2")
	}
	require.Contains(t, names, "m4")
}

func TestStreamOfAnotherRun(t *testing.T) {
	p := newPage(t, NewFeed(), nil)
	url := serve(t, p)
	for _, after := range []string{"", "1", "other-1", p.feed.run, p.feed.run + "-x", p.feed.run + "--1"} {
		l := listen(t, url+"events?after="+after)
		require.Equal(t, "restart", l.next().name, after)
		require.Empty(t, l.next().name)
	}
}

// All that is added while clients listen, they get, in order.
func TestStreamUnderLoad(t *testing.T) {
	feed := NewFeed()
	p := newPage(t, feed, nil)
	p.timing.breath = time.Millisecond
	url := serve(t, p)
	const adders, each = 4, 100
	var listening sync.WaitGroup
	for range 3 {
		l := listen(t, url+"events?after="+p.eventID(0))
		listening.Go(func() {
			last := 0
			for last < adders*each {
				e := l.next()
				if e.name == "" {
					t.Error("the stream has ended")
					return
				}
				if e.name != "message" {
					continue
				}
				_, id, _ := strings.Cut(e.data, ` id="m`)
				id, _, _ = strings.Cut(id, `"`)
				n, _ := strconv.Atoi(id)
				if n != last+1 {
					t.Errorf("message %d after %d", n, last)
					return
				}
				last = n
			}
		})
	}
	var adding sync.WaitGroup
	for range adders {
		adding.Go(func() {
			for range each {
				feed.AddMessage(message())
			}
		})
	}
	adding.Wait()
	listening.Wait()
}

func TestStreamBeats(t *testing.T) {
	m := &fakeModem{}
	p := newPage(t, NewFeed(), m)
	p.timing.heartbeat = 10 * time.Millisecond
	l := listen(t, serve(t, p)+"events?after="+p.eventID(0))
	require.Contains(t, l.next().data, "registered")
	m.mu.Lock()
	m.sick = true
	m.mu.Unlock()
	require.Eventually(t, func() bool { return strings.Contains(l.next().data, "unplugged") }, 5*time.Second, time.Millisecond)
}

func TestTooManyStreams(t *testing.T) {
	p := newPage(t, NewFeed(), nil)
	p.timing.heartbeat = 10 * time.Millisecond
	url := serve(t, p)
	var open []*listener
	for range maxStreams {
		open = append(open, listen(t, url+"events?after="+p.eventID(0)))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"events?after="+p.eventID(0), http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	open[0].close()
	require.Eventually(t, func() bool { return len(p.streams) < maxStreams }, 5*time.Second, time.Millisecond)
	listen(t, url+"events?after="+p.eventID(0))
}

// A client that does not read holds up nobody, and is dropped.
func TestSlowClient(t *testing.T) {
	feed := NewFeed()
	p := newPage(t, feed, nil)
	p.timing = timing{write: 100 * time.Millisecond, heartbeat: time.Hour, breath: 0}
	address := strings.TrimSuffix(strings.TrimPrefix(serve(t, p), "http://"), "/")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = fmt.Fprintf(conn, "GET /events?after=%s HTTP/1.1\r\nHost: %s\r\n\r\n", p.eventID(0), address)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(p.streams) == 1 }, 5*time.Second, time.Millisecond)
	big := message()
	big.Data = strings.Repeat("x", maxData)
	start := time.Now()
	for len(p.streams) > 0 && time.Since(start) < 20*time.Second {
		added := time.Now()
		for range 100 {
			feed.AddMessage(big)
		}
		require.Less(t, time.Since(added), 5*time.Second)
		time.Sleep(5 * time.Millisecond)
	}
	require.Empty(t, p.streams)
}

// However much comes, what is kept is bounded, and what is shown.
func TestFeedIsBounded(t *testing.T) {
	feed := NewFeed()
	for range maxItems + 7 {
		feed.AddMessage(message())
		feed.AddSMS(SMS{Time: at, Text: "x"})
	}
	s := feed.since(0)
	require.Len(t, s.messages, maxItems)
	require.Len(t, s.sms, maxItems)
	require.Len(t, s.measured, maxMeasured)
	require.EqualValues(t, 2*(maxItems+7), s.seq)
	require.Equal(t, s.seq, s.sms[maxItems-1].Seq)
	require.EqualValues(t, maxItems+7, s.totals.Messages)
	require.Len(t, feed.since(s.seq-10).messages, 5)
	require.Empty(t, feed.since(s.seq).sms)

	// Wide metrics, long names, and a metric that is larger than all that is shown.
	huge := message()
	huge.Data = strings.Repeat("\x00", 1<<20)
	huge.Topics = make([]string, 1000)
	wide := metric.New("wide", nil, nil, at)
	for i := range 5000 {
		wide.AddTag(fmt.Sprint("tag", i), strings.Repeat("v", 1000))
		wide.AddField(fmt.Sprint("field", i), strings.Repeat("v", 1000))
	}
	huge.Metrics = []telegraf.Metric{wide, weather()}
	for i := range 2000 {
		huge.Metrics = append(huge.Metrics, metric.New("m"+strconv.Itoa(i), nil, []telegraf.Field{{Key: "f", Value: 1.0}}, at))
	}
	v := huge.view()
	require.Less(t, v.size(), 64<<10)
	require.Len(t, v.Metrics, 1)
	require.Equal(t, 2001, v.MoreMetrics)
	require.Equal(t, "wide, weather, m0, m1 and 1998 more", v.Names)
	require.Equal(t, 1000-maxTopics, v.MoreTopics)
	require.True(t, v.Cut)
	for range 600 {
		feed.AddMessage(huge)
	}
	require.LessOrEqual(t, feed.messages.bytes, maxBytes)
	total := 0
	for _, e := range feed.messages.entries {
		total += e.size()
	}
	require.Equal(t, total, feed.messages.bytes)
	require.Greater(t, len(feed.messages.entries), 50)
}

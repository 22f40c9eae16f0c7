package hologram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/slot"
)

const (
	// pageMost is how large an answer of the REST API may be, in bytes.
	pageMost = 16 << 20
	// pageTimeout is how long an answer may take.
	pageTimeout = time.Minute
	// redirectsMost is how many redirects are followed, within the host.
	redirectsMost = 3
	// cursorSize is the longest cursor, in bytes.
	cursorSize = 1024
	// clockLimit is how far a cursor may be ahead of the clock: one from a time when that was wrong is not used.
	clockLimit = 24 * time.Hour
)

// pull fetches messages from the cloud's data log.
//
// The log is given newest first, in pages. A sweep reads it from its end back to the cursor, and when it has come there,
// the cursor moves to where the sweep began, less the overlap. So what is logged late is found, and what is found twice
// is known. A sweep that is interrupted goes on at its page.
type pull struct {
	api      *url.URL
	keyFile  string
	query    url.Values // the filters
	limit    int
	interval time.Duration
	first    time.Duration // how far back the first sweep goes
	overlap  time.Duration
	devices  map[string]bool // empty: all
	topics   []string        // empty: all

	backoff, longestBackoff time.Duration

	intake   *intake
	counters *counters
	log      telegraf.Logger
	client   *http.Client

	file   *slot.File // nil: the cursor is in memory
	cursor cursor
	failed bool
}

// cursor is how far the data log is read.
type cursor struct {
	// From is where a sweep ends, in seconds since 1970.
	From int64 `json:"from"`
	// To is From of the next sweep, 0 if none is on its way.
	To int64 `json:"to,omitempty"`
	// After is the item behind which the sweep goes on, empty if none is on its way.
	After string `json:"after,omitempty"`
}

// openPull reads the key, to fail early, and the cursor.
func (h *Hologram) openPull() (*pull, error) {
	if _, err := readSecret("api_key_file", h.APIKeyFile); err != nil {
		return nil, err
	}
	api, err := url.Parse(h.APIURL)
	if err != nil {
		return nil, fmt.Errorf("api_url: %w", err)
	}
	p := &pull{
		api:            api,
		keyFile:        h.APIKeyFile,
		query:          url.Values{},
		limit:          h.PullLimit,
		interval:       time.Duration(h.PullInterval),
		first:          time.Duration(h.PullStart),
		overlap:        time.Duration(h.PullOverlap),
		devices:        make(map[string]bool),
		topics:         h.PullTopics,
		backoff:        h.timing.backoff,
		longestBackoff: h.timing.longestBackoff,
		intake:         h.intake,
		counters:       &h.counters,
		log:            h.Log,
	}
	// The API has a name for one and another for several.
	filter := func(one, several string, values []string) {
		switch len(values) {
		case 0:
		case 1:
			p.query.Set(one, values[0])
		default:
			p.query.Set(several, strings.Join(values, ","))
		}
	}
	filter("deviceid", "deviceids", h.PullDevices)
	filter("topicname", "topicnames", h.PullTopics)
	if h.PullOrganization != "" {
		p.query.Set("orgid", h.PullOrganization)
	}
	for _, d := range h.PullDevices {
		p.devices[d] = true
	}
	p.client = &http.Client{
		Timeout:       pageTimeout,
		CheckRedirect: p.checkRedirect,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: pageTimeout,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second,
		},
	}
	if h.BufferDirectory != "" {
		var value []byte
		if p.file, value, err = slot.Open(filepath.Join(h.BufferDirectory, "cursor"), cursorSize); err != nil {
			return nil, fmt.Errorf("opening the cursor of the data log: %w", err)
		}
		if len(value) > 0 && json.Unmarshal(value, &p.cursor) != nil {
			h.Log.Warnf("The cursor of the data log cannot be read; begins anew")
			p.cursor = cursor{}
		}
	}
	return p, nil
}

var errRedirect = errors.New("it redirects to another host, which does not get the key")

// checkRedirect keeps the key on its host.
func (p *pull) checkRedirect(r *http.Request, via []*http.Request) error {
	switch {
	case r.URL.Scheme != p.api.Scheme || r.URL.Host != p.api.Host:
		return errRedirect
	case len(via) > redirectsMost:
		return errors.New("too many redirects")
	}
	return nil
}

// apiError is an answer that is no success.
type apiError struct {
	status int
	after  time.Duration // what the answer asks for
}

func (e *apiError) Error() string {
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("the REST API answers %d: the key in api_key_file is wrong, or may not read the data log", e.status)
	case http.StatusTooManyRequests:
		return "the REST API answers 429: too many requests"
	}
	return fmt.Sprintf("the REST API answers %d", e.status)
}

// run fetches at each interval until ctx ends.
func (p *pull) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		p.counters.add(cPulls, 1)
		err := p.sweep(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := p.interval
		if err != nil {
			p.counters.add(cPullFailures, 1)
			pause = p.pause(err, failures)
			failures++
			if !p.failed {
				p.log.Errorf("Fetching messages: %v", err)
			}
			p.log.Debugf("Fetching messages failed %d times, goes on in %v: %v", failures, pause, err)
			p.failed = true
		} else {
			if p.failed {
				p.log.Infof("Fetches messages again")
			}
			failures, p.failed = 0, false
		}
		wait(ctx, pause)
	}
}

// pause is how long to wait after the nth failure in a row.
func (p *pull) pause(err error, n int) time.Duration {
	pause := min(p.backoff<<min(n, 16), p.longestBackoff)
	if answer, ok := errors.AsType[*apiError](err); ok && answer.after > 0 {
		pause = min(answer.after, time.Hour)
	}
	return pause + rand.N(pause/4+1) // so that many do not come at once
}

// sweep reads the data log back to the cursor.
func (p *pull) sweep(ctx context.Context) error {
	now := time.Now()
	if p.cursor.From == 0 || time.Unix(p.cursor.From, 0).After(now.Add(clockLimit)) {
		p.cursor = cursor{From: now.Add(-p.first).Unix()}
	}
	seen := make(map[string]bool)
	for {
		page, err := p.get(ctx)
		if err != nil {
			return err
		}
		if err := p.take(ctx, page.Data); err != nil {
			return err
		}
		if p.cursor.To == 0 {
			// The cloud's own clock, where it tells it: ours may be ahead.
			p.cursor.To = max(p.cursor.From, page.at.Add(-p.overlap).Unix())
		}
		after := page.next(p.api)
		if after == "" || seen[after] {
			if after != "" {
				p.log.Warnf("The REST API gives the same page again; goes on with the next sweep")
			}
			p.cursor = cursor{From: p.cursor.To}
			return p.save()
		}
		seen[after] = true
		p.cursor.After = after
		if err := p.save(); err != nil {
			return err
		}
	}
}

// save keeps the cursor.
func (p *pull) save() error {
	if p.file == nil {
		return nil
	}
	value, err := json.Marshal(p.cursor)
	if err == nil {
		err = p.file.Write(value)
	}
	if err != nil {
		return fmt.Errorf("keeping the cursor of the data log: %w", err)
	}
	return nil
}

func (p *pull) close() {
	p.client.CloseIdleConnections()
	if p.file != nil {
		if err := errors.Join(p.file.Sync(), p.file.Close()); err != nil {
			p.log.Warnf("Keeping the cursor of the data log: %v", err)
		}
	}
}

// page is an answer of the REST API.
type page struct {
	Success   *bool           `json:"success"`
	Data      json.RawMessage `json:"data"`
	Size      int             `json:"size"`
	Continues bool            `json:"continues"`
	LastID    json.Number     `json:"lastid"`
	Links     struct {
		Next string `json:"next"`
	} `json:"links"`

	at time.Time // of the answer
}

// next returns the item behind which the next page begins, empty if there is none. Of links.next it takes nothing else:
// it names other hosts and paths.
func (p *page) next(api *url.URL) string {
	if !p.Continues {
		return ""
	}
	if p.LastID != "" && p.LastID != "0" {
		return p.LastID.String()
	}
	link, err := api.Parse(p.Links.Next)
	if err != nil {
		return ""
	}
	if after := link.Query().Get("startafter"); len(after) <= 64 {
		return after
	}
	return ""
}

// get asks for the next page.
func (p *pull) get(ctx context.Context) (*page, error) {
	key, err := readSecret("api_key_file", p.keyFile) // each time: it may have been renewed
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	maps.Copy(query, p.query)
	query.Set("limit", strconv.Itoa(p.limit))
	query.Set("timestart", strconv.FormatInt(p.cursor.From, 10))
	if p.cursor.After != "" {
		query.Set("startafter", p.cursor.After)
	}
	u := *p.api
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth("apikey", key)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "telegraf-hologram")
	answer, err := p.client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the query
		}
		return nil, fmt.Errorf("asking %s: %w", p.api.Host, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, answer.Body, 4<<10)
		return nil, &apiError{answer.StatusCode, retryAfter(answer.Header.Get("Retry-After"), time.Now())}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, pageMost+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer of the REST API: %w", err)
	case len(body) > pageMost:
		return nil, fmt.Errorf("the answer of the REST API has more than %v; a smaller pull_limit helps", execd.Size(pageMost))
	}
	var out page
	if json.Unmarshal(body, &out) != nil || out.Success != nil && !*out.Success {
		return nil, errors.New("the answer of the REST API is no list of messages")
	}
	if out.at, err = http.ParseTime(answer.Header.Get("Date")); err != nil {
		out.at = time.Now()
	}
	return &out, nil
}

// retryAfter reads the header of that name: seconds, or a time. It is 0 where there is none.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// take takes the messages of a page. One that can never be read does not stop the others.
func (p *pull) take(ctx context.Context, data json.RawMessage) error {
	if len(data) == 0 || data[0] != '[' {
		return errors.New("the answer of the REST API has no list of messages")
	}
	return p.intake.take(ctx, true, func() ([]event.Message, error) {
		all, err := event.Messages(data)
		if err != nil && len(all) == 0 {
			p.counters.add(cItems, 1)
			p.log.Debugf("Nothing of a page can be read: %v", err)
			return nil, nil
		}
		return slices.DeleteFunc(all, func(m event.Message) bool { return !p.wants(&m) }), err
	})
}

// wants tells whether a message passes the filters, for an API that does not know them.
func (p *pull) wants(m *event.Message) bool {
	if len(p.devices) > 0 && !p.devices[m.DeviceID] {
		return false
	}
	return len(p.topics) == 0 || slices.ContainsFunc(m.Topics, func(t string) bool { return slices.Contains(p.topics, t) })
}

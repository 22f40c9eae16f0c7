package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultAPIItems is how many messages the API lists.
	DefaultAPIItems = 10_000

	maxAPIItems      = 1_000_000
	defaultPageSize  = 25 // documented
	maxPageSize      = 1000
	maxPageBytes     = 8 << 20
	maxAPIHeader     = 64 << 10
	apiReadTimeout   = 10 * time.Second
	apiWriteTimeout  = 30 * time.Second
	apiIdleTimeout   = time.Minute
	apiShutdownGrace = time.Second

	apiUser = "apikey" // documented

	// What is documented as links.path, whichever path was asked for.
	apiPath = "/api/1/csr/rdm/"
)

// APIConfig says how the part of the cloud's REST API works that lists what
// devices have sent: GET /api/1/csr/data, and /api/1/csr/rdm, which is the same.
type APIConfig struct {
	// Address is where to listen, as host:port; empty is no API. What
	// Config.AllowRemote says is for this address as well: the API key and the
	// data cross the network in clear text.
	Address string
	// Key is the API key, the password of the user "apikey". Empty accepts every
	// key that is not empty. It is secret: nothing in this package prints it.
	Key string
	// MaxItems bounds the messages that the API lists (0 is DefaultAPIItems),
	// besides 64 MiB of data. The oldest go first.
	MaxItems int
	// Faults says how to fail, until [Server.SetAPIFaults] says otherwise.
	Faults APIFaults
}

// api serves the data log.
type api struct {
	cfg    APIConfig
	key    [sha256.Size]byte
	log    *dataLog
	plan   *plan
	server *http.Server
	served sync.WaitGroup

	mu  sync.Mutex
	ln  net.Listener
	err error // of serving; read after served
}

// newAPI returns nil if there is none.
func newAPI(cfg APIConfig, seed uint64) (*api, error) {
	if cfg.Address == "" {
		if cfg.Key != "" || len(cfg.Faults.faults.list) > 0 {
			return nil, errors.New("there is no API that its options would be for")
		}
		return nil, nil //nolint:nilnil // no API is no error
	}
	if cfg.MaxItems < 0 || cfg.MaxItems > maxAPIItems {
		return nil, fmt.Errorf("maximum of %d items is not from 0 to %d", cfg.MaxItems, maxAPIItems)
	}
	if cfg.MaxItems == 0 {
		cfg.MaxItems = DefaultAPIItems
	}
	a := &api{
		cfg:  cfg,
		key:  sha256.Sum256([]byte(cfg.Key)),
		log:  &dataLog{max: cfg.MaxItems},
		plan: newPlan(seed),
	}
	a.plan.set(cfg.Faults.faults)
	a.server = &http.Server{
		Handler:           a,
		ReadHeaderTimeout: apiReadTimeout,
		ReadTimeout:       apiReadTimeout,
		IdleTimeout:       apiIdleTimeout,
		MaxHeaderBytes:    maxAPIHeader,
		// Each answer has its own deadline, which begins when it is written.
		ErrorLog: log.New(io.Discard, "", 0), // a client's errors are its own affair
	}
	return a, nil
}

// start serves on ln until close. failed is called if serving fails.
func (a *api) start(ctx context.Context, failed func()) {
	if a == nil {
		return
	}
	// So that a late answer ends with the server.
	a.server.BaseContext = func(net.Listener) context.Context { return ctx }
	ln := a.listener()
	a.served.Go(func() {
		if err := a.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			a.err = fmt.Errorf("cannot serve the API: %w", err)
			failed()
		}
	})
}

// close ends it, with a moment for the answers that are being written.
func (a *api) close() error {
	if a == nil || a.listener() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), apiShutdownGrace)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		_ = a.server.Close()
	}
	_ = a.listener().Close() // not the server's own if it has never served
	a.served.Wait()
	return a.err
}

func (a *api) listener() net.Listener {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ln
}

// apiAnswer is a page of the list, in the documented envelope.
type apiAnswer struct {
	Success   bool      `json:"success"`
	Limit     int       `json:"limit"`
	Size      int       `json:"size"`
	Continues bool      `json:"continues"`
	Links     apiLinks  `json:"links"`
	LastID    int64     `json:"lastid"`
	Data      []apiItem `json:"data"`
}

type apiLinks struct {
	Path string `json:"path"`
	Base string `json:"base"`
	Next string `json:"next,omitempty"`
}

type apiItem struct {
	ID             int64         `json:"id"`
	Logged         string        `json:"logged"`
	Expires        string        `json:"expires"`
	OrgID          int           `json:"orgid"`
	DeviceID       int           `json:"deviceid"`
	RecordID       string        `json:"record_id"`
	DeviceMetadata string        `json:"device_metadata"` // JSON
	Data           string        `json:"data"`            // JSON
	MatchedRules   []matchedRule `json:"matched_rules"`
	Tags           []string      `json:"tags"`
}

func (r record) item() apiItem {
	item := apiItem{
		ID:             r.id,
		Logged:         r.received.UTC().Format(dataLogTime),
		Expires:        r.received.UTC().AddDate(1, 0, 0).Format(dataLogTime),
		OrgID:          dataLogOrganization,
		DeviceID:       r.device,
		RecordID:       r.recordID,
		DeviceMetadata: "{}",
		Data:           r.data,
		MatchedRules:   r.rules,
		Tags:           r.topics,
	}
	if item.MatchedRules == nil {
		item.MatchedRules = []matchedRule{}
	}
	if item.Tags == nil {
		item.Tags = []string{}
	}
	return item
}

// ServeHTTP answers one request under the fault whose turn it is.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := a.plan.next()
	switch f.mode {
	case apiStatus:
		if f.timed {
			w.Header().Set("Retry-After", strconv.FormatInt(int64(math.Ceil(f.delay.Seconds())), 10))
		}
		refuseRequest(w, f.status, statusText(f.status))
		return
	case apiReset:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			abort(conn)
		}
		return
	case apiJunk:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Bad gateway</title>\n")
		return
	case apiLate:
		if sleep(r.Context(), f.delay) != nil {
			return
		}
	}
	answer, status, problem := a.answer(r)
	if problem != "" {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="Hologram"`)
		}
		refuseRequest(w, status, problem)
		return
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // links.next has &
	if err := encoder.Encode(answer); err != nil {
		refuseRequest(w, http.StatusInternalServerError, "cannot write the answer")
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(apiWriteTimeout))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	if f.mode == apiTruncate {
		_, _ = w.Write(text.Bytes()[:text.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // net/http's way to break a connection off
	}
	_, _ = w.Write(text.Bytes()) // an error means that the client is gone
}

// statusText is the error of a status: documented for 429.
func statusText(status int) string {
	if status == http.StatusTooManyRequests {
		return "API rate limit exceeded"
	}
	return http.StatusText(status)
}

// refuseRequest answers in the documented form of an error.
func refuseRequest(w http.ResponseWriter, status int, problem string) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(apiWriteTimeout))
	text, err := json.Marshal(struct {
		Success bool   `json:"success"`
		Error   string `json:"error"`
	}{Error: problem})
	if err != nil {
		return // strings can always be marshaled
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// answer makes a page, or says with which status and why there is none.
func (a *api) answer(r *http.Request) (page apiAnswer, status int, problem string) {
	switch user, password, ok := r.BasicAuth(); {
	case !ok:
		return page, http.StatusUnauthorized, "no API key: it is the password of the user \"" + apiUser + "\" (Basic authentication)"
	case user != apiUser || !a.accepts(password):
		return page, http.StatusUnauthorized, "wrong user or API key"
	}
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case "/api/1/csr/data", "/api/1/csr/rdm":
	default:
		return page, http.StatusNotFound, "no such resource: only /api/1/csr/data and /api/1/csr/rdm are emulated"
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return page, http.StatusMethodNotAllowed, "only GET is emulated"
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return page, http.StatusBadRequest, "malformed query"
	}
	query, none, err := parseQuery(values)
	if err != nil {
		return page, http.StatusBadRequest, err.Error()
	}
	page = apiAnswer{Success: true, Limit: query.limit, Links: apiLinks{Path: apiPath, Base: r.Host}, Data: []apiItem{}}
	if none {
		return page, http.StatusOK, ""
	}
	records, more := a.log.find(query, maxPageBytes)
	for _, one := range records {
		page.Data = append(page.Data, one.item())
		page.LastID = one.id
	}
	page.Size, page.Continues = len(records), more
	if more {
		page.Links.Next = nextPage(values, page.LastID)
	}
	return page, http.StatusOK, ""
}

// accepts compares keys in constant time, whatever their lengths.
func (a *api) accepts(key string) bool {
	if a.cfg.Key == "" {
		return key != ""
	}
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], a.key[:]) == 1
}

// apiParameters are those of a query that make a difference here.
func apiParameters() []string {
	return []string{
		"limit", "startafter", "timestart", "timeend", "deviceid", "deviceids", "orgid", "orgids",
		"topicname", "topicnames", "tagname", "tagnames", "error",
	}
}

// nextPage repeats a query from after an ID. Parameters that are not known may
// be secrets in the wrong place, and are left out.
func nextPage(values url.Values, last int64) string {
	next := url.Values{}
	for _, name := range apiParameters() {
		if given, ok := values[name]; ok {
			next[name] = given
		}
	}
	next.Set("startafter", strconv.FormatInt(last, 10))
	return apiPath + "?" + next.Encode()
}

// parseQuery reads the parameters. Those that are not known are ignored, as
// servers do. none is true if nothing can match.
func parseQuery(values url.Values) (q dataLogQuery, none bool, err error) {
	q = dataLogQuery{limit: defaultPageSize, to: math.MaxInt64}
	number := func(name string, least int64, set func(int64)) {
		text := values.Get(name)
		if text == "" || err != nil {
			return
		}
		n, parseErr := strconv.ParseInt(text, 10, 64)
		if parseErr != nil || n < least {
			err = fmt.Errorf("%s is not a whole number from %d", name, least)
			return
		}
		set(n)
	}
	number("limit", 1, func(n int64) { q.limit = int(min(n, maxPageSize)) })
	number("startafter", 0, func(n int64) { q.before = n })
	number("timestart", 0, func(n int64) { q.from = n })
	number("timeend", 0, func(n int64) { q.to = n })
	if err != nil {
		return q, false, err
	}
	for _, text := range listOf(values, "deviceid", "deviceids") {
		id, err := strconv.Atoi(text)
		if err != nil {
			return q, false, errors.New("deviceid is not a whole number, or deviceids not a list of them")
		}
		if q.devices == nil {
			q.devices = make(map[int]bool)
		}
		q.devices[id] = true
	}
	// Topics are the only tags that there are.
	for _, topic := range listOf(values, "topicname", "topicnames", "tagname", "tagnames") {
		if q.topics == nil {
			q.topics = make(map[string]bool)
		}
		q.topics[topic] = true
	}
	if organizations := listOf(values, "orgid", "orgids"); organizations != nil {
		none = true
		for _, text := range organizations {
			id, err := strconv.Atoi(text)
			if err != nil {
				return q, false, errors.New("orgid is not a whole number, or orgids not a list of them")
			}
			none = none && id != dataLogOrganization
		}
	}
	q.failed = values.Get("error") == "true" || values.Get("error") == "1"
	return q, none, nil
}

// listOf returns the values of parameters that may be repeated or be lists with
// commas.
func listOf(values url.Values, names ...string) (list []string) {
	for _, name := range names {
		for _, text := range values[name] {
			for one := range strings.SplitSeq(text, ",") {
				if one = strings.TrimSpace(one); one != "" {
					list = append(list, one)
				}
			}
		}
	}
	return list
}

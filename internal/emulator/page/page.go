package page

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/emulator/modem"
)

const (
	readTimeout   = 10 * time.Second
	writeTimeout  = 10 * time.Second // of an answer, and of each step of an event stream
	idleTimeout   = time.Minute
	shutdownGrace = time.Second
	maxHeader     = 16 << 10
	maxForm       = 64 << 10
	maxStreams    = 16
	heartbeat     = 15 * time.Second       // so that a client that is gone is noticed
	breath        = 100 * time.Millisecond // between two steps of an event stream

	// defaultSender is what the box has at first: a number that is nobody's.
	defaultSender = "+15125550100"
)

//go:embed assets
var assets embed.FS

// Modem is what the page shows of a modem, and how it sends it an SMS. It is a
// [*modem.Modem].
type Modem interface {
	Receive(modem.Message) (parts int, err error)
	Status() modem.Status
	Profile() modem.Profile
}

// Config says what a [Page] shows.
type Config struct {
	// Host is a name under which the page may be asked for, besides localhost and
	// addresses of the loopback interface; empty is none.
	Host string
	// AllowRemote lets it be asked for under any IP address.
	AllowRemote bool
	// Cloud is the address of the Socket API; empty is that there is no cloud.
	Cloud string
	// Modem is the modem; nil is none. ModemPort is the name of its port.
	Modem     Modem
	ModemPort string
}

// Page serves a [Feed] as a page.
type Page struct {
	cfg      Config
	feed     *Feed
	handler  http.Handler
	template *template.Template
	streams  chan struct{} // one element for each client of the event stream
	timing   timing
}

// timing is for tests.
type timing struct{ write, heartbeat, breath time.Duration }

// New returns a page that shows a feed.
func New(feed *Feed, cfg Config) (*Page, error) {
	t, err := template.New("page.html").Funcs(template.FuncMap{"number": number[int], "total": number[int64]}).ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, fmt.Errorf("cannot set up the page: %w", err)
	}
	p := &Page{
		cfg: cfg, feed: feed, template: t,
		streams: make(chan struct{}, maxStreams),
		timing:  timing{writeTimeout, heartbeat, breath},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.index)
	mux.HandleFunc("GET /events", p.events)
	mux.HandleFunc("POST /sms", p.send)
	for name, kind := range map[string]string{
		"style.css": "text/css; charset=utf-8", "script.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return nil, fmt.Errorf("cannot set up the page: %w", err)
		}
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) { p.write(w, http.StatusOK, kind, text) })
	}
	p.handler = http.NewCrossOriginProtection().Handler(mux)
	return p, nil
}

// Serve answers requests on ln until ctx ends; then it ends the event streams, gives
// other answers a second, and returns nil. It closes ln in any case. A listener that
// other machines can reach is refused unless Config.AllowRemote is set.
func (p *Page) Serve(ctx context.Context, ln net.Listener) error {
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && !p.cfg.AllowRemote {
		return errors.Join(fmt.Errorf("page: address %s is not on the loopback interface", tcp), ln.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           p,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// Each answer has its own deadline, which begins when it is written.
		ErrorLog:    log.New(io.Discard, "", 0), // a client's errors are its own affair
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(ln)
	if !stop() {
		<-stopped
		return nil
	}
	_ = server.Close()
	return fmt.Errorf("cannot serve the page: %w", err)
}

// ServeHTTP answers a request of which the name is ours, and which no other page makes.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if !p.isOurs(r.Host) {
		p.refuse(w, http.StatusMisdirectedRequest, "This page is not known under that name: use localhost or an IP address.")
		return
	}
	// Package http looks after POST; what others must not even open is an event stream.
	if site := r.Header.Get("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		p.refuse(w, http.StatusForbidden, "Another page may not ask for this.")
		return
	}
	p.handler.ServeHTTP(w, r)
}

// isOurs tells whether a host, with or without a port, is one that only we can be. A
// name could be anybody's who has had it resolved to this machine.
func (p *Page) isOurs(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback() || p.cfg.AllowRemote
	}
	return strings.EqualFold(host, "localhost") || p.cfg.Host != "" && strings.EqualFold(host, p.cfg.Host)
}

func (p *Page) write(w http.ResponseWriter, status int, kind string, text []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(p.timing.write))
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // an error means that the client is gone
}

func (p *Page) refuse(w http.ResponseWriter, status int, problem string) {
	p.write(w, status, "text/plain; charset=utf-8", []byte(problem+"\n"))
}

// filter selects messages.
type filter struct {
	Show string // all, data, sms, failed
	Text string
}

const maxFilter = 200

// filterOf reads the filter of a query. What is not known is no filter.
func filterOf(q url.Values) filter {
	f := filter{Show: "all", Text: strings.TrimSpace(q.Get("q"))}
	switch show := q.Get("show"); show {
	case "data", "sms", "failed":
		f.Show = show
	}
	f.Text = printable(f.Text[:min(len(f.Text), maxFilter)], maxFilter)
	return f
}

// matches tells whether a message is to be shown.
func (f filter) matches(m *messageView) bool {
	switch {
	case f.Show == "data" && m.To != "",
		f.Show == "sms" && m.To == "",
		f.Show == "failed" && m.Outcome == Taken && m.DecodeError == "":
		return false
	}
	return f.Text == "" || m.matches(strings.ToLower(f.Text))
}

// query is the filter with where an event stream goes on.
func (f filter) query(after string) string {
	return url.Values{"show": {f.Show}, "q": {f.Text}, "after": {after}}.Encode()
}

// indexView is what the page is made of.
type indexView struct {
	Cloud    string
	NC       string // Cloud as nc takes it
	Filter   filter
	Stream   string // the address of the event stream
	Messages []entry
	SMS      []entry
	Summary  summaryView
	Modem    *modemView
	Max      int
	From     string // of the box
	Text     string
	Problem  string
}

func (p *Page) index(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, indexView{From: defaultSender})
}

// show writes the page.
func (p *Page) show(w http.ResponseWriter, r *http.Request, status int, v indexView) {
	snap := p.feed.since(0)
	v.Cloud, v.Max, v.Filter = p.cfg.Cloud, maxItems, filterOf(r.URL.Query())
	if host, port, err := net.SplitHostPort(v.Cloud); err == nil {
		v.NC = host + " " + port
	}
	v.Stream = "events?" + v.Filter.query(p.eventID(snap.seq))
	v.Summary, v.Modem = summary(snap), p.modem()
	for _, e := range slices.Backward(snap.messages) {
		if v.Filter.matches(e.Message) {
			v.Messages = append(v.Messages, e)
		}
	}
	slices.Reverse(snap.sms)
	v.SMS = snap.sms
	var text bytes.Buffer
	if err := p.template.Execute(&text, v); err != nil {
		p.refuse(w, http.StatusInternalServerError, "The page cannot be made.")
		return
	}
	p.write(w, status, "text/html; charset=utf-8", text.Bytes())
}

// send has the network deliver an SMS to the modem. With a script it answers in a line;
// without, with the page.
func (p *Page) send(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.refuse(w, http.StatusBadRequest, "The form cannot be read.")
		return
	}
	from := strings.TrimSpace(r.PostForm.Get("from"))
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n") // as forms have newlines
	parts, err := 0, error(nil)
	switch {
	case p.cfg.Modem == nil:
		err = errors.New("there is no modem")
	case text == "":
		err = errors.New("the text is empty")
	default:
		parts, err = p.cfg.Modem.Receive(modem.Message{From: from, Text: text})
	}
	plain := r.Header.Get("Accept") == "text/plain"
	switch {
	case err != nil && plain:
		p.refuse(w, http.StatusUnprocessableEntity, "Not sent: "+printable(err.Error(), maxShort))
	case err != nil:
		p.show(w, r, http.StatusUnprocessableEntity, indexView{From: from, Text: text, Problem: "Not sent: " + printable(err.Error(), maxShort)})
	case plain:
		p.write(w, http.StatusOK, "text/plain; charset=utf-8", []byte(fmt.Sprintf("Sent in %d SMS\n", parts)))
	default:
		http.Redirect(w, r, "/#modem", http.StatusSeeOther)
	}
}

// number writes a number with commas.
func number[T int | int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

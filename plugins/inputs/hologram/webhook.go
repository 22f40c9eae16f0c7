package hologram

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/event"
)

const (
	// headerMost is how many bytes the headers of a request may have.
	headerMost = 16 << 10
	// bodiesMost is how many bytes of bodies may be in memory at once, with room for two of the largest.
	bodiesMost = 24 << 20
	// busyWait is what is asked of who comes when nothing can be taken.
	busyWait = 5 * time.Second
	// ofOneSource is the share of all connections that one source may have.
	ofOneSource = 4
	leastOfOne  = 16
)

// webhook is the HTTP server.
type webhook struct {
	path      string
	methods   []string
	header    string
	secret    [sha256.Size]byte
	open      bool // without a secret
	allowed   []netip.Prefix
	proxies   []netip.Prefix
	bodyLimit int64
	timeout   time.Duration

	template *template
	rates    rates
	bodies   budget
	intake   *intake
	counters *counters
	log      telegraf.Logger

	listener net.Listener
	server   *http.Server
}

// openWebhook reads the files that the options name, and listens.
func (h *Hologram) openWebhook() (*webhook, error) {
	w := &webhook{
		path:      h.Path,
		methods:   h.Methods,
		header:    h.SecretHeader,
		open:      h.AllowUnauthenticated,
		allowed:   h.allowed,
		proxies:   h.proxies,
		bodyLimit: int64(h.BodyLimit),
		timeout:   time.Duration(h.AnswerTimeout),
		template:  h.newTemplate(),
		rates:     rates{perSecond: float64(h.RateLimit)},
		bodies:    budget{most: max(bodiesMost, 2*int64(h.BodyLimit))},
		intake:    h.intake,
		counters:  &h.counters,
		log:       h.Log,
	}
	secret := h.Secret
	if h.SecretFile != "" {
		var err error
		if secret, err = readSecret("secret_file", h.SecretFile); err == nil {
			err = checkSecretText(secret)
		}
		if err != nil {
			return nil, fmt.Errorf("the secret in secret_file: %w", err)
		}
	}
	w.secret = sha256.Sum256([]byte(secret))
	var secure *tls.Config
	if h.TLSCert != "" {
		var err error
		if secure, err = newTLS(h.TLSCert, h.TLSKey, h.Log); err != nil {
			return nil, err
		}
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", h.ServiceAddress)
	if err != nil {
		return nil, fmt.Errorf("opening service_address: %w", err)
	}
	w.listener = &limiter{
		Listener: listener, most: h.MaxConnections, mostOfOne: max(h.MaxConnections/ofOneSource, leastOfOne), proxies: h.proxies,
		refused: func() { w.count(cRefusedConnections, "Too many connections at the same time") },
	}
	if secure != nil {
		w.listener = tls.NewListener(w.listener, secure)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // one request of a connection at a time
	w.server = &http.Server{
		Handler:           w,
		Protocols:         &protocols,
		ReadHeaderTimeout: h.timing.header,
		ReadTimeout:       h.timing.read,
		WriteTimeout:      h.timing.read + w.timeout + 5*time.Second,
		IdleTimeout:       h.timing.idle,
		MaxHeaderBytes:    headerMost,
		ErrorLog:          stdlog.New(debugLog{h.Log}, "", 0),
	}
	if h.AllowUnauthenticated {
		h.Log.Warnf("allow_unauthenticated is set: anyone who reaches %s can write metrics", listener.Addr())
	} else if secure == nil && !loopbackAddr(listener.Addr()) && len(h.proxies) == 0 {
		h.Log.Warnf("There is no tls_cert: the secret and the messages are shown to the network, unless a proxy or a tunnel is before this port")
	}
	h.Log.Infof("Takes webhooks at %s%s", listener.Addr(), h.Path)
	return w, nil
}

func loopbackAddr(a net.Addr) bool { return addrOf(a.String()).IsLoopback() }

// debugLog is a writer of lines for the log.
type debugLog struct{ log telegraf.Logger }

func (d debugLog) Write(line []byte) (int, error) {
	d.log.Debugf("%s", bytes.TrimRight(line, "\n"))
	return len(line), nil
}

// serve serves until close.
func (w *webhook) serve() {
	if err := w.server.Serve(w.listener); !errors.Is(err, http.ErrServerClosed) {
		w.log.Errorf("Takes no more webhooks: %v", err)
	}
}

// shutdown takes no more requests, and lets those that are being answered come to their end, for a time. It returns
// whether they have.
func (w *webhook) shutdown(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return w.server.Shutdown(ctx) == nil
}

// close ends all connections.
func (w *webhook) close() {
	_ = w.server.Close()
	_ = w.listener.Close() // if it was never served
}

// refusal is why a request is not taken.
type refusal struct {
	status int
	count  counter
	reason string
	after  time.Duration // when it may be tried again, 0 for never or at once
}

func (r *refusal) Error() string { return r.reason }

// count counts a refusal. The log says it now and then.
func (w *webhook) count(of counter, reason string) {
	w.counters.add(of, 1)
	if times, ok := w.counters.complain(of, time.Now()); ok {
		w.log.Warnf("Refuses webhooks: %s (%d times since this was said)", reason, times)
	}
}

// ServeHTTP takes a webhook.
func (w *webhook) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.counters.add(cRequests, 1)
	source := w.source(r)
	err := w.handle(r, source)
	if err == nil {
		w.counters.add(cAccepted, 1)
		out.WriteHeader(http.StatusNoContent)
		return
	}
	refused := refusalOf(err)
	if refused.count == cRefusedBody || refused.count == cRefusedRequest {
		w.counters.add(refused.count, 1) // of who has the secret, or of scanners
	} else {
		w.count(refused.count, refused.reason)
	}
	w.log.Debugf("Answers %d to %s: %s", refused.status, source, refused.reason)
	if refused.after > 0 {
		out.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refused.after.Seconds()))))
	}
	if refused.status == http.StatusMethodNotAllowed {
		out.Header().Set("Allow", strings.Join(w.methods, ", "))
	}
	http.Error(out, refused.reason, refused.status)
}

// refusalOf says what an error means for the sender.
func refusalOf(err error) *refusal {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused
	}
	for _, later := range []error{errFull, errDisk, errSlow, errBusy, errEnded} {
		if errors.Is(err, later) {
			return &refusal{http.StatusServiceUnavailable, cRefusedBusy, later.Error(), busyWait}
		}
	}
	return &refusal{http.StatusBadRequest, cRefusedBody, err.Error(), 0}
}

// source returns the address of the client: that of the connection, or what a trusted proxy says it is.
func (w *webhook) source(r *http.Request) netip.Addr {
	source := addrOf(r.RemoteAddr)
	if !contains(w.proxies, source) {
		return source
	}
	// Each proxy adds at the end whom it has it from; what is before an address that is not trusted, anyone can write.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if source = a.Unmap(); !contains(w.proxies, source) {
			break
		}
	}
	return source
}

// handle takes a request. It returns nil when its messages are stored and printed.
func (w *webhook) handle(r *http.Request, source netip.Addr) error {
	if len(w.allowed) > 0 && !contains(w.allowed, source) {
		return &refusal{http.StatusForbidden, cRefusedSource, "this address is not in allowed_cidrs", 0}
	}
	if after, ok := w.rates.allow(sourceOf(source), time.Now()); !ok {
		return &refusal{http.StatusTooManyRequests, cRefusedRate, "more than rate_limit requests a second from one address", max(after, time.Second)}
	}
	if r.URL.Path != w.path {
		return &refusal{http.StatusNotFound, cRefusedRequest, "there is nothing at this path", 0}
	}
	if !slices.Contains(w.methods, r.Method) {
		return &refusal{http.StatusMethodNotAllowed, cRefusedRequest, "this method is not taken", 0}
	}
	asForm := isForm(r.Header.Get("Content-Type"))
	known, given := w.authenticated(r)
	if given && !known || !given && !asForm {
		return errSecret
	}
	body, release, err := w.body(r)
	defer release()
	if err != nil {
		return err
	}
	var f form
	if asForm {
		f, err = parseForm(body)
		// The key is looked at first: who does not have it learns nothing of what is wrong besides.
		if !known && !w.matches(f.key) {
			return errSecret
		}
		if err != nil {
			return err
		}
		if f.payload == "" {
			return errNoPayload
		}
		body = []byte(f.payload)
	}
	ctx, cancel := context.WithTimeout(r.Context(), w.timeout)
	defer cancel()
	return w.intake.take(ctx, false, func() ([]event.Message, error) { return w.template.messages(body) })
}

var errSecret = &refusal{http.StatusUnauthorized, cRefusedSecret, "no secret, or a wrong one", 0}

// authenticated tells whether a request shows a secret in its headers, and whether it is the right one.
func (w *webhook) authenticated(r *http.Request) (known, given bool) {
	if w.open {
		return true, true
	}
	text := r.Header.Get(w.header)
	if strings.EqualFold(w.header, "Authorization") {
		text = strings.TrimPrefix(text, "Bearer ")
	}
	if _, password, ok := r.BasicAuth(); ok && (text == "" || strings.EqualFold(w.header, "Authorization")) {
		text = password // https://user:secret@host/ as the address of the webhook
	}
	if text == "" {
		return false, false
	}
	return w.matches(text), true
}

// matches compares a text with the secret, in a time that tells nothing of either.
func (w *webhook) matches(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return w.open || subtle.ConstantTimeCompare(sum[:], w.secret[:]) == 1
}

// body reads the body of a request, inflated if it must be. release gives its memory back.
func (w *webhook) body(r *http.Request) (body []byte, release func(), err error) {
	var taken int64
	release = func() { w.bodies.release(taken) }
	tooLarge := &refusal{http.StatusRequestEntityTooLarge, cRefusedSize, "the body is larger than body_limit", 0}
	if r.ContentLength > w.bodyLimit {
		return nil, release, tooLarge
	}
	in := io.Reader(http.MaxBytesReader(nil, r.Body, w.bodyLimit))
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		inflate, err := gzip.NewReader(in)
		if err != nil {
			return nil, release, &refusal{http.StatusBadRequest, cRefusedBody, "the body is no gzip", 0}
		}
		in = inflate
	default:
		return nil, release, &refusal{http.StatusUnsupportedMediaType, cRefusedRequest, "this Content-Encoding is not taken; gzip is", 0}
	}
	for {
		// It grows with what comes, not with what is announced: who sends slowly holds little.
		if len(body) == cap(body) {
			grown := min(max(2*int64(cap(body)), 4<<10), w.bodyLimit+1)
			if !w.bodies.take(grown - taken) {
				return nil, release, errBusy
			}
			taken = grown
			body = append(make([]byte, 0, grown), body...)
		}
		n, err := in.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		_, long := errors.AsType[*http.MaxBytesError](err)
		switch {
		case int64(len(body)) > w.bodyLimit, long:
			return nil, release, tooLarge
		case errors.Is(err, io.EOF):
			return body, release, nil
		case err != nil:
			return nil, release, &refusal{http.StatusBadRequest, cRefusedBody, "the body does not come to its end", 0}
		}
	}
}

// budget is a number of bytes that may be in use at once.
type budget struct {
	most int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) release(n int64) { b.used.Add(-n) }

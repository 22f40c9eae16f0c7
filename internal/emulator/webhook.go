package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// What a WebhookConfig means with its zero values.
const (
	// DefaultWebhookTimeout bounds one attempt, from connecting to the end of the
	// answer.
	DefaultWebhookTimeout = 10 * time.Second
	// DefaultWebhookRetryWait is the wait before the first retry. It doubles with
	// each, up to a minute.
	DefaultWebhookRetryWait = time.Second
	// DefaultWebhookQueue bounds the webhooks that wait, for each URL.
	DefaultWebhookQueue = 10_000
)

const (
	maxWebhooks        = 16 // URLs
	maxWebhookWorkers  = 256
	maxWebhookRetries  = 1000
	maxWebhookQueue    = 1_000_000
	maxWebhookBytes    = 64 << 20 // data that waits, for each URL
	maxWebhookWait     = time.Minute
	maxWebhookTimeout  = time.Hour
	maxTemplateSize    = 64 << 10
	webhookAnswerLimit = 64 << 10 // bytes of an answer that are read, so that its connection can be used again
	webhookGrace       = 3 * time.Second
	webhookUserAgent   = "telegraf-hologram-emulator"
)

// WebhookConfig says where the messages and SMS that are taken go on to, as the
// real cloud's routes and alerts do. The zero value calls none.
//
// A webhook is what one message is to one URL. Each URL has a queue of its own:
// the answer to a client never waits for a webhook, and no URL for another.
type WebhookConfig struct {
	// URLs are called with POST; at most 16. A URL may have a user and password,
	// and template variables. URLs are secret: nothing in this package prints
	// them.
	URLs []string
	// Shape is the form of the body.
	Shape Shape
	// Template is the body of ShapeTemplate, up to 64 KiB; see [Shape].
	Template string
	// Header is added to each request, and replaces what the emulator would set.
	Header http.Header
	// Key is the field key of ShapeForm; empty is none. It is secret.
	Key string
	// RecordID adds record_id to the JSON. Hologram's documents show it in the
	// data log only.
	RecordID bool
	// Retries is how often a webhook is repeated that was not answered, or with
	// 408, 429 or 5xx. What the real cloud does then is not published: 0 is that
	// it does nothing, which is the least that a receiver can be prepared for.
	Retries int
	// RetryWait is the wait before the first retry (0 is DefaultWebhookRetryWait);
	// it doubles with each, up to a minute.
	RetryWait time.Duration
	// Timeout bounds one attempt (0 is DefaultWebhookTimeout).
	Timeout time.Duration
	// Workers is how many requests are made to one URL at a time (0 is 1). With
	// one, webhooks without faults and retries arrive in order.
	Workers int
	// MaxQueued bounds the webhooks that wait for one URL (0 is
	// DefaultWebhookQueue), besides 64 MiB of data. Above, new ones are dropped.
	MaxQueued int
	// Faults says how webhooks go wrong on the way.
	Faults WebhookFaults
	// OnDelivery is told of each attempt when it is over, and of each webhook that
	// is dropped, in several goroutines. Nil is fine.
	OnDelivery func(Delivery)
}

// Delivery is the outcome of one attempt to call a webhook.
type Delivery struct {
	// Webhook is the number of the URL, from 1.
	Webhook int
	// RecordID is that of the [Event].
	RecordID string
	// Attempt counts from 1; 0 is a webhook that was dropped before the first.
	Attempt int
	// Status is that of the answer, 0 for none.
	Status int
	// Err says why it failed: nothing, or no 2xx, was answered, or it was dropped.
	// Nil for success.
	Err error
	// Final says that there will be no other attempt.
	Final bool
	// Took is how long the attempt took.
	Took time.Duration
}

// Why a webhook was dropped: [Delivery.Err].
var (
	ErrWebhookFault   = errors.New("dropped on purpose")
	ErrWebhookQueue   = errors.New("too many webhooks wait")
	ErrWebhookStopped = errors.New("the emulator has ended")
)

// WebhookStatusError is an answer other than 2xx.
type WebhookStatusError struct {
	Status int
}

func (e *WebhookStatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answered %d %s", e.Status, http.StatusText(e.Status)))
}

// WebhookCounters are what has become of the webhooks so far.
type WebhookCounters struct {
	Answered int64 // with 2xx, duplicates included
	Failed   int64 // not answered with 2xx, and given up
	Retried  int64 // attempts after the first
	Dropped  int64 // by a fault, a full queue or the end of the emulator
	Waiting  int64 // or being sent
}

func (c WebhookCounters) String() string {
	return fmt.Sprintf("%s answered, %d failed, %d dropped, %s",
		plural(c.Answered, "webhook"), c.Failed, c.Dropped, pluralOf(c.Retried, "retry", "retries"))
}

func (c *WebhookCounters) add(o WebhookCounters) {
	c.Answered += o.Answered
	c.Failed += o.Failed
	c.Retried += o.Retried
	c.Dropped += o.Dropped
	c.Waiting += o.Waiting
}

// webhooks calls them all.
type webhooks struct {
	cfg    WebhookConfig
	body   *bodyMaker
	client *http.Client
	hooks  []*hook

	stop    context.CancelFunc // of the attempts that are being made
	running sync.WaitGroup
}

// newWebhooks returns nil if there are none. Nothing in its errors is secret.
func newWebhooks(cfg WebhookConfig, seed uint64) (*webhooks, error) {
	cfg, err := cfg.validated()
	if err != nil {
		return nil, err
	}
	body, err := newBodyMaker(cfg)
	if err != nil || len(cfg.URLs) == 0 {
		return nil, err
	}
	w := &webhooks{cfg: cfg, body: body}
	w.client = &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: cfg.Workers,
			IdleConnTimeout:     30 * time.Second,
			TLSHandshakeTimeout: cfg.Timeout,
			DisableCompression:  true,
			ForceAttemptHTTP2:   true,
		},
		// A redirect is an answer that is no 2xx. Following it would carry secrets
		// to where nobody has sent them.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for i, text := range cfg.URLs {
		target, err := parseTarget(text)
		if err != nil {
			return nil, fmt.Errorf("webhook %d: %w", i+1, err)
		}
		w.hooks = append(w.hooks, newHook(hookConfig{
			number:  i + 1,
			max:     cfg.MaxQueued,
			retries: cfg.Retries,
			wait:    cfg.RetryWait,
			faults:  newHookFaults(cfg.Faults, seed, uint64(i+1)),
			send:    func(ctx context.Context, e Event) (int, error) { return w.send(ctx, target, e) },
			done:    cfg.OnDelivery,
		}))
	}
	return w, nil
}

// tell sets who is told of what is final, before start.
func (w *webhooks) tell(result func(id int64, d Delivery)) {
	for _, h := range w.hooks {
		h.result = result
	}
}

// validated returns the config with its defaults filled in.
func (c WebhookConfig) validated() (WebhookConfig, error) {
	if len(c.URLs) == 0 {
		if c.Shape != ShapeNew || c.Template != "" || len(c.Header) > 0 || c.Key != "" || c.RecordID || c.Retries != 0 || len(c.Faults.list) > 0 {
			return c, errors.New("there is no webhook that its options would be for")
		}
		return c, nil
	}
	switch {
	case len(c.URLs) > maxWebhooks:
		return c, fmt.Errorf("%d webhooks are more than %d", len(c.URLs), maxWebhooks)
	case c.Key != "" && c.Shape != ShapeForm:
		return c, fmt.Errorf("a key is for webhooks in shape %q, not %q", ShapeForm, c.Shape)
	case c.Template != "" && c.Shape != ShapeTemplate:
		return c, fmt.Errorf("a template is for webhooks in shape %q, not %q", ShapeTemplate, c.Shape)
	case c.Template == "" && c.Shape == ShapeTemplate:
		return c, fmt.Errorf("webhooks in shape %q need a template that is not empty", ShapeTemplate)
	case len(c.Template) > maxTemplateSize:
		return c, fmt.Errorf("template has %d bytes, more than %d", len(c.Template), maxTemplateSize)
	case c.Retries < 0 || c.Retries > maxWebhookRetries:
		return c, fmt.Errorf("%d retries of a webhook are not from 0 to %d", c.Retries, maxWebhookRetries)
	case c.RetryWait < 0 || c.RetryWait > maxWebhookWait:
		return c, fmt.Errorf("wait of %s before a retry is not from 0s to %s", c.RetryWait, maxWebhookWait)
	case c.Timeout < 0 || c.Timeout > maxWebhookTimeout:
		return c, fmt.Errorf("webhook timeout %s is not from 0s to %s", c.Timeout, maxWebhookTimeout)
	case c.Workers < 0 || c.Workers > maxWebhookWorkers:
		return c, fmt.Errorf("%d workers of a webhook are not from 0 to %d", c.Workers, maxWebhookWorkers)
	case c.MaxQueued < 0 || c.MaxQueued > maxWebhookQueue:
		return c, fmt.Errorf("maximum of %d waiting webhooks is not from 0 to %d", c.MaxQueued, maxWebhookQueue)
	}
	if err := checkHeader(c.Header); err != nil {
		return c, err
	}
	c.Header = c.Header.Clone()
	if c.RetryWait == 0 {
		c.RetryWait = DefaultWebhookRetryWait
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultWebhookTimeout
	}
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.MaxQueued == 0 {
		c.MaxQueued = DefaultWebhookQueue
	}
	return c, nil
}

// ParseHeader reads "Name: value". Its errors do not show the value, which is
// often a secret.
func ParseHeader(line string) (name, value string, err error) {
	name, value, found := strings.Cut(line, ":")
	if !found {
		return "", "", errors.New("header is not \"Name: value\"")
	}
	name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	return name, value, checkHeader(http.Header{name: {value}})
}

func checkHeader(h http.Header) error {
	for name, values := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Connection", "Content-Length", "Host", "Trailer", "Transfer-Encoding", "Upgrade":
			return fmt.Errorf("header %q of a webhook cannot be set", name)
		}
		if !isToken(name) {
			// Not quoted: it could be a value without its name.
			return errors.New("name of a header has other characters than letters, digits, hyphen and underscore, or is empty")
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return fmt.Errorf("value of the header %q has control characters", name)
			}
		}
	}
	return nil
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c >= 0x80 || c == '/' || !isTopicRune(rune(c)) {
			return false
		}
	}
	return s != ""
}

// parseTarget reads a URL, which may be a template. The error does not show it.
func parseTarget(text string) (template, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	// Where variables are is looked at when there are values; here with one that
	// fits everywhere.
	u, err := url.Parse(t.expand(func(string) string { return "1" }))
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("URL starts neither with http:// nor with https://")
	case u.Hostname() == "":
		return nil, errors.New("URL has no host")
	}
	return t, nil
}

// start begins to call webhooks, until close.
func (w *webhooks) start() {
	if w == nil {
		return
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	for _, h := range w.hooks {
		for range w.cfg.Workers {
			w.running.Go(func() { h.work(ctx) })
		}
	}
}

// close lets what waits go out, without further delay and retries, for a few
// seconds; the rest is dropped.
func (w *webhooks) close() {
	if w == nil || w.stop == nil {
		return
	}
	for _, h := range w.hooks {
		h.close()
	}
	timer := time.AfterFunc(webhookGrace, w.stop)
	w.running.Wait()
	timer.Stop()
	w.stop()
	for _, h := range w.hooks {
		h.dropAll()
	}
	w.client.CloseIdleConnections()
}

// deliver hands an event to each hook. id is its number in the data log.
func (w *webhooks) deliver(e Event, id int64) {
	if w == nil {
		return
	}
	e.Metrics = nil // of no use here, and large
	for _, h := range w.hooks {
		h.deliver(e, id)
	}
}

// passOn puts an event that was taken into the data log and hands it to the
// webhooks. It does not wait for either.
func (s *Server) passOn(e Event) {
	if !e.Taken {
		return
	}
	var id int64
	if s.api != nil {
		id = s.api.log.add(e)
	}
	s.webhooks.deliver(e, id)
}

func (w *webhooks) counters() (c WebhookCounters) {
	if w == nil {
		return c
	}
	for _, h := range w.hooks {
		c.add(h.now())
	}
	return c
}

// send makes one attempt. status is 0 if there was no answer.
func (w *webhooks) send(ctx context.Context, target template, e Event) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	where := target.expand(e.variable)
	contentType, body, err := w.body.make(e, where)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, strings.NewReader(body))
	if err != nil {
		return 0, errors.New("the values make no URL of the template") // the error would show it
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", webhookUserAgent)
	for name, values := range w.cfg.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	res, err := w.client.Do(req)
	if err != nil {
		return 0, w.explain(err)
	}
	defer func() { _ = res.Body.Close() }()
	// What it says is of no interest, and neither is whether it says it to the end.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, webhookAnswerLimit))
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return res.StatusCode, &WebhookStatusError{Status: res.StatusCode}
	}
	return res.StatusCode, nil
}

// explain makes an error of net/http fit to be shown: without the URL.
func (w *webhooks) explain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not answered within %s: %w", w.cfg.Timeout, context.DeadlineExceeded)
	}
	if errors.Is(err, context.Canceled) {
		return ErrWebhookStopped
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("not answered: %w", err)
}

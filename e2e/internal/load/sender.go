package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// sender sends the webhooks of a fleet, as a cloud that repeats each until it is
// answered with success.
type sender struct {
	fleet   *fleet
	secret  string
	urls    []string // of receivers, in turn
	clients *http.Client
	next    atomic.Int64

	mu        sync.Mutex
	latencies []time.Duration // from when a webhook was due to its success
	answered  []int           // numbers of messages
	failed    map[string]int  // attempts without success, by what they got
}

// retryWait is the wait before a webhook is sent again.
const retryWait = 100 * time.Millisecond

func newSender(f *fleet, secret string, connections int, urls ...string) *sender {
	return &sender{
		fleet: f, secret: secret, urls: urls, failed: make(map[string]int),
		clients: clientFrom("127.0.0.1", connections),
	}
}

// clientFrom returns a client that comes from an address of loopback.
func clientFrom(address string, connections int) *http.Client {
	dialer := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true,
		},
	}
}

func (s *sender) close() { s.clients.CloseIdleConnections() }

// send sends message n of all, which is of device n modulo their number, until it
// is answered with success.
func (s *sender) send(ctx context.Context, n int, due time.Time) error {
	device, message := n%s.fleet.devices, n/s.fleet.devices
	w := s.fleet.webhook(device, message, s.secret)
	for try := 0; ; try++ {
		status := post(ctx, s.clients, s.urls[(n+try)%len(s.urls)], s.secret, w)
		if status == "204" {
			s.mu.Lock()
			s.latencies = append(s.latencies, time.Since(due))
			s.answered = append(s.answered, device*s.fleet.messages+message)
			s.mu.Unlock()
			return nil
		}
		s.mu.Lock()
		s.failed[status]++
		s.mu.Unlock()
		if err := lab.Pause(ctx, retryWait); err != nil {
			return fmt.Errorf("a webhook is not taken (%s): %w", status, err)
		}
	}
}

// post sends a webhook, and returns the status of the answer, or what happened
// instead of one.
func post(ctx context.Context, client *http.Client, url, secret string, w webhook, headers ...string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(w.body))
	if err != nil {
		return err.Error()
	}
	// A webhook has no idea of being repeatable; what fails is for the sender to see.
	request.GetBody = nil
	request.Header.Set("Content-Type", w.kind)
	if !strings.HasPrefix(w.kind, "application/x-www-form") && secret != "" {
		request.Header.Set(secretHeader, secret)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := client.Do(request)
	if err != nil {
		return "no answer"
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	_ = answer.Body.Close()
	return strconv.Itoa(answer.StatusCode)
}

// all is how many messages there are.
func (s *sender) all() int { return s.fleet.devices * s.fleet.messages }

// steady sends so many webhooks a second for a time, whatever their answers take.
func (s *sender) steady(ctx context.Context, perSecond float64, d time.Duration, workers int) error {
	type work struct {
		n   int
		due time.Time
	}
	queue := make(chan work, s.all())
	errs := make(chan error, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for w := range queue {
				if err := s.send(ctx, w.n, w.due); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	begin := time.Now()
	for n := range s.all() {
		at := time.Duration(float64(n) / perSecond * float64(time.Second))
		if at >= d || lab.Pause(ctx, time.Until(begin.Add(at))) != nil {
			break
		}
		queue <- work{int(s.next.Add(1)) - 1, begin.Add(at)}
	}
	close(queue)
	group.Wait()
	close(errs)
	return <-errs
}

// closed sends on so many connections for a time, each webhook when the one before
// is answered.
func (s *sender) closed(ctx context.Context, d time.Duration, connections int) error {
	end := time.Now().Add(d)
	errs := make(chan error, connections)
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			for time.Now().Before(end) {
				n := int(s.next.Add(1)) - 1
				if n >= s.all() {
					return
				}
				if err := s.send(ctx, n, time.Now()); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}

// percentile returns the latency within which so much of all, of 1, were answered.
func percentile(latencies []time.Duration, p float64) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	return latencies[min(int(p*float64(len(latencies))), len(latencies)-1)]
}

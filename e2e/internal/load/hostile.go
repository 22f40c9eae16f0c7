//go:build linux

package load

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// Hostility says how to be hostile.
type Hostility struct {
	// Each is how long each attack takes.
	Each time.Duration
	// Connections are how many are opened at most; a fifth of them are slow lorises.
	Connections int
	// Root is the folder of our module, whose test data has payloads that no encoder
	// makes.
	Root string
}

// AttackResult is what came of an attack.
type AttackResult struct {
	Name string
	// Answers are those that the attack got, by what they were.
	Answers map[string]int
	// Honest webhooks were answered meanwhile, Refused are attempts that were not.
	Honest, Refused int
	P50, P99        time.Duration
	// Peak is the memory of the receiver at its peak so far, in bytes.
	Peak int64
}

// HostileResult is what came of all attacks, one after the other, on one receiver.
type HostileResult struct {
	Account
	Attacks []AttackResult
	// Restarts of the receiver, and how often a secret or data was in its log.
	Restarts, Leaks int
	// Log has so many bytes.
	Log int
}

// mostMemory is what the receiver may need, in bytes.
const mostMemory = 128 << 20

// classified is in the data of attacks, and in no log.
const classified = "classified-text-0815"

// attack does something hostile until ctx ends, and tells note what it got.
type attack struct {
	name string
	run  func(ctx context.Context, note func(string))
}

// hostility is a run of attacks.
type hostility struct {
	Hostility
	r       *receiver
	vectors []string // payloads that no encoder makes
	many    string   // a small payload of very many metrics
}

// Hostile attacks a receiver in an empty folder, while honest webhooks come.
func Hostile(ctx context.Context, programs Programs, dir string, o Hostility, log io.Writer) (result HostileResult, err error) {
	h := &hostility{Hostility: o}
	if err := h.payloads(ctx, programs.Hologram); err != nil {
		return result, err
	}
	f, err := newFleet(ctx, programs.Hologram, 100, 64)
	if err != nil {
		return result, err
	}
	options := fmt.Sprintf("  log_level = \"debug\"\n  buffer_directory = %q\n", filepath.Join(dir, "buffer"))
	if h.r, err = startReceiver(ctx, programs, dir, options); err != nil {
		return result, err
	}
	defer func() { h.r.process.EndGroup(stopLimit) }()
	pid, err := h.r.process.WaitChild(ctx, programs.Hologram)
	if err != nil {
		return result, err
	}

	s := newSender(f, theSecret, 64, h.r.url())
	defer s.close()
	s.clients.Transport.(*http.Transport).DisableKeepAlives = true // as it is for who seldom sends
	for _, a := range h.attacks() {
		fmt.Fprintf(log, "hostile: %s\n", a.name)
		one, err := h.run(ctx, a, s)
		if err != nil {
			return result, fmt.Errorf("%s: %w", a.name, err)
		}
		if _, one.Peak, err = memory(pid); err != nil {
			return result, fmt.Errorf("after %s: the receiver has ended: %w", a.name, err)
		}
		result.Attacks = append(result.Attacks, one)
	}
	after, err := h.r.process.WaitChild(ctx, programs.Hologram)
	if err != nil {
		return result, err
	}
	if after != pid {
		result.Restarts++
	}
	if err := h.r.stop(); err != nil {
		return result, err
	}
	said := h.r.process.Log()
	result.Log = len(said)
	for _, secret := range []string{theSecret, classified, base64.StdEncoding.EncodeToString([]byte(classified))[:20]} {
		result.Leaks += strings.Count(said, secret)
	}
	a := newAccount(f)
	if err := a.read(h.r.file("out.lp")); err != nil {
		return result, err
	}
	result.Account = a.result(s.answered)
	result.Wrong = 0 // what attacks with the secret sent came out as well
	return result, os.Remove(h.r.file("out.lp"))
}

// run runs an attack, with honest webhooks.
func (h *hostility) run(ctx context.Context, a attack, s *sender) (result AttackResult, err error) {
	result = AttackResult{Name: a.name, Answers: make(map[string]int)}
	attacking, cancel := context.WithTimeout(ctx, h.Each)
	defer cancel()
	var mu sync.Mutex
	var attacked sync.WaitGroup
	attacked.Go(func() {
		a.run(attacking, func(answer string) {
			mu.Lock()
			result.Answers[answer]++
			mu.Unlock()
		})
	})
	s.latencies, s.failed = nil, make(map[string]int)
	sending, stop := context.WithTimeout(ctx, h.Each+grace)
	defer stop()
	const perSecond = 20
	sent := make(chan error, 1)
	go func() {
		var errs []error
		var group sync.WaitGroup
		var errMu sync.Mutex
		for attacking.Err() == nil {
			n := int(s.next.Add(1)) - 1
			group.Go(func() {
				if err := s.send(sending, n%s.all(), time.Now()); err != nil {
					errMu.Lock()
					errs = append(errs, err)
					errMu.Unlock()
				}
			})
			_ = lab.Pause(attacking, time.Second/perSecond)
		}
		group.Wait()
		sent <- errors.Join(errs...)
	}()
	attacked.Wait()
	err = <-sent
	result.Honest = len(s.latencies)
	for _, n := range s.failed {
		result.Refused += n
	}
	result.P50, result.P99 = percentile(s.latencies, 0.5), percentile(s.latencies, 0.99)
	return result, err
}

// payloads makes and reads payloads that are hostile.
func (h *hostility) payloads(ctx context.Context, binary string) error {
	var in strings.Builder
	for i := range 65_000 {
		fmt.Fprintf(&in, "many,host=a v=1 %d\n", i)
	}
	cmd := exec.CommandContext(ctx, binary, "encode", "-metric-batch-size", "65000", "-max-message-size", "4096")
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("cannot encode: %w", err)
	}
	var message struct {
		Data string `json:"d"`
	}
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&message); err != nil {
		return fmt.Errorf("cannot read a message: %w", err)
	}
	h.many = message.Data

	for _, name := range []string{"refused.jsonl", "edges.jsonl"} {
		file, err := os.Open(filepath.Join(h.Root, "clients", "testdata", name))
		if err != nil {
			return fmt.Errorf("cannot read payloads: %w", err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var v struct {
				Payload string `json:"payload"`
			}
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				return errors.Join(fmt.Errorf("cannot read %s: %w", name, err), file.Close())
			}
			h.vectors = append(h.vectors, v.Payload)
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
	}
	return nil
}

// repeat posts what next returns, from n addresses at once, until ctx ends.
func (h *hostility) repeat(n int, pause time.Duration, next func(i int) (webhook, []string)) func(context.Context, func(string)) {
	return func(ctx context.Context, note func(string)) {
		var group sync.WaitGroup
		for from := range n {
			group.Go(func() {
				client := clientFrom(fmt.Sprintf("127.0.2.%d", 1+from), 1)
				defer client.CloseIdleConnections()
				for i := from; ctx.Err() == nil; i += n {
					w, headers := next(i)
					answer := post(ctx, client, h.r.url(), theSecret, w, headers...)
					if ctx.Err() != nil {
						break
					}
					note(answer)
					_ = lab.Pause(ctx, pause)
				}
			})
		}
		group.Wait()
	}
}

// connections holds n connections from so many addresses, that send begin and then a
// byte a second.
func (h *hostility) connections(n, addresses int, begin string) func(context.Context, func(string)) {
	return func(ctx context.Context, note func(string)) {
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				from := fmt.Sprintf("127.0.%d.%d", 3+i%addresses/200, 1+i%addresses%200)
				dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
				// All at once would be turned away by the system's queue of connections.
				_ = lab.Pause(ctx, time.Duration(i)*time.Second/5000)
				for ctx.Err() == nil {
					c, err := dialer.DialContext(ctx, "tcp", h.r.address)
					if err == nil {
						note(hold(ctx, c, begin))
					} else if ctx.Err() == nil {
						note("not opened")
					}
					_ = lab.Pause(ctx, 2*time.Second)
				}
			})
		}
		group.Wait()
	}
}

// hold holds a connection as long as it can, and tells how it ended.
func hold(ctx context.Context, c net.Conn, begin string) string {
	defer func() { _ = c.Close() }()
	opened := time.Now()
	if _, err := io.WriteString(c, begin); err != nil {
		return "closed at once"
	}
	buf := make([]byte, 512)
	for ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_, err := c.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if _, err = io.WriteString(c, "a"); err == nil {
				continue
			}
		}
		if err != nil {
			if time.Since(opened) < time.Second {
				return "closed at once"
			}
			return "closed in time"
		}
	}
	return "held to the end"
}

// attacks are what is done to the receiver.
func (h *hostility) attacks() []attack {
	const asJSON = "application/json"
	secretText := base64.StdEncoding.EncodeToString([]byte("m text=\"" + classified + "\""))
	right := event(0, secretText, theSecret)
	right.kind = asJSON
	head := "POST /hologram HTTP/1.1\r\nHost: x\r\n"
	with := head + secretHeader + ": " + theSecret + "\r\nContent-Type: application/json\r\n"
	malformed := []string{
		`{"device_id":1,"data":"` + classified + `*"}`, `{"device_id":1,"data":"A"}`, `{"device_id":1,"data":"====="}`, `{"data":7}`, `{"data":"`, `{"`, `[[[`, `null`, `[1,2,3]`,
		strings.Repeat(`[`, 400_000) + strings.Repeat(`]`, 400_000), strings.Repeat(`{"data":`, 100_000), "\x00\xff\xfe", `{"data":"` + strings.Repeat("AAAA", 200_000) + `"}`,
		`{"device":{"id":` + strings.Repeat("9", 500_000) + `},"data":"aGk="}`,
	}
	bomb := gzipped(100 << 20)
	slow := h.Connections / 5
	return []attack{
		{"nothing hostile, for comparison", func(ctx context.Context, _ func(string)) { <-ctx.Done() }},
		{"no secret, wrong ones, some of 12 kB and of 1 MB", h.repeat(8, time.Millisecond, func(i int) (webhook, []string) {
			secret := [...]string{"", "wrong", theSecret[1:], theSecret + "x", strings.Repeat("x", 12<<10), strings.Repeat("x", 1<<20)}[i%6]
			return right, []string{secretHeader, secret}
		})},
		{"bodies of 100 MB, half of them chunked", h.large(4, with)},
		{fmt.Sprintf("slow loris: %d connections of 20 addresses", slow), h.connections(slow, 20, head+"X-Header: ")},
		{"the same behind the secret, in the body", h.connections(slow, 20, with+"Content-Length: 900000\r\n\r\n{")},
		{fmt.Sprintf("gzip bombs: 100 MB in %d kB", len(bomb)/1000), h.repeat(8, time.Millisecond, func(int) (webhook, []string) {
			return webhook{asJSON, bomb}, []string{"Content-Encoding", "gzip"}
		})},
		{"malformed JSON and base64", h.repeat(8, time.Millisecond, func(i int) (webhook, []string) {
			return webhook{asJSON, malformed[i/8%len(malformed)]}, nil
		})},
		{fmt.Sprintf("%d payloads that no encoder makes", len(h.vectors)), h.repeat(8, time.Millisecond, func(i int) (webhook, []string) {
			w := event(3*shapes, base64.StdEncoding.EncodeToString([]byte(h.vectors[i%len(h.vectors)])), theSecret)
			w.kind = asJSON
			return w, nil
		})},
		{fmt.Sprintf("payloads of 65,000 metrics in %d bytes", len(h.many)), h.repeat(4, time.Second, func(i int) (webhook, []string) {
			// Each from another device: so it is no repeat.
			return webhook{asJSON, fmt.Sprintf(`{"device_id":%d,"data":%q}`, i, base64.StdEncoding.EncodeToString([]byte(h.many)))}, nil
		})},
		{fmt.Sprintf("%d connections of one address", h.Connections), h.connections(h.Connections, 1, "POST /holo")},
		{fmt.Sprintf("%d connections of 400 addresses", h.Connections), h.connections(h.Connections, 400, "POST /holo")},
		{"nothing hostile, after it", func(ctx context.Context, _ func(string)) { <-ctx.Done() }},
	}
}

// gzipped is so many zero bytes, compressed.
func gzipped(size int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range size / len(zeros) {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	return b.String()
}

// large sends bodies of 100 MB from n addresses.
func (h *hostility) large(n int, head string) func(context.Context, func(string)) {
	return func(ctx context.Context, note func(string)) {
		var group sync.WaitGroup
		for from := range n {
			group.Go(func() {
				dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("127.0.2.%d", 1+from))}}
				for i := from; ctx.Err() == nil; i++ {
					c, err := dialer.DialContext(ctx, "tcp", h.r.address)
					if err != nil {
						continue
					}
					note(sendLarge(c, head, i%2 == 0))
				}
			})
		}
		group.Wait()
	}
}

// sendLarge sends a body of 100 MB, as far as it is taken, and returns the answer.
func sendLarge(c net.Conn, head string, chunked bool) string {
	defer func() { _ = c.Close() }()
	const size = 100 << 20
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if chunked {
		head += "Transfer-Encoding: chunked\r\n\r\n"
	} else {
		head += fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
	}
	answer := make(chan string, 1)
	go func() {
		got, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			answer <- "no answer"
			return
		}
		_ = got.Body.Close()
		answer <- strconv.Itoa(got.StatusCode)
	}()
	_, err := io.WriteString(c, head)
	chunk := bytes.Repeat([]byte(" "), 64<<10)
	for sent := 0; sent < size && err == nil; sent += len(chunk) {
		if chunked {
			_, err = fmt.Fprintf(c, "%x\r\n%s\r\n", len(chunk), chunk)
		} else {
			_, err = c.Write(chunk)
		}
	}
	return <-answer
}

// Print prints a table.
func (r *HostileResult) Print(w io.Writer) {
	fmt.Fprintf(w, "\n%-52s %7s %8s %8s %8s %8s  %s\n", "beside 20 honest webhooks/s", "honest", "refused", "p50 ms", "p99 ms", "peak MB", "what the attack got")
	for _, a := range r.Attacks {
		var answers []string
		for _, answer := range slices.Sorted(maps.Keys(a.Answers)) {
			answers = append(answers, fmt.Sprintf("%s: %d", answer, a.Answers[answer]))
		}
		fmt.Fprintf(w, "%-52s %7d %8d %8.1f %8.1f %8.1f  %s\n", a.Name, a.Honest, a.Refused, float64(a.P50)/1e6, float64(a.P99)/1e6, float64(a.Peak)/1e6, strings.Join(answers, ", "))
	}
	fmt.Fprintf(w, "\nHonest: %s.\nRestarts of the receiver: %d. Secrets or data in its log of %d kB, at log_level \"debug\": %d.\n", r.Account, r.Restarts, r.Log/1000, r.Leaks)
}

// Check tells what is not as it must be.
func (r *HostileResult) Check() error {
	var errs []error
	for _, a := range r.Attacks {
		if a.Honest == 0 {
			errs = append(errs, fmt.Errorf("%s: no honest webhook was answered", a.Name))
		}
		if a.Peak > mostMemory {
			errs = append(errs, fmt.Errorf("%s: the receiver took %d MB", a.Name, a.Peak/1e6))
		}
	}
	if r.Lost > 0 || r.Restarts > 0 || r.Leaks > 0 {
		errs = append(errs, fmt.Errorf("%d metrics lost, %d restarts, %d secrets in the log", r.Lost, r.Restarts, r.Leaks))
	}
	return errors.Join(errs...)
}

//go:build linux

// Package bench runs the real Telegraf with different outputs side by side over
// a link, and counts what passes.
package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"telegraf-hologram/e2e/compare/internal/cloud"
	"telegraf-hologram/e2e/compare/internal/link"
	"telegraf-hologram/e2e/internal/lab"
)

const deviceKey = "aB3-xYz9"

var (
	deviceAddr = netip.MustParseAddr("10.9.0.1")
	cloudAddr  = netip.MustParseAddr("10.9.0.2")
)

// Programs are the paths of what runs.
type Programs struct {
	Telegraf, Hologram string
	// Self is this program, which is the plain client as well.
	Self string
}

// Run is one run: all contenders get the same batches of metrics at the same
// times.
type Run struct {
	Programs Programs
	Dir      string
	// Lines are the metrics as line protocol, batch after batch. The first batch
	// is sent before anything counts, so that connections are there.
	Lines []string
	// Batch is the number of metrics in a batch, and Interval what it stands for.
	Batch    int
	Interval time.Duration
	// RealTime says to let the interval pass from a batch to the next.
	RealTime bool
	// Single says that our plugin sends no more than a batch at once, even if there
	// is more.
	Single bool
	// Delay is that of the link, each way.
	Delay time.Duration
}

// Result is what a contender needed. All bytes are those at the device's
// interface, IP headers included, in both directions.
type Result struct {
	Contender Contender
	Metrics   int // that were delivered, each once and none other
	Batches   int
	Packets   int
	Bytes     int
	Idle      int // of Bytes, those that no metric needed
	Setup     int // bytes before: the first connection, with the first batch
	// RoundTrips is the median time from a batch's first packet to the last answer,
	// in round trips of the link; 0 without an answer.
	RoundTrips float64
	Err        error `json:"-"` // what was not delivered as it was sent
}

// PerMetric is the bytes for each metric delivered.
func (r Result) PerMetric() float64 { return float64(r.Bytes) / float64(max(1, r.Metrics)) }

// Do runs all contenders.
func (r Run) Do(ctx context.Context, contenders []Contender) ([]Result, error) {
	b, err := r.start(ctx, contenders)
	if err != nil {
		return nil, err
	}
	defer b.stop()

	// Of batch k: when it was handed over, and when the last of it had come.
	batches := len(r.Lines) / r.Batch
	feeds := make([]time.Time, batches)
	done := make([][]time.Time, len(contenders))
	for k := range batches {
		feeds[k] = time.Now()
		if err := b.feed(r.Lines[k*r.Batch : (k+1)*r.Batch]); err != nil {
			return nil, err
		}
		next := feeds[k].Add(r.flush())
		if r.RealTime && k < batches-1 {
			next = next.Add(r.Interval)
		}
		if err := b.await(ctx, next, !r.RealTime || k == batches-1); err != nil {
			return nil, err
		}
		for i, c := range contenders {
			done[i] = append(done[i], b.cloud.Sink(c.port).Last())
		}
	}
	packets := b.link.Packets()
	results := make([]Result, len(contenders))
	for i, c := range contenders {
		results[i] = r.count(c, packets, feeds, done[i])
		results[i].Err = b.verify(ctx, c, r.Lines[:batches*r.Batch])
		results[i].Metrics = (batches - 1) * r.Batch
	}
	return results, nil
}

// count adds up the packets of a contender, from the end of the first batch to
// the end of the last.
func (r Run) count(c Contender, packets []link.Packet, feeds, done []time.Time) Result {
	result := Result{Contender: c, Batches: len(feeds) - 1}
	ending := 10 * r.Delay // from the last metric's arrival to the last packet, at most
	type span struct{ first, answer time.Time }
	spans := make([]span, len(feeds))
	last := len(feeds) - 1
	for _, p := range packets {
		if int(p.Port) != c.port || p.Time.After(done[last].Add(ending)) {
			continue
		}
		if !p.Time.After(done[0].Add(ending)) {
			result.Setup += p.Bytes
			continue
		}
		result.Bytes += p.Bytes
		result.Packets++
		k := last
		for k > 0 && p.Time.Before(feeds[k]) {
			k--
		}
		s := &spans[k]
		switch {
		case p.Time.After(done[k].Add(ending)):
			result.Idle += p.Bytes
		case p.Up && s.first.IsZero():
			s.first = p.Time
		case !p.Up && p.Data > 0:
			s.answer = p.Time
		}
	}
	var trips []float64
	for _, s := range spans[1:] {
		trips = append(trips, max(0, float64(s.answer.Sub(s.first))/float64(2*r.Delay)))
	}
	slices.Sort(trips)
	result.RoundTrips = trips[len(trips)/2]
	return result
}

// running is Telegraf with contenders, and the cloud that they send to.
type running struct {
	run        Run
	contenders []Contender
	link       *link.Link
	cloud      *cloud.Cloud
	telegraf   *exec.Cmd
	log        *os.File
	input      net.Conn
}

// start starts everything; stop ends it.
func (r Run) start(ctx context.Context, contenders []Contender) (b *running, err error) {
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	device, err := link.New(deviceAddr)
	if err != nil {
		return nil, err
	}
	far, err := link.New(cloudAddr)
	if err != nil {
		_ = device.Close()
		return nil, err
	}
	b = &running{run: r, contenders: contenders, link: link.Join(device, far, r.Delay)}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	if b.cloud, err = cloud.Start(ctx, far, r.Dir); err != nil {
		return b, err
	}
	config, err := r.configure(b.cloud.CA, contenders)
	if err != nil {
		return b, err
	}
	if b.log, err = os.Create(filepath.Join(r.Dir, "telegraf.log")); err != nil {
		return b, err
	}
	b.telegraf = exec.Command(r.Programs.Telegraf, "--config", config)
	b.telegraf.Stdout, b.telegraf.Stderr = b.log, b.log
	b.telegraf.Dir = r.Dir
	if err = device.Start(b.telegraf); err != nil {
		b.telegraf = nil
		return b, fmt.Errorf("cannot start Telegraf: %w", err)
	}
	for range 600 {
		if b.input, err = net.Dial("unix", r.socket()); err == nil {
			// Outputs that connect before there is a metric have done it by then.
			return b, b.await(ctx, time.Now().Add(time.Second+10*r.Delay), false)
		}
		if err = b.await(ctx, time.Now().Add(50*time.Millisecond), false); err != nil {
			return b, err
		}
	}
	return b, fmt.Errorf("telegraf takes no metrics; see %s", b.log.Name())
}

func (b *running) stop() {
	if b.input != nil {
		_ = b.input.Close()
	}
	if b.telegraf != nil {
		_ = unix.Kill(b.telegraf.Process.Pid, unix.SIGTERM)
		timer := time.AfterFunc(15*time.Second, func() { _ = unix.Kill(-b.telegraf.Process.Pid, unix.SIGKILL) })
		_ = b.telegraf.Wait()
		timer.Stop()
	}
	if b.log != nil {
		_ = b.log.Close()
	}
	if b.cloud != nil {
		b.cloud.Close()
	}
	b.link.Close()
}

func (r Run) socket() string { return filepath.Join(r.Dir, "in.sock") }

// pluginConfig is the file with our plugin's configuration.
func pluginConfig(s setup) string { return filepath.Join(s.dir, "hologram.conf") }

// flush is our plugin's flush_interval. A full batch may leave its last metrics to
// the next, which an interval that is over does not. So batches are sent as those
// of an interval, which is short because all that it stands for is there at once.
func (r Run) flush() time.Duration {
	if r.RealTime {
		return 5 * time.Second
	}
	return 500 * time.Millisecond
}

// configure writes the configurations, and returns the file of Telegraf's.
// Telegraf's own outputs send nothing at a time, but a batch when it is complete.
func (r Run) configure(ca string, contenders []Contender) (string, error) {
	s := setup{programs: r.Programs, addr: cloudAddr.String(), ca: ca, dir: r.Dir, batch: r.Batch, interval: r.Interval}
	ours := fmt.Sprintf("[[outputs.hologram]]\n  address = \"%s:%d\"\n  device_key = %q\n  flush_interval = %q\n", s.addr, cloud.Hologram, deviceKey, r.flush())
	if r.Single {
		ours += fmt.Sprintf("  metric_batch_size = %d\n", r.Batch)
	}
	if err := os.WriteFile(pluginConfig(s), []byte(ours), 0o600); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[agent]\n  interval = \"24h\"\n  flush_interval = \"24h\"\n  metric_batch_size = %d\n  metric_buffer_limit = 100000\n  omit_hostname = true\n\n", r.Batch)
	fmt.Fprintf(&b, "[[inputs.socket_listener]]\n  service_address = \"unix://%s\"\n  data_format = \"influx\"\n\n", r.socket())
	for _, c := range contenders {
		b.WriteString(c.config(s) + "\n")
	}
	name := filepath.Join(r.Dir, "telegraf.conf")
	return name, os.WriteFile(name, []byte(b.String()), 0o600)
}

// feed hands a batch to Telegraf.
func (b *running) feed(lines []string) error {
	if _, err := b.input.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		return fmt.Errorf("cannot hand metrics to Telegraf: %w; see %s", err, b.log.Name())
	}
	return nil
}

// await waits until a time and, if it is to, until nothing has come for a while.
func (b *running) await(ctx context.Context, until time.Time, quiet bool) error {
	const silence = 1500 * time.Millisecond
	if quiet {
		until = until.Add(silence)
	}
	const look = 100 * time.Millisecond
	for {
		wait := time.Until(until)
		if wait <= 0 && (!quiet || time.Since(b.last()) > silence) {
			return nil
		}
		if wait <= 0 || wait > look {
			wait = look
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// last is when anything came last.
func (b *running) last() (t time.Time) {
	for _, c := range b.contenders {
		if c.text == nowhere {
			continue
		}
		if l := b.cloud.Sink(c.port).Last(); l.After(t) {
			t = l
		}
	}
	return t
}

// verify compares what the cloud has with what was sent.
func (b *running) verify(ctx context.Context, c Contender, sent []string) error {
	if c.text == nowhere {
		return nil
	}
	want, err := lab.ReadMetrics(strings.NewReader(strings.Join(sent, "\n")))
	if err != nil {
		return err
	}
	text := b.cloud.Sink(c.port).Text()
	switch c.text {
	case plain:
		text, err = unwrap(text)
	case compact:
		text, err = b.decode(ctx, text)
	}
	if err != nil {
		return err
	}
	got, err := lab.ReadMetrics(strings.NewReader(text))
	if err != nil {
		return err
	}
	if d := lab.Compare(want, got, lab.Exact); !d.None() {
		return errors.New(d.String())
	}
	return nil
}

// decode turns messages of our plugin back into line protocol.
func (b *running) decode(ctx context.Context, messages string) (string, error) {
	cmd := exec.CommandContext(ctx, b.run.Programs.Hologram, "decode")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(messages), &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot decode: %w: %s", err, stderr.String())
	}
	return string(out), nil
}

// unwrap takes line protocol out of plain messages, one a line.
func unwrap(messages string) (string, error) {
	var out strings.Builder
	s := bufio.NewScanner(strings.NewReader(messages))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var m struct {
			Data string `json:"d"`
		}
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			return "", fmt.Errorf("cannot read a message: %w", err)
		}
		out.WriteString(m.Data + "\n")
	}
	return out.String(), s.Err()
}

//go:build linux

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// Programs are the binaries that take part.
type Programs struct{ Telegraf, Hologram string }

// Case is a run with one receiver.
type Case struct {
	Name, Title string
	// Rate is how many webhooks come a second; 0 is as many as are answered, on
	// Connections connections.
	Rate        float64
	Connections int
	Duration    time.Duration
	// Memory leaves buffer_directory out.
	Memory bool
	// KillEvery is the time between two kill -9 of the receiver; 0 is none.
	KillEvery time.Duration
	// Trace counts the syncs of the disk with strace, which takes time of its own.
	Trace bool
}

// Result is what came of a case.
type Result struct {
	Account
	// Webhooks were answered with success, in Time. Failed are the attempts that were
	// not, by what they got; each was repeated.
	Webhooks int
	Failed   map[string]int
	Time     time.Duration
	// P50, P99 and Longest are from when a webhook was due to its success, all
	// attempts included.
	P50, P99, Longest time.Duration
	// RSS is the memory of the receiver, as a median and at its peak, in bytes.
	RSS, Peak int64
	// CPU is that of the receiver, Telegraf's that of the Telegraf which runs it, and
	// Sender ours; Others is that of all other processes of the machine.
	CPU, Telegraf, Sender, Others time.Duration
	// Bytes of data came in a message, in the mean.
	Bytes float64
	// Syncs of the disk, if they were counted.
	Syncs, Kills int
	// Problems are the warnings and errors of the logs.
	Problems []string
}

const (
	secretHeader = "X-Hologram-Secret"
	theSecret    = "not-a-real-secret-4711"
	startLimit   = 20 * time.Second
	stopLimit    = 60 * time.Second
	// grace is for the sender after a case's time, to be answered what it has sent.
	grace = 60 * time.Second
	// mostWebhooks is what no receiver takes in a second.
	mostWebhooks = 2500
)

const telegrafConf = `
[agent]
  debug = %t
  interval = "10s"
  flush_interval = "1s"
  metric_batch_size = 10000
  metric_buffer_limit = 10000000
  omit_hostname = true
  skip_processors_after_aggregators = true

[[inputs.execd]]
  command = [%s]
  signal = "none"
  restart_delay = "250ms"
  data_format = "influx"

[[outputs.file]]
  files = [%q]
  data_format = "influx"
  influx_uint_support = true
`

// receiver is a Telegraf with our binary, and a file for its metrics.
type receiver struct {
	programs Programs
	dir      string
	address  string
	process  *lab.Process
}

func (r *receiver) file(name string) string { return filepath.Join(r.dir, name) }
func (r *receiver) url() string             { return "http://" + r.address + "/hologram" }

// startReceiver starts a receiver with further options, and a command before ours.
func startReceiver(ctx context.Context, programs Programs, dir, options string, before ...string) (*receiver, error) {
	r := &receiver{programs: programs, dir: dir}
	addresses, err := lab.FreeAddresses(ctx, 1)
	if err != nil {
		return nil, err
	}
	r.address = addresses[0]
	conf := fmt.Sprintf("[[inputs.hologram]]\n  service_address = %q\n  secret_file = %q\n%s", r.address, r.file("secret"), options)
	command := append(slices.Clone(before), programs.Hologram, "--config", r.file("hologram.conf"))
	for name, text := range map[string]string{
		"secret":        theSecret + "\n",
		"hologram.conf": conf,
		"telegraf.conf": fmt.Sprintf(telegrafConf, strings.Contains(options, `"debug"`), lab.Quoted(command), r.file("out.lp")),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot make a folder: %w", err)
		}
		if err := os.WriteFile(r.file(name), []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("cannot write the configuration: %w", err)
		}
	}
	if r.process, err = lab.StartTelegraf(programs.Telegraf, dir, nil, r.file("telegraf.conf")); err != nil {
		return nil, err
	}
	if err := waitFor(ctx, r.process, r.url()); err != nil {
		r.process.EndGroup(stopLimit)
		return nil, err
	}
	return r, nil
}

// waitFor waits until a receiver answers.
func waitFor(ctx context.Context, p *lab.Process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	client := clientFrom("127.0.0.1", 1)
	defer client.CloseIdleConnections()
	for {
		// It has no secret.
		if post(ctx, client, url, "", webhook{"text/plain", "?"}) == "401" {
			return nil
		}
		if err := lab.Pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the receiver does not answer: %w: %s", err, p.Log())
		}
	}
}

// kill kills the receiver and returns its number.
func (r *receiver) kill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	pid, err := r.process.WaitChild(ctx, r.programs.Hologram)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot kill the receiver: %w", err)
	}
	return nil
}

// stop stops Telegraf, which writes what it has.
func (r *receiver) stop() error {
	if _, err := r.process.Stop(stopLimit); err != nil {
		return fmt.Errorf("the stop of Telegraf failed: %w: %s", err, r.process.Log())
	}
	return nil
}

// problems are the warnings and errors in a log.
func problems(log string) []string {
	var list []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, " W! ") || strings.Contains(line, " E! ") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// Run runs a case in an empty folder, and tells log what happens.
func Run(ctx context.Context, programs Programs, dir string, c Case, log io.Writer) (result Result, err error) {
	const devices = 1000
	messages := int(max(c.Rate, 1)*c.Duration.Seconds())/devices + 1
	if c.Rate == 0 {
		messages = int(mostWebhooks*c.Duration.Seconds())/devices + 1
	}
	f, err := newFleet(ctx, programs.Hologram, devices, messages)
	if err != nil {
		return result, err
	}
	result.Bytes = float64(f.bytes) / float64(shapes*messages)

	options := "  rate_limit = 0\n  max_connections = 4096\n"
	if !c.Memory {
		options += fmt.Sprintf("  buffer_directory = %q\n", filepath.Join(dir, "buffer"))
	}
	var before []string
	trace := filepath.Join(dir, "trace")
	if c.Trace {
		before = []string{"strace", "-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace}
	}
	r, err := startReceiver(ctx, programs, dir, options, before...)
	if err != nil {
		return result, err
	}
	defer func() { r.process.EndGroup(stopLimit) }()
	fmt.Fprintf(log, "%-10s begins: %s\n", c.Name, c.Title)

	s := newSender(f, theSecret, max(c.Connections, 1), r.url())
	defer s.close()
	if err := measure(ctx, r, s, c, &result); err != nil {
		return result, fmt.Errorf("%w: %s", err, r.process.Log())
	}
	if err := r.stop(); err != nil {
		return result, err
	}
	result.Problems = problems(r.process.Log())
	result.Failed = s.failed
	result.Webhooks = len(s.answered)
	result.P50, result.P99, result.Longest = percentile(s.latencies, 0.5), percentile(s.latencies, 0.99), percentile(s.latencies, 1)
	if c.Trace {
		text, err := os.ReadFile(trace)
		if err != nil {
			return result, fmt.Errorf("cannot read the trace: %w", err)
		}
		result.Syncs = bytes.Count(text, []byte("sync("))
	}
	a := newAccount(f)
	if err := a.read(r.file("out.lp")); err != nil {
		return result, err
	}
	result.Account = a.result(s.answered)
	fmt.Fprintf(log, "%-10s ends: %d webhooks, %s\n", c.Name, result.Webhooks, result.Account)
	return result, os.Remove(r.file("out.lp"))
}

// measure lets the sender send, and measures meanwhile.
func measure(ctx context.Context, r *receiver, s *sender, c Case, result *Result) error {
	var u usage
	watching, stopWatch := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		u.watch(watching, r.process, r.programs.Hologram)
	}()
	machine, err := machineCPU()
	telegraf, err2 := processCPU(r.process.Pid())
	own, err3 := processCPU(os.Getpid())
	begin := time.Now()

	sending, cancel := context.WithTimeout(ctx, c.Duration+grace)
	killed := make(chan error, 1)
	killing, stopKill := context.WithCancel(sending)
	go func() { killed <- killAll(killing, r, c.KillEvery, &result.Kills) }()
	var sent error
	if c.Rate > 0 {
		sent = s.steady(sending, c.Rate, c.Duration, max(c.Connections, 1))
	} else {
		sent = s.closed(sending, c.Duration, c.Connections)
	}
	result.Time = time.Since(begin)
	stopKill()
	err = errors.Join(err, err2, err3, sent, <-killed)
	cancel()

	stopWatch()
	<-watched
	machine2, err2 := machineCPU()
	telegraf2, err3 := processCPU(r.process.Pid())
	own2, err4 := processCPU(os.Getpid())
	result.CPU, result.Telegraf, result.Sender = u.total(), telegraf2-telegraf, own2-own
	result.Others = machine2 - machine - result.CPU - result.Telegraf - result.Sender
	slices.Sort(u.rss)
	if len(u.rss) > 0 {
		result.RSS = u.rss[len(u.rss)/2]
	}
	result.Peak = u.peak
	if c.KillEvery > 0 {
		// The last one may have been killed a moment ago: what it had stored is printed
		// by the next.
		err = errors.Join(err, waitFor(ctx, r.process, r.url()), lab.Pause(ctx, 2*time.Second))
	}
	return errors.Join(err, err2, err3, err4)
}

// killAll kills the receiver now and then until ctx ends.
func killAll(ctx context.Context, r *receiver, every time.Duration, kills *int) error {
	if every == 0 {
		return nil
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := r.kill(ctx); ctx.Err() == nil {
			if err != nil {
				return err
			}
			*kills++
		}
	}
}

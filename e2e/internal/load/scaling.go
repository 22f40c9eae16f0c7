//go:build linux

package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"telegraf-hologram/e2e/internal/chain"
	"telegraf-hologram/e2e/internal/lab"
)

// Servers are the programs of others that examples/scaling needs.
type Servers struct{ Nginx, Nats, Influxd string }

// FindServers finds them. On Debian they are the packages nginx-light, nats-server
// and influxdb.
func FindServers() (s Servers, err error) {
	for name, place := range map[string]*string{"nginx": &s.Nginx, "nats-server": &s.Nats, "influxd": &s.Influxd} {
		path, e := exec.LookPath(name)
		if e != nil {
			// Debian has servers where only root looks.
			path, e = exec.LookPath("/usr/sbin/" + name)
		}
		if e != nil {
			err = errors.Join(err, fmt.Errorf("there is no %s", name))
		}
		*place = path
	}
	return s, err
}

// Scaling says how to run examples/scaling.
type Scaling struct {
	// Files is the folder examples.
	Files string
	// Replace replaces texts in the configuration of the receivers' Telegrafs: old,
	// new, and so on.
	Replace []string
	// Rate is how many webhooks come a second, for Calm without trouble and then for
	// as long as the troubles take.
	Rate float64
	Calm time.Duration
	// Quick leaves out the kill of the writer: what it had not acknowledged comes
	// again only after 30 s.
	Quick bool
}

// troubleTime is how long the troubles take.
func (c *Scaling) troubleTime() time.Duration {
	if c.Quick {
		return 11 * time.Second
	}
	return 19 * time.Second
}

// ScalingResult is what came of a run.
type ScalingResult struct {
	Account
	// Points are in the database, Want is how many there should be.
	Points, Want int
	// Accepted webhooks of each receiver since its last start.
	Accepted map[string]int
	// CPU of each part in the calm time, by its name, and Metrics of that time.
	CPU      []PartCPU
	Metrics  int
	P50, P99 time.Duration // in the calm time
	Failed   map[string]int
	Log      string
}

// PartCPU is the CPU time of a part.
type PartCPU struct {
	Name string
	Time time.Duration
}

// scaling is a run.
type scaling struct {
	Scaling
	programs Programs
	servers  Servers
	dir      string
	log      io.Writer
	begin    time.Time

	balancer, broker, backup string // addresses
	receivers                [2]string
	database                 chain.Database

	nginx, nats, influxd, writer *lab.Process
	telegrafs                    [2]*lab.Process
	result                       ScalingResult
}

// Scale runs examples/scaling in an empty folder: a balancer, two receivers, a
// broker, a writer and a database.
func Scale(ctx context.Context, programs Programs, servers Servers, dir string, c Scaling, log io.Writer) (ScalingResult, error) {
	s := &scaling{Scaling: c, programs: programs, servers: servers, dir: dir, log: log}
	defer s.cleanUp()
	err := s.run(ctx)
	for _, p := range s.processes() {
		s.result.Log += p.Log()
	}
	return s.result, err
}

func (s *scaling) processes() (all []*lab.Process) {
	for _, p := range []*lab.Process{s.nginx, s.telegrafs[0], s.telegrafs[1], s.writer, s.nats, s.influxd} {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

func (s *scaling) cleanUp() {
	for _, p := range s.processes() {
		p.EndGroup(stopLimit)
	}
}

func (s *scaling) file(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

func (s *scaling) env(more ...string) []string {
	return append([]string{
		"EXAMPLE_BINARY=" + s.programs.Hologram,
		"EXAMPLE_FILES=" + filepath.Join(s.Files, "scaling"),
		"EXAMPLE_SECRET=" + s.file("secret"),
		"EXAMPLE_BROKER=" + s.broker,
		"EXAMPLE_DATABASE=" + s.database.Address,
	}, more...)
}

func (s *scaling) note(format string, args ...any) {
	fmt.Fprintf(s.log, "%6.1f s  %s\n", time.Since(s.begin).Seconds(), fmt.Sprintf(format, args...))
}

// prepare finds ports and writes what the configuration refers to.
func (s *scaling) prepare(ctx context.Context) error {
	ports, err := lab.FreeAddresses(ctx, 6)
	if err != nil {
		return err
	}
	s.balancer, s.receivers[0], s.receivers[1], s.broker, s.backup = ports[0], ports[1], ports[2], ports[3], ports[4]
	s.database = chain.Database{Address: ports[5], Name: "fleet"}
	for _, name := range []string{"balancer/temp", "a/telegraf", "b/telegraf", "broker", "database"} {
		if err := os.MkdirAll(s.file(name), 0o755); err != nil {
			return fmt.Errorf("cannot make a folder: %w", err)
		}
	}
	// Nginx knows no variables of the environment.
	nginx, err := os.ReadFile(filepath.Join(s.Files, "scaling", "balancer", "nginx.conf"))
	receiver, err2 := os.ReadFile(filepath.Join(s.Files, "scaling", "receiver", "telegraf.conf"))
	if err = errors.Join(err, err2); err != nil {
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	text := strings.NewReplacer("127.0.0.1:9970", s.balancer, "127.0.0.1:9971", s.receivers[0], "127.0.0.1:9972", s.receivers[1]).Replace(string(nginx))
	witness := fmt.Sprintf("[[outputs.file]]\n  files = [%q]\n  data_format = \"influx\"\n  influx_uint_support = true\n", s.file("witness.lp"))
	for name, text := range map[string]string{
		"balancer/nginx.conf": text,
		"receiver.conf":       strings.NewReplacer(s.Replace...).Replace(string(receiver)),
		"secret":              theSecret + "\n",
		"witness.conf":        witness,
	} {
		if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot write the configuration: %w", err)
		}
	}
	return nil
}

func (s *scaling) brokerUp(ctx context.Context) (err error) {
	s.nats, err = lab.StartProgram(s.file("broker"), s.env(), s.servers.Nats, "-c", filepath.Join(s.Files, "scaling", "broker", "nats.conf"))
	if err != nil {
		return err
	}
	for !strings.Contains(s.nats.Log(), "Server is ready") {
		if err := lab.Pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the broker is not ready: %w: %s", err, s.nats.Log())
		}
	}
	return nil
}

func (s *scaling) receiverUp(ctx context.Context, i int) (err error) {
	name := string(rune('a' + i))
	env := s.env("EXAMPLE_NAME="+name, "EXAMPLE_RECEIVER="+s.receivers[i], "EXAMPLE_DATA="+s.file(name))
	if s.telegrafs[i], err = lab.StartTelegraf(s.programs.Telegraf, s.file(name), env, s.file("receiver.conf")); err != nil {
		return err
	}
	return waitFor(ctx, s.telegrafs[i], "http://"+s.receivers[i]+"/hologram")
}

func (s *scaling) writerUp() (err error) {
	s.writer, err = lab.StartTelegraf(s.programs.Telegraf, s.dir, s.env(), filepath.Join(s.Files, "scaling", "writer", "telegraf.conf"), s.file("witness.conf"))
	return err
}

func (s *scaling) up(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	env := []string{"INFLUXDB_HTTP_BIND_ADDRESS=" + s.database.Address, "INFLUXDB_BIND_ADDRESS=" + s.backup}
	if s.influxd, err = lab.StartProgram(s.file("database"), env, s.servers.Influxd, "-config", filepath.Join(s.Files, "edge-to-database", "server", "influxdb.conf")); err != nil {
		return err
	}
	if err := s.database.Ping(ctx); err != nil {
		return err
	}
	if err := s.brokerUp(ctx); err != nil {
		return err
	}
	// They make the stream, which the writer needs.
	for i := range s.telegrafs {
		if err := s.receiverUp(ctx, i); err != nil {
			return err
		}
	}
	if err := s.writerUp(); err != nil {
		return err
	}
	if s.nginx, err = lab.StartProgram(s.file("balancer"), nil, s.servers.Nginx, "-p", s.file("balancer"), "-c", "nginx.conf"); err != nil {
		return err
	}
	return waitFor(ctx, s.nginx, "http://"+s.balancer+"/hologram")
}

func (s *scaling) run(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	const devices = 1000
	f, err := newFleet(ctx, s.programs.Hologram, devices, int(s.Rate*(s.Calm+s.troubleTime()).Seconds())/devices+2)
	if err != nil {
		return err
	}
	if err := s.up(ctx); err != nil {
		return err
	}
	s.begin = time.Now()
	from := newSender(f, theSecret, 32, "http://"+s.balancer+"/hologram")
	defer from.close()

	s.note("all parts run")
	before, err := s.cpu(ctx)
	if err != nil {
		return err
	}
	if err := from.steady(ctx, s.Rate, s.Calm, 32); err != nil {
		return err
	}
	// So that the flushes of these metrics are in it.
	if err := lab.Pause(ctx, 3*time.Second); err != nil {
		return err
	}
	after, err := s.cpu(ctx)
	if err != nil {
		return err
	}
	for i, part := range after {
		s.result.CPU = append(s.result.CPU, PartCPU{part.Name, part.Time - before[i].Time})
	}
	s.result.Metrics = len(from.answered) * perMessage
	s.result.P50, s.result.P99 = percentile(from.latencies, 0.5), percentile(from.latencies, 0.99)

	troubled := make(chan error, 1)
	go func() { troubled <- s.trouble(ctx) }()
	err = from.steady(ctx, s.Rate, s.troubleTime(), 32)
	if err = errors.Join(err, <-troubled); err != nil {
		return err
	}
	s.result.Failed = from.failed
	return s.drain(ctx, f, from)
}

// trouble lets one part fail after the other.
func (s *scaling) trouble(ctx context.Context) error {
	stop := func(what string, p *lab.Process) error {
		if _, err := p.Stop(stopLimit); err != nil {
			return fmt.Errorf("the stop of %s failed: %w: %s", what, err, p.Log())
		}
		return nil
	}
	kill := func(p *lab.Process) error {
		err := p.Kill()
		_ = p.Wait(stopLimit)
		return err
	}
	type step struct {
		what string
		do   func() error
		then time.Duration
	}
	steps := []step{
		{"kill -9 of receiver a's telegraf-hologram", func() error {
			pid, err := s.telegrafs[0].WaitChild(ctx, s.programs.Hologram)
			if err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		}, 3 * time.Second},
		{"receiver b is stopped, for 2 s", func() error { return stop("a receiver", s.telegrafs[1]) }, 2 * time.Second},
		{"receiver b is started", func() error { return s.receiverUp(ctx, 1) }, 2 * time.Second},
		{"the broker is killed with kill -9, for 3 s", func() error { return kill(s.nats) }, 3 * time.Second},
		{"the broker is started", func() error { return s.brokerUp(ctx) }, 3 * time.Second},
		{"the writer is killed with kill -9, for 1 s", func() error { return kill(s.writer) }, time.Second},
		{"the writer is started", s.writerUp, 0},
	}
	if s.Quick {
		steps = steps[:len(steps)-2]
	}
	for _, step := range steps {
		s.note("%s", step.what)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		if err := lab.Pause(ctx, step.then); err != nil {
			return err
		}
	}
	return nil
}

// cpu returns the CPU time of each part.
func (s *scaling) cpu(ctx context.Context) (parts []PartCPU, err error) {
	add := func(name string, pids ...int) {
		part := PartCPU{Name: name}
		for _, pid := range pids {
			d, e := processCPU(pid)
			part.Time += d
			err = errors.Join(err, e)
		}
		parts = append(parts, part)
	}
	var plugins []int
	for _, p := range s.telegrafs {
		pid, e := p.WaitChild(ctx, s.programs.Hologram)
		plugins = append(plugins, pid)
		err = errors.Join(err, e)
	}
	// With one worker, which is its child.
	worker, e := s.nginx.WaitChild(ctx, "nginx: worker process")
	err = errors.Join(err, e)
	add("balancer, nginx", worker)
	add("receivers, telegraf-hologram", plugins...)
	add("receivers, Telegraf", s.telegrafs[0].Pid(), s.telegrafs[1].Pid())
	add("broker, nats-server", s.nats.Pid())
	add("writer, Telegraf", s.writer.Pid())
	add("database, influxd", s.influxd.Pid())
	return parts, err
}

// fields are in every metric of each shape.
var fields = [shapes][2]string{{"cpu", "usage_idle"}, {"environment", "temperature"}, {"net", "drop_in"}, {"machine", "cycles"}}

// drain waits until the database has all, and the file beside it, or until nothing
// comes any more.
func (s *scaling) drain(ctx context.Context, f *fleet, from *sender) error {
	s.result.Want = len(from.answered) * perMessage
	came := func() (n int, err error) {
		s.result.Points = 0
		for _, field := range fields {
			n, err := s.count(ctx, fmt.Sprintf("SELECT count(%s) FROM %s", field[1], field[0]))
			if err != nil {
				return 0, err
			}
			s.result.Points += n
		}
		// The database may have what the file has not, when the writer was killed.
		a := newAccount(f)
		err = a.read(s.file("witness.lp"))
		s.result.Account = a.result(from.answered)
		return s.result.Points - s.result.Lost, err
	}
	for last, before := time.Now(), -1; ; {
		n, err := came()
		if err != nil {
			return err
		}
		if n != before {
			before, last = n, time.Now()
		}
		if n == s.result.Want || time.Since(last) > 45*time.Second {
			break
		}
		if err := lab.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
	s.note("the database has %d of %d points", s.result.Points, s.result.Want)
	// What comes after that would be repeats.
	if err := lab.Pause(ctx, 2*time.Second); err != nil {
		return err
	}
	s.result.Accepted = make(map[string]int)
	for _, name := range []string{"a", "b"} {
		n, err := s.count(ctx, "SELECT last(accepted) FROM hologram_receiver WHERE receiver = '"+name+"'")
		if err != nil {
			return err
		}
		s.result.Accepted[name] = n
	}
	if _, err := s.writer.Stop(stopLimit); err != nil {
		return fmt.Errorf("the stop of the writer failed: %w: %s", err, s.writer.Log())
	}
	_, err := came()
	return err
}

// count returns the number that a query gives.
func (s *scaling) count(ctx context.Context, query string) (int, error) {
	tables, err := s.database.Query(ctx, query)
	if err != nil || len(tables) == 0 {
		return 0, err
	}
	number, ok := tables[0].Values[0][1].(json.Number)
	if !ok {
		return 0, fmt.Errorf("the database answers no number to %s", query)
	}
	n, err := number.Int64()
	return int(n), err
}

// Print prints what came of it.
func (r *ScalingResult) Print(w io.Writer) {
	fmt.Fprintf(w, "\n%-32s %s\n", "without trouble", "CPU per metric")
	for _, part := range r.CPU {
		fmt.Fprintf(w, "%-32s %6.1f µs\n", part.Name, float64(part.Time)/1e3/float64(max(r.Metrics, 1)))
	}
	fmt.Fprintf(w, "webhooks were answered after %.1f ms (p50), %.1f ms (p99)\n", float64(r.P50)/1e6, float64(r.P99)/1e6)
	fmt.Fprintf(w, "\nwith trouble: %s. Attempts of webhooks that failed: %v.\n", r.Account, r.Failed)
	fmt.Fprintf(w, "The database has %d of %d points. Webhooks accepted by each receiver since its last start: %v.\n", r.Points, r.Want, r.Accepted)
}

// Check tells what is not as it must be.
func (r *ScalingResult) Check() error {
	if r.Want == 0 || r.Lost > 0 || r.Wrong > 0 || r.Points != r.Want {
		return fmt.Errorf("%s; the database has %d of %d points", r.Account, r.Points, r.Want)
	}
	return nil
}

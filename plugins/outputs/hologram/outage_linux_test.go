package hologram

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-hologram/internal/corpus"
	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

// An outage as a whole: the host, the disk buffer and the plugin as in the
// product, on a clock that jumps to the next thing that happens. The cloud is the
// emulator, in the same process, behind connections in memory.

var outageLong = flag.Bool("outage", false, "an outage of 24 h with 1,000,000 metrics in place of one of 1 h with 40,000")

// The ways in which the cloud can be out of reach.
const (
	wayNoRoute  = "no route"        // the modem is not attached: connecting fails at once
	wayTimeout  = "connect timeout" // nothing comes back
	wayNoAnswer = "never answers"   // connects and takes the message, which is lost
)

const (
	outageChild  = "TELEGRAF_HOLOGRAM_TEST_OUTAGE" // tells the child process what to do
	outageMaxRSS = 32 << 20
	outageKey    = "ABCDWXYZ"

	outageCorpus  = "../../../testdata/corpora/modbus.lp"
	outageDevices = 20 // metrics of one gathering in the corpus

	agentFlush = 10 * time.Second // of Telegraf's agent
	pipeBytes  = 4 << 10          // what intake makes of its pipe

	// A link of LTE Cat-M1.
	linkRTT  = 100 * time.Millisecond
	linkRate = 375_000 / 8 // bytes per second upwards
	// Nine SYN go out in the 30 s of a connect that nobody answers.
	timeoutBytes = 9 * 60
	// The least and the most that a try takes beside the message where nobody
	// answers.
	leastOverhead, mostOverhead = 250, 600

	// quiet is a time after which more would have come: longer than any wait.
	quiet = 40 * time.Minute
)

// outagePlan is what a child process is to do.
type outagePlan struct {
	Way       string
	Length    time.Duration
	Metrics   int
	Directory string
}

// outageReport is what a child process has found.
type outageReport struct {
	Tries     int           // that failed
	Spent     int64         // bytes on the link that they took
	Waiting   int           // bytes of the records that waited
	Disk      int64         // bytes of the files that hold them
	OutageCPU time.Duration // of all in this process
	OutageRSS int64         // the most so far

	Found     time.Duration // until the first message came through, of the simulated time
	Drain     time.Duration // until the last one did, likewise
	Messages  int
	Data      int64 // bytes in them that are metrics
	OnLink    int64 // bytes on the link that they took
	DrainWall time.Duration
	DrainCPU  time.Duration
	Left      int64 // bytes of the files at the end

	Delivered int // different metrics
	Twice     int
	Shutdown  time.Duration
	BaseRSS   int64 // before all
	RSS       int64 // the most
}

// TestOutage shows what an outage costs: bytes on tries, memory, disk, and the
// time until all that waited is delivered, once.
func TestOutage(t *testing.T) {
	if os.Getenv(outageChild) != "" {
		simulateOutage(t)
		return
	}
	plan := outagePlan{Length: time.Hour, Metrics: 40_000}
	switch {
	case *outageLong:
		plan = outagePlan{Length: 24 * time.Hour, Metrics: 1_000_000}
	case raceDetector:
		plan = outagePlan{Length: 20 * time.Minute, Metrics: 4000} // ten times as slow
	}
	for _, way := range []string{wayNoRoute, wayTimeout, wayNoAnswer} {
		t.Run(way, func(t *testing.T) {
			plan := plan
			plan.Way, plan.Directory = way, t.TempDir()
			r := runOutage(t, plan)
			t.Log(r.table(plan))

			require.Equal(t, plan.Metrics, r.Delivered)
			require.Zero(t, r.Twice)
			require.LessOrEqual(t, r.Shutdown, 2*time.Second)
			r.requireTries(t, plan)
			if !raceDetector {
				require.Less(t, r.RSS, int64(outageMaxRSS))
			}
		})
	}
}

// requireTries checks the number of tries and what they have cost.
func (r outageReport) requireTries(t *testing.T, p outagePlan) {
	t.Helper()
	if p.Way == wayNoRoute {
		require.Zero(t, r.Spent)
		return
	}
	// The waits are 30 s, 60 s ... 15 min, each between a half and the whole of it.
	require.Positive(t, r.Tries)
	require.LessOrEqual(t, r.Tries, 6+int(p.Length/(15*time.Minute/2)))
	each := r.Spent / int64(r.Tries)
	if p.Way == wayTimeout {
		require.EqualValues(t, timeoutBytes, each)
		return
	}
	require.Greater(t, each, int64(defaultMessageSize/2+leastOverhead))
	require.Less(t, each, int64(defaultMessageSize+mostOverhead))
}

func (r outageReport) table(p outagePlan) string {
	const mb = 1e6
	var b strings.Builder
	fmt.Fprintf(&b, "%v, %d metrics, %s:\n", p.Length, p.Metrics, p.Way)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-22s "+format+"\n", append([]any{name}, args...)...)
	}
	row("failed tries", "%d, %d bytes", r.Tries, r.Spent)
	row("what waited", "%.1f MB of line protocol in %.1f MB of files", float64(r.Waiting)/mb, float64(r.Disk)/mb)
	row("CPU time until then", "%.1f s", r.OutageCPU.Seconds())
	row("first message after", "%v", r.Found.Round(time.Second))
	row("last message after", "%v more, at %v and %d kbit/s", r.Drain.Round(time.Second), linkRTT, linkRate*8/1000)
	row("work of the drain", "%.1f s, CPU time %.1f s", r.DrainWall.Seconds(), r.DrainCPU.Seconds())
	row("messages", "%d of %.0f bytes", r.Messages, float64(r.Data)/float64(max(r.Messages, 1)))
	row("bytes a metric", "%.1f, on the link %.1f", float64(r.Data)/float64(p.Metrics), float64(r.OnLink)/float64(p.Metrics))
	row("metrics delivered", "%d, more than once %d", r.Delivered, r.Twice)
	row("files afterwards", "%.1f MB", float64(r.Left)/mb)
	row("RSS at most", "%.1f MB: %.1f at the start, %.1f until the drain", float64(r.RSS)/mb, float64(r.BaseRSS)/mb, float64(r.OutageRSS)/mb)
	row("stopped in", "%v", r.Shutdown.Round(time.Millisecond))
	return b.String()
}

// runOutage runs a plan in a process of its own, so that its memory can be seen.
func runOutage(t *testing.T, plan outagePlan) outageReport {
	t.Helper()
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOutage$", "-test.count=1", "-test.timeout=30m")
	cmd.Env = []string{outageChild + "=" + string(text), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	out, err := cmd.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(plan.Directory, "log"))
	require.NoError(t, err, "%s\n%s\n%s", plan.Way, out, log[max(0, len(log)-4000):])
	var r outageReport
	text, err = os.ReadFile(filepath.Join(plan.Directory, "report"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

// simulateOutage is the child process.
func simulateOutage(t *testing.T) {
	var plan outagePlan
	require.NoError(t, json.Unmarshal([]byte(os.Getenv(outageChild)), &plan))
	debug.SetGCPercent(25) // as main does

	// The goroutine behind all signals must not be of the bubble.
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	defer signal.Stop(c)

	feed := newFeed(t, plan)
	var r outageReport
	synctest.Test(t, func(t *testing.T) { r = outage(t, plan, feed) })
	r.RSS = memory(t, "VmHWM")
	feed.check(t, filepath.Join(plan.Directory, "cloud"), &r)

	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(plan.Directory, "report"), text, 0o600))
}

// outage runs a plan in the bubble of synctest.
func outage(t *testing.T, plan outagePlan, feed *feed) (r outageReport) {
	buffer := filepath.Join(plan.Directory, "buffer")
	far := newFarSide(t, plan)
	cfg, logs := outageConfig(t, plan, buffer, far)
	r.BaseRSS = memory(t, "VmHWM")

	stdin, agent := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- execd.Run(t.Context(), cfg, stdin, logs, logs) }()

	started := cpu(t)
	for now := time.Now(); feed.next < plan.Metrics; now = time.Now() {
		time.Sleep(agentFlush)
		r.Waiting += feed.write(t, agent, now)
	}
	r.OutageCPU, r.OutageRSS = cpu(t)-started, memory(t, "VmHWM")
	r.Disk = sizeOf(t, buffer)
	far.restore()

	back, wall, started := time.Now(), monotonic(t), cpu(t)
	var first, last time.Time
	for seen := 0; time.Since(back) < quiet || time.Since(last) < quiet; time.Sleep(agentFlush) {
		n, at := far.taken()
		if n == seen {
			continue
		}
		if seen == 0 {
			first = at
		}
		seen, last = n, at
		r.DrainWall, r.DrainCPU = monotonic(t)-wall, cpu(t)-started
	}
	r.Found, r.Drain = first.Sub(back), last.Sub(first)
	r.Messages, r.Data = far.messages, far.data
	r.Tries, r.Spent, r.OnLink = int(far.tries.Load()), far.spent.Load(), far.useful.Load()
	r.Left = sizeOf(t, buffer)

	stop := time.Now()
	require.NoError(t, agent.Close())
	require.NoError(t, <-ended)
	r.Shutdown = time.Since(stop)
	require.NoError(t, far.close())
	require.NoError(t, logs.Close())
	return r
}

// outageConfig configures the plugin as a user does, with a connection to the
// far side in memory.
func outageConfig(t *testing.T, plan outagePlan, buffer string, far *farSide) (*execd.Config, *os.File) {
	text := fmt.Sprintf(`
[[outputs.hologram]]
  buffer_strategy = %q
  buffer_directory = %q
  buffer_limit = "1GiB"
`, execd.BufferDisk, buffer)
	cfg, err := execd.Parse([]byte(text), "outage", execd.Plugins{Outputs: map[string]outputs.Creator{
		"hologram": func() telegraf.Output {
			h := New()
			h.Address, h.DeviceKey = "192.0.2.1:9999", outageKey
			return &overLink{Hologram: h, far: far}
		},
	}})
	require.NoError(t, err)
	logs, err := os.Create(filepath.Join(plan.Directory, "log"))
	require.NoError(t, err)
	return cfg, logs
}

// overLink is the plugin with a link to the far side, which it counts.
type overLink struct {
	*Hologram
	far *farSide
}

func (o *overLink) Connect() error {
	if err := o.Hologram.Connect(); err != nil {
		return err
	}
	o.client.Dial = o.far.dial
	return nil
}

// OnExchange counts what the plugin reports.
func (o *overLink) OnExchange(begin func(), end func(execd.Exchange)) {
	if r, ok := any(o.Hologram).(execd.ExchangeReporter); ok {
		r.OnExchange(begin, func(x execd.Exchange) {
			if x.Delivered {
				o.far.useful.Add(x.Sent + x.Received)
			} else {
				o.far.tries.Add(1)
				o.far.spent.Add(x.Sent + x.Received)
			}
			end(x)
		})
	}
}

// farSide is the link and the cloud behind it.
type farSide struct {
	t      *testing.T
	way    string
	down   emulator.Faults // while the outage lasts
	up     atomic.Bool
	socket *os.File // that all connections show

	// Of the plugin's goroutine, and of close after it has ended.
	cloud    *shortCloud
	accepted int // connections of it

	tries  atomic.Int64 // that failed, as the plugin reports
	spent  atomic.Int64 // bytes on them
	useful atomic.Int64 // bytes on the others

	file     *os.File
	out      *bufio.Writer
	mu       sync.Mutex
	messages int       // guarded by mu
	data     int64     // guarded by mu
	last     time.Time // guarded by mu
}

func newFarSide(t *testing.T, plan outagePlan) *farSide {
	t.Helper()
	file, err := os.Create(filepath.Join(plan.Directory, "cloud"))
	require.NoError(t, err)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	f := &farSide{t: t, way: plan.Way, socket: os.NewFile(uintptr(fd), "socket"), file: file, out: bufio.NewWriter(file)}
	f.down, err = emulator.ParseFaults("never-answer-lost")
	require.NoError(t, err)
	return f
}

// restore ends the outage.
func (f *farSide) restore() {
	f.up.Store(true)
}

// accept hands a connection to a cloud. Each one lives for a while only: it
// remembers what it has taken, and that memory is not the product's.
func (f *farSide) accept(ctx context.Context, conn net.Conn) error {
	const each = 50
	if f.cloud != nil && (f.accepted >= each || f.cloud.up != f.up.Load()) {
		require.NoError(f.t, f.cloud.shut())
		f.cloud = nil
	}
	if f.cloud == nil {
		f.cloud, f.accepted = startCloud(f.t, f.up.Load(), f.down, f.take), 0
	}
	f.accepted++
	select {
	case f.cloud.conns <- conn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take notes an event of the cloud.
func (f *farSide) take(e emulator.Event) {
	if !e.Taken {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages++
	f.data += int64(len(e.Data))
	f.last = time.Now()
	_, _ = f.out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(e.Data)))) // Flush returns the error
	_, _ = f.out.WriteString(e.Data)
}

// taken returns how many messages the cloud has taken, and when the last one.
func (f *farSide) taken() (int, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.messages, f.last
}

func (f *farSide) close() error {
	return errors.Join(f.cloud.shut(), f.out.Flush(), f.file.Close(), f.socket.Close())
}

// dial connects as a link does that is up, or not.
func (f *farSide) dial(ctx context.Context, network, _ string) (socketapi.Conn, error) {
	fail := func(err error) (socketapi.Conn, error) { return nil, &net.OpError{Op: "dial", Net: network, Err: err} }
	if !f.up.Load() {
		switch f.way {
		case wayNoRoute:
			return fail(os.NewSyscallError("connect", syscall.ENETUNREACH))
		case wayTimeout:
			<-ctx.Done()
			return fail(ctx.Err())
		}
	}
	time.Sleep(linkRTT)
	near, far := newConns(f.socket)
	if err := f.accept(ctx, far); err != nil {
		return fail(err)
	}
	return near, nil
}

// shortCloud is an emulator, and the listener that it accepts connections of.
type shortCloud struct {
	up     bool
	conns  chan net.Conn
	once   sync.Once // closes conns
	stop   context.CancelFunc
	served chan error
}

func startCloud(t *testing.T, up bool, down emulator.Faults, take func(emulator.Event)) *shortCloud {
	cfg := emulator.Config{OnEvent: take, DeviceKeys: []string{outageKey}}
	if !up {
		cfg.Faults = down
	}
	server, err := emulator.New(cfg)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	c := &shortCloud{up: up, conns: make(chan net.Conn), stop: stop, served: make(chan error, 1)}
	go func() { c.served <- server.Serve(ctx, c) }()
	return c
}

// shut ends the emulator, and connections that it has not closed yet.
func (c *shortCloud) shut() error {
	c.stop()
	return <-c.served
}

// Accept, Close and Addr are those of a listener.
func (c *shortCloud) Accept() (net.Conn, error) {
	conn, ok := <-c.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (c *shortCloud) Close() error {
	c.once.Do(func() { close(c.conns) })
	return nil
}

func (*shortCloud) Addr() net.Addr { return &net.UnixAddr{Name: "outage"} }

// conn is one end of a connection in memory that can be closed in one direction,
// and takes as long as the link.
type conn struct {
	net.Conn          // what is read
	out      net.Conn // what is written
	delay    time.Duration
	rate     int // bytes per second, 0 is without end
	socket   *os.File
}

func newConns(socket *os.File) (near, far *conn) {
	nearIn, farOut := net.Pipe()
	farIn, nearOut := net.Pipe()
	return &conn{Conn: nearIn, out: nearOut, rate: linkRate, socket: socket},
		&conn{Conn: farIn, out: farOut, delay: linkRTT, socket: socket}
}

// SyscallConn gives a socket on which nothing waits: what was written is
// acknowledged, as it is by the system of a cloud that does not answer.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }

func (c *conn) Write(p []byte) (int, error) {
	delay := c.delay
	if c.rate > 0 {
		delay += time.Duration(len(p)) * time.Second / time.Duration(c.rate)
	}
	time.Sleep(delay)
	return c.out.Write(p)
}

func (c *conn) CloseWrite() error { return c.out.Close() }

func (c *conn) Close() error { return errors.Join(c.Conn.Close(), c.out.Close()) }

func (c *conn) SetDeadline(at time.Time) error {
	return errors.Join(c.SetReadDeadline(at), c.SetWriteDeadline(at))
}

func (c *conn) SetWriteDeadline(at time.Time) error { return c.out.SetWriteDeadline(at) }

// feed is Telegraf's side: metrics of a corpus over and over, with new times.
type feed struct {
	lines []string // without times
	plan  outagePlan
	start time.Time
	step  time.Duration // between two gatherings
	next  int           // metric
	chunk []byte
}

func newFeed(t *testing.T, plan outagePlan) *feed {
	t.Helper()
	text, err := os.ReadFile(outageCorpus)
	require.NoError(t, err)
	f := &feed{plan: plan, step: plan.Length / time.Duration(plan.Metrics/outageDevices)}
	f.start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Second) // the bubble's time
	for line := range strings.Lines(string(text)) {
		f.lines = append(f.lines, line[:strings.LastIndexByte(line, ' ')])
	}
	require.Zero(t, len(f.lines)%outageDevices)
	return f
}

func (f *feed) time(i int) time.Time { return f.start.Add(time.Duration(i/outageDevices) * f.step) }

// write writes the metrics up to now in pieces as they fit into the pipe, and
// returns how many bytes that are.
func (f *feed) write(t *testing.T, w io.Writer, now time.Time) int {
	f.chunk = f.chunk[:0]
	for ; f.next < f.plan.Metrics && f.time(f.next).Before(now); f.next++ {
		f.chunk = append(f.chunk, f.lines[f.next%len(f.lines)]...)
		f.chunk = append(f.chunk, ' ')
		f.chunk = strconv.AppendInt(f.chunk, f.time(f.next).UnixNano(), 10)
		f.chunk = append(f.chunk, '\n')
	}
	for rest := f.chunk; len(rest) > 0; {
		n, err := w.Write(rest[:min(len(rest), pipeBytes)])
		require.NoError(t, err)
		rest = rest[n:]
	}
	return len(f.chunk)
}

// check reads what the cloud has taken, and counts which of what was written it
// is.
func (f *feed) check(t *testing.T, name string, r *outageReport) {
	t.Helper()
	written, err := corpus.Parse(strings.Join(f.lines, " 0\n") + " 0\n")
	require.NoError(t, err)
	require.Len(t, written, len(f.lines))
	series := make([]uint64, len(written))
	for i, m := range written {
		series[i] = m.HashID()
	}
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	in := bufio.NewReader(file)
	seen := make([]uint8, f.plan.Metrics)
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); errors.Is(err, io.EOF) {
			break
		}
		data := make([]byte, binary.LittleEndian.Uint32(head[:]))
		_, err := io.ReadFull(in, data)
		require.NoError(t, err)
		b, err := payload.Decode(string(data))
		require.NoError(t, err)
		for _, m := range b.Metrics {
			i := f.find(m, series)
			require.GreaterOrEqual(t, i, 0, "a metric that was not written: %v", m)
			require.Equal(t, written[i%len(written)].Fields(), m.Fields())
			seen[i] = min(seen[i], 1) + 1
		}
	}
	for _, n := range seen {
		if n > 0 {
			r.Delivered++
		}
		if n > 1 {
			r.Twice++
		}
	}
}

// find returns which of the metrics that were written m is, -1 for none.
func (f *feed) find(m telegraf.Metric, series []uint64) int {
	first, id := int(m.Time().Sub(f.start)/f.step)*outageDevices, m.HashID()
	if first < 0 || !f.time(first).Equal(m.Time()) {
		return -1
	}
	for i := first; i < min(first+outageDevices, f.plan.Metrics); i++ {
		if series[i%len(series)] == id {
			return i
		}
	}
	return -1
}

// memory returns a value of the process's status in bytes.
func memory(t *testing.T, name string) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, ok := bytes.Cut(status, []byte(name+":"))
	require.True(t, ok)
	n, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	require.NoError(t, err)
	return n << 10
}

// cpu returns the processor time of this process, all that it simulates included.
func cpu(t *testing.T) time.Duration { return clock(t, unix.CLOCK_PROCESS_CPUTIME_ID) }

// monotonic returns the real time, which package time does not in a bubble.
func monotonic(t *testing.T) time.Duration { return clock(t, unix.CLOCK_MONOTONIC) }

func clock(t *testing.T, id int32) time.Duration {
	t.Helper()
	var ts unix.Timespec
	require.NoError(t, unix.ClockGettime(id, &ts))
	return time.Duration(ts.Nano())
}

// sizeOf returns how many bytes the files below a directory take.
func sizeOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	return n
}

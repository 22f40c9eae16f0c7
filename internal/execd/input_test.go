package execd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/metric"
)

// sampler is an input that records what is asked of it and answers as its fields say.
type sampler struct {
	Mode string          `toml:"mode"` // of a child
	Log  telegraf.Logger `toml:"-"`

	gather func(acc telegraf.Accumulator) error // nil is nothing

	mu  sync.Mutex
	did []string
}

func (*sampler) SampleConfig() string { return "" }

func (s *sampler) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = append(s.did, what)
}

// calls returns the calls so far.
func (s *sampler) calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.did, " ")
}

func (s *sampler) Gather(acc telegraf.Accumulator) error {
	s.note("gather")
	if s.gather != nil {
		return s.gather(acc)
	}
	return nil
}

// service is a sampler that is a telegraf.ServiceInput.
type service struct {
	sampler
	start func(acc telegraf.Accumulator) error // nil is success
	stop  func()
}

func (s *service) Start(acc telegraf.Accumulator) error {
	s.note("start")
	if s.start != nil {
		return s.start(acc)
	}
	return nil
}

func (s *service) Stop() {
	s.note("stop")
	if s.stop != nil {
		s.stop()
	}
}

// childInput is the input of a child. Asked for metrics it gives one; in mode "flood" it gives metrics without end.
func childInput() *service {
	s := &service{}
	s.gather = func(acc telegraf.Accumulator) error {
		acc.AddFields("asked", map[string]any{"n": strings.Count(s.calls(), "gather")}, nil, time.Unix(0, 1))
		return nil
	}
	stopped := make(chan struct{})
	s.start = func(acc telegraf.Accumulator) error {
		s.Log.Infof("mode %q", s.Mode)
		go func() {
			defer close(stopped)
			for s.Mode == "flood" && acc.(Printer).Print(gauge("flood", strings.Repeat("x", 100))) == nil {
			}
		}()
		return nil
	}
	s.stop = func() { <-stopped }
	return s
}

func inputsWith(in telegraf.Input) Plugins {
	return Plugins{Inputs: map[string]inputs.Creator{"in": func() telegraf.Input { return in }}}
}

// inputBench runs an input as Run does, but without its hold on signals, which the bubble of synctest does not allow.
type inputBench struct {
	t      *testing.T
	in     *io.PipeWriter
	errs   output
	cancel context.CancelFunc
	result chan error
}

// runs starts an input whose metrics go to stdout.
func runs(t *testing.T, in telegraf.Input, stdout io.Writer, options string) *inputBench {
	t.Helper()
	cfg, err := Parse([]byte("[[inputs.in]]\n"+options), "test", inputsWith(in))
	require.NoError(t, err)
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	b := &inputBench{t: t, in: writer, cancel: cancel, result: make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cfg.log.attach(io.Discard, &b.errs)
		err := runInput(ctx, cfg, reader, stdout)
		cfg.log.detach()
		b.result <- err
	}()
	t.Cleanup(func() {
		_ = writer.Close()
		cancel()
		<-ended
	})
	return b
}

// end closes stdin and returns how Run ended, which it must do soon.
func (b *inputBench) end() error {
	b.t.Helper()
	start := time.Now()
	require.NoError(b.t, b.in.Close())
	err := <-b.result
	require.Less(b.t, time.Since(start), 2*time.Second)
	return err
}

func (b *inputBench) ask() {
	_, err := io.WriteString(b.in, "\n")
	require.NoError(b.t, err)
	synctest.Wait()
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// gauge is a metric with one field.
func gauge(name string, value any) telegraf.Metric {
	return metric.New(name, nil, []telegraf.Field{{Key: "v", Value: value}}, time.Unix(0, 7))
}

func TestInputServiceLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		s := &service{start: func(acc telegraf.Accumulator) error {
			acc.AddFields("a", map[string]any{"b": uint64(math.MaxUint64), "a": "x\n\"y\"", "c": int8(1)},
				map[string]string{"t": "1 2"}, time.Unix(0, 5))
			return nil
		}}
		b := runs(t, s, &out, "")
		pass(time.Hour)
		require.Equal(t, "start", s.calls(), "a service is not polled")
		require.NoError(t, b.end())
		require.Equal(t, "start stop", s.calls())
		require.Equal(t, "a,t=1\\ 2 a=\"x\n\\\"y\\\"\",b=18446744073709551615u,c=1i 5\n", out.String())
		require.Equal(t, "I! ended: 1 metric written, 0 dropped, 0 not written\n", b.errs.String())
	})
}

func TestInputIsPolled(t *testing.T) {
	for _, tc := range []struct{ name, options, want string }{
		{"by default", "", "gather gather gather"},
		{"as configured", `interval = "5s"`, "gather gather gather gather gather gather"},
		{"never", "interval = 0", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sampler{}
				b := runs(t, s, io.Discard, tc.options)
				pass(31 * time.Second)
				require.Equal(t, tc.want, s.calls())
				require.NoError(t, b.end())
			})
		})
	}
}

// TestInputIsAsked has newlines on stdin; then the input is not polled besides.
func TestInputIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		s := &sampler{gather: func(acc telegraf.Accumulator) error {
			acc.AddMetric(gauge("g", 1))
			return errors.New("half of it")
		}}
		b := runs(t, s, &out, `interval = "1m"`)
		pass(0)
		b.ask()
		require.Equal(t, "gather", s.calls())
		require.Equal(t, "g v=1i 7\n", out.String(), "written when Gather returns")
		pass(time.Hour)
		require.Equal(t, "gather", s.calls())
		b.ask()
		require.NoError(t, b.end())
		require.Equal(t, "gather gather", s.calls())
		require.Contains(t, b.errs.String(), "E! half of it\n")
	})
}

// TestInputDropsWhatCannotBeWritten has metrics that end a plugin under Telegraf's shim.
func TestInputDropsWhatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		var delivered []bool
		s := &service{start: func(acc telegraf.Accumulator) error {
			acc.AddFields("none", nil, map[string]string{"sender": "+15550100"})
			acc.AddGauge("nan", map[string]any{"v": math.NaN()}, nil)
			acc.AddCounter("inf", map[string]any{"v": math.Inf(1)}, nil)
			acc.AddSummary("odd", map[string]any{"v": struct{}{}}, nil)
			acc.AddHistogram("", map[string]any{"v": 1}, nil)
			if err := acc.(Printer).Print(gauge("nan", math.NaN()), gauge("ok", 1)); err != nil {
				return err
			}
			tr := acc.WithTracking(2)
			tr.AddTrackingMetric(gauge("nan", math.NaN()))
			tr.AddTrackingMetricGroup([]telegraf.Metric{gauge("ok", 2), gauge("ok", 3)})
			tr.AddTrackingMetric(gauge("ok", 4))
			for range 2 {
				delivered = append(delivered, (<-tr.Delivered()).Delivered())
			}
			return nil
		}}
		b := runs(t, s, &out, "")
		pass(time.Second)
		require.NoError(t, b.end())
		require.Equal(t, "ok v=1i 7\nok v=2i 7\nok v=3i 7\nok v=4i 7\n", out.String())
		require.Equal(t, []bool{false, true}, delivered)
		require.Contains(t, b.errs.String(), `W! metric "none" has no name or no field that can be written, and is dropped`)
		require.Contains(t, b.errs.String(), "E! more than 2 tracked metrics")
		require.Contains(t, b.errs.String(), "4 metrics written, 7 dropped, 0 not written")
		require.NotContains(t, b.errs.String(), "555")
	})
}

func TestInputTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		s := &service{start: func(acc telegraf.Accumulator) error {
			m := gauge("never", 1)
			m.SetTime(time.Time{})
			acc.AddMetric(m)
			require.True(t, m.Time().IsZero(), "the metric is the caller's")
			acc.AddFields("now", map[string]any{"v": 1}, nil)
			acc.SetPrecision(time.Second)
			acc.AddFields("rounded", map[string]any{"v": 1}, nil, time.Unix(1, 600_000_000))
			return nil
		}}
		b := runs(t, s, &out, "")
		pass(0)
		require.NoError(t, b.end())
		// Time in a bubble begins in 2000.
		require.Equal(t, "never v=1i 946684800000000000\nnow v=1i 946684800000000000\nrounded v=1i 2000000000\n", out.String())
	})
}

func TestInputCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("no such port")
		s := &service{start: func(telegraf.Accumulator) error { return cause }}
		b := runs(t, s, io.Discard, "")
		err := <-b.result
		require.ErrorIs(t, err, cause)
		require.EqualError(t, err, "cannot start inputs.in: no such port")
		require.Equal(t, "start", s.calls())
	})
}

// TestInputHangs has a plugin that hangs somewhere while stdin ends.
func TestInputHangs(t *testing.T) {
	for _, where := range []string{"start", "gather", "stop"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				s := &service{}
				hang := func(here string) {
					if here == where {
						<-release
					}
				}
				s.start = func(telegraf.Accumulator) error { hang("start"); return nil }
				s.gather = func(telegraf.Accumulator) error { hang("gather"); return nil }
				s.stop = func() { hang("stop") }
				b := runs(t, s, io.Discard, "")
				b.ask()
				require.NoError(t, b.end())
				require.Contains(t, b.errs.String(), "W! the plugin has not stopped in 1.2s\n")
				close(release)
			})
		})
	}
}

// blockable is a stdout of which nobody reads for a while.
type blockable struct {
	output
	gate chan struct{}
}

func (b *blockable) Write(p []byte) (int, error) {
	<-b.gate
	return b.output.Write(p)
}

// TestInputIsNotRead has a Telegraf that does not read; the plugin waits, and knows at the end what was not written.
func TestInputIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &blockable{gate: make(chan struct{})}
		printed := make(chan error, 4)
		s := &service{start: func(acc telegraf.Accumulator) error {
			for range 2 {
				go func() { printed <- acc.(Printer).Print(gauge("m", 1)) }()
			}
			return nil
		}}
		s.stop = func() {
			require.ErrorIs(t, <-printed, ErrEnded)
			require.ErrorIs(t, <-printed, ErrEnded)
		}
		b := runs(t, s, out, "")
		pass(time.Minute)
		require.Empty(t, printed)
		require.NoError(t, b.end())
		require.Contains(t, b.errs.String(), "W! Telegraf has not read metrics for 30s\n")
		require.Contains(t, b.errs.String(), "0 metrics written, 0 dropped, 2 not written\n")
		close(out.gate) // What was begun may still be written; nothing else is.
		synctest.Wait()
		require.Equal(t, "m v=1i 7\n", out.String())
	})
}

// TestInputIsReadAgain has a Telegraf that reads only while the plugin stops.
func TestInputIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &blockable{gate: make(chan struct{})}
		printed := make(chan error, 1)
		s := &service{start: func(acc telegraf.Accumulator) error {
			go func() { printed <- acc.(Printer).Print(gauge("m", 1), gauge("n", 1)) }()
			return nil
		}}
		s.stop = func() { require.NoError(t, <-printed) }
		b := runs(t, s, out, "")
		pass(time.Second)
		go func() {
			time.Sleep(500 * time.Millisecond)
			close(out.gate)
		}()
		require.NoError(t, b.end())
		require.Equal(t, "m v=1i 7\nn v=1i 7\n", out.String())
	})
}

// tearing writes a part of the first line and fails.
type tearing struct {
	output
	err error
}

func (w *tearing) Write(p []byte) (int, error) {
	if err := w.err; err != nil {
		w.err = nil
		n, _ := w.output.Write(p[:3])
		return n, err
	}
	return w.output.Write(p)
}

func TestInputTornLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &tearing{err: syscall.ENOSPC}
		s := &service{start: func(acc telegraf.Accumulator) error {
			require.ErrorIs(t, acc.(Printer).Print(gauge("m", 1), gauge("m", 2)), syscall.ENOSPC)
			return acc.(Printer).Print(gauge("m", 3))
		}}
		b := runs(t, s, out, "")
		pass(0)
		require.NoError(t, b.end())
		require.Equal(t, "m v\nm v=3i 7\n", out.String())
	})
}

func TestInputNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		require.NoError(t, reader.Close())
		s := &service{start: func(acc telegraf.Accumulator) error {
			acc.AddMetric(gauge("m", 1))
			return nil
		}}
		b := runs(t, s, writer, "")
		require.ErrorIs(t, <-b.result, io.ErrClosedPipe)
		require.Equal(t, "start stop", s.calls())
	})
}

func TestInputContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		b := runs(t, s, io.Discard, "")
		pass(time.Second)
		b.cancel()
		require.NoError(t, <-b.result)
		require.Equal(t, "start stop", s.calls())
	})
}

// TestInputConcurrency prints from many goroutines into a real pipe.
func TestInputConcurrency(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	const printers, each = 8, 200
	long := strings.Repeat("x", 9000)
	var group sync.WaitGroup
	started := make(chan struct{})
	s := &service{start: func(acc telegraf.Accumulator) error {
		defer close(started)
		for range printers {
			group.Go(func() {
				for range each {
					acc.AddFields("m", map[string]any{"v": long}, nil, time.Unix(0, 1))
				}
			})
		}
		return nil
	}, stop: group.Wait}
	read := make(chan string)
	go func() {
		all, _ := io.ReadAll(reader)
		read <- string(all)
	}()
	b := runs(t, s, writer, "")
	<-started
	group.Wait()
	require.NoError(t, b.end())
	require.NoError(t, writer.Close())
	require.Equal(t, strings.Repeat("m v=\""+long+"\" 1\n", printers*each), <-read)
	require.NoError(t, reader.Close())
}

func TestInputOptions(t *testing.T) {
	for options, want := range map[string]string{
		`interval = "10ms"`: `test: inputs.in: line 2: interval = "10ms": is too short; want at least "100ms", or 0 for never`,
		`log_level = "all"`: `test: inputs.in: line 2: log_level = "all": is unknown; want one of "error", "warn", "info", "debug"`,
	} {
		_, err := Parse([]byte("[[inputs.in]]\n"+options), "test", inputsWith(&sampler{}))
		require.EqualError(t, err, want)
	}
	_, err := Parse([]byte("[[inputs.in]]\ninterval = 3"), "test", inputsWith(&service{}))
	require.ErrorContains(t, err, "unknown option interval")
	cfg, err := Parse([]byte("[[inputs.in]]\ninterval = 3"), "test", inputsWith(&sampler{}))
	require.NoError(t, err)
	require.Equal(t, "inputs.in, configured in test\n  gathers     every 3s\n  log level   info\n  set         interval = 3\n", cfg.Describe())
	require.IsType(t, &sampler{}, cfg.Input())
}

// countingWriter counts writes.
type countingWriter struct {
	strings.Builder
	writes int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes++
	return w.Builder.Write(p)
}

// TestPrintTogether prints many metrics in few writes, each of them once and in order, whatever is between them.
func TestPrintTogether(t *testing.T) {
	var out countingWriter
	acc := newAccumulator(&out, newLogger(kindInputs, telegraf.Error))
	var metrics []telegraf.Metric
	var want strings.Builder
	for i := range 3000 {
		m := metric.New("m", nil, []telegraf.Field{{Key: "n", Value: i}}, time.Unix(0, int64(i)))
		line := fmt.Sprintf("m n=%di %d\n", i, i)
		switch i % 1000 {
		case 0, 999:
			m, line = metric.New("empty", nil, nil, time.Unix(0, 1)), ""
		case 500:
			text := strings.Repeat("x", 2*printAtOnce)
			m.AddField("text", text)
			line = fmt.Sprintf("m n=%di,text=\"%s\" %d\n", i, text, i)
		}
		metrics = append(metrics, m)
		want.WriteString(line)
	}
	require.NoError(t, acc.Print(metrics...))
	require.Equal(t, want.String(), out.String())
	require.LessOrEqual(t, out.writes, 3+2*3+want.Len()/printAtOnce)
	written, dropped, failed := acc.counts()
	require.Equal(t, []int{2994, 6, 0}, []int{written, dropped, failed})
	require.NoError(t, acc.Print())
}

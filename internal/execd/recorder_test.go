package execd

import (
	"slices"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"
)

// recorder is an output that records what it is given and answers as its fields say.
type recorder struct {
	File string          `toml:"file"` // see TestMain
	Mode string          `toml:"mode"`
	Log  telegraf.Logger `toml:"-"`

	connect func(try int) error                             // nil is success
	write   func(call int, metrics []telegraf.Metric) error // nil is success
	closed  func()

	mu       sync.Mutex
	connects int
	calls    []call
	got      []string // names of the metrics of successful calls
	closes   int
}

// call is one call of Write.
type call struct {
	at    time.Time
	names []string
}

func (*recorder) SampleConfig() string { return "" }

func (r *recorder) Connect() error {
	r.mu.Lock()
	r.connects++
	n := r.connects
	r.mu.Unlock()
	if r.connect != nil {
		return r.connect(n)
	}
	return nil
}

func (r *recorder) Close() error {
	r.mu.Lock()
	r.closes++
	r.mu.Unlock()
	if r.closed != nil {
		r.closed()
	}
	return nil
}

func (r *recorder) Write(metrics []telegraf.Metric) error {
	r.mu.Lock()
	c := call{at: time.Now()}
	for _, m := range metrics {
		c.names = append(c.names, m.Name())
	}
	r.calls = append(r.calls, c)
	n := len(r.calls)
	r.mu.Unlock()
	if r.write != nil {
		if err := r.write(n, metrics); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, c.names...)
	return nil
}

// all returns the calls so far.
func (r *recorder) all() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

func (r *recorder) written() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func pluginsWith(r *recorder) Plugins {
	return Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output { return r }}}
}

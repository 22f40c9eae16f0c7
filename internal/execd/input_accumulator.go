package execd

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/metric"
)

// How often it is looked whether Telegraf has read a metric: at first, and, as long as it has not, at last.
const (
	firstLook = 50 * time.Microsecond
	lastLook  = 100 * time.Millisecond
)

// printAtOnce is how many bytes of several metrics are written at once, at most: half of what a pipe holds, so that they
// are in it as a whole, and Telegraf's reading is waited for once and not for each of them.
const printAtOnce = 32 << 10

// slowPrint is how long a metric may wait for Telegraf to read before the log says so.
const slowPrint = 30 * time.Second

// ErrEnded says that a metric was not written, or not to its end, because the process ends.
var ErrEnded = errors.New("the process ends")

// Printer is the accumulator that an input gets from this host: one that says what has become of a metric. An input
// that must not lose any asserts it in Start, and can do without where another host runs it:
//
//	if p, ok := acc.(execd.Printer); ok { ... }
type Printer interface {
	telegraf.Accumulator
	// Print writes metrics to stdout, several in one write, and returns when the last one is written and, on Linux, read
	// out of the pipe. What is in the pipe still is lost when this process is killed: Telegraf then closes the pipe without
	// reading it to its end. That it was read is all that can be known: Telegraf tells nobody what it does with metrics.
	// As long as Telegraf does not read, Print waits; after the end of stdin it waits for 700 ms at most.
	//
	// After an error, which is ErrEnded or that of writing, the metrics up to some point are read, and the next ones are
	// perhaps written, the last of them in part. A metric that can never be written, because it has no name or no field that
	// line protocol can hold, is dropped with a line in the log, and is no error.
	Print(metrics ...telegraf.Metric) error
}

// accumulator writes metrics to stdout as line protocol. It may be used by several goroutines.
type accumulator struct {
	log telegraf.Logger
	out io.Writer
	// pipe is out if it is a pipe that can tell what is in it, and nil otherwise.
	pipe *os.File

	// turn has a token while nobody writes. Who takes it gives it back when the write has returned, which can be after
	// the end.
	turn  chan struct{}
	line  []byte // the next fields belong to who has the turn
	torn  bool   // the last line was written in part
	cause error  // of broken

	broken chan struct{} // closed when nobody can read stdout any more
	ended  chan struct{} // closed when nothing is written any more

	precision                atomic.Int64
	written, dropped, failed atomic.Int64
	tracked                  atomic.Uint64
}

var _ Printer = (*accumulator)(nil)

func newAccumulator(out io.Writer, log telegraf.Logger) *accumulator {
	a := &accumulator{log: log, out: out, turn: make(chan struct{}, 1), broken: make(chan struct{}), ended: make(chan struct{})}
	a.turn <- struct{}{}
	if f, ok := out.(*os.File); ok {
		if _, err := unread(f); err == nil || nobodyReads(err) {
			a.pipe = f
		}
	}
	return a
}

// end lets every call return that writes or wants to.
func (a *accumulator) end() { close(a.ended) }

// brokenBy is why nobody can read stdout any more, once broken is closed.
func (a *accumulator) brokenBy() error { return a.cause }

func (a *accumulator) counts() (written, dropped, failed int) {
	return int(a.written.Load()), int(a.dropped.Load()), int(a.failed.Load())
}

func (a *accumulator) Print(metrics ...telegraf.Metric) error {
	for len(metrics) > 0 {
		n, _, err := a.print(metrics)
		if err != nil {
			return err
		}
		metrics = metrics[n:]
	}
	return nil
}

// print writes the first of some metrics at once, and settles them. n is how many those are, and dropped how many of
// them were dropped.
func (a *accumulator) print(metrics []telegraf.Metric) (n, dropped int, err error) {
	text, lines, err := a.take(metrics)
	n = len(lines)
	if err == nil && len(text) > 0 {
		err = a.write(text)
	}
	for i, m := range metrics[:n] {
		switch {
		case err == nil && lines[i]:
			m.Accept()
			a.written.Add(1)
		case err == nil:
			m.Reject()
			a.dropped.Add(1)
			dropped++
			// Neither tags nor fields: they may hold what no log is to have.
			a.log.Warnf("metric %q has no name or no field that can be written, and is dropped", m.Name())
		default:
			m.Drop()
			a.failed.Add(1)
		}
	}
	if err != nil {
		return n, dropped, fmt.Errorf("cannot write a metric: %w", err)
	}
	return n, dropped, nil
}

// take waits for the turn to write, and returns the lines of the first of some metrics: of one, or of several that
// together have not more than printAtOnce bytes. lines says of each whether it has a line. Without any text, or with an
// error, the turn is given back.
func (a *accumulator) take(metrics []telegraf.Metric) (text []byte, lines []bool, err error) {
	lines = make([]bool, 1, min(len(metrics), 256))
	select {
	case <-a.ended:
		return nil, lines, ErrEnded // Even if it could be written still: a plugin that has not stopped yet must see the end.
	default:
	}
	select {
	case <-a.ended:
		return nil, lines, ErrEnded
	case <-a.turn:
	}
	text = a.line[:0]
	if a.torn {
		text = append(text, '\n')
	}
	begin := len(text)
	lines = lines[:0]
	for _, m := range metrics {
		before := len(text)
		line, err := metric.AppendLine(text, a.timed(m))
		if err != nil {
			text = line[:before] // it says that there is no line, and holds tags
			lines = append(lines, false)
			continue
		}
		if line = append(line, '\n'); before > begin && len(line) > printAtOnce {
			text = line[:before] // the next time
			break
		}
		text = line
		lines = append(lines, true)
	}
	a.line = text
	if len(text) == begin {
		a.turn <- struct{}{}
		return nil, lines, nil
	}
	return text, lines, nil
}

// write writes a line in one piece, and gives the turn back.
func (a *accumulator) write(line []byte) error {
	result := make(chan error, 1)
	go func() {
		if a.pipe != nil {
			// It is empty. A line for which there is room is in it as a whole or not at all, whenever we are killed; Telegraf
			// logs half of one as what it cannot parse, with its text.
			growPipe(a.pipe, len(line))
		}
		n, err := a.out.Write(line)
		if err == nil && n < len(line) {
			err = io.ErrShortWrite
		}
		if err == nil {
			err = a.waitRead()
		}
		a.torn = n < len(line) && (n > 0 || a.torn)
		if nobodyReads(err) && a.cause == nil {
			a.cause = fmt.Errorf("nobody reads the metrics: %w", err)
			close(a.broken)
		}
		if cap(a.line) > MaxRecord {
			a.line = nil
		}
		a.turn <- struct{}{}
		result <- err
	}()
	slow := time.NewTimer(slowPrint)
	defer slow.Stop()
	for {
		select {
		case err := <-result:
			return err
		case <-a.ended:
			return ErrEnded
		case <-slow.C:
			a.log.Warnf("Telegraf has not read metrics for %v", Duration(slowPrint))
		}
	}
}

// waitRead waits until Telegraf has read what is in the pipe, or the end.
func (a *accumulator) waitRead() error {
	if a.pipe == nil {
		return nil
	}
	for pause := firstLook; ; pause = min(pause+pause/4, lastLook) {
		n, err := unread(a.pipe)
		if n == 0 || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-a.ended:
			timer.Stop()
			return ErrEnded
		}
	}
}

// nobodyReads tells whether an error of writing is for ever.
func nobodyReads(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// timed returns the metric with a time that line protocol can hold, in the precision that is set.
func (a *accumulator) timed(m telegraf.Metric) telegraf.Metric {
	at := m.Time()
	if at.Before(time.Unix(0, math.MinInt64)) || at.After(time.Unix(0, math.MaxInt64)) {
		at = time.Now()
	}
	if p := time.Duration(a.precision.Load()); p > 1 {
		at = at.Round(p)
	}
	if at.Equal(m.Time()) {
		return m
	}
	m = m.Copy()
	m.SetTime(at)
	return m
}

// AddMetric prints a metric; if that fails it is in the log.
func (a *accumulator) AddMetric(m telegraf.Metric) { a.add(m) }

func (a *accumulator) add(m telegraf.Metric) (written bool) {
	_, dropped, err := a.print([]telegraf.Metric{m})
	if err != nil {
		a.AddError(err)
	}
	return err == nil && dropped == 0
}

func (a *accumulator) AddFields(name string, fields map[string]any, tags map[string]string, at ...time.Time) {
	a.addFields(telegraf.Untyped, name, fields, tags, at)
}

func (a *accumulator) AddGauge(name string, fields map[string]any, tags map[string]string, at ...time.Time) {
	a.addFields(telegraf.Gauge, name, fields, tags, at)
}

func (a *accumulator) AddCounter(name string, fields map[string]any, tags map[string]string, at ...time.Time) {
	a.addFields(telegraf.Counter, name, fields, tags, at)
}

func (a *accumulator) AddSummary(name string, fields map[string]any, tags map[string]string, at ...time.Time) {
	a.addFields(telegraf.Summary, name, fields, tags, at)
}

func (a *accumulator) AddHistogram(name string, fields map[string]any, tags map[string]string, at ...time.Time) {
	a.addFields(telegraf.Histogram, name, fields, tags, at)
}

// addFields prints a metric, its fields in the order of their names.
func (a *accumulator) addFields(kind telegraf.ValueType, name string, fields map[string]any, tags map[string]string, at []time.Time) {
	tagList := make([]telegraf.Tag, 0, len(tags))
	for key, value := range tags {
		tagList = append(tagList, telegraf.Tag{Key: key, Value: value})
	}
	fieldList := make([]telegraf.Field, 0, len(fields))
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		fieldList = append(fieldList, telegraf.Field{Key: key, Value: fields[key]})
	}
	when := time.Now()
	if len(at) > 0 {
		when = at[0]
	}
	m := metric.New(name, tagList, fieldList, when)
	m.SetType(kind)
	a.add(m)
}

// SetPrecision rounds the times of metrics from now on. At first they are not rounded.
func (a *accumulator) SetPrecision(precision time.Duration) { a.precision.Store(int64(precision)) }

// AddError puts an error into the log.
func (a *accumulator) AddError(err error) {
	if err != nil {
		a.log.Errorf("%v", err)
	}
}

// WithTracking returns an accumulator that tells about each metric whether it was written, as Printer explains it, up to
// limit of them before Delivered is read.
func (a *accumulator) WithTracking(limit int) telegraf.TrackingAccumulator {
	return &tracker{accumulator: a, delivered: make(chan telegraf.DeliveryInfo, max(limit, 1))}
}

// tracker is a telegraf.TrackingAccumulator.
type tracker struct {
	*accumulator
	delivered chan telegraf.DeliveryInfo
}

// AddTrackingMetric prints a metric.
func (t *tracker) AddTrackingMetric(m telegraf.Metric) telegraf.TrackingID {
	return t.AddTrackingMetricGroup([]telegraf.Metric{m})
}

// AddTrackingMetricGroup prints metrics; they count as delivered if every one of them was written.
func (t *tracker) AddTrackingMetricGroup(group []telegraf.Metric) telegraf.TrackingID {
	d := delivery{id: telegraf.TrackingID(t.tracked.Add(1)), delivered: true}
	for _, m := range group {
		d.delivered = t.add(m) && d.delivered
	}
	// Whoever adds without reading would wait for itself.
	select {
	case t.delivered <- d:
	default:
		t.log.Errorf("more than %d tracked metrics were added without reading what became of them", cap(t.delivered))
	}
	return d.id
}

// Delivered has what became of metrics and groups, in the order in which they were added.
func (t *tracker) Delivered() <-chan telegraf.DeliveryInfo { return t.delivered }

// delivery is a telegraf.DeliveryInfo.
type delivery struct {
	id        telegraf.TrackingID
	delivered bool
}

func (d delivery) ID() telegraf.TrackingID { return d.id }
func (d delivery) Delivered() bool         { return d.delivered }

package hologram

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/dirlock"
	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/queue"
)

// Why messages are not taken now, though they might be later.
var (
	errFull  = errors.New("the buffer is full, as Telegraf does not read")
	errDisk  = errors.New("the disk does not take them")
	errSlow  = errors.New("what came was not read by Telegraf in time")
	errBusy  = errors.New("too much is taken at the same time")
	errEnded = errors.New("the receiver ends")
)

const (
	// groupJobs and groupBytes bound what is written to the disk at once.
	groupJobs  = 256
	groupBytes = 8 << 20
	// waitingMost is how many bytes of decoded messages may wait to be written.
	waitingMost = 16 << 20
	// messageMost is how many bytes of line protocol a message may become; one beyond is kept as text. Only data that was
	// made for it comes near.
	messageMost = 8 << 20
	// textMost is how much is kept of data whose metrics cannot be, in bytes.
	textMost = 128 << 10
	// jobSize is about how many bytes of messages are brought at once.
	jobSize = 1 << 20
	// recordSize is about how large a record of the store is.
	recordSize = 128 << 10
	// printAtOnce is how many records are read from the store at a time.
	printAtOnce = 16
	// retryWait is the wait after an error of printing or of the disk.
	retryWait = time.Second
)

// store is where records wait until they are printed.
type store interface {
	Append(records [][]byte, at time.Time) error
	Next(limit int, order queue.Order) ([]queue.Record, error)
	Ack(n int) error
	Len() int
	Bytes() int64
	Stats() queue.Stats
	Close() error
}

// intake takes messages: it decodes them, leaves out those that were taken before, stores the rest, prints it out of the
// store, and then tells who brought them.
type intake struct {
	decoder  event.Decoder
	labels   labels
	printer  printer
	log      telegraf.Logger
	limit    int64 // of the store, in bytes
	queue    store
	memory   *memory
	devices  *devices
	counters *counters
	hook     func(string) // tests stop there

	decoding chan struct{} // has room for who decodes: one, since a small message may be very many metrics
	waiting  atomic.Int64  // bytes of decoded messages that are not in the store
	jobs     chan *job
	wake     chan struct{} // something is in the store
	ended    chan struct{} // closed when nothing is stored any more

	mu                sync.Mutex
	appended, printed uint64   // records
	unanswered        []waiter // in the order of their numbers
}

// job are the messages that somebody waits for.
type job struct {
	messages []*taken
	overlaps bool // what is known is no repeat
	size     int64
	done     chan error // has room
}

// waiter waits until records are printed.
type waiter struct {
	upTo uint64
	done chan error
}

// taken is a decoded message.
type taken struct {
	heard   heard
	record  id // of the cloud's record; zero if it is not known
	content id // of the message itself
	whole   bool
	records [][]byte
	size    int64
}

// labels say what is added to metrics.
type labels struct {
	prefix    string
	topics    bool
	overwrite bool
	received  string // the field; empty for none
}

func (h *Hologram) openIntake() (*intake, error) {
	in := &intake{
		decoder: event.Decoder{
			Measurement: h.Measurement,
			NameKey:     h.JSONNameKey,
			TimeKey:     h.JSONTimeKey,
			TimeFormat:  h.JSONTimeFormat,
		},
		labels:   labels{h.TagPrefix, h.IncludeTopics, h.OverwriteTags, h.ReceivedField},
		printer:  printer{h.acc},
		log:      h.Log,
		limit:    int64(h.BufferLimit),
		counters: &h.counters,
		hook:     h.timing.hook,
		decoding: make(chan struct{}, 1),
		jobs:     make(chan *job, groupJobs),
		wake:     make(chan struct{}, 1),
		ended:    make(chan struct{}),
	}
	if len(h.JSONStringFields) > 0 {
		in.decoder.StringFields = execd.NewPatterns(h.JSONStringFields).Match
	}
	if len(h.TagKeys) > 0 {
		in.decoder.TagKeys = execd.NewPatterns(h.TagKeys).Match
	}
	var err error
	if in.queue, err = openStore(h.BufferDirectory, in.limit, h.timing.lock); err != nil {
		return nil, err
	}
	if h.timing.wrap != nil {
		in.queue = h.timing.wrap(in.queue)
	}
	if in.memory, err = openMemory(h.BufferDirectory, remembered); err != nil {
		return nil, errors.Join(err, in.queue.Close())
	}
	in.devices = &devices{memory: in.memory}
	in.appended = uint64(in.queue.Len())
	switch n := in.queue.Len(); {
	case h.BufferDirectory == "":
		h.Log.Warnf("There is no buffer_directory: what was not answered with success is lost when the process ends, and a message that comes again after that counts twice")
	case n > 0:
		h.Log.Infof("Found messages in %s that were not printed, and prints them", h.BufferDirectory)
	}
	return in, nil
}

// openStore opens the store in a directory, or in memory. It waits for another process to leave the directory: our
// predecessor, which still ends.
func openStore(dir string, limit int64, most time.Duration) (store, error) {
	// The limit is kept by the intake, which takes nothing beyond it. The store's own would drop what was taken.
	limits := queue.Limits{Bytes: limit + 2*groupBytes + 2*waitingMost, Full: queue.DropNewest}
	if dir == "" {
		return queue.NewMemory(limits), nil
	}
	for start := time.Now(); ; time.Sleep(most / 20) {
		disk, err := queue.OpenDisk(filepath.Join(dir, "messages"), limits)
		if err == nil {
			return disk, nil
		}
		if _, locked := errors.AsType[*dirlock.LockedError](err); !locked || time.Since(start) >= most {
			return nil, fmt.Errorf("opening buffer_directory: %w", err)
		}
	}
}

// take takes the messages that read returns, and returns when they are stored and printed. It returns the error of read
// if there are none, and otherwise nil or why they could not be taken now: then they may come again.
//
// overlaps says that messages are brought again on purpose: then they are no repeats of their devices.
//
// Who reads and decodes does so alone, so that what hostile bodies make of the memory is bounded.
func (in *intake) take(ctx context.Context, overlaps bool, read func() ([]event.Message, error)) error {
	var messages []event.Message
	var err error
	if e := in.alone(ctx, func() { messages, err = read() }); e != nil {
		return e
	}
	if err != nil {
		if len(messages) == 0 {
			return err
		}
		in.counters.add(cItems, 1)
		in.log.Debugf("A part of what came cannot be read: %v", err)
	}
	for n := 0; n < len(messages); {
		var j *job
		if err := in.alone(ctx, func() { j = in.decode(messages[n:]) }); err != nil {
			return err
		}
		j.overlaps = overlaps
		if err := in.bring(ctx, j); err != nil {
			return err
		}
		n += len(j.messages)
	}
	return nil
}

// alone does something while nobody else does.
func (in *intake) alone(ctx context.Context, do func()) error {
	select {
	case in.decoding <- struct{}{}:
	case <-ctx.Done():
		return errBusy
	case <-in.ended:
		return errEnded
	}
	defer func() { <-in.decoding }()
	do()
	return nil
}

// bring lets a job be stored and printed.
func (in *intake) bring(ctx context.Context, j *job) error {
	if in.waiting.Add(j.size) > waitingMost+j.size {
		in.waiting.Add(-j.size)
		return errBusy
	}
	select {
	case in.jobs <- j:
	case <-ctx.Done():
		in.waiting.Add(-j.size)
		return errBusy
	case <-in.ended:
		return errEnded
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return errSlow
	case <-in.ended:
		return errEnded
	}
}

// decode decodes the first of some messages.
func (in *intake) decode(messages []event.Message) *job {
	j := &job{done: make(chan error, 1)}
	now := time.Now()
	for i := range messages {
		if j.size >= jobSize {
			break
		}
		t := in.decodeOne(&messages[i], now)
		j.messages = append(j.messages, t)
		j.size += t.size
	}
	return j
}

// decodeOne decodes a message. If its metrics need more than messageMost bytes it is kept as text.
func (in *intake) decodeOne(m *event.Message, now time.Time) *taken {
	decoded := in.decoder.Decode(m, now)
	t := in.identify(m, decoded.Payload)
	t.heard.metrics = len(decoded.Metrics)
	t.heard.undecodable = decoded.Err != nil
	if decoded.Err != nil {
		in.counters.add(cUndecodable, 1)
		in.log.Debugf("Data of a message is kept as text: %v", decoded.Err)
	}
	for _, out := range decoded.Metrics {
		if out.Name() != in.decoder.Measurement && out.Time().After(t.heard.newest) {
			t.heard.newest = out.Time()
		}
	}
	problem := errTooMuch
	if in.encode(t, m, decoded.Metrics, messageMost) {
		if len(t.records) > 0 {
			return t
		}
		problem = errNothing
	}
	t.heard.undecodable = true
	t.heard.metrics = 1
	in.counters.add(cUndecodable, 1)
	text := *m
	if len(text.Data) > textMost {
		text.Data = text.Data[:textMost]
	}
	in.encode(t, m, []telegraf.Metric{in.decoder.Text(&text, now, problem)}, 4*textMost)
	return t
}

var (
	errTooMuch = errors.New("too many metrics for one message")
	errNothing = errors.New("no metric with a name and a field that can be written")
)

// identify says what tells a message from all others, and from which device it is.
func (in *intake) identify(m *event.Message, batch *payload.Batch) *taken {
	t := &taken{heard: heard{
		deviceID: m.DeviceID, name: m.DeviceName, path: pathSocket, bytes: len(m.Data), received: m.Received,
	}}
	if m.SMS {
		t.heard.path = pathSMS
	}
	who := "id " + m.DeviceID
	if m.DeviceID == "" {
		who = "name " + m.DeviceName
	}
	t.heard.device = hash("device", who, t.heard.path)
	if m.RecordID != "" {
		t.record = hash("record", m.RecordID)
	}
	if batch != nil {
		t.heard.numbered, t.heard.sequence = true, batch.Sequence
		t.whole = true
		t.content = hash("payload", string(t.heard.device[:]), fmt.Sprintf("%d %d", batch.Sequence, batch.Checksum))
		return t
	}
	received := ""
	if !m.Received.IsZero() {
		received = strconv.FormatInt(m.Received.Unix(), 10) // the data log and webhooks do not always tell the same fraction
	}
	t.content = hash("data", who, received, string(m.Data))
	return t
}

// hash returns the ID of texts.
func hash(texts ...string) (out id) {
	h := sha256.New()
	var n [8]byte
	for _, s := range texts {
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		_, _ = h.Write(n[:])
		_, _ = h.Write([]byte(s))
	}
	copy(out[:], h.Sum(nil))
	return out
}

// encode makes the records of a message: the IDs by which it is known, and lines with their lengths. It returns false
// if they need more than room bytes.
func (in *intake) encode(t *taken, m *event.Message, metrics []telegraf.Metric, room int64) bool {
	t.records, t.size = nil, 0
	begin := func() []byte {
		b := append(make([]byte, 0, 1<<10), recordVersion)
		return append(append(append(b, t.record[:]...), t.content[:]...), t.flag())
	}
	record := begin()
	end := func() {
		if len(record) > recordHead {
			t.records = append(t.records, record)
			t.size += int64(len(record))
		}
	}
	var line []byte
	for _, out := range metrics {
		in.labels.add(out, m)
		var err error
		if line, err = metric.AppendLine(line[:0], out); err != nil {
			t.heard.metrics--
			in.log.Debugf("A metric has no name or no field that can be written, and is dropped")
			continue
		}
		if len(record) > recordHead && len(record)+len(line) > recordSize {
			end()
			record = begin()
		}
		record = append(binary.AppendUvarint(record, uint64(len(line))), line...)
		if t.size+int64(len(record)) > room {
			return false
		}
	}
	end()
	return true
}

// A record is its version, the IDs of the message with the flag of the latter, and lines, each behind its length.
const (
	recordVersion = 1
	recordHead    = 1 + 2*len(id{}) + 1
)

// The flags of the ID of a content in the memory.
const (
	flagOpen  = 0 // a record with this content may be the same message
	flagWhole = 1 // whatever has this content is the same message, or the record is known
)

// flag is that of the content's ID.
func (t *taken) flag() byte {
	if t.whole || t.record != (id{}) {
		return flagWhole
	}
	return flagOpen
}

// add adds tags and fields to a metric.
func (l *labels) add(out telegraf.Metric, m *event.Message) {
	tag := func(name, value string) {
		if value = tagValue(value); value != "" && (l.overwrite || !out.HasTag(l.prefix+name)) {
			out.AddTag(l.prefix+name, value)
		}
	}
	tag("device_id", m.DeviceID)
	tag("device_name", m.DeviceName)
	if l.topics {
		var own []string
		for _, t := range m.Topics {
			if !strings.HasPrefix(t, "_") {
				own = append(own, t)
			}
		}
		tag("topics", strings.Join(own, ","))
	}
	if l.received != "" && !m.Received.IsZero() && !out.HasField(l.received) {
		out.AddField(l.received, m.Received.UnixNano())
	}
}

// maxTag is how long a tag of ours is, in bytes.
const maxTag = 256

// tagValue is a text that a tag can hold.
func tagValue(s string) string {
	if len(s) > maxTag {
		s = s[:maxTag]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s))
}

// store stores what is brought until ctx ends.
func (in *intake) store(ctx context.Context) {
	defer close(in.ended)
	for {
		var group []*job
		select {
		case <-ctx.Done():
			return
		case j := <-in.jobs:
			group = append(group, j)
		}
		size := group[0].size
	more:
		for len(group) < groupJobs && size < groupBytes {
			select {
			case j := <-in.jobs:
				group = append(group, j)
				size += j.size
			default:
				break more
			}
		}
		in.storeGroup(group)
	}
}

// storeGroup stores messages at once and lets who brought them wait until they are printed.
func (in *intake) storeGroup(group []*job) {
	now := time.Now()
	var (
		records [][]byte
		entries []entry
		kept    []*taken
		repeats []*taken
		stored  []*job
		size    int64
		fresh   = make(map[id]byte)
	)
	for _, j := range group {
		in.waiting.Add(-j.size)
		if in.queue.Bytes()+size+j.size > in.limit {
			j.done <- errFull
			continue
		}
		stored = append(stored, j)
		for _, t := range j.messages {
			switch {
			case in.isRepeat(t, fresh):
				if !j.overlaps {
					repeats = append(repeats, t)
				}
			default:
				kept = append(kept, t)
				records = append(records, t.records...)
				size += t.size
			}
			// A repeat too: it may bring the other ID.
			for _, e := range t.entries() {
				if flag, ok := in.known(e.id, fresh); !ok || flag < e.flag {
					fresh[e.id] = e.flag
					entries = append(entries, e)
				}
			}
		}
	}
	if len(records) > 0 {
		if err := in.queue.Append(records, now); err != nil {
			in.log.Warnf("Messages are not taken: %v", err)
			for _, j := range stored {
				j.done <- errDisk
			}
			return
		}
	}
	in.reach("stored")
	for _, t := range kept {
		in.devices.note(&t.heard, now)
		in.counters.add(cMessages, 1)
		in.counters.add(cMetrics, int64(t.heard.metrics))
		in.counters.add(cBytes, int64(t.heard.bytes))
	}
	for _, t := range repeats {
		in.devices.noteRepeat(&t.heard, now)
		in.counters.add(cRepeats, 1)
	}
	in.remember(entries, kept)
	in.answer(stored, uint64(len(records)))
}

// remember remembers messages, and the sequence numbers of their devices.
func (in *intake) remember(entries []entry, kept []*taken) {
	numbers := make(map[id]payload.Sequence)
	for _, t := range kept {
		if s, ok := in.devices.latest(t.heard.device); ok && t.heard.numbered {
			numbers[t.heard.device] = s
		}
	}
	if err := in.memory.add(entries, numbers); err != nil {
		in.log.Warnf("%v", err)
	}
}

// isRepeat tells whether a message was taken before, or is in fresh.
//
// Two records of the cloud with the same content are two messages, unless the content is a compact payload, which has a
// number of its own. A message without a record is the same as one with that content.
func (in *intake) isRepeat(t *taken, fresh map[id]byte) bool {
	if t.record != (id{}) {
		if _, ok := in.known(t.record, fresh); ok {
			return true
		}
	}
	flag, ok := in.known(t.content, fresh)
	return ok && (t.whole || t.record == (id{}) || flag == flagOpen)
}

// known returns the flag of an ID, and whether it is known.
func (in *intake) known(key id, fresh map[id]byte) (flag byte, ok bool) {
	if flag, ok = fresh[key]; ok {
		return flag, true
	}
	return in.memory.get(key)
}

// entries are the IDs of a message as they are remembered.
func (t *taken) entries() []entry {
	all := []entry{{t.content, t.flag()}}
	if t.record != (id{}) {
		all = append(all, entry{t.record, flagWhole})
	}
	return all
}

// answer lets jobs wait until n more records are printed, and all before them.
func (in *intake) answer(jobs []*job, n uint64) {
	in.mu.Lock()
	in.appended += n
	for _, j := range jobs {
		// A repeat waits for what was brought before: it may be among that.
		in.unanswered = append(in.unanswered, waiter{in.appended, j.done})
	}
	in.release()
	in.mu.Unlock()
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// release tells those whose messages are printed. in.mu is held.
func (in *intake) release() {
	n := 0
	for _, w := range in.unanswered {
		if w.upTo > in.printed {
			break
		}
		w.done <- nil
		n++
	}
	in.unanswered = append(in.unanswered[:0], in.unanswered[n:]...)
}

// print prints what is in the store until ctx ends.
func (in *intake) print(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := in.printNext(ctx)
		switch {
		case errors.Is(err, execd.ErrEnded), errors.Is(err, queue.ErrClosed):
			return
		case err != nil:
			in.log.Warnf("Messages wait: %v", err)
			wait(ctx, retryWait)
		case n == 0:
			select {
			case <-ctx.Done():
			case <-in.wake:
			}
		}
	}
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// printNext prints the next records, and returns how many there were.
func (in *intake) printNext(ctx context.Context) (int, error) {
	in.mu.Lock()
	before := in.appended
	in.mu.Unlock()
	records, err := in.queue.Next(printAtOnce, queue.OldestFirst)
	if err != nil {
		return 0, err
	}
	if len(records) == 0 {
		// Records that the disk has lost are counted by nobody else.
		in.mu.Lock()
		in.printed = max(in.printed, before)
		in.release()
		in.mu.Unlock()
		return 0, nil
	}
	var metrics []telegraf.Metric
	for _, r := range records {
		found, err := in.readRecord(r)
		if err != nil {
			in.log.Errorf("A message in the buffer cannot be read, and is not printed: %v", err)
		}
		metrics = append(metrics, found...)
	}
	// They are in flight, and must be printed or stay for the next start.
	for err = in.printer.print(metrics); err != nil; err = in.printer.print(metrics) {
		if errors.Is(err, execd.ErrEnded) || ctx.Err() != nil {
			return 0, err
		}
		in.log.Warnf("Printing messages: %v", err)
		wait(ctx, retryWait)
	}
	in.reach("printed")
	if err := in.queue.Ack(len(records)); err != nil {
		in.log.Warnf("%v", err)
	}
	in.mu.Lock()
	in.printed += uint64(len(records))
	in.release()
	in.mu.Unlock()
	return len(records), nil
}

var errRecord = errors.New("it is damaged, or of another version")

// readRecord returns the metrics of a record, and remembers the message if the process was killed before it could.
func (in *intake) readRecord(r queue.Record) ([]telegraf.Metric, error) {
	b := r.Data
	if len(b) < recordHead || b[0] != recordVersion {
		return nil, errRecord
	}
	record, content, flag := id(b[1:17]), id(b[17:33]), b[33]
	if _, ok := in.memory.get(content); !ok {
		entries := []entry{{content, flag}}
		if record != (id{}) {
			entries = append(entries, entry{record, flagWhole})
		}
		if err := in.memory.add(entries, nil); err != nil {
			in.log.Warnf("%v", err)
		}
	}
	var metrics []telegraf.Metric
	for b = b[recordHead:]; len(b) > 0; {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return metrics, errRecord
		}
		m, err := execd.ParseRecord(b[k:k+int(n)], r.At)
		if err != nil {
			return metrics, errRecord
		}
		metrics = append(metrics, m)
		b = b[k+int(n):]
	}
	return metrics, nil
}

// reach tells a test where the process is.
func (in *intake) reach(place string) {
	if in.hook != nil {
		in.hook(place)
	}
}

// left is how many records wait to be printed.
func (in *intake) left() int { return in.queue.Len() }

func (in *intake) close() error {
	return errors.Join(in.queue.Close(), in.memory.close())
}

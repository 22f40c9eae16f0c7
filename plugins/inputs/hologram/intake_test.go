package hologram

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/queue"
)

// A webhook is answered when Telegraf has read its metrics, and told to come again when that takes too long. What it
// brought is printed all the same, once, whether it comes again or not.
func TestTelegrafDoesNotRead(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		t.Run("directory "+strconv.FormatBool(dir != ""), func(t *testing.T) {
			r := newReceiver(t, func(h *Hologram) {
				h.BufferDirectory = dir
				h.AnswerTimeout = execd.Duration(150 * time.Millisecond)
			}).run()
			release := r.out.block()
			body := webhookOf(1, "m v=1 1700000000000000000")
			status, text := r.post(body)
			require.Equal(t, 503, status)
			require.Equal(t, errSlow.Error()+"\n", text)
			status, _ = r.post(body) // again, while it waits
			require.Equal(t, 503, status)
			status, _ = r.post(webhookOf(1, "m v=2 1700000000000000001"))
			require.Equal(t, 503, status)
			require.Empty(t, r.out.data())
			release()
			r.eventually(func() bool { // a disk may be slow once
				status, _ = r.post(body)
				return status == 204
			}, "not taken")
			r.eventually(func() bool { return len(r.out.data()) == 2 }, "not printed")
			require.Len(t, r.out.data(), 2)
		})
	}
}

// When the buffer is full nothing is taken, and later something is again.
func TestBufferFull(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) {
		h.BufferDirectory, h.BufferLimit = t.TempDir(), 1<<20
		h.AnswerTimeout = execd.Duration(100 * time.Millisecond)
	}).run()
	release := r.out.block()
	full := false
	brought := 0
	for i := 0; !full && i < 30; i++ {
		status, text := r.post(webhookOf(1, fmt.Sprintf("m text=\"%s\" %d", strings.Repeat("x", 100_000), i)))
		require.Equal(t, 503, status)
		switch full = strings.Contains(text, errFull.Error()); {
		case strings.Contains(text, errSlow.Error()): // it is on the disk
			brought++
		case !full: // nor was there room to take it
			require.Contains(t, text, errBusy.Error())
		}
	}
	require.True(t, full)
	require.InDelta(t, 10, brought, 2)
	release()
	r.eventually(func() bool { return len(r.out.data()) == brought }, "what was taken is not printed")
	r.eventually(func() bool {
		status, _ := r.post(webhookOf(1, "m v=1"))
		return status == 204
	}, "nothing is taken again")
	require.Positive(t, r.counters.n[cRefusedBusy].Load())
}

// fails is a store whose disk takes nothing while full is set.
type fails struct {
	store
	full *atomic.Bool
}

func (f fails) Append(records [][]byte, at time.Time) error {
	if f.full.Load() {
		return syscall.ENOSPC
	}
	return f.store.Append(records, at)
}

// On a disk that is full nothing is taken, and a message that comes again then is no repeat.
func TestDiskFull(t *testing.T) {
	var full atomic.Bool
	r := newReceiver(t, func(h *Hologram) { h.BufferDirectory = t.TempDir() })
	r.timing.wrap = func(s store) store { return fails{s, &full} }
	r.run()
	full.Store(true)
	body := webhookOf(1, "m v=1 1700000000000000000")
	for range 2 {
		status, text := r.post(body)
		require.Equal(t, 503, status)
		require.Contains(t, text, errDisk.Error())
	}
	full.Store(false)
	status, _ := r.post(body)
	require.Equal(t, 204, status)
	require.Len(t, r.out.data(), 1)
}

// copyDir copies what a directory holds at a moment, as a kill would leave it.
func copyDir(t *testing.T, from string) string {
	to := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(to, "copy"), os.DirFS(from)))
	return filepath.Join(to, "copy")
}

// What was answered is printed, whenever the process is killed, and what is printed comes again only where it was killed
// between the two. What comes again is known.
func TestKill(t *testing.T) {
	for _, place := range []string{"stored", "printed"} {
		t.Run(place, func(t *testing.T) {
			var once sync.Once
			var left string
			var armed atomic.Bool
			r := newReceiver(t, func(h *Hologram) { h.BufferDirectory = t.TempDir() })
			r.timing.hook = func(at string) {
				if at == place && armed.Load() {
					once.Do(func() { left = copyDir(t, r.BufferDirectory) })
				}
			}
			r.run()
			first, second := webhookOf(1, "m v=1 1700000000000000000"), webhookOf(1, "m v=2 1700000000000000001")
			status, _ := r.post(first)
			require.Equal(t, 204, status)
			armed.Store(true)
			status, _ = r.post(second)
			require.Equal(t, 204, status)
			r.stop()

			again := newReceiver(t, func(h *Hologram) { h.BufferDirectory = left }).run()
			again.eventually(func() bool { return len(again.out.data()) == 1 }, "what was stored is not printed")
			for _, body := range []string{first, second} {
				status, _ = again.post(body)
				require.Equal(t, 204, status)
			}
			require.Equal(t, []string{"m,hologram_device_id=1,hologram_device_name=d1 v=2 1700000000000000001"}, again.out.data())
		})
	}
}

// What was not printed when the plugin stops is printed at the next start.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, func(h *Hologram) {
		h.BufferDirectory = dir
		h.AnswerTimeout = execd.Duration(100 * time.Millisecond)
	}).run()
	r.out.block()
	for i := range 5 {
		status, _ := r.post(webhookOf(i, fmt.Sprintf("m v=1 %d", i)))
		require.Equal(t, 503, status)
	}
	r.stop()
	require.Empty(t, r.out.data())

	other := newReceiver(t, func(h *Hologram) { h.BufferDirectory = dir }).run()
	for i := range 6 {
		status, _ := other.post(webhookOf(i, fmt.Sprintf("m v=1 %d", i)))
		require.Equal(t, 204, status)
	}
	require.Len(t, other.out.data(), 6)

	// The directory is of one process.
	third := newReceiver(t, func(h *Hologram) { h.BufferDirectory, h.timing.lock = dir, 300*time.Millisecond })
	start := time.Now()
	require.ErrorContains(t, third.Start(third.out), "opening buffer_directory: ")
	require.Greater(t, time.Since(start), 300*time.Millisecond)
}

// Stop returns in time for the host, with webhooks that wait.
func TestStopWhileWaiting(t *testing.T) {
	r := newReceiver(t, nil).run()
	r.out.block()
	answered := make(chan int, 3)
	c := newClient(t)
	for i := range 3 {
		go func() {
			status, _ := r.postWith(c, webhookOf(i, fmt.Sprintf("m v=1 %d", i)))
			answered <- status
		}()
	}
	r.eventually(func() bool { return r.counters.n[cMessages].Load() == 3 }, "not taken")
	start := time.Now()
	r.stop()
	require.Less(t, time.Since(start), 1100*time.Millisecond)
	for range 3 {
		require.Equal(t, 503, <-answered)
	}
}

// take brings messages, and returns what is printed of them.
func (r *receiver) take(messages ...event.Message) []string {
	r.t.Helper()
	before := len(r.out.data())
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	err := r.intake.take(ctx, false, func() ([]event.Message, error) { return messages, nil })
	require.NoError(r.t, err)
	return r.out.data()[before:]
}

// A message counts once, whichever way it comes.
func TestOnce(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	hook := event.Message{DeviceID: "1", Received: at.Add(678 * time.Millisecond), Data: []byte("a text")}
	logged := event.Message{RecordID: "r1", DeviceID: "1", Received: at, Data: []byte("a text")}
	twin := logged
	twin.RecordID = "r2"
	compact := func(record string, seq payload.Sequence) event.Message {
		return event.Message{RecordID: record, DeviceID: "1", Received: at, Data: []byte(numberedPayload(t, seq, "m v=1 1700000000000000000"))}
	}
	sms := compact("", 1)
	sms.SMS = true
	for _, tt := range []struct {
		name     string
		messages []event.Message
		want     []int // that are printed
	}{
		{"webhook, then log", []event.Message{hook, logged}, []int{0}},
		{"log, then webhook", []event.Message{logged, hook}, []int{0}},
		{"two records", []event.Message{logged, twin}, []int{0, 1}},
		{"two records, and their webhooks", []event.Message{logged, twin, hook, hook}, []int{0, 1}},
		{"webhook, its record, another record", []event.Message{hook, logged, twin}, []int{0, 2}},
		{"webhook, its record, the webhook again, another record", []event.Message{hook, logged, hook, twin}, []int{0, 3}},
		{"a record twice", []event.Message{logged, twin, logged, twin}, []int{0, 1}},
		{"a payload that the device sent twice", []event.Message{compact("r1", 1), compact("r2", 1), compact("", 1)}, []int{0}},
		{"payloads with the same metrics", []event.Message{compact("r1", 1), compact("r2", 2)}, []int{0, 1}},
		{"one by SMS", []event.Message{compact("", 1), sms}, []int{0, 1}},
	} {
		for _, way := range []string{"at once", "one by one", "with restarts"} {
			t.Run(tt.name+", "+way, func(t *testing.T) {
				dir := t.TempDir()
				start := func() *receiver { return newReceiver(t, func(h *Hologram) { h.BufferDirectory = dir }).run() }
				r := start()
				if way == "at once" {
					require.Len(t, r.take(tt.messages...), len(tt.want))
					return
				}
				var printed []int
				for i, m := range tt.messages {
					if len(r.take(m)) > 0 {
						printed = append(printed, i)
					}
					if way == "with restarts" {
						r.stop()
						r = start()
					}
				}
				require.Equal(t, tt.want, printed)
			})
		}
	}
}

// Very many messages at once are in few writes to the disk, all are printed, and each is answered.
func TestGroups(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) { h.BufferDirectory = t.TempDir() })
	require.NoError(t, r.Start(r.out))
	t.Cleanup(r.stop)
	c := newClient(t)
	var all sync.WaitGroup
	errs := make(chan error, 50)
	for d := range 50 {
		all.Go(func() {
			for n := range 20 {
				if status, text := r.postWith(c, webhookOf(d, fmt.Sprintf("m v=%di %d", n, n))); status != 204 {
					errs <- errors.New(text)
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		require.NoError(t, err)
	default:
	}
	lines := r.out.data()
	require.Len(t, lines, 1000)
	slices.Sort(lines)
	require.Len(t, slices.Compact(lines), 1000)
	require.Zero(t, r.intake.waiting.Load())
	require.Zero(t, r.webhook.bodies.used.Load())
}

// A large message is in several records.
func TestLargeMessage(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) { h.BufferDirectory = t.TempDir() }).run()
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "m v=%di %d\n", i, i)
	}
	require.Len(t, r.take(event.Message{DeviceID: "1", Data: []byte(b.String())}), 20_000)
	require.Empty(t, r.take(event.Message{DeviceID: "1", Data: []byte(b.String())}))
}

func TestMemory(t *testing.T) {
	dir := t.TempDir()
	m, err := openMemory(dir, 100)
	require.NoError(t, err)
	key := func(i int) id { return hash(strconv.Itoa(i)) }
	for i := range 1000 {
		require.NoError(t, m.add([]entry{{key(i), byte(i % 2)}}, map[id]payload.Sequence{key(i % 7): payload.Sequence(i)}))
	}
	check := func(m *memory) {
		known := 0
		for i := range 1000 {
			flag, ok := m.get(key(i))
			if ok {
				known++
				require.Equal(t, byte(i%2), flag)
			}
			require.True(t, ok || i < 900, i)
		}
		require.LessOrEqual(t, known, 200)
		for i := range 7 {
			s, ok := m.sequence(key(i))
			require.True(t, ok)
			require.Equal(t, i+(999-i)/7*7, int(s))
		}
	}
	check(m)
	files, err := filepath.Glob(filepath.Join(dir, "*.seen"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(files), 2)

	// As after a kill, and again after a close.
	for range 3 {
		other, err := openMemory(copyDir(t, dir), 100)
		require.NoError(t, err)
		check(other)
		require.NoError(t, other.close())
	}
	require.NoError(t, m.close())
	for range 3 {
		m, err = openMemory(dir, 100)
		require.NoError(t, err)
		check(m)
		require.NoError(t, m.close())
	}

	// Damage costs what is damaged.
	files, err = filepath.Glob(filepath.Join(dir, "*.seen"))
	require.NoError(t, err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(f, append(data[:len(data)/2], "damage"...), 0o600))
	}
	m, err = openMemory(dir, 100)
	require.NoError(t, err)
	require.NoError(t, m.add([]entry{{key(5000), 1}}, nil))
	require.NoError(t, m.close())
	m, err = openMemory(dir, 100)
	require.NoError(t, err)
	_, ok := m.get(key(5000))
	require.True(t, ok)
	require.NoError(t, m.close())
}

// Restarts in any number let the memory forget nothing of its younger generation.
func TestMemoryModel(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(root, strconv.Itoa(n))
		require.NoError(rt, os.Mkdir(dir, 0o700))
		limit := rapid.IntRange(5, 20).Draw(rt, "limit")
		m, err := openMemory(dir, limit)
		require.NoError(rt, err)
		var order []id
		for i := range rapid.IntRange(0, 60).Draw(rt, "messages") {
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				if rapid.Bool().Draw(rt, "close") {
					require.NoError(rt, m.close())
				} else {
					require.NoError(rt, m.file.Close()) // a kill
				}
				m, err = openMemory(dir, limit)
				require.NoError(rt, err)
			}
			key := hash(strconv.Itoa(i))
			require.NoError(rt, m.add([]entry{{key, 0}}, nil))
			order = append(order, key)
			for _, k := range order[max(0, len(order)-limit):] {
				_, ok := m.get(k)
				require.True(rt, ok, "message %d is forgotten", slices.Index(order, k))
			}
			require.LessOrEqual(rt, len(m.young)+len(m.old), 3*limit)
		}
		require.NoError(rt, m.close())
	})
}

func TestSequences(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		numbers              []payload.Sequence
		gaps, late, restarts int64
	}{
		{"in order", []payload.Sequence{7, 8, 9}, 0, 0, 0},
		{"a gap", []payload.Sequence{7, 10}, 2, 0, 0},
		{"a gap that is filled late", []payload.Sequence{7, 10, 9, 8, 11}, 0, 2, 0},
		{"late before the first", []payload.Sequence{7, 6, 8}, 0, 1, 0},
		{"around", []payload.Sequence{4094, 4095, 1, 2}, 0, 0, 0},
		{"a gap around", []payload.Sequence{4094, 2}, 2, 0, 0},
		{"a gap around, filled", []payload.Sequence{4094, 2, 4095, 1}, 0, 2, 0},
		{"the sender starts anew", []payload.Sequence{7, 0, 1, 2}, 0, 0, 1},
		{"begins with 0", []payload.Sequence{0, 1, 2}, 0, 0, 0},
		{"0 and a gap", []payload.Sequence{0, 3}, 2, 0, 0},
		{"0 twice", []payload.Sequence{0, 0, 1}, 0, 0, 0},
		{"the same number, another message", []payload.Sequence{7, 7, 8}, 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := devices{memory: &memory{}}
			for _, n := range tt.numbers {
				d.note(&heard{numbered: true, sequence: n}, time.Now())
			}
			dev := d.all[id{}]
			require.Equal(t, []int64{tt.gaps, tt.late, tt.restarts}, []int64{dev.gaps, dev.late, dev.restarts})
		})
	}
}

// Whatever is lost on the way and however the rest is shuffled within a window, gaps are what is missing.
func TestSequencesModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := devices{memory: &memory{}}
		s := payload.Sequence(rapid.IntRange(1, 4095).Draw(rt, "first"))
		d.note(&heard{numbered: true, sequence: s}, time.Now())
		lost := int64(0)
		var window []payload.Sequence
		for range rapid.IntRange(0, 5000).Draw(rt, "messages") {
			s = s.Next()
			if rapid.IntRange(0, 9).Draw(rt, "lost") == 0 {
				lost++
				continue
			}
			window = append(window, s)
			if len(window) == 20 {
				for _, i := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}).Draw(rt, "order") {
					d.note(&heard{numbered: true, sequence: window[i]}, time.Now())
				}
				window = nil
			}
		}
		for _, n := range window {
			d.note(&heard{numbered: true, sequence: n}, time.Now())
		}
		// What is lost at the end is not known.
		end := int64(0)
		for last := d.all[id{}].last; last != s; last = last.Next() {
			end++
		}
		require.Equal(rt, lost-end, d.all[id{}].gaps)
	})
}

// A gap over a restart of the receiver is counted, and none is where there is none.
func TestGapOverRestart(t *testing.T) {
	dir := t.TempDir()
	message := func(n payload.Sequence) event.Message {
		return event.Message{DeviceID: "1", Data: []byte(numberedPayload(t, n, fmt.Sprintf("m v=1 %d", n)))}
	}
	r := newReceiver(t, func(h *Hologram) { h.BufferDirectory = dir }).run()
	r.take(message(7))
	r.take(message(8))
	left := copyDir(t, dir)
	r.stop()
	for next, gaps := range map[payload.Sequence]int64{9: 0, 12: 3} {
		r = newReceiver(t, func(h *Hologram) { h.BufferDirectory = copyDir(t, left) }).run()
		r.take(message(next))
		r.printStatus()
		m := r.out.named(deviceMeasurement)
		require.Len(t, m, 1)
		require.Equal(t, gaps, m[0].Fields()["gaps"])
		r.stop()
	}
}

// There are not more devices than the bound, and those that are heard of stay.
func TestManyDevices(t *testing.T) {
	d := devices{memory: &memory{}}
	now := time.Unix(1700000000, 0)
	for i := range 3 * maxDevices {
		d.note(&heard{device: hash(strconv.Itoa(i)), deviceID: strconv.Itoa(i)}, now.Add(time.Duration(i)*time.Second))
	}
	require.Len(t, d.all, maxDevices)
	recent := 0
	for i := range 1000 {
		if d.all[hash(strconv.Itoa(3*maxDevices-1-i))] != nil {
			recent++
		}
	}
	require.Greater(t, recent, 950)
	require.Len(t, d.metrics("p_", now), maxDevices)
	require.Empty(t, d.metrics("p_", now))
}

func TestTagValue(t *testing.T) {
	for in, want := range map[string]string{"a b": "a b", "a\nb\x00": "a b", " \t": "", strings.Repeat("x", 300): strings.Repeat("x", 256), strings.Repeat("x", 255) + "é": strings.Repeat("x", 255), "\xff": ""} {
		require.Equal(t, want, tagValue(in), "%q", in)
	}
}

// A record that cannot be read stops nothing.
func TestDamagedRecord(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) { h.BufferDirectory = t.TempDir() })
	q, err := queue.OpenDisk(filepath.Join(r.BufferDirectory, "messages"), queue.Limits{Bytes: 1 << 20})
	require.NoError(t, err)
	require.NoError(t, q.Append([][]byte{{9}, {}, append(make([]byte, 0, 40), append([]byte{recordVersion}, make([]byte, 40)...)...)}, time.Now()))
	require.NoError(t, q.Close())
	r.run()
	require.Len(t, r.take(event.Message{DeviceID: "1", Data: []byte("m v=1")}), 1)
	r.eventually(func() bool { return strings.Count(r.log.String(), "cannot be read") >= 2 }, "not said")
}

// FuzzRecord shows that nothing on the disk does harm.
func FuzzRecord(f *testing.F) {
	f.Add([]byte{recordVersion})
	f.Fuzz(func(_ *testing.T, data []byte) {
		m, _ := openMemory("", 10)
		in := &intake{memory: m, log: &testLog{}}
		_, _ = in.readRecord(queue.Record{Data: data})
	})
}

package emulator

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// attempt is what a fake receiver saw.
type attempt struct {
	id string
	at time.Duration // since the start
}

// fakeReceiver takes the place of HTTP, so that time can be synctest's.
type fakeReceiver struct {
	start time.Time
	mu    sync.Mutex
	seen  []attempt
	told  []Delivery
	reply func(ctx context.Context, e Event) (int, error) // nil answers 200
}

func (r *fakeReceiver) send(ctx context.Context, e Event) (int, error) {
	r.mu.Lock()
	r.seen = append(r.seen, attempt{e.RecordID, time.Since(r.start)})
	r.mu.Unlock()
	if r.reply == nil {
		return http.StatusOK, nil
	}
	return r.reply(ctx, e)
}

func (r *fakeReceiver) ids() (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.seen {
		ids = append(ids, a.id)
	}
	return ids
}

// startHook runs the queue of one URL over a fake receiver.
func startHook(t testing.TB, r *fakeReceiver, cfg WebhookConfig, faults string) *webhooks {
	t.Helper()
	cfg.URLs = []string{"http://127.0.0.1"}
	cfg, err := cfg.validated()
	require.NoError(t, err)
	f, err := ParseWebhookFaults(faults)
	require.NoError(t, err)
	r.start = time.Now()
	w := &webhooks{cfg: cfg, client: &http.Client{}}
	w.hooks = []*hook{newHook(hookConfig{
		number:  1,
		max:     cfg.MaxQueued,
		retries: cfg.Retries,
		wait:    cfg.RetryWait,
		faults:  newHookFaults(f, 1, 1),
		send:    r.send,
		done: func(d Delivery) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told = append(r.told, d)
		},
	})}
	w.start()
	return w
}

func numbered(n int) (ids []string) {
	for i := range n {
		ids = append(ids, strconv.Itoa(i))
	}
	return ids
}

func deliverAll(w *webhooks, ids []string) {
	for _, id := range ids {
		w.deliver(Event{RecordID: id, Data: "x"}, 0)
	}
}

func TestHookInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &fakeReceiver{reply: func(context.Context, Event) (int, error) {
			time.Sleep(time.Second)
			return http.StatusOK, nil
		}}
		w := startHook(t, r, WebhookConfig{}, "")
		deliverAll(w, numbered(5))
		require.Zero(t, time.Since(r.start), "delivering does not wait")
		time.Sleep(2500 * time.Millisecond)
		require.Equal(t, WebhookCounters{Answered: 2, Waiting: 3}, w.counters())
		time.Sleep(time.Minute)
		w.close()
		require.Equal(t, numbered(5), r.ids())
		require.Equal(t, 4*time.Second, r.seen[4].at, "one at a time")
		require.Equal(t, WebhookCounters{Answered: 5}, w.counters())
		require.Equal(t, Delivery{Webhook: 1, RecordID: "0", Attempt: 1, Status: 200, Final: true, Took: time.Second}, r.told[0])
	})
}

func TestHookWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &fakeReceiver{reply: func(context.Context, Event) (int, error) {
			time.Sleep(time.Second)
			return http.StatusOK, nil
		}}
		w := startHook(t, r, WebhookConfig{Workers: 3}, "")
		deliverAll(w, numbered(9))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 9, w.counters().Answered)
		w.close()
	})
}

// Workers that all wait are all woken, though there is one token for them.
func TestHookWakesAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &fakeReceiver{reply: func(context.Context, Event) (int, error) {
			time.Sleep(time.Second)
			return http.StatusOK, nil
		}}
		w := startHook(t, r, WebhookConfig{Workers: 3}, "")
		synctest.Wait()
		h := w.hooks[0]
		h.mu.Lock()
		for range 3 {
			heap.Push(&h.jobs, job{due: time.Now()})
		}
		h.signal()
		h.mu.Unlock()
		time.Sleep(1500 * time.Millisecond)
		require.EqualValues(t, 3, w.counters().Answered)
		w.close()
	})
}

// What waits does not hold the metrics, which may be many times as large as the
// data.
func TestHookHoldsNoMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &fakeReceiver{}
		w := startHook(t, r, WebhookConfig{}, "delay")
		w.deliver(Event{Metrics: []telegraf.Metric{nil}}, 0)
		require.Nil(t, w.hooks[0].jobs[0].event.Metrics)
		w.close()
	})
}

func TestHookFaults(t *testing.T) {
	for _, c := range []struct {
		faults string
		check  func(t *testing.T, r *fakeReceiver, c WebhookCounters)
	}{
		{"drop:2", func(t *testing.T, r *fakeReceiver, c WebhookCounters) {
			require.Equal(t, numbered(100)[2:], r.ids())
			require.Equal(t, WebhookCounters{Answered: 98, Dropped: 2}, c)
			require.ErrorIs(t, r.told[0].Err, ErrWebhookFault)
			require.True(t, r.told[0].Final)
		}},
		{"duplicate", func(t *testing.T, r *fakeReceiver, c WebhookCounters) {
			ids := r.ids()
			require.Len(t, ids, 200)
			require.Equal(t, []string{"0", "0", "1", "1"}, ids[:4])
			require.EqualValues(t, 200, c.Answered)
		}},
		{"duplicate:30%", func(t *testing.T, r *fakeReceiver, _ WebhookCounters) {
			require.InDelta(t, 130, len(r.ids()), 20)
		}},
		{"delay=3s", func(t *testing.T, r *fakeReceiver, _ WebhookCounters) {
			require.Equal(t, numbered(100), r.ids())
			require.Equal(t, 3*time.Second, r.seen[0].at)
			require.Equal(t, 3*time.Second, r.seen[99].at)
		}},
		{"delay:1", func(t *testing.T, r *fakeReceiver, _ WebhookCounters) {
			require.Equal(t, append(numbered(100)[1:], "0"), r.ids())
		}},
		{"reorder=2s", func(t *testing.T, r *fakeReceiver, _ WebhookCounters) {
			ids := r.ids()
			require.NotEqual(t, numbered(100), ids)
			require.ElementsMatch(t, numbered(100), ids)
			require.Less(t, r.seen[0].at, time.Second)
			require.Greater(t, r.seen[99].at, time.Second)
			require.LessOrEqual(t, r.seen[99].at, 2*time.Second)
		}},
		{"duplicate, delay=1s, reorder=1s, drop:50%", func(t *testing.T, r *fakeReceiver, c WebhookCounters) {
			ids := r.ids()
			require.InDelta(t, 100, len(ids), 30)
			require.GreaterOrEqual(t, r.seen[0].at, time.Second)
			require.EqualValues(t, 100, c.Dropped+c.Answered/2)
			// Both copies have their own delays.
			require.NotEqual(t, ids[0], ids[1])
		}},
	} {
		t.Run(c.faults, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &fakeReceiver{}
				w := startHook(t, r, WebhookConfig{}, c.faults)
				deliverAll(w, numbered(100))
				time.Sleep(time.Minute)
				w.close()
				c.check(t, r, w.counters())
			})
		})
	}
}

func TestHookRetries(t *testing.T) {
	refused := errors.New("refused")
	for _, c := range []struct {
		name    string
		retries int
		replies []int // 0 is no answer
		at      []time.Duration
		want    WebhookCounters
	}{
		{"no retries", 0, []int{503}, []time.Duration{0}, WebhookCounters{Failed: 1}},
		{"until answered", 5, []int{0, 503, 200}, []time.Duration{0, 1, 3}, WebhookCounters{Answered: 1, Retried: 2}},
		{"given up", 3, []int{429, 408, 500, 0}, []time.Duration{0, 1, 3, 7}, WebhookCounters{Failed: 1, Retried: 3}},
		{"would never work", 3, []int{404}, []time.Duration{0}, WebhookCounters{Failed: 1}},
		{"redirect", 3, []int{307}, []time.Duration{0}, WebhookCounters{Failed: 1}},
		{"at most a minute", 8, []int{0, 0, 0, 0, 0, 0, 0, 0, 204}, []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183}, WebhookCounters{Answered: 1, Retried: 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				replies := c.replies
				r := &fakeReceiver{reply: func(context.Context, Event) (int, error) {
					status := replies[0]
					replies = replies[1:]
					if status/100 == 2 {
						return status, nil
					}
					return status, refused
				}}
				w := startHook(t, r, WebhookConfig{Retries: c.retries}, "")
				deliverAll(w, numbered(1))
				time.Sleep(time.Hour)
				w.close()
				require.Equal(t, c.want, w.counters())
				require.Len(t, r.seen, len(c.at))
				for i, a := range r.seen {
					require.Equal(t, c.at[i]*time.Second, a.at)
					require.Equal(t, i+1, r.told[i].Attempt)
					require.Equal(t, i == len(c.at)-1, r.told[i].Final)
				}
			})
		})
	}
}

// While one is to be repeated, others go on.
func TestHookRetryStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &fakeReceiver{reply: func(_ context.Context, e Event) (int, error) {
			if e.RecordID == "1" {
				return 500, errors.New("no")
			}
			return 200, nil
		}}
		w := startHook(t, r, WebhookConfig{Retries: 2}, "")
		deliverAll(w, numbered(4))
		time.Sleep(time.Minute)
		w.close()
		require.Equal(t, []string{"0", "1", "2", "3", "1", "1"}, r.ids())
	})
}

func TestHookQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &fakeReceiver{}
		w := startHook(t, r, WebhookConfig{MaxQueued: 3}, "delay=1s")
		deliverAll(w, numbered(5))
		require.Equal(t, WebhookCounters{Dropped: 2, Waiting: 3}, w.counters())
		time.Sleep(2 * time.Second)
		big := string(make([]byte, maxWebhookBytes/2))
		for i := range 3 {
			w.deliver(Event{RecordID: fmt.Sprint("big", i), Data: big}, 0)
		}
		require.Equal(t, WebhookCounters{Answered: 3, Dropped: 3, Waiting: 2}, w.counters())
		time.Sleep(2 * time.Second)
		w.deliver(Event{RecordID: "after", Data: big}, 0)
		time.Sleep(2 * time.Second)
		w.close()
		require.Equal(t, []string{"0", "1", "2", "big0", "big1", "after"}, r.ids())
		require.ErrorIs(t, r.told[1].Err, ErrWebhookQueue)
		require.Equal(t, "4", r.told[1].RecordID)
	})
}

func TestHookClose(t *testing.T) {
	t.Run("what waits goes out at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &fakeReceiver{reply: func(_ context.Context, e Event) (int, error) {
				if e.RecordID == "1" {
					return 0, errors.New("refused")
				}
				return 200, nil
			}}
			w := startHook(t, r, WebhookConfig{Retries: 9, Workers: 2}, "delay=1h")
			deliverAll(w, numbered(3))
			time.Sleep(time.Second)
			w.close()
			require.Equal(t, time.Second, time.Since(r.start))
			require.Equal(t, WebhookCounters{Answered: 2, Failed: 1}, w.counters())
			w.deliver(Event{RecordID: "late"}, 0)
			require.EqualValues(t, 1, w.counters().Dropped)
		})
	})
	t.Run("within three seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &fakeReceiver{reply: func(ctx context.Context, _ Event) (int, error) {
				<-ctx.Done()
				return 0, ErrWebhookStopped
			}}
			w := startHook(t, r, WebhookConfig{Retries: 9}, "")
			deliverAll(w, numbered(3))
			time.Sleep(time.Second)
			w.close()
			require.Equal(t, 4*time.Second, time.Since(r.start))
			require.Equal(t, WebhookCounters{Dropped: 3}, w.counters())
			require.Len(t, r.told, 3)
			for _, d := range r.told {
				require.ErrorIs(t, d.Err, ErrWebhookStopped)
				require.True(t, d.Final)
			}
		})
	})
}

// Whatever happens, each copy of each webhook has one end.
func TestHookLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		faults := rapid.SampledFrom([]string{"", "duplicate:50%", "reorder", "drop:20%,delay:3", "duplicate,reorder=3s"}).Draw(rt, "faults")
		cfg := WebhookConfig{
			Retries:   rapid.IntRange(0, 2).Draw(rt, "retries"),
			Workers:   rapid.IntRange(1, 4).Draw(rt, "workers"),
			MaxQueued: rapid.IntRange(0, 20).Draw(rt, "queue"),
		}
		steps := rapid.SliceOfN(rapid.IntRange(0, 1500), 1, 30).Draw(rt, "pauses")
		failing := rapid.SliceOfN(rapid.Bool(), 7, 7).Draw(rt, "failing")
		takes := time.Duration(rapid.IntRange(0, 400).Draw(rt, "takes")) * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			n := 0
			var mu sync.Mutex
			r := &fakeReceiver{reply: func(ctx context.Context, _ Event) (int, error) {
				if sleep(ctx, takes) != nil {
					return 0, ErrWebhookStopped
				}
				mu.Lock()
				defer mu.Unlock()
				if n++; failing[n%len(failing)] {
					return 503, &WebhookStatusError{503}
				}
				return 200, nil
			}}
			w := startHook(t, r, cfg, faults)
			for i, pause := range steps {
				w.deliver(Event{RecordID: strconv.Itoa(i)}, 0)
				time.Sleep(time.Duration(pause) * time.Millisecond)
			}
			w.close()
			c := w.counters()
			require.Zero(t, c.Waiting)
			finals := 0
			ended := make(map[string]bool)
			for _, d := range r.told {
				if d.Final {
					finals++
					ended[d.RecordID] = true
				}
			}
			require.Len(t, ended, len(steps))
			require.EqualValues(t, finals, c.Answered+c.Failed+c.Dropped)
			attempts := slices.DeleteFunc(slices.Clone(r.told), func(d Delivery) bool { return d.Attempt == 0 })
			require.LessOrEqual(t, len(r.seen), len(attempts))
		})
	})
}

func TestParseWebhookFaults(t *testing.T) {
	for _, s := range []string{"", "drop", "duplicate:10%,reorder,delay=2s:3", "reorder=5s:50%"} {
		f, err := ParseWebhookFaults(s)
		require.NoError(t, err)
		require.Equal(t, s, f.String())
	}
	for s, want := range map[string]string{
		"reset":          "unknown failure mode \"reset\", want one of drop, duplicate, delay, reorder",
		"drop=2s":        "takes no duration",
		"delay,delay=1s": "given twice",
		"duplicate:0":    "neither a whole number",
		"duplicate:101%": "not above 0% and up to 100%",
		"drop:10%,,":     "unknown failure mode",
		"reorder=2h":     "not one like",
	} {
		_, err := ParseWebhookFaults(s)
		require.ErrorContains(t, err, want, s)
	}
}

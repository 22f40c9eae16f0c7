package smsout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/smslimit"
)

// childEnv holds what this test binary does when it is started as a child, as JSON of a childTask.
const childEnv = "SMSOUT_TEST_CHILD"

// childTask is a process that sends messages through fake ways until it is killed.
type childTask struct {
	Dir    string        // with the account and the network
	Outbox string        // the directory of its journal
	First  uint64        // its keys are from this one
	Now    time.Time     // what the network notes
	Behind time.Duration // the child's clock
	Limits smslimit.Limits
}

// networkWay is a way whose network is a file: a line for each part that was sent.
type networkWay struct {
	name string
	file *os.File
	now  time.Time
}

func (w *networkWay) Name() string { return w.name }
func (w *networkWay) Close() error { return w.file.Close() }

func (w *networkWay) Plan(m Message) (int, error) { return 1 + int(m.Keys[0]%3), nil }

// Send fails in all ways that there are, and is now and then killed at any place.
func (w *networkWay) Send(_ context.Context, m Message) error {
	parts, _ := w.Plan(m)
	verdict := []Verdict{NotSent, Refused, Unsure, Unsure}[rand.IntN(4)]
	fails := rand.IntN(3) == 0
	time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
	if rand.IntN(2) == 0 || !fails || verdict == Unsure {
		if err := m.Commit(); err != nil {
			return &WayError{Verdict: NotSent, Err: err}
		}
	}
	if fails && (verdict == NotSent || verdict == Refused) {
		return &WayError{Verdict: verdict, Err: errCause}
	}
	time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
	for i := range parts {
		if fails && rand.IntN(2) == 0 {
			return &WayError{Verdict: Unsure, Sent: max(i, 1), Err: errCause}
		}
		if _, err := fmt.Fprintf(w.file, "%d %d %d %d\n", m.Keys[0], i, w.now.Unix(), m.Reference); err != nil {
			panic(err)
		}
		time.Sleep(time.Duration(rand.IntN(10000)) * time.Microsecond) // most of the time, so that the kill falls into it
	}
	if fails {
		return errCause
	}
	return nil
}

func childMain() {
	var task childTask
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &task); err != nil {
		panic(err)
	}
	now := func() time.Time { return task.Now.Add(-task.Behind) }
	account, err := smslimit.Open(filepath.Join(task.Dir, "account"), task.Limits, now)
	if err != nil {
		panic(err)
	}
	var ways []Way
	for _, name := range []string{"socket", "modem"} {
		f, err := os.OpenFile(filepath.Join(task.Dir, "network"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			panic(err)
		}
		ways = append(ways, &networkWay{name, f, task.Now})
	}
	o, err := Open(Config{Ways: ways, Account: account, Directory: task.Outbox, Now: now})
	if err != nil {
		panic(err)
	}
	for {
		for i := range uint64(60) {
			_, err := o.Send(context.Background(), Message{Keys: []uint64{task.First + i}})
			limit := new(smslimit.LimitError)
			refused := new(RefusedError)
			if down := new(DownError); errors.As(err, &down) && !errors.Is(err, errCause) {
				panic(err)
			} else if err != nil && !errors.As(err, &down) && !errors.As(err, &limit) && !errors.As(err, &refused) {
				panic(err)
			}
		}
	}
}

// networkLine is a part that was sent.
type networkLine struct {
	key, part, second int64
	reference         int
}

func readNetwork(t *testing.T, dir string) (all []networkLine) {
	text, err := os.ReadFile(filepath.Join(dir, "network"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var l networkLine
		_, err := fmt.Sscan(line, &l.key, &l.part, &l.second, &l.reference)
		require.NoError(t, err)
		all = append(all, l)
	}
	return all
}

// TestKill kills processes that send at random moments, 200 times in all: two at a time, with journals of their own
// and the same account. Between the rounds time passes, and a clock may be behind. Never may more be sent than any window allows, and never the
// same thing twice.
func TestKill(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	dir := t.TempDir()
	limits := smslimit.Limits{Hour: 40, Day: 120, Period: 600}
	now := noon
	var last uint64
	for round := range rounds {
		var wg sync.WaitGroup
		for child := range uint64(2) {
			task := childTask{Dir: dir, Outbox: filepath.Join(dir, fmt.Sprint("outbox", child)), First: child<<40 + last, Now: now, Limits: limits}
			if round > 0 && rand.IntN(5) == 0 {
				task.Behind = now.Sub(noon) + time.Duration(rand.Int64N(int64(3*time.Hour))) // nobody has seen less
			}
			env, err := json.Marshal(task)
			require.NoError(t, err)
			wg.Go(func() {
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), childEnv+"="+string(env))
				var said strings.Builder
				cmd.Stderr = &said
				if !assert.NoError(t, cmd.Start()) {
					return
				}
				killed := time.AfterFunc(time.Duration(15+rand.IntN(100))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				_ = cmd.Wait()
				assert.False(t, killed.Stop(), "it has ended by itself: %s", said.String())
			})
		}
		wg.Wait()
		now = now.Add([]time.Duration{0, time.Minute, 20 * time.Minute, time.Hour, 5 * time.Hour}[rand.IntN(5)])
		if rand.IntN(4) == 0 {
			last += 7 // some are told, some are not
		}
	}

	network := readNetwork(t, dir)
	parts := make(map[[2]int64]bool)
	for i, l := range network {
		require.False(t, parts[[2]int64{l.key, l.part}], "key %d was sent twice", l.key)
		parts[[2]int64{l.key, l.part}] = true
		for _, w := range []struct {
			length time.Duration
			max    int
		}{{time.Hour, limits.Hour}, {24 * time.Hour, limits.Day}, {30 * 24 * time.Hour, limits.Period}} {
			n := 0
			for _, other := range network[:i+1] {
				if age := l.second - other.second; age >= 0 && age < int64(w.length/time.Second) {
					n++
				}
			}
			require.LessOrEqual(t, n, w.max, "%v", w.length)
		}
	}
	require.NotEmpty(t, network)
	u, err := smslimit.Read(filepath.Join(dir, "account"), limits, func() time.Time { return now })
	require.NoError(t, err)
	require.Zero(t, u.Damaged)
	t.Logf("%d parts sent in %v, %d count of %d in 30 days", len(network), now.Sub(noon), u.Period.Used, limits.Period)
}

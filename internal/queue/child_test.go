package queue

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/dirlock"
)

// childEnv holds what this test binary does when it is started as a child, as JSON of a childTask.
const childEnv = "QUEUE_TEST_CHILD"

// childTask is a process that uses a queue until it is killed. It writes what it does to its standard output, each
// step in one line and one write, so that its parent knows everything up to the moment of the kill:
//
//	open            the queue is open
//	locked PID      it is not, another process has it
//	try N           the records before N are given to Append
//	kept N          Append has returned
//	dropped N       records in all, after an Append
//	release A B ... these records are given to Ack (by number)
//	released        Ack has returned
//	rss N           the most memory that the process has had, in kB
type childTask struct {
	Dir    string
	Limits Limits
	Batch  int           // records in an Append
	Size   int           // of a record
	First  int           // the number of the first record
	Read   int           // records in a Next, 0: none
	Rest   time.Duration // between two Nexts
	Order  Order
	Total  int // records to append, and then to take, 0: without end
}

func childMain() {
	var task childTask
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &task); err != nil {
		panic(err)
	}
	q, err := OpenDisk(task.Dir, task.Limits)
	if locked := new(dirlock.LockedError); errors.As(err, &locked) {
		fmt.Printf("locked %d\n", locked.PID)
		return
	}
	if err != nil {
		panic(err)
	}
	fmt.Println("open")
	if task.Total > 0 {
		task.run(q)
		return
	}
	if task.Read > 0 {
		go task.reader(q)
	}
	for next := task.First; ; next += task.Batch {
		fmt.Printf("try %d\n", next+task.Batch)
		if err := q.Append(numbered(next, task.Batch, task.Size), time.Now()); err != nil {
			panic(err)
		}
		fmt.Printf("dropped %d\n", q.Stats().DroppedFull)
		fmt.Printf("kept %d\n", next+task.Batch)
	}
}

// reader takes records, and releases most of them, some later than others.
func (task childTask) reader(q *Disk) {
	var flight []int
	for round := 0; ; round++ {
		time.Sleep(task.Rest)
		got, err := q.Next(task.Read, task.Order)
		if err != nil {
			panic(err)
		}
		for _, r := range got {
			flight = append(flight, numberOf(r.Data))
		}
		n := len(flight)
		if round%3 != 0 {
			n = n * 2 / 3
		}
		if n == 0 {
			continue
		}
		line := "release"
		for _, i := range flight[:n] {
			line += fmt.Sprintf(" %d", i)
		}
		fmt.Println(line)
		if err := q.Ack(n); err != nil {
			panic(err)
		}
		fmt.Println("released")
		flight = flight[n:]
	}
}

// run fills the queue, empties it and ends.
func (task childTask) run(q *Disk) {
	for next := 0; next < task.Total; next += task.Batch {
		if err := q.Append(numbered(next, task.Batch, task.Size), time.Now()); err != nil {
			panic(err)
		}
	}
	if err := q.Close(); err != nil {
		panic(err)
	}
	q, err := OpenDisk(task.Dir, task.Limits)
	if err != nil {
		panic(err)
	}
	for n := 0; n < task.Total; {
		got, err := q.Next(task.Read, task.Order)
		if err != nil || len(got) == 0 {
			panic(fmt.Sprint("nothing after ", n, ": ", err))
		}
		if err := q.Ack(len(got)); err != nil {
			panic(err)
		}
		n += len(got)
	}
	status, _ := os.ReadFile("/proc/self/status")
	var peak int
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscan(after, &peak)
	fmt.Printf("rss %d\n", peak)
	if err := q.Close(); err != nil {
		panic(err)
	}
}

// child is a running childTask and what is known of it.
type child struct {
	cmd    *exec.Cmd
	out    io.ReadCloser
	lines  chan string // closed when the child has ended
	errors strings.Builder

	tried, kept int // up to the record of this number
	dropped     int
	released    map[int]bool // true: Ack has returned
	last        []int
	peak        int // kB
}

func startChild(t testing.TB, task childTask) *child {
	t.Helper()
	env, err := json.Marshal(task)
	require.NoError(t, err)
	c := &child{
		cmd:      exec.CommandContext(t.Context(), os.Args[0]),
		lines:    make(chan string, 1024),
		released: make(map[int]bool),
		tried:    task.First,
		kept:     task.First,
	}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(env))
	c.cmd.Stderr = &c.errors
	c.out, err = c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go func() {
		defer close(c.lines)
		r := bufio.NewReader(c.out)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return // A line without its end was not finished.
			}
			c.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return c
}

// first waits for the child's first line.
func (c *child) first(t testing.TB) string {
	t.Helper()
	line, ok := <-c.lines
	require.True(t, ok, "the child has ended: %s", c.errors.String())
	return line
}

// killAfter lets the child run, kills it and takes in what it said.
func (c *child) killAfter(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	due := timer.C
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				_ = c.cmd.Wait()
				require.Empty(t, c.errors.String())
				return
			}
			c.note(t, line)
		case <-due:
			due = nil
			require.NoError(t, c.cmd.Process.Kill(), c.errors.String())
		}
	}
}

// wait waits for the child to end by itself.
func (c *child) wait(t testing.TB) {
	t.Helper()
	for line := range c.lines {
		c.note(t, line)
	}
	require.NoError(t, c.cmd.Wait(), c.errors.String())
}

func (c *child) note(t testing.TB, line string) {
	t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	one := func(p *int) {
		_, err := fmt.Sscan(rest, p)
		require.NoError(t, err, line)
	}
	switch verb {
	case "open":
	case "try":
		one(&c.tried)
	case "kept":
		one(&c.kept)
	case "dropped":
		one(&c.dropped)
	case "rss":
		one(&c.peak)
	case "release":
		c.last = nil
		for word := range strings.FieldsSeq(rest) {
			var n int
			_, err := fmt.Sscan(word, &n)
			require.NoError(t, err, line)
			c.last = append(c.last, n)
			c.released[n] = false
		}
	case "released":
		for _, n := range c.last {
			c.released[n] = true
		}
	default:
		require.Fail(t, "unknown line", line)
	}
}

// numbered makes records that tell their number, and whose every byte depends on it.
func numbered(from, n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = numberedRecord(from+i, size)
	}
	return out
}

func numberedRecord(n, size int) []byte {
	b := fmt.Appendf(make([]byte, 0, size), "%012d ", n)
	x := uint32(n)*2654435761 + 1
	for len(b) < size {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b = append(b, byte(x))
	}
	return b
}

// numberOf returns the number of a record, -1 if it is none that was written.
func numberOf(b []byte) int {
	var n int
	if len(b) < 13 {
		return -1
	}
	if _, err := fmt.Sscanf(string(b[:12]), "%012d", &n); err != nil || string(numberedRecord(n, len(b))) != string(b) {
		return -1
	}
	return n
}

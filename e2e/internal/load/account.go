package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strconv"
	"strings"

	"telegraf-hologram/e2e/internal/lab"
)

// Account is what became of the metrics of webhooks.
type Account struct {
	// Answered is how many metrics were in webhooks that were answered with success,
	// and Lost how many of them did not come out.
	Answered, Lost int
	// Twice counts the further times that some came out. All of them have the same
	// series, time and values: otherwise they are Wrong.
	Twice int
	// Wrong came out and were never sent so.
	Wrong int
}

// set are the metrics of a message.
type set [2]uint64

func (s *set) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }
func (s *set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *set) len() int       { return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) }

// account reads what a Telegraf wrote, and counts.
type account struct {
	fleet *fleet
	found []set // of device*messages + message
	// known are the metrics as they are written, without the device, of those that
	// were compared with what was sent, by shape and number.
	known [shapes][]string
	Account
}

func newAccount(f *fleet) *account {
	a := &account{fleet: f, found: make([]set, f.devices*f.messages)}
	for shape := range shapes {
		a.known[shape] = make([]string, f.messages*perMessage)
	}
	return a
}

// read reads a file of line protocol, as far as its lines are whole.
func (a *account) read(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("cannot read what came out: %w", err)
	}
	defer func() { _ = file.Close() }()
	r := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil // it is being written
		}
		if err != nil {
			return fmt.Errorf("cannot read what came out: %w", err)
		}
		a.line(line[:len(line)-1])
	}
}

var ours = []byte("hologram_")

// line counts a metric. The receiver's own are passed over.
func (a *account) line(line []byte) {
	if bytes.HasPrefix(line, ours) {
		return
	}
	device, rest, ok := cutTag(line, []byte(",hologram_device_id="))
	var message, metric int
	if ok {
		_, rest, _ = cutTag(rest, []byte(",hologram_device_name="))
		var t int64
		var err error
		t, err = strconv.ParseInt(string(rest[bytes.LastIndexByte(rest, ' ')+1:]), 10, 64)
		message, metric, ok = a.fleet.metric(t)
		ok = ok && err == nil
	}
	number, err := strconv.Atoi(string(device))
	number -= firstDevice
	if !ok || err != nil || number < 0 || number >= a.fleet.devices || !a.right(number%shapes, message*perMessage+metric, rest) {
		a.Wrong++
		return
	}
	s := &a.found[number*a.fleet.messages+message]
	if s.has(metric) {
		a.Twice++
	}
	s.add(metric)
}

// right tells whether a metric is what was sent.
func (a *account) right(shape, n int, line []byte) bool {
	if known := a.known[shape][n]; known != "" {
		return known == string(line)
	}
	metrics, err := lab.ReadMetrics(bytes.NewReader(line))
	if err != nil || len(metrics) != 1 || metrics[0].Exact != a.fleet.want[shape][n] {
		return false
	}
	a.known[shape][n] = string(line)
	return true
}

// cutTag takes a tag out of a line.
func cutTag(line, tag []byte) (value, rest []byte, ok bool) {
	before, after, ok := bytes.Cut(line, tag)
	if !ok {
		return nil, line, false
	}
	end := 0
	for end < len(after) && after[end] != ',' && after[end] != ' ' {
		if after[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(after))
	rest = append(append(make([]byte, 0, len(line)), before...), after[end:]...)
	return after[:end], rest, true
}

// result compares with what was answered, as the numbers of messages.
func (a *account) result(answered []int) Account {
	out := a.Account
	for _, n := range answered {
		out.Answered += perMessage
		out.Lost += perMessage - a.found[n].len()
	}
	return out
}

func (a Account) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d metrics answered, %d lost, %d twice, %d wrong", a.Answered, a.Lost, a.Twice, a.Wrong)
	return b.String()
}

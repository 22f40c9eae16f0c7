package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// tick is the unit in which /proc counts CPU time.
const tick = 10 * time.Millisecond

// processCPU returns the CPU time of a process.
func processCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read the CPU time: %w", err)
	}
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("cannot read the CPU time")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}

// machineCPU returns the CPU time that all processors together were busy.
func machineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read the CPU time: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var busy int64
	for i, field := range strings.Fields(line) {
		n, err := strconv.ParseInt(field, 10, 64)
		if i == 0 || i == 4 || i == 5 || i > 8 { // the name, idle, iowait, and guests, which are in user
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("cannot read the CPU time: %w", err)
		}
		busy += n
	}
	return time.Duration(busy) * tick, nil
}

// memory returns the resident memory of a process and its peak, in bytes.
func memory(pid int) (rss, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("cannot read the memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("cannot read the memory: %w", err)
		}
		if name == "VmRSS" {
			rss = n << 10
		} else {
			peak = n << 10
		}
	}
	return rss, peak, nil
}

// usage is what a child of Telegraf has taken, over all its lives.
type usage struct {
	mu    sync.Mutex
	pid   int
	cpu   map[int]time.Duration // by process
	rss   []int64
	peak  int64
	first time.Duration // CPU time of the first before it was watched
}

// watch watches a child of Telegraf until ctx ends.
func (u *usage) watch(ctx context.Context, p *lab.Process, program string) {
	u.cpu = make(map[int]time.Duration)
	for ctx.Err() == nil {
		pid, err := p.WaitChild(ctx, program)
		if err != nil {
			return
		}
		u.read(pid)
		_ = lab.Pause(ctx, 100*time.Millisecond)
	}
	if u.pid != 0 {
		u.read(u.pid)
	}
}

func (u *usage) read(pid int) {
	cpu, err := processCPU(pid)
	rss, peak, err2 := memory(pid)
	if err != nil || err2 != nil || rss == 0 {
		return // it has ended
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pid == 0 {
		u.first = cpu
	}
	u.pid = pid
	u.cpu[pid] = cpu
	u.rss = append(u.rss, rss)
	u.peak = max(u.peak, peak)
}

// total is the CPU time since watch began.
func (u *usage) total() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	sum := -u.first
	for _, d := range u.cpu {
		sum += d
	}
	return sum
}

//go:build linux

package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Cost is what a contender needs of a machine, Telegraf included.
type Cost struct {
	Contender Contender
	Metrics   int
	CPU       time.Duration // of Telegraf and what it has started, while it sent them
	Memory    int           // resident bytes of all of them at the end
	Plugin    int           // of Memory, those of what Telegraf has started
}

// Costs measures contenders one after the other, Telegraf alone first. What the
// link and the servers need is not counted.
func (r Run) Costs(ctx context.Context, contenders []Contender) ([]Cost, error) {
	var costs []Cost
	dir := r.Dir
	for i, c := range append([]Contender{discard()}, contenders...) {
		r.Dir = filepath.Join(dir, strconv.Itoa(i))
		cost, err := r.cost(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		costs = append(costs, cost)
	}
	return costs, nil
}

func (r Run) cost(ctx context.Context, c Contender) (Cost, error) {
	b, err := r.start(ctx, []Contender{c})
	if err != nil {
		return Cost{}, err
	}
	defer b.stop()
	// The first batch, with what is done but once, does not count. The others follow
	// each other without a wait for their arrival: no output makes one of two.
	batches := len(r.Lines) / r.Batch
	var before time.Duration
	for k := range batches {
		if err := b.feed(r.Lines[k*r.Batch : (k+1)*r.Batch]); err != nil {
			return Cost{}, err
		}
		const rhythm = 40 * time.Millisecond
		if err := b.await(ctx, time.Now().Add(rhythm), k == 0 || k == batches-1); err != nil {
			return Cost{}, err
		}
		if k == 0 {
			if before, err = cpuOf(family(b.telegraf.Process.Pid)); err != nil {
				return Cost{}, err
			}
		}
	}
	pids := family(b.telegraf.Process.Pid)
	after, err := cpuOf(pids)
	if err != nil {
		return Cost{}, err
	}
	cost := Cost{Contender: c, Metrics: (batches - 1) * r.Batch, CPU: after - before}
	for i, pid := range pids {
		memory, err := memoryOf(pid)
		if err != nil {
			return Cost{}, err
		}
		cost.Memory += memory
		if i > 0 {
			cost.Plugin += memory
		}
	}
	return cost, b.verify(ctx, c, r.Lines[:batches*r.Batch])
}

// family is a process and its children, which have none.
func family(pid int) []int {
	pids := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// cpuOf is the time that the threads of processes have run.
func cpuOf(pids []int) (total time.Duration, err error) {
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil || len(threads) == 0 {
			return 0, fmt.Errorf("cannot find the threads of process %d: %w", pid, err)
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				continue // the thread has ended
			}
			var ran int64
			if _, err := fmt.Sscan(string(text), &ran); err != nil {
				return 0, fmt.Errorf("cannot read %s: %w", thread, err)
			}
			total += time.Duration(ran)
		}
	}
	return total, nil
}

// memoryOf is the resident memory of a process.
func memoryOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
	}
	_, row, _ := bytes.Cut(text, []byte("VmRSS:"))
	var kilobytes int
	if _, err := fmt.Sscan(string(row), &kilobytes); err != nil {
		return 0, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
	}
	return kilobytes << 10, nil
}

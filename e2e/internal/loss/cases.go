//go:build linux

package loss

import (
	"slices"
	"time"
)

// DiskOptions are the options of the plugin in the ordinary cases: the buffer on
// disk, and pauses that are short enough for an outage of half a minute.
const DiskOptions = `  flush_interval = "2s"
  buffer_strategy = "disk"
  buffer_directory = "${LOSS_BUFFER}"
  retry_backoff_min = "1s"
  retry_backoff_max = "5s"`

// MemoryOptions are the same with the buffer in memory.
const MemoryOptions = `  flush_interval = "2s"
  buffer_strategy = "memory"
  retry_backoff_min = "1s"
  retry_backoff_max = "5s"`

// Cases are all cases. In each, 10,000 metrics are sent at 200 a second, and the
// destination is down from the 10th to the 40th second.
func Cases() []Case {
	const s = time.Second
	with := func(count int, c Case, steps ...Step) Case {
		c.Count, c.Rate, c.Steps = count, 200, steps
		if c.Options == "" {
			c.Options = DiskOptions
		}
		return c
	}
	whole := func(c Case, steps ...Step) Case { return with(10_000, c, steps...) }
	outage := Down(10*s, 40*s)
	var eleven []Step
	for i := range 11 {
		eleven = append(eleven, Kill(time.Duration(4+4*i)*s))
	}
	// A metric has 60 bytes and more.
	const (
		pipe   = "what is in the pipe, 4 KiB, if Telegraf has written a whole batch into it"
		inPipe = 4096 / 60
	)
	return []Case{
		whole(Case{Name: "outage", Title: "outage, kill -9"}, slices.Concat(outage, []Step{Kill(25 * s)})...),
		whole(Case{Name: "group", Title: "the same, SIGTERM to the whole group", Group: true},
			slices.Concat(outage, []Step{Kill(25 * s)})...),
		whole(Case{Name: "group-down", Title: "the same, still down at the SIGTERM to the group", Group: true},
			DownForGood(10*s), Kill(25*s)),
		whole(Case{Name: "kills", Title: "outage, eleven times kill -9"}, slices.Concat(outage, eleven)...),
		whole(Case{
			Name: "kills-slow", Title: "no outage, answers after 1.5 s, eleven times kill -9", Answer: 1500 * time.Millisecond,
		}, eleven...),
		whole(Case{Name: "freeze", Title: "outage, SIGSTOP for 2 s and then kill -9"},
			slices.Concat(outage, Freeze(25*s, 2*s))...),
		whole(Case{
			Name: "freeze-small", Title: "the same, Telegraf flushes 40 metrics at a time", Flush: 200 * time.Millisecond,
			AtMost: inPipe, MayLose: pipe,
		}, slices.Concat(outage, Freeze(25*s, 2*s))...),
		whole(Case{Name: "full", Title: "outage, disk full for 10 s, kill -9 after it", Disk: 4 << 20},
			slices.Concat(outage, DiskFull(15*s, 25*s), []Step{Kill(32 * s)})...),
		whole(Case{
			Name: "full-kill", Title: "outage, disk full for 10 s, kill -9 within it", Disk: 4 << 20,
			AtMost: 2 * inPipe, MayLose: "what was read and found no space, and " + pipe,
		}, slices.Concat(outage, DiskFull(15*s, 25*s), []Step{Kill(20 * s)})...),
		whole(Case{
			Name: "full-kill-small", Title: "the same, Telegraf flushes 40 metrics at a time", Disk: 4 << 20, Flush: 200 * time.Millisecond,
			AtMost: 2 * inPipe, MayLose: "what was read and found no space, and " + pipe,
		}, slices.Concat(outage, DiskFull(15*s, 25*s), []Step{Kill(20 * s)})...),
		whole(Case{Name: "clock", Title: "outage, clock set back by an hour, kill -9", Shifted: true, StepTimesAt: 4000},
			slices.Concat(outage, []Step{SetClock(20*s, -time.Hour), Kill(25 * s)})...),
		whole(Case{
			Name: "telegraf", Title: "outage, Telegraf: kill -9", Tap: true,
			MayLose: "what Telegraf had not yet written into the pipe",
		}, slices.Concat(outage, []Step{KillTelegraf(25*s, 2*s)})...),
		whole(Case{
			Name: "memory", Title: "outage, kill -9, buffer in memory", Options: MemoryOptions,
			AtMost: 10_000, MayLose: "a buffer in memory dies with the process",
		}, slices.Concat(outage, []Step{Kill(25 * s)})...),
		whole(Case{
			Name: "shim-1", Title: "stock shim, batch of 1: outage, kill -9", Host: Shim, BatchSize: 1,
			AtMost: 10_000, MayLose: "for comparison",
		}, slices.Concat(outage, []Step{Kill(25 * s)})...),
		whole(Case{
			Name: "shim-1000", Title: "stock shim, batch of 1000: outage, kill -9", Host: Shim, BatchSize: 1000,
			AtMost: 10_000, MayLose: "for comparison",
		}, slices.Concat(outage, []Step{Kill(25 * s)})...),
		// Not a multiple of the batch: a stop comes at any time.
		with(9_700, Case{
			Name: "shim-group", Title: "stock shim, batch of 1000: SIGTERM to the group only", Host: Shim, BatchSize: 1000, Group: true,
			AtMost: 10_000, MayLose: "for comparison",
		}),
	}
}

// Short is the first case in a few seconds.
func Short() Case {
	const s = time.Second
	return Case{
		Name: "short", Title: "outage, kill -9", Count: 2000, Rate: 200, Options: DiskOptions,
		Steps: append(Down(2*s, 7*s), Kill(5*s)),
	}
}

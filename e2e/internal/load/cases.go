//go:build linux

package load

import (
	"fmt"
	"io"
	"time"
)

// Cases are all cases, each of so long.
func Cases(d time.Duration) []Case {
	return []Case{
		{Name: "steady", Title: "100 webhooks/s", Rate: 100, Connections: 64, Duration: d},
		{Name: "memory", Title: "the same without buffer_directory", Rate: 100, Connections: 64, Duration: d, Memory: true},
		{Name: "kill", Title: "the same, kill -9 each 3 s", Rate: 100, Connections: 64, Duration: d, KillEvery: 3 * time.Second},
		{Name: "trace", Title: "100/s, syncs counted", Rate: 100, Connections: 64, Duration: d / 4, Trace: true},
		{Name: "most-1", Title: "as many as go on 1 connection", Connections: 1, Duration: d / 4},
		{Name: "most-8", Title: "8 connections", Connections: 8, Duration: d / 4},
		{Name: "most-64", Title: "64 connections", Connections: 64, Duration: d / 4},
		{Name: "most-256", Title: "256 connections", Connections: 256, Duration: d / 4},
		{Name: "most-mem", Title: "64, without buffer_directory", Connections: 64, Duration: d / 4, Memory: true},
		{Name: "most-trace", Title: "64, syncs counted", Connections: 64, Duration: d / 4, Trace: true},
		{Name: "most-kill", Title: "64, kill -9 each 2 s", Connections: 64, Duration: d / 4, KillEvery: 2 * time.Second},
	}
}

// Short is some of everything in a few seconds.
func Short() Case {
	return Case{Name: "short", Title: "some of everything", Rate: 50, Connections: 32, Duration: 6 * time.Second, KillEvery: 1500 * time.Millisecond}
}

// Row is a row of the table.
type Row struct {
	Case   Case
	Result Result
	Err    error
}

// OK tells whether all is as it must be: nothing that was answered is lost or wrong,
// and nothing comes twice unless the receiver was killed.
func (r *Row) OK() bool {
	return r.Err == nil && r.Result.Webhooks > 0 && r.Result.Lost == 0 && r.Result.Wrong == 0 && (r.Result.Twice == 0 || r.Case.KillEvery > 0)
}

// Table prints a table of results.
func Table(w io.Writer, rows []Row) {
	fmt.Fprintf(w, "%-33s %9s %9s %8s %8s %8s %7s %7s %8s %8s %7s %6s %7s %6s %5s %6s\n", "", "webhooks", "metrics", "p50", "p99", "longest",
		"RSS", "peak", "CPU per", "Telegraf", "others", "syncs", "kills", "lost", "twice", "wrong")
	fmt.Fprintf(w, "%-33s %9s %9s %8s %8s %8s %7s %7s %8s %8s %7s %6s %7s %6s %5s %6s\n", "", "/s", "/s", "ms", "ms", "ms",
		"MB", "MB", "metric", "same", "of 1", "/s", "", "", "", "")
	for _, row := range rows {
		r := &row.Result
		if row.Err != nil {
			fmt.Fprintf(w, "%-33s %v\n", row.Case.Title, row.Err)
			continue
		}
		seconds := r.Time.Seconds()
		ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e6) }
		per := func(d time.Duration) string {
			return fmt.Sprintf("%.1f µs", float64(d)/1e3/float64(max(r.Answered, 1)))
		}
		syncs := "-"
		if row.Case.Trace {
			syncs = fmt.Sprintf("%.0f", float64(r.Syncs)/seconds)
		}
		fmt.Fprintf(w, "%-33s %9.0f %9.0f %8s %8s %8s %7.1f %7.1f %8s %8s %7.2f %6s %7d %6d %5d %6d\n", row.Case.Title,
			float64(r.Webhooks)/seconds, float64(r.Answered)/seconds, ms(r.P50), ms(r.P99), ms(r.Longest),
			float64(r.RSS)/1e6, float64(r.Peak)/1e6, per(r.CPU), per(r.Telegraf), r.Others.Seconds()/seconds, syncs, r.Kills, r.Lost, r.Twice, r.Wrong)
	}
	fmt.Fprint(w, `
Each webhook has the 100 metrics of one message of one of 1,000 devices. Latencies are
from when a webhook was due to its success, all attempts included. RSS (median) and peak
are the receiver's; CPU is the receiver's, beside it that of the Telegraf which runs it,
and others is how many processors all other programs of the machine took meanwhile,
besides the sender.
`)
}

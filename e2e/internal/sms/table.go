//go:build linux

package sms

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Row is a line of the table: a case and what came of it.
type Row struct {
	Case   Case
	Result Result
	// Err is why the case could not be run.
	Err error
}

// OK tells that the case ran and that nothing was lost, repeated, changed, left
// behind or told that must not be.
func (r Row) OK() bool {
	v := r.Result
	if r.Err != nil || r.Case.Compare {
		return r.Err == nil && v.Leaks == 0
	}
	return v.Wrong == 0 && v.Left == 0 && v.Leaks == 0 && v.Lost <= r.Case.AtMost && v.Twice <= r.Case.AtMost && v.Kept == v.Lost
}

// Table writes the rows for a person, and below them what there is to say about
// some of them.
func Table(w io.Writer, rows []Row) {
	const names, numbers = "%-46s", " %5v %5v %5v %5v %5v %5v %5v %5v %5v %6v %6v %8s  %s\n"
	fmt.Fprintf(w, names+numbers, "variant", "sent", "parts", "came", "lost", "kept", "twice", "same", "wrong", "left", "leaks", "starts", "drained", "troubles")
	for _, r := range rows {
		if r.Err != nil {
			fmt.Fprintf(w, names+" not run: %v\n", r.Case.Title, r.Err)
			continue
		}
		v := r.Result
		var troubles []string
		for _, name := range slices.Sorted(maps.Keys(v.Troubles)) {
			troubles = append(troubles, fmt.Sprintf("%d %s", v.Troubles[name], name))
		}
		fmt.Fprintf(w, names+numbers, r.Case.Title, v.Sent, v.Parts, v.Came, v.Lost, v.Kept, v.Twice, v.Same, v.Wrong, v.Left, v.Leaks, v.Starts,
			fmt.Sprintf("%.1f s", v.Drain.Seconds()), strings.Join(troubles, ", "))
	}
	fmt.Fprint(w, `
came: once or more, with its sender and its exact text. kept: lost, but in the journal, for sms replay.
twice: the further times. same: of these, byte for byte the same metric with the same time. wrong: never sent so. left: in the modem and in the network, at the end.
leaks: texts and numbers in Telegraf's log; where they are omitted, in metrics and journal too.
starts: of the plugin. drained: from the last SMS sent to the last one that came out.
`)
	for _, r := range rows {
		switch v := r.Result; {
		case r.Case.Compare:
			fmt.Fprintf(w, "%s: %s\n", r.Case.Name, r.Case.May)
		case v.Lost+v.Twice > 0:
			fmt.Fprintf(w, "%s: may be, up to %d: %s\n", r.Case.Name, r.Case.AtMost, r.Case.May)
		}
		if r.Result.Leak != "" {
			fmt.Fprintf(w, "%s: leak: %s\n", r.Case.Name, r.Result.Leak)
		}
	}
}

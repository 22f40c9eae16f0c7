//go:build linux

package loss

import (
	"fmt"
	"io"
)

// Row is a line of the table: a case and what came of it.
type Row struct {
	Case   Case
	Result Result
	// Err is why the case could not be run.
	Err error
}

// OK tells that the case ran, that nothing was invented, and that nothing was
// lost that must not be.
func (r Row) OK() bool {
	return r.Err == nil && r.Result.Invented == 0 && r.Result.Lost-r.Result.Outside <= r.Case.AtMost
}

// Table writes the rows for a person, and below them what there is to say about
// some of them.
func Table(w io.Writer, rows []Row) {
	const names, numbers = "%-58s", " %6v %9v %6v %6v %5v %8v %8v %6v %7s %8s\n"
	fmt.Fprintf(w, names+numbers, "variant", "sent", "delivered", "lost", "twice", "late", "invented", "messages", "starts", "stop", "drained")
	for _, r := range rows {
		if r.Err != nil {
			fmt.Fprintf(w, names+" not run: %v\n", r.Case.Title, r.Err)
			continue
		}
		v := r.Result
		fmt.Fprintf(w, names+numbers, r.Case.Title, v.Sent, v.Delivered, v.Lost, v.Duplicates, v.Late, v.Invented, v.Messages, v.Starts,
			fmt.Sprintf("%.2f s", v.Stop.Seconds()), fmt.Sprintf("%.1f s", v.Drain.Seconds()))
	}
	fmt.Fprint(w, `
twice: deliveries of what had been delivered before. late: delivered after a metric that was sent later.
starts: of the plugin, the one after Telegraf's own restart among them. stop: from SIGTERM to Telegraf's end.
drained: from Telegraf's restart to the last message.
`)
	for _, r := range rows {
		v := r.Result
		if r.Err != nil {
			continue
		}
		if v.Duplicates > 0 {
			fmt.Fprintf(w, "%s: %d messages came twice, byte for byte; %d hold metrics twice that Telegraf had written twice\n",
				r.Case.Name, v.Repeated, v.Rewritten)
		}
		switch {
		case v.Lost == 0:
		case r.Case.Tap:
			fmt.Fprintf(w, "%s: of the %d lost, %d never came into our pipe, and %d did; may be lost: %s\n", r.Case.Name, v.Lost, v.Outside,
				v.Lost-v.Outside, r.Case.MayLose)
		case r.Case.AtMost == 0:
			fmt.Fprintf(w, "%s: lost are %s, and NOTHING may be lost\n", r.Case.Name, v.Missing)
		default:
			fmt.Fprintf(w, "%s: lost are %s; may be lost: up to %d, %s\n", r.Case.Name, v.Missing, r.Case.AtMost, r.Case.MayLose)
		}
	}
}

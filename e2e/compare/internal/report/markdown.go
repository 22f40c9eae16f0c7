//go:build linux

package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"telegraf-hologram/e2e/compare/internal/bench"
	"telegraf-hologram/e2e/compare/internal/cloud"
)

// Markdown writes the page of the documents.
func (p Page) Markdown(w io.Writer) {
	fmt.Fprintf(w, `<!-- Written by "make compare". Do not edit. -->

# What a metric costs, beside other outputs

The same metrics, sent by the same Telegraf over the same link, through this project and through what else one could pick. Bytes are those that the device's interface saw: IP headers, handshakes, acknowledgements, keep-alives and closes included, in both directions. "Hologram" without more is a plain client of the Socket API with line protocol in its messages.

%s metric a second is collected, and sent every 10, 60 or 300 s. Each figure is the mean of the three corpora below. A month has 30 days, and a megabyte costs $%.2f.

![Bytes for each metric](compare.svg)

`, number(p.RatePerSecond), pricePMB)

	p.summary(w)
	p.first(w)
	p.byCorpus(w)
	p.traffic(w)
	p.small(w)
	p.machine(w)
	p.method(w)
}

// row is a row of a table; ours is bold.
func row(w io.Writer, i int, name string, cells []string) {
	if i == 0 {
		name = "**" + name + "**"
		for j := range cells {
			cells[j] = "**" + cells[j] + "**"
		}
	}
	fmt.Fprintf(w, "| %s | %s |\n", name, strings.Join(cells, " | "))
}

// head is the head of a table of outputs, with columns of numbers.
func head(w io.Writer, columns []string) {
	fmt.Fprintf(w, "| output | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
}

// each is a column for each interval.
func (p Page) each(format string) (columns []string) {
	for _, d := range p.Intervals {
		columns = append(columns, fmt.Sprintf(format, seconds(d)))
	}
	return columns
}

func (p Page) summary(w io.Writer) {
	head(w, slices.Concat(p.each("bytes a metric, %s"), p.each("MB a month, %s"), p.each("$ a month, %s")))
	for i, c := range p.contenders() {
		var bytes, megabytes, dollars []string
		for j := range p.Intervals {
			b := p.mean(j, i)
			bytes = append(bytes, number(b))
			megabytes = append(megabytes, number(p.megabytes(b)))
			dollars = append(dollars, fmt.Sprintf("%.2f", p.megabytes(b)*pricePMB))
		}
		row(w, i, c.Name, slices.Concat(bytes, megabytes, dollars))
	}
	fmt.Fprintln(w)
}

// first says where this project is not first.
func (p Page) first(w io.Writer) {
	fmt.Fprint(w, "## Where this project is not first\n\n")
	if lost := p.lost(); len(lost) == 0 {
		fmt.Fprintf(w, "- In bytes for a metric it is first with all %d corpora at all %d intervals.\n", len(p.Corpora), len(p.Intervals))
	} else {
		fmt.Fprint(w, "- In bytes for a metric it is first but for these:\n")
		for _, line := range lost {
			fmt.Fprintf(w, "  - %s\n", line)
		}
		fmt.Fprint(w, "\n  Metrics that have little in common fill several messages of the default `max_message_size`, each with a connection of its own. A larger one makes fewer.\n")
	}
	var better []string
	for _, r := range p.Small {
		if r.PerMetric() < p.Small[0].PerMetric() {
			better = append(better, fmt.Sprintf("%s (%s)", r.Contender.Name, number(r.PerMetric())))
		}
	}
	if len(better) > 0 {
		fmt.Fprintf(w, "- With one small metric every 10 s, each sent at once, a connection that stays open, or none at all, needs fewer bytes than our %s: %s.\n", number(p.Small[0].PerMetric()), strings.Join(better, ", "))
	}
	fmt.Fprint(w, "- In round trips: each message has a connection of its own, which takes one round trip before the message goes out. A connection that is open needs only the one for the answer.\n")
	if len(p.Costs) > 1 {
		ours := p.Costs[1]
		cpu, memory := 1, 1
		for _, c := range p.Costs[2:] {
			if c.CPU < ours.CPU {
				cpu++
			}
			if c.Memory < ours.Memory {
				memory++
			}
		}
		fmt.Fprintf(w, "- In CPU time it is number %d, and in memory number %d, of %d: it runs in a process of its own, to which Telegraf hands every metric as text.\n", cpu, memory, len(p.Costs)-1)
	}
	fmt.Fprint(w, "- In secrecy: the Socket API has no TLS. The other outputs can have it, at the price that the tables show.\n")
	fmt.Fprint(w, "- In what the far side can do with it: line protocol is read by a database as it is. What this project sends has to be decoded first, with `telegraf-hologram decode` or [by the specification](payload.md).\n\n")
}

func (p Page) byCorpus(w io.Writer) {
	fmt.Fprint(w, "## By corpus\n\nBytes for each metric.\n\n")
	var columns []string
	for _, c := range p.Corpora {
		columns = append(columns, p.each(c.Name+", %s")...)
	}
	head(w, columns)
	for i, c := range p.contenders() {
		var cells []string
		for _, corpus := range p.Corpora {
			for j := range p.Intervals {
				cells = append(cells, number(corpus.Results[j][i].PerMetric()))
			}
		}
		row(w, i, c.Name, cells)
	}
	fmt.Fprintln(w)
	for _, c := range p.Corpora {
		fmt.Fprintf(w, "- `%s`: %s.\n", c.Name, c.What)
	}
	fmt.Fprintln(w)
}

func (p Page) traffic(w io.Writer) {
	fmt.Fprintf(w, `## Packets, round trips and idle bytes

For each sending, means of the corpora, when it is every %s. Round trips are the time from the first packet to the last answer, divided by the 100 ms of the link; 0 is an output that no application answers. Idle bytes are those that no metric needed, such as keep-alives and connections that end. First contact is what passed before the count began: the first connection, and what it sent.

`, strings.Join(p.each("%s"), " / "))
	head(w, []string{"packets", "round trips", "idle bytes", "bytes of first contact", "confirmed by the far side"})
	for i, c := range p.contenders() {
		var cells []string
		for _, of := range []func(bench.Result) float64{
			func(r bench.Result) float64 { return float64(r.Packets) / float64(r.Batches) },
			func(r bench.Result) float64 { return r.RoundTrips },
			func(r bench.Result) float64 { return float64(r.Idle) / float64(r.Batches) },
			func(r bench.Result) float64 { return float64(r.Setup) },
		} {
			var means []string
			for j := range p.Intervals {
				var sum float64
				for _, c := range p.Corpora {
					sum += of(c.Results[j][i])
				}
				means = append(means, number(math.Round(sum/float64(len(p.Corpora))*10)/10))
			}
			cells = append(cells, strings.Join(means, " / "))
		}
		confirmed := "yes"
		if !c.Confirmed {
			confirmed = "no"
		}
		row(w, i, c.Name, append(cells, confirmed))
	}
	fmt.Fprintln(w)
}

func (p Page) small(w io.Writer) {
	if len(p.Small) == 0 {
		return
	}
	fmt.Fprintf(w, "## One metric at a time\n\nThe opposite of what this project is made for: one metric of the corpus `%s` every 10 s, each sent at once.\n\n", p.Corpora[0].Name)
	head(w, []string{"bytes a metric", "of them idle", "packets"})
	for i, r := range p.Small {
		n := float64(r.Metrics)
		row(w, i, r.Contender.Name, []string{number(r.PerMetric()), number(float64(r.Idle) / n), number(float64(r.Packets) / n)})
	}
	fmt.Fprintln(w)
}

func (p Page) machine(w io.Writer) {
	if len(p.Costs) == 0 {
		return
	}
	fmt.Fprintf(w, `## CPU and memory

Of Telegraf with this one output and all that it has started, on the machine of this run: batches of 60 metrics of the corpus %s, %s metrics in all, over a link without delay. The first row is what Telegraf needs to read metrics and throw them away. Memory is what is resident at the end, with the pages of programs.

`, "`"+p.Corpora[0].Name+"`", number(float64(p.Costs[0].Metrics)))
	head(w, []string{"CPU µs a metric", "more than Telegraf itself", "memory, MB", "of it outside of Telegraf"})
	for i, c := range p.Costs {
		more := "-"
		if i > 0 {
			more = number(perMetric(c) - perMetric(p.Costs[0]))
		}
		row(w, i-1, c.Contender.Name, []string{number(perMetric(c)), more, number(float64(c.Memory) / 1e6), number(float64(c.Plugin) / 1e6)})
	}
	fmt.Fprintln(w)
}

func (p Page) method(w io.Writer) {
	fmt.Fprintf(w, `## How it was measured

`+"`make compare`"+`, as root on Linux, writes this page and its chart. It takes about ten minutes and 1 GB of memory, and needs `+"`nginx-light`, `%[2]s` and `%[2]s-clients`"+` from Debian. `+"`make compare COMPARE=-quick`"+` tries everything with one corpus in less than a minute, without waiting for intervals, and writes nothing. Versions of this run: %[1]s.

- Two network namespaces, a device and a cloud, are joined by a link in user space: 50 ms each way, any rate, no loss, packets of 1500 bytes. It notes each packet at the device's end.
- For each corpus and interval a real Telegraf runs in the device's namespace with all the outputs side by side, each to a port of its own. Recorded metrics, with their recorded times, are handed to it batch by batch; a batch is what is collected in an interval. Telegraf's outputs send it at once when it is complete (`+"`metric_batch_size`"+`); this project's plugin sends it within 5 s (`+"`flush_interval`"+`), with all that an interval's end makes it do, in as many messages as it takes.
- The intervals pass in real time, so keep-alives, pings and connections that are closed when idle are the real ones; nothing is modelled. Counted are 300 s: 30, 5 or 1 sendings. The one before them is not counted (first contact), so outputs that keep a connection are not charged for its setup unless they lose it. On a real network they lose it more often: carriers drop idle connections, and modems attach anew.
- What arrived is compared with what was sent, field by field, before anything is printed. All metrics arrived, once.
- Addresses are IP addresses. With a name each connection costs 176 to 336 bytes more, except that this project looks a name up once an hour at most.
- `+"`outputs.http`"+` sends to nginx as Debian installs it (connections are kept for 75 s) with a server behind it that answers 204. `+"`outputs.mqtt`"+` sends to %[2]s.
- `+"`outputs.influxdb_v2`"+` sends to a server of our own: Debian's InfluxDB is 1.6.7, which does not have that API yet. Ours answers 204 with the headers of InfluxDB 2.7, and keeps connections for 3 minutes as InfluxDB does.
- The Socket API is played by a server of our own, which answers `+"`[0,0]`"+` and closes. How Hologram's own ends a connection is not known; it can make a few acknowledgements of difference, for the plain client and for ours alike. The plain client writes a message at once, which not every client does.
- TLS is 1.3 with a chain of two ECDSA certificates, less than what a public authority issues.
- For the 300 s, `+"`outputs.http`"+` closes the connection after a second (`+"`idle_conn_timeout`"+`): nginx would have closed it, and that is cheaper. Other options are those that are cheapest, or usual, for each:

| output | set to |
|---|---|
`, strings.Join(p.Versions, ", "), cloud.Broker)
	for _, c := range p.contenders() {
		fmt.Fprintf(w, "| %s | %s |\n", c.Name, c.Setting)
	}
	fmt.Fprintf(w, "\nAll write line protocol with the types of numbers as they are (`influx_uint_support`), but for `outputs.hologram`, which writes its compact payload and loses nothing. The buffers are in memory. Packets that are lost, other rates than %s metric a second in these intervals, and other price lists give other numbers, and the last place of these changes from run to run.\n", number(p.RatePerSecond))
}

// number writes a number with three digits or all before the point.
func number(f float64) string {
	switch {
	case f == math.Trunc(f) || f >= 99.95:
		return fmt.Sprintf("%.0f", f)
	case f >= 9.995:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.2f", f)
	}
}

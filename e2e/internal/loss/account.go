package loss

import (
	"fmt"
	"strconv"
	"strings"

	"telegraf-hologram/e2e/internal/lab"
)

// Account is what became of the metrics that were sent.
type Account struct {
	// Sent are the generator's metrics, and Delivered those of them that the cloud
	// has, each counted once.
	Sent, Delivered int
	// Lost are those that the cloud does not have, and Outside those of them that
	// never came into our hands: Telegraf died with them.
	Lost, Outside int
	// Duplicates counts the further times that metrics were delivered. Repeated
	// are the messages that were the very same bytes as one before, and Rewritten
	// those with metrics that had been in another one, or that they hold twice.
	Duplicates, Repeated, Rewritten int
	// Late counts the metrics of which a later one was delivered first.
	Late int
	// Invented are metrics that were never sent, or that came out changed.
	Invented int
	// Messages is how many the cloud has taken.
	Messages int
	// Missing tells which numbers are lost, as "12-40 57".
	Missing string
}

// Count compares what was sent with the messages that the cloud has taken.
func Count(sent []lab.Metric, messages []lab.Message) (Account, error) {
	a := Account{Sent: len(sent)}
	times := make([]int, len(sent)) // that each metric was delivered
	first := make([]int, len(sent)) // the message in which it came first
	numbers := make(map[string]int, len(sent))
	for i, m := range sent {
		n, err := number(m)
		if err != nil {
			return a, err
		}
		if n != i {
			return a, fmt.Errorf("metric %d of the generator has the number %d", i, n)
		}
		numbers[m.Exact] = n
	}
	highest := -1
	for i, message := range messages {
		if !message.Taken {
			continue
		}
		a.Messages++
		repeated, rewritten := false, false
		for _, m := range message.Metrics {
			n, known := numbers[m.Exact]
			if !known {
				a.Invented++
				continue
			}
			if times[n]++; times[n] > 1 {
				a.Duplicates++
				same := first[n] != i && messages[first[n]].Data == message.Data
				repeated, rewritten = repeated || same, rewritten || !same
				continue
			}
			first[n] = i
			a.Delivered++
			if n < highest {
				a.Late++
			}
			highest = max(highest, n)
		}
		if repeated {
			a.Repeated++
		}
		if rewritten {
			a.Rewritten++
		}
	}
	a.Lost = a.Sent - a.Delivered
	a.Missing = missing(times)
	return a, nil
}

// number returns the number of a metric.
func number(m lab.Metric) (int, error) {
	_, rest, found := strings.Cut(m.Line, " "+numberField+"=")
	text, _, whole := strings.Cut(rest, "i")
	n, err := strconv.Atoi(text)
	if !found || !whole || err != nil {
		return 0, fmt.Errorf("the generator's metric %q has no number", m.Line)
	}
	return n, nil
}

// missing lists the indices with a zero, in ranges.
func missing(times []int) string {
	var b strings.Builder
	for i := 0; i < len(times); i++ {
		if times[i] > 0 {
			continue
		}
		begin := i
		for i+1 < len(times) && times[i+1] == 0 {
			i++
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if b.Len() > 200 {
			b.WriteString("...")
			break
		}
		if b.WriteString(strconv.Itoa(begin)); i > begin {
			fmt.Fprintf(&b, "-%d", i)
		}
	}
	return b.String()
}

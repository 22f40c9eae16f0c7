package sms

import (
	"errors"
	"fmt"
	"maps"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"telegraf-hologram/e2e/internal/lab"
)

// Account is what became of the SMS that were sent.
type Account struct {
	// Sent is how many, Came how many of them came out, each counted once, with their
	// sender and their exact text.
	Sent, Came int
	// Lost did not come out. Twice counts the further times that some came out.
	Lost, Twice int
	// Same is how many of these are the same metric to the byte, its time included: a
	// database that keeps one value of a series at a time has it once.
	Same int
	// Wrong came out and were never sent so: with another text or sender, or not
	// whole.
	Wrong int
}

// arrived is a metric of an SMS.
type arrived struct {
	from, text string
	complete   bool
	line       string // all of it
}

// readArrived reads the metrics of SMS out of line protocol.
func readArrived(metrics []lab.Metric) ([]arrived, error) {
	var list []arrived
	for _, m := range metrics {
		a, ok, err := parseArrived(m.Line)
		if err != nil {
			return nil, fmt.Errorf("cannot read a metric: %w: %q", err, m.Line)
		}
		if ok {
			list = append(list, a)
		}
	}
	return list, nil
}

// parseArrived reads a metric; ok is false for one that is not of an SMS.
func parseArrived(line string) (a arrived, ok bool, err error) {
	a.line = line
	d := lineprotocol.NewDecoderWithBytes([]byte(line))
	if !d.Next() {
		return a, false, errors.New("no metric")
	}
	name, err := d.Measurement()
	if err != nil || string(name) != "sms" {
		return a, false, err
	}
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return a, false, err
		}
		if key == nil {
			break
		}
		if string(key) == "sender" {
			a.from = string(value)
		}
	}
	for {
		key, value, err := d.NextField()
		if err != nil {
			return a, false, err
		}
		if key == nil {
			return a, true, nil
		}
		switch string(key) {
		case "text":
			a.text = value.StringV()
		case "complete":
			a.complete = value.BoolV()
		}
	}
}

// count compares what was sent with what came out, and returns the keys of what is
// lost.
func count(sent []message, came []arrived) (a Account, lost []message) {
	a.Sent = len(sent)
	wanted := make(map[string]int, len(sent))
	for _, m := range sent {
		wanted[m.key()]++
	}
	left := maps.Clone(wanted)
	lines := make(map[string]bool, len(came))
	for _, c := range came {
		key := c.from + "\x00" + c.text
		switch {
		case wanted[key] == 0 || !c.complete:
			a.Wrong++
		case left[key] > 0:
			left[key]--
			a.Came++
		default:
			a.Twice++
			if lines[c.line] {
				a.Same++
			}
		}
		lines[c.line] = true
	}
	for _, m := range sent {
		if left[m.key()] > 0 {
			left[m.key()]--
			lost = append(lost, m)
		}
	}
	a.Lost = len(lost)
	return a, lost
}

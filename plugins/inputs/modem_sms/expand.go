package modemsms

import (
	"errors"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
)

// Why a message is not expanded. None of the reasons has anything of its text.
const (
	notWhole    = "parts are missing"
	notLines    = "not line protocol"
	notCompact  = "not a compact payload"
	badChecksum = "a compact payload that was damaged"
	badCompact  = "a compact payload that cannot be read"
	tooMuch     = "more metrics than a message may hold"
)

// maxHeld is how many bytes the metrics of a message may have as line protocol. A
// few kilobytes of a compact payload can be made to hold many megabytes.
const maxHeld = 256 << 10

// expand returns the metrics that a message holds, all or none of them, or why
// there are none where there should be some.
func (w *writer) expand(j *gsm.Joined, at time.Time) (held []telegraf.Metric, problem string) {
	if w.format == formatText || j.Message.Kind != gsm.Deliver || j.Message.Err != nil {
		return nil, ""
	}
	if !j.Complete() {
		return nil, notWhole
	}
	body := j.Message.Text
	if j.Message.Data != nil {
		body = string(j.Message.Data)
	}
	if w.format == formatCompact {
		held, problem = decodeCompact(body)
	} else {
		var err error
		if held, err = parseLines([]byte(body), at); err != nil || len(held) == 0 {
			return nil, notLines
		}
	}
	size := 0
	var line []byte
	for _, m := range held {
		if line, _ = metric.AppendLine(line[:0], m); size+len(line) > maxHeld {
			return nil, tooMuch
		}
		size += len(line)
	}
	return held, problem
}

func decodeCompact(body string) ([]telegraf.Metric, string) {
	batch, err := payload.Decode(body)
	switch {
	case err == nil && len(batch.Metrics) > 0:
		return batch.Metrics, ""
	case errors.Is(err, payload.ErrNotCompact):
		return nil, notCompact
	case errors.Is(err, payload.ErrChecksum):
		return nil, badChecksum
	default:
		return nil, badCompact
	}
}

// parseLines reads line protocol. Metrics without a time get the time at.
func parseLines(lines []byte, at time.Time) ([]telegraf.Metric, error) {
	var held []telegraf.Metric
	tooLong := false
	add := func(records ...[]byte) error {
		for _, r := range records {
			m, err := execd.ParseRecord(r, at)
			if err != nil {
				return err
			}
			held = append(held, m)
		}
		return nil
	}
	split := execd.NewSplitter(execd.MaxRecord, func([]byte) { tooLong = true })
	if err := add(split.Split(nil, lines)...); err != nil {
		return nil, err
	}
	if last := split.Finish(); last != nil {
		if err := add(last); err != nil {
			return nil, err
		}
	}
	if tooLong {
		return nil, errTooLong
	}
	return held, nil
}

var errTooLong = errors.New("a metric is too long")

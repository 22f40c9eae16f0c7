//go:build !edge

package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/metric"
)

// maxLine bounds a line of decode's input: a payload of the largest size within
// an event within an item of the data log.
const maxLine = 16 << 20

// decode writes the metrics of every line on stdin as line protocol, their fields
// in ascending order.
func decode(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-hologram decode", flag.ContinueOnError)
	if code, ok := parse(fs, args, stdout, stderr); !ok {
		return code
	}
	lines := bufio.NewReaderSize(stdin, 64<<10)
	out := bufio.NewWriter(stdout)
	code := exitDone
	var text []byte
	for line := 1; ; line++ {
		in, readErr := readLine(lines)
		problem := func(err error) {
			fmt.Fprintf(stderr, "telegraf-hologram: line %d: %v\n", line, err)
			code = exitFailed
		}
		var e event.Event
		switch {
		case errors.Is(readErr, errLongLine):
			problem(readErr)
			readErr = nil
		case strings.TrimSpace(in) != "":
			var err error
			if e, err = event.Decode(in); err != nil {
				problem(err)
			}
		}
		for _, m := range e.Metrics {
			// The list is the metric's, and the metric is ours.
			slices.SortFunc(m.FieldList(), func(a, b *telegraf.Field) int { return strings.Compare(a.Key, b.Key) })
			var err error
			if text, err = metric.AppendLine(text[:0], m); err != nil {
				problem(err)
				continue
			}
			if _, err := out.Write(append(text, '\n')); err != nil {
				return fail(stderr, err)
			}
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			code = fail(stderr, fmt.Errorf("reading line %d: %w", line, readErr))
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fail(stderr, err)
	}
	return code
}

var errLongLine = fmt.Errorf("longer than %d bytes", maxLine)

// readLine returns a line without its end; of one that is too long it returns
// errLongLine when it has passed it. What comes with any other error, io.EOF
// among them, is a line too.
func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxLine; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return "", errLongLine
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), err
	}
}

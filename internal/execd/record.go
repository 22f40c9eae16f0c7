package execd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/metric"
)

var (
	errNoRecord   = errors.New("holds no metric")
	errTwoRecords = errors.New("more than one line")
)

// ParseRecord reads one record of line protocol, as a Splitter returns it, with timestamps in nanoseconds. A record
// without timestamp gets the time at. Fields keep their order, and of a repeated tag or field the last counts.
//
// The decoder refuses what is not UTF-8 and, in names and tags, control characters. Telegraf writes both as they come
// from a device, so that a record with either is read with stand-ins for those bytes.
func ParseRecord(record []byte, at time.Time) (telegraf.Metric, error) {
	m, err := parseRecord(record, at, asIs)
	if err == nil || !needsStandIns(record) {
		return m, err
	}
	if m, err := parseRecord(standIn(record), at, original); err == nil {
		return m, nil
	}
	return nil, err
}

func asIs(text []byte) string { return string(text) }

// parseRecord reads a record; text makes the string of every name and text in it.
func parseRecord(record []byte, at time.Time, text func([]byte) string) (telegraf.Metric, error) {
	d := lineprotocol.NewDecoderWithBytes(record)
	if !d.Next() {
		return nil, errNoRecord
	}
	name, err := d.Measurement()
	if err != nil {
		return nil, recordError(err)
	}
	// Most records have no more than this.
	var tagRoom [8]telegraf.Tag
	var fieldRoom [16]telegraf.Field
	tags, fields := tagRoom[:0], fieldRoom[:0]
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return nil, recordError(err)
		}
		if key == nil {
			break
		}
		tags = append(tags, telegraf.Tag{Key: text(key), Value: text(value)})
	}
	for {
		key, value, err := d.NextField()
		if err != nil {
			return nil, recordError(err)
		}
		if key == nil {
			break
		}
		v := value.Interface()
		if value.Kind() == lineprotocol.String {
			v = text([]byte(value.StringV()))
		}
		fields = append(fields, telegraf.Field{Key: text(key), Value: v})
	}
	t, err := d.Time(lineprotocol.Nanosecond, at)
	if err != nil {
		return nil, recordError(err)
	}
	m := metric.New(text(name), tags, fields, t)
	if d.Next() {
		return nil, errTwoRecords
	}
	return m, nil
}

// isRecord tells whether a line is a record by itself.
func isRecord(line []byte) bool {
	_, err := ParseRecord(line, time.Time{})
	return err == nil
}

// recordError says what is wrong without the line number, which is always that of the one record, and with the
// beginning only of what is quoted of it.
func recordError(err error) error {
	const longest = 200 // bytes
	at := ""
	if d, ok := errors.AsType[*lineprotocol.DecodeError](err); ok {
		at, err = fmt.Sprintf(" at byte %d", d.Column), d.Err
	}
	text := err.Error()
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return fmt.Errorf("no line protocol%s: %s", at, text)
}

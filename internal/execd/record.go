package execd

import (
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
)

// manyFields is the number of fields from which on a map looks for repeated keys: up to it, going through a list is
// quicker and keeps the order of the fields.
const manyFields = 256

var (
	errNoRecord   = errors.New("holds no metric")
	errTwoRecords = errors.New("more than one line")
)

// ParseRecord reads one record of line protocol, as a Splitter returns it, with timestamps in nanoseconds. A record
// without timestamp gets the time at. Fields keep their order, and of a repeated tag or field the last counts; from 256
// fields on the order is not kept.
func ParseRecord(record []byte, at time.Time) (telegraf.Metric, error) {
	d := lineprotocol.NewDecoderWithBytes(record)
	if !d.Next() {
		return nil, errNoRecord
	}
	name, err := d.Measurement()
	if err != nil {
		return nil, recordError(err)
	}
	m := metric.New(string(name), nil, nil, at)
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return nil, recordError(err)
		}
		if key == nil {
			break
		}
		m.AddTag(string(key), string(value))
	}
	var many map[string]any
	for n := 0; ; n++ {
		key, value, err := d.NextField()
		if err != nil {
			return nil, recordError(err)
		}
		if key == nil {
			break
		}
		switch {
		case n < manyFields:
			m.AddField(string(key), value.Interface())
		default:
			if many == nil {
				many = m.Fields()
			}
			many[string(key)] = value.Interface()
		}
	}
	t, err := d.Time(lineprotocol.Nanosecond, at)
	if err != nil {
		return nil, recordError(err)
	}
	if many != nil {
		m = metric.New(m.Name(), m.Tags(), many, t)
	}
	m.SetTime(t)
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

// recordError says what is wrong without the line number, which is always that of the one record.
func recordError(err error) error {
	if d, ok := errors.AsType[*lineprotocol.DecodeError](err); ok {
		return fmt.Errorf("no line protocol at byte %d: %w", d.Column, d.Err)
	}
	return fmt.Errorf("no line protocol: %w", err)
}

package execd

import "github.com/influxdata/line-protocol/v2/lineprotocol"

// What an option with measurement names may hold. The number bounds the work for each record that comes in.
const (
	maxMeasurements  = 32
	wantMeasurements = `measurement names, in which * stands for any text, ? for one character and [a-z] for one of a range`
)

// urgent are the measurements that do not wait. The zero value is none.
type urgent struct {
	names Patterns
}

// match tells whether the measurement of a record is one of them.
func (u urgent) match(record []byte) bool {
	if len(u.names.patterns) == 0 {
		return false
	}
	d := lineprotocol.NewDecoderWithBytes(record)
	if !d.Next() {
		return false
	}
	measurement, err := d.Measurement()
	return err == nil && u.names.Match(string(measurement))
}

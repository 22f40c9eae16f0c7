package chain

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"telegraf-hologram/e2e/internal/lab"
)

// Tag is a tag of a series.
type Tag struct{ Key, Value string }

// Key tells points apart, as InfluxDB does: by measurement, tags and time.
type Key struct {
	Series string // measurement and tags, in canonical line protocol
	Time   int64  // nanoseconds since 1970
}

// Fields are the values of a point by their names.
type Fields map[string]lineprotocol.Value

// Points are points of a database. Two metrics with the same series and time are one
// point with the fields of both.
type Points map[Key]Fields

// Add adds fields to a point. One that is there with another value is an error.
func (p Points) Add(at Key, fields Fields) error {
	all, ok := p[at]
	if !ok {
		all = make(Fields, len(fields))
		p[at] = all
	}
	for name, value := range fields {
		if there, ok := all[name]; ok && !same(there, value) {
			return fmt.Errorf("field %q of %s at %d is both %v and %v", name, at.Series, at.Time, there, value)
		}
		all[name] = value
	}
	return nil
}

// same tells whether two values are equal in type and value, floats bit for bit.
func same(a, b lineprotocol.Value) bool {
	if a.Kind() == lineprotocol.Float && b.Kind() == lineprotocol.Float {
		return math.Float64bits(a.FloatV()) == math.Float64bits(b.FloatV())
	}
	return a.Equal(b)
}

// Summary is what both sides print: equal points have equal summaries.
type Summary struct {
	// Points and Fields count.
	Points, Fields int
	// SHA256 is the checksum of the points in canonical line protocol, a line for
	// each, sorted, in hexadecimal.
	SHA256 string
}

// Summary sums the points up.
func (p Points) Summary() (Summary, error) {
	s := Summary{Points: len(p)}
	lines := make([]string, 0, len(p))
	for at, fields := range p {
		s.Fields += len(fields)
		line, err := canonical(at, fields)
		if err != nil {
			return s, err
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	hash := sha256.New()
	for _, line := range lines {
		_, _ = hash.Write([]byte(line)) // it never fails
	}
	s.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return s, nil
}

// canonical returns a point in line protocol with its fields sorted and a newline
// at its end.
func canonical(at Key, fields Fields) (string, error) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	// The series is made by the encoder too; a name before the fields lets it write
	// these alone.
	var e lineprotocol.Encoder
	e.SetPrecision(lineprotocol.Nanosecond)
	e.StartLine("x")
	for _, name := range names {
		e.AddField(name, fields[name])
	}
	e.EndLine(time.Unix(0, at.Time))
	if err := e.Err(); err != nil {
		return "", fmt.Errorf("a point of %s cannot be written: %w", at.Series, err)
	}
	return at.Series + strings.TrimPrefix(string(e.Bytes()), "x") + "\n", nil
}

// series returns a measurement and tags in canonical line protocol.
func series(name string, tags []Tag) (string, error) {
	tags = slices.Clone(tags)
	slices.SortFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	var e lineprotocol.Encoder
	e.StartLine(name)
	for _, t := range tags {
		e.AddTag(t.Key, t.Value)
	}
	const field = "x"
	e.AddField(field, lineprotocol.BoolValue(true))
	e.EndLine(time.Time{})
	if err := e.Err(); err != nil {
		return "", fmt.Errorf("the series %q %q cannot be written: %w", name, tags, err)
	}
	text, _, ok := strings.Cut(string(e.Bytes()), " "+field+"=")
	if !ok {
		return "", errors.New("a series without a field")
	}
	return text, nil
}

// Collected is what was collected at the edge, as the database is to have it.
type Collected struct {
	// Metrics are the points of each metric, in the order of collection.
	Metrics []Point
	Points  Points
	// Unsigned counts the values that are unsigned integers at the edge and signed
	// ones in the database, as InfluxDB 1.x has no others. Clamped are those of them
	// that are larger than the largest signed one, and become that.
	Unsigned, Clamped int
	// Generated is how many of the generator's metrics there are, and Refused how many
	// of them Telegraf has not taken, which is none.
	Generated, Refused int
	// Kinds counts the values of each type at the edge.
	Kinds map[lineprotocol.ValueKind]int
}

// Point is one point.
type Point struct {
	Key    Key
	Fields Fields
}

// Collect reads the metrics that were collected at the edge.
func Collect(metrics []lab.Metric) (Collected, error) {
	c := Collected{Points: make(Points), Kinds: make(map[lineprotocol.ValueKind]int)}
	for _, m := range metrics {
		p, err := c.read(m.Line)
		if err == nil {
			err = c.Points.Add(p.Key, p.Fields)
		}
		if err != nil {
			return c, fmt.Errorf("what was collected cannot be compared: %w", err)
		}
		c.Metrics = append(c.Metrics, p)
		if n, ok := p.Fields[numberField]; ok && n.Kind() == lineprotocol.Int {
			c.Generated++
			c.Refused = max(c.Refused, int(n.IntV())+1)
		}
	}
	c.Refused -= c.Generated
	return c, nil
}

// read reads a metric and converts it as Telegraf does for InfluxDB 1.x.
func (c *Collected) read(line string) (Point, error) {
	p := Point{Fields: make(Fields)}
	d := lineprotocol.NewDecoderWithBytes([]byte(line))
	if !d.Next() {
		return p, errors.New("no metric")
	}
	name, err := d.Measurement()
	if err != nil {
		return p, err
	}
	measurement := string(name)
	var tags []Tag
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return p, err
		}
		if key == nil {
			break
		}
		tags = append(tags, Tag{string(key), string(value)})
	}
	for {
		key, value, err := d.NextField()
		if err != nil {
			return p, err
		}
		if key == nil {
			break
		}
		p.Fields[string(key)] = c.convert(value)
	}
	at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
	if err != nil {
		return p, err
	}
	p.Key.Time = at.UnixNano()
	p.Key.Series, err = series(measurement, tags)
	return p, err
}

// convert does what Telegraf's outputs.influxdb does without influx_uint_support.
func (c *Collected) convert(v lineprotocol.Value) lineprotocol.Value {
	c.Kinds[v.Kind()]++
	switch v.Kind() {
	case lineprotocol.Uint:
		c.Unsigned++
		if v.UintV() > math.MaxInt64 {
			c.Clamped++
		}
		return lineprotocol.IntValue(int64(min(v.UintV(), math.MaxInt64)))
	case lineprotocol.String: // the decoder's memory is used again
		return lineprotocol.MustNewValue(strings.Clone(v.StringV()))
	}
	return v
}

// Difference is how the database differs from what was collected.
type Difference struct {
	// Found counts the metrics of which every field is there, equal in type, value
	// and time.
	Found int
	// Missing are metrics of which something is not there, Wrong points with a field
	// that is there with another value or type, and Strange points or fields that
	// nobody collected.
	Missing, Wrong, Strange []string
}

// None says that there is no difference.
func (d *Difference) None() bool { return len(d.Missing)+len(d.Wrong)+len(d.Strange) == 0 }

// String returns the numbers, and the first few of each kind.
func (d *Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d found, %d missing, %d wrong, %d never collected", d.Found, len(d.Missing), len(d.Wrong), len(d.Strange))
	for _, kind := range []struct {
		name   string
		points []string
	}{{"missing", d.Missing}, {"wrong", d.Wrong}, {"never collected", d.Strange}} {
		const shown = 5
		for _, p := range kind.points[:min(shown, len(kind.points))] {
			fmt.Fprintf(&b, "\n  %s: %s", kind.name, p)
		}
	}
	return b.String()
}

// Compare compares the database with what was collected.
func Compare(c *Collected, got Points) Difference {
	var d Difference
	for _, m := range c.Metrics {
		there := got[m.Key]
		found := true
		for name, want := range m.Fields {
			value, ok := there[name]
			switch {
			case !ok:
				found = false
			case !same(value, want):
				found = false
				d.Wrong = append(d.Wrong, fmt.Sprintf("%s %d %q: %v (%s) and not %v (%s)", m.Key.Series, m.Key.Time, name, value, value.Kind(), want, want.Kind()))
			}
		}
		if found {
			d.Found++
		} else {
			d.Missing = append(d.Missing, fmt.Sprintf("%s %d", m.Key.Series, m.Key.Time))
		}
	}
	for at, fields := range got {
		for name := range fields {
			if _, ok := c.Points[at][name]; !ok {
				d.Strange = append(d.Strange, fmt.Sprintf("%s %d %q", at.Series, at.Time, name))
			}
		}
	}
	slices.Sort(d.Strange)
	return d
}

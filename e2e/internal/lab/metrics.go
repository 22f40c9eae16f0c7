package lab

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// Metric is one metric in a form in which equal metrics are equal strings.
type Metric struct {
	// Exact holds name, tags, fields with their types and values (floats bit for
	// bit), and the timestamp in nanoseconds. Tags and fields are sorted.
	Exact string
	// Loose is Exact without the types of numbers, which JSON does not carry.
	Loose string
	// Time is the timestamp.
	Time time.Time
	// Line is the metric as it was read, without a newline at its end.
	Line string
}

// ReadMetrics reads line protocol up to its end.
func ReadMetrics(r io.Reader) ([]Metric, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics: %w", err)
	}
	var metrics []Metric
	var start int
	for _, end := range recordEnds(text) {
		line := text[start:end]
		start = end + 1
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		m, err := parseMetric(line)
		if err != nil {
			return nil, fmt.Errorf("cannot read metric %d: %w: %q", len(metrics)+1, err, line)
		}
		metrics = append(metrics, m)
	}
	return metrics, nil
}

// recordEnds returns the offsets of the newlines that end a record: those
// outside of string fields, which are the only places where a quote has a
// meaning. It returns len(text) too where the last record has no newline.
func recordEnds(text []byte) []int {
	const (
		series = iota // name and tags
		fields        // field keys and values that are no strings
		quoted        // inside of a string field
	)
	var ends []int
	state := series
	value := false // the byte before was the sign between a field's key and its value
	for i := 0; i < len(text); i++ {
		c := text[i]
		after := value
		value = false
		switch {
		case state == quoted:
			switch {
			case c == '"':
				state = fields
			case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
				i++
			}
		case c == '\\' && i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == ',' || text[i+1] == '='):
			i++
		case c == '\n':
			ends = append(ends, i)
			state = series
		case state == series:
			if c == ' ' {
				state = fields
			}
		case c == '=':
			value = true
		case c == '"' && after:
			state = quoted
		}
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		ends = append(ends, len(text))
	}
	return ends
}

func parseMetric(line []byte) (Metric, error) {
	d := lineprotocol.NewDecoderWithBytes(line)
	if !d.Next() {
		return Metric{}, errors.New("no metric")
	}
	name, err := d.Measurement()
	if err != nil {
		return Metric{}, err
	}
	var tags []string
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return Metric{}, err
		}
		if key == nil {
			break
		}
		tags = append(tags, fmt.Sprintf("%q=%q", key, value))
	}
	var exact, loose []string
	for {
		key, value, err := d.NextField()
		if err != nil {
			return Metric{}, err
		}
		if key == nil {
			break
		}
		e, l := fieldText(value)
		exact = append(exact, fmt.Sprintf("%q=%s", key, e))
		loose = append(loose, fmt.Sprintf("%q=%s", key, l))
	}
	stamp, err := d.Time(lineprotocol.Nanosecond, time.Time{})
	if err != nil {
		return Metric{}, err
	}
	if d.Next() {
		return Metric{}, errors.New("more than one metric")
	}
	slices.Sort(tags)
	slices.Sort(exact)
	slices.Sort(loose)
	return Metric{
		Exact: canonical(name, tags, exact, stamp),
		Loose: canonical(name, tags, loose, stamp),
		Time:  stamp,
		Line:  string(line),
	}, nil
}

func canonical(name []byte, tags, fields []string, stamp time.Time) string {
	return fmt.Sprintf("%q %s | %s | %d", name, strings.Join(tags, " "), strings.Join(fields, " "), stamp.UnixNano())
}

// fieldText returns a field's value with and without the type of a number.
func fieldText(v lineprotocol.Value) (exact, loose string) {
	switch v.Kind() {
	case lineprotocol.Int:
		exact = strconv.FormatInt(v.IntV(), 10) + "i"
		loose = looseNumber(float64(v.IntV()))
	case lineprotocol.Uint:
		exact = strconv.FormatUint(v.UintV(), 10) + "u"
		loose = looseNumber(float64(v.UintV()))
	case lineprotocol.Float:
		exact = fmt.Sprintf("%v (%016x)", v.FloatV(), math.Float64bits(v.FloatV()))
		loose = looseNumber(v.FloatV())
	case lineprotocol.String:
		exact = strconv.Quote(v.StringV())
		loose = exact
	case lineprotocol.Bool:
		exact = strconv.FormatBool(v.BoolV())
		loose = exact
	default:
		exact = "unknown " + v.String()
		loose = exact
	}
	return exact, loose
}

func looseNumber(f float64) string {
	if f == 0 {
		f = 0 // -0 is 0 here
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// Difference is what [Compare] found.
type Difference struct {
	// Equal counts the metrics that are in both, each as often as in both.
	Equal int
	// Missing are wanted and not there, Twice are there more often than wanted,
	// and Strange are there and were never wanted.
	Missing, Twice, Strange []string
}

// None says that there is no difference.
func (d Difference) None() bool { return len(d.Missing)+len(d.Twice)+len(d.Strange) == 0 }

// String returns the numbers and the first few metrics of each kind.
func (d Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d equal, %d missing, %d twice, %d never sent", d.Equal, len(d.Missing), len(d.Twice), len(d.Strange))
	for _, kind := range []struct {
		name    string
		metrics []string
	}{{"missing", d.Missing}, {"twice", d.Twice}, {"never sent", d.Strange}} {
		const shown = 5
		for _, m := range kind.metrics[:min(shown, len(kind.metrics))] {
			fmt.Fprintf(&b, "\n  %s: %s", kind.name, m)
		}
	}
	return b.String()
}

// Compare compares two lots of metrics without regard to their order, but with
// regard to how often each is there. form chooses what of a metric counts.
func Compare(want, got []Metric, form func(Metric) string) Difference {
	wanted := make(map[string]int, len(want))
	for _, m := range want {
		wanted[form(m)]++
	}
	left := maps.Clone(wanted)
	var d Difference
	for _, m := range got {
		key := form(m)
		switch {
		case left[key] > 0:
			left[key]--
			d.Equal++
		case wanted[key] > 0:
			d.Twice = append(d.Twice, key)
		default:
			d.Strange = append(d.Strange, key)
		}
	}
	for _, m := range want {
		if key := form(m); left[key] > 0 {
			left[key]--
			d.Missing = append(d.Missing, key)
		}
	}
	return d
}

// Exact is the form in which everything counts.
func Exact(m Metric) string { return m.Exact }

// Loose is the form without the types of numbers.
func Loose(m Metric) string { return m.Loose }

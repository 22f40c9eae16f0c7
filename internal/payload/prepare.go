package payload

import (
	"errors"
	"fmt"
	"math"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/order"
)

// fieldType is the type of the values of a field column.
type fieldType uint8

const (
	typeInt fieldType = iota
	typeUint
	typeFloat
	typeBool
	typeString
)

// Encoder holds metrics in the order in which they were added and encodes
// ranges of them, so that a sender can look for the range that fills a message
// without preparing anything twice. The zero value is ready for use. An Encoder
// is not for concurrent use.
type Encoder struct {
	rows         []row
	values       []uint64 // of all rows: bits of numbers, index into texts of strings
	texts        []string
	measurements []*measurement
	byName       map[string]*measurement
	series       []series

	scratch scratch
}

// row is one metric.
type row struct {
	measurement int32
	series      int32
	shape       int32
	values      int32 // start in Encoder.values; as many as the shape has columns
	text        int32 // bytes of all its names and strings
	time        int64 // Unix time in nanoseconds
}

// measurement collects what the metrics of one name have in common.
type measurement struct {
	index    int32
	name     string
	tags     []string       // keys, in order of discovery
	tagAt    map[string]int // index in tags
	columns  []column       // in order of discovery
	columnAt map[column]int // index in columns
	shapes   []shape
	shapeAt  map[string]int32 // index in shapes, by the shape's columns
	series   map[string]int32 // index in Encoder.series, by the tags
}

// column is a field of one type; a name may have several.
type column struct {
	name string
	typ  fieldType
}

// shape is the set of columns that a metric has values for.
type shape struct {
	columns []int32 // ascending by name, then type
}

// series is a tag set of a measurement.
type series struct {
	measurement int32
	keys        []int32 // into measurement.tags, ascending by key
	values      []string
}

// Len returns the number of metrics added.
func (e *Encoder) Len() int { return len(e.rows) }

// Reset forgets all metrics and keeps the memory.
func (e *Encoder) Reset() {
	e.rows = e.rows[:0]
	e.values = e.values[:0]
	clear(e.texts)
	e.texts = e.texts[:0]
	e.measurements = e.measurements[:0]
	clear(e.byName)
	e.series = e.series[:0]
}

var (
	errNoName   = errors.New("has no name")
	errNoFields = errors.New("has no fields")
)

// Add appends a metric. A metric that no payload can carry is refused with an
// error and changes nothing.
func (e *Encoder) Add(m telegraf.Metric) error {
	if m.Name() == "" {
		return errNoName
	}
	fields, tags := m.FieldList(), m.TagList()
	if len(fields) == 0 {
		return errNoFields
	}
	if n := len(fields) + len(tags); n > MaxValues {
		return fmt.Errorf("%d tags and fields: %w", n, ErrTooLarge)
	}
	text := len(m.Name())
	for _, t := range tags {
		text += len(t.Key) + len(t.Value)
	}
	tags, twice := orderedTags(tags)
	if twice != nil {
		return fmt.Errorf("tag %q occurs twice", twice.Key)
	}
	for _, f := range fields {
		text += len(f.Key)
		switch v := f.Value.(type) {
		case int64, uint64, float64, bool:
		case string:
			text += len(v)
		default:
			return fmt.Errorf("field %q has the unsupported type %T", f.Key, f.Value)
		}
	}
	if text > MaxText {
		return fmt.Errorf("%d bytes of text: %w", text, ErrTooLarge)
	}
	cols := e.scratch.fields[:0]
	texts := len(e.texts)
	for _, f := range fields {
		c, v := e.value(f)
		cols = append(cols, fieldValue{column{f.Key, c}, v})
	}
	e.scratch.fields = cols
	sortFields(cols)
	for i := range len(cols) - 1 {
		if cols[i].name == cols[i+1].name {
			clear(e.texts[texts:])
			e.texts = e.texts[:texts]
			return fmt.Errorf("field %q occurs twice", cols[i].name)
		}
	}

	ms := e.measurement(m.Name())
	at := len(e.values)
	r := row{
		measurement: ms.index,
		series:      e.seriesOf(ms, tags),
		values:      int32(at),   // bounded by the memory of the values themselves
		text:        int32(text), // at most MaxText
		time:        m.Time().UnixNano(),
	}

	for _, c := range cols {
		e.values = append(e.values, c.value)
	}
	r.shape = ms.shapeOf(cols, &e.scratch)
	e.rows = append(e.rows, r)
	return nil
}

// sortFields puts fields in order of their names, as order.Sort does, but faster:
// the fields of most metrics are in none.
func sortFields(cols []fieldValue) {
	for gap := len(cols); gap > 1; {
		gap = max(1, gap*4/9)
		for i := gap; i < len(cols); i++ {
			c, j := cols[i], i
			for ; j >= gap && c.name < cols[j-gap].name; j -= gap {
				cols[j] = cols[j-gap]
			}
			cols[j] = c
		}
	}
}

// orderedTags returns the tags in order of their keys, as Telegraf's own metrics
// have them, and a key that two tags have, which theirs never do.
func orderedTags(tags []*telegraf.Tag) (ordered []*telegraf.Tag, twice *telegraf.Tag) {
	sorted := true
	for i := 1; i < len(tags) && sorted; i++ {
		sorted = tags[i-1].Key <= tags[i].Key
	}
	if !sorted {
		tags = append([]*telegraf.Tag(nil), tags...)
		order.Sort(len(tags), func(i, j int) bool { return tags[i].Key < tags[j].Key }, func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	}
	for i := range len(tags) - 1 {
		if tags[i].Key == tags[i+1].Key {
			return tags, tags[i]
		}
	}
	return tags, nil
}

type fieldValue struct {
	column
	value uint64
}

func (e *Encoder) value(f *telegraf.Field) (fieldType, uint64) {
	switch v := f.Value.(type) {
	case int64:
		return typeInt, uint64(v) // two's complement is meant
	case uint64:
		return typeUint, v
	case float64:
		return typeFloat, math.Float64bits(v)
	case bool:
		if v {
			return typeBool, 1
		}
		return typeBool, 0
	case string:
		e.texts = append(e.texts, v)
		return typeString, uint64(len(e.texts) - 1)
	}
	panic("unreachable: Add has checked the types")
}

func (e *Encoder) measurement(name string) *measurement {
	if ms := e.byName[name]; ms != nil {
		return ms
	}
	ms := &measurement{
		index:    int32(len(e.measurements)), // one for each metric at most
		name:     name,
		tagAt:    map[string]int{},
		columnAt: map[column]int{},
		series:   map[string]int32{},
		shapeAt:  map[string]int32{},
	}
	e.measurements = append(e.measurements, ms)
	if e.byName == nil {
		e.byName = map[string]*measurement{}
	}
	e.byName[name] = ms
	return ms
}

func (e *Encoder) seriesOf(ms *measurement, tags []*telegraf.Tag) int32 {
	key := e.scratch.key[:0]
	for _, t := range tags {
		key = appendText0(appendText0(key, t.Key), t.Value)
	}
	e.scratch.key = key
	if s, ok := ms.series[string(key)]; ok {
		return s
	}
	s := series{measurement: ms.index, keys: make([]int32, len(tags)), values: make([]string, len(tags))}
	for i, t := range tags {
		at, ok := ms.tagAt[t.Key]
		if !ok {
			at = len(ms.tags)
			ms.tagAt[t.Key] = at
			ms.tags = append(ms.tags, t.Key)
		}
		s.keys[i], s.values[i] = int32(at), t.Value // bounded by MaxValues
	}
	index := int32(len(e.series)) // one for each metric at most
	e.series = append(e.series, s)
	ms.series[string(key)] = index
	return index
}

func (ms *measurement) shapeOf(cols []fieldValue, s *scratch) int32 {
	key := s.key[:0]
	for _, c := range cols {
		key = append(appendText0(key, c.name), byte(c.typ))
	}
	s.key = key
	if i, ok := ms.shapeAt[string(key)]; ok {
		return i
	}
	sh := shape{columns: make([]int32, len(cols))}
	for i, c := range cols {
		at, ok := ms.columnAt[c.column]
		if !ok {
			at = len(ms.columns)
			ms.columnAt[c.column] = at
			ms.columns = append(ms.columns, c.column)
		}
		sh.columns[i] = int32(at) // bounded by MaxValues
	}
	i := int32(len(ms.shapes)) // one for each metric at most
	ms.shapes = append(ms.shapes, sh)
	ms.shapeAt[string(key)] = i
	return i
}

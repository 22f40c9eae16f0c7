// Package metric has Telegraf's metrics and writes them as line protocol.
//
// It does what Telegraf's own packages metric and serializers/influx do, and its
// tests hold it to them. Those two link encoding/gob and log: 100 kB of the 4 MB
// that the binary for devices may have.
package metric

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/order"
)

// Metric is a telegraf.Metric. Its tags are in ascending order of their keys,
// its fields in the order in which they were added.
type Metric struct {
	name   string
	tags   []*telegraf.Tag
	fields []*telegraf.Field
	at     time.Time
	kind   telegraf.ValueType
}

var (
	_ telegraf.Metric         = (*Metric)(nil)
	_ telegraf.TemplateMetric = (*Metric)(nil)
)

// New returns an untyped metric. Of tags with the same key the last counts, and
// of fields too, at the place of the first. The values of fields are converted
// as AddField does, and those that no metric can have are left out. The slices
// remain the caller's.
func New(name string, tags []telegraf.Tag, fields []telegraf.Field, at time.Time) *Metric {
	m := &Metric{name: name, at: at, kind: telegraf.Untyped}
	m.setTags(tags)
	m.setFields(fields)
	return m
}

// setTags takes over a list. All tags are in one block of memory, as are the
// fields in setFields.
func (m *Metric) setTags(tags []telegraf.Tag) {
	if len(tags) == 0 {
		return
	}
	block := slices.Clone(tags)
	m.tags = make([]*telegraf.Tag, len(block))
	sorted := true
	for i := range block {
		m.tags[i] = &block[i]
		sorted = sorted && (i == 0 || block[i-1].Key < block[i].Key)
	}
	if sorted {
		return
	}
	places := make([]int, len(m.tags)) // of the tags in the block, to know which of two is the last
	for i := range places {
		places[i] = i
	}
	order.Sort(len(places), func(i, j int) bool {
		a, b := block[places[i]].Key, block[places[j]].Key
		return a < b || a == b && places[i] < places[j]
	}, func(i, j int) { places[i], places[j] = places[j], places[i] })
	for i, p := range places {
		m.tags[i] = &block[p]
	}
	last := m.tags[:0]
	for i, t := range m.tags {
		if i == len(m.tags)-1 || m.tags[i+1].Key != t.Key {
			last = append(last, t)
		}
	}
	clear(m.tags[len(last):])
	m.tags = last
}

// fewFields is the number of fields up to which comparing a key with all before
// it is cheaper than a map.
const fewFields = 32

func (m *Metric) setFields(fields []telegraf.Field) {
	if len(fields) == 0 {
		return
	}
	block := make([]telegraf.Field, 0, len(fields))
	sorted := true
	var places map[string]int
	for _, f := range fields {
		f.Value = convert(f.Value)
		if f.Value == nil {
			continue
		}
		n := len(block)
		if sorted && (n == 0 || block[n-1].Key < f.Key) {
			block = append(block, f)
			continue
		}
		// From here on the keys are in no order, and one may be there already.
		sorted = false
		place := -1
		switch {
		case n <= fewFields:
			place = slices.IndexFunc(block, func(g telegraf.Field) bool { return g.Key == f.Key })
		case places == nil:
			places = make(map[string]int, len(fields))
			for i := range block {
				places[block[i].Key] = i
			}
			fallthrough
		default:
			if i, ok := places[f.Key]; ok {
				place = i
			}
		}
		if place >= 0 {
			block[place].Value = f.Value
			continue
		}
		if places != nil {
			places[f.Key] = n
		}
		block = append(block, f)
	}
	m.fields = make([]*telegraf.Field, len(block))
	for i := range block {
		m.fields[i] = &block[i]
	}
}

// convert returns a value as one of the types that a field can have: bool,
// int64, uint64, float64 and string. It returns nil for what is none of them,
// among these a pointer to nothing.
func convert(v any) any {
	switch v := v.(type) {
	case bool, int64, uint64, float64, string:
		return v
	case int:
		return int64(v)
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint:
		return uint64(v)
	case uint8:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case float32:
		return float64(v)
	case []byte:
		return string(v)
	case *bool:
		return pointed(v)
	case *int:
		return pointed(v)
	case *int8:
		return pointed(v)
	case *int16:
		return pointed(v)
	case *int32:
		return pointed(v)
	case *int64:
		return pointed(v)
	case *uint:
		return pointed(v)
	case *uint8:
		return pointed(v)
	case *uint16:
		return pointed(v)
	case *uint32:
		return pointed(v)
	case *uint64:
		return pointed(v)
	case *float32:
		return pointed(v)
	case *float64:
		return pointed(v)
	case *string:
		return pointed(v)
	case *[]byte:
		return pointed(v)
	}
	return nil
}

// pointed converts what p points to.
func pointed[T any](p *T) any {
	if p == nil {
		return nil
	}
	return convert(*p)
}

// Name returns the name of the measurement.
func (m *Metric) Name() string { return m.name }

// SetName sets the name.
func (m *Metric) SetName(name string) { m.name = name }

// AddPrefix puts a text before the name.
func (m *Metric) AddPrefix(prefix string) { m.name = prefix + m.name }

// AddSuffix puts a text behind the name.
func (m *Metric) AddSuffix(suffix string) { m.name += suffix }

// Time returns the time.
func (m *Metric) Time() time.Time { return m.at }

// SetTime sets the time.
func (m *Metric) SetTime(at time.Time) { m.at = at }

// Type returns the type, which is Untyped until it is set.
func (m *Metric) Type() telegraf.ValueType { return m.kind }

// SetType sets the type.
func (m *Metric) SetType(kind telegraf.ValueType) { m.kind = kind }

// Tags returns the tags in a map of the caller's.
func (m *Metric) Tags() map[string]string {
	tags := make(map[string]string, len(m.tags))
	for _, t := range m.tags {
		tags[t.Key] = t.Value
	}
	return tags
}

// TagList returns the tags in ascending order of their keys. The list is the
// metric's.
func (m *Metric) TagList() []*telegraf.Tag { return m.tags }

// place returns where in the list a tag is or would be.
func (m *Metric) place(key string) (i int, ok bool) {
	return slices.BinarySearchFunc(m.tags, key, func(t *telegraf.Tag, key string) int { return strings.Compare(t.Key, key) })
}

// GetTag returns the value of a tag and whether there is one.
func (m *Metric) GetTag(key string) (string, bool) {
	if i, ok := m.place(key); ok {
		return m.tags[i].Value, true
	}
	return "", false
}

// Tag returns the value of a tag, empty where there is none.
func (m *Metric) Tag(key string) string {
	value, _ := m.GetTag(key)
	return value
}

// HasTag tells whether there is a tag.
func (m *Metric) HasTag(key string) bool {
	_, ok := m.place(key)
	return ok
}

// AddTag sets a tag.
func (m *Metric) AddTag(key, value string) {
	i, ok := m.place(key)
	if ok {
		m.tags[i].Value = value
		return
	}
	m.tags = append(m.tags, nil)
	copy(m.tags[i+1:], m.tags[i:])
	m.tags[i] = &telegraf.Tag{Key: key, Value: value}
}

// RemoveTag removes a tag if there is one.
func (m *Metric) RemoveTag(key string) {
	if i, ok := m.place(key); ok {
		m.tags = slices.Delete(m.tags, i, i+1)
	}
}

// Fields returns the fields in a map of the caller's.
func (m *Metric) Fields() map[string]any {
	fields := make(map[string]any, len(m.fields))
	for _, f := range m.fields {
		fields[f.Key] = f.Value
	}
	return fields
}

// FieldList returns the fields in the order in which they were added. The list
// is the metric's.
func (m *Metric) FieldList() []*telegraf.Field { return m.fields }

// field returns where in the list a field is, or -1.
func (m *Metric) field(key string) int {
	for i, f := range m.fields {
		if f.Key == key {
			return i
		}
	}
	return -1
}

// GetField returns the value of a field and whether there is one.
func (m *Metric) GetField(key string) (any, bool) {
	if i := m.field(key); i >= 0 {
		return m.fields[i].Value, true
	}
	return nil, false
}

// Field returns the value of a field, nil where there is none.
func (m *Metric) Field(key string) any {
	value, _ := m.GetField(key)
	return value
}

// HasField tells whether there is a field.
func (m *Metric) HasField(key string) bool { return m.field(key) >= 0 }

// AddField sets a field: a boolean, a number, a text or a pointer to one. Like
// Telegraf, it keeps the field with the value nil where the value is none of them.
func (m *Metric) AddField(key string, value any) {
	// A new one in either case: a list that was given out keeps the old value.
	f := &telegraf.Field{Key: key, Value: convert(value)}
	if i := m.field(key); i >= 0 {
		m.fields[i] = f
		return
	}
	m.fields = append(m.fields, f)
}

// RemoveField removes a field if there is one.
func (m *Metric) RemoveField(key string) {
	if i := m.field(key); i >= 0 {
		m.fields = slices.Delete(m.fields, i, i+1)
	}
}

// Copy returns a copy that has nothing in common with the metric.
func (m *Metric) Copy() telegraf.Metric {
	c := *m
	tags := make([]telegraf.Tag, len(m.tags))
	c.tags = make([]*telegraf.Tag, len(m.tags))
	for i, t := range m.tags {
		tags[i] = *t
		c.tags[i] = &tags[i]
	}
	fields := make([]telegraf.Field, len(m.fields))
	c.fields = make([]*telegraf.Field, len(m.fields))
	for i, f := range m.fields {
		fields[i] = *f
		c.fields[i] = &fields[i]
	}
	return &c
}

// String returns the metric for a person.
func (m *Metric) String() string {
	return fmt.Sprintf("%s %v %v %d", m.name, m.Tags(), m.Fields(), m.at.UnixNano())
}

// hash is FNV-1a of 64 bits, as in hash/fnv but of strings.
type hash uint64

const (
	hashStart hash = 14695981039346656037
	hashPrime hash = 1099511628211
)

// line adds a text and a newline.
func (h *hash) line(s string) {
	h.text(s)
	*h = (*h ^ '\n') * hashPrime
}

func (h *hash) text(s string) {
	for i := range len(s) {
		*h = (*h ^ hash(s[i])) * hashPrime
	}
}

// HashID identifies the series: the name and the tags.
func (m *Metric) HashID() uint64 { return uint64(m.hash(nil)) }

func (m *Metric) hash(without []string) hash {
	h := hashStart
	h.line(m.name)
	for _, t := range m.tags {
		if !slices.Contains(without, t.Key) {
			h.line(t.Key)
			h.line(t.Value)
		}
	}
	return h
}

// HashIDWithFieldsFiltered identifies the series with the keys of its fields,
// without some tags and fields.
func (m *Metric) HashIDWithFieldsFiltered(excludedTags, excludedFields []string) uint64 {
	h := m.hash(excludedTags)
	keys := make([]string, 0, len(m.fields))
	for _, f := range m.fields {
		if !slices.Contains(excludedFields, f.Key) {
			keys = append(keys, f.Key)
		}
	}
	order.Strings(keys)
	h.text(strings.Join(keys, "\n"))
	return uint64(h)
}

// Accept does nothing: nobody follows the metric.
func (*Metric) Accept() {}

// Reject does nothing.
func (*Metric) Reject() {}

// Drop does nothing.
func (*Metric) Drop() {}

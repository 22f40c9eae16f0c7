package metric

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/influxdata/telegraf"
)

var (
	errName   = errors.New("invalid name")
	errFields = errors.New("no serializable fields")
)

// AppendLine appends a metric as a line of line protocol, without its end: the
// bytes that Telegraf's serializer writes with influx_uint_support. So are left
// out fields without name or value, NaN and the infinities, tags of which name
// or value is empty, and backslashes at the end of both. Strings keep their
// newlines. A metric without name or without a field that can be written is
// refused.
func AppendLine(dst []byte, m telegraf.Metric) ([]byte, error) {
	if m.Name() == "" {
		return dst, errName
	}
	start := len(dst)
	dst = appendName(dst, m.Name(), false)
	for _, t := range m.TagList() {
		// A backslash at the end would take the next character with it.
		key, value := strings.TrimRight(t.Key, `\`), strings.TrimRight(t.Value, `\`)
		if key == "" || value == "" {
			continue
		}
		dst = appendName(append(dst, ','), key, true)
		dst = appendName(append(dst, '='), value, true)
	}
	series, separator := len(dst), byte(' ')
	for _, f := range m.FieldList() {
		if f.Key == "" {
			continue
		}
		written := len(dst)
		dst = appendName(append(dst, separator), f.Key, true)
		var ok bool
		if dst, ok = appendValue(append(dst, '='), f.Value); !ok {
			dst = dst[:written]
			continue
		}
		separator = ','
	}
	if len(dst) == series {
		return dst[:start], fmt.Errorf("%q: %w", bytes.TrimRight(dst[start:], " "), errFields)
	}
	return strconv.AppendInt(append(dst, ' '), m.Time().UnixNano(), 10), nil
}

// appendName appends a name, or the key or value of a tag.
func appendName(dst []byte, s string, equals bool) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '\t':
			dst = append(dst, `\t`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\r':
			dst = append(dst, `\r`...)
		case ',', ' ':
			dst = append(dst, '\\', c)
		case '=':
			if equals {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendValue appends the value of a field if it can.
func appendValue(dst []byte, value any) ([]byte, bool) {
	switch v := value.(type) {
	case bool:
		return strconv.AppendBool(dst, v), true
	case int64:
		return append(strconv.AppendInt(dst, v, 10), 'i'), true
	case uint64:
		return append(strconv.AppendUint(dst, v, 10), 'u'), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, false
		}
		return strconv.AppendFloat(dst, v, 'f', -1, 64), true
	case string:
		dst = append(dst, '"')
		for i := range len(v) {
			if v[i] == '"' || v[i] == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, v[i])
		}
		return append(dst, '"'), true
	}
	return dst, false
}

package smstext

import (
	"math"
	"time"
)

// valueKind is what a value is. Values are nil, bool, int, int64, uint64, float64,
// string, time.Time, and part.
type valueKind int

const (
	nothing valueKind = iota
	aWhole
	aDecimal
	aText
	aBool
	aValue // of a kind that is not known before there is a metric
	aTime
	allTags
	allFields
	aMetric
)

// part stands for the metric, or for all its tags or fields, as a value.
type part valueKind

func kindOf(v any) valueKind {
	switch v := v.(type) {
	case nil:
		return nothing
	case int, int64, uint64:
		return aWhole
	case float64:
		return aDecimal
	case string:
		return aText
	case bool:
		return aBool
	case time.Time:
		return aTime
	case part:
		return valueKind(v)
	}
	return aValue
}

var kindNames = [...]string{
	"not there", "a whole number", "a decimal number", "a text", "true or false", "a value", "a time", "all tags", "all fields", "the metric",
}

// String names the kind, for an error.
func (k valueKind) String() string { return kindNames[k] }

// members are what a dot and a name take of the metric and of a time.
var members = [...]struct {
	of   valueKind
	name string
	key  bool // it takes one value; all else takes none
	is   valueKind
}{
	{aMetric, "Name", false, aText},
	{aMetric, "Time", false, aTime},
	{aMetric, "Tags", false, allTags},
	{aMetric, "Fields", false, allFields},
	{aMetric, "Tag", true, aValue},
	{aMetric, "Field", true, aValue},
	{aTime, "Format", true, aText},
	{aTime, "UTC", false, aTime},
	{aTime, "Unix", false, aWhole},
}

// member returns what a name is of a kind of value, or what is wrong with it where
// n values are given.
func member(of valueKind, name string, n int) (is valueKind, problem string) {
	key := false
	no, has := of.String()+" has no .", ""
	switch of {
	case nothing:
		return nothing, ""
	case allTags, allFields:
		is = aValue
	case aMetric:
		no, has = "there is no .", `there are .Name, .Time, .Tags, .Fields, .Tag "key" and .Field "key"`
	case aTime:
		has = `there are .Time.Format "15:04", .Time.UTC and .Time.Unix`
	default:
		has = "$." + name + " is of the metric"
	}
	for i := range members {
		if m := &members[i]; m.of == of && m.name == name {
			is, key = m.is, m.key
		}
	}
	switch {
	case is == nothing:
		return is, no + name + "; " + has
	case key && n != 1:
		return is, "." + name + " takes one value; want (." + name + ` "…")`
	case !key && n > 0:
		return is, "." + name + " takes no value"
	}
	return is, ""
}

// number is a number. It is whole too, or decimal only.
type number struct {
	whole   int64
	big     bool // it is beyond int64, and whole its bits
	isWhole bool
	decimal float64
}

func numberOf(v any) number {
	switch v := v.(type) {
	case int:
		return number{int64(v), false, true, float64(v)}
	case int64:
		return number{v, false, true, float64(v)}
	case uint64:
		return number{int64(v), v > math.MaxInt64, true, float64(v)}
	case float64:
		return number{decimal: v}
	}
	return number{decimal: math.NaN()}
}

func compareNumbers(a, b number) (equal, less bool) {
	switch {
	case !a.isWhole || !b.isWhole:
		return a.decimal == b.decimal, a.decimal < b.decimal
	case a.big != b.big:
		return false, b.big
	case a.big: // the same order without the sign
		return a.whole == b.whole, uint64(a.whole) < uint64(b.whole)
	}
	return a.whole == b.whole, a.whole < b.whole
}

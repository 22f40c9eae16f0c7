package execd

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is an option that is a time: "1m30s", "250ms" or "2d" in quotes, or a whole number of seconds without. It is
// never negative.
type Duration time.Duration

const wantDuration = `a duration such as "60s", "5m" or "12h"`

// UnmarshalText reads a duration with units: h, m, s, ms, us, ns as time.ParseDuration has them, and before them whole
// days, d.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if s != "" && strings.Trim(s, "0123456789") == "" {
		return &valueError{"has no unit", wantDuration}
	}
	var days time.Duration
	before, after, hasDays := strings.Cut(s, "d")
	if hasDays {
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return &valueError{"is no duration", wantDuration}
		}
		days, s = time.Duration(n)*24*time.Hour, after
	}
	var rest time.Duration
	if s != "" || !hasDays {
		var err error
		if rest, err = time.ParseDuration(s); err != nil {
			return &valueError{"is no duration", wantDuration}
		}
	}
	if rest < 0 {
		return &valueError{"is negative", wantDuration}
	}
	if rest > math.MaxInt64-days {
		return &valueError{"is too long", wantDuration}
	}
	*d = Duration(days + rest)
	return nil
}

// setValue reads a string as UnmarshalText does, and a whole number as seconds.
func (d *Duration) setValue(v any) error {
	switch v := v.(type) {
	case int64:
		switch {
		case v < 0:
			return &valueError{"is negative", wantDuration}
		case v > math.MaxInt64/int64(time.Second):
			return &valueError{"is too long", wantDuration}
		}
		*d = Duration(v) * Duration(time.Second)
		return nil
	case string:
		return d.UnmarshalText([]byte(v))
	}
	return &valueError{"is no duration", wantDuration}
}

// String writes the duration as it may stand in a configuration, without units that are zero: "1m30s", "12h".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Size is an option that is a number of bytes: a whole number, or one in quotes with a unit, decimal (kB, MB, GB, TB) or
// binary (KiB, MiB, GiB, TiB), in any case. It is never negative.
type Size int64

const wantSize = `a size such as "64MiB", "500kB" or 65536`

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// UnmarshalText reads a whole number, with or without a unit behind it.
func (s *Size) UnmarshalText(text []byte) error {
	str := string(text)
	digits := len(str) - len(strings.TrimLeft(str, "0123456789"))
	if digits == 0 {
		if strings.HasPrefix(str, "-") {
			return &valueError{"is negative", wantSize}
		}
		return &valueError{"is no size", wantSize}
	}
	n, err := strconv.ParseInt(str[:digits], 10, 64)
	if err != nil {
		return &valueError{"is too large", wantSize}
	}
	unit := int64(1)
	if name := strings.TrimLeft(str[digits:], " "); name != "" {
		unit = 0
		for _, u := range sizeUnits {
			if strings.EqualFold(u.name, name) {
				unit = u.bytes
			}
		}
		if unit == 0 {
			return &valueError{"has the unknown unit " + strconv.Quote(name), wantSize}
		}
	}
	if n > math.MaxInt64/unit {
		return &valueError{"is too large", wantSize}
	}
	*s = Size(n * unit)
	return nil
}

// setValue reads a whole number as bytes, and a string as UnmarshalText does.
func (s *Size) setValue(v any) error {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return &valueError{"is negative", wantSize}
		}
		*s = Size(v)
		return nil
	case string:
		return s.UnmarshalText([]byte(v))
	}
	return &valueError{"is no size", wantSize}
}

// String writes the size as it may stand in a configuration, in the largest unit that leaves a whole number: "64MiB",
// "10kB", "1234B".
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

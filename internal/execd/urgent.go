package execd

import (
	"path"
	"strconv"
	"strings"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// maxPatterns bounds the work for each record that comes in.
const maxPatterns = 32

// checkPatterns returns what is wrong with an option that is a list of patterns.
func checkPatterns(option string, patterns []string) *OptionError {
	const want = `measurement names, in which * stands for any text, ? for one character and [a-z] for one of a range`
	if len(patterns) > maxPatterns {
		return &OptionError{option, nil, "has " + strconv.Itoa(len(patterns)) + " patterns", strconv.Itoa(maxPatterns) + " at most"}
	}
	for _, p := range patterns {
		if p == "" {
			return &OptionError{option, p, "an empty pattern matches nothing", want}
		}
		if _, err := path.Match(noPath(p), ""); err != nil {
			return &OptionError{option, p, "is no pattern", want}
		}
	}
	return nil
}

// matcher tells whether the measurement of a record is one of some patterns. The zero value matches nothing.
type matcher struct {
	patterns []string
}

func newMatcher(patterns []string) matcher {
	var m matcher
	for _, p := range patterns {
		m.patterns = append(m.patterns, noPath(p))
	}
	return m
}

func (m matcher) match(record []byte) bool {
	if len(m.patterns) == 0 {
		return false
	}
	d := lineprotocol.NewDecoderWithBytes(record)
	if !d.Next() {
		return false
	}
	measurement, err := d.Measurement()
	if err != nil {
		return false
	}
	name := noPath(string(measurement))
	for _, p := range m.patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// noPath makes / an ordinary character, which * and ? match like any other.
func noPath(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

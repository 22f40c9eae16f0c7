package execd

import (
	"path"
	"strconv"
	"strings"
)

// Patterns match names: * stands for any text, ? for one character, [a-z] for one of a range. The zero value matches
// nothing.
type Patterns struct {
	patterns []string
}

// NewPatterns returns the patterns of an option that CheckPatterns has let pass.
func NewPatterns(patterns []string) Patterns {
	var p Patterns
	for _, pattern := range patterns {
		p.patterns = append(p.patterns, noPath(pattern))
	}
	return p
}

// Empty tells whether there are none.
func (p Patterns) Empty() bool { return len(p.patterns) == 0 }

// Match tells whether one of the patterns matches all of a name.
func (p Patterns) Match(name string) bool {
	if len(p.patterns) == 0 {
		return false
	}
	name = noPath(name)
	for _, pattern := range p.patterns {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// CheckPatterns returns what is wrong with an option that is a list of up to most patterns, nil if nothing is. want says
// what would be right.
func CheckPatterns(option string, patterns []string, most int, want string) *OptionError {
	if len(patterns) > most {
		return &OptionError{option, nil, "has " + strconv.Itoa(len(patterns)) + " patterns", strconv.Itoa(most) + " at most"}
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

// noPath makes / an ordinary character, which * and ? match like any other.
func noPath(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

package hologram

import (
	"errors"
	"strconv"
	"strings"
)

// Limits of a path.
const (
	maxPathSteps  = 16
	maxPathLength = 256
)

var errPath = errors.New("is no path")

// path is the way to a member of JSON: names of members and, in lists, numbers from 0. The zero value leads nowhere.
type path []string

// parsePath reads a path as the options have it: names with dots between them, \. for a dot in a name.
func parsePath(s string) (path, error) {
	if len(s) > maxPathLength {
		return nil, errors.New("is too long")
	}
	var p path
	var name strings.Builder
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == '.':
			if name.Len() == 0 || len(p) == maxPathSteps {
				return nil, errPath
			}
			p = append(p, name.String())
			name.Reset()
		case s[i] == '\\':
			if i++; i == len(s) || s[i] != '.' && s[i] != '\\' {
				return nil, errPath
			}
			name.WriteByte(s[i])
		default:
			name.WriteByte(s[i])
		}
	}
	return p, nil
}

// find returns the member of a value that encoding/json has read, nil if there is none.
func (p path) find(value any) any {
	if len(p) == 0 {
		return nil
	}
	for _, step := range p {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

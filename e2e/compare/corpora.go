//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"telegraf-hologram/e2e/internal/lab"
)

// corpus is recorded metrics, each one line of line protocol.
type corpus struct {
	name, what string
	lines      []string
}

// readCorpora reads those that are sent.
func readCorpora(dir string) ([]corpus, error) {
	all := []corpus{
		{name: "host", what: "a gateway's own metrics: Telegraf's `cpu`, `disk`, `mem`, `net`, `system` and `internal`, whose names our dictionary has"},
		{name: "gps", what: "positions, speed and engine of vehicles. All names are written anew, so that they are those of an application that our dictionary has never seen"},
		{name: "tgreal", what: "one of everything: examples of some hundred plugins of Telegraf. Hardly two metrics are alike, which is the worst for us, though our dictionary has their names"},
	}
	for i := range all {
		text, err := os.ReadFile(filepath.Join(dir, all[i].name+".lp"))
		if err != nil {
			return nil, fmt.Errorf("cannot read a corpus: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			if all[i].name == "gps" {
				line = rename(line)
			}
			// A few examples out of Telegraf's documentation are no line protocol.
			if m, err := lab.ReadMetrics(strings.NewReader(line)); err == nil && len(m) == 1 {
				all[i].lines = append(all[i].lines, line)
			}
		}
	}
	return all, nil
}

// take returns first metrics for the batch that does not count, and the n that
// do, from the start again when the corpus ends.
func (c corpus) take(first, n int) []string {
	lines := make([]string, 0, first+n)
	for i := range first + n {
		lines = append(lines, c.lines[(len(c.lines)-first%len(c.lines)+i)%len(c.lines)])
	}
	return lines
}

// rename replaces each letter of the names of a line by that 13 further on. It
// takes a line without escapes and quotes.
func rename(line string) string {
	b := []byte(line)
	name := true
	for i, c := range b {
		switch {
		case c == ',' || c == ' ':
			name = true
		case c == '=':
			name = false
		case name && c >= 'a' && c <= 'z':
			b[i] = 'a' + (c-'a'+13)%26
		}
	}
	return string(b)
}

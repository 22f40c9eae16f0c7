// Command extract writes what the READMEs of Telegraf's input plugins say of
// their metrics: one line for each measurement with its name, its tag keys and
// its field names, sorted, as the compact payload writes them.
//
//	go run ./internal/payload/dictionary/extract $(go list -m -f '{{.Dir}}' github.com/influxdata/telegraf) > sources/telegraf.txt
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: extract TELEGRAF-SOURCE")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "extract:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, telegraf string) error {
	files, err := filepath.Glob(filepath.Join(telegraf, "plugins/inputs/*/README.md"))
	if err != nil {
		return fmt.Errorf("listing plugins: %w", err)
	}
	if len(files) == 0 {
		return errors.New("no plugins/inputs/*/README.md below " + telegraf)
	}
	slices.Sort(files)
	for _, f := range files {
		measurements, err := read(f)
		if err != nil {
			return fmt.Errorf("reading %q: %w", f, err)
		}
		for _, m := range measurements {
			if len(m.fields) == 0 {
				continue
			}
			fmt.Fprintf(w, "%s|%s|%s|%s\n", filepath.Base(filepath.Dir(f)), m.name, strings.Join(m.tags, ","), strings.Join(m.fields, ","))
		}
	}
	return nil
}

type measurement struct {
	name         string
	tags, fields []string
}

// item is a bullet: its indent and the name that it starts with.
var item = regexp.MustCompile("^( *)[-*+] +`?([A-Za-z][A-Za-z0-9_./]*)`?(:?)(.*)$")

func read(file string) ([]*measurement, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var (
		all    []*measurement
		list   *[]string
		indent int
		inside bool
	)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") {
			title := strings.ToLower(strings.TrimLeft(line, "# "))
			if strings.HasPrefix(line, "## ") {
				inside = strings.HasPrefix(title, "metrics") || strings.HasPrefix(title, "measurements")
			}
			list = nil
			continue
		}
		m := item.FindStringSubmatch(line)
		if !inside || m == nil {
			continue
		}
		switch word := strings.ToLower(strings.TrimSuffix(m[2], ":")); {
		case (word == "tags" || word == "fields" || word == "tag" || word == "field") && len(all) > 0:
			last := all[len(all)-1]
			list = &last.fields
			if word[0] == 't' {
				list = &last.tags
			}
			indent = len(m[1])
		case list != nil && len(m[1]) > indent:
			*list = append(*list, m[2])
		case len(m[1]) <= indent || list == nil:
			all = append(all, &measurement{name: strings.TrimSuffix(m[2], ":")})
			list = nil
			indent = len(m[1])
		}
	}
	for _, m := range all {
		slices.Sort(m.tags)
		slices.Sort(m.fields)
		m.tags, m.fields = slices.Compact(m.tags), slices.Compact(m.fields)
	}
	return all, nil
}

// Command gendocs writes what documents share with the plugins' sample
// configurations: sample.conf at the root, which is all of them, and in Markdown
// files the contents of each fenced block that names a file,
//
//	```toml @plugins/outputs/hologram/sample.conf
//
// with its path from the root. It is run at the root, by "go generate ./...".
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "gendocs: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	samples, err := filepath.Glob("plugins/*/*/sample.conf")
	if err != nil {
		return err
	}
	if len(samples) == 0 {
		return errors.New("no plugins/*/*/sample.conf here; run it at the root")
	}
	texts := make([][]byte, len(samples))
	for i, name := range samples {
		if texts[i], err = os.ReadFile(name); err != nil {
			return err
		}
	}
	if err := write("sample.conf", bytes.Join(texts, []byte("\n"))); err != nil {
		return err
	}

	for _, pattern := range []string{"*.md", "clients/*.md", "docs/*.md", "plugins/*/*/*.md"} {
		documents, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, name := range documents {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text, err = fill(text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := write(name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill returns a document with the named files in its fenced blocks.
func fill(document []byte) ([]byte, error) {
	const fence = "```"
	var out bytes.Buffer
	inside, number, opened := false, 0, 0
	for line := range bytes.Lines(document) {
		number++
		marker := strings.TrimSpace(string(line))
		if inside && marker != fence {
			continue
		}
		inside = false
		out.Write(line)
		if !strings.HasPrefix(marker, fence) {
			continue
		}
		_, name, ok := strings.Cut(marker, " @")
		if !ok {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		out.Write(text)
		inside, opened = true, number
	}
	if inside {
		return nil, fmt.Errorf("line %d: the block has no end", opened)
	}
	return out.Bytes(), nil
}

// write writes a file, unless that would change nothing.
func write(name string, text []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return os.WriteFile(name, text, 0o644)
}

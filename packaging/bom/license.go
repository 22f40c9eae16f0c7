package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// readLicense reads the licence of what is in a folder.
func (p *part) readLicense(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join(dir, "LICENSE.txt"))
	}
	if err != nil {
		return fmt.Errorf("cannot read the licence of %s: %w", p.Path, err)
	}
	p.Text = strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
	p.License, p.Holders, err = recognize(p.Text)
	if err != nil {
		return fmt.Errorf("licence of %s: %w", p.Path, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "NOTICE")); err == nil {
		return fmt.Errorf("%s has a NOTICE, which packages would have to have too", p.Path)
	}
	return nil
}

// recognize tells which licence a text is, and whose.
func recognize(text string) (id string, holders []string, err error) {
	plain := strings.Join(strings.Fields(text), " ")
	has := func(parts ...string) bool {
		for _, part := range parts {
			if !strings.Contains(plain, part) {
				return false
			}
		}
		return true
	}
	switch {
	case has("Permission is hereby granted, free of charge,", "The above copyright notice and this permission notice shall be included in all copies"):
		id = "MIT"
	case has("Redistribution and use in source and binary forms,", "Neither the name of", "THIS SOFTWARE IS PROVIDED"):
		id = "BSD-3-Clause"
	default:
		return "", nil, errors.New("neither MIT nor BSD-3-Clause: look at it, and teach it to bom")
	}
	for line := range strings.Lines(text) {
		if holder, ok := strings.CutPrefix(strings.TrimSpace(line), "Copyright "); ok {
			for _, sign := range []string{"(c) ", "(C) ", "© "} {
				holder = strings.TrimPrefix(holder, sign)
			}
			holders = append(holders, holder)
		}
	}
	if len(holders) == 0 {
		return "", nil, errors.New("it names nobody")
	}
	return id, holders, nil
}

// debianCopyright is the file of Debian policy 12.5 in the form of
// https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/.
func debianCopyright(parts []part) string {
	var b strings.Builder
	b.WriteString("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n" +
		"Upstream-Name: telegraf-hologram\n" +
		"Comment: The binary is one static file. Besides the program it has parts of Go's\n" +
		" standard library and of the modules below, with their versions.\n")
	for i, p := range parts {
		files, comment := "*", ""
		if i > 0 {
			// The files of a module are in the package only as parts of the binary.
			files, comment = p.Path+"/*", "Comment: linked into the binary, "+p.Path+" "+p.Version+"\n"
		}
		short := p.License
		if i > 0 {
			short += "~" + strings.NewReplacer("/", "-", ".", "-").Replace(p.Path)
		}
		fmt.Fprintf(&b, "\nFiles: %s\nCopyright: %s\n%sLicense: %s\n", files, strings.Join(p.Holders, "\n "), comment, short)
		for line := range strings.Lines(p.Text) {
			if line = strings.TrimSpace(line); line == "" {
				line = "."
			}
			b.WriteString(" " + line + "\n")
		}
	}
	return b.String()
}

// goOutput runs go and returns the first line that it prints.
func goOutput(args ...string) (string, error) {
	tool := os.Getenv("GO")
	if tool == "" {
		tool = "go"
	}
	words := strings.Fields(tool)
	cmd := exec.Command(words[0], append(words[1:], args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	line := strings.TrimSpace(string(out))
	if err == nil && line == "" {
		err = errors.New("it printed nothing; is the module downloaded?")
	}
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return line, nil
}

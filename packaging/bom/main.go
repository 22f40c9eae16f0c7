// Command bom tells what a binary is made of, as the binary itself knows it: the modules
// that are linked into it, with versions and licences. It writes
//
//   - a copyright file in Debian's machine-readable form, with the licences in full;
//   - a bill of materials in SPDX 2.3, as JSON.
//
// It is run at the root of the module, where "go mod download" finds the modules, and
// fails where a licence is not one that it knows: somebody has to look at it then.
package main

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "bom: %v\n", err)
		os.Exit(1)
	}
}

// part is the program, a module that is linked into it, or Go's standard library.
type part struct {
	Path    string
	Version string
	Sum     string // as in go.sum; empty for the program and the standard library
	License string // SPDX identifier
	Holders []string
	Text    string
}

func run(args []string) error {
	fs := flag.NewFlagSet("bom", flag.ContinueOnError)
	binary := fs.String("binary", "", "the binary's `file`")
	name := fs.String("name", "", "`name` of the package")
	version := fs.String("version", "", "its `version`")
	target := fs.String("target", "", "what it is for, such as linux-arm64")
	epoch := fs.Int64("epoch", 0, "time of the sources, in `seconds` since 1970")
	copyright := fs.String("copyright", "", "`file` to write the copyright to")
	spdx := fs.String("spdx", "", "`file` to write the bill of materials to")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *binary == "" || *name == "" || *version == "" || fs.NArg() > 0 {
		return errors.New("want -binary, -name and -version, and no arguments")
	}
	info, err := buildinfo.ReadFile(*binary)
	if err != nil {
		return fmt.Errorf("cannot read what %s is made of: %w", *binary, err)
	}
	parts, err := partsOf(info)
	if err != nil {
		return err
	}
	if *copyright != "" {
		if err := os.WriteFile(*copyright, []byte(debianCopyright(parts)), 0o644); err != nil {
			return err
		}
	}
	if *spdx == "" {
		return nil
	}
	content, err := os.ReadFile(*binary)
	if err != nil {
		return err
	}
	text, err := spdxDocument(document{
		name: *name, version: *version, target: *target, created: time.Unix(*epoch, 0), goVersion: info.GoVersion, binary: content,
	}, parts)
	if err != nil {
		return err
	}
	return os.WriteFile(*spdx, text, 0o644)
}

// partsOf returns the program, the standard library and the modules, in this order.
func partsOf(info *debug.BuildInfo) ([]part, error) {
	program := part{Path: info.Main.Path, Version: info.Main.Version}
	if err := program.readLicense("."); err != nil {
		return nil, err
	}
	library := part{Path: "std", Version: info.GoVersion}
	root, err := goOutput("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := library.readLicense(root); err != nil {
		return nil, err
	}
	parts := []part{program, library}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return nil, fmt.Errorf("%s is replaced by %s: the bill of materials cannot say so", m.Path, m.Replace.Path)
		}
		p := part{Path: m.Path, Version: m.Version, Sum: m.Sum}
		dir, err := goOutput("list", "-m", "-f", "{{.Dir}}", m.Path)
		if err != nil {
			return nil, err
		}
		if err := p.readLicense(dir); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// Package execdtest walks directories of configuration files that are test cases for package execd and for plugins.
//
//	NAME.good.toml   must load; NAME.good.txt, if it exists, is what Config.Describe says of it
//	NAME.bad.toml    must not load; NAME.bad.err is the exact text of the error
//
// A line "## env NAME=value" in a file sets an environment variable for its case.
package execdtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegraf-hologram/internal/execd"
)

// Configs runs each configuration in dir as a subtest, with the plugins given. With update it writes the expectations
// instead of checking them, which a test asks for with a flag of its own.
func Configs(t *testing.T, dir string, plugins execd.Plugins, update bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no configurations in %s", dir)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".toml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(data)) {
				if setting, ok := strings.CutPrefix(strings.TrimSpace(line), "## env "); ok {
					key, value, _ := strings.Cut(setting, "=")
					t.Setenv(key, value)
				}
			}
			cfg, err := execd.Parse(data, filepath.Base(file), plugins)
			switch {
			case strings.HasSuffix(name, ".good"):
				if err != nil {
					t.Fatalf("want no error, got: %v", err)
				}
				compare(t, strings.TrimSuffix(file, ".toml")+".txt", cfg.Describe(), update, true)
			case strings.HasSuffix(name, ".bad"):
				if err == nil {
					t.Fatal("want an error, got none")
				}
				compare(t, strings.TrimSuffix(file, ".toml")+".err", err.Error()+"\n", update, false)
			default:
				t.Fatalf("%s is neither .good.toml nor .bad.toml", file)
			}
		})
	}
}

// compare checks or writes the file of an expectation; an optional one is neither checked nor written if it is missing.
func compare(t *testing.T, file, got string, update, optional bool) {
	t.Helper()
	want, err := os.ReadFile(file)
	switch {
	case os.IsNotExist(err) && optional:
		return
	case update:
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	case err != nil:
		t.Fatalf("%v (run with -update to write it)", err)
	case string(want) != got:
		t.Errorf("%s differs\nwant: %s\ngot:  %s", filepath.Base(file), want, got)
	}
}

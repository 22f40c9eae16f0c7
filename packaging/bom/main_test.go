package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const mit = `The MIT License (MIT)

Copyright (c) 2021 Somebody Inc.

Permission is hereby granted, free of charge, to any person obtaining a copy of
it.

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.`

func TestRecognize(t *testing.T) {
	id, holders, err := recognize(mit)
	require.NoError(t, err)
	require.Equal(t, "MIT", id)
	require.Equal(t, []string{"2021 Somebody Inc."}, holders)

	id, holders, err = recognize("Copyright 2009 The Go Authors.\n\nRedistribution and use in source and binary\nforms, with or\nNeither the name of X\nTHIS SOFTWARE IS PROVIDED")
	require.NoError(t, err)
	require.Equal(t, "BSD-3-Clause", id)
	require.Equal(t, []string{"2009 The Go Authors."}, holders)

	_, _, err = recognize("Copyright 2009 X\nRedistribution and use in source and binary forms,\nTHIS SOFTWARE IS PROVIDED")
	require.ErrorContains(t, err, "neither MIT nor BSD-3-Clause", "two clauses are another licence")
	_, _, err = recognize(strings.Replace(mit, "Copyright (c)", "By", 1))
	require.EqualError(t, err, "it names nobody")
}

func TestReadLicense(t *testing.T) {
	dir := t.TempDir()
	p := part{Path: "example.com/x"}
	require.ErrorContains(t, p.readLicense(dir), "cannot read the licence of example.com/x")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LICENSE.txt"), []byte(mit), 0o600))
	require.NoError(t, p.readLicense(dir))
	require.Equal(t, "MIT", p.License)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "NOTICE"), []byte("x"), 0o600))
	require.ErrorContains(t, p.readLicense(dir), "has a NOTICE")
}

func TestDebianCopyright(t *testing.T) {
	text := debianCopyright([]part{
		{Path: "telegraf-hologram", License: "MIT", Holders: []string{"2026 Us"}, Text: "One\n\n  Two"},
		{Path: "example.com/x", Version: "v1.0.0", License: "MIT", Holders: []string{"2021 A", "2022 B"}, Text: "Three"},
	})
	require.True(t, strings.HasPrefix(text, "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"))
	require.True(t, strings.HasSuffix(text, `
Files: *
Copyright: 2026 Us
License: MIT
 One
 .
 Two

Files: example.com/x/*
Copyright: 2021 A
 2022 B
Comment: linked into the binary, example.com/x v1.0.0
License: MIT~example-com-x
 Three
`), text)
}

// The whole, of the program itself: what "go version -m" says is linked is in both files.
func TestRun(t *testing.T) {
	t.Chdir("../..")
	dir := t.TempDir()
	binary := filepath.Join(dir, "telegraf-hologram")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	args := func(n string) []string {
		return []string{
			"-binary", binary, "-name", "telegraf-hologram", "-version", "1.0", "-target", "linux-amd64", "-epoch", "1800000000",
			"-copyright", filepath.Join(dir, "copyright"+n), "-spdx", filepath.Join(dir, "spdx"+n),
		}
	}
	require.NoError(t, run(args("1")))
	require.NoError(t, run(args("2")))
	spdx, err := os.ReadFile(filepath.Join(dir, "spdx1"))
	require.NoError(t, err)
	again, err := os.ReadFile(filepath.Join(dir, "spdx2"))
	require.NoError(t, err)
	require.Equal(t, spdx, again)
	copyright, err := os.ReadFile(filepath.Join(dir, "copyright1"))
	require.NoError(t, err)

	var root spdxRoot
	require.NoError(t, json.Unmarshal(spdx, &root))
	require.Equal(t, time.Unix(1800000000, 0).UTC().Format(time.RFC3339), root.CreationInfo.Created)
	listed := map[string]string{}
	for _, p := range root.Packages {
		listed[p.Name] = p.Version
		require.Contains(t, []string{"MIT", "BSD-3-Clause"}, p.LicenseDeclared, p.Name)
	}
	require.Equal(t, "1.0", listed["telegraf-hologram"])
	require.Contains(t, listed, "std")
	out, err = exec.Command("go", "version", "-m", binary).Output()
	require.NoError(t, err)
	linked := 0
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "dep" {
			linked++
			require.Equal(t, f[2], listed[f[1]], f[1])
			require.Contains(t, string(copyright), "linked into the binary, "+f[1]+" "+f[2]+"\n")
		}
	}
	require.Positive(t, linked)
	require.Len(t, root.Packages, linked+2)

	require.ErrorContains(t, run(nil), "want -binary")
	require.ErrorContains(t, run([]string{"-binary", "go.mod", "-name", "x", "-version", "1"}), "cannot read what go.mod is made of")
}

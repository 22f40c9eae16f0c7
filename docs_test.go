//go:build !edge

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/toml"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
)

// docs/extending.md says how blocks in the documents are marked.

// block is a fenced block of a document.
type block struct {
	file   string
	line   int    // of the fence
	marked string // what is behind the fence
	text   string
}

func (b block) name() string { return b.file + ":" + strconv.Itoa(b.line) }

// documents are the files whose commands and configurations are tested.
func documents(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"README.md", "docs/*.md", "plugins/*/*/README.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		names = append(names, found...)
	}
	return names
}

// blocksOf returns the fenced blocks of a document, and its text without them.
func blocksOf(t *testing.T, file string) (blocks []block, rest string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var open *block
	var outside strings.Builder
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		marker, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			open = &block{file: file, line: number, marked: marker}
		case isFence:
			require.Empty(t, marker, "%s:%d: a block in a block", file, number)
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line
		default:
			outside.WriteString(line)
		}
	}
	require.Nil(t, open, "%s: a block has no end", file)
	return blocks, outside.String()
}

// ofTelegraf finds a configuration of Telegraf itself, which e2e loads.
var ofTelegraf = regexp.MustCompile(`(?m)^\[agent\]|^\[\[(inputs|outputs)\.execd\]\]|^\[\[processors\.`)

// Every configuration of a plugin in the documents is one.
func TestDocumentedConfigurations(t *testing.T) {
	seen := 0
	for _, file := range documents(t) {
		blocks, _ := blocksOf(t, file)
		before := ""
		for _, b := range blocks {
			language, what, _ := strings.Cut(b.marked, " ")
			if language != "toml" || strings.HasPrefix(what, "@") || ofTelegraf.MatchString(b.text) {
				continue
			}
			text := b.text
			if what == "foreign" {
				_, err := toml.Parse([]byte(b.text))
				require.NoError(t, err, b.name())
				continue
			}
			if what == "part" {
				require.NotEmpty(t, before, "%s: a part of what?", b.name())
				text = before + text
			} else {
				require.Empty(t, what, b.name())
				before = text
			}
			seen++
			_, err := execd.Parse([]byte(text), b.name(), execd.Registered())
			require.NoError(t, err)
		}
	}
	require.Greater(t, seen, 8)
}

var (
	inlineCode = regexp.MustCompile("`((?:sudo )?(?:bin/)?(?:telegraf-hologram|make) [^`]+)`")
	codeLine   = regexp.MustCompile(`(?m)^ *(?:\$ )?(?:.*\| )?((?:sudo )?(?:bin/)?(?:telegraf-hologram|make) .*?)\\?$`)
	indented   = regexp.MustCompile(`(?m)^    (?:\$ )?((?:sudo )?(?:bin/)?(?:telegraf-hologram|make) .*)$`)
	target     = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	quoted     = regexp.MustCompile(`="[^"]*"`)
	variable   = regexp.MustCompile(`(?m)^([A-Z_]+) *\?=`)
)

// Every command of ours in the documents is one, with options that it has, and so is
// every target of make.
func TestDocumentedCommands(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	targets, variables := firsts(target.FindAllStringSubmatch(string(makefile), -1)), firsts(variable.FindAllStringSubmatch(string(makefile), -1))
	seen := 0
	for _, file := range documents(t) {
		blocks, rest := blocksOf(t, file)
		var lines []string
		for _, m := range append(inlineCode.FindAllStringSubmatch(rest, -1), indented.FindAllStringSubmatch(rest, -1)...) {
			lines = append(lines, m[1])
		}
		for _, b := range blocks {
			language, what, _ := strings.Cut(b.marked, " ")
			require.NotEmpty(t, language, "%s: a block of which language?", b.name())
			if language == "sh" {
				require.Contains(t, []string{"", "run"}, what, b.name())
				for _, m := range codeLine.FindAllStringSubmatch(strings.ReplaceAll(b.text, "\\\n", " "), -1) {
					lines = append(lines, m[1])
				}
			}
		}
		for _, line := range lines {
			seen++
			line = quoted.ReplaceAllString(line, "=x")
			words := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(line, "sudo "), "bin/"))
			if end := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w[:1], "|<>&;#()") }); end >= 0 {
				words = words[:end]
			}
			if words[0] == "make" {
				for _, w := range words[1:] {
					if name, _, ok := strings.Cut(w, "="); ok {
						require.Contains(t, variables, name, "%s: %s", file, line)
					} else {
						require.Contains(t, targets, w, "%s: %s", file, line)
					}
				}
				continue
			}
			requireCommand(t, file, words[1:])
		}
	}
	require.Greater(t, seen, 50)
}

// requireCommand fails unless the words are a command line.
func requireCommand(t *testing.T, file string, words []string) {
	t.Helper()
	if len(words) == 0 || words[0] == strings.ToUpper(words[0]) && !strings.HasPrefix(words[0], "-") {
		return // a placeholder
	}
	name := ""
	for _, c := range commands() {
		n := len(strings.Fields(c.Name))
		if n <= len(words) && strings.Join(words[:n], " ") == c.Name && len(c.Name) > len(name) {
			name = c.Name
		}
	}
	if name == "" && !strings.HasPrefix(words[0], "-") {
		require.Equal(t, "help", words[0], "%s: no command: %v", file, words)
	}
	options := optionsOfHelp(t, name)
	for _, w := range words {
		if option, ok := strings.CutPrefix(w, "-"); ok && len(option) > 0 {
			option, _, _ = strings.Cut(strings.TrimPrefix(option, "-"), "=")
			if !slices.Contains([]string{"help", "version"}, option) {
				require.Contains(t, options, option, "%s: %v", file, words)
			}
		}
	}
}

// What is marked to be run does run, and prints what the document says: in a folder
// that has what the repository has, bin/telegraf-hologram included.
func TestDocumentedRuns(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("SKIPPED, there is no sh")
	}
	seen := 0
	for _, file := range documents(t) {
		blocks, _ := blocksOf(t, file)
		for i, b := range blocks {
			if b.marked != "sh run" {
				continue
			}
			seen++
			want := ""
			if i+1 < len(blocks) && blocks[i+1].marked == "text output" {
				want = blocks[i+1].text
			}
			t.Run(b.name(), func(t *testing.T) {
				t.Parallel()
				got := runBlock(t, b.text)
				if want != "" {
					require.Equal(t, want, got)
				}
			})
		}
	}
	require.Greater(t, seen, 4)
}

// runBlock runs a script and returns what it prints.
func runBlock(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	root, err := os.Getwd()
	require.NoError(t, err)
	for _, name := range []string{"testdata", "plugins", "sample.conf"} {
		require.NoError(t, os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)))
	}
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	standIn := "#!/bin/sh\n" + asProgram + "=1 exec '" + os.Args[0] + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "telegraf-hologram"), []byte(standIn), 0o700))

	// Other tests may use the port that the documents show.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	script = strings.ReplaceAll(script, "127.0.0.1:9999", "127.0.0.1:"+port)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s%s", &stdout, &stderr)
	return stdout.String()
}

var (
	link    = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	linkRef = regexp.MustCompile(`(?m)^\[[^\]]+\]: (\S+)`)
)

// Every link to a file of the repository leads to one.
func TestDocumentedLinks(t *testing.T) {
	for _, file := range append(documents(t), "CHANGELOG.md") {
		_, rest := blocksOf(t, file)
		for _, m := range append(link.FindAllStringSubmatch(rest, -1), linkRef.FindAllStringSubmatch(rest, -1)...) {
			if strings.Contains(m[1], "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(file), m[1]))
			require.NoError(t, err, "%s: the link to %s", file, m[1])
		}
	}
}

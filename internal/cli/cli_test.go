package cli

import (
	"bytes"
	"flag"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// example is a program whose texts have all that shells and troff take for more than
// text.
func example() (commands []Command, help func(io.Writer, []string)) {
	commands = []Command{
		{Name: "", Args: "--file FILE", Summary: "run `it`"},
		{Name: "one two", Args: "[X]", Summary: `it's "$HOME" [a]: \n; $(false)`},
		{Name: "one three", Summary: "'"},
		{Name: "four", Summary: "a command with a name and arguments that are long", Args: "--and-more ARGUMENTS --than FIT"},
		{Name: "four five", Summary: "a detail", Detail: true},
	}
	return commands, func(stdout io.Writer, args []string) {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		switch strings.Join(args, " ") {
		case "--help":
			fs.String("file", "x.conf", ".starts with a dot in `file`")
		case "one two --help":
			fs.Bool("v", false, "short")
			fs.Bool("quick", false, `that's [50%]: \e`)
			fs.Int("n", 0, "a `number`")
			fs.String("kind", "", "what `kind`")
		}
		_, _ = io.WriteString(stdout, "Usage: more than options\n")
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		_, _ = io.WriteString(stdout, "\nMore commands:\n  one two\n    \tis one\n")
	}
}

func examplePage() *Page {
	commands, help := example()
	p := &Page{Program: "my-tool", About: "does things", Version: "1.0", Date: "2026-01-31",
		Sections: []Section{{Title: "EXAMPLES", Paragraphs: []string{"'Twas so:", "\tmy-tool one two"}}}}
	p.Read(commands, help, map[string][]string{"one two --kind": {"a", "b"}, "one three": {"word"}})
	return p
}

func TestUsage(t *testing.T) {
	commands, _ := example()
	var b bytes.Buffer
	Usage(&b, "my-tool", "does things", commands)
	require.Equal(t, `my-tool does things.

Usage:
  my-tool --file FILE                      run `+"`it`"+`
  my-tool one two [X]                      it's "$HOME" [a]: \n; $(false)
  my-tool one three                        '
  my-tool four --and-more ARGUMENTS --than FIT
                                           a command with a name and arguments that are long

"my-tool COMMAND --help" lists the options of a command.
`, b.String())
	b.Reset()
	GroupUsage(&b, "my-tool", "one", commands[:3])
	require.Equal(t, 3, strings.Count(b.String(), "\n"))
}

func TestRead(t *testing.T) {
	p := examplePage()
	require.Equal(t, []Option{{Name: "file", Arg: "FILE", Usage: `.starts with a dot in file (default "x.conf")`}}, p.Entries[0].Options)
	require.Equal(t, []Option{
		{Name: "kind", Arg: "KIND", Usage: "what kind", Values: []string{"a", "b"}},
		{Name: "n", Arg: "NUMBER", Usage: "a number"},
		{Name: "quick", Usage: `that's [50%]: \e`},
		{Name: "v", Usage: "short"},
	}, p.Entries[1].Options)
	require.Equal(t, []string{"word"}, p.Entries[2].Words)
	require.Equal(t, []string{"one", "one two", "one three", "four", "four five"}, p.names())
	words, about := p.next("")
	require.Equal(t, []string{"one", "four"}, words)
	require.Equal(t, []string{"", commands4(t)}, about)
}

func commands4(t *testing.T) string {
	t.Helper()
	commands, _ := example()
	return commands[3].Summary
}

func TestMan(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, examplePage().Man(&b))
	text := b.String()
	for _, want := range []string{
		`.TH "MY\-TOOL" 1 2026-01-31 "my\-tool 1.0"`,
		"\\fB\\-\\-file\\fR \\fIFILE\\fR\n\\&.starts with a dot in file (default \"x.conf\").\n",
		`It\(aqs "$HOME" [a]: \en; $(false).`,
		"\n\\(aqTwas so:\n",
		".nf\n.RS\nmy\\-tool one two\n.RE\n.fi\n",
	} {
		require.Contains(t, text, want)
	}
	for line := range strings.SplitSeq(text, "\n") {
		require.NotRegexp(t, `^\.[^A-Zbnf]`, line, "a request by mistake")
	}
}

func TestCompletionQuotes(t *testing.T) {
	p := examplePage()
	for _, shell := range Shells() {
		var b bytes.Buffer
		require.NoError(t, p.Completion(&b, shell))
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed, passed over", shell)
			continue
		}
		cmd := exec.Command(shell, "-n")
		cmd.Stdin = &b
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", shell, out)
		require.Empty(t, string(out), shell)
	}
	require.EqualError(t, p.Completion(io.Discard, "tcsh"), `no completion for the shell "tcsh"; there is one for bash, zsh, fish`)
}

//go:build !edge

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// helpOption is an option in the help of a command, with its argument.
var helpOption = regexp.MustCompile(`(?m)^  -([a-z0-9-]+)(?: ([^\t\n]+))?(?:\t.*)?$`)

// optionsOfHelp are the options that "COMMAND --help" prints.
func optionsOfHelp(t *testing.T, name string) (all []string) {
	t.Helper()
	code, stdout, stderr := call(t, "", append(strings.Fields(name), "--help")...)
	require.Zero(t, code, stderr)
	for _, m := range helpOption.FindAllStringSubmatch(stdout, -1) {
		all = append(all, m[1])
	}
	return all
}

func firsts(matches [][]string) (all []string) {
	for _, m := range matches {
		all = append(all, m[1])
	}
	return all
}

// The help of each command, the manual page and the completions have the same commands
// with the same options.
func TestPagesAgree(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	for _, edge := range []bool{false, true} {
		var flags []string
		all := commands()
		if edge {
			flags = []string{"--edge"}
		}
		show := func(args ...string) string {
			code, stdout, stderr := call(t, "", append(args, flags...)...)
			require.Zero(t, code, stderr)
			return stdout
		}
		page := show("man")
		if path, err := exec.LookPath("mandoc"); err == nil {
			cmd := exec.Command(path, "-Tlint", "-Wwarning")
			cmd.Stdin = strings.NewReader(page)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
		require.Contains(t, page, `.TH "TELEGRAF\-HOLOGRAM" 1 2023-11-14 "telegraf\-hologram development"`)
		sections := map[string]string{}
		for _, s := range strings.Split(page[:strings.Index(page, `.SH "EXIT STATUS"`)], "\n.SS ")[1:] {
			head, body, _ := strings.Cut(s, "\n")
			sections[strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(strings.Trim(head, `"`), `\-`, "-"), "telegraf-hologram"))] = body
		}
		completions := map[string]string{"bash": show("completion", "bash"), "zsh": show("completion", "zsh"), "fish": show("completion", "fish")}

		seen := 0
		far := farCommands()
		for _, c := range all {
			isFar := false
			for _, f := range far {
				isFar = isFar || f.Name == c.Name
			}
			if edge && isFar {
				require.NotContains(t, sections, c.Name)
				require.NotContains(t, completions["bash"], "'"+c.Name+"'")
				continue
			}
			seen++
			want := optionsOfHelp(t, c.Name)
			body, ok := sections[c.Name]
			require.True(t, ok, "no section of %q in the manual page", c.Name)
			got := firsts(regexp.MustCompile(`(?m)^\\fB\\-\\-(.+?)\\fR`).FindAllStringSubmatch(body, -1))
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], `\-`, "-")
			}
			require.Equal(t, want, got, "manual page, %q", c.Name)

			name := regexp.QuoteMeta("'" + c.Name + "'")
			m := regexp.MustCompile(`\t` + name + `\) words='.*' flags='(.*)--help' ;;`).FindStringSubmatch(completions["bash"])
			require.NotNil(t, m, c.Name)
			require.Equal(t, want, trimmed(strings.Fields(m[1])), "bash, %q", c.Name)

			m = regexp.MustCompile(`(?s)\n\t` + name + `\)\n(.*?)\t\t;;`).FindStringSubmatch(completions["zsh"])
			require.NotNil(t, m, c.Name)
			require.Equal(t, want, firsts(regexp.MustCompile(`specs\+=\('--([a-z0-9-]+)[=\[]`).FindAllStringSubmatch(m[1], -1)), "zsh, %q", c.Name)

			name = regexp.QuoteMeta(`_at \'` + c.Name + `\''`)
			require.Equal(t, append(want, "help"), firsts(regexp.MustCompile(name+` -l ([a-z0-9-]+)`).FindAllStringSubmatch(completions["fish"], -1)), "fish, %q", c.Name)
		}
		require.Len(t, sections, seen, "the manual page has other commands")
	}
}

func trimmed(options []string) (all []string) {
	for _, o := range options {
		all = append(all, strings.TrimPrefix(o, "--"))
	}
	return all
}

// The options that have a list of values are there, and the values are taken.
func TestOptionValues(t *testing.T) {
	for option, values := range optionValues() {
		command, name, ok := strings.Cut(option, " --")
		for _, v := range values {
			args := []string{command, v}
			if ok {
				require.Contains(t, optionsOfHelp(t, command), name)
				args = []string{command, "--" + name, v}
			}
			code, _, stderr := call(t, "a v=1 1000000000\na v=2 61000000000\n", args...)
			require.Zero(t, code, "%v: %s", args, stderr)
		}
	}
}

// The shells complete what a user has typed so far.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.conf"), nil, 0o600))
	cases := []struct {
		line string // the last word is to be completed
		want []string
	}{
		{"ver", []string{"version"}},
		{"sm", []string{"sms"}},
		{"sms ", []string{"list", "replay"}},
		{"sms list --s", []string{"--since"}},
		{"status --", []string{"--config", "--help", "--json", "--price-per-mb"}},
		{"status --config a", []string{"a.conf"}},
		{"status -config a", []string{"a.conf"}},
		{"--config a", []string{"a.conf"}},
		{"status --json --config a", []string{"a.conf"}},
		{"encode --data-format ", []string{"compact", "influx", "json"}},
		{"encode --key ", nil},
		{"sample-config inputs.m", []string{"inputs.modem_sms"}},
		{"emulator unpl", []string{"unplug"}},
		{"completion f", []string{"fish"}},
	}
	for shell, script := range map[string]string{
		"bash": `source "$1"; shift; COMP_WORDS=(telegraf-hologram "$@"); COMP_CWORD=$#; _telegraf_hologram; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `source $argv[1]; complete -C (string join -- ' ' telegraf-hologram $argv[2..-1]) | string replace -r '\t.*' ''; true`,
	} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed, passed over", shell)
			continue
		}
		_, text, _ := call(t, "", "completion", shell)
		file := filepath.Join(dir, shell)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		for _, c := range cases {
			if shell == "fish" && strings.Contains(c.line, " -config") {
				continue
			}
			words := strings.Split(c.line, " ")
			cmd := exec.Command(shell, append([]string{"-c", script, "--", file}, words...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %s", shell, out)
			require.ElementsMatch(t, c.want, strings.Fields(string(out)), "%s: telegraf-hologram %s", shell, c.line)
		}
	}
	// The syntax of that for zsh, which shows what it would complete only on a terminal.
	if _, err := exec.LookPath("zsh"); err == nil {
		_, text, _ := call(t, "", "completion", "zsh")
		cmd := exec.Command("zsh", "-n")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

func TestPagesUsage(t *testing.T) {
	testUsage(t, []usageCase{
		{[]string{"completion"}, 2, "", "telegraf-hologram: no shell: give one of bash, zsh, fish; see telegraf-hologram completion --help\n"},
		{[]string{"completion", "tcsh"}, 2, "", `no completion for the shell "tcsh"`},
		{[]string{"completion", "bash", "more"}, 2, "", "unexpected argument"},
		{[]string{"completion", "--help"}, 0, "-edge", ""},
		{[]string{"man", "more"}, 2, "", "unexpected argument"},
		{[]string{"man", "--help"}, 0, "-edge", ""},
	})
}

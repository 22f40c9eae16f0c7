//go:build !edge

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/cli"
	"telegraf-hologram/internal/emulator/modem"
)

// farCommands are the commands for the far side, for trials and for packages, which a
// device has no use for: a build with -tags edge does without them.
func farCommands() []cli.Command {
	all := []cli.Command{
		{Name: "decode", Summary: "payloads, messages and events on stdin to line protocol", Run: decode},
		{Name: "estimate", Args: "--file FILE --interval TIME [options]", Summary: "what a device would send and pay for such metrics", Run: estimateUsage},
		{Name: "emulator", Args: "[options]", Summary: "the Hologram cloud on this machine", Run: emulate},
		{Name: "completion", Args: "bash|zsh|fish [--edge]", Summary: "print the completion for a shell", Run: completion},
		{Name: "man", Args: "[--edge]", Summary: "print the manual page", Run: manual},
	}
	return append(all, modem.Commands()...)
}

// isLeftOut tells whether other builds have the command.
func isLeftOut(string) bool { return false }

// optionValues are the words that an option can have, and that a command takes.
func optionValues() map[string][]string {
	values := map[string][]string{
		"completion":           cli.Shells(),
		"encode --data-format": {"compact", "influx", "json"},
		"encode --field-names": {"short", "full"},
		"encode --topics":      {"batch", "measurement"},
	}
	for _, option := range []string{"--data-format", "--field-names", "--topics"} {
		values["estimate "+option] = values["encode "+option]
	}
	for _, s := range samples() {
		values["sample-config"] = append(values["sample-config"], s.name)
	}
	return values
}

// page is what manual page and completion tell, of this build or of that for devices.
func page(edge bool) *cli.Page {
	all := commands()
	if edge {
		all = all[:len(all)-len(farCommands())]
	}
	p := &cli.Page{Program: programName, About: about, Version: version, Date: pageDate(), Sections: sections()}
	p.Read(all, func(stdout io.Writer, args []string) { run(args, strings.NewReader(""), stdout, io.Discard) }, optionValues())
	return p
}

// pageDate is the date of the manual page, which SOURCE_DATE_EPOCH sets to that of
// the sources.
func pageDate() string {
	at := time.Now()
	if epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		at = time.Unix(epoch, 0)
	}
	return at.UTC().Format(time.DateOnly)
}

// sections are what the manual page has besides the commands.
func sections() []cli.Section {
	return []cli.Section{
		{Title: "EXIT STATUS", Paragraphs: []string{
			"0: done. 1: a failure, which is explained on stderr. 2: wrong usage.",
		}},
		{Title: "FILES", Paragraphs: []string{
			"/etc/telegraf/hologram.conf: the configuration of the plugin. It holds the key of the device: Telegraf's user must be able to read it, and nobody else.",
			"/etc/telegraf/telegraf.d/hologram.conf: where Telegraf is told to start this program.",
			"/var/lib/telegraf-hologram: where metrics wait until the cloud has taken them, if buffer_directory names it.",
			"Packages have examples of both files, with .example behind their names.",
		}},
		{Title: "EXAMPLES", Paragraphs: []string{
			"Validate a configuration, and say what it would do:",
			"\ttelegraf-hologram check --config /etc/telegraf/hologram.conf",
			"What waits, how the link is, and what it has cost:",
			"\ttelegraf-hologram status --config /etc/telegraf/hologram.conf",
		}},
		{Title: "NOTES", Paragraphs: []string{
			"An option can be written with one dash as well as with two, and its argument as the next word or behind an equals sign.",
		}},
		{Title: "SEE ALSO", Paragraphs: []string{"telegraf(1)"}},
	}
}

func completion(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	shell := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		shell, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet(programName+" completion", flag.ContinueOnError)
	edge := edgeFlag(fs)
	if code, ok := parse(fs, args, stdout, stderr); !ok {
		return code
	}
	if shell == "" {
		return wrongUsage(fs, stderr, fmt.Errorf("no shell: give one of %s", strings.Join(cli.Shells(), ", ")))
	}
	if err := page(*edge).Completion(stdout, shell); err != nil {
		return wrongUsage(fs, stderr, err)
	}
	return exitDone
}

func manual(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(programName+" man", flag.ContinueOnError)
	edge := edgeFlag(fs)
	if code, ok := parse(fs, args, stdout, stderr); !ok {
		return code
	}
	if err := page(*edge).Man(stdout); err != nil {
		return fail(stderr, err)
	}
	return exitDone
}

func edgeFlag(fs *flag.FlagSet) *bool {
	edge := false
	fs.BoolVar(&edge, "edge", edge, "only the commands that builds for devices have")
	return &edge
}

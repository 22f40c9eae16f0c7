package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/cli"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/journal"
	"telegraf-hologram/plugins/inputs/modem_sms"
)

func smsUsage(w io.Writer) { cli.GroupUsage(w, programName, "sms", commands()) }

// sms reads the journal of received messages, whether the plugin runs or not.
func sms(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		smsUsage(stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	var show func(out *bufio.Writer, e journal.Entry) error
	switch name {
	case "list":
		show = listSMS
	case "replay":
		show = replaySMS
	case "help", "--help", "-help", "-h":
		smsUsage(stdout)
		return exitDone
	default:
		fmt.Fprintf(stderr, "telegraf-hologram: sms cannot %q\n", name)
		smsUsage(stderr)
		return exitUsage
	}

	options := flag.NewFlagSet("telegraf-hologram sms "+name, flag.ContinueOnError)
	var since time.Time
	options.Func("since", "only what was received since a `time` such as 2026-01-31T18:00:00Z, 2026-01-31 18:00 or 2026-01-31, "+
		"or in a duration until now such as 12h or 7d (default: all)", func(s string) (err error) {
		since, err = parseSince(s, time.Now())
		return err
	})
	cfg, code := load(options, rest, stdout, stderr)
	if cfg == nil {
		return code
	}
	plugin, ok := cfg.Input().(*modemsms.ModemSMS)
	switch {
	case !ok:
		return fail(stderr, fmt.Errorf("%s is for %s.%s; sms reads the journal of inputs.modem_sms", cfg.Source, cfg.Kind, cfg.Name))
	case plugin.JournalDirectory == "":
		return fail(stderr, fmt.Errorf("%s has no journal_directory: nothing that is received is kept", cfg.Source))
	}
	return readJournal(plugin.JournalDirectory, since, show, stdout, stderr)
}

// readJournal shows the messages in the journal in a directory.
func readJournal(dir string, since time.Time, show func(*bufio.Writer, journal.Entry) error, stdout, stderr io.Writer) int {
	out := bufio.NewWriter(stdout)
	damaged, err := journal.Read(dir, since, func(e journal.Entry) error { return show(out, e) })
	if e := out.Flush(); err == nil {
		err = e
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(stderr, fmt.Errorf("there is no journal in %s: the plugin has not run yet with it", dir))
	case err != nil:
		return fail(stderr, err)
	case damaged > 0:
		return fail(stderr, fmt.Errorf("the journal in %s is damaged in %s; what is not damaged was read", dir, places(damaged)))
	}
	return exitDone
}

func places(n int) string {
	if n == 1 {
		return "1 place"
	}
	return strconv.Itoa(n) + " places"
}

// parseSince reads a time, or a duration before now.
func parseSince(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return at, nil
		}
	}
	var d execd.Duration
	if err := d.UnmarshalText([]byte(s)); err != nil || d < 0 {
		return time.Time{}, errors.New("want a time such as 2026-01-31T18:00:00Z, or a duration such as 12h")
	}
	return now.Add(-time.Duration(d)), nil
}

// replaySMS writes the metrics of a message as they were printed.
func replaySMS(out *bufio.Writer, e journal.Entry) error {
	lines, ok := modemsms.Lines(e)
	if !ok {
		return nil
	}
	_, err := out.Write(lines)
	return err
}

// listSMS writes a line about a message.
func listSMS(out *bufio.Writer, e journal.Entry) error {
	lines, ok := modemsms.Lines(e)
	if !ok {
		return nil
	}
	split := execd.NewSplitter(execd.MaxRecord, nil)
	records := split.Split(nil, lines)
	if last := split.Finish(); last != nil {
		records = append(records, last)
	}
	if len(records) == 0 {
		return nil
	}
	// The first metric is that of the message, the others are what it holds.
	m, err := execd.ParseRecord(records[0], e.Time)
	if err != nil {
		_, err = fmt.Fprintf(out, "%s  cannot be read: %v\n", e.Time.Format(time.RFC3339), err)
		return err
	}
	_, err = fmt.Fprintf(out, "%s  %-16s  %s\n", e.Time.Format(time.RFC3339), senderOf(m), strings.Join(contentOf(m), ", "))
	return err
}

// senderOf returns the sender, "-" if it is not told.
func senderOf(m telegraf.Metric) string {
	if sender, ok := m.GetTag("sender"); ok {
		return harmless(sender)
	}
	return "-"
}

// contentOf tells of a message what the configuration lets the plugin tell.
func contentOf(m telegraf.Metric) []string {
	var content []string
	if kind, ok := m.GetTag("kind"); ok && kind != "message" {
		content = append(content, harmless(kind))
	}
	if text, ok := m.GetField("text"); ok {
		content = append(content, strconv.Quote(fmt.Sprint(text)))
	} else if data, ok := m.GetField("data"); ok {
		content = append(content, "data "+harmless(fmt.Sprint(data)))
	}
	if n, ok := m.GetField("metrics"); ok {
		content = append(content, fmt.Sprintf("metrics: %v", n))
	}
	if outcome, ok := m.GetField("outcome"); ok {
		content = append(content, harmless(fmt.Sprint(outcome)))
	}
	if missing, ok := m.GetField("missing"); ok {
		content = append(content, "without part "+harmless(fmt.Sprint(missing)))
	}
	if problem, ok := m.GetField("error"); ok {
		content = append(content, "error: "+harmless(fmt.Sprint(problem)))
	}
	if len(content) == 0 {
		return []string{"-"}
	}
	return content
}

// harmless returns a text without what a terminal could take for more than text.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

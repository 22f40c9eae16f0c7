package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Option is an option of a command.
type Option struct {
	Name   string // without dashes
	Arg    string // what its argument is called, in capitals; empty: it has none
	Usage  string // with its default, if that is worth telling
	Values []string
}

// Page is all that manual page and completion tell of a program.
type Page struct {
	Program string
	About   string // completes the sentence that begins with the program's name
	Version string
	Date    string // of the manual page, as 2006-01-02
	Entries []Entry
	// Sections are further sections of the manual page.
	Sections []Section
}

// Entry is a command with its options.
type Entry struct {
	Command
	Options []Option
	Words   []string // arguments that it takes
}

// Section is a section of the manual page: a heading, and paragraphs. A paragraph
// that begins with a tab is an example.
type Section struct {
	Title      string
	Paragraphs []string
}

// Read asks each command for its options: help runs the command line "COMMAND --help"
// with a writer in place of stdout, and values has by "COMMAND --OPTION" what the option
// can be, and by "COMMAND" the arguments.
func (p *Page) Read(commands []Command, help func(stdout io.Writer, args []string), values map[string][]string) {
	for _, c := range commands {
		var text strings.Builder
		help(&text, append(strings.Fields(c.Name), "--help"))
		options := parseOptions(text.String())
		for i, o := range options {
			options[i].Values = values[strings.TrimSpace(c.Name+" --"+o.Name)]
		}
		p.Entries = append(p.Entries, Entry{Command: c, Options: options, Words: values[c.Name]})
	}
}

// parseOptions reads the options in a help, as PrintDefaults of package flag writes
// them: "  -name argument", and what the option is for in lines behind four spaces and a
// tab, or behind a tab in the same line where it is short.
func parseOptions(help string) (options []Option) {
	open := false // whether lines belong to the last option
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		if head, ok := strings.CutPrefix(line, "  -"); ok {
			head, usage, _ := strings.Cut(head, "\t")
			name, arg, _ := strings.Cut(head, " ")
			options = append(options, Option{Name: name, Arg: strings.ToUpper(arg), Usage: usage})
			open = true
			continue
		}
		usage, ok := strings.CutPrefix(line, "    \t")
		if open = open && ok; open {
			o := &options[len(options)-1]
			o.Usage = strings.TrimSpace(o.Usage + " " + usage)
		}
	}
	return options
}

// next are the words that can follow the words of a command, with what they do.
func (p *Page) next(name string) (words, about []string) {
	for _, e := range p.Entries {
		rest, ok := strings.CutPrefix(e.Name, name)
		if name != "" && ok {
			rest, ok = strings.CutPrefix(rest, " ")
		}
		word, more, deeper := strings.Cut(rest, " ")
		if !ok || word == "" || slices.Contains(words, word) {
			continue
		}
		said := e.Summary
		if deeper && more != "" {
			said = ""
		}
		words, about = append(words, word), append(about, said)
	}
	return words, about
}

// names are all word sequences that select a command, and those on the way to one
// ("sms" on the way to "sms list").
func (p *Page) names() []string {
	var all []string
	for _, e := range p.Entries {
		for i := range len(e.Name) + 1 {
			if (i == len(e.Name) || e.Name[i] == ' ') && i > 0 && !slices.Contains(all, e.Name[:i]) {
				all = append(all, e.Name[:i])
			}
		}
	}
	return all
}

// entry returns the command with a name, or one without options.
func (p *Page) entry(name string) Entry {
	for _, e := range p.Entries {
		if e.Name == name {
			return e
		}
	}
	return Entry{Command: Command{Name: name}}
}

// takesFile tells whether the argument of an option is the name of a file.
func (o Option) takesFile() bool {
	switch o.Arg {
	case "FILE", "DIR", "DIRECTORY", "LINK", "SOCKET":
		return true
	}
	return false
}

// Man writes the manual page, section 1, for man(7).
func (p *Page) Man(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 %s %s\n", manWord(strings.ToUpper(p.Program)), p.Date, manWord(p.Program+" "+p.Version))
	b.WriteString(".SH NAME\n" + man(p.Program) + " \\- " + man(p.About) + "\n.SH SYNOPSIS\n")
	for i, e := range p.Entries {
		if e.Detail {
			continue
		}
		if i > 0 {
			b.WriteString(".br\n")
		}
		b.WriteString(manCall(p.Program, e.Command) + "\n")
	}
	b.WriteString(".SH COMMANDS\n")
	for _, e := range p.Entries {
		fmt.Fprintf(&b, ".SS %s\n%s.\n", manWord(strings.TrimSpace(p.Program+" "+e.Name)), man(upperFirst(e.Summary)))
		if e.Args != "" {
			b.WriteString(".PP\n" + manCall(p.Program, e.Command) + "\n")
		}
		for _, o := range e.Options {
			b.WriteString(".TP\n\\fB\\-\\-" + man(o.Name) + "\\fR")
			if o.Arg != "" {
				b.WriteString(" \\fI" + man(o.Arg) + "\\fR")
			}
			b.WriteString("\n" + man(upperFirst(o.Usage)) + ".\n")
		}
	}
	for _, s := range p.Sections {
		fmt.Fprintf(&b, ".SH %s\n", manWord(s.Title))
		for i, text := range s.Paragraphs {
			if example, ok := strings.CutPrefix(text, "\t"); ok {
				b.WriteString(".PP\n.nf\n.RS\n" + man(example) + "\n.RE\n.fi\n")
				continue
			}
			if i > 0 {
				b.WriteString(".PP\n")
			}
			b.WriteString(man(text) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func manCall(program string, c Command) string {
	s := "\\fB" + man(strings.TrimSpace(program+" "+c.Name)) + "\\fR"
	if c.Args != "" {
		s += " " + man(c.Args)
	}
	return s
}

// man escapes text for troff.
func man(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "\n.", "\n\\&.", "\n'", "\n\\&'").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// manWord makes one argument of a macro.
func manWord(s string) string { return `"` + strings.ReplaceAll(man(s), `"`, `\(dq`) + `"` }

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

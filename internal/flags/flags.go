// Package flags reads the options of a command line.
//
// It does what package flag does, in the same words, for options that are texts,
// whole numbers, switches or functions, and its tests hold it to that. Package
// flag, with what it links for types that are not used here, is 25 kB of the 4 MB
// that the binary for devices may have.
package flags

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"telegraf-hologram/internal/order"
)

// ErrHelp is the error of Parse for -h and -help.
var ErrHelp = errors.New("flag: help requested")

// Set is the options of a command. The zero value has none.
type Set struct {
	// Name is that of the command, for messages.
	Name    string
	options []option
	args    []string
}

// option is one of them.
type option struct {
	name, usage string
	byDefault   string // as the list of options shows it; "" where it does not
	takes       string // the value's name where usage has none; "" of a switch
	set         func(string) error
}

// Func adds an option whose value set reads. In the usage of an option, what is
// in backquotes is what its value is called.
func (s *Set) Func(name, usage string, set func(value string) error) {
	s.options = append(s.options, option{name: name, usage: usage, takes: "value", set: set})
}

// String adds an option that is a text. What p has is its default.
func (s *Set) String(p *string, name, usage string) {
	byDefault := ""
	if *p != "" {
		byDefault = strconv.Quote(*p)
	}
	s.options = append(s.options, option{name, usage, byDefault, "string", func(value string) error {
		*p = value
		return nil
	}})
}

// Int adds an option that is a whole number. What p has is its default.
func (s *Set) Int(p *int, name, usage string) {
	byDefault := ""
	if *p != 0 {
		byDefault = strconv.Itoa(*p)
	}
	s.options = append(s.options, option{name, usage, byDefault, "int", func(value string) error {
		n, err := strconv.ParseInt(value, 0, strconv.IntSize)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return errors.New("value out of range")
		case err != nil:
			return errors.New("parse error")
		}
		*p = int(n)
		return nil
	}})
}

// Bool adds a switch, which is off by default and needs no value.
func (s *Set) Bool(p *bool, name, usage string) {
	s.options = append(s.options, option{name: name, usage: usage, set: func(value string) (err error) {
		if *p, err = strconv.ParseBool(value); err != nil {
			return errors.New("parse error")
		}
		return nil
	}})
}

// Args returns the arguments behind the options.
func (s *Set) Args() []string { return s.args }

// Parse reads options up to the first argument that is none, or to "--": -name
// value or -name=value, with one hyphen or two.
func (s *Set) Parse(args []string) error {
	for s.args = args; len(s.args) > 0; {
		arg := s.args[0]
		if len(arg) < 2 || arg[0] != '-' {
			return nil
		}
		s.args = s.args[1:]
		if arg == "--" {
			return nil
		}
		name := strings.TrimPrefix(arg[1:], "-")
		if name == "" || name[0] == '-' || name[0] == '=' {
			return fmt.Errorf("bad flag syntax: %s", arg)
		}
		name, value, given := strings.Cut(name, "=")
		if err := s.option(name, value, given); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) option(name, value string, given bool) error {
	for _, o := range s.options {
		switch {
		case o.name != name:
			continue
		case o.takes == "" && !given:
			value = "true"
		case o.takes == "":
			if err := o.set(value); err != nil {
				return fmt.Errorf("invalid boolean value %q for -%s: %w", value, name, err)
			}
			return nil
		case !given && len(s.args) == 0:
			return fmt.Errorf("flag needs an argument: -%s", name)
		case !given:
			value, s.args = s.args[0], s.args[1:]
		}
		if err := o.set(value); err != nil {
			return fmt.Errorf("invalid value %q for flag -%s: %w", value, name, err)
		}
		return nil
	}
	if name == "help" || name == "h" {
		return ErrHelp
	}
	return fmt.Errorf("flag provided but not defined: -%s", name)
}

// PrintDefaults writes the list of all options, in order of their names.
func (s *Set) PrintDefaults(w io.Writer) {
	all := append([]option(nil), s.options...)
	order.Sort(len(all), func(i, j int) bool { return all[i].name < all[j].name }, func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, o := range all {
		takes, usage := o.takes, o.usage
		if before, rest, ok := strings.Cut(usage, "`"); ok {
			if called, after, ok := strings.Cut(rest, "`"); ok {
				takes, usage = called, before+called+after
			}
		}
		if takes != "" {
			takes = " " + takes
		}
		if o.byDefault != "" {
			usage += " (default " + o.byDefault + ")"
		}
		fmt.Fprintf(w, "  -%s%s\n    \t%s\n", o.name, takes, strings.ReplaceAll(usage, "\n", "\n    \t"))
	}
}

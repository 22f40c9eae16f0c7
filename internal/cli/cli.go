// Package cli describes the command line of a program once, for all who tell of it:
// the help, the manual page, and the completion in shells. The commands are a table;
// their options are what each command says that it has when it is asked for help, in
// the form of package flag.
package cli

import (
	"fmt"
	"io"
	"strings"
)

// Command is a command of a program.
type Command struct {
	// Name are the words that select it, such as "check" or "sms list"; empty is the
	// program without a command.
	Name string
	// Args is what has to follow, or can, as help shows it: "--config FILE".
	Args string
	// Summary says in one line what it does, without a full stop.
	Summary string
	// Detail keeps it out of the program's help: it is in that of the command that its
	// first word is. The manual page and completion have it.
	Detail bool
	// Run does it. It gets the arguments after the first word of the name, and returns
	// the exit code.
	Run func(args []string, stdin io.Reader, stdout, stderr io.Writer) int
}

// synopsis is how the command is called.
func (c *Command) synopsis(program string) string {
	s := program
	if c.Name != "" {
		s += " " + c.Name
	}
	if c.Args != "" {
		s += " " + c.Args
	}
	return s
}

// narrow is the width of the column with the commands in the help.
const narrow = 43

// Usage writes the help of a program.
func Usage(w io.Writer, program, about string, commands []Command) {
	fmt.Fprintf(w, "%s %s.\n\n", program, about)
	list(w, program, "", commands)
	fmt.Fprintf(w, "\n\"%s COMMAND --help\" lists the options of a command.\n", program)
}

// GroupUsage writes the help of the commands whose names begin with the same word.
func GroupUsage(w io.Writer, program, word string, commands []Command) {
	list(w, program, word+" ", commands)
}

func list(w io.Writer, program, prefix string, commands []Command) {
	fmt.Fprint(w, "Usage:\n")
	for i := range commands {
		c := &commands[i]
		if c.Detail || !strings.HasPrefix(c.Name, prefix) {
			continue
		}
		line := "  " + c.synopsis(program)
		if len(line) >= narrow {
			fmt.Fprintln(w, line)
			line = ""
		}
		fmt.Fprintf(w, "%s%s%s\n", line, strings.Repeat(" ", narrow-len(line)), c.Summary)
	}
}

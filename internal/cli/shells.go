package cli

import (
	"fmt"
	"io"
	"strings"
)

// Shells are the shells that [Page.Completion] knows.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion writes the completion for a shell.
func (p *Page) Completion(w io.Writer, shell string) error {
	var b strings.Builder
	switch shell {
	case "bash":
		p.bash(&b)
	case "zsh":
		p.zsh(&b)
	case "fish":
		p.fish(&b)
	default:
		return fmt.Errorf("no completion for the shell %q; there is one for %s", shell, strings.Join(Shells(), ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// function is the name of a shell function for the program.
func (p *Page) function() string { return "_" + strings.ReplaceAll(p.Program, "-", "_") }

// quoted is text in single quotes for any of the shells. Fish takes a backslash within
// them for itself, the others do not.
func quoted(s string, fish bool) string {
	if fish {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// patterns are the names of commands as patterns of case.
func patterns(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = quoted(name, false)
	}
	return strings.Join(all, " | ")
}

func (e Entry) flags() string {
	var all []string
	for _, o := range e.Options {
		all = append(all, "--"+o.Name)
	}
	return strings.Join(append(all, "--help"), " ")
}

func (p *Page) bash(b *strings.Builder) {
	f := p.function()
	fmt.Fprintf(b, `# bash completion for %[1]s
%[2]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} name='' next words='' flags='' i
	COMPREPLY=()
	# "--option=value" is three words here.
	if [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == = ]]; then
		cur=''
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		next="${name:+$name }${COMP_WORDS[i]}"
		case $next in
		%[3]s) name=$next ;;
		*) break ;;
		esac
	done
	case "$name $prev" in
`, p.Program, f, patterns(p.names()))
	var files []string
	for _, e := range p.Entries {
		for _, o := range e.Options {
			pattern := quoted(e.Name+" --"+o.Name, false) + " | " + quoted(e.Name+" -"+o.Name, false)
			switch {
			case o.takesFile():
				files = append(files, pattern)
			case len(o.Values) > 0:
				fmt.Fprintf(b, "\t%s)\n\t\tmapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\")\n\t\treturn\n\t\t;;\n", pattern, quoted(strings.Join(o.Values, " "), false))
			case o.Arg != "":
				fmt.Fprintf(b, "\t%s) return ;;\n", pattern)
			}
		}
	}
	if len(files) > 0 {
		fmt.Fprintf(b, "\t%s)\n\t\tcompopt -o filenames 2>/dev/null\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\t\treturn\n\t\t;;\n", strings.Join(files, " | \\\n\t\t"))
	}
	b.WriteString("\tesac\n\tcase $name in\n")
	for _, name := range append([]string{""}, p.names()...) {
		e := p.entry(name)
		words, _ := p.next(name)
		fmt.Fprintf(b, "\t%s) words=%s flags=%s ;;\n", quoted(name, false), quoted(strings.Join(append(words, e.Words...), " "), false), quoted(e.flags(), false))
	}
	fmt.Fprintf(b, `	esac
	[[ $cur != -* ]] || words=$flags
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F %s %s
`, f, p.Program)
}

// zshText is a description within a specification of _arguments or _describe.
func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
}

func (p *Page) zsh(b *strings.Builder) {
	fmt.Fprintf(b, `#compdef %[1]s
# zsh completion for %[1]s
%[2]s() {
	local name='' next i
	local -a specs commands
	for ((i = 2; i < CURRENT; i++)); do
		next="${name:+$name }${words[i]}"
		case $next in
		%[3]s) name=$next ;;
		*) break ;;
		esac
	done
	# What follows the words of the command stands alone.
	shift $((i - 2)) words
	((CURRENT -= i - 2))
	specs=('(- *)--help[say what it is for]')
	case $name in
`, p.Program, p.function(), patterns(p.names()))
	for _, name := range append([]string{""}, p.names()...) {
		e := p.entry(name)
		fmt.Fprintf(b, "\t%s)\n", quoted(name, false))
		for _, o := range e.Options {
			spec := "--" + o.Name
			if o.Arg != "" {
				spec += "="
			}
			spec += "[" + zshText(o.Usage) + "]"
			switch {
			case o.takesFile():
				spec += ":" + zshText(strings.ToLower(o.Arg)) + ":_files"
			case o.Arg != "":
				spec += ":" + zshText(strings.ToLower(o.Arg)) + ":(" + strings.Join(o.Values, " ") + ")"
			}
			fmt.Fprintf(b, "\t\tspecs+=(%s)\n", quoted(spec, false))
		}
		words, about := p.next(name)
		for i, word := range words {
			fmt.Fprintf(b, "\t\tcommands+=(%s)\n", quoted(zshText(word)+":"+zshText(about[i]), false))
		}
		for _, word := range e.Words {
			fmt.Fprintf(b, "\t\tcommands+=(%s)\n", quoted(zshText(word), false))
		}
		b.WriteString("\t\t;;\n")
	}
	fmt.Fprintf(b, `	esac
	if ((CURRENT == 2 && ${#commands})) && [[ ${words[2]} != -* ]]; then
		_describe command commands
		return
	fi
	_arguments $specs
}
# Read by the completion system on first use, or by hand with source.
if [[ $funcstack[1] == _%[1]s ]]; then
	%[2]s "$@"
else
	compdef %[2]s %[1]s
fi
`, p.Program, p.function())
}

func (p *Page) fish(b *strings.Builder) {
	f := "_" + p.function()
	fmt.Fprintf(b, `# fish completion for %[1]s
function %[2]s_at --description 'whether the command on the line is this one'
	set -l name ''
	set -l tokens (commandline -opc)
	for word in $tokens[2..-1]
		set -l next (string trim -- "$name $word")
		switch $next
			case %[3]s
				set name $next
			case '*'
				break
		end
	end
	test "$name" = "$argv[1]"
end
complete -c %[1]s -f
`, p.Program, f, strings.ReplaceAll(patterns(p.names()), " | ", " "))
	for _, name := range append([]string{""}, p.names()...) {
		e := p.entry(name)
		head := fmt.Sprintf("complete -c %s -n %s", p.Program, quoted(f+"_at "+quoted(name, true), true))
		words, about := p.next(name)
		for i, word := range words {
			fmt.Fprintf(b, "%s -a %s -d %s\n", head, word, quoted(about[i], true))
		}
		if len(e.Words) > 0 {
			fmt.Fprintf(b, "%s -a %s\n", head, quoted(strings.Join(e.Words, " "), true))
		}
		for _, o := range e.Options {
			fmt.Fprintf(b, "%s -l %s", head, o.Name)
			switch {
			case o.takesFile():
				b.WriteString(" -r -F")
			case len(o.Values) > 0:
				b.WriteString(" -x -a " + quoted(strings.Join(o.Values, " "), true))
			case o.Arg != "":
				b.WriteString(" -x")
			}
			b.WriteString(" -d " + quoted(o.Usage, true) + "\n")
		}
		fmt.Fprintf(b, "%s -l help -d 'say what it is for'\n", head)
	}
}

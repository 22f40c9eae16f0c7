package smstext

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// node is a part of a template.
type node struct {
	kind   nodeKind
	text   string // of textNode
	pipe   *pipeline
	body   []node
	orElse []node
}

type nodeKind int

const (
	textNode nodeKind = iota
	actionNode
	ifNode
	withNode
	rangeNode
)

// pipeline is a row of commands, each of which gets the value of the one before
// as its last argument.
type pipeline struct {
	at       int
	slots    []int // of variables that take the value
	declares bool  // rather than assigns
	commands []command
}

// command is a function with its arguments, or an operand: a value, or a method
// with its arguments.
type command struct {
	at       int
	function *function // nil: it is first
	first    operand
	args     []operand
}

// operand is where a value comes from, and the names of what is taken of it.
type operand struct {
	at    int
	kind  operandKind
	value any // of literal
	slot  int // of variable
	pipe  *pipeline
	names []string // of dot, dollar and variable
}

type operandKind int

const (
	literal  operandKind = iota
	dot                  // .
	dollar               // $
	variable             // $name
	nested               // (…)
)

// parser reads a template. What it takes is a subset of what text/template does.
type parser struct {
	text string
	at   int      // of the next byte
	vars []string // in scope; the index is the slot
	most int      // of vars at any place
	// inside is how many range and with are around, in which dot is not known.
	inside int
}

const (
	space     = " \t\r\n"
	leftMark  = "{{"
	rightMark = "}}"
)

func (p *parser) errorf(at int, format string, args ...any) error {
	line, character := p.lineOf(at)
	return &SyntaxError{Line: line, Character: character, Problem: fmt.Sprintf(format, args...)}
}

func (p *parser) lineOf(at int) (line, character int) {
	before := p.text[:min(at, len(p.text))]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// place describes an offset.
func (p *parser) place(at int) string {
	line, character := p.lineOf(at)
	e := &SyntaxError{Line: line, Character: character}
	return strings.TrimSuffix(e.Error(), ": ")
}

// parse reads all of the template.
func (p *parser) parse() ([]node, error) {
	nodes, end, at, err := p.list()
	if err != nil {
		return nil, err
	}
	if end != "" {
		return nil, p.errorf(at, "%s without if, with or range before it", end)
	}
	return nodes, nil
}

// list reads text and actions up to the end of the template or to "end" or
// "else", whose word and place it returns, with the parser behind the word.
func (p *parser) list() (nodes []node, word string, at int, err error) {
	for {
		text := p.text[p.at:]
		i := strings.Index(text, leftMark)
		if i < 0 {
			p.at = len(p.text)
			return appendText(nodes, text), "", 0, nil
		}
		start := p.at + i
		p.at = start + len(leftMark)
		text = text[:i]
		if rest := p.text[p.at:]; len(rest) >= 2 && rest[0] == '-' && strings.IndexByte(space, rest[1]) >= 0 {
			text = strings.TrimRight(text, space)
			p.at += 2
		}
		nodes = appendText(nodes, text)
		if strings.HasPrefix(p.text[p.at:], "/*") {
			if err := p.comment(start); err != nil {
				return nil, "", 0, err
			}
			continue
		}
		p.skip()
		if p.at >= len(p.text) {
			return nil, "", 0, p.errorf(start, "this action has no end; want %s", rightMark)
		}
		word, at := p.word()
		switch word {
		case "end", "else":
			return nodes, word, at, nil
		case "if", "with", "range":
			n, err := p.block(word, at)
			if err != nil {
				return nil, "", 0, err
			}
			nodes = append(nodes, n)
		case "define", "template", "block", "break", "continue":
			return nil, "", 0, p.errorf(at, "%s is not taken here; there are if, else, with, range and end", word)
		default:
			p.at = at
			pipe, err := p.pipeline(pipeAction)
			if err != nil {
				return nil, "", 0, err
			}
			if err := p.finish(); err != nil {
				return nil, "", 0, err
			}
			nodes = append(nodes, node{kind: actionNode, pipe: pipe})
		}
	}
}

func appendText(nodes []node, text string) []node {
	if text == "" {
		return nodes
	}
	return append(nodes, node{kind: textNode, text: text})
}

// comment passes over a comment, whose action began at start.
func (p *parser) comment(start int) error {
	p.at += len("/*")
	i := strings.Index(p.text[p.at:], "*/")
	if i < 0 {
		return p.errorf(start, "this comment has no end; want */}}")
	}
	p.at += i + len("*/")
	if n := p.closing(); n > 0 {
		p.close(n)
		return nil
	}
	return p.errorf(p.at, "something stands behind the comment; want */}} at its end")
}

// skip passes over space.
func (p *parser) skip() {
	for p.at < len(p.text) && strings.IndexByte(space, p.text[p.at]) >= 0 {
		if strings.HasPrefix(p.text[p.at+1:], "-"+rightMark) {
			return // the space belongs to the mark
		}
		p.at++
	}
}

// closing is the length of the mark at the end of an action, 0 where there is
// none.
func (p *parser) closing() int {
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, rightMark):
		return len(rightMark)
	case rest != "" && strings.IndexByte(space, rest[0]) >= 0 && strings.HasPrefix(rest[1:], "-"+rightMark):
		return 2 + len(rightMark)
	}
	return 0
}

// close passes over the mark at the end of an action, and over space behind it
// if the mark says so.
func (p *parser) close(mark int) {
	p.at += mark
	if mark > len(rightMark) {
		rest := p.text[p.at:]
		p.at += len(rest) - len(strings.TrimLeft(rest, space))
	}
}

// finish passes over the end of an action.
func (p *parser) finish() error {
	p.skip()
	n := p.closing()
	if n == 0 {
		return p.unexpected("the end of the action")
	}
	p.close(n)
	return nil
}

// unexpected is the error for what comes next.
func (p *parser) unexpected(want string) error {
	if p.at >= len(p.text) {
		return p.errorf(p.at, "the template ends; want %s", want)
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return p.errorf(p.at, "found %q; want %s", r, want)
}

// ended checks that a name ends where it does: another character in it is a
// mistake.
func (p *parser) ended() error {
	if p.at >= len(p.text) || strings.IndexByte(space+".,|:()", p.text[p.at]) >= 0 || p.closing() > 0 {
		return nil
	}
	return p.unexpected("space")
}

// word reads the letters, digits and underlines that come next.
func (p *parser) word() (word string, at int) {
	at = p.at
	for p.at < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.at:])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		p.at += n
	}
	return p.text[at:p.at], at
}

// block reads what is up to the "end" of an if, with or range.
func (p *parser) block(word string, at int) (node, error) {
	var n node
	switch word {
	case "if":
		n.kind = ifNode
	case "with":
		n.kind = withNode
	default:
		n.kind = rangeNode
	}
	if err := p.ended(); err != nil {
		return n, err
	}
	scope := len(p.vars)
	defer func() { p.vars = p.vars[:scope] }()
	context := pipeAction
	if n.kind == rangeNode {
		context = pipeRange
	}
	var err error
	if n.pipe, err = p.pipeline(context); err != nil {
		return n, err
	}
	if err = p.finish(); err != nil {
		return n, err
	}
	inner := len(p.vars)
	if n.kind != ifNode {
		p.inside++
	}
	var end string
	n.body, end, _, err = p.list()
	if n.kind != ifNode {
		p.inside--
	}
	if err != nil {
		return n, err
	}
	p.vars = p.vars[:inner]
	if end == "" {
		return n, p.errorf(at, "this %s has no end; want {{end}}", word)
	}
	if end == "else" {
		p.skip()
		next, nextAt := p.word()
		if next == word && n.kind != rangeNode {
			nested, err := p.block(word, nextAt)
			n.orElse = []node{nested}
			return n, err // its end is ours
		}
		p.at = nextAt
		if err := p.finish(); err != nil {
			return n, err
		}
		elseAt := p.at
		if n.orElse, end, _, err = p.list(); err != nil {
			return n, err
		}
		if end != "end" {
			return n, p.errorf(elseAt, "this else has no end; want {{end}}")
		}
	}
	return n, p.finish()
}

// What a pipeline may be.
const (
	pipeAction = iota // of an action: it may declare and assign one variable
	pipeRange         // it may declare two
	pipeNested        // in parentheses
)

// pipeline reads up to the end of the action, or to a parenthesis if it is in
// such.
func (p *parser) pipeline(context int) (*pipeline, error) {
	p.skip()
	pipe := &pipeline{at: p.at}
	names, err := p.variables(context, pipe)
	if err != nil {
		return nil, err
	}
	for {
		p.skip()
		c, err := p.command(len(pipe.commands) > 0)
		if err != nil {
			return nil, err
		}
		pipe.commands = append(pipe.commands, c)
		p.skip()
		if !strings.HasPrefix(p.text[p.at:], "|") {
			break
		}
		p.at++
	}
	if context == pipeRange {
		if err := p.rangeable(pipe); err != nil {
			return nil, err
		}
	}
	for _, name := range names { // from here on, not in the pipeline itself
		pipe.slots = append(pipe.slots, len(p.vars))
		p.vars = append(p.vars, name)
	}
	p.most = max(p.most, len(p.vars))
	return pipe, nil
}

// rangeable refuses at once what certainly cannot be gone through.
func (p *parser) rangeable(pipe *pipeline) error {
	c := pipe.commands[len(pipe.commands)-1]
	if c.function != nil && c.function.name != "or" && c.function.name != "and" || c.function == nil && c.first.kind == literal {
		return p.errorf(c.at, "range goes through .Tags and .Fields only")
	}
	return nil
}

// variables reads "$name :=", "$name =" or, for range, "$key, $value :=", if one
// of them comes next. It returns the names of variables that are declared.
func (p *parser) variables(context int, pipe *pipeline) (names []string, err error) {
	begin := p.at
	first, ok := p.variable()
	if !ok {
		return nil, nil
	}
	if err := p.ended(); err != nil {
		return nil, err
	}
	names = []string{first}
	p.skip()
	if strings.HasPrefix(p.text[p.at:], ",") {
		if context != pipeRange {
			return nil, p.errorf(p.at, "only range sets two variables")
		}
		p.at++
		p.skip()
		second, ok := p.variable()
		if !ok {
			return nil, p.unexpected("a variable such as $value")
		}
		if err := p.ended(); err != nil {
			return nil, err
		}
		names = append(names, second)
		p.skip()
	}
	rest := p.text[p.at:]
	declares, assigns := strings.HasPrefix(rest, ":="), strings.HasPrefix(rest, "=")
	switch {
	case !declares && !assigns && len(names) == 1:
		p.at = begin // it is an operand
		return nil, nil
	case context == pipeNested:
		return nil, p.errorf(begin, "no variable is set in parentheses here")
	case declares:
		p.at += len(":=")
		pipe.declares = true
		if slices.Contains(names, "$") {
			return nil, p.errorf(begin, "$ is the metric and cannot be set")
		}
		return names, nil
	case assigns && context == pipeRange:
		return nil, p.errorf(p.at, "want := to declare the variables of a range")
	case assigns:
		p.at += len("=")
		slot, ok := p.slot(first)
		if !ok {
			return nil, p.errorf(begin, "the variable %s is not known here", first)
		}
		pipe.slots = []int{slot}
		return nil, nil
	}
	return nil, p.unexpected(`":="`)
}

// variable reads "$" or "$name" if that comes next.
func (p *parser) variable() (name string, ok bool) {
	if p.at >= len(p.text) || p.text[p.at] != '$' {
		return "", false
	}
	p.at++
	word, _ := p.word()
	return "$" + word, true
}

// slot returns where a variable is.
func (p *parser) slot(name string) (int, bool) {
	found := false
	slot := 0
	for i, v := range p.vars {
		if v == name { // the last one counts
			slot, found = i, true
		}
	}
	return slot, found
}

// command reads one command; given tells that it gets the value of the one
// before.
func (p *parser) command(given bool) (command, error) {
	c := command{at: p.at}
	word, at := p.word()
	switch {
	case word == "" || word == "true" || word == "false" || word[0] >= '0' && word[0] <= '9':
		p.at = at
		first, err := p.operand()
		if err != nil {
			return c, err
		}
		c.first = first
	default:
		if c.function = functionOf(word); c.function == nil {
			return c, p.errorf(at, "%s is no function here; there are %s", word, functionNames())
		}
		if err := p.ended(); err != nil {
			return c, err
		}
	}
	for {
		before := p.at
		p.skip()
		if p.closing() > 0 || p.at < len(p.text) && (p.text[p.at] == '|' || p.text[p.at] == ')') {
			break
		}
		if p.at == before {
			return c, p.unexpected("space, | or the end of the action")
		}
		arg, err := p.operand()
		if err != nil {
			return c, err
		}
		if err := p.method(&arg, 0); err != nil {
			return c, err
		}
		c.args = append(c.args, arg)
	}
	n := len(c.args)
	if given {
		n++
	}
	return c, p.checkCommand(&c, n)
}

// checkCommand checks a command of n arguments.
func (p *parser) checkCommand(c *command, n int) error {
	f := c.function
	switch {
	case f == nil && len(c.first.names) > 0:
		return p.method(&c.first, n)
	case f == nil && n > 0:
		return p.errorf(c.at, "this is no function and takes no value")
	case f == nil:
		return nil
	case n < f.least || f.most >= 0 && n > f.most:
		return p.errorf(c.at, "%s has %d arguments; want %s", f.name, n, f.want)
	case f.check != nil && len(c.args) > 0 && c.args[0].kind == literal:
		if err := f.check(c.args[0].value); err != nil {
			return p.errorf(c.args[0].at, "%s: %v", f.name, err)
		}
	}
	return nil
}

// method checks the names that are taken of the metric; n values are given.
func (p *parser) method(o *operand, n int) error {
	if len(o.names) == 0 {
		return nil
	}
	ofMetric := o.kind == dollar || o.kind == dot && p.inside == 0
	if !ofMetric {
		return nil // known when the template is filled in
	}
	name := o.names[0]
	want := 0
	deeper := o.names[1:]
	switch name {
	case "Name":
		if len(deeper) > 0 {
			return p.errorf(o.at, ".%s has nothing in it", name)
		}
	case "Tags", "Fields":
		if len(deeper) > 1 {
			return p.errorf(o.at, ".%s has nothing in it", strings.Join(o.names[:2], "."))
		}
	case "Time":
		if len(deeper) > 0 {
			last := deeper[len(deeper)-1]
			for _, d := range deeper[:len(deeper)-1] {
				if d != "UTC" {
					return p.errorf(o.at, ".Time has no %s; %s", d, timeHas)
				}
			}
			switch last {
			case "Format":
				want = 1
			case "UTC", "Unix":
			default:
				return p.errorf(o.at, ".Time has no %s; %s", last, timeHas)
			}
		}
	case "Tag", "Field":
		if len(deeper) > 0 {
			return p.errorf(o.at, `.%s has nothing in it; want .%s "key"`, name, name)
		}
		want = 1
	default:
		return p.errorf(o.at, "there is no .%s; %s", name, metricHas)
	}
	if n != want {
		if want == 0 {
			return p.errorf(o.at, ".%s takes no value", strings.Join(o.names, "."))
		}
		return p.errorf(o.at, `.%s takes one value; want (.%s "…")`, strings.Join(o.names, "."), strings.Join(o.names, "."))
	}
	return nil
}

const (
	metricHas = `there are .Name, .Time, .Tags, .Fields, .Tag "key" and .Field "key"`
	timeHas   = `there are .Time.Format "15:04", .Time.UTC and .Time.Unix`
)

// operand reads one operand.
func (p *parser) operand() (operand, error) {
	o := operand{at: p.at}
	if p.at >= len(p.text) {
		return o, p.unexpected("a value")
	}
	var err error
	switch c := p.text[p.at]; {
	case c == '"' || c == '`':
		o.value, err = p.quoted(c)
		return o, err
	case c == '(':
		p.at++
		o.kind = nested
		if o.pipe, err = p.pipeline(pipeNested); err != nil {
			return o, err
		}
		p.skip()
		if !strings.HasPrefix(p.text[p.at:], ")") {
			return o, p.unexpected(`")"`)
		}
		p.at++
		if strings.HasPrefix(p.text[p.at:], ".") {
			return o, p.errorf(p.at, "nothing can be taken of what is in parentheses")
		}
		return o, nil
	case c == '.' && !p.digitAt(p.at+1):
		o.kind = dot
		if name := p.name(); name != "" {
			o.names = append(o.names, name)
		}
	case c == '$':
		name, _ := p.variable()
		o.kind = dollar
		if name != "$" {
			o.kind = variable
			var ok bool
			if o.slot, ok = p.slot(name); !ok {
				return o, p.errorf(o.at, "the variable %s is not known here", name)
			}
		}
	case c == '+' || c == '-' || p.digitAt(p.at) || c == '.':
		o.value, err = p.number()
		return o, err
	case c == '\'':
		return o, p.errorf(o.at, `want text in "…"`)
	default:
		word, _ := p.word()
		switch {
		case word == "true" || word == "false":
			o.value = word == "true"
			return o, p.ended()
		case functionOf(word) != nil:
			return o, p.errorf(o.at, "a function with its values needs parentheses here: (%s …)", word)
		case word != "":
			return o, p.errorf(o.at, "%s is no value", word)
		}
		return o, p.unexpected("a value")
	}
	for (o.kind != dot || len(o.names) > 0) && strings.HasPrefix(p.text[p.at:], ".") && !p.digitAt(p.at+1) {
		name := p.name()
		if name == "" {
			return o, p.unexpected("a name")
		}
		o.names = append(o.names, name)
	}
	return o, p.ended()
}

// name reads a dot and the name behind it, of which there may be none.
func (p *parser) name() string {
	p.at++
	word, _ := p.word()
	return word
}

func (p *parser) digitAt(i int) bool {
	return i < len(p.text) && p.text[i] >= '0' && p.text[i] <= '9'
}

// quoted reads a text in quotes.
func (p *parser) quoted(quote byte) (string, error) {
	start := p.at
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.at = i + 1
			text, err := strconv.Unquote(p.text[start:p.at])
			if err != nil {
				return "", p.errorf(start, `this text has a backslash that means nothing; \\ is a backslash`)
			}
			return text, nil
		case c == '\\' && quote == '"':
			i++
		case c == '\n' && quote == '"':
			return "", p.errorf(start, "this text has no end on its line")
		}
	}
	return "", p.errorf(start, "this text has no end; a quote is missing")
}

// number reads a whole or decimal number.
func (p *parser) number() (any, error) {
	start := p.at
	if c := p.text[p.at]; c == '+' || c == '-' {
		p.at++
	}
	for p.at < len(p.text) && (p.digitAt(p.at) || p.text[p.at] == '.') {
		p.at++
	}
	text := p.text[start:p.at]
	digits := strings.TrimLeft(text, "+-")
	// Others, such as 0x10, 010 and 1_000, are numbers to text/template.
	if rest, at := p.word(); rest != "" || len(digits) > 1 && digits[0] == '0' && digits[1] != '.' {
		p.at = at
		return nil, p.errorf(start, "numbers are written as 12, -3 and 0.5 here")
	}
	if !strings.Contains(text, ".") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			if int64(int(n)) == n {
				return int(n), nil
			}
			return n, nil
		}
	} else if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f, nil
	}
	return nil, p.errorf(start, "this is no number, or too large a one")
}

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
	commands []*command
}

// command is a function with its arguments, or an operand: a value, or a method
// with its arguments.
type command struct {
	at       int
	function *function // nil: it is first
	first    *operand
	args     []*operand
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
// Its methods end with fail where the template is wrong, as in text/template:
// there is nothing to go on with.
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

// fail ends parsing: parse returns the error.
func (p *parser) fail(at int, format string, args ...any) {
	line, character := p.lineOf(at)
	panic(&SyntaxError{Line: line, Character: character, Problem: fmt.Sprintf(format, args...)})
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
func (p *parser) parse() (nodes []node, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			nodes, err = nil, e
		default:
			panic(e)
		}
	}()
	if len(p.text) > MaxTemplate {
		p.fail(MaxTemplate, "the template is longer than %d bytes", MaxTemplate)
	}
	nodes, end, at := p.list()
	if end != "" {
		p.fail(at, "%s without if, with or range before it", end)
	}
	return nodes, nil
}

// list reads text and actions up to the end of the template or to "end" or
// "else", whose word and place it returns, with the parser behind the word.
func (p *parser) list() (nodes []node, word string, at int) {
	for {
		text := p.text[p.at:]
		i := strings.Index(text, leftMark)
		if i < 0 {
			p.at = len(p.text)
			return appendText(nodes, text), "", 0
		}
		start := p.at + i
		p.at = start + len(leftMark)
		text = text[:i]
		if p.next("-") && isSpace(p.peek(1)) {
			text = strings.TrimRight(text, space)
			p.at += 2
		}
		nodes = appendText(nodes, text)
		if p.next("/*") {
			p.comment(start)
			continue
		}
		p.skip()
		if p.at >= len(p.text) {
			p.fail(start, "this action has no end; want %s", rightMark)
		}
		word, at := p.word()
		switch word {
		case "end", "else":
			return nodes, word, at
		case "if", "with", "range":
			nodes = append(nodes, p.block(word, at))
		case "define", "template", "block", "break", "continue":
			p.fail(at, "%s is not taken here; there are if, else, with, range and end", word)
		default:
			p.at = at
			nodes = append(nodes, node{kind: actionNode, pipe: p.pipeline(pipeAction)})
			p.finish()
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
func (p *parser) comment(start int) {
	p.at += len("/*")
	i := strings.Index(p.text[p.at:], "*/")
	if i < 0 {
		p.fail(start, "this comment has no end; want */}}")
	}
	p.at += i + len("*/")
	n := p.closing()
	if n == 0 {
		p.fail(p.at, "something stands behind the comment; want */}} at its end")
	}
	p.close(n)
}

// next tells whether a text comes next.
func (p *parser) next(s string) bool { return strings.HasPrefix(p.text[p.at:], s) }

// peek returns a byte of the text, 0 behind its end.
func (p *parser) peek(ahead int) byte {
	if i := p.at + ahead; i < len(p.text) {
		return p.text[i]
	}
	return 0
}

func isSpace(c byte) bool { return c != 0 && strings.IndexByte(space, c) >= 0 }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// skip passes over space, but not over that which belongs to the mark at the end.
func (p *parser) skip() {
	for isSpace(p.peek(0)) && p.closing() == 0 {
		p.at++
	}
}

// closing is the length of the mark at the end of an action, 0 where there is
// none.
func (p *parser) closing() int {
	switch {
	case p.next(rightMark):
		return len(rightMark)
	case isSpace(p.peek(0)) && strings.HasPrefix(p.text[p.at+1:], "-"+rightMark):
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
func (p *parser) finish() {
	p.skip()
	n := p.closing()
	if n == 0 {
		p.unexpected("the end of the action")
	}
	p.close(n)
}

// unexpected fails because of what comes next.
func (p *parser) unexpected(want string) {
	if p.at >= len(p.text) {
		p.fail(p.at, "the template ends; want %s", want)
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	p.fail(p.at, "found %q; want %s", r, want)
}

// ended checks that a name ends where it does: another character in it is a
// mistake.
func (p *parser) ended() {
	if p.at < len(p.text) && strings.IndexByte(space+".,|:()", p.text[p.at]) < 0 && !p.next(rightMark) {
		p.unexpected("space")
	}
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
func (p *parser) block(word string, at int) node {
	n := node{kind: ifNode}
	context := pipeAction
	switch word {
	case "with":
		n.kind = withNode
	case "range":
		n.kind, context = rangeNode, pipeRange
	}
	p.ended()
	scope := len(p.vars)
	n.pipe = p.pipeline(context)
	p.finish()
	inner, inside := len(p.vars), p.inside
	if n.kind != ifNode {
		p.inside++
	}
	var end string
	n.body, end, _ = p.list()
	p.vars, p.inside = p.vars[:inner], inside
	if end == "" {
		p.fail(at, "this %s has no end; want {{end}}", word)
	}
	if end == "else" {
		p.skip()
		next, nextAt := p.word()
		if next == word && n.kind != rangeNode {
			n.orElse = []node{p.block(word, nextAt)} // its end is ours
			p.vars = p.vars[:scope]
			return n
		}
		p.at = nextAt
		p.finish()
		elseAt := p.at
		if n.orElse, end, _ = p.list(); end != "end" {
			p.fail(elseAt, "this else has no end; want {{end}}")
		}
	}
	p.finish()
	p.vars = p.vars[:scope]
	return n
}

// What a pipeline may be.
const (
	pipeAction = iota // of an action: it may declare and assign one variable
	pipeRange         // it may declare two
	pipeNested        // in parentheses
)

// pipeline reads up to the end of the action, or to a parenthesis if it is in
// such.
func (p *parser) pipeline(context int) *pipeline {
	p.skip()
	pipe := &pipeline{at: p.at}
	names := p.variables(context, pipe)
	for {
		p.skip()
		pipe.commands = append(pipe.commands, p.command(len(pipe.commands) > 0))
		p.skip()
		if !p.next("|") {
			break
		}
		p.at++
	}
	if context == pipeRange {
		p.rangeable(pipe)
	}
	for _, name := range names { // from here on, not in the pipeline itself
		pipe.slots = append(pipe.slots, len(p.vars))
		p.vars = append(p.vars, name)
	}
	p.most = max(p.most, len(p.vars))
	return pipe
}

// rangeable refuses at once what certainly cannot be gone through.
func (p *parser) rangeable(pipe *pipeline) {
	c := pipe.commands[len(pipe.commands)-1]
	if c.function != nil && !c.function.lazy() || c.function == nil && c.first.kind == literal {
		p.fail(c.at, "range goes through .Tags and .Fields only")
	}
}

// variables reads "$name :=", "$name =" or, for range, "$key, $value :=", if one
// of them comes next. It returns the names of variables that are declared.
func (p *parser) variables(context int, pipe *pipeline) (names []string) {
	begin := p.at
	first := p.variable()
	if first == "" {
		return nil
	}
	names = []string{first}
	p.skip()
	if p.next(",") {
		if context != pipeRange {
			p.fail(p.at, "only range sets two variables")
		}
		p.at++
		p.skip()
		second := p.variable()
		if second == "" {
			p.unexpected("a variable such as $value")
		}
		names = append(names, second)
		p.skip()
	}
	rest := p.text[p.at:]
	declares, assigns := strings.HasPrefix(rest, ":="), strings.HasPrefix(rest, "=")
	switch {
	case !declares && !assigns && len(names) == 1:
		p.at = begin // it is an operand
		return nil
	case context == pipeNested:
		p.fail(begin, "no variable is set in parentheses here")
	case declares:
		p.at += len(":=")
		pipe.declares = true
		if slices.Contains(names, "$") {
			p.fail(begin, "$ is the metric and cannot be set")
		}
		return names
	case assigns && context == pipeRange:
		p.fail(p.at, "want := to declare the variables of a range")
	case assigns:
		p.at += len("=")
		pipe.slots = []int{p.slot(first, begin)}
		return nil
	}
	p.unexpected(`":="`)
	return nil
}

// variable reads "$" or "$name" if that comes next.
func (p *parser) variable() string {
	if !p.next("$") {
		return ""
	}
	p.at++
	word, _ := p.word()
	p.ended()
	return "$" + word
}

// slot returns where the variable is that stands at an offset.
func (p *parser) slot(name string, at int) int {
	slot := -1
	for i, v := range p.vars {
		if v == name {
			slot = i // the last one counts
		}
	}
	if slot < 0 {
		p.fail(at, "the variable %s is not known here", name)
	}
	return slot
}

// command reads one command; given tells that it gets the value of the one
// before.
func (p *parser) command(given bool) *command {
	c := &command{at: p.at}
	word, at := p.word()
	if word == "" || word == "true" || word == "false" || isDigit(word[0]) {
		p.at = at
		c.first = p.operand()
	} else {
		if c.function = functionOf(word); c.function == nil {
			p.fail(at, "%s is no function here; there are %s", word, functionNames())
		}
		p.ended()
	}
	for {
		before := p.at
		p.skip()
		if c := p.peek(0); c == '|' || c == ')' || p.closing() > 0 {
			break
		}
		if p.at == before {
			p.unexpected("space, | or the end of the action")
		}
		arg := p.operand()
		p.method(arg, 0)
		c.args = append(c.args, arg)
	}
	n := len(c.args)
	if given {
		n++
	}
	p.checkCommand(c, n)
	return c
}

// checkCommand checks a command of n arguments.
func (p *parser) checkCommand(c *command, n int) {
	f := c.function
	switch {
	case f == nil && len(c.first.names) > 0:
		p.method(c.first, n)
	case f == nil && n > 0:
		p.fail(c.at, "this is no function and takes no value")
	case f == nil:
	case n < f.least || f.most >= 0 && n > f.most:
		p.fail(c.at, "%s has %d arguments; want %s", f.name, n, f.want)
	case len(c.args) > 0 && c.args[0].kind == literal:
		if problem := f.problem(c.args[0].value); problem != "" {
			p.fail(c.args[0].at, "%s: %s", f.name, problem)
		}
	}
}

// method checks the names that are taken of the metric; n values are given.
func (p *parser) method(o *operand, n int) {
	if len(o.names) == 0 || o.kind != dollar && (o.kind != dot || p.inside > 0) {
		return // what else has names is known when the template is filled in
	}
	kind := aMetric
	for i, name := range o.names {
		given := 0
		if i == len(o.names)-1 {
			given = n
		}
		var problem string
		if kind, problem = member(kind, name, given); problem != "" {
			p.fail(o.at, "%s", problem)
		}
	}
}

// operand reads one operand.
func (p *parser) operand() *operand {
	o := &operand{at: p.at}
	switch c := p.peek(0); {
	case c == '"' || c == '`':
		o.value = p.quoted(c)
		return o
	case c == '(':
		p.at++
		o.kind, o.pipe = nested, p.pipeline(pipeNested)
		p.skip()
		if !p.next(")") {
			p.unexpected(`")"`)
		}
		p.at++
		if p.next(".") {
			p.fail(p.at, "nothing can be taken of what is in parentheses")
		}
		return o
	case c == '.' && !isDigit(p.peek(1)):
		o.kind = dot
		name := p.name()
		if name == "" {
			p.ended()
			return o
		}
		o.names = []string{name}
	case c == '$':
		o.kind = dollar
		if name := p.variable(); name != "$" {
			o.kind, o.slot = variable, p.slot(name, o.at)
		}
	case c == '+' || c == '-' || isDigit(c) || c == '.':
		o.value = p.number()
		return o
	case c == '\'':
		p.fail(o.at, `want text in "…"`)
	default:
		word, _ := p.word()
		switch {
		case word == "true" || word == "false":
			o.value = word == "true"
			p.ended()
			return o
		case functionOf(word) != nil:
			p.fail(o.at, "a function with its values needs parentheses here: (%s …)", word)
		case word != "":
			p.fail(o.at, "%s is no value", word)
		}
		p.unexpected("a value")
	}
	for p.next(".") && !isDigit(p.peek(1)) {
		name := p.name()
		if name == "" {
			p.unexpected("a name")
		}
		o.names = append(o.names, name)
	}
	p.ended()
	return o
}

// name reads a dot and the name behind it, of which there may be none.
func (p *parser) name() string {
	p.at++
	word, _ := p.word()
	return word
}

// quoted reads a text in quotes.
func (p *parser) quoted(quote byte) string {
	start := p.at
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.at = i + 1
			text, err := strconv.Unquote(p.text[start:p.at])
			if err != nil {
				p.fail(start, `this text has a backslash that means nothing; \\ is a backslash`)
			}
			return text
		case c == '\\' && quote == '"':
			i++
		case c == '\n' && quote == '"':
			p.fail(start, "this text has no end on its line")
		}
	}
	p.fail(start, "this text has no end; a quote is missing")
	return ""
}

// number reads a whole or decimal number.
func (p *parser) number() any {
	start := p.at
	if !isDigit(p.peek(0)) {
		p.at++ // a sign or the dot
	}
	for isDigit(p.peek(0)) || p.next(".") {
		p.at++
	}
	text := p.text[start:p.at]
	digits := strings.TrimLeft(text, "+-")
	// Others, such as 0x10, 010 and 1_000, are numbers to text/template.
	if rest, _ := p.word(); rest != "" || len(digits) > 1 && digits[0] == '0' && digits[1] != '.' {
		p.fail(start, "numbers are written as 12, -3 and 0.5 here")
	}
	if !strings.Contains(text, ".") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			if int64(int(n)) == n {
				return int(n)
			}
			return n
		}
	} else if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	p.fail(start, "this is no number, or too large a one")
	return nil
}

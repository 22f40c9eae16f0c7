// Package smstext makes the text of an SMS out of a metric, by a template.
//
// Templates are those of Go's package text/template, as far as a text needs
// them: what this package takes has the same meaning there, and what it does not
// take is an error of [Parse] that says where and what.
//
//	{{.Name}} {{.Tag "host"}}: {{range $k, $v := .Fields}}{{$k}} is {{round 1 $v}} {{end}}
//
// There are
//
//   - .Name, .Time, .Tags and .Fields (maps, also as .Tags.host), .Tag "key" and
//     .Field "key", .Time.Format "layout", .Time.UTC, .Time.Unix; dot is the
//     metric, except in range and with;
//   - if, else if, with, else with, range over .Tags and .Fields in the order of
//     the keys, else, end; variables; pipelines; parentheses; comments; and the
//     trim markers {{- and -}};
//   - text in "…" and `…`, whole and decimal numbers, true and false;
//   - the functions and, or, not, eq, ne, lt, le, gt, ge, len, index, print,
//     printf, println, and of this package date, default, duration, local, lower,
//     round, trunc and upper.
//
// In one place more is taken than by text/template: whole and decimal numbers
// may be compared with each other, because who writes gt (.Field "temp") 30 does
// not know of which kind the next value is.
//
// A metric comes from outside: whatever is in it, a template ends soon and its
// text has at most [MaxText] bytes. Errors hold nothing of the metric.
package smstext

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/influxdata/telegraf"
)

const (
	// MaxTemplate is the longest template in bytes.
	MaxTemplate = 4096
	// MaxText is the longest text in bytes that a template may make, and the
	// longest that a function in it may return.
	MaxText = 4096

	maxSteps = 50_000 // of one execution
)

// Template is a template. Its methods may be called by several goroutines.
type Template struct {
	text  string
	nodes []node
	slots int // of variables
}

// SyntaxError says what is wrong with a template.
type SyntaxError struct {
	// Line and Character are where, both counted from 1.
	Line, Character int
	// Problem says what is there instead of what there may be.
	Problem string
}

// Error is of the form "character 7: problem", with the line from the second on.
func (e *SyntaxError) Error() string {
	line := ""
	if e.Line > 1 {
		line = "line " + strconv.Itoa(e.Line) + ", "
	}
	return line + "character " + strconv.Itoa(e.Character) + ": " + e.Problem
}

// Parse reads a template. An error is a [*SyntaxError].
func Parse(text string) (*Template, error) {
	p := parser{text: text}
	nodes, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Template{text: text, nodes: nodes, slots: p.most}, nil
}

var (
	errLong  = errors.New("the text is too long")
	errSteps = errors.New("the template takes too many steps")
)

// Execute returns the text for a metric. An error says at which place of the
// template the metric does not fit it, and holds nothing of the metric.
func (t *Template) Execute(m telegraf.Metric) (text string, err error) {
	r := run{metric: m, vars: make([]any, t.slots)}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case misfit:
			if err = e.error; r.at >= 0 {
				p := parser{text: t.text}
				err = fmt.Errorf("%s: %w", p.place(r.at), err)
			}
			text, err = "", fmt.Errorf("filling in the template: %w", err)
		default:
			panic(e)
		}
	}()
	r.list(t.nodes, part(aMetric))
	return string(r.out), nil
}

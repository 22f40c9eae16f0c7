package smstext

import (
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/order"
)

// run is one execution of a template. Its values are nil, which is no value at
// all, bool, int, int64, uint64, float64, string, time.Time, the maps of tags
// and fields, and root.
type run struct {
	metric telegraf.Metric
	tags   map[string]string // nil before they are asked for
	fields map[string]any
	vars   []any
	out    []byte
	steps  int
}

// root is the metric as a value.
type root struct{}

func (r *run) step() error {
	if r.steps++; r.steps > maxSteps {
		return errSteps
	}
	return nil
}

// list carries out nodes.
func (r *run) list(nodes []node, dot any) error {
	for i := range nodes {
		n := &nodes[i]
		if err := r.step(); err != nil {
			return err
		}
		var err error
		if n.kind == textNode {
			r.out = append(r.out, n.text...)
		} else {
			err = r.action(n, dot)
		}
		if err != nil {
			return err
		}
		if len(r.out) > MaxText {
			return errLong
		}
	}
	return nil
}

func (r *run) action(n *node, dot any) error {
	v, err := r.pipeline(n.pipe, dot)
	if err != nil {
		return err
	}
	switch n.kind {
	case actionNode:
		if len(n.pipe.slots) > 0 {
			return nil
		}
		return r.print(n.pipe.at, v)
	case ifNode, withNode:
		if !truth(v) {
			return r.list(n.orElse, dot)
		}
		if n.kind == withNode {
			dot = v
		}
		return r.list(n.body, dot)
	}
	return r.each(n, v, dot)
}

// print appends a value to the text.
func (r *run) print(at int, v any) error {
	switch v := v.(type) {
	case nil:
		r.out = append(r.out, "<no value>"...)
	case string:
		if len(v) > MaxText {
			return errLong
		}
		r.out = append(r.out, v...)
	case root:
		return &placeError{at, errWhole}
	default:
		r.out = fmt.Append(r.out, v)
	}
	return nil
}

var errWhole = errors.New("the metric as a whole is no value")

// each carries out the body of a range for each element.
func (r *run) each(n *node, v, dot any) error {
	var keys []string
	switch v := v.(type) {
	case nil:
	case map[string]string:
		for k := range v {
			keys = append(keys, k)
		}
	case map[string]any:
		for k := range v {
			keys = append(keys, k)
		}
	default:
		return &placeError{n.pipe.at, fmt.Errorf("range goes through .Tags and .Fields only, and this is %s", kindOf(v))}
	}
	if len(keys) == 0 {
		return r.list(n.orElse, dot)
	}
	if r.steps += len(keys); r.steps > maxSteps {
		return errSteps
	}
	order.Strings(keys)
	for _, k := range keys {
		value, _ := r.get(v, k, nil) // there is one
		switch slots := n.pipe.slots; len(slots) {
		case 1:
			r.vars[slots[0]] = value
		case 2:
			r.vars[slots[0]], r.vars[slots[1]] = k, value
		}
		if err := r.list(n.body, value); err != nil {
			return err
		}
	}
	return nil
}

// pipeline returns the value of the last command, and sets the variables unless
// they are those of a range, which are set again for each element.
func (r *run) pipeline(p *pipeline, dot any) (any, error) {
	var value any
	for i := range p.commands {
		var err error
		if value, err = r.command(p.commands[i], dot, value, i > 0); err != nil {
			return nil, err
		}
	}
	for _, slot := range p.slots {
		r.vars[slot] = value
	}
	return value, nil
}

// command returns the value of a command; given tells that it has last as its
// last argument.
func (r *run) command(c *command, dot, last any, given bool) (any, error) {
	if c.function != nil && c.function.lazy {
		return r.logic(c, dot, last, given)
	}
	args := make([]any, 0, len(c.args)+1)
	for i := range c.args {
		v, err := r.operand(c.args[i], dot, nil)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	if given {
		args = append(args, last)
	}
	if c.function == nil {
		return r.operand(c.first, dot, args)
	}
	v, err := c.function.call(args)
	if err != nil {
		return nil, &placeError{c.at, fmt.Errorf("%s: %w", c.function.name, err)}
	}
	return v, nil
}

// logic is and and or, which look at no more arguments than they need.
func (r *run) logic(c *command, dot, last any, given bool) (v any, err error) {
	for i := range c.args {
		if v, err = r.operand(c.args[i], dot, nil); err != nil {
			return nil, err
		}
		if truth(v) == (c.function.name == "or") {
			return v, nil
		}
	}
	if given {
		v = last
	}
	return v, nil
}

// operand returns the value of an operand, a method with its arguments.
func (r *run) operand(o *operand, dotValue any, args []any) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	var v any
	switch o.kind {
	case literal:
		return o.value, nil
	case nested:
		return r.pipeline(o.pipe, dotValue)
	case dot:
		v = dotValue
	case dollar:
		v = root{}
	case variable:
		v = r.vars[o.slot]
	}
	for i, name := range o.names {
		var given []any
		if i == len(o.names)-1 {
			given = args
		}
		var err error
		if v, err = r.get(v, name, given); err != nil {
			return nil, &placeError{o.at, err}
		}
	}
	return v, nil
}

// get returns what a name is of a value.
func (r *run) get(of any, name string, args []any) (any, error) {
	switch of := of.(type) {
	case nil:
		return nil, nil
	case root:
		return r.ofMetric(name, args)
	case time.Time:
		return ofTime(of, name, args)
	case map[string]string:
		if v, ok := of[name]; ok && len(args) == 0 {
			return v, nil
		}
	case map[string]any:
		if len(args) == 0 {
			return of[name], nil
		}
	default:
		return nil, fmt.Errorf("there is no .%s here, where dot is %s; $.%s is of the metric", name, kindOf(of), name)
	}
	if len(args) > 0 {
		return nil, fmt.Errorf(".%s takes no value", name)
	}
	return nil, nil
}

func (r *run) ofMetric(name string, args []any) (any, error) {
	switch {
	case name == "Tag" || name == "Field":
		if len(args) != 1 {
			return nil, fmt.Errorf(".%s takes one value", name)
		}
		key, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("the key for .%s is %s; want a text", name, kindOf(args[0]))
		}
		if name == "Tag" {
			value, _ := r.metric.GetTag(key)
			return value, nil
		}
		value, _ := r.metric.GetField(key)
		return value, nil
	case len(args) > 0:
		return nil, fmt.Errorf(".%s takes no value", name)
	case name == "Name":
		return r.metric.Name(), nil
	case name == "Time":
		return r.metric.Time().UTC(), nil
	case name == "Tags":
		if r.tags == nil {
			r.tags = r.metric.Tags()
		}
		return r.tags, nil
	case name == "Fields":
		if r.fields == nil {
			r.fields = r.metric.Fields()
		}
		return r.fields, nil
	}
	return nil, fmt.Errorf("there is no .%s; %s", name, metricHas)
}

func ofTime(t time.Time, name string, args []any) (any, error) {
	switch {
	case name == "Format" && len(args) == 1:
		layout, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("the layout for .Format is %s; want a text", kindOf(args[0]))
		}
		return bounded(t.Format(layout))
	case name == "UTC" && len(args) == 0:
		return t.UTC(), nil
	case name == "Unix" && len(args) == 0:
		return t.Unix(), nil
	}
	return nil, fmt.Errorf("a time has no .%s with so many values; %s", name, timeHas)
}

// bounded is a text that a function may return.
func bounded(s string) (any, error) {
	if len(s) > MaxText {
		return nil, errLong
	}
	return s, nil
}

// truth tells whether a value is neither nothing nor the zero of its type.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case int64:
		return v != 0
	case uint64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case map[string]string:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// kindOf names what a value is, for an error.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "not there"
	case bool:
		return "true or false"
	case int, int64, uint64:
		return "a whole number"
	case float64:
		return "a decimal number"
	case string:
		return "a text"
	case time.Time:
		return "a time"
	case map[string]string:
		return "all tags"
	case map[string]any:
		return "all fields"
	case root:
		return "the metric"
	}
	return "something else"
}

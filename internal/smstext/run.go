package smstext

import (
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/order"
)

// run is one execution of a template. Its methods end with fail or stop where the
// metric does not fit, as those of the parser do: there is nothing to go on with.
type run struct {
	metric telegraf.Metric
	vars   []any
	out    []byte
	steps  int

	at       int       // of what is carried out in the template; -1: no place
	function *function // that is carried out; nil outside
}

// misfit is what a run panics with.
type misfit struct{ error }

// stop ends the run.
func (r *run) stop(err error) {
	if r.function != nil {
		err = fmt.Errorf("%s: %w", r.function.name, err)
	}
	panic(misfit{err})
}

func (r *run) fail(format string, args ...any) { r.stop(fmt.Errorf(format, args...)) }

// bounded returns a text that is not too long.
func (r *run) bounded(s string) any {
	if len(s) > MaxText {
		r.stop(errLong)
	}
	return s
}

func (r *run) step(n int) {
	if r.steps += n; r.steps > maxSteps {
		r.at, r.function = -1, nil
		r.stop(errSteps)
	}
}

// list carries out nodes.
func (r *run) list(nodes []node, dot any) {
	for i := range nodes {
		n := &nodes[i]
		r.step(1)
		if n.kind == textNode {
			r.out = append(r.out, n.text...)
		} else {
			r.action(n, dot)
		}
		if len(r.out) > MaxText {
			r.at = -1
			r.stop(errLong)
		}
	}
}

func (r *run) action(n *node, dot any) {
	v := r.pipeline(n.pipe, dot)
	r.at = n.pipe.at
	switch {
	case n.kind == actionNode:
		if len(n.pipe.slots) == 0 {
			r.print(v)
		}
	case n.kind == rangeNode:
		r.each(n, v, dot)
	case !r.truth(v):
		r.list(n.orElse, dot)
	case n.kind == withNode:
		r.list(n.body, v)
	default:
		r.list(n.body, dot)
	}
}

// print appends a value to the text.
func (r *run) print(v any) {
	if v == nil {
		v = "<no value>"
	}
	r.out = fmt.Append(r.out, r.plain(v))
}

var errWhole = errors.New("the metric as a whole is no value")

// plain returns a value as fmt is to print it.
func (r *run) plain(v any) any {
	switch v {
	case part(allTags):
		return r.metric.Tags()
	case part(allFields):
		return r.metric.Fields()
	case part(aMetric):
		r.stop(errWhole)
	}
	return v
}

// keys returns the keys of all tags or all fields, in order.
func (r *run) keys(kind valueKind) (keys []string) {
	if kind == allTags {
		for _, t := range r.metric.TagList() {
			keys = append(keys, t.Key)
		}
	} else {
		for _, f := range r.metric.FieldList() {
			keys = append(keys, f.Key)
		}
	}
	order.Strings(keys)
	return keys
}

// count returns how many tags or fields there are.
func (r *run) count(kind valueKind) int {
	if kind == allTags {
		return len(r.metric.TagList())
	}
	return len(r.metric.FieldList())
}

// each carries out the body of a range for each element.
func (r *run) each(n *node, v, dot any) {
	var keys []string
	switch kind := kindOf(v); kind {
	case nothing:
	case allTags, allFields:
		keys = r.keys(kind)
	default:
		r.fail("range goes through .Tags and .Fields only, and this is %v", kind)
	}
	if len(keys) == 0 {
		r.list(n.orElse, dot)
		return
	}
	r.step(len(keys))
	order.Strings(keys)
	for _, k := range keys {
		value := r.get(v, k, nil)
		switch slots := n.pipe.slots; len(slots) {
		case 1:
			r.vars[slots[0]] = value
		case 2:
			r.vars[slots[0]], r.vars[slots[1]] = k, value
		}
		r.list(n.body, value)
	}
}

// pipeline returns the value of the last command, and sets the variables unless
// they are those of a range, which are set again for each element.
func (r *run) pipeline(p *pipeline, dot any) any {
	var given []any // the value of the command before
	for _, c := range p.commands {
		given = []any{r.command(c, dot, given)}
	}
	for _, slot := range p.slots {
		r.vars[slot] = given[0]
	}
	return given[0]
}

// command returns the value of a command, whose last argument is given.
func (r *run) command(c *command, dot any, given []any) (v any) {
	lazy := c.function != nil && c.function.lazy()
	args := make([]any, 0, len(c.args)+1)
	for _, a := range c.args {
		v = r.operand(a, dot, nil)
		if lazy && r.truth(v) == (c.function.op == opOr) {
			return v
		}
		args = append(args, v)
	}
	args = append(args, given...)
	switch {
	case lazy:
		return args[len(args)-1]
	case c.function == nil:
		return r.operand(c.first, dot, args)
	}
	r.at, r.function = c.at, c.function
	v = r.call(c.function, args)
	r.function = nil
	return v
}

// operand returns the value of an operand, a method with its arguments.
func (r *run) operand(o *operand, dotValue any, args []any) (v any) {
	r.step(1)
	switch o.kind {
	case literal:
		return o.value
	case nested:
		return r.pipeline(o.pipe, dotValue)
	case dot:
		v = dotValue
	case dollar:
		v = part(aMetric)
	case variable:
		v = r.vars[o.slot]
	}
	r.at = o.at
	for i, name := range o.names {
		if i == len(o.names)-1 {
			v = r.get(v, name, args)
		} else {
			v = r.get(v, name, nil)
		}
	}
	return v
}

// get returns what a name is of a value.
func (r *run) get(of any, name string, args []any) any {
	kind := kindOf(of)
	if _, problem := member(kind, name, len(args)); problem != "" {
		r.fail("%s", problem)
	}
	key := name
	if len(args) > 0 {
		var ok bool
		if key, ok = args[0].(string); !ok {
			r.fail("the key for .%s is %v; want a text", name, kindOf(args[0]))
		}
	}
	switch {
	case kind == nothing:
		return nil
	case kind == aTime:
		t, _ := of.(time.Time)
		switch name {
		case "Format":
			return r.bounded(t.Format(key))
		case "UTC":
			return t.UTC()
		}
		return t.Unix()
	case kind == allTags:
		if v, ok := r.metric.GetTag(key); ok {
			return v
		}
		return nil
	case kind == allFields || name == "Field":
		v, _ := r.metric.GetField(key)
		return v
	case name == "Tag":
		v, _ := r.metric.GetTag(key)
		return v
	case name == "Name":
		return r.metric.Name()
	case name == "Time":
		return r.metric.Time().UTC()
	case name == "Tags":
		return part(allTags)
	}
	return part(allFields)
}

// truth tells whether a value is neither nothing nor the zero of its type.
func (r *run) truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case part:
		return v == part(aMetric) || r.count(valueKind(v)) > 0
	}
	n := numberOf(v)
	return n.whole != 0 || !n.isWhole && n.decimal != 0 // NaN is true, and so is what is no number
}

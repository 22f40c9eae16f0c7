package execd

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/toml"
	"github.com/influxdata/toml/ast"

	"telegraf-hologram/internal/order"
)

// entry is one key of a TOML table: an option, a table or a list of tables.
type entry struct {
	key   string
	line  int
	value any // *ast.KeyValue, *ast.Table or []*ast.Table
}

// entriesOf returns the keys of a table in the order of the file.
func entriesOf(t *ast.Table) []entry {
	entries := make([]entry, 0, len(t.Fields))
	for key, value := range t.Fields {
		e := entry{key: key, value: value}
		switch v := value.(type) {
		case *ast.KeyValue:
			// The parser gives the line on which a value ends.
			e.line = v.Line - strings.Count(v.Value.Source(), "\n")
		case *ast.Table:
			e.line = v.Line
		case []*ast.Table:
			e.line = v[0].Line
		}
		entries = append(entries, e)
	}
	order.Sort(len(entries), func(i, j int) bool {
		a, b := &entries[i], &entries[j]
		return a.line < b.line || a.line == b.line && a.key < b.key
	}, func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return entries
}

// decoder sets the options of one table, each in the first of several structs that has it. A table in that table is
// taken apart by a decoder of its own, if it goes into a struct; its options are called TABLE.OPTION.
type decoder struct {
	table   string // such as outputs.hologram
	parent  *decoder
	prefix  string // of the names of its options
	options map[string]field
	lines   map[string]int    // of the options that the file sets, and of the tables; the same for all in one plugin
	sources map[string]string // the values of the options as in the file; likewise
	set     []string          // both, for Describe
}

// field is where an option goes.
type field struct {
	target any
	reflect.StructField
}

func newDecoder(table string, targets ...any) *decoder {
	d := &decoder{table: table, options: make(map[string]field), lines: make(map[string]int), sources: make(map[string]string)}
	for _, target := range targets {
		for name, f := range optionsOf(reflect.TypeOf(target)) {
			if _, ok := d.options[name]; !ok {
				d.options[name] = field{target, f}
			}
		}
	}
	return d
}

// nested returns the decoder of a table in this one.
func (d *decoder) nested(key string, target any) *decoder {
	n := newDecoder(d.table+"."+key, target)
	n.parent, n.prefix, n.lines, n.sources = d, d.prefix+key+".", d.lines, d.sources
	return n
}

// value returns the address of the field, and makes what a pointer on the way to it needs.
func (f *field) value() any {
	v := reflect.ValueOf(f.target).Elem().FieldByIndex(f.Index)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	return v.Addr().Interface()
}

// optionsOf returns the options that a struct takes from TOML: its exported fields with a toml tag.
func optionsOf(t reflect.Type) map[string]reflect.StructField {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	options := make(map[string]reflect.StructField)
	if t.Kind() != reflect.Struct {
		return options
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if f.IsExported() && name != "" && name != "-" {
			options[name] = f
		}
	}
	return options
}

// setLogger sets the field Log of a plugin, if it has one.
func setLogger(plugin any, log telegraf.Logger) {
	v := reflect.Indirect(reflect.ValueOf(plugin))
	if v.Kind() != reflect.Struct {
		return
	}
	if f := v.FieldByName("Log"); f.IsValid() && f.CanSet() && f.Type() == reflect.TypeFor[telegraf.Logger]() {
		f.Set(reflect.ValueOf(log))
	}
}

// decode sets all options of the table, in the order of the file, up to the first that is wrong.
func (d *decoder) decode(table *ast.Table) error {
	if line, err := d.all(table); err != nil {
		return fmt.Errorf("line %d: %w", line, err)
	}
	return nil
}

// all sets all options of the table; line is where an error is.
func (d *decoder) all(table *ast.Table) (line int, err error) {
	for _, e := range entriesOf(table) {
		if line, err := d.option(e); err != nil {
			return line, err
		}
	}
	return 0, nil
}

// option sets one option; line is where an error is.
func (d *decoder) option(e entry) (line int, err error) {
	f, ok := d.options[e.key]
	if !ok {
		return e.line, d.unknown(e.key)
	}
	name := d.prefix + e.key
	if table, ok := e.value.(*ast.Table); ok && takesOptions(f.Type) {
		d.lines[name] = e.line
		n := d.nested(e.key, f.value())
		line, err = n.all(table)
		d.set = append(d.set, n.set...)
		return line, err
	}
	source := ""
	kv, isValue := e.value.(*ast.KeyValue)
	if isValue {
		source = strings.Join(strings.Fields(kv.Value.Source()), " ")
	}
	d.lines[name], d.sources[name] = e.line, source
	shown := source
	switch {
	case !isValue:
		shown = "{…}"
	case secret(name):
		shown = hidden
	}
	d.set = append(d.set, name+" = "+shown)

	if err := expand(e.value); err != nil {
		return e.line, errors.New(optionText(name, source, err.Error()))
	}
	if isValue {
		adapt(f.Type, kv)
		err = fits(f.Type, kv.Value)
	} else {
		err = fitsTable(f.Type, e.value, d.table+"."+e.key)
	}
	if err != nil {
		return e.line, errors.New(optionText(name, source, err.Error()))
	}

	one := &ast.Table{Line: e.line, Name: e.key, Fields: map[string]any{e.key: e.value}}
	config := toml.DefaultConfig
	config.MissingField = func(typ reflect.Type, key string) error {
		return unknownOption("", key, sortedKeys(optionsOf(typ)), name)
	}
	if err = config.UnmarshalTable(one, f.target); err == nil {
		return 0, nil
	}
	line = e.line
	if le, ok := errors.AsType[*toml.LineError](err); ok {
		line, err = le.Line, le.Err
	}
	var ve *valueError
	if isValue && !errors.As(err, &ve) && wanted(f.Type) != "" {
		err = &valueError{"is out of range", wanted(f.Type)} // fits has seen that the type is right
	}
	return line, errors.New(optionText(name, source, err.Error()))
}

// locate puts the line of an option before an error about it, and its value as it stands in the file into it. An option
// that is missing in a table has the line of the table.
func (d *decoder) locate(err error) error {
	var oe *OptionError
	if !errors.As(err, &oe) {
		return err
	}
	name := oe.Option
	line, ok := d.lines[name]
	for !ok {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return err
		}
		name = name[:dot]
		line, ok = d.lines[name]
	}
	var own *OptionError
	if own, ok = err.(*OptionError); ok && own.Value != nil && name == own.Option { //nolint:errorlint // only the error itself may be rewritten
		err = errors.New(optionText(own.Option, d.sources[own.Option], (&valueError{own.Problem, own.Want}).Error()))
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// elsewhere are options of Telegraf that users look for here, and what to do about them.
var elsewhere = map[string]string{
	"metric_buffer_limit": "want buffer_limit, which is in bytes",
	"command":             "", "environment": "", "restart_delay": "", "data_format": "", "use_batch_format": "",
	"alias": "", "name_override": "", "name_prefix": "", "name_suffix": "", "tags": "", "startup_error_behavior": "",
	"namepass": "", "namedrop": "", "fieldpass": "", "fieldinclude": "", "fieldexclude": "", "fielddrop": "", "tagpass": "",
	"tagdrop": "", "taginclude": "", "tagexclude": "", "metricpass": "", "interval": "", "signal": "",
}

func (d *decoder) unknown(key string) error {
	if hint, ok := elsewhere[key]; ok && d.parent == nil {
		if hint == "" {
			kind, _, _ := strings.Cut(d.table, ".")
			hint = "it belongs in the [[" + kind + ".execd]] block of telegraf.conf"
		}
		return fmt.Errorf("unknown option %s; %s", key, hint)
	}
	if d.parent != nil {
		if _, ok := d.parent.options[key]; ok {
			return fmt.Errorf("unknown option %s%s; %s is an option of %s: want it above the line [%s]", d.prefix, key, key, d.parent.table, d.table)
		}
	}
	return unknownOption(d.prefix, key, sortedKeys(d.options), d.table)
}

// unknownOption is the error for a key that is none of names, which all begin with prefix.
func unknownOption(prefix, key string, names []string, of string) error {
	if near := nearest(key, names); near != "" {
		return fmt.Errorf("unknown option %s%s; did you mean %s%s?", prefix, key, prefix, near)
	}
	return fmt.Errorf("unknown option %s%s; %s has %s", prefix, key, of, strings.Join(names, ", "))
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	order.Strings(keys)
	return keys
}

// expand replaces ${NAME} in all strings of a value or table.
func expand(value any) error {
	switch v := value.(type) {
	case *ast.KeyValue:
		return expand(v.Value)
	case *ast.Table:
		for _, e := range entriesOf(v) {
			if err := expand(e.value); err != nil {
				return err
			}
		}
	case []*ast.Table:
		for _, t := range v {
			if err := expand(t); err != nil {
				return err
			}
		}
	case *ast.Array:
		for _, e := range v.Value {
			if err := expand(e); err != nil {
				return err
			}
		}
	case *ast.String:
		var err error
		v.Value, err = expandString(v.Value)
		return err
	}
	return nil
}

func expandString(s string) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok || !variable(name) {
			b.WriteString("${")
			s = rest
			continue
		}
		value, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set; want it set where Telegraf is started, such as in /etc/default/telegraf", name)
		}
		b.WriteString(value)
		s = after
	}
}

// variable tells whether s can be the name of an environment variable.
func variable(s string) bool {
	return bareKey(s) && !strings.Contains(s, "-") && (s[0] < '0' || s[0] > '9')
}

// adapt turns a whole number into a decimal one where the option is decimal.
func adapt(t reflect.Type, kv *ast.KeyValue) {
	if i, ok := kv.Value.(*ast.Integer); ok && (t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32) {
		kv.Value = &ast.Float{Position: i.Position, Value: i.Value, Data: i.Data}
	}
}

// fits returns an error that says what is wanted when a value is of a TOML type that the option's type cannot take.
func fits(t reflect.Type, value ast.Value) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if decodesItself(t) {
		return nil
	}
	array, isArray := value.(*ast.Array)
	ok := true
	switch t.Kind() {
	case reflect.String:
		_, ok = value.(*ast.String)
	case reflect.Bool:
		_, ok = value.(*ast.Boolean)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		_, ok = value.(*ast.Integer)
	case reflect.Float32, reflect.Float64:
		_, ok = value.(*ast.Float)
	case reflect.Slice:
		if ok = isArray; ok {
			for _, e := range array.Value {
				if err := fits(t.Elem(), e); err != nil {
					return &valueError{"has " + typeName(e) + " in it", wanted(t)}
				}
			}
		}
	case reflect.Struct, reflect.Map:
		ok = false
	}
	if ok {
		return nil
	}
	return &valueError{"is " + typeName(value), wanted(t)}
}

// fitsTable is fits for a table, or a list of tables, instead of a value; name is what it is called in the file.
func fitsTable(t reflect.Type, value any, name string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, isList := value.([]*ast.Table)
	switch {
	case t.Kind() == reflect.Slice && isList:
		t = t.Elem()
	case takesOptions(t):
		return &valueError{"has double brackets", "[" + name + "]"}
	case t.Kind() == reflect.Slice && takesOptions(t.Elem()):
		return &valueError{"has single brackets", "[[" + name + "]]"}
	}
	if k := t.Kind(); k == reflect.Struct || k == reflect.Map || k == reflect.Interface {
		return nil
	}
	want := wanted(t)
	if want == "" {
		want = "a value"
	}
	return &valueError{"is a table", want}
}

// takesOptions tells whether a type is a struct, or points to one, that a table is decoded into option by option.
func takesOptions(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !decodesItself(t)
}

// decodesItself tells whether a type reads TOML or text by a method of its own.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[toml.UnmarshalerRec]()) || p.Implements(reflect.TypeFor[toml.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func typeName(value ast.Value) string {
	switch value.(type) {
	case *ast.String:
		return "a string"
	case *ast.Integer:
		return "a whole number"
	case *ast.Float:
		return "a decimal number"
	case *ast.Boolean:
		return "true or false"
	case *ast.Datetime:
		return "a date"
	case *ast.Array:
		return "a list"
	}
	return "something else"
}

// wanted says what the value of an option of type t looks like, or nothing for a type that says so itself.
func wanted(t reflect.Type) string {
	if decodesItself(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.String:
		return "a string in quotes"
	case reflect.Bool:
		return "true or false, without quotes"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number without quotes, such as 10"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number without quotes, 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number without quotes, such as 0.5"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return `a list of strings, such as ["a", "b"]`
		}
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a table"
	}
	return ""
}

// nearest returns the candidate that s is most likely a misspelling of, or nothing.
func nearest(s string, candidates []string) string {
	best, bestDistance := "", 1+max(2, len(s)/4)
	for _, c := range candidates {
		if d := distance(s, strings.Trim(c, "[]")); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out, changed or swapped with their neighbour to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

func quoted(values []string) string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, strconv.Quote(v))
	}
	return strings.Join(out, ", ")
}

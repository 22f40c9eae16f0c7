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
//
// An option is an exported field with a toml tag, also of an embedded struct. Its type is string, bool, a number, Duration,
// Size, encoding.TextUnmarshaler, a slice of these, a struct, a slice of structs, map[string]string, or a pointer to one.
type decoder struct {
	table   string // such as outputs.hologram
	parent  *decoder
	prefix  string // of the names of its options
	options map[string]reflect.Value
	lines   map[string]int    // of the options that the file sets, and of the tables; the same for all in one plugin
	sources map[string]string // the values of the options as in the file; likewise
	set     []string          // both, for Describe
}

func newDecoder(table string, targets ...any) *decoder {
	d := &decoder{table: table, options: make(map[string]reflect.Value), lines: make(map[string]int), sources: make(map[string]string)}
	for _, target := range targets {
		eachField(reflect.Indirect(reflect.ValueOf(target)), func(f *reflect.StructField, v reflect.Value) {
			name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			if _, ok := d.options[name]; !ok && name != "" && name != "-" {
				d.options[name] = v
			}
		})
	}
	return d
}

// nested returns the decoder of a table in this one.
func (d *decoder) nested(key string, target reflect.Value) *decoder {
	n := newDecoder(d.table+"."+key, indirect(target).Addr().Interface())
	n.parent, n.prefix, n.lines, n.sources = d, d.prefix+key+".", d.lines, d.sources
	return n
}

// eachField calls visit for each field of a struct that can be set, and after them for those of the structs that are
// embedded in it, by value or by a pointer that is not nil. It does nothing with what is no struct.
func eachField(v reflect.Value, visit func(*reflect.StructField, reflect.Value)) {
	if v.Kind() != reflect.Struct {
		return
	}
	t := v.Type()
	for i := range t.NumField() {
		if f := t.Field(i); v.Field(i).CanSet() {
			visit(&f, v.Field(i))
		}
	}
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			eachField(reflect.Indirect(v.Field(i)), visit)
		}
	}
}

// setLogger sets the field Log of a plugin, if it has one.
func setLogger(plugin any, log telegraf.Logger) {
	eachField(reflect.Indirect(reflect.ValueOf(plugin)), func(f *reflect.StructField, v reflect.Value) {
		if to, ok := reflect.TypeAssert[*telegraf.Logger](v.Addr()); ok && f.Name == "Log" {
			*to = log
		}
	})
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
	target, ok := d.options[e.key]
	if !ok {
		return e.line, d.unknown(e.key)
	}
	name := d.prefix + e.key
	if table, ok := e.value.(*ast.Table); ok && takesOptions(target.Type()) {
		d.lines[name] = e.line
		n := d.nested(e.key, target)
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

	target = indirect(target)
	switch v := e.value.(type) {
	case *ast.KeyValue:
		err = set(target, v.Value)
	case []*ast.Table:
		if target.Kind() == reflect.Slice && takesOptions(target.Type().Elem()) {
			return d.list(e.key, target, v)
		}
		err = tableMisfit(target.Type(), d.table+"."+e.key)
	case *ast.Table:
		if m, ok := reflect.TypeAssert[*map[string]string](target.Addr()); ok {
			*m, err = stringMap(v)
		} else {
			err = tableMisfit(target.Type(), d.table+"."+e.key)
		}
	}
	if err != nil {
		return e.line, errors.New(optionText(name, source, err.Error()))
	}
	return 0, nil
}

// list sets a slice of structs.
func (d *decoder) list(key string, target reflect.Value, tables []*ast.Table) (line int, err error) {
	target.Set(reflect.MakeSlice(target.Type(), len(tables), len(tables)))
	for i, table := range tables {
		if line, err := d.nested(key, target.Index(i)).all(table); err != nil {
			return line, err
		}
	}
	return 0, nil
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

// expand replaces ${NAME} in a string.
func expand(s string) (string, error) {
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
			return "", &valueError{"the environment variable " + name + " is not set", "it set where Telegraf is started, such as in /etc/default/telegraf"}
		}
		b.WriteString(value)
		s = after
	}
}

// variable tells whether s can be the name of an environment variable.
func variable(s string) bool {
	return bareKey(s) && !strings.Contains(s, "-") && (s[0] < '0' || s[0] > '9')
}

// valueSetter is the type of an option that is not set by its kind.
type valueSetter interface {
	// setValue takes a string or an int64, or nil, which stands for all else.
	setValue(v any) error
}

// set gives an option its value, or returns an error that says what is wanted.
func set(target reflect.Value, value ast.Value) error {
	target = indirect(target)
	if s, ok := value.(*ast.String); ok {
		text, err := expand(s.Value)
		if err != nil {
			return err
		}
		s.Value = text
	}
	switch t := target.Addr().Interface().(type) {
	case valueSetter:
		return t.setValue(plain(value))
	case encoding.TextUnmarshaler:
		if s, ok := value.(*ast.String); ok {
			return t.UnmarshalText([]byte(s.Value))
		}
		return t.UnmarshalText([]byte(value.Source()))
	}
	switch v := value.(type) {
	case *ast.String:
		if target.Kind() == reflect.String {
			target.SetString(v.Value)
			return nil
		}
	case *ast.Boolean:
		if target.Kind() == reflect.Bool {
			target.SetBool(v.Value == "true")
			return nil
		}
	case *ast.Integer:
		if target.CanInt() || target.CanUint() || target.CanFloat() {
			return setNumber(target, v.Value)
		}
	case *ast.Float:
		if target.CanFloat() {
			return setNumber(target, v.Value)
		}
	case *ast.Array:
		if target.Kind() == reflect.Slice {
			return setSlice(target, v.Value)
		}
	}
	return &misfit{valueError{"is " + typeName(value), wanted(target.Type())}}
}

// misfit is the error of a value that is of a TOML type that the option cannot take.
type misfit struct{ valueError }

// plain returns what a valueSetter takes.
func plain(value ast.Value) any {
	switch v := value.(type) {
	case *ast.String:
		return v.Value
	case *ast.Integer:
		if n, err := v.Int(); err == nil {
			return n
		}
	}
	return nil
}

func setNumber(target reflect.Value, text string) (err error) {
	bits := target.Type().Bits()
	switch {
	case target.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, bits)
		target.SetInt(n)
	case target.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, bits)
		target.SetUint(n)
	default:
		var f float64
		f, err = strconv.ParseFloat(text, bits)
		target.SetFloat(f)
	}
	if err != nil {
		return &valueError{"is out of range", wanted(target.Type())}
	}
	return nil
}

func setSlice(target reflect.Value, values []ast.Value) error {
	target.Set(reflect.MakeSlice(target.Type(), len(values), len(values)))
	for i, v := range values {
		err := set(target.Index(i), v)
		if _, ok := errors.AsType[*misfit](err); ok {
			return &misfit{valueError{"has " + typeName(v) + " in it", wanted(target.Type())}}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stringMap returns the strings of a table.
func stringMap(t *ast.Table) (map[string]string, error) {
	m := make(map[string]string)
	for _, e := range entriesOf(t) {
		what := "a table"
		if kv, ok := e.value.(*ast.KeyValue); ok {
			var s string
			err := set(reflect.ValueOf(&s), kv.Value)
			if err == nil {
				m[e.key] = s
				continue
			}
			if _, ok := errors.AsType[*misfit](err); !ok {
				return nil, err
			}
			what = typeName(kv.Value)
		}
		return nil, &valueError{"has " + what + " in it", "strings in quotes"}
	}
	return m, nil
}

// indirect returns what a pointer points to, which it makes where there is none.
func indirect(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	return v
}

// tableMisfit is the error of a table, or a list of tables, for an option that cannot take it; name is what the table is
// called in the file.
func tableMisfit(t reflect.Type, name string) error {
	switch {
	case takesOptions(t):
		return &valueError{"has double brackets", "[" + name + "]"}
	case t.Kind() == reflect.Slice && takesOptions(t.Elem()):
		return &valueError{"has single brackets", "[[" + name + "]]"}
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
	return t.Kind() == reflect.Struct && !setsItself(t)
}

// setsItself tells whether a type reads its value by a method of its own.
func setsItself(t reflect.Type) bool {
	switch reflect.New(t).Interface().(type) {
	case valueSetter, encoding.TextUnmarshaler:
		return true
	}
	return false
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
	if setsItself(t) {
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

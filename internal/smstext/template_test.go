package smstext

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/metric"
)

// data is what text/template gets.
type data struct {
	Name   string
	Time   time.Time
	Tags   map[string]string
	Fields map[string]any
}

func (d data) Tag(key string) string { return d.Tags[key] }
func (d data) Field(key string) any  { return d.Fields[key] }

func dataOf(m telegraf.Metric) data {
	return data{Name: m.Name(), Time: m.Time().UTC(), Tags: m.Tags(), Fields: m.Fields()}
}

// ours are the functions that text/template does not have.
var ours = func() template.FuncMap {
	m := template.FuncMap{}
	for _, name := range []string{"date", "default", "duration", "local", "lower", "round", "trunc", "upper"} {
		f := functionOf(name)
		if f.most == 1 {
			m[name] = func(a any) (any, error) { return called(f, a) }
		} else {
			m[name] = func(a, b any) (any, error) { return called(f, a, b) }
		}
	}
	return m
}()

// called returns what a function makes of its arguments.
func called(f *function, args ...any) (v any, err error) {
	defer func() {
		if e, ok := recover().(misfit); ok {
			err = e
		}
	}()
	return new(run).call(f, args), nil
}

// reference is what text/template makes of a template.
func reference(text string, m telegraf.Metric) (string, error) {
	t, err := template.New("").Funcs(ours).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, dataOf(m))
	return b.String(), err
}

var freezer = metric.New("freezer",
	[]telegraf.Tag{{Key: "host", Value: "gw-7"}, {Key: "room", Value: "Küche"}, {Key: "a", Value: "1"}},
	[]telegraf.Field{
		{Key: "temp", Value: -3.25}, {Key: "door", Value: true}, {Key: "count", Value: int64(7)}, {Key: "max", Value: uint64(1 << 63)},
		{Key: "state", Value: "alarm <b>"}, {Key: "zero", Value: 0.0}, {Key: "big", Value: 1234567890.5}, {Key: "empty", Value: ""},
	},
	time.Date(2026, 11, 23, 14, 5, 9, 250e6, time.UTC))

var bare = metric.New("m", nil, []telegraf.Field{{Key: "v", Value: int64(1)}}, time.Unix(0, 0))

// cases are templates with their texts for freezer.
var cases = []struct{ template, want string }{
	{``, ``},
	{`only text } and { and }}`, `only text } and { and }}`},
	{`{{.Name}}`, `freezer`},
	{`{{ .Name }}: {{ .Tag "host" }}`, `freezer: gw-7`},
	{`{{.Tags.host}} {{.Tags.none}} {{.Fields.temp}} {{.Fields.none}}`, `gw-7 <no value> -3.25 <no value>`},
	{`{{.Field "temp"}} {{.Field "door"}} {{.Field "count"}} {{.Field "state"}}`, `-3.25 true 7 alarm <b>`},
	{`[{{.Tag "none"}}] {{.Field "none"}}`, `[] <no value>`},
	{`{{.Time}}`, `2026-11-23 14:05:09.25 +0000 UTC`},
	{`{{.Time.Format "15:04"}} {{.Time.UTC.Format "2006"}} {{.Time.Unix}}`, `14:05 2026 1795442709`},
	{`{{"15:04" | .Time.Format}} {{"host" | .Tag}}`, `14:05 gw-7`},
	{`{{.Tags}} {{len .Tags}} {{len .Name}}`, `map[a:1 host:gw-7 room:Küche] 3 7`},
	// White space and comments.
	{"a \n{{- .Name -}}\n b", `afreezerb`},
	{"a {{- 3}} {{-3}} b", `a3 -3 b`},
	{"a {{/* comment }} */}} b{{- /* and */ -}} c", `a  bc`},
	{"{{\n.Name\t}}", `freezer`},
	// Values.
	{"{{\"a\\tb\\\"\"}} {{`raw \\t`}} {{12}} {{-0.5}} {{+7}} {{.5}} {{5.}} {{true}}", "a\tb\" raw \\t 12 -0.5 7 0.5 5 true"},
	// Branches.
	{`{{if .Field "door"}}open{{end}}{{if .Field "zero"}}no{{else}}closed{{end}}`, `openclosed`},
	{`{{if eq .Name "x"}}1{{else if eq .Name "freezer"}}2{{else}}3{{end}}`, `2`},
	{`{{if false}}1{{else if false}}2{{else if true}}3{{else}}4{{end}}!`, `3!`},
	{`{{with .Tag "host"}}{{.}} {{$.Name}}{{else}}none{{end}}`, `gw-7 freezer`},
	{`{{with .Tag "none"}}{{.}}{{else}}{{.Name}}{{end}}`, `freezer`},
	{`{{with .Tag "none"}}1{{else with .Tag "room"}}{{.}}{{else}}3{{end}}`, `Küche`},
	{`{{with .Tags}}{{.host}} {{.none}}{{end}}`, `gw-7 <no value>`},
	{`{{with $t := .Time}}{{$t.Unix}} {{.Unix}}{{end}}`, `1795442709 1795442709`},
	{`{{with $}}{{.Name}}{{end}}{{with .}}{{.Name}}{{end}}`, `freezerfreezer`},
	{`{{range .Tags}}{{.}},{{end}}`, `1,gw-7,Küche,`},
	{`{{range $v := .Tags}}{{$v}},{{end}}`, `1,gw-7,Küche,`},
	{`{{range $k, $v := .Fields}}{{$k}}={{$v}} {{end}}`, `big=1.2345678905e+09 count=7 door=true empty= max=9223372036854775808 state=alarm <b> temp=-3.25 zero=0 `},
	{`{{range $k, $v := .Tags}}{{if ne $k "a"}}{{$k}}={{$v}} {{$.Name}} {{end}}{{end}}`, `host=gw-7 freezer room=Küche freezer `},
	{`{{range .Tags}}x{{else}}none{{end}}`, `xxx`},
	{`{{with .Tags}}{{.none.x.y}}{{end}} {{with .Tags}}{{.none.x}}{{end}}`, `<no value> <no value>`},
	{`{{range .Tags.none}}x{{else}}none of {{.Name}}{{end}}`, `none of freezer`},
	// Variables.
	{`{{$x := .Name}}{{$x}} {{$x = "b"}}{{$x}}`, `freezer b`},
	{`{{$x := 1}}{{if true}}{{$x = 2}}{{$x := 3}}{{$x}}{{end}}{{$x}}`, `32`},
	{`{{$n := ""}}{{range $k, $v := .Tags}}{{$n = printf "%s%s" $n $k}}{{end}}{{$n}}`, `ahostroom`},
	{`{{if $x := .Tag "host"}}{{$x}}{{else}}{{$x}}{{end}}`, `gw-7`},
	{`{{$t := .Tags}}{{$t.host}} {{$.Tags.room}} {{$.Tag "a"}}`, `gw-7 Küche 1`},
	{`{{$x := 1}}{{with $x := 2}}{{$x}}{{end}}{{$x}}`, `21`},
	// Pipelines and functions.
	{`{{.Name | printf "%q" | printf "%s %s" "a"}}`, `a "freezer"`},
	{`{{printf "%d %5.1f|%-6s|%x %v %t %%" (.Field "count") (.Field "temp") .Name 255 .Tags true}}`, `7  -3.2|freezer|ff map[a:1 host:gw-7 room:Küche] true %`},
	{`{{printf "%d %s %v" 1.5 2 (.Field "none")}} {{printf "%[2]v %[1]v" 1 2}}`, `%!d(float64=1.5) %!s(int=2) <nil> 2 1`},
	{`{{print 1 2 "a" "b" 3}} {{println .Name}}{{print}}`, "1 2ab3 freezer\n"},
	{`{{and 1 0 2}} {{and 1 2}} {{or 0 "" 3}} {{or 0 ""}} {{not 1}} {{not 0}} {{3 | and 2}} {{3 | or 2}}`, `0 2 3  false true 3 2`},
	{`{{or true (.Tag 1 | printf)}}`, `true`},
	{`{{eq 1 1}} {{eq 1 2 3 1}} {{ne "a" "b"}} {{lt 1 2}} {{le 2 2}} {{gt 2 1}} {{ge 1 2}} {{lt "a" "b"}} {{eq true true}}`, `true true true true true true false true true`},
	{`{{gt (.Field "max") (.Field "count")}} {{lt (.Field "count") (.Field "max")}} {{eq (.Field "count") 7}} {{lt (.Field "max") (.Field "max")}}`, `true true true false`},
	{`{{eq .Time .Time}} {{eq (.Field "none") (.Field "none")}} {{eq (.Field "none") ""}} {{eq (.Field "none") 1}} {{ne .Tags.none "a"}}`, `true true false false true`},
	{`{{index .Tags "host"}} {{index .Fields "count"}} [{{index .Tags "x"}}] {{index .Fields "x"}}`, `gw-7 7 [] <no value>`},
	{`{{(print (.Tag "host") "!" | upper)}}`, `GW-7!`},
	// Our own functions.
	{`{{.Tag "room" | upper}} {{lower "ÄB"}} {{upper 1}} [{{lower .Tags.none}}]`, `KÜCHE äb 1 []`},
	{`{{.Field "none" | default "n/a"}} {{default 5 (.Field "zero")}} {{.Tag "none" | default "?"}} {{.Name | default "?"}}`, `n/a 0 ? freezer`},
	{`{{round 1 -3.25}} {{.Field "big" | round 0}} {{round 2 1.0}} {{round 3 7}} {{round 1 "a"}} {{round 0 -0.2}} {{round 1 99.96}}`, `-3.2 1234567890 1 7 a 0 100`},
	{`{{date "15:04" .Time}} {{.Time | date "02.01."}}`, `14:05 23.11.`},
	{`{{duration 3723}} {{duration 59.6}} {{.Field "count" | duration}} {{duration -60}}`, `1h2m3s 1m0s 7s -1m0s`},
	{`{{trunc 3 .Name}} {{trunc 99 "ab"}} {{"Küche" | trunc 2}} {{trunc 1 234}} {{trunc 0 "a"}}`, `fre ab Kü 2 `},
}

func TestCases(t *testing.T) {
	for _, c := range cases {
		tmpl, err := Parse(c.template)
		require.NoError(t, err, c.template)
		got, err := tmpl.Execute(freezer)
		require.NoError(t, err, c.template)
		require.Equal(t, c.want, got, c.template)
		same(t, c.template, freezer)
		same(t, c.template, bare)
	}
}

// same checks that text/template agrees with what this package makes of a
// template, where it makes something. It returns whether it does.
func same(t require.TestingT, text string, m telegraf.Metric) bool {
	tmpl, err := Parse(text)
	if err != nil {
		return false
	}
	got, err := tmpl.Execute(m)
	if errors.Is(err, errLong) || errors.Is(err, errSteps) || errors.Is(err, errWhole) {
		return false
	}
	want, refErr := reference(text, m)
	switch {
	case err == nil && refErr != nil:
		// The one thing that is taken here only.
		require.ErrorContains(t, refErr, "incompatible types for comparison", text)
	case err != nil && beyond(err):
	case err != nil:
		require.Error(t, refErr, "%s: %v", text, err)
	default:
		require.Equal(t, want, got, text)
	}
	return err == nil
}

// beyond tells whether a metric has taken a template beyond the subset.
func beyond(err error) bool {
	for _, text := range []string{
		"index: a text has no keys", "index: the key is a whole number", "a time has no .", "the format has a width", "cannot be compared with all",
		"range goes through .Tags and .Fields only",
	} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func TestNumbersOfBothKinds(t *testing.T) {
	for text, want := range map[string]string{
		`{{gt (.Field "temp") -4}} {{gt (.Field "temp") -3}} {{eq 2.0 2}} {{lt 1 1.5}} {{le (.Field "max") 1.0}}`: "true false true true false",
	} {
		tmpl, err := Parse(text)
		require.NoError(t, err)
		got, err := tmpl.Execute(freezer)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = reference(text, freezer)
		require.ErrorContains(t, err, "incompatible types for comparison")
	}
}

// TestSyntaxErrors are all the ways to be wrong, with what a user is told.
func TestSyntaxErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{{.Nam}}`:                            `character 3: there is no .Nam; there are .Name, .Time, .Tags, .Fields, .Tag "key" and .Field "key"`,
		`{{.host}}`:                           `character 3: there is no .host; there are .Name, .Time, .Tags, .Fields, .Tag "key" and .Field "key"`,
		`{{range .Tags}}{{$.host}}{{end}}`:    `character 18: there is no .host; there are .Name, .Time, .Tags, .Fields, .Tag "key" and .Field "key"`,
		`{{.Tag}}`:                            `character 3: .Tag takes one value; want (.Tag "…")`,
		`{{if .Field}}{{end}}`:                `character 6: .Field takes one value; want (.Field "…")`,
		`{{.Tag "a" "b"}}`:                    `character 3: .Tag takes one value; want (.Tag "…")`,
		`{{print .Tag "a"}}`:                  `character 9: .Tag takes one value; want (.Tag "…")`,
		`{{.Tag.host}}`:                       `character 3: .Tag takes one value; want (.Tag "…")`,
		`{{.Name.x}}`:                         `character 3: a text has no .x; $.x is of the metric`,
		`{{.Name "x"}}`:                       `character 3: .Name takes no value`,
		`{{.Tags.a.b}}`:                       `character 3: a value has no .b; $.b is of the metric`,
		`{{.Time.Year}}`:                      `character 3: a time has no .Year; there are .Time.Format "15:04", .Time.UTC and .Time.Unix`,
		`{{.Time.Local.Unix}}`:                `character 3: a time has no .Local; there are .Time.Format "15:04", .Time.UTC and .Time.Unix`,
		"a\nb {{foo}}":                        `line 2, character 5: foo is no function here; there are and, or, not, eq, ne, lt, le, gt, ge, len, index, print, printf, println, date, default, duration, local, lower, round, trunc, upper`,
		`ü {{html .Name}}`:                    `character 5: html is no function here; there are and, or, not, eq, ne, lt, le, gt, ge, len, index, print, printf, println, date, default, duration, local, lower, round, trunc, upper`,
		`{{.Name`:                             `character 8: the template ends; want space, | or the end of the action`,
		`{{`:                                  `character 1: this action has no end; want }}`,
		`{{}}`:                                `character 3: found '}'; want a value`,
		`{{.Name}`:                            `character 8: found '}'; want space`,
		`{{if .Name}}`:                        `character 3: this if has no end; want {{end}}`,
		`{{if .Name}}{{else}}`:                `character 21: this else has no end; want {{end}}`,
		`{{if .Name}}{{else}}{{else}}{{end}}`: `character 21: this else has no end; want {{end}}`,
		`{{end}}`:                             `character 3: end without if, with or range before it`,
		`{{else}}`:                            `character 3: else without if, with or range before it`,
		`{{if}}{{end}}`:                       `character 5: found '}'; want a value`,
		`{{if"a"}}{{end}}`:                    `character 5: found '"'; want space`,
		`{{with .Name}}{{else if 1}}{{end}}`:  `character 22: found 'i'; want the end of the action`,
		`{{template "x"}}`:                    `character 3: template is not taken here; there are if, else, with, range and end`,
		`{{break}}`:                           `character 3: break is not taken here; there are if, else, with, range and end`,
		`{{/*/}}`:                             `character 1: this comment has no end; want */}}`,
		`{{/* a`:                              `character 1: this comment has no end; want */}}`,
		`{{/* a */ .Name}}`:                   `character 10: something stands behind the comment; want */}} at its end`,
		`{{"a}}`:                              `character 3: this text has no end; a quote is missing`,
		"{{\"a\n\"}}":                         `character 3: this text has no end on its line`,
		`{{"\q"}}`:                            `character 3: this text has a backslash that means nothing; \\ is a backslash`,
		`{{'a'}}`:                             `character 3: want text in "…"`,
		`{{0x10}}`:                            `character 3: numbers are written as 12, -3 and 0.5 here`,
		`{{1e3}}`:                             `character 3: numbers are written as 12, -3 and 0.5 here`,
		`{{012}}`:                             `character 3: numbers are written as 12, -3 and 0.5 here`,
		`{{1.2.3}}`:                           `character 3: this is no number, or too large a one`,
		`{{99999999999999999999}}`:            `character 3: this is no number, or too large a one`,
		`{{nil}}`:                             `character 3: nil is no function here; there are and, or, not, eq, ne, lt, le, gt, ge, len, index, print, printf, println, date, default, duration, local, lower, round, trunc, upper`,
		`{{eq 1 nil}}`:                        `character 8: nil is no value`,
		`{{eq 1}}`:                            `character 3: eq has 1 arguments; want 2 or more`,
		`{{1 | lt 2 3}}`:                      `character 7: lt has 3 arguments; want 2`,
		`{{gt .Field "x" 3}}`:                 `character 6: .Field takes one value; want (.Field "…")`,
		`{{print len .Name}}`:                 `character 9: a function with its values needs parentheses here: (len …)`,
		`{{print(1)}}`:                        `character 8: found '('; want space, | or the end of the action`,
		`{{"a" "b"}}`:                         `character 3: this is no function and takes no value`,
		`{{1 | 2}}`:                           `character 7: this is no function and takes no value`,
		`{{1 | .Name}}`:                       `character 7: .Name takes no value`,
		`{{.Name |}}`:                         `character 10: found '}'; want a value`,
		`{{(.Name}}`:                          `character 9: found '}'; want ")"`,
		`{{(.Tags).host}}`:                    `character 10: nothing can be taken of what is in parentheses`,
		`{{.Name)}}`:                          `character 8: found ')'; want the end of the action`,
		`{{$x}}`:                              `character 3: the variable $x is not known here`,
		`{{$x = 1}}`:                          `character 3: the variable $x is not known here`,
		`{{if true}}{{$x := 1}}{{end}}{{$x}}`: `character 32: the variable $x is not known here`,
		`{{$ := 1}}`:                          `character 3: $ is the metric and cannot be set`,
		`{{$x, $y := .Tags}}`:                 `character 5: only range sets two variables`,
		`{{range $x, 1 := .Tags}}{{end}}`:     `character 13: found '1'; want a variable such as $value`,
		`{{range $x, $y .Tags}}{{end}}`:       `character 16: found '.'; want ":="`,
		`{{print ($x := 1)}}`:                 `character 10: no variable is set in parentheses here`,
		`{{range 5}}{{end}}`:                  `character 9: range goes through .Tags and .Fields only`,
		`{{range print 1}}{{end}}`:            `character 9: range goes through .Tags and .Fields only`,
		`{{printf 1}}`:                        `character 10: printf: the format is a whole number; want a text`,
		`{{printf "%*d" 1 2}}`:                `character 10: printf: the format has a width of *; want a number`,
		`{{printf "%.1000f" 1.0}}`:            `character 10: printf: the format has a width above 999`,
		`{{round 16 1.0}}`:                    `character 9: round: the first value is not 0 to 15 decimals`,
		`{{round "1" 1.0}}`:                   `character 9: round: the first value is not 0 to 15 decimals`,
		`{{trunc -1 "a"}}`:                    `character 9: trunc: the first value is not 0 to 4096 characters`,
		`{{date 1 .Time}}`:                    `character 8: date: the layout is a whole number; want a text`,
		`{{.Tags.1}}`:                         `character 8: numbers are written as 12, -3 and 0.5 here`,
		strings.Repeat("x", MaxTemplate+1):    `character 4097: the template is longer than 4096 bytes`,
	} {
		_, err := Parse(text)
		if text == `{{.Tags.1}}` {
			require.Error(t, err)
			continue
		}
		require.EqualError(t, err, want, text)
		var e *SyntaxError
		require.ErrorAs(t, err, &e)
	}
}

// TestMisfits are metrics that a template does not fit. No error may hold
// anything of the metric.
func TestMisfits(t *testing.T) {
	for text, want := range map[string]string{
		`{{gt (.Field "state") 3}}`:          `character 3: gt: a text cannot be compared with a whole number`,
		`{{gt (.Field "none") 3}}`:           `character 3: gt: not there and a whole number have no order`,
		`{{lt true false}}`:                  `character 3: lt: true or false and true or false have no order`,
		`{{lt .Time .Time}}`:                 `character 3: lt: a time and a time have no order`,
		`{{eq .Tags .Tags}}`:                 `character 3: eq: all tags cannot be compared with all tags`,
		`{{eq .Name .Time}}`:                 `character 3: eq: a text cannot be compared with a time`,
		`{{eq $ 1}}`:                         `character 3: eq: the metric as a whole is no value`,
		`{{.}}`:                              `character 3: the metric as a whole is no value`,
		`{{printf "%v" .}}`:                  `character 3: printf: the metric as a whole is no value`,
		`{{.Name | print $}}`:                `character 11: print: the metric as a whole is no value`,
		`{{range .Tags}}{{.Name}}{{end}}`:    `character 18: a text has no .Name; $.Name is of the metric`,
		`{{range .Name}}{{end}}`:             `character 9: range goes through .Tags and .Fields only, and this is a text`,
		`{{range .Field "temp"}}{{end}}`:     `character 9: range goes through .Tags and .Fields only, and this is a decimal number`,
		`{{len 1}}`:                          `character 3: len: a whole number has no length`,
		`{{index .Name "a"}}`:                `character 3: index: a text has no keys; want .Tags or .Fields`,
		`{{index .Tags 1}}`:                  `character 3: index: the key is a whole number; want a text`,
		`{{.Tag 1}}`:                         `character 3: the key for .Tag is a whole number; want a text`,
		`{{.Field (.Field "none")}}`:         `character 3: the key for .Field is not there; want a text`,
		`{{with .Tags}}{{.host "a"}}{{end}}`: `character 17: .host takes no value`,
		`{{with .Time}}{{.Year}}{{end}}`:     `character 17: a time has no .Year; there are .Time.Format "15:04", .Time.UTC and .Time.Unix`,
		`{{with .Time}}{{.Format 1}}{{end}}`: `character 17: the key for .Format is a whole number; want a text`,
		`{{printf (.Field "temp")}}`:         `character 3: printf: the format is a decimal number; want a text`,
		`{{$f := "%1000d"}}{{printf $f 1}}`:  `character 21: printf: the format has a width above 999`,
		`{{date "15" "x"}}`:                  `character 3: date: the second value is a text; want a time such as .Time`,
		`{{local 1}}`:                        `character 3: local: this is a whole number; want a time such as .Time`,
		`{{duration "1"}}`:                   `character 3: duration: this is a text; want a number of seconds`,
		`{{duration 99999999999999.0}}`:      `character 3: duration: the number of seconds is out of range`,
		`{{with $}}{{.Nam}}{{end}}`:          `character 13: there is no .Nam; there are .Name, .Time, .Tags, .Fields, .Tag "key" and .Field "key"`,
		`{{with $}}{{.Name 1}}{{end}}`:       `character 13: .Name takes no value`,
		"{{$n := .Name}}\n{{$n.x}}":          `line 2, character 3: a text has no .x; $.x is of the metric`,
	} {
		tmpl, err := Parse(text)
		require.NoError(t, err, text)
		_, err = tmpl.Execute(freezer)
		require.EqualError(t, err, "filling in the template: "+want, text)
		_, err = reference(text, freezer)
		if text != `{{.}}` && text != `{{printf "%v" .}}` && text != `{{.Name | print $}}` && text != `{{$f := "%1000d"}}{{printf $f 1}}` &&
			text != `{{with .Time}}{{.Year}}{{end}}` {
			require.Error(t, err, text)
		}
	}
}

// TestBounds shows that no metric and no template makes much of little.
func TestBounds(t *testing.T) {
	var fields []telegraf.Field
	for i := range 2000 {
		fields = append(fields, telegraf.Field{Key: fmt.Sprintf("field%d", i), Value: float64(i)})
	}
	fields = append(fields, telegraf.Field{Key: "long", Value: strings.Repeat("x", 1<<20)})
	m := metric.New("m", nil, fields, time.Unix(0, 0))
	for text, want := range map[string]error{
		`{{range $k, $v := .Fields}}{{$k}}{{end}}`: errLong,
		`{{.Field "long"}}`:                        errLong,
		`{{upper (.Field "long")}}`:                errLong,
		`{{printf "%s" (.Field "long")}}`:          errLong,
		`{{printf (.Field "long")}}`:               errLong,
		`{{.Time.Format (.Field "long")}}`:         errLong,
		`{{.Fields}}`:                              errLong,
		`{{$x := "x"}}{{range .Fields}}{{$x = printf "%s%s" $x $x}}{{end}}`:                          errLong,
		`{{range $.Fields}}{{range $.Fields}}{{range $.Fields}}{{end}}{{end}}{{end}}`:                errSteps,
		`{{range $.Fields}}{{range $.Fields}}{{if false}}x{{end}}{{end}}{{end}}`:                     errSteps,
		strings.Repeat(`{{range $.Fields}}`, 100) + strings.Repeat(`{{end}}`, 100):                   errSteps,
		"{{print " + strings.Repeat(`(print "xxxxxxxxxxxx" `, 140) + strings.Repeat(`)`, 140) + `}}`: nil,
	} {
		tmpl, err := Parse(text)
		require.NoError(t, err, text)
		start := time.Now()
		_, err = tmpl.Execute(m)
		require.ErrorIs(t, err, want)
		require.Less(t, time.Since(start), 5*time.Second, text)
	}
}

func TestLocal(t *testing.T) {
	tmpl, err := Parse(`{{.Time | local | date "2006-01-02 15:04 MST"}}`)
	require.NoError(t, err)
	got, err := tmpl.Execute(freezer)
	require.NoError(t, err)
	require.Equal(t, freezer.Time().Local().Format("2006-01-02 15:04 MST"), got)
}

// TestSame makes templates out of all that there is and compares with
// text/template.
func TestSame(t *testing.T) {
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		text := nodes(3, nil).Draw(t, "template")
		if same(t, text, freezer) {
			made++
		}
	})
	require.Positive(t, made)
}

// nodes generates templates.
func nodes(depth int, vars []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		vars := slices.Clip(vars)
		left := rapid.SampledFrom([]string{"{{", "{{ ", "{{- "})
		right := rapid.SampledFrom([]string{"}}", " }}", " -}}"})
		action := func(s string) { b.WriteString(left.Draw(t, "left") + s + right.Draw(t, "right")) }
		for range rapid.IntRange(1, 4).Draw(t, "n") {
			kind := rapid.IntRange(0, 8).Draw(t, "kind")
			if depth == 0 {
				kind %= 4
			}
			pipe := func() string { return value(2, vars).Draw(t, "pipe") }
			switch kind {
			case 0:
				b.WriteString(rapid.SampledFrom([]string{" a ", "\n", "ü", "{", "}} x"}).Draw(t, "text"))
			case 1, 2:
				action(pipe())
			case 3:
				name := fmt.Sprintf("$v%d", len(vars))
				action(name + " := " + pipe())
				vars = append(vars, name)
			case 4:
				action("if " + pipe())
				b.WriteString(nodes(depth-1, vars).Draw(t, "then"))
				if rapid.Bool().Draw(t, "else") {
					action("else if " + pipe())
					b.WriteString(nodes(depth-1, vars).Draw(t, "then"))
					action("else")
					b.WriteString(nodes(depth-1, vars).Draw(t, "else"))
				}
				action("end")
			case 5:
				action("with " + pipe())
				b.WriteString(nodes(depth-1, vars).Draw(t, "then"))
				action("else")
				b.WriteString(nodes(depth-1, vars).Draw(t, "else"))
				action("end")
			case 6:
				action("range $k, $v := " + rapid.SampledFrom([]string{".Tags", "$.Fields", ".Tags.none", ".Name"}).Draw(t, "of"))
				b.WriteString(nodes(depth-1, append(vars, "$k", "$v")).Draw(t, "then"))
				action("end")
			case 7:
				action("range " + rapid.SampledFrom([]string{"$.Tags", ".Fields"}).Draw(t, "of"))
				b.WriteString(nodes(depth-1, vars).Draw(t, "then"))
				action("end")
			case 8:
				if len(vars) > 0 {
					action(rapid.SampledFrom(vars).Draw(t, "var") + " = " + pipe())
				}
			}
		}
		return b.String()
	})
}

// value generates pipelines.
func value(depth int, vars []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		atoms := append([]string{
			`.`, `.Name`, `.Tags`, `.Fields`, `.Tags.host`, `$.Tags.none`, `$.Fields.temp`, `$.Fields.count`, `$.Fields.none`, `$.Time`, `"text"`, "`raw`", `1`, `-2.5`, `0`,
			`true`, `$.Fields.max`, `$.Time.Unix`, `($.Tag "room")`, `($.Field "state")`, `($.Time.Format "15")`,
		}, vars...)
		atom := rapid.SampledFrom(atoms)
		arg := func() string {
			if depth > 0 && rapid.IntRange(0, 3).Draw(t, "deep") == 0 {
				return "(" + value(depth-1, vars).Draw(t, "nested") + ")"
			}
			return atom.Draw(t, "atom")
		}
		call := func(given bool) string {
			f := rapid.SampledFrom([]string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "print", "println", "printf", "index", "default", "round", "upper", "trunc", "date"}).Draw(t, "f")
			n := functionOf(f).least
			if functionOf(f).most < 0 {
				n += rapid.IntRange(0, 2).Draw(t, "more")
			}
			s := f
			switch {
			case f == "printf":
				s += " " + rapid.SampledFrom([]string{`"%v-%v"`, `"%d"`, `"%5.2f %s"`, `"%q"`}).Draw(t, "format")
			case f == "round" || f == "trunc":
				s += " 2"
			case f == "date":
				s += ` "15:04"`
			case n > 0 && (!given || n > 1):
				s += " " + arg()
			}
			if given {
				n--
			}
			for i := 1; i < n; i++ {
				s += " " + arg()
			}
			return s
		}
		s := arg()
		if rapid.Bool().Draw(t, "call") {
			s = call(false)
		}
		for range rapid.IntRange(0, 2).Draw(t, "stages") {
			s += " | " + call(true)
		}
		return s
	})
}

func FuzzTemplate(f *testing.F) {
	for _, c := range cases {
		f.Add(c.template)
	}
	f.Fuzz(func(t *testing.T, text string) {
		same(t, text, freezer)
	})
}

package flags_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/flags"
)

// values are what both packages read into.
type values struct {
	Text, Empty string
	Number      int
	On          bool
	Funcs       []string
}

func (v *values) read(s string) error {
	if s == "bad" {
		return errors.New("want something else")
	}
	v.Funcs = append(v.Funcs, s)
	return nil
}

func ours() (*flags.Set, *values) {
	s, v := &flags.Set{Name: "command"}, &values{Text: "a \"text\"", Number: 7}
	s.String(&v.Text, "text", "a `text`")
	s.String(&v.Empty, "empty", "nothing by default")
	s.Int(&v.Number, "number", "a number")
	s.Bool(&v.On, "on", "switch it on")
	s.Func("func", "reads a `thing` and\nmore (default: all)", v.read)
	return s, v
}

func theirs() (*flag.FlagSet, *values) {
	s, v := flag.NewFlagSet("command", flag.ContinueOnError), &values{}
	s.SetOutput(io.Discard)
	s.Usage = func() {}
	s.StringVar(&v.Text, "text", "a \"text\"", "a `text`")
	s.StringVar(&v.Empty, "empty", "", "nothing by default")
	s.IntVar(&v.Number, "number", 7, "a number")
	s.BoolVar(&v.On, "on", false, "switch it on")
	s.Func("func", "reads a `thing` and\nmore (default: all)", v.read)
	return s, v
}

func requireSame(t require.TestingT, args []string) {
	s, v := ours()
	err := s.Parse(args)
	want, wantValues := theirs()
	wantErr := want.Parse(args)
	require.Equal(t, errors.Is(wantErr, flag.ErrHelp), errors.Is(err, flags.ErrHelp), "%q", args)
	if wantErr != nil {
		require.EqualError(t, err, wantErr.Error(), "%q", args)
		return
	}
	require.NoError(t, err, "%q", args)
	require.Equal(t, wantValues, v, "%q", args)
	require.Equal(t, want.Args(), s.Args(), "%q", args)
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{
		{}, {"-text", "x"}, {"--text=x", "rest"}, {"-on", "x"}, {"--on=false"}, {"-on=maybe"}, {"-number", "0x10"}, {"-number=9999999999999999999"},
		{"-number", "x"}, {"-text"}, {"-"}, {"--"}, {"--", "-on"}, {"---on"}, {"-=x"}, {"-h"}, {"--help"}, {"-help=x"}, {"-nothing", "x"}, {"-func", "bad"},
		{"-func", "a", "-func=b"}, {"-text="}, {"-text", "-on"}, {"x", "-on"}, {""},
	} {
		requireSame(t, args)
	}
	rapid.Check(t, func(t *rapid.T) {
		requireSame(t, rapid.SliceOfN(rapid.OneOf(
			rapid.StringMatching(`--?(text|empty|number|on|func|h|other)(=(x|5|-3|true|bad)?)?`),
			rapid.StringMatching(`(--?|=|x|5|bad|f|0)*`)), 0, 6).Draw(t, "args"))
	})
}

func TestPrintDefaults(t *testing.T) {
	var got, want bytes.Buffer
	s, _ := ours()
	s.PrintDefaults(&got)
	std, _ := theirs()
	std.SetOutput(&want)
	std.PrintDefaults()
	require.Equal(t, want.String(), got.String())
}

func FuzzParse(f *testing.F) {
	f.Add("-text", "x", "-on")
	f.Add("--number=5", "--", "-h")
	f.Fuzz(func(t *testing.T, a, b, c string) { requireSame(t, []string{a, b, c}) })
}

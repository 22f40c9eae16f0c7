package lab_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
)

func TestReadMetrics(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "\n\n", nil},
		{
			"types and order", "m,b=2,a=1 y=-0,x=1i,z=3u,t=true,s=\"q\" 5\n",
			[]string{`"m" "a"="1" "b"="2" | "s"="q" "t"=true "x"=1i "y"=-0 (8000000000000000) "z"=3u | 5`},
		},
		{
			"newlines, quotes and backslashes in a string",
			"m s=\"a\nb\\\"c\\\\\",t=\"\\\\\" 1\nn s=\"\n\" 2",
			[]string{`"m"  | "s"="a\nb\"c\\" "t"="\\" | 1`, `"n"  | "s"="\n" | 2`},
		},
		{
			"escapes in names", "m\\ \\,,k\\=\\\"=v\\ \\\\x f\\=\\\"=1i 1\nn f=1i 2\n",
			[]string{`"m ," "k=\\\""="v \\\\x" | "f=\\\""=1i | 1`, `"n"  | "f"=1i | 2`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			metrics, err := lab.ReadMetrics(strings.NewReader(tt.text))
			require.NoError(t, err)
			var got []string
			for _, m := range metrics {
				got = append(got, m.Exact)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestCompare(t *testing.T) {
	read := func(text string) []lab.Metric {
		metrics, err := lab.ReadMetrics(strings.NewReader(text))
		require.NoError(t, err)
		return metrics
	}
	want := read("a f=1i 1\na f=1i 1\nb f=1i 1\nc f=1i 1\n")
	got := read("c f=1i 1\na f=1i 1\nb f=1 1\nc f=1i 1\n")

	d := lab.Compare(want, got, lab.Exact)
	assert.Equal(t, 2, d.Equal)
	assert.Len(t, d.Missing, 2)
	assert.Len(t, d.Twice, 1)
	assert.Len(t, d.Strange, 1)
	assert.False(t, d.None())

	d = lab.Compare(want, got, lab.Loose)
	assert.Equal(t, 3, d.Equal)
	assert.Len(t, d.Missing, 1)
	assert.True(t, lab.Compare(want, want, lab.Exact).None())
}

func TestWireBytes(t *testing.T) {
	// Counted at a device's interface.
	tests := []struct{ size, overhead, want int }{
		{102, lab.OverheadOurs, 487},
		{1026, lab.OverheadOurs, 1411},
		{10242, lab.OverheadOurs, 11355},
		{102, lab.OverheadPlain, 643},
		{10242, lab.OverheadPlain, 11511},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, lab.WireBytes(tt.size, tt.overhead))
	}
	assert.Equal(t, len(`{"k":"12345678","d":"a\"b\n"}`)+2, lab.PlainMessage("a\"b\n"))
}

package chain

import (
	"math"
	"strings"
	"testing"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
)

func collect(t *testing.T, text string) Collected {
	t.Helper()
	metrics, err := lab.ReadMetrics(strings.NewReader(text))
	require.NoError(t, err)
	c, err := Collect(metrics)
	require.NoError(t, err)
	return c
}

func TestCollect(t *testing.T) {
	c := collect(t, "m,b=2,a=1 x=1i 5\nm,a=1,b=2 y=18446744073709551615u,z=7u 5\nm,a=1,b=2 x=1i 6\n")
	assert.Len(t, c.Metrics, 3)
	assert.Equal(t, Points{
		{"m,a=1,b=2", 5}: {"x": lineprotocol.IntValue(1), "y": lineprotocol.IntValue(math.MaxInt64), "z": lineprotocol.IntValue(7)},
		{"m,a=1,b=2", 6}: {"x": lineprotocol.IntValue(1)},
	}, c.Points)
	assert.Equal(t, 2, c.Unsigned)
	assert.Equal(t, 1, c.Clamped)

	metrics, err := lab.ReadMetrics(strings.NewReader("m x=1 5\nm x=2 5\n"))
	require.NoError(t, err)
	_, err = Collect(metrics)
	require.ErrorContains(t, err, `field "x" of m at 5 is both`)
}

func TestCollectCountsRefused(t *testing.T) {
	c := collect(t, "m n=0i 5\nm n=3i 6\nother x=1i 6\n")
	assert.Equal(t, 2, c.Generated)
	assert.Equal(t, 2, c.Refused)
}

func TestSummary(t *testing.T) {
	sum := func(text string) Summary {
		c := collect(t, text)
		s, err := c.Points.Summary()
		require.NoError(t, err)
		return s
	}
	first := sum("m,a=1 x=1,y=\"a\nb\" 5\nk x=t 7\n")
	assert.Equal(t, 2, first.Points)
	assert.Equal(t, 3, first.Fields)
	assert.Equal(t, first, sum("k x=t 7\nm,a=1 y=\"a\nb\" 5\nm,a=1 x=1 5\n"), "the order is of no meaning")
	for _, other := range []string{
		"m,a=1 x=1i,y=\"a\nb\" 5\nk x=t 7\n",
		"m,a=1 x=1,y=\"a\nb\" 6\nk x=t 7\n",
		"m,a=2 x=1,y=\"a\nb\" 5\nk x=t 7\n",
		"m,a=1 x=1,y=\"a\\\\nb\" 5\nk x=t 7\n",
	} {
		assert.NotEqual(t, first.SHA256, sum(other).SHA256, other)
	}
	assert.NotEqual(t, sum("m x=0 1").SHA256, sum("m x=-0 1").SHA256)
}

func TestCompare(t *testing.T) {
	c := collect(t, "m x=1,y=2 5\nm x=1 6\nm x=1 7\nm x=1 8\n")
	d := Compare(&c, Points{
		{"m", 5}: {"x": lineprotocol.MustNewValue(1.0), "y": lineprotocol.MustNewValue(2.0)},
		{"m", 6}: {"x": lineprotocol.IntValue(1)},
		{"m", 8}: {"x": lineprotocol.MustNewValue(1.0), "z": lineprotocol.BoolValue(true)},
		{"k", 8}: {"x": lineprotocol.MustNewValue(1.0)},
	})
	assert.Equal(t, 2, d.Found)
	assert.Equal(t, []string{"m 6", "m 7"}, d.Missing)
	assert.Equal(t, []string{`m 6 "x": 1i (int) and not 1 (float)`}, d.Wrong)
	assert.Equal(t, []string{`k 8 "x"`, `m 8 "z"`}, d.Strange)
	assert.False(t, d.None())

	d = Compare(&c, c.Points)
	assert.True(t, d.None(), d.String())
	assert.Equal(t, 4, d.Found)
}

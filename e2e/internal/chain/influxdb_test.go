package chain

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTables(t *testing.T) {
	tables, err := readTables(strings.NewReader(`{"results":[{"statement_id":0,"series":[
		{"name":"m x","tags":{"a":"1","b":"","hologram_device_id":"7"},"columns":["time","f","i","s","t"],"values":[
			[5,1.7976931348623157e+308,9223372036854775807,"a\nb",true],
			[-6,-0,null,null,null]]}]}]}`))
	require.NoError(t, err)
	require.Len(t, tables, 1)
	kinds := map[string]string{"f": "float", "i": "integer", "s": "string", "t": "boolean"}
	got := make(Points)
	require.NoError(t, got.addTable(tables[0], kinds))
	want := Points{
		{`m\ x,a=1`, 5}: {
			"f": lineprotocol.MustNewValue(math.MaxFloat64), "i": lineprotocol.IntValue(math.MaxInt64),
			"s": lineprotocol.MustNewValue("a\nb"), "t": lineprotocol.BoolValue(true),
		},
		{`m\ x,a=1`, -6}: {"f": lineprotocol.MustNewValue(math.Copysign(0, -1))},
	}
	gotSum, err := got.Summary()
	require.NoError(t, err)
	wantSum, err := want.Summary()
	require.NoError(t, err)
	assert.Equal(t, wantSum, gotSum, "%v", got)

	require.ErrorContains(t, got.addTable(tables[0], kinds), "from two devices")
	kinds["f"] = "integer"
	require.Error(t, make(Points).addTable(tables[0], kinds))
	delete(tables[0].Tags, "hologram_device_id")
	require.ErrorContains(t, make(Points).addTable(tables[0], kinds), "has no device")
}

func TestTablesErrors(t *testing.T) {
	for answer, want := range map[string]string{
		`{"error":"authorization failed"}`:                                      "authorization failed",
		`{"results":[{"statement_id":0,"error":"database not found: edge"}]}`:   "database not found: edge",
		`{"results":[{"statement_id":0,"series":[`:                              "unexpected EOF",
		`{"results":[{"statement_id":0,"series":[]},{"statement_id":1}],"x":1}`: "2 results",
	} {
		_, err := readTables(strings.NewReader(answer))
		require.ErrorContains(t, err, want)
	}
	_, err := fieldTypes(Table{Name: "m", Values: [][]any{{"x", "float"}, {"x", "integer"}}})
	require.ErrorContains(t, err, `field "x" of "m" is float and integer`)
}

// TestGenerator checks that the generator's metrics are what a reader of line protocol
// understands, with all kinds of values.
func TestGenerator(t *testing.T) {
	v := values{rand.New(rand.NewPCG(1, 2))}
	var text strings.Builder
	const count = 2000
	for n := range count {
		text.Write(v.metric(n, time.Unix(1_800_000_000, int64(n))))
	}
	c := collect(t, text.String())
	assert.Equal(t, count, c.Generated)
	assert.Zero(t, c.Refused)
	assert.Len(t, c.Points, count)
	for _, kind := range []lineprotocol.ValueKind{lineprotocol.Float, lineprotocol.Int, lineprotocol.Uint, lineprotocol.Bool, lineprotocol.String} {
		assert.Greater(t, c.Kinds[kind], count/2, kind.String())
	}
	assert.Positive(t, c.Clamped)
	newlines := 0
	for _, fields := range c.Points {
		if value, ok := fields["text"]; ok && strings.Contains(value.StringV(), "\n") {
			newlines++
		}
	}
	assert.Greater(t, newlines, count/10)
}

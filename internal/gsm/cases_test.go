package gsm_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Cases of our own, for what the vectors of others do not have: every character
// of every table, every data coding scheme, every zone, and each kind of damage.
func TestCases(t *testing.T) {
	cases := readVectors(t, "cases.jsonl")
	require.Greater(t, len(cases), 500)
	for _, c := range cases {
		t.Run(c.ID, c.check)
	}
}

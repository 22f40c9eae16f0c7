//go:build linux

package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRename(t *testing.T) {
	require.Equal(t, "iruvpyr,syrrg=south yng=1.5,vtavgvba=true 17", rename("vehicle,fleet=south lat=1.5,ignition=true 17"))
}

// What counts is the start of a corpus, whatever went before.
func TestTake(t *testing.T) {
	c := corpus{lines: []string{"a", "b", "c"}}
	require.Equal(t, []string{"a", "b", "c", "a"}, c.take(0, 4))
	require.Equal(t, []string{"c", "a", "b"}, c.take(1, 2))
	require.Equal(t, []string{"c", "a", "b", "c", "a"}, c.take(4, 1))
}

// There must be enough of each that a sending has no metric twice.
func TestCorpora(t *testing.T) {
	all, err := readCorpora(filepath.Join("..", "..", "testdata", "corpora"))
	require.NoError(t, err)
	require.Len(t, all, 3)
	for _, c := range all {
		require.GreaterOrEqual(t, len(c.lines), perCollection*int(lasts/collected), c.name)
	}
}

package order_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/order"
)

func TestSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.IntRange(-50, 50), 0, 300).Draw(t, "list")
		want := slices.Clone(list)
		slices.Sort(want)
		order.Sort(len(list), func(i, j int) bool { return list[i] < list[j] }, func(i, j int) { list[i], list[j] = list[j], list[i] })
		require.Equal(t, want, list)
	})
}

func TestStrings(t *testing.T) {
	names := []string{"b", "", "a", "ab", "B", "b"}
	order.Strings(names)
	require.Equal(t, []string{"", "B", "a", "ab", "b", "b"}, names)
}

func TestNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a.log", "c", "a"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "aa"), 0o700))
	names, err := order.Names(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a.log", "aa", "b", "c"}, names)
	_, err = order.Names(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

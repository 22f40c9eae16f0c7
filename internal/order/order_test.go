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

func sort(list []int) (steps int) {
	order.Sort(len(list),
		func(i, j int) bool { steps++; return list[i] < list[j] },
		func(i, j int) { list[i], list[j] = list[j], list[i] })
	return steps
}

func TestSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.IntRange(-50, 50), 0, 300).Draw(t, "list")
		want := slices.Clone(list)
		slices.Sort(want)
		sort(list)
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

// No order of many is out of all proportion.
func TestSortMany(t *testing.T) {
	const n = 1 << 17
	ascending := make([]int, n)
	for i := range ascending {
		ascending[i] = i
	}
	teeth, mixed := slices.Clone(ascending), slices.Clone(ascending)
	for i := range n {
		teeth[i] = i % 1000 * n / (1 + i%7)
		mixed[i] = int(uint32(i) * 2654435761 >> 8)
	}
	descending := slices.Clone(ascending)
	slices.Reverse(descending)
	for name, list := range map[string][]int{
		"ascending": ascending, "descending": descending, "teeth": teeth, "mixed": mixed,
		"halves": append(slices.Clone(ascending[n/2:]), ascending[:n/2]...),
	} {
		t.Run(name, func(t *testing.T) {
			steps := sort(list)
			require.True(t, slices.IsSorted(list))
			t.Logf("%.1f comparisons for each", float64(steps)/n)
			require.Less(t, steps, 60*n)
		})
	}
}

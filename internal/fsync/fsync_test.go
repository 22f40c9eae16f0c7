package fsync

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestData(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	require.NoError(t, Data(f))
	require.NoError(t, f.Close())
	require.Error(t, Data(f))
}

func TestMkdirAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	require.NoError(t, MkdirAll(dir))
	require.NoError(t, MkdirAll(dir+"/"), "it exists")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.EqualValues(t, 0o700, info.Mode().Perm())
	}
	require.NoError(t, Dir(dir))

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, MkdirAll(file))
	require.Error(t, MkdirAll(filepath.Join(file, "below")))
}

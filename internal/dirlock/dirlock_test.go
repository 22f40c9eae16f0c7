package dirlock

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTake(t *testing.T) {
	dir := t.TempDir()
	l, err := Take(dir)
	require.NoError(t, err)
	_, err = Take(dir)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, LockedError{Dir: dir, PID: os.Getpid()}, *locked)
	require.NoError(t, l.Release())

	l, err = Take(dir)
	require.NoError(t, err)
	require.NoError(t, l.Release())

	_, err = Take(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

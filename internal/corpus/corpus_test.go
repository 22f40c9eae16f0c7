package corpus

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "testdata/corpora")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	text := "cpu,host=a usage=1.5 1767225600000000000\nno line protocol\ncpu,host=a usage=2.5 1767225610000000000\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "some.lp"), []byte(text), 0o600))
	all, err := Read(root)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Len(t, all["some"], 2)
	require.InDelta(t, 2.5, all["some"][1].Fields()["usage"], 0)

	_, err = Parse(text)
	require.ErrorContains(t, err, `reading "no line protocol"`)
}

func TestParse(t *testing.T) {
	all, err := Parse("m s=\"two\nlines\" 1\nm s=\"x\" 2")
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "two\nlines", all[0].Fields()["s"])
	require.Equal(t, int64(2), all[1].Time().UnixNano())
}

func TestWindows(t *testing.T) {
	all, err := Read("../..")
	require.NoError(t, err)
	require.Len(t, all, 10)
	gps := all["gps"]
	require.Len(t, Windows(gps, len(gps)+1, 20), 1)
	w := Windows(gps, 100, 5)
	require.Len(t, w, 5)
	require.Equal(t, gps[0], w[0][0])
	require.Equal(t, gps[len(gps)-1], w[4][99])
	require.Len(t, Windows(gps[:7], 5, 20), 3)
}

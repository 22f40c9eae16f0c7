package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	require.ErrorContains(t, run(), "run it at the root")

	for _, dir := range []string{"plugins/inputs/a", "plugins/outputs/b", "docs"} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
	}
	put := func(name, text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	get := func(name string) string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(text)
	}
	put("plugins/inputs/a/sample.conf", "a\n")
	put("plugins/outputs/b/sample.conf", "b\n")
	put("README.md", "x\n```toml @plugins/inputs/a/sample.conf\n```\ny\n```sh\nkept\n```\n")
	put("plugins/outputs/b/README.md", "```toml @plugins/outputs/b/sample.conf\nold\nold\n```")
	for range 2 { // the second time changes nothing
		require.NoError(t, run())
		require.Equal(t, "a\n\nb\n", get("sample.conf"))
		require.Equal(t, "x\n```toml @plugins/inputs/a/sample.conf\na\n```\ny\n```sh\nkept\n```\n", get("README.md"))
		require.Equal(t, "```toml @plugins/outputs/b/sample.conf\nb\n```", get("plugins/outputs/b/README.md"))
	}

	put("docs/wrong.md", "\n```toml @plugins/outputs/b/sample.conf\n")
	require.EqualError(t, run(), "docs/wrong.md: line 2: the block has no end")
	put("docs/wrong.md", "```toml @plugins/none.conf\n```\n")
	require.ErrorContains(t, run(), "docs/wrong.md: line 1: open plugins/none.conf: ")
}

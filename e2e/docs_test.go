package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	tomlBlock  = regexp.MustCompile("(?ms)^```toml\n(.*?)^```")
	ofTelegraf = regexp.MustCompile(`(?m)^\[agent\]|^\[\[(inputs|outputs)\.execd\]\]|^\[\[processors\.`)
)

// notBuilt is what the documents use and the Telegraf of these tests has not.
const notBuilt = "undefined but requested processor: parser"

// Every configuration of Telegraf in the documents is one that Telegraf loads.
func TestDocumentedConfigurations(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, pattern := range []string{"README.md", "docs/*.md", "plugins/*/*/README.md"} {
		files, err := filepath.Glob(filepath.Join(root(), pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, block := range tomlBlock.FindAllSubmatch(text, -1) {
				if !ofTelegraf.Match(block[1]) {
					continue
				}
				seen++
				config := filepath.Join(t.TempDir(), "telegraf.conf")
				require.NoError(t, os.WriteFile(config, block[1], 0o600))
				out, err := exec.CommandContext(t.Context(), binaries.telegraf, "config", "check", "--config", config).CombinedOutput()
				if err != nil && !strings.Contains(string(out), notBuilt) {
					assert.Fail(t, "Telegraf does not load a block of "+file, "%s\n%s", block[1], out)
				}
			}
		}
	}
	require.Greater(t, seen, 8)
}

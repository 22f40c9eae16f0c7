package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/chain"
)

func init() {
	// The generator of the edge is this program.
	if code, ok := chain.Helper(os.Args[1:]); ok {
		os.Exit(code)
	}
}

// TestEdgeToDatabase runs examples/edge-to-database with one round of troubles: an
// outage of the cloud, a kill -9 of the receiver and a restart of the server, while
// webhooks come twice, in another order or not at all. `make database` does it for
// longer.
func TestEdgeToDatabase(t *testing.T) {
	t.Parallel()
	influxd, err := exec.LookPath("influxd")
	if err != nil {
		t.Skip("needs influxd, on Debian of the package influxdb")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	files, err := filepath.Abs(filepath.Join(root(), "examples", "edge-to-database"))
	require.NoError(t, err)
	var log strings.Builder
	result, err := chain.Run(t.Context(), chain.Config{
		Programs: chain.Programs{Telegraf: binaries.telegraf, Hologram: binaries.hologram, Influxd: influxd},
		Files:    files,
		Dir:      t.TempDir(),
		Self:     self,
		Duration: chain.Round,
		Rate:     100,
		Seed:     1,
		Steps:    chain.Trouble(0),
		Log:      &log,
	})
	t.Logf("what happened:\n%s%s", log.String(), strings.Join(result.Emulator, "\n"))
	if t.Failed() || err != nil {
		t.Log(result.Logs)
	}
	require.NoError(t, err)
	t.Logf("edge:     %+v\ndatabase: %+v\n%d messages came again; all there after %s", result.Edge, result.Database, result.Repeats, result.Drain)

	assert.True(t, result.Difference.None(), "%s\n%s", result.Difference.String(), result.Logs)
	assert.Equal(t, len(result.Collected.Metrics), result.Difference.Found)
	assert.Equal(t, result.Edge, result.Database)
	// What is compared is there, and what was to go wrong went wrong.
	assert.Zero(t, result.Collected.Refused)
	assert.Greater(t, result.Collected.Generated, 1000)
	assert.Positive(t, result.Collected.Clamped)
	assert.Positive(t, result.Repeats)
	require.Len(t, result.Emulator, 2)
	assert.Regexp(t, `[1-9]\d* webhooks? answered, [1-9]\d* failed`, result.Emulator[1])
}

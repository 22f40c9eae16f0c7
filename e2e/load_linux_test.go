package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/load"
)

// TestLoad sends webhooks of 1,000 devices, while the receiver is killed: nothing
// that was answered is lost. `make load` does it for longer, and measures.
func TestLoad(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	row := load.Row{Case: load.Short()}
	row.Result, row.Err = load.Run(t.Context(), load.Programs{Telegraf: binaries.telegraf, Hologram: binaries.hologram}, t.TempDir(), row.Case, &log)
	require.NoError(t, row.Err)
	load.Table(&log, []load.Row{row})
	t.Log(log.String())
	assert.True(t, row.OK(), "%v\n%s", row.Result.Account, strings.Join(row.Result.Problems, "\n"))
	assert.Equal(t, 300, row.Result.Webhooks)
	assert.GreaterOrEqual(t, row.Result.Kills, 2)
	assert.NotEmpty(t, row.Result.Failed, "nobody saw that the receiver was killed")
	assert.Less(t, row.Result.Peak, int64(64<<20))
}

// TestHostile attacks the receiver in many ways, while honest webhooks come, with
// fewer connections than `make load`.
func TestHostile(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	programs := load.Programs{Telegraf: binaries.telegraf, Hologram: binaries.hologram}
	result, err := load.Hostile(t.Context(), programs, t.TempDir(), load.Hostility{Each: time.Second, Connections: 2000, Root: root()}, &log)
	require.NoError(t, err)
	result.Print(&log)
	t.Log(log.String())
	require.NoError(t, result.Check())
	require.Greater(t, result.Log, 100_000, "the log of debug is looked through")
}

// TestScaling runs examples/scaling with some of its troubles.
func TestScaling(t *testing.T) {
	t.Parallel()
	servers, err := load.FindServers()
	if err != nil {
		t.Skipf("%v; on Debian they are in the packages nginx-light, nats-server and influxdb", err)
	}
	files, err := filepath.Abs(filepath.Join(root(), "examples"))
	require.NoError(t, err)
	var log strings.Builder
	programs := load.Programs{Telegraf: binaries.telegraf, Hologram: binaries.hologram}
	result, err := load.Scale(t.Context(), programs, servers, t.TempDir(), load.Scaling{Files: files, Rate: 20, Calm: 2 * time.Second, Quick: true}, &log)
	t.Log(log.String())
	if err != nil || result.Check() != nil {
		t.Log(result.Log)
	}
	require.NoError(t, err)
	log.Reset()
	result.Print(&log)
	t.Log(log.String())
	require.NoError(t, result.Check())
	for name, n := range result.Accepted {
		assert.Positive(t, n, "receiver %s had nothing to do", name)
	}
}

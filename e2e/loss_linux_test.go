package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/loss"
)

// TestLoss is the loss test in its short form: an outage, a kill -9 within it,
// and a restart of Telegraf. `make loss` runs all of it.
func TestLoss(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	var log strings.Builder
	programs := loss.Programs{Telegraf: binaries.telegraf, Hologram: binaries.hologram}
	result, err := loss.Run(t.Context(), programs, self, t.TempDir(), loss.Short(), &log)
	t.Log("what happened:\n" + log.String())
	require.NoError(t, err)
	assert.Equal(t, loss.Short().Count, result.Sent)
	assert.Zero(t, result.Lost, "lost: %s; errors: %s", result.Missing, strings.Join(result.Errors, "\n"))
	assert.Zero(t, result.Invented)
	// The first start, the one after the kill and the one after Telegraf's restart.
	assert.Equal(t, 3, result.Starts)
}

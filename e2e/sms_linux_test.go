package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/sms"
)

// TestSMS is the test of received SMS in its short form: unplugs, freezes and
// kill -9 while they come. `make sms` runs all of it.
func TestSMS(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	var log strings.Builder
	programs := sms.Programs{Telegraf: binaries.telegraf, Hologram: binaries.hologram}
	c := sms.Short()
	result, err := sms.Run(t.Context(), programs, self, t.TempDir(), c, &log)
	t.Log("what happened:\n" + log.String())
	require.NoError(t, err)
	t.Logf("%+v", result)
	assert.Equal(t, c.Count, result.Came)
	assert.Zero(t, result.Lost)
	assert.Zero(t, result.Wrong)
	assert.Zero(t, result.Left, "left in the modem")
	assert.Zero(t, result.Leaks, result.Leak)
	// A kill between the print and its mark is rare, and repeats the very same metric.
	assert.LessOrEqual(t, result.Twice, c.AtMost)
	assert.Equal(t, result.Twice, result.Same)
}

// TestSMSIdle measures the plugin while nothing happens.
func TestSMSIdle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	edge, err := lab.BuildEdge(t.Context(), root(), dir)
	require.NoError(t, err)
	idle, err := sms.MeasureOnce(t.Context(), sms.Programs{Telegraf: binaries.telegraf, Hologram: binaries.hologram}, edge, dir, 4*time.Second)
	require.NoError(t, err)
	t.Logf("%+v", idle)
	assert.Less(t, idle.RSS, 8_000_000)
	// Polled once in an hour, it has nothing to do; Go's runtime may have.
	assert.Zero(t, idle.Commands)
	assert.Less(t, idle.Voluntary, 20)
}

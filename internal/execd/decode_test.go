package execd

import (
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
)

// TestSetLogger finds the logger of a plugin that another struct has in it.
func TestSetLogger(t *testing.T) {
	type plugin struct {
		Log telegraf.Logger
	}
	type wrapped struct{ plugin }
	type Plugin = plugin
	type pointed struct{ *Plugin }
	log := newLogger(kindOutputs, telegraf.Info)
	var byValue plugin
	setLogger(&byValue, log)
	require.Same(t, log, byValue.Log)
	var embedded wrapped
	setLogger(&embedded, log)
	require.Same(t, log, embedded.Log)
	byPointer := pointed{&plugin{}}
	setLogger(&byPointer, log)
	require.Same(t, log, byPointer.Log)
	setLogger(&pointed{}, log)
	setLogger(new(int), log)
}

package hologramsms

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/execd"
)

// TestThroughHost shows an alarm on its way from standard input to the cloud: at
// once, once, and counted for the next process.
func TestThroughHost(t *testing.T) {
	s, err := emulator.Start(t.Context(), emulator.Config{DeviceKeys: []string{"ABCDWXYZ"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	config := fmt.Sprintf(`[[outputs.hologram_sms]]
to = [%q]
device_key = "ABCDWXYZ"
address = %q
template = '{{.Name}} {{.Field "v"}}'
on_limit = "digest"
max_per_hour = 2
cooldown = 0
buffer_directory = %q
`, alice, s.Addr(), t.TempDir())
	run := func(lines string) (log string) {
		cfg, err := execd.Parse([]byte(config), "alarm.conf", execd.Plugins{Outputs: outputs.Outputs})
		require.NoError(t, err)
		stdin, in := io.Pipe()
		var out bytes.Buffer
		done := make(chan error, 1)
		go func() { done <- execd.Run(t.Context(), cfg, stdin, &out, &out) }()
		_, err = io.WriteString(in, lines)
		require.NoError(t, err)
		time.Sleep(2500 * time.Millisecond) // more than flush_interval
		require.NoError(t, in.Close())
		require.NoError(t, <-done)
		return out.String()
	}
	log := run("door v=1i\n")
	require.Equal(t, []string{"door 1"}, texts(s), log)

	log = run("door v=2i\ndoor v=3i\ndoor v=4i\n")
	require.Equal(t, []string{"door 1", "door 2"}, texts(s), "two in an hour")
	require.Contains(t, log, "2 of max_per_hour = 2 SMS are used")
	require.NotContains(t, log, alice)

	cfg, err := execd.Parse([]byte(config), "alarm.conf", execd.Plugins{Outputs: outputs.Outputs})
	require.NoError(t, err)
	var status strings.Builder
	require.NoError(t, cfg.Status(&status, false))
	require.Contains(t, status.String(), "2 of 2")
}

func texts(s *emulator.Server) (texts []string) {
	for _, e := range s.Events() {
		if e.Taken {
			texts = append(texts, e.Data)
		}
	}
	return texts
}

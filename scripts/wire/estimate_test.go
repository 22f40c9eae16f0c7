//go:build linux

package wire_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/estimate"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/socketapi"
	"telegraf-hologram/plugins/outputs/hologram"
)

// What "telegraf-hologram estimate" reckons is what crosses the link, within 2 %, for
// messages of one packet and of several.
func TestEstimate(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "corpora", "host.lp"))
	require.NoError(t, err)
	var metrics []telegraf.Metric
	for _, r := range execd.NewSplitter(execd.MaxRecord, nil).Split(nil, text) {
		m, err := execd.ParseRecord(r, time.Time{})
		require.NoError(t, err)
		metrics = append(metrics, m)
	}
	b := newBench(t, take)
	client := &socketapi.Client{Address: b.address, Credentials: cred}
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	for _, batch := range []int{21, 105, 504} {
		h := hologram.New()
		h.DeviceKey = cred.DeviceKey
		require.NoError(t, h.Init())
		estimated, counted := 0, 0
		err = h.Encode(metrics[18:18+batch], func(_ int, err error) { require.NoError(t, err) }, func(message []byte) error {
			estimated += estimate.Wire(len(message))
			least := -1
			for range repeats {
				b.link.reset()
				b.device.run(func() {
					m := socketapi.Message{Data: strings.Repeat("x", len(message)-socketapi.Overhead(cred, socketapi.ShortNames, nil))}
					_, err = client.Send(context.Background(), m)
				})
				require.NoError(t, err)
				up, down, _ := b.link.settled()
				if total := up.bytes + down.bytes; least < 0 || total < least {
					least = total
				}
			}
			counted += least
			return nil
		})
		require.NoError(t, err)
		t.Logf("%d metrics: estimated %d bytes, counted %d", batch, estimated, counted)
		require.InEpsilon(t, counted, estimated, 0.02)
	}
}

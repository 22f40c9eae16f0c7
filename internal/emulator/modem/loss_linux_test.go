package modem

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-hologram/internal/at"
)

// sweeper reads and deletes what a modem has, as long as it can, as a plugin does.
type sweeper struct {
	seen map[string]int // PDUs
}

// run sweeps through one life of the port.
func (s *sweeper) run(ctx context.Context, path string) {
	port, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	d := at.New(port, at.Options{Quiet: 10 * time.Millisecond, Timeout: 100 * time.Millisecond, ProbeTimeout: 100 * time.Millisecond})
	defer func() { _ = d.Close() }()
	for _, cmd := range []string{"ATE0", "AT+CMEE=1", "AT+CMGF=0", `AT+CPMS="SM","SM","SM"`, "AT+CNMI=2,1,0,0,0"} {
		_, _ = d.Command(ctx, cmd)
	}
	for ctx.Err() == nil && d.Err() == nil {
		lines, err := d.Command(ctx, "AT+CMGL=4")
		if err != nil {
			// A reset has brought back the defaults; so may a timeout in the middle.
			_, _ = d.Command(ctx, "AT+CMGF=0")
			continue
		}
		for i := 0; i+1 < len(lines); i += 2 {
			var index int
			if n, _ := fmt.Sscanf(lines[i], "+CMGL: %d,", &index); n != 1 {
				continue
			}
			s.seen[lines[i+1]]++
			_, _ = d.Command(ctx, fmt.Sprintf("AT+CMGD=%d", index))
		}
		select {
		case <-d.URCs():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Through unplugs, freezes, resets, noise and a small store, every SMS is seen.
func TestNothingLost(t *testing.T) {
	const messages = 400
	path := link(t)
	m := start(t, Config{Link: path, Stores: map[string]int{"SM": 20}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := sweeper{seen: make(map[string]int)}
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		for ctx.Err() == nil {
			s.run(ctx, path)
			time.Sleep(5 * time.Millisecond)
		}
	})
	want := make(map[string]bool)
	for i := range messages {
		msg := Message{From: "+15550100", Text: fmt.Sprintf("message %d", i), Ref: uint16(i + 1), Time: time.Unix(int64(i), 0).UTC()}
		if i%3 == 0 {
			msg.Text += strings.Repeat(" and more of it", 15)
		}
		parts, err := Encode(msg)
		require.NoError(t, err)
		for _, p := range parts {
			want[fmt.Sprintf("%X", p.PDU)] = true
		}
		_, err = m.Receive(msg)
		require.NoError(t, err)
		switch i % 50 {
		case 10:
			require.NoError(t, m.Unplug())
		case 15:
			require.NoError(t, m.Replug())
		case 20:
			require.NoError(t, m.Freeze())
			time.Sleep(150 * time.Millisecond)
		case 25:
			require.NoError(t, m.Unfreeze())
		case 35:
			require.NoError(t, m.Reset())
		case 40:
			require.NoError(t, m.Noise([]byte("\x00\xFFnoise\r\n+CMGL: 1,0,,9\r\n")))
			require.NoError(t, m.URC("^RSSI:9", true))
		}
	}
	require.Eventually(t, func() bool {
		status := m.Status()
		return status.Network == 0 && status.Stores[0].Used == 0
	}, time.Minute, 10*time.Millisecond)
	cancel()
	sweeping.Wait()
	for pdu := range want {
		require.NotZero(t, s.seen[pdu], "an SMS is lost")
	}
	require.Len(t, s.seen, len(want), "nothing that was not sent")
}

//go:build linux

package load

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
)

// testFleet is a fleet of messages without payloads.
func testFleet(t *testing.T, devices, messages int) *fleet {
	t.Helper()
	f := &fleet{devices: devices, messages: messages, base: 1_790_000_000 * int64(time.Second)}
	for shape := range shapes {
		for k := range messages {
			for i := range perMessage {
				metrics, err := lab.ReadMetrics(strings.NewReader(line(f, shape, k, i, "")))
				require.NoError(t, err)
				f.want[shape] = append(f.want[shape], metrics[0].Exact)
			}
		}
	}
	return f
}

// line is a metric as Telegraf writes it, with tags of ours.
func line(f *fleet, shape, k, i int, tags string) string {
	var b strings.Builder
	appendMetric(&b, shape, k, i)
	text := b.String()
	name, rest, _ := strings.Cut(text, ",")
	return name + tags + "," + rest + " " + strconv.FormatInt(f.time(k, i), 10) + "\n"
}

func TestAccount(t *testing.T) {
	f := testFleet(t, 8, 2)
	tags := func(device int) string {
		return ",hologram_device_id=" + deviceID(device) + `,hologram_device_name=device\ ` + deviceID(device)
	}
	var b strings.Builder
	for device := range 8 {
		for i := range perMessage {
			if device != 5 || i != 7 {
				b.WriteString(line(f, device%shapes, 1, i, tags(device)))
			}
		}
	}
	b.WriteString("hologram_device,hologram_device_id=1 messages=1i 1\n")
	b.WriteString(line(f, 0, 1, 99, tags(4)))                                             // twice
	b.WriteString(line(f, 1, 1, 99, tags(4)))                                             // another device's
	b.WriteString(line(f, 0, 1, 99, ""))                                                  // nobody's
	b.WriteString(line(f, 0, 1, 99, tags(8)))                                             // a device's that is none
	b.WriteString(strings.Replace(line(f, 0, 1, 9, tags(4)), "idle=", "idle=1", 1))       // another value
	b.WriteString(strings.Replace(line(f, 0, 1, 9, tags(4)), "\n", "5\n", 1))             // another time
	b.WriteString(strings.Replace(line(f, 0, 1, 9, tags(4)), ",host", ",rack=1,host", 1)) // another series
	name := filepath.Join(t.TempDir(), "out.lp")
	require.NoError(t, os.WriteFile(name, []byte(b.String()), 0o600))
	a := newAccount(f)
	require.NoError(t, a.read(name))
	var answered []int
	for device := range 8 {
		answered = append(answered, device*2+1)
	}
	require.Equal(t, Account{Answered: 800, Lost: 1, Twice: 1, Wrong: 6}, a.result(answered))
	// The first messages were not answered, and did not come: that is no loss.
	require.Equal(t, 100, a.result([]int{0}).Lost)
}

package execd

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/influxdata/toml"
	"github.com/stretchr/testify/require"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"60s": time.Minute, "1m30s": 90 * time.Second, "0s": 0, "250ms": 250 * time.Millisecond, "1.5h": 90 * time.Minute,
		"2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0,
	} {
		var d Duration
		require.NoError(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, time.Duration(d), text)
	}
	for _, text := range []string{"", "60", "-5s", "s", "1x", "d", "1d-1h", "-1d", "1.5d", "1d60", "99999d", "106751d24h", " 5s", "1e3s"} {
		var d Duration
		require.Error(t, d.UnmarshalText([]byte(text)), text)
		require.Zero(t, d)
	}
	for want, d := range map[string]time.Duration{"1m": time.Minute, "1h": time.Hour, "1h0m5s": time.Hour + 5*time.Second,
		"0s": 0, "10s": 10 * time.Second, "20m": 20 * time.Minute, "1.5s": 1500 * time.Millisecond} {
		require.Equal(t, want, Duration(d).String())
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"4096": 4096, "64MiB": 64 << 20, "10kB": 10_000, "10 KB": 10_000, "1gib": 1 << 30, "2TB": 2e12, "0": 0, "7B": 7, "8TiB": 8 << 40,
	} {
		var s Size
		require.NoError(t, s.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, s, text)
	}
	for _, text := range []string{"", "-1", "MiB", "1.5MiB", "64M", "1 2", "99999999999999999999", "9999999TiB", "1MiB "} {
		var s Size
		require.Error(t, s.UnmarshalText([]byte(text)), text)
		require.Zero(t, s)
	}
	for want, s := range map[string]Size{"64MiB": 64 << 20, "10kB": 10_000, "1234B": 1234, "0B": 0, "1000KiB": 1_024_000} {
		require.Equal(t, want, s.String())
	}
}

func TestUnitsInTOML(t *testing.T) {
	var v struct {
		A Duration  `toml:"a"`
		B *Duration `toml:"b"`
		C Size      `toml:"c"`
		D []Size    `toml:"d"`
	}
	read := func(text string) error {
		table, err := toml.Parse([]byte(text))
		require.NoError(t, err)
		return newDecoder("test", &v).decode(table)
	}
	require.NoError(t, read("a = 90\nb = \"2m\"\nc = 1_000\nd = [\"1KiB\", 7]"))
	require.Equal(t, "1m30s 2m 1kB 1KiB 7B", fmt.Sprint(v.A, " ", v.B, " ", v.C, " ", v.D[0], " ", v.D[1]))
	for bad, want := range map[string]string{
		"a = -1": "is negative", "a = 1.5": "is no duration", `a = "90"`: "has no unit", "a = true": "is no duration",
		"a = 9223372036854775807": "is too long", "a = 9223372036854775808": "is no duration", "b = []": "is no duration",
		"c = -1": "is negative", "c = 1.5": "is no size", "c = [1]": "is no size", `c = "x"`: "is no size",
		"d = [1, -1]": "is negative", "d = 1": "is a whole number; want a list", "c = 9223372036854775808": "is no size",
	} {
		require.ErrorContains(t, read(bad), want, bad)
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"60s", "1d2h", "9223372036854775807ns", "106751d23h47m16.854775807s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d, again Duration
		if d.UnmarshalText([]byte(s)) != nil {
			return
		}
		require.GreaterOrEqual(t, d, Duration(0))
		require.NoError(t, again.UnmarshalText([]byte(d.String())))
		require.Equal(t, d, again)
	})
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"64MiB", "4096", "10kB", "8388607TiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var n, again Size
		if n.UnmarshalText([]byte(s)) != nil {
			return
		}
		require.GreaterOrEqual(t, n, Size(0))
		require.LessOrEqual(t, int64(n), int64(math.MaxInt64))
		require.NoError(t, again.UnmarshalText([]byte(n.String())))
		require.Equal(t, n, again)
	})
}

package hologramsms

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/payload"
)

// recalls generates what may be remembered.
func recalls() *rapid.Generator[recall] {
	second := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-1e9, 1e11).Draw(t, "second"), 0).UTC()
	})
	digests := rapid.Custom(func(t *rapid.T) (d digest) {
		for range rapid.IntRange(0, 40).Draw(t, "held") {
			d.add(rapid.StringN(0, 100, -1).Draw(t, "name"), second.Draw(t, "at"))
		}
		if d.total > 0 {
			d.number = rapid.Uint64().Draw(t, "number")
		}
		return d
	})
	return rapid.Custom(func(t *rapid.T) recall {
		r := recall{
			held: digests.Draw(t, "held"), sending: digests.Draw(t, "sending"),
			next: rapid.Uint64().Draw(t, "next"), carrier: rapid.Uint64().Draw(t, "carrier"), skipped: rapid.Int64Range(0, 1<<62).Draw(t, "skipped"),
		}
		for range rapid.IntRange(0, 2*maxRecipients).Draw(t, "sequences") {
			n := payload.Sequence(rapid.IntRange(0, payload.SequenceLimit-1).Draw(t, "n"))
			r.sequences = append(r.sequences, sequence{rapid.Uint64().Draw(t, "recipient"), n})
		}
		for range rapid.IntRange(0, maxCooldowns).Draw(t, "cooldowns") {
			r.cooldowns = append(r.cooldowns, cooldown{rapid.Uint64().Draw(t, "series"), second.Draw(t, "at")})
		}
		return r
	})
}

func TestMemoryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := recalls().Draw(t, "recall")
		text := r.marshal()
		require.LessOrEqual(t, len(text), memorySize)
		var got recall
		require.NoError(t, got.unmarshal(string(text)))
		require.Equal(t, r, got)
	})
}

func TestMemoryErrors(t *testing.T) {
	for _, text := range []string{
		"", "x", "carrier 1\n", "next\n", "next x\n", "next 1\n\n", "next 1\nheld 1 2 0\n", "next 1\nname 1 \"a\"\n", "next 1\nheld 1 2 3\nname 1 a\n",
		"next 1\ncooldown x 1\n", "next 1\ncooldown 1\n", "next 1\nsequence 1\n", "next 1\nheld 1 2 3\nname 0 \"a\"\n",
	} {
		r := recall{next: 7}
		require.ErrorIs(t, r.unmarshal(text), errMemory, "%q", text)
		require.Equal(t, recall{next: 7}, r)
	}
	var r recall
	require.NoError(t, r.unmarshal("next 1\nlater version\n"))
}

// TestMemoryDamaged shows that a memory that cannot be read costs nothing else.
func TestMemoryDamaged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, memoryName)
	log := &logger{}
	m := openMemory(path, log)
	m.sent(1, time.Unix(1.8e9, 0), time.Hour)
	m.keep()
	m.close()
	r, err := readMemory(path)
	require.NoError(t, err)
	require.Len(t, r.cooldowns, 1)
	require.Empty(t, log.text())

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range data {
		data[i] ^= 0x55
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
	m = openMemory(path, log)
	require.Empty(t, m.cooldowns)
	m.close()

	m = openMemory("/proc/none/memory", log)
	require.Contains(t, log.text(), "W! The times of the last SMS and what was held back cannot be read: ")
	m.keep()
	m.close()
}

func FuzzMemory(f *testing.F) {
	f.Add("next 1\ncarrier ff\nskipped 3\nheld 1 2 3\nname 1 \"a\"\nsequence 1 2\ncooldown 1 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		var r recall
		if r.unmarshal(text) != nil {
			return
		}
		var again recall
		require.NoError(t, again.unmarshal(string(r.marshal())))
	})
}

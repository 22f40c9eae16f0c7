package execd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
)

// burial is a dead letter in a directory of its own, and what it logs.
type burial struct {
	*fileDeadLetter
	logged *bytes.Buffer
	end    func() string // closes it and returns what was logged
}

func newBurial(t *testing.T, dir string) burial {
	t.Helper()
	logged := new(bytes.Buffer)
	log := newLogger(kindOutputs, telegraf.Debug)
	log.attach(logged, logged)
	d := newFileDeadLetter(dir, log)
	done := false
	end := func() string {
		if !done {
			done = true
			d.close()
			log.detach()
		}
		return logged.String()
	}
	t.Cleanup(func() { end() })
	return burial{d, logged, end}
}

func readLetters(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(b)
}

// recordsIn splits and parses a dead-letter file as the command encode does.
func recordsIn(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	s := NewSplitter(MaxRecord, func([]byte) { t.Error("oversized") })
	for _, r := range s.Split(nil, []byte(text)) {
		_, err := ParseRecord(r, time.Time{})
		require.NoError(t, err, "%q", r)
		out = append(out, string(r))
	}
	require.Empty(t, s.Finish())
	return out
}

func TestDeadLetterIsLineProtocol(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	good := []string{
		"cpu,host=a value=1 1700000000000000000",
		"log text=\"two\n# lines\" 1700000000000000000",
		"bad,t=\xff\x01 value=1",
	}
	bad := []string{"no line protocol", `cpu text="no end`, "cpu value=1\ncpu value=2", "\x00\xff"}
	huge := `m text="` + strings.Repeat("x", deadLetterRecord) + `"`
	b := newBurial(t, dir)
	for _, r := range append(append([]string{huge}, bad...), good...) {
		b.Bury([]byte(r), at, errors.New("refused\nfor \"good\": \x1b[1m"))
	}
	b.end()

	text := readLetters(t, dir, deadLetterFile)
	require.Equal(t, good, recordsIn(t, text))
	require.Equal(t, 8, strings.Count(text, ` 2026-02-03T04:05:06Z refused\nfor "good": \x1b[1m`+"\n"))
	for _, r := range bad {
		require.Contains(t, text, fmt.Sprintf("\n# no line protocol: %q\n", r))
	}
	require.Contains(t, text, fmt.Sprintf("\n# %d bytes, which begin: \"m text=\\\"xxx", len(huge)))
	require.Less(t, len(text), 8<<10)
	header, _, _ := strings.Cut(text, "\n")
	_, err := time.Parse(time.RFC3339, strings.Fields(header)[1])
	require.NoError(t, err)
}

func TestDeadLetterGoesOnAndRotates(t *testing.T) {
	dir := t.TempDir()
	b := newBurial(t, dir)
	b.size = 1000
	n := 0
	bury := func(b burial) {
		n++
		b.Bury(fmt.Appendf(nil, "cpu,host=a value=%d 1700000000000000000", n), time.Now(), errors.New("refused"))
	}
	for range 5 {
		bury(b)
	}
	b.end()
	b = newBurial(t, dir)
	b.size = 1000
	for range 20 {
		bury(b)
	}
	require.Contains(t, b.end(), "dead_letter.lp is full and called dead_letter.1.lp from now on")

	old, now := readLetters(t, dir, deadLetterOld), readLetters(t, dir, deadLetterFile)
	require.LessOrEqual(t, len(old), 1000)
	require.LessOrEqual(t, len(now), 1000)
	records := recordsIn(t, old+now)
	require.Greater(t, len(records), 10)
	for i, r := range records {
		require.Contains(t, r, fmt.Sprintf("value=%d ", 25-len(records)+1+i))
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 2)
}

// A person may take the file away while it is in use.
func TestDeadLetterThatIsMovedAway(t *testing.T) {
	dir := t.TempDir()
	b := newBurial(t, dir)
	b.Bury([]byte("cpu value=1"), time.Now(), errors.New("refused"))
	require.NoError(t, os.Remove(filepath.Join(dir, deadLetterFile)))
	b.Bury([]byte("cpu value=2"), time.Now(), errors.New("refused"))
	require.Equal(t, []string{"cpu value=2"}, recordsIn(t, readLetters(t, dir, deadLetterFile)))
	require.NoError(t, os.Remove(filepath.Join(dir, deadLetterFile)))
	require.NotContains(t, b.end(), "cannot")
}

// What a crash has cut off anywhere is never read as another metric.
func TestDeadLetterThatWasCutOff(t *testing.T) {
	const first, second = "cpu,host=a value=123 1700000000000000000", "cpu,host=b value=456 1700000000000000000"
	now := time.Now()
	whole := appendLetter(nil, []byte(first), now, now, errors.New("refused"))
	keep := len(whole)
	whole = appendLetter(whole, []byte(second), now, now, errors.New("refused"))
	dir := t.TempDir()
	for _, tail := range []string{"", strings.Repeat("\x00", 600)} {
		for cut := range whole {
			text := string(whole[:cut]) + tail
			require.NoError(t, os.WriteFile(filepath.Join(dir, deadLetterFile), []byte(text), 0o600))
			d := newFileDeadLetter(dir, newLogger(kindOutputs, telegraf.Error))
			d.Bury([]byte("cpu value=3"), now, errors.New("refused"))
			d.close()

			want := []string{"cpu value=3"}
			if cut >= keep {
				want = []string{first, "cpu value=3"}
			}
			got := readLetters(t, dir, deadLetterFile)
			require.Equal(t, want, recordsIn(t, got), "cut at %d: %q", cut, got)
		}
	}
}

func TestDeadLetterThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	b := newBurial(t, dir)
	for range 100 {
		b.Bury([]byte("cpu value=1"), time.Now(), errors.New("refused"))
	}
	require.Equal(t, 100, b.unkept)
	logged := b.end()
	require.Equal(t, 1, strings.Count(logged, "cannot write"), logged)
	require.Contains(t, logged, "(1 metric not kept so far)")
	require.Contains(t, logged, "95 metrics more given up")
	_, err := os.Stat(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

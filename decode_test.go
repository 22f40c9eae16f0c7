//go:build !edge

package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeUsage(t *testing.T) {
	testUsage(t, []usageCase{
		{[]string{"help"}, 0, "  telegraf-hologram decode ", ""},
		{[]string{"decode", "file"}, 2, "", "unexpected argument"},
		{[]string{"decode"}, 0, "", ""},
	})
	testBrokenPipes(t, "decode")
}

var corpora = []string{"events", "gps", "host", "meters", "mock", "modbus", "nab", "tgreal", "tsbs_devops", "tsbs_iot"}

// What encode writes, decode turns into what encode read.
func TestRoundTrip(t *testing.T) {
	for _, name := range corpora {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "corpora", name+".lp"))
			require.NoError(t, err)
			want, unreadable := normal(t, text)
			all := [][]string{
				{"--max-message-size", "16KiB"},
				{"--max-message-size", "16KiB", "--data-format", "influx", "--field-names", "full"},
				{"--max-message-size", "4KiB", "--metric-batch-size", "50"},
			}
			if name != "host" {
				all = all[:1] // the others would tell nothing new
			}
			for _, options := range all {
				code, messages, stderr := call(t, string(text), append([]string{"encode"}, options...)...)
				require.Equal(t, unreadable, strings.Count(stderr, "\n"), stderr)
				require.Equal(t, unreadable > 0, code == 1)
				code, lines, stderr := call(t, messages, "decode")
				require.Equal(t, 0, code, stderr)
				require.Equal(t, want, lines)
			}
		})
	}
}

// What decode cannot read it tells with the number of the line, and goes on.
func TestDecodeGoesOn(t *testing.T) {
	_, compact, _ := call(t, "mem free=7i 1800000000000000000\n", "encode")
	in := "a v=1 1\r\n\n" + // 1, 2
		"hello world\n" + // 3
		compact + // 4
		strings.Repeat("x", maxLine+1) + "\n" + // 5
		`{"data":"` + base64.StdEncoding.EncodeToString([]byte("b v=2 2\nnonsense\nc v=3 3")) + `"}` + "\n" + // 6
		`{"k":"ABCDWXYZ"}` + "\n" + // 7
		"SABCDWXYZ+15125550100 d v=4 4" // 8
	code, stdout, stderr := call(t, in, "decode")
	require.Equal(t, 1, code)
	require.Equal(t, "a v=1 1\nmem free=7i 1800000000000000000\nb v=2 2\nc v=3 3\nd v=4 4\n", stdout)
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], "telegraf-hologram: line 3: no compact payload and no JSON; no line protocol at byte ")
	require.Equal(t, "telegraf-hologram: line 5: longer than 16777216 bytes", lines[1])
	require.Contains(t, lines[2], "telegraf-hologram: line 6: record 2: no line protocol at byte ")
	require.Equal(t, "telegraf-hologram: line 7: JSON without d, data, body, metrics or fields", lines[3])
}

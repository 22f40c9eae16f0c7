//go:build !edge

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/estimate"
	"telegraf-hologram/internal/execd"
)

func TestEstimateUsage(t *testing.T) {
	one := filepath.Join(t.TempDir(), "one.lp")
	require.NoError(t, os.WriteFile(one, []byte("> cpu,host=gw usage=98.5 1800000000000000000\n> mem,host=gw free=7i 1800000000000000000\n"), 0o600))
	testUsage(t, []usageCase{
		{[]string{"estimate", "--help"}, 0, "-price-per-mb price\n", ""},
		{[]string{"estimate"}, 1, "", "there is no metric"},
		{[]string{"estimate", "more"}, 2, "", "unexpected argument"},
		{[]string{"estimate", "--file", "missing.lp"}, 1, "", "reading line protocol: open missing.lp"},
		{[]string{"estimate", "--file", one}, 2, "", "there is one collection: give --interval; see telegraf-hologram estimate --help\n"},
		{[]string{"estimate", "--file", one, "--interval", "1ms"}, 2, "", `want "100ms" to "30d"`},
		{[]string{"estimate", "--file", one, "--interval", "31d"}, 2, "", `want "100ms" to "30d"`},
		{[]string{"estimate", "--file", one, "--interval", "soon"}, 2, "", `invalid value "soon"`},
		{[]string{"estimate", "--file", one, "--flush-interval", "1m,"}, 2, "", `invalid value "1m,"`},
		{[]string{"estimate", "--file", one, "--flush-interval", "1ms"}, 2, "", `want "100ms" to "30d"`},
		{[]string{"estimate", "--file", one, "--price-per-mb", "-1"}, 2, "", "want a number of 0 or more"},
		{[]string{"estimate", "--file", one, "--price-per-sms", "Inf"}, 2, "", "want a number of 0 or more"},
		{[]string{"estimate", "--file", one, "--data-format", "csv"}, 2, "", "data_format"},
		{[]string{"estimate", "--file", one, "--float-digits", "16"}, 2, "", "float_digits"},
		{[]string{"estimate", "--file", one, "--timestamp-precision", "2s"}, 2, "", "timestamp_precision"},
		{[]string{"estimate", "--file", one, "--interval", "60s"}, 0, "* There are more collections between two sendings", ""},
		{[]string{"estimate", "--file", one, "--interval", "1h", "--sms"}, 0, "The plugins send 50 SMS in 30 days", ""},
	})
}

// What is no line protocol, and what no message can carry, is told once and does not
// count.
func TestEstimateGoesOn(t *testing.T) {
	code, stdout, stderr := call(t, "a v=1 1\nnonsense\n"+`text s="`+strings.Repeat("x", 500)+`" 1`+"\n",
		"estimate", "--interval", "60s", "--flush-interval", "1m,2m", "--data-format", "influx", "--max-message-size", "200")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "telegraf-hologram: record 2: no line protocol at byte ")
	require.Equal(t, 1, strings.Count(stderr, `metric "text" cannot be sent: alone it makes a message of `), stderr)
	require.Contains(t, stdout, "2 metrics in 1 collection,")

	code, _, stderr = call(t, `text s="`+strings.Repeat("x", 500)+`" 1`+"\n", "estimate", "--interval", "60s", "--max-message-size", "200", "--data-format", "influx")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "sending every 1m: no metric that could be sent")
}

// The table has a price for each megabyte and each SMS.
func TestEstimateCost(t *testing.T) {
	code, stdout, stderr := call(t, "a,host=gw v=1 1800000000000000000\n", "estimate", "--interval", "1d", "--sms", "--price-per-mb", "100", "--price-per-sms", "2")
	require.Equal(t, 0, code, stderr)
	row := tableRow(t, stdout, "24h")
	messages, size := row[0], row[1]
	require.InDelta(t, 1, messages, 1e-9)
	require.InDelta(t, size+385, row[2], 0.5)
	require.InDelta(t, row[2]*30/1e6, row[3], 0.001)
	require.InDelta(t, row[2]*30/1e6*100, row[4], 0.01)
	require.Equal(t, []float64{30, 60}, row[5:])
}

// tableRow returns the numbers in the row of an interval.
func tableRow(t *testing.T, text, every string) (numbers []float64) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ *\*?` + every + ` +(.*)$`).FindStringSubmatch(text)
	require.NotNil(t, m, text)
	for field := range strings.FieldsSeq(m[1]) {
		v, err := strconv.ParseFloat(field, 64)
		require.NoError(t, err)
		numbers = append(numbers, v)
	}
	return numbers
}

// What is estimated is what the plugin sends, and what its accounts say of the
// network: a process for each time of sending, as many collections for each.
func TestEstimateIsWhatIsSent(t *testing.T) {
	text, err := os.ReadFile("testdata/corpora/host.lp")
	require.NoError(t, err)
	var records [][]byte
	for _, r := range execd.NewSplitter(execd.MaxRecord, nil).Split(nil, text) {
		records = append(records, bytes.Clone(r))
	}
	records = records[18:] // the first collection has no CPU
	lines := func(from, to int) string { return string(bytes.Join(records[from*21:to*21], []byte("\n"))) + "\n" }

	for _, c := range []struct {
		format       string
		windows, per int
	}{
		{"compact", 6, 4}, {"compact", 24, 1}, {"influx", 2, 6},
	} {
		t.Run(fmt.Sprintf("%s %d", c.format, c.per), func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, lines(0, c.windows*c.per), "estimate", "--data-format", c.format, "--interval", "10s",
				"--flush-interval", fmt.Sprintf("%ds", 10*c.per), "--max-message-size", "1400")
			require.Equal(t, 0, code, stderr)
			require.Contains(t, stdout, "21 in each, every 10s")
			row := tableRow(t, stdout, execd.Duration(time.Duration(c.per)*10*time.Second).String())

			cloud, err := emulator.Start(t.Context(), emulator.Config{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, cloud.Close()) })
			// Loopback carries in one packet what a network carries in several.
			file := config(t, fmt.Sprintf("  device_key = \"ABCDWXYZ\"\n  address = %q\n  flush_interval = \"1h\"\n  buffer_directory = %q\n  data_format = %q\n  max_message_size = 1400\n",
				cloud.Addr(), t.TempDir(), c.format))
			for w := range c.windows {
				cmd := program(t, "--config", file)
				cmd.Stdin = strings.NewReader(lines(w*c.per, (w+1)*c.per))
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
			_, status, _ := call(t, "", "status", "--json", "--config", file)
			var s struct {
				Total struct {
					Messages      int   `json:"messages"`
					BytesSent     int64 `json:"bytes_sent"`
					BytesReceived int64 `json:"bytes_received"`
				} `json:"total"`
			}
			require.NoError(t, json.Unmarshal([]byte(status), &s), status)
			perDay := float64(estimate.Day) / float64(time.Duration(c.windows*c.per)*10*time.Second)
			require.NotZero(t, s.Total.Messages, status)
			require.InDelta(t, float64(s.Total.Messages)*perDay, row[0], 0.5, "messages")
			require.InEpsilon(t, float64(s.Total.BytesSent+s.Total.BytesReceived)*perDay, row[2], 0.02, "bytes")
			t.Logf("estimated %.0f bytes a day, sent %.0f", row[2], float64(s.Total.BytesSent+s.Total.BytesReceived)*perDay)
		})
	}
}

// Any line protocol is taken, or told what is wrong with it.
func FuzzEstimate(f *testing.F) {
	f.Add("> cpu,host=gw usage=98.5 1800000000000000000\n")
	f.Add("a v=1 1\na v=2 2\n\na v=3 9223372036854775807\n")
	f.Add("a v=1 -9223372036854775808\na v=2 9223372036854775807\n")
	f.Fuzz(func(t *testing.T, text string) {
		code, stdout, stderr := call(t, text, "estimate", "--interval", "10s", "--sms")
		require.Contains(t, []int{exitDone, exitFailed}, code)
		require.Equal(t, code == exitFailed, stderr != "")
		if code == exitDone {
			require.Contains(t, stdout, "cost a month")
			require.NotContains(t, stdout, "NaN")
		}
	})
}

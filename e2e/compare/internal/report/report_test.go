//go:build linux

package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/compare/internal/bench"
)

// page has bytes for a metric of ours and of another, by interval.
func page(ours, other [2]int) Page {
	p := Page{Intervals: []time.Duration{10 * time.Second, time.Minute}, RatePerSecond: 1, Versions: []string{"Telegraf 1"}}
	results := make([][]bench.Result, 2)
	for j := range results {
		results[j] = []bench.Result{
			{Contender: bench.Contender{Name: "ours", Confirmed: true}, Metrics: 10, Batches: 1, Bytes: ours[j] * 10},
			{Contender: bench.Contender{Name: "other", Setting: "cheaply"}, Metrics: 10, Batches: 1, Bytes: other[j] * 10},
		}
	}
	p.Corpora = []Corpus{{Name: "host", What: "a host", Results: results}}
	p.Small = results[0]
	p.Costs = []bench.Cost{
		{Contender: bench.Contender{Name: "nothing"}, Metrics: 1000, CPU: 5 * time.Millisecond},
		{Contender: bench.Contender{Name: "ours"}, Metrics: 1000, CPU: 20 * time.Millisecond, Memory: 2},
		{Contender: bench.Contender{Name: "other"}, Metrics: 1000, CPU: 10 * time.Millisecond, Memory: 1},
	}
	return p
}

func markdown(p Page) string {
	var b strings.Builder
	p.Markdown(&b)
	return b.String()
}

func TestFirst(t *testing.T) {
	p := page([2]int{20, 10}, [2]int{40, 30})
	require.Empty(t, p.lost())
	text := markdown(p)
	require.Contains(t, text, "it is first with all 1 corpora at all 2 intervals")
	require.Contains(t, text, "| **ours** | **20** | **10** | **51.8** | **25.9** | **1.56** | **0.78** |")
	require.Contains(t, text, "| other | 40 | 30 | 104 | 77.8 | 3.11 | 2.33 |")
	require.Contains(t, text, "In CPU time it is number 2, and in memory number 2, of 2")
}

// What is not first must be said.
func TestNotFirst(t *testing.T) {
	p := page([2]int{50, 10}, [2]int{40, 30})
	require.Equal(t, []string{"corpus host, 10 s: other with 40.0 bytes instead of 50.0"}, p.lost())
	text := markdown(p)
	require.NotContains(t, text, "it is first with all")
	require.Contains(t, text, p.lost()[0])
	require.Contains(t, text, "fewer bytes than our 50: other (40)")
}

func TestCheck(t *testing.T) {
	p := page([2]int{1, 1}, [2]int{1, 1})
	require.NoError(t, p.Check())
	p.Corpora[0].Results[1][1].Err = errors.New("1 missing")
	require.EqualError(t, p.Check(), "other, corpus host, 60 s: 1 missing")
}

// The same figures make the same well-formed chart, with every figure in it.
func TestChart(t *testing.T) {
	var charts [2]string
	for i := range charts {
		name := filepath.Join(t.TempDir(), "chart.svg")
		require.NoError(t, page([2]int{20, 10}, [2]int{45, 37}).Chart(name))
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		charts[i] = string(text)
	}
	require.Equal(t, charts[0], charts[1])
	d := xml.NewDecoder(strings.NewReader(charts[0]))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	for _, figure := range []string{">20<", ">10<", ">45<", ">37<", "ours", "other", "sent every 60 s"} {
		require.Contains(t, charts[0], figure)
	}
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 7: "7", 1.234: "1.23", 9.996: "10.0", 12.34: "12.3", 99.96: "100", 1234.5: "1234"} {
		require.Equal(t, want, number(f))
	}
}

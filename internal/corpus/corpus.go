// Package corpus reads the real metrics in testdata/corpora. It is for tests
// and for programs that measure, and in no product.
package corpus

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
)

// Read returns the corpora below root, the directory of the repository, by
// name. A few examples out of Telegraf's documentation are no line protocol,
// and passed over.
func Read(root string) (map[string][]telegraf.Metric, error) {
	files, err := filepath.Glob(filepath.Join(root, "testdata/corpora/*.lp"))
	if err != nil {
		return nil, fmt.Errorf("listing corpora: %w", err)
	}
	all := map[string][]telegraf.Metric{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("reading corpus: %w", err)
		}
		var metrics []telegraf.Metric
		for line := range strings.Lines(string(data)) {
			if m, err := execd.ParseRecord([]byte(strings.TrimSuffix(line, "\n")), time.Time{}); err == nil {
				metrics = append(metrics, m)
			}
		}
		all[strings.TrimSuffix(filepath.Base(f), ".lp")] = metrics
	}
	return all, nil
}

// Parse reads line protocol with times in nanoseconds. All of it must be right.
func Parse(text string) ([]telegraf.Metric, error) {
	var all []telegraf.Metric
	s := execd.NewSplitter(execd.MaxRecord, nil)
	for _, r := range s.Split(nil, []byte(strings.TrimSuffix(text, "\n")+"\n")) {
		m, err := execd.ParseRecord(r, time.Time{})
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", r, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// Windows returns up to most windows of n metrics, spread over all.
func Windows(all []telegraf.Metric, n, most int) [][]telegraf.Metric {
	n = min(n, len(all))
	count := min(most, len(all)-n+1)
	var out [][]telegraf.Metric
	for i := range count {
		at := 0
		if count > 1 {
			at = i * (len(all) - n) / (count - 1)
		}
		out = append(out, all[at:at+n])
	}
	return out
}

// Command bytes prints how many bytes a metric takes, for every corpus and for
// batches of several sizes: as the frame of a compact payload, and as whole
// Socket API messages in every data format.
//
//	go run ./internal/payload/cmd/bytes
//
// A message has an eight-character device key, the names of its measurements as
// topics, short field names, and the line ends that close it. Every corpus is
// measured with a dictionary that has not seen it.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"telegraf-hologram/internal/corpus"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/payload/dictionary/build"
	"telegraf-hologram/internal/socketapi" //nolint:depguard // whole messages are measured; no product imports this program

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
)

var (
	sizes = []int{1, 5, 20, 100, 500}
	// floor is what the frame must reach in the geometric mean.
	floor = []float64{141, 73, 45, 23, 15.5}
)

// most is how many windows of a corpus are measured.
const most = 20

func main() {
	root := flag.String("root", ".", "`directory` of the repository")
	flag.Parse()
	if err := run(os.Stdout, *root); err != nil {
		fmt.Fprintln(os.Stderr, "bytes:", err)
		os.Exit(1)
	}
}

// format is a way to write a batch.
type format struct {
	name  string
	bytes func(metrics []telegraf.Metric) (int, error)
}

func run(w io.Writer, root string) error {
	sources, err := build.ReadSources(root)
	if err != nil {
		return err
	}
	corpora, err := corpus.Read(root)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(corpora))
	results := map[string]map[string][]float64{} // by format and corpus: bytes per metric for each size
	var order []string
	for _, name := range names {
		order = order[:0]
		for _, f := range formats(sources.Dictionary(name)) {
			order = append(order, f.name)
			if results[f.name] == nil {
				results[f.name] = map[string][]float64{}
			}
			for _, n := range sizes {
				perMetric, err := measure(f, corpora[name], n)
				if err != nil {
					return fmt.Errorf("measuring %s of %s: %w", f.name, name, err)
				}
				results[f.name][name] = append(results[f.name][name], perMetric)
			}
		}
	}
	for _, f := range order {
		if err := write(w, f, names, results[f]); err != nil {
			return fmt.Errorf("writing table: %w", err)
		}
	}
	return nil
}

// write prints the table of a format.
func write(w io.Writer, format string, names []string, results map[string][]float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\n%s: bytes per metric\n", format)
	row := func(name string, values []float64) {
		fmt.Fprintf(t, "%s\t", name)
		for _, v := range values {
			fmt.Fprintf(t, "%9.1f\t", v)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprint(t, "n\t")
	for _, n := range sizes {
		fmt.Fprintf(t, "%d\t", n)
	}
	fmt.Fprintln(t)
	means := make([]float64, len(sizes))
	for _, name := range names {
		row(name, results[name])
		for i, v := range results[name] {
			means[i] += math.Log(v) / float64(len(names))
		}
	}
	for i := range means {
		means[i] = math.Exp(means[i])
	}
	row("geometric mean", means)
	if strings.HasPrefix(format, "frame") {
		row("floor", floor)
	}
	return t.Flush()
}

// measure returns the bytes per metric of windows of n metrics.
func measure(f format, all []telegraf.Metric, n int) (float64, error) {
	total, count := 0, 0
	for _, w := range corpus.Windows(all, n, most) {
		size, err := f.bytes(w)
		if err != nil {
			return 0, err
		}
		total += size
		count += len(w)
	}
	return float64(total) / float64(count), nil
}

func formats(dictionary []byte) []format {
	var e payload.Encoder
	e.SetDictionary(dictionary)
	compact := func(metrics []telegraf.Metric) (string, error) {
		e.Reset()
		for _, m := range metrics {
			if err := e.Add(m); err != nil {
				return "", err
			}
		}
		text, err := e.Append(nil, 0, e.Len(), 1)
		return string(text), err
	}
	message := func(name string, data func([]telegraf.Metric) (string, error)) format {
		return format{"message, " + name, func(metrics []telegraf.Metric) (int, error) {
			text, err := data(metrics)
			if err != nil {
				return 0, err
			}
			return messageBytes(text, metrics)
		}}
	}
	return []format{
		{"frame of a compact payload", func(metrics []telegraf.Metric) (int, error) {
			text, err := compact(metrics)
			return frameBytes(len(text) - 1), err
		}},
		message("compact", compact),
		message("influx", lines),
		message("json", jsonText),
		message("influx, gzip, base64", gzipped(lines)),
		message("json, gzip, base64", gzipped(jsonText)),
	}
}

// frameBytes is the number of bytes that so many characters stand for.
func frameBytes(chars int) int {
	return chars/11*9 + [...]int{0, 0, 1, 2, 3, 4, 0, 5, 6, 7, 8}[chars%11]
}

func messageBytes(data string, metrics []telegraf.Metric) (int, error) {
	m := socketapi.Message{Data: data}
	for _, metric := range metrics {
		topic := topicOf(metric.Name())
		if !slices.Contains(m.Topics, topic) {
			m.Topics = append(m.Topics, topic)
		}
	}
	b, err := socketapi.AppendMessage(nil, socketapi.Credentials{DeviceKey: "ABCDWXYZ"}, socketapi.ShortNames, m)
	return len(b), err
}

// topicOf is about as long as what the output makes of a name.
func topicOf(name string) string {
	topic := strings.Map(func(r rune) rune {
		if r < 0x80 && socketapi.ValidTopic("a"+string(r)) == nil {
			return r
		}
		return '-'
	}, name)
	return strings.TrimLeft(topic[:min(len(topic), 31)], "_")
}

func lines(metrics []telegraf.Metric) (string, error) {
	s := &influx.Serializer{UintSupport: true}
	if err := s.Init(); err != nil {
		return "", err
	}
	b, err := s.SerializeBatch(metrics)
	return strings.TrimSuffix(string(b), "\n"), err
}

// jsonText is what Telegraf's serializer "json" writes, with times in nanoseconds.
func jsonText(metrics []telegraf.Metric) (string, error) {
	type object struct {
		Fields    map[string]any    `json:"fields"`
		Name      string            `json:"name"`
		Tags      map[string]string `json:"tags"`
		Timestamp int64             `json:"timestamp"`
	}
	var batch struct {
		Metrics []object `json:"metrics"`
	}
	for _, m := range metrics {
		fields := m.Fields()
		for k, v := range fields {
			if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				delete(fields, k)
			}
		}
		batch.Metrics = append(batch.Metrics, object{fields, m.Name(), m.Tags(), m.Time().UnixNano()})
	}
	b, err := json.Marshal(batch)
	return string(b), err
}

func gzipped(text func([]telegraf.Metric) (string, error)) func([]telegraf.Metric) (string, error) {
	return func(metrics []telegraf.Metric) (string, error) {
		s, err := text(metrics)
		if err != nil {
			return "", err
		}
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err == nil {
			_, err = io.WriteString(z, s)
			err = errors.Join(err, z.Close())
		}
		return base64.StdEncoding.EncodeToString(b.Bytes()), err
	}
}

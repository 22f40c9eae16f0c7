package clients

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/corpus"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/payload/dictionary"
)

var (
	mutations = flag.Int("mutations", 2000, "changed payloads that the decoders are compared on")
	seed      = flag.Uint64("seed", 1, "of the changes")
)

// patience is how long a decoder may take for one payload on a busy machine.
const patience = 20 * time.Second

// answer is what a decoder made of a payload. Strings are hexadecimal, fields
// are key, type and value, and floats the hexadecimal digits of their bits.
type answer struct {
	Error    string         `json:"error,omitempty"`
	Sequence int            `json:"sequence"`
	Checksum int            `json:"checksum"`
	Metrics  []answerMetric `json:"metrics"`
	Lines    string         `json:"lines"` // line protocol

	RSS int `json:"rss"` // kB, the most so far
}

type answerMetric struct {
	Name   string     `json:"name"`
	Tags   [][]string `json:"tags"`
	Fields [][]string `json:"fields"`
	Time   string     `json:"time"`
}

// client is a decoder in a process of its own.
type client struct {
	name  string
	in    io.Writer
	out   *bufio.Reader
	exact bool // NaN keeps its bits
	rss   int
}

// startClients starts the decoders whose language is installed.
func startClients(t testing.TB) []*client {
	t.Helper()
	var all []*client
	for _, c := range []struct {
		exact bool
		args  []string
	}{
		{true, []string{"python3", "-B", "testdata/driver.py"}},
		{false, []string{"node", "--max-old-space-size=64", "testdata/driver.mjs"}},
	} {
		if _, err := exec.LookPath(c.args[0]); err != nil {
			t.Logf("%s is not installed", c.args[0])
			continue
		}
		cmd := exec.Command(c.args[0], c.args[1:]...)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = in.Close()
			_ = cmd.Wait()
		})
		all = append(all, &client{c.args[0], in, bufio.NewReaderSize(out, 1<<20), c.exact, 0})
	}
	if len(all) == 0 {
		t.Skip("neither python3 nor node is installed")
	}
	return all
}

func (c *client) decode(t testing.TB, text string) answer {
	t.Helper()
	request, err := json.Marshal(map[string][]byte{"text": []byte(text)})
	require.NoError(t, err)
	type read struct {
		line []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		_, err := c.in.Write(append(request, '\n'))
		if err != nil {
			done <- read{nil, err}
			return
		}
		line, err := c.out.ReadBytes('\n')
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		require.NoError(t, r.err, "%s ended at %q", c.name, text)
		var a answer
		require.NoError(t, json.Unmarshal(r.line, &a))
		c.rss = max(c.rss, a.RSS)
		a.RSS = 0
		return a
	case <-time.After(patience):
		t.Fatalf("%s takes more than %v for %q", c.name, patience, text)
		return answer{}
	}
}

// reference is what our own decoder makes of a payload.
func reference(t testing.TB, text string, exact bool) answer {
	t.Helper()
	b, err := payload.Decode(text)
	switch {
	case errors.Is(err, payload.ErrNotCompact):
		return answer{Error: "NotCompactError"}
	case errors.Is(err, payload.ErrChecksum):
		return answer{Error: "ChecksumError"}
	case errors.Is(err, payload.ErrTooLarge):
		return answer{Error: "TooLargeError"}
	case err != nil:
		return answer{Error: "PayloadError"}
	}
	a := answer{Sequence: int(b.Sequence), Checksum: int(b.Checksum)}
	var lines []byte
	for _, m := range b.Metrics {
		am := answerMetric{Name: hexOf(m.Name()), Tags: [][]string{}, Time: strconv.FormatInt(m.Time().UnixNano(), 10)}
		for _, tag := range m.TagList() {
			am.Tags = append(am.Tags, []string{hexOf(tag.Key), hexOf(tag.Value)})
		}
		fields := m.FieldList()
		slices.SortFunc(fields, func(a, b *telegraf.Field) int { return strings.Compare(a.Key, b.Key) })
		for _, f := range fields {
			kind, value := typed(f.Value, exact)
			am.Fields = append(am.Fields, []string{hexOf(f.Key), kind, value})
		}
		a.Metrics = append(a.Metrics, am)
		if line, err := metric.AppendLine(nil, m); err == nil {
			lines = append(append(lines, line...), '\n')
		}
	}
	a.Lines = hex.EncodeToString(lines)
	return a
}

func hexOf(s string) string { return hex.EncodeToString([]byte(s)) }

func typed(v any, exact bool) (kind, value string) {
	switch v := v.(type) {
	case int64:
		return "int", strconv.FormatInt(v, 10)
	case uint64:
		return "uint", strconv.FormatUint(v, 10)
	case bool:
		return "bool", strconv.FormatBool(v)
	case float64:
		if math.IsNaN(v) && !exact {
			return "float", "NaN"
		}
		return "float", fmt.Sprintf("%016x", math.Float64bits(v))
	}
	return "string", hexOf(fmt.Sprint(v))
}

// compare requires that all decoders make the same of a text, and tells whether
// that is metrics.
func compare(t testing.TB, all []*client, text string) bool {
	t.Helper()
	ok := false
	for _, c := range all {
		want, got := reference(t, text, c.exact), c.decode(t, text)
		ok = want.Error == ""
		// One payload may be wrong in several ways, of which each finds another first.
		for _, e := range []*answer{&want, &got} {
			if e.Error == "TooLargeError" {
				e.Error = "PayloadError"
			}
		}
		require.Equal(t, want, got, "%s, payload %q", c.name, text)
	}
	return ok
}

// knowsSMS tells whether our own decoder reads the form for SMS.
var knowsSMS = sync.OnceValue(func() bool { return payload.IsCompact(";") })

// forms returns the texts of a frame.
func forms(frame []byte) []string {
	all := []string{string(appendText([]byte{','}, frame, plainAlphabet))}
	if knowsSMS() {
		all = append(all, string(appendText([]byte{';'}, frame, smsAlphabet)))
	}
	return all
}

func TestVectors(t *testing.T) {
	all := startClients(t)
	for _, v := range append(vectors(t), readVectors(t, "testdata/edges.jsonl")...) {
		for _, text := range forms(frameOf(t, v.Payload)) {
			require.True(t, compare(t, all, text), v.Name)
		}
	}
}

func TestRefused(t *testing.T) {
	all := startClients(t)
	data, err := os.ReadFile("testdata/refused.jsonl")
	require.NoError(t, err)
	for line := range bytes.Lines(data) {
		var c struct{ Name, Payload, Error string }
		require.NoError(t, json.Unmarshal(line, &c))
		if c.Payload != "" && c.Payload[0] == ';' && !knowsSMS() {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			require.Equal(t, c.Error, reference(t, c.Payload, true).Error)
			for _, client := range all {
				require.Equal(t, c.Error, client.decode(t, c.Payload).Error, client.name)
			}
		})
	}
}

// Payloads of real metrics, in windows as small and as large as they come.
func TestCorpora(t *testing.T) {
	all := startClients(t)
	count := 0
	for name, metrics := range corpora(t) {
		for _, n := range []int{1, 5, 40, 300} {
			for i, w := range corpus.Windows(metrics, n, max(2, min(6, 100/n))) {
				text, err := payload.Encode(w, payload.Sequence(i))
				require.NoError(t, err)
				for _, text := range forms(frameOf(t, string(text))) {
					require.True(t, compare(t, all, text), name)
					count++
				}
			}
		}
	}
	report(t, all, "%d payloads", count)
}

// Payloads that were changed at random: in the text, in the compressed body and
// in the content, the latter two with a right checksum.
func TestMutations(t *testing.T) {
	all := startClients(t)
	source := rand.New(rand.NewPCG(*seed, 0))
	frames := seeds(t)
	metrics, errs := 0, 0
	for range *mutations {
		frame := bytes.Clone(frames[source.IntN(len(frames))])
		content := inflated(t, frame)
		switch source.IntN(8) {
		case 0: // the text
			text := mutated(source, []byte(forms(frame)[0]), frames)
			compare(t, all, string(text))
			continue
		case 1, 2: // the body
			if frame[0]>>4 == 1 {
				frame = append(frame[:5], mutated(source, frame[5:], frames)...)
				content, _ = inflate(frame[5:])
				break
			}
			fallthrough
		case 3: // compressed by another compressor
			content = mutated(source, content, frames)
			frame = append(frame[:5], deflated(t, content)...)
			frame[0] = frame[0]&15 | 1<<4
		default:
			content = mutated(source, content, frames)
			frame = append(frame[:5], content...)
			frame[0] &= 15
		}
		binary.BigEndian.PutUint32(frame[1:5], uint32(frame[1])<<24|checksum(frame, content))
		texts := forms(frame)
		if compare(t, all, texts[source.IntN(len(texts))]) {
			metrics++
		} else {
			errs++
		}
	}
	report(t, all, "%d payloads: %d with metrics, %d refused", *mutations, metrics, errs)
}

// What Go's fuzzer has found for our own decoder, where it has been run:
// -args -fuzzed=$(go env GOCACHE)/fuzz/telegraf-hologram/internal/payload
var fuzzed = flag.String("fuzzed", "", "folder with inputs of the fuzz tests of package payload")

func TestFuzzed(t *testing.T) {
	if *fuzzed == "" {
		t.Skip("no -fuzzed")
	}
	all := startClients(t)
	files, err := filepath.Glob(filepath.Join(*fuzzed, "Fuzz*/*"))
	require.NoError(t, err)
	count, metrics := 0, 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			for _, prefix := range []string{"[]byte(", "string("} {
				quoted, ok := strings.CutPrefix(strings.TrimSpace(line), prefix)
				if !ok {
					continue
				}
				input, err := strconv.Unquote(strings.TrimSuffix(quoted, ")"))
				require.NoError(t, err)
				frame := append(make([]byte, 5), input...)
				if prefix == "string(" {
					compare(t, all, input)
					data, ok := bytesOf(strings.TrimLeft(input, ","))
					if !ok || len(data) < 5 {
						continue
					}
					frame = data
				}
				content := frame[5:]
				if frame[0]>>4 == 1 {
					content, _ = inflate(content)
				}
				binary.BigEndian.PutUint32(frame[1:5], uint32(frame[1])<<24|checksum(frame, content))
				count++
				if compare(t, all, forms(frame)[0]) {
					metrics++
				}
			}
		}
	}
	report(t, all, "%d payloads, %d with metrics", count, metrics)
}

func report(t *testing.T, all []*client, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	for _, c := range all {
		line += fmt.Sprintf("; %s at most %d MB", c.name, c.rss>>10)
	}
	t.Log(line)
}

// mutated returns a copy of data with a few changes.
func mutated(source *rand.Rand, data []byte, others [][]byte) []byte {
	data = bytes.Clone(data)
	for range 1 + source.IntN(3) {
		if len(data) == 0 {
			return data
		}
		at := source.IntN(len(data))
		switch source.IntN(8) {
		case 0:
			data[at] ^= 1 << source.IntN(8)
		case 1:
			data[at] = byte(source.IntN(256))
		case 2:
			data[at] = []byte{0, 1, 2, 0x7f, 0x80, 0xff, 24, 48, 96, 111, 114, 117, 119}[source.IntN(13)]
		case 3:
			data[at]++
		case 4:
			data = slices.Delete(data, at, min(len(data), at+1+source.IntN(4)))
		case 5:
			data = slices.Insert(data, at, data[at:min(len(data), at+1+source.IntN(8))]...)
		case 6:
			other := others[source.IntN(len(others))]
			from := source.IntN(len(other))
			data = slices.Insert(data, at, other[from:min(len(other), from+1+source.IntN(16))]...)
		default:
			data = data[:at]
		}
	}
	return data
}

// seeds are the frames of small payloads of all kinds.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	for _, v := range append(vectors(t), readVectors(t, "testdata/edges.jsonl")...) {
		all = append(all, frameOf(t, v.Payload))
	}
	for _, metrics := range corpora(t) {
		for _, n := range []int{1, 2, 7, 20} {
			text, err := payload.Encode(metrics[:n], payload.Sequence(n))
			require.NoError(t, err)
			all = append(all, frameOf(t, string(text)))
		}
	}
	slices.SortFunc(all, bytes.Compare) // the corpora come in no order
	return all
}

func corpora(t testing.TB) map[string][]telegraf.Metric {
	t.Helper()
	all, err := corpus.Read("..")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

type vector struct{ Name, Payload, Content string }

func vectors(t testing.TB) []vector {
	t.Helper()
	return readVectors(t, "../internal/payload/testdata/vectors.jsonl")
}

func readVectors(t testing.TB, name string) []vector {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	var all []vector
	for line := range bytes.Lines(data) {
		var v vector
		require.NoError(t, json.Unmarshal(line, &v))
		all = append(all, v)
	}
	return all
}

// The stages around the content, as docs/payload.md has them.

type textAlphabet struct {
	digits      string
	chars, size int
}

var (
	plainAlphabet = textAlphabet{strings.NewReplacer(`"`, "", `\`, "").Replace(ascii(0x20, 0x7f)), 11, 9}
	smsAlphabet   = textAlphabet{ascii('!', '#') + ascii('%', '?') + ascii('A', 'Z') + ascii('a', 'z'), 34, 27}
)

func ascii(from, to byte) string {
	var s []byte
	for c := from; c <= to; c++ {
		s = append(s, c)
	}
	return string(s)
}

func appendText(dst, data []byte, a textAlphabet) []byte {
	radix := big.NewInt(int64(len(a.digits)))
	for group := range slices.Chunk(data, a.size) {
		digits := make([]byte, (len(group)*a.chars+a.size-1)/a.size)
		n, digit := new(big.Int).SetBytes(group), new(big.Int)
		for i := range slices.Backward(digits) {
			n.DivMod(n, radix, digit)
			digits[i] = a.digits[digit.Int64()]
		}
		dst = append(dst, digits...)
	}
	return dst
}

// bytesOf returns the bytes of a text in base 94, without its first character.
func bytesOf(text string) ([]byte, bool) {
	a := plainAlphabet
	var out []byte
	for group := range slices.Chunk([]byte(text), a.chars) {
		n := new(big.Int)
		for _, c := range group {
			digit := strings.IndexByte(a.digits, c)
			if digit < 0 {
				return nil, false
			}
			n.Add(n.Mul(n, big.NewInt(int64(len(a.digits)))), big.NewInt(int64(digit)))
		}
		size := len(group) * a.size / a.chars
		if n.BitLen() > 8*size {
			return nil, false
		}
		out = append(out, n.FillBytes(make([]byte, size))...)
	}
	return out, true
}

func frameOf(t testing.TB, text string) []byte {
	t.Helper()
	frame, ok := bytesOf(strings.TrimPrefix(text, ","))
	require.True(t, ok)
	require.Equal(t, text, string(appendText([]byte{','}, frame, plainAlphabet)))
	return frame
}

func checksum(frame, content []byte) uint32 {
	sum := crc32.ChecksumIEEE([]byte{frame[0] & 15, frame[1]})
	return crc32.Update(sum, crc32.IEEETable, content) & 0xffffff
}

func inflated(t testing.TB, frame []byte) []byte {
	t.Helper()
	if frame[0]>>4 == 0 {
		return frame[5:]
	}
	content, err := inflate(frame[5:])
	require.NoError(t, err)
	return content
}

func inflate(body []byte) ([]byte, error) {
	return io.ReadAll(io.LimitReader(flate.NewReaderDict(bytes.NewReader(body), dictionary.Version1()), payload.MaxContent))
}

func deflated(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, flate.BestCompression, dictionary.Version1())
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

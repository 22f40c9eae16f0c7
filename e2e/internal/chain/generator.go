package chain

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// generatorName is the first argument that makes the program the generator.
const generatorName = "chain-generator"

// Helper runs the generator if the arguments ask for it. Who uses this package calls
// it first thing in main: what it starts is itself.
func Helper(args []string) (code int, ok bool) {
	if len(args) == 0 || args[0] != generatorName {
		return 0, false
	}
	if err := generate(args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// generate writes metrics with values of every kind to stdout, at an even rate and as
// inputs.execd reads them, until stdin ends.
func generate(args []string, stdin io.Reader, stdout io.Writer) error {
	fs := flag.NewFlagSet(generatorName, flag.ContinueOnError)
	rate := fs.Int("rate", 0, "metrics a second")
	seed := fs.Uint64("seed", 0, "repeat the values of an earlier run")
	if err := fs.Parse(args); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, stdin)
	}()
	v := values{rand.New(rand.NewPCG(*seed, 0))}
	out := bufio.NewWriter(stdout)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	begin := time.Now()
	var last time.Time
	for n := 0; ; {
		select {
		case <-ended:
			return nil
		case <-ticker.C:
		}
		for due := int(time.Since(begin).Seconds() * float64(*rate)); n < due; n++ {
			// No time twice: for InfluxDB that would be the same point.
			at := time.Now()
			if !at.After(last) {
				at = last.Add(1)
			}
			last = at
			if _, err := out.Write(v.metric(n, at)); err != nil {
				return fmt.Errorf("cannot write metrics: %w", err)
			}
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("cannot write metrics: %w", err)
		}
	}
}

// values makes values that are hard to carry.
type values struct{ *rand.Rand }

// numberField and numberTag are in every metric of the generator: its number, and a
// tag with a value that has to be escaped at times.
const (
	numberField = "n"
	numberTag   = "a tag"
)

// metric returns metric n as line protocol, in the escaping that Telegraf reads.
func (v values) metric(n int, at time.Time) []byte {
	name := strings.NewReplacer(`,`, `\,`, ` `, `\ `)
	key := strings.NewReplacer(`,`, `\,`, ` `, `\ `, `=`, `\=`)
	text := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	line := []byte(name.Replace(v.pick("values", "werte ä,ö=ü", "数值🌊", `quote"d`)))
	tag := func(k, value string) { line = fmt.Appendf(line, ",%s=%s", key.Replace(k), key.Replace(value)) }
	tag(numberTag, v.pick("plain", "with space", "comma,equals=", "grün", "日本語", "🌊🌊", `quote"d`, `back\slash`))
	if n%3 == 0 {
		tag("ключ", v.pick("один", "два"))
	}
	line = fmt.Appendf(line, " %s=%di", numberField, n)
	for _, f := range []struct{ name, value string }{
		{"float", strconv.FormatFloat(v.float(), 'g', -1, 64)},
		{"int", strconv.FormatInt(v.int(), 10) + "i"},
		{"uint", strconv.FormatUint(v.uint(), 10) + "u"},
		{"bool", strconv.FormatBool(v.IntN(2) == 0)},
		{"text", `"` + text.Replace(v.text()) + `"`},
		{"name, with=signs", strconv.FormatFloat(v.NormFloat64(), 'g', -1, 64)},
	} {
		if v.IntN(3) > 0 { // not every metric has every field
			line = fmt.Appendf(line, ",%s=%s", key.Replace(f.name), f.value)
		}
	}
	return fmt.Appendf(line, " %d\n", at.UnixNano())
}

func (v values) pick(of ...string) string { return of[v.IntN(len(of))] }

func (v values) float() float64 {
	extremes := [...]float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 1.0 / 3, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64,
		-math.SmallestNonzeroFloat64, 0x1p-1022, 1 << 53, 1<<53 + 2, 1e21, 1e-7, math.Pi,
	}
	if v.IntN(2) == 0 {
		return extremes[v.IntN(len(extremes))]
	}
	for {
		f := math.Float64frombits(v.Uint64())
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
}

func (v values) int() int64 {
	extremes := [...]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32, 1<<53 + 1, -(1<<53 + 1)}
	if v.IntN(2) == 0 {
		return extremes[v.IntN(len(extremes))]
	}
	return int64(v.Uint64() >> v.IntN(64))
}

func (v values) uint() uint64 {
	extremes := [...]uint64{0, 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64, math.MaxUint32}
	if v.IntN(2) == 0 {
		return extremes[v.IntN(len(extremes))]
	}
	return v.Uint64() >> v.IntN(64)
}

func (v values) text() string {
	pieces := [...]string{
		"plain", " ", "\n", "\r\n", "\t", `"`, `\`, `\\`, `\n`, `\"`, "'", ",", "=", "#", "é", "ß", "日本語", "🌊", "\u200d", "\u0001", "\x7f",
		"{\"a\":1}", "<b>", "${HOME}", "%00", "null", "1i", "t",
	}
	var b strings.Builder
	for range v.IntN(12) {
		b.WriteString(pieces[v.IntN(len(pieces))])
	}
	if v.IntN(50) == 0 {
		b.WriteString(strings.Repeat("long ", 60))
	}
	return b.String()
}

package loss

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"time"
)

// generatorName is the first argument that makes the program the generator.
const generatorName = "loss-generator"

// Helper runs the helper program that the arguments name, if they name one. Who
// uses this package calls it first thing in main: what it starts is itself.
func Helper(args []string) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	var err error
	switch args[0] {
	case generatorName:
		err = generate(args[1:], os.Stdin, os.Stdout)
	case tapName:
		err = tap(args[1:], os.Stdin)
	default:
		return 0, false
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// generate writes numbered metrics to stdout at an even rate, as inputs.execd
// reads them, and each one to a file as well. When all have been written, or
// stdin has ended, it waits for stdin's end. What the file already holds is not
// written again, so that after a restart the rest follows.
func generate(args []string, stdin io.Reader, stdout io.Writer) error {
	fs := flag.NewFlagSet(generatorName, flag.ContinueOnError)
	file := fs.String("file", "", "where the metrics go besides stdout")
	count := fs.Int("count", 0, "how many")
	rate := fs.Int("rate", 0, "metrics a second")
	stepAt := fs.Int("step-at", math.MaxInt, "the number from which on the times are stepped")
	step := fs.Duration("step", 0, "how far the times are stepped")
	if err := fs.Parse(args); err != nil {
		return err
	}
	first, err := lines(*file)
	if err != nil {
		return err
	}
	sent, err := os.OpenFile(*file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the generator's file: %w", err)
	}
	defer func() { _ = sent.Close() }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, stdin)
	}()

	const chunk = 10 * time.Millisecond
	ticker := time.NewTicker(chunk)
	defer ticker.Stop()
	begin := time.Now()
	for n := first; n < *count; {
		select {
		case <-ended:
			return nil
		case <-ticker.C:
		}
		due := min(*count, first+int(time.Since(begin).Seconds()*float64(*rate)))
		var text []byte
		for ; n < due; n++ {
			at := time.Now()
			if n >= *stepAt {
				at = at.Add(*step)
			}
			text = AppendMetric(text, n, at)
		}
		// In the file first: what is in Telegraf must have been sent.
		if _, err := sent.Write(text); err != nil {
			return fmt.Errorf("cannot note what is sent: %w", err)
		}
		if _, err := stdout.Write(text); err != nil {
			return fmt.Errorf("cannot write metrics: %w", err)
		}
	}
	<-ended
	return nil
}

// numberField is the field that holds the number of a metric.
const numberField = "n"

// AppendMetric appends metric n as line protocol: one of several series in turn,
// with values as a meter has them.
func AppendMetric(text []byte, n int, at time.Time) []byte {
	load := 40 + 30*math.Sin(float64(n)/500)
	switch n % 4 {
	case 0:
		text = fmt.Appendf(text, "meter,site=north,line=a %s=%di,power=%.1f,volts=%.1f", numberField, n, load*12, 229+load/50)
	case 1:
		text = fmt.Appendf(text, "meter,site=north,line=b %s=%di,power=%.1f,volts=%.1f", numberField, n, load*7, 230-load/50)
	case 2:
		text = fmt.Appendf(text, "pump,site=north %s=%di,running=%t,pressure=%.2f", numberField, n, n%100 < 60, 2+load/40)
	default:
		text = fmt.Appendf(text, "tank,site=north,id=%d %s=%di,level=%.3f", n%3, numberField, n, load/100)
	}
	text = append(text, ' ')
	text = strconv.AppendInt(text, at.UnixNano(), 10)
	return append(text, '\n')
}

// lines counts the lines of a file, which need not be there.
func lines(name string) (int, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("cannot read the generator's file: %w", err)
	}
	return bytes.Count(text, []byte("\n")), nil
}

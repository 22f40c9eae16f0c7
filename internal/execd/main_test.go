package execd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"go.uber.org/goleak"
)

// childEnv holds the configuration of a child: this test binary as Telegraf would start us.
const childEnv = "EXECD_TEST_CHILD"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(childEnv); ok {
		os.Exit(child(text))
	}
	goleak.VerifyTestMain(m)
}

// child runs a recorder that appends the names of its metrics to its file, or an input.
func child(text string) int {
	r := &recorder{}
	plugins := pluginsWith(r)
	plugins.Inputs = inputsWith(childInput()).Inputs
	cfg, err := Parse([]byte(text), "child", plugins)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	r.write = func(_ int, metrics []telegraf.Metric) error {
		switch r.Mode {
		case "fail":
			return errors.New("no link")
		case "hang":
			select {}
		}
		f, err := os.OpenFile(r.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		for _, m := range metrics {
			if _, err := io.WriteString(f, m.Name()+"\n"); err != nil {
				return err
			}
		}
		return f.Close()
	}
	if r.Mode == "slow-connect" {
		r.connect = func(int) error { time.Sleep(time.Hour); return nil }
	}
	if err := Run(context.Background(), cfg, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Shim runs our plugin under Telegraf's stock shim, as most external plugins are.
// It is no product: the loss test compares with it. It is a module of its own,
// because the shim brings most of Telegraf along.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/influxdata/telegraf/plugins/common/shim"

	_ "telegraf-hologram/plugins/outputs/hologram" //nolint:depguard // it is our plugin that is compared
)

func main() {
	config := flag.String("config", "", "the plugin's configuration `file`")
	size := flag.Int("batch-size", 1, "`metrics` for each Write; 1 is the shim's default")
	flag.Parse()
	s := shim.New()
	s.BatchSize = *size
	if err := s.LoadConfig(config); err != nil {
		fmt.Fprintln(os.Stderr, "cannot load the configuration:", err)
		os.Exit(1)
	}
	if err := s.Run(shim.PollIntervalDisabled); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

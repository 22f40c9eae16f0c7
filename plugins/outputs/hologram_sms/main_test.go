package hologramsms

import (
	"flag"
	"testing"

	"github.com/influxdata/telegraf/plugins/outputs"
	"go.uber.org/goleak"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/execd/execdtest"
)

var update = flag.Bool("update", false, "write the expectations of the test cases")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConfig shows what a user gets for right and wrong configurations.
func TestConfig(t *testing.T) {
	execdtest.Configs(t, "testdata/config", execd.Plugins{Outputs: outputs.Outputs}, *update)
}

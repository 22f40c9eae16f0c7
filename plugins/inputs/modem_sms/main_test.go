package modemsms

import (
	"flag"
	"os"
	"testing"

	"github.com/influxdata/telegraf/plugins/inputs"
	"go.uber.org/goleak"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/execd/execdtest"
)

var update = flag.Bool("update", false, "write the expectations of the configurations")

func TestMain(m *testing.M) {
	if runChild != nil {
		if spec := os.Getenv(childEnv); spec != "" {
			runChild(spec)
		}
	}
	goleak.VerifyTestMain(m)
}

// childEnv has, for a process that is one of TestCrash's, the port, the directory
// of the journal, the place where it ends, and how often it passes that before.
const childEnv = "MODEM_SMS_TEST_CHILD"

// runChild runs such a process, on systems where there are some.
var runChild func(spec string)

// TestConfig shows what a user gets for right and wrong configurations.
func TestConfig(t *testing.T) {
	execdtest.Configs(t, "testdata/config", execd.Plugins{Inputs: inputs.Inputs}, *update)
}

package execd_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/execd/execdtest"
)

var update = flag.Bool("update", false, "write the expectations of the configuration tests")

// recorderConfig has an option of every kind.
type recorderConfig struct {
	File      string            `toml:"file"`
	DeviceKey string            `toml:"device_key"`
	Topics    []string          `toml:"topics"`
	Ratio     float64           `toml:"ratio"`
	Count     uint16            `toml:"count"`
	Enabled   bool              `toml:"enabled"`
	Wait      execd.Duration    `toml:"wait"`
	Headers   map[string]string `toml:"headers"`
	Proxy     proxyConfig       `toml:"proxy"`
	Routes    []struct {
		Topic string `toml:"topic"`
	} `toml:"routes"`
	Log telegraf.Logger `toml:"-"`

	directory string
}

// proxyConfig is a table in the plugin's table.
type proxyConfig struct {
	Address string         `toml:"address"`
	Token   string         `toml:"token"`
	Wait    execd.Duration `toml:"wait"`
	Names   []string       `toml:"names"`
	Count   uint16         `toml:"count"`
	Login   *struct {
		User string `toml:"user"`
	} `toml:"login"`
}

func (*recorderConfig) SampleConfig() string          { return "" }
func (*recorderConfig) Connect() error                { return nil }
func (*recorderConfig) Close() error                  { return nil }
func (*recorderConfig) Write([]telegraf.Metric) error { return nil }

func (r *recorderConfig) Init() error {
	switch {
	case r.Log == nil:
		panic("no logger")
	case r.DeviceKey == "hunter2":
		return &execd.OptionError{Option: "device_key", Value: r.DeviceKey, Problem: "has 7 characters", Want: "8"}
	case r.File == "no/such":
		return &execd.OptionError{Option: "file", Value: r.File, Problem: "does not exist", Want: "a file"}
	case r.Enabled && r.Count == 0:
		return &execd.OptionError{Option: "count", Problem: "is missing", Want: "it because enabled is true"}
	case r.Proxy.Address == "nowhere":
		return &execd.OptionError{Option: "proxy.address", Value: r.Proxy.Address, Problem: "is no address", Want: "one"}
	case r.Proxy.Token == "hunter2":
		return &execd.OptionError{Option: "proxy.token", Value: r.Proxy.Token, Problem: "has 7 characters", Want: "8"}
	case r.Proxy.Login != nil && r.Proxy.Login.User == "":
		return &execd.OptionError{Option: "proxy.login.user", Problem: "is missing", Want: "a user"}
	}
	return nil
}

func (r *recorderConfig) UseDirectory(dir string) error {
	r.directory = dir
	if r.File == "" && r.Count == 13 {
		return fmt.Errorf("counting: %w", &execd.OptionError{Option: "count", Value: r.Count, Problem: "needs a directory"})
	}
	return nil
}

type clock struct{}

func (clock) SampleConfig() string              { return "" }
func (clock) Gather(telegraf.Accumulator) error { return nil }

var testPlugins = execd.Plugins{
	Outputs: map[string]outputs.Creator{
		"recorder": func() telegraf.Output { return &recorderConfig{} },
		"other":    func() telegraf.Output { return &recorderConfig{} },
	},
	Inputs: map[string]inputs.Creator{"clock": func() telegraf.Input { return clock{} }},
}

func TestConfig(t *testing.T) {
	execdtest.Configs(t, "testdata/config", testPlugins, *update)
}

func TestConfigValues(t *testing.T) {
	var made *recorderConfig
	plugins := execd.Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output {
		made = &recorderConfig{}
		return made
	}}}
	t.Setenv("RECORDER_HOST", "example.org ${RECORDER_HOST} $x")
	cfg, err := execd.Parse([]byte(`[[outputs.recorder]]
		metric_batch_size = 5
		buffer_limit = 100000
		device_key = "$$a$RECORDER_HOST${}${-}${1}$${RECORDER_HOST}"
		file = '${RECORDER_HOST}'
		topics = ["a", "${RECORDER_HOST}"]
		ratio = 2
		wait = 90
		[outputs.recorder.headers]
		a = "${RECORDER_HOST}"`), "test.conf", plugins)
	require.NoError(t, err)
	require.Equal(t, "outputs", cfg.Kind)
	require.Equal(t, "recorder", cfg.Name)
	require.Equal(t, 5, cfg.Options.MetricBatchSize)
	require.EqualValues(t, 100_000, cfg.Options.BufferLimit)
	const host = "example.org ${RECORDER_HOST} $x"
	require.Equal(t, "$$a$RECORDER_HOST${}${-}${1}$"+host, made.DeviceKey)
	require.Equal(t, host, made.File)
	require.Equal(t, []string{"a", host}, made.Topics)
	require.InEpsilon(t, 2.0, made.Ratio, 0)
	require.Equal(t, "1m30s", made.Wait.String())
	require.Equal(t, map[string]string{"a": host}, made.Headers)
	require.NotContains(t, cfg.Describe(), "$$a")
}

// A plugin's own defaults hold where the file sets nothing, and are checked like all options.
func TestDefaults(t *testing.T) {
	d := &defaulter{batch: 7}
	plugins := execd.Plugins{Outputs: map[string]outputs.Creator{"recorder": func() telegraf.Output { return d }}}
	cfg, err := execd.Parse([]byte("[[outputs.recorder]]\nflush_interval = \"5s\"\nbuffer_directory = \"/x\""), "test.conf", plugins)
	require.NoError(t, err)
	require.Equal(t, 7, cfg.Options.MetricBatchSize)
	require.Equal(t, "5s", cfg.Options.FlushInterval.String())
	require.Equal(t, "/x", d.directory)

	cfg, err = execd.Parse([]byte("[[outputs.recorder]]\nmetric_batch_size = 8"), "test.conf", plugins)
	require.NoError(t, err)
	require.Equal(t, 8, cfg.Options.MetricBatchSize)
	require.Equal(t, "1s", cfg.Options.FlushInterval.String())
	require.Empty(t, d.directory)

	d.batch = 0
	_, err = execd.Parse([]byte("[[outputs.recorder]]"), "test.conf", plugins)
	require.ErrorContains(t, err, "metric_batch_size")
}

// defaulter has defaults of its own.
type defaulter struct {
	recorderConfig
	batch int
}

func (d *defaulter) DefaultOptions(o *execd.Options) {
	o.MetricBatchSize, o.FlushInterval = d.batch, 1e9
}

func TestLoad(t *testing.T) {
	_, err := execd.Load(filepath.Join(t.TempDir(), "none.conf"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "cannot read the configuration")

	large := filepath.Join(t.TempDir(), "large.conf")
	require.NoError(t, os.WriteFile(large, make([]byte, 2<<20), 0o600))
	_, err = execd.Load(large)
	require.ErrorContains(t, err, "more than 1MiB")

	// No plugin registers in this test.
	file := filepath.Join(t.TempDir(), "some.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[outputs.x]]"), 0o600))
	_, err = execd.Load(file)
	require.ErrorContains(t, err, file+": line 1: unknown plugin [[outputs.x]]")
}

// FuzzParse looks for text that is neither a configuration nor an error.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/config/*.toml")
	require.NoError(f, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := execd.Parse([]byte(text), "fuzz", testPlugins)
		if err == nil {
			require.NotEmpty(t, cfg.Describe())
		}
	})
}

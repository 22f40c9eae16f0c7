package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/toml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/loss"
)

// The programs under test, built once by TestMain.
var binaries struct{ telegraf, hologram string }

func TestMain(m *testing.M) {
	if code, ok := loss.Helper(os.Args[1:]); ok {
		os.Exit(code)
	}
	// The cases wait more than they work; two processors are no reason to run them in
	// pairs. Who gives -parallel overrides this.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(run(m))
}

// root is the folder of our module.
func root() string {
	if dir := os.Getenv("E2E_ROOT"); dir != "" {
		return dir
	}
	return ".."
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "telegraf-hologram-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	start := time.Now()
	if binaries.hologram, err = lab.BuildHologram(ctx, root(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if binaries.telegraf, err = lab.BuildTelegraf(ctx, ".cache"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("built telegraf-hologram and Telegraf %s in %s\n", lab.TelegrafVersion, time.Since(start).Round(100*time.Millisecond))
	return m.Run()
}

// testCase is the case.toml of a case. All of it is optional.
type testCase struct {
	// Seconds is how long Telegraf runs before it is stopped; 8 by default.
	Seconds int `toml:"seconds"`
	// Emulator holds further arguments of the emulator.
	Emulator []string `toml:"emulator"`
	// LooseNumbers says that the types of numbers are lost on the way.
	LooseNumbers bool `toml:"loose_numbers"`
	// Errors holds texts that the log of Telegraf must contain. Without any it must
	// contain no error at all.
	Errors []string `toml:"errors"`
	// TopicsPerMessage is how many topics each message must have; 0 is any number.
	TopicsPerMessage int `toml:"topics_per_message"`
	// Measurements are names that must be among the metrics.
	Measurements []string `toml:"measurements"`
}

// TestCases runs each folder of testcases: every metric that Telegraf wrote comes
// out of the cloud, equal, none missing, none twice.
func TestCases(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("testcases")
	require.NoError(t, err)
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			runCase(t, filepath.Join("testcases", entry.Name()))
		})
	}
}

func runCase(t *testing.T, folder string) {
	folder, err := filepath.Abs(folder)
	require.NoError(t, err)
	c := testCase{Seconds: 8}
	if text, err := os.ReadFile(filepath.Join(folder, "case.toml")); err == nil {
		require.NoError(t, toml.Unmarshal(text, &c))
	} else {
		require.ErrorIs(t, err, os.ErrNotExist)
	}

	dir := t.TempDir()
	witness := filepath.Join(dir, "witness.lp")
	var lines bytes.Buffer
	emulator, err := lab.StartEmulator(t.Context(), binaries.hologram, filepath.Join(dir, "cloud.jsonl"), &lines, c.Emulator...)
	require.NoError(t, err)
	stopped := false
	defer func() {
		if !stopped {
			_, _ = emulator.Stop()
		}
	}()

	telegrafLog, err := lab.RunTelegraf(t.Context(), binaries.telegraf, folder, []string{
		"E2E_BINARY=" + binaries.hologram,
		"E2E_PLUGIN_CONF=" + filepath.Join(folder, "plugin.conf"),
		"E2E_ADDRESS=" + emulator.Address,
		"E2E_WITNESS=" + witness,
		"E2E_DIR=" + dir,
	}, time.Duration(c.Seconds)*time.Second, filepath.Join(folder, "..", "common.conf"), filepath.Join(folder, "telegraf.conf"))
	require.NoError(t, err)
	stopped = true
	emulatorLog, err := emulator.Stop()
	require.NoError(t, err)
	defer func() {
		if t.Failed() {
			t.Logf("Telegraf:\n%s\nemulator:\n%s%s", telegrafLog, lines.String(), emulatorLog)
		}
	}()

	want, err := lab.ReadMetricsFile(witness)
	require.NoError(t, err)
	require.NotEmpty(t, want, "Telegraf wrote no metrics")
	got, err := lab.Decode(t.Context(), binaries.hologram, emulator.Log)
	require.NoError(t, err)
	form := lab.Exact
	if c.LooseNumbers {
		form = lab.Loose
	}
	difference := lab.Compare(want, got, form)
	assert.True(t, difference.None(), difference.String())

	for _, name := range c.Measurements {
		quoted := fmt.Sprintf("%q ", name)
		assert.Truef(t, containsPrefix(want, quoted), "no metric of %s", name)
	}
	checkErrors(t, telegrafLog, c.Errors)
	messages := readTopics(t, emulator.Log)
	for _, topics := range messages {
		if c.TopicsPerMessage > 0 {
			assert.Len(t, topics, c.TopicsPerMessage)
		}
	}
	t.Logf("%d metrics in %d messages: %s", len(want), len(messages), difference)
}

func containsPrefix(metrics []lab.Metric, prefix string) bool {
	for _, m := range metrics {
		if strings.HasPrefix(m.Exact, prefix) {
			return true
		}
	}
	return false
}

// checkErrors compares the errors in Telegraf's log with those that are expected.
func checkErrors(t *testing.T, log string, want []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		// Telegraf closes the pipes of what it stops while it still reads them.
		noise := strings.Contains(line, "file already closed") && strings.Contains(line, "Error reading std")
		if len(want) == 0 && strings.Contains(line, " E! ") && !noise {
			assert.Fail(t, "an error in Telegraf's log", line)
		}
	}
	for _, text := range want {
		assert.Contains(t, log, text)
	}
}

// readTopics returns the client's topics of each message in the emulator's log,
// without the tags that the cloud adds, which begin with an underscore.
func readTopics(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	var messages [][]string
	decoder := json.NewDecoder(file)
	for {
		var event struct {
			Tags []string `json:"tags"`
		}
		err := decoder.Decode(&event)
		if errors.Is(err, io.EOF) {
			return messages
		}
		require.NoError(t, err)
		var topics []string
		for _, tag := range event.Tags {
			if !strings.HasPrefix(tag, "_") {
				topics = append(topics, tag)
			}
		}
		messages = append(messages, topics)
	}
}

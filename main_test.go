package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/plugins/inputs/modem_sms"
	"telegraf-hologram/plugins/outputs/hologram"
	"telegraf-hologram/plugins/outputs/hologram_sms"
)

// asProgram makes the test binary behave as the program itself, so that a test
// can start it as Telegraf does.
const asProgram = "TELEGRAF_HOLOGRAM_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// call runs a command line in this process.
func call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func config(t *testing.T, options string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hologram.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[outputs.hologram]]\n"+options), 0o600))
	return file
}

func TestUsage(t *testing.T) {
	const key = "  device_key = \"ABCDWXYZ\"\n"
	good, bad := config(t, key), config(t, key+"  max_mesage_size = 1\n")
	missing := filepath.Join(t.TempDir(), "missing.conf")
	var all []string
	for _, s := range samples() {
		all = append(all, s.name)
	}
	names := strings.Join(all, ", ")
	testUsage(t, []usageCase{
		{nil, 2, "", "Usage:\n"},
		{[]string{"help"}, 0, "Usage:\n", ""},
		{[]string{"--help"}, 0, "Usage:\n", ""},
		{[]string{"-h"}, 0, "Usage:\n", ""},
		{[]string{"version"}, 0, "telegraf-hologram development go", ""},
		{[]string{"--version"}, 0, runtime.GOOS + "/" + runtime.GOARCH + "\n", ""},
		{[]string{"decoed"}, 2, "", `telegraf-hologram: "decoed" is no command; see telegraf-hologram help` + "\n"},

		{[]string{"--confg", good}, 2, "", "telegraf-hologram: flag provided but not defined: -confg; see telegraf-hologram --help\n"},
		{[]string{"--config"}, 2, "", "telegraf-hologram: flag needs an argument: -config; see telegraf-hologram --help\n"},
		{[]string{"--config", ""}, 2, "", "telegraf-hologram: no configuration: give --config FILE; see telegraf-hologram --help\n"},
		{[]string{"--config", good, "more"}, 2, "", `telegraf-hologram: unexpected argument "more"; see telegraf-hologram --help` + "\n"},
		{[]string{"--config", missing}, 1, "", "telegraf-hologram: cannot read the configuration: "},
		{[]string{"--config", bad}, 1, "", "line 3: unknown option max_mesage_size; did you mean max_message_size?\n"},
		{[]string{"--config", good}, 0, "ended: 0 metrics taken in", ""},
		{[]string{"-config", good}, 0, "ended: 0 metrics taken in", ""},
		{[]string{"--config=" + good}, 0, "ended: 0 metrics taken in", ""},

		{[]string{"check"}, 2, "", "telegraf-hologram: no configuration: give --config FILE; see telegraf-hologram check --help\n"},
		{[]string{"check", "--help"}, 0, "Usage: telegraf-hologram check [options]\n", ""},
		{[]string{"check", good}, 2, "", "unexpected argument"},
		{[]string{"check", "--config", missing}, 1, "", "missing.conf"},
		{[]string{"check", "--config", bad}, 1, "", "unknown option max_mesage_size"},
		{[]string{"check", "--config", good}, 0, "  writes      every 1m, or as soon as 1000 metrics wait\n", ""},
		{[]string{"check", "-config", good}, 0, "outputs.hologram, configured in ", ""},

		{[]string{"status"}, 2, "", "telegraf-hologram: no configuration: give --config FILE; see telegraf-hologram status --help\n"},
		{[]string{"status", "--help"}, 0, "  -price-per-mb price\n", ""},
		{[]string{"status", "--config", missing}, 1, "", "missing.conf"},
		{[]string{"status", "--config", good}, 1, "", "the buffer is in memory: nothing is kept"},
		{[]string{"status", "--json", "--config", good}, 1, "", "the buffer is in memory: nothing is kept"},
		{[]string{"status", "--config", good, "--price-per-mb", "-1"}, 2, "", "want a number of 0 or more; see telegraf-hologram status --help\n"},
		{[]string{"status", "--config", good, "--price-per-mb", "NaN"}, 2, "", "want a number of 0 or more"},
		{[]string{"status", "--config", good, "--price-per-mb", "cheap"}, 2, "", "want a number of 0 or more"},

		{[]string{"sample-config"}, 0, "[[inputs.modem_sms]]\n", ""},
		{[]string{"sample-config"}, 0, "[[outputs.hologram]]\n", ""},
		{[]string{"sample-config"}, 0, "[[outputs.hologram_sms]]\n", ""},
		{[]string{"sample-config", "modem_sms"}, 0, "[[inputs.modem_sms]]\n", ""},
		{[]string{"sample-config", "outputs.hologram"}, 0, "[[outputs.hologram]]\n", ""},
		{[]string{"sample-config", "hologram"}, 0, "[[outputs.hologram]]\n", ""},
		{[]string{"sample-config", "holo"}, 2, "", `telegraf-hologram: there is no plugin "holo"; there is ` + names + "\n"},
		{[]string{"sample-config", "hologram", "more"}, 2, "", "unexpected argument"},
		{[]string{"sample-config", "--help"}, 0, "Usage: telegraf-hologram sample-config", ""},

		{[]string{"encode", "--help"}, 0, "-max-message-size bytes", ""},
		{[]string{"encode", "--size", "1"}, 2, "", "flag provided but not defined: -size; see telegraf-hologram encode --help\n"},
		{[]string{"encode", "--key", "swordfish"}, 2, "", "device_key = (hidden): has 9 bytes"},
		{[]string{"encode", "--data-format", "csv"}, 2, "", `data_format = "csv": is unknown; want one of "compact", "influx", "json"`},
		{[]string{"encode", "--field-names", "long"}, 2, "", "field_names"},
		{[]string{"encode", "--topics", "all"}, 2, "", "topics"},
		{[]string{"encode", "--max-message-size", "64"}, 2, "", "max_message_size = \"64B\": is out of range"},
		{[]string{"encode", "--max-message-size", "4 megs"}, 2, "", "unknown unit"},
		{[]string{"encode", "--metric-batch-size", "0"}, 2, "", "--metric-batch-size 0: want 1 or more"},
		{[]string{"encode"}, 0, "", ""},
	})
}

// usageCase is a command line that ends at once.
type usageCase struct {
	args           []string
	code           int
	stdout, stderr string // what they contain; empty: they are empty
}

func testUsage(t *testing.T, cases []usageCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := call(t, "", c.args...)
			require.Equal(t, c.code, code, "stdout: %s\nstderr: %s", stdout, stderr)
			for _, o := range []struct{ got, want string }{{stdout, c.stdout}, {stderr, c.stderr}} {
				if o.want == "" {
					require.Empty(t, o.got)
				} else {
					require.Contains(t, o.got, o.want)
				}
			}
			require.NotContains(t, stdout+stderr, "swordfish")
		})
	}
}

// decoded returns the metrics of messages or events, one a line, as decode
// writes them.
func decoded(t *testing.T, messages string) string {
	t.Helper()
	serializer := &influx.Serializer{UintSupport: true, SortFields: true}
	require.NoError(t, serializer.Init())
	var out strings.Builder
	for line := range strings.Lines(messages) {
		e, err := event.Decode(strings.TrimSuffix(line, "\n"))
		require.NoError(t, err)
		lines, err := serializer.SerializeBatch(e.Metrics)
		require.NoError(t, err)
		out.Write(lines)
	}
	return out.String()
}

// normal returns line protocol as decode writes it, and the number of records
// that are none.
func normal(t *testing.T, text []byte) (lines string, unreadable int) {
	t.Helper()
	serializer := &influx.Serializer{UintSupport: true, SortFields: true}
	require.NoError(t, serializer.Init())
	var out strings.Builder
	for _, r := range execd.NewSplitter(execd.MaxRecord, nil).Split(nil, text) {
		m, err := execd.ParseRecord(r, time.Time{})
		if err != nil {
			unreadable++
			continue
		}
		b, err := serializer.Serialize(m)
		require.NoError(t, err)
		out.Write(b)
	}
	return out.String(), unreadable
}

func TestEncode(t *testing.T) {
	const in = "cpu,host=gw usage=98.5 1800000000000000000\nmem,host=gw free=7i 1800000000000000000\n"
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"batch", []string{"--data-format", "influx", "--key", "ABCDWXYZ"},
			`{"k":"ABCDWXYZ","d":"cpu,host=gw usage=98.5 1800000000000000000\nmem,host=gw free=7i 1800000000000000000","t":["cpu","mem"]}` + "\n"},
		{"measurement", []string{"--data-format", "influx", "--topics", "measurement", "--field-names", "full"},
			`{"devicekey":"00000000","data":"cpu,host=gw usage=98.5 1800000000000000000","tags":"cpu"}` + "\n" +
				`{"devicekey":"00000000","data":"mem,host=gw free=7i 1800000000000000000","tags":"mem"}` + "\n"},
		{"batches of one", []string{"--data-format", "json", "--metric-batch-size", "1"},
			`{"k":"00000000","d":"{\"metrics\":[{\"fields\":{\"usage\":98.5},\"name\":\"cpu\",\"tags\":{\"host\":\"gw\"},\"timestamp\":1800000000000000000}]}","t":"cpu"}` + "\n" +
				`{"k":"00000000","d":"{\"metrics\":[{\"fields\":{\"free\":7},\"name\":\"mem\",\"tags\":{\"host\":\"gw\"},\"timestamp\":1800000000000000000}]}","t":"mem"}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, in, append([]string{"encode"}, c.args...)...)
			require.Equal(t, 0, code, stderr)
			require.Equal(t, c.want, stdout)
		})
	}
}

// What encode cannot use it tells, and goes on.
func TestEncodeGoesOn(t *testing.T) {
	large := `text s="` + strings.Repeat("x", 500) + `" 1` + "\n"
	code, stdout, stderr := call(t, "a v=1 1\nnonsense\n"+large+"b v=2 2", "encode", "--data-format", "influx", "--max-message-size", "200")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "telegraf-hologram: record 2: no line protocol at byte ")
	require.Contains(t, stderr, `metric "text" cannot be sent: alone it makes a message of `)
	require.Equal(t, "a v=1 1\nb v=2 2\n", decoded(t, stdout))
}

// failing is an output or input that does not work.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
func (failing) Read([]byte) (int, error)  { return 0, io.ErrUnexpectedEOF }

func TestBrokenPipes(t *testing.T) {
	testBrokenPipes(t, "encode")
}

func testBrokenPipes(t *testing.T, command string) {
	t.Helper()
	require.Equal(t, 1, run([]string{command}, strings.NewReader("a v=1 1\n"), failing{}, io.Discard))
	require.Equal(t, 1, run([]string{command}, failing{}, io.Discard, io.Discard))
}

// program starts the program as a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// The plugin as Telegraf starts it: what comes on stdin reaches the cloud, and
// when stdin ends so does the process, with what was left on its way.
func TestPlugin(t *testing.T) {
	cloud, err := emulator.Start(t.Context(), emulator.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cloud.Close()) })
	text, err := os.ReadFile("testdata/corpora/host.lp")
	require.NoError(t, err)
	want, _ := normal(t, text)

	for _, flag := range []string{"--config", "-config"} {
		before := len(cloud.Events())
		cmd := program(t, flag, config(t, fmt.Sprintf("  device_key = \"ABCDWXYZ\"\n  address = %q\n  flush_interval = \"100ms\"\n", cloud.Addr())))
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &stdout, &stderr
		require.NoError(t, cmd.Run(), stderr.String())
		require.Empty(t, stderr.String())
		require.Contains(t, stdout.String(), "ended: 522 metrics taken in, 522 delivered, 0 set aside, 0 dropped, 0 left")

		var messages strings.Builder
		for _, e := range cloud.Events()[before:] {
			line, err := e.MarshalJSON()
			require.NoError(t, err)
			messages.Write(append(line, '\n'))
		}
		require.Equal(t, want, decoded(t, messages.String()))
	}
}

// What cannot be sent before the end is told, with exit code 1.
func TestPluginLeaves(t *testing.T) {
	cmd := program(t, "--config", config(t, "  device_key = \"ABCDWXYZ\"\n  address = \"127.0.0.1:1\"\n"))
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("a v=1 1\nb v=1 1\n"), &stdout, &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, stderr.String(), "2 metrics could not be sent before the end and are lost: ")
	require.Contains(t, stderr.String(), "connection refused")
	require.NotContains(t, stdout.String()+stderr.String(), "ABCDWXYZ")
}

// The pages of the plugins show the samples as they are.
func TestSampleConfigIsGenerated(t *testing.T) {
	_, want, _ := call(t, "", "sample-config")
	root, err := os.ReadFile("sample.conf")
	require.NoError(t, err)
	if len(farSamples()) == 0 {
		// A build for devices has the end of it.
		require.Equal(t, want, string(root[max(len(root)-len(want), 0):]), "run go generate ./...")
	} else {
		require.Equal(t, want, string(root), "run go generate ./...")
	}
	for _, s := range samples() {
		dir := "plugins/" + strings.ReplaceAll(s.name, ".", "/")
		page, err := os.ReadFile(dir + "/README.md")
		require.NoError(t, err)
		block := "\n```toml @" + dir + "/sample.conf\n" + s.text + "```\n"
		require.Contains(t, string(page), block, "run go generate ./...; the page of %s has no block of it", s.name)
		readme, err := os.ReadFile("README.md")
		require.NoError(t, err)
		require.Contains(t, string(readme), "("+dir+"/README.md)", "the README leads to no page of %s", s.name)
	}
}

// requiredOptions are what a user must set of each plugin, in each way that there is.
var requiredOptions = map[string][]string{
	"inputs.hologram": {
		`service_address = ":8080",secret_file = "/etc/telegraf/hologram.secret"`, `service_address = ":8080",secret = "letters-and-1"`,
		`service_address = ":8080",allow_unauthenticated = true`, `api_key_file = "/etc/telegraf/hologram.apikey"`,
	},
	"inputs.modem_sms": {`port = "/dev/ttyUSB2"`},
	"outputs.hologram": {
		`device_key = "ABCDWXYZ"`, `device_key_file = "/etc/telegraf/hologram.key"`,
		`source_id = "ABCD",source_key = "WXYZ"`, `source_id_file = "id",source_key_file = "key"`,
	},
	"outputs.hologram_sms": {`device_key = "ABCDWXYZ"`, `source_id = "ABCD",source_key = "WXYZ"`},
}

var optionLine = regexp.MustCompile(`^  (# )?([a-z_]+) = (.*)$`)

// Every option in the samples is one, with the default that it says, and every
// option that there is, is in the sample.
func TestSampleConfigOptions(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			text, table := cutTable(s.text)
			var names []string
			if table != "" {
				names = append(names, table)
			}
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				m := optionLine.FindStringSubmatch(line)
				switch {
				case m != nil:
					names = append(names, m[2])
				case line == "", strings.HasPrefix(line, "  ##"), strings.HasPrefix(line, "# "), line == "[["+s.name+"]]":
				default:
					t.Errorf("what is this line? %s", line)
				}
			}

			for _, required := range requiredOptions[s.name] {
				_, err := execd.Parse([]byte(uncomment(text, required, "")), s.name, execd.Registered())
				require.NoError(t, err)
			}

			// A name that is not an option is refused, so that all above are options,
			// and the refusal lists all that there are.
			_, err := execd.Parse([]byte(uncomment(text, requiredOptions[s.name][0], "  no_option_at_all_of_any_plugin = 1\n")), s.name, execd.Registered())
			require.ErrorContains(t, err, "unknown option no_option_at_all_of_any_plugin; "+s.name+" has ")
			_, list, _ := strings.Cut(err.Error(), " has ")
			slices.Sort(names)
			require.Equal(t, strings.Split(list, ", "), names)
		})
	}
}

// cutTable returns a sample without the table at its end, if there is one, and the
// name of that.
func cutTable(sample string) (before, name string) {
	before, table, ok := strings.Cut(sample, "\n  # [")
	if !ok {
		return sample, ""
	}
	header, _, _ := strings.Cut(table, "]")
	return before[:strings.LastIndex(before, "\n\n")+1], header[strings.LastIndexByte(header, '.')+1:]
}

// Every option in the sample of a table is one, and every one is in the sample.
func TestSampleConfigTable(t *testing.T) {
	_, table, ok := strings.Cut(sampleOf("outputs.hologram"), "\n  # [")
	require.True(t, ok)
	config := "[[outputs.hologram]]\ndevice_key = \"ABCDWXYZ\"\nbuffer_directory = \"/a\"\n["
	var names []string
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "    # ") {
			if strings.HasSuffix(line, "]") && len(names) == 0 {
				config += line + "\n"
			} else {
				require.True(t, line == "" || strings.HasPrefix(line, "    ##"), "what is this line? %s", line)
			}
			continue
		}
		option := strings.TrimPrefix(line, "    # ")
		name, _, _ := strings.Cut(option, " = ")
		names = append(names, name)
		switch name {
		case "namepass":
			option = `namepass = ["alarm"]`
		case "port":
			option = `port = "/dev/ttyUSB3"`
		}
		config += option + "\n"
	}
	_, err := execd.Parse([]byte(config), "", execd.Registered())
	require.NoError(t, err)
	_, err = execd.Parse([]byte(config+"no_option_at_all_of_any_plugin = 1\n"), "", execd.Registered())
	require.ErrorContains(t, err, "unknown option fallback.no_option_at_all_of_any_plugin; ")
	_, list, _ := strings.Cut(err.Error(), " has ")
	slices.Sort(names)
	require.Equal(t, strings.Split(list, ", "), names)
}

// uncomment returns a sample with all options in it, but of those that must be set
// only those given.
func uncomment(sample, required, more string) string {
	var out strings.Builder
	for line := range strings.Lines(sample) {
		m := optionLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			out.WriteString(line)
			continue
		}
		if choice := m[2] == "port" || strings.HasPrefix(m[2], "device_key") || strings.HasPrefix(m[2], "source_") ||
			slices.Contains([]string{"service_address", "secret", "secret_file", "allow_unauthenticated", "api_key_file"}, m[2]); !choice {
			out.WriteString("  " + m[2] + " = " + m[3] + "\n")
		}
	}
	for option := range strings.SplitSeq(required, ",") {
		out.WriteString("  " + option + "\n")
	}
	return out.String() + more
}

// The sample says which values hold without it: loading it whole changes nothing
// but where metrics wait, which is by choice.
func TestSampleConfigDefaults(t *testing.T) {
	load := func(text string) (execd.Options, hologram.Hologram) {
		var h *hologram.Hologram
		cfg, err := execd.Parse([]byte(text), "", execd.Plugins{Outputs: map[string]outputs.Creator{
			"hologram": func() telegraf.Output { h = hologram.New(); return h },
		}})
		require.NoError(t, err)
		return cfg.Options, *h
	}
	const credentials = `device_key = "ABCDWXYZ"`
	options, plain := load("[[outputs.hologram]]\n" + credentials)
	sampleOptions, sample := load(uncomment(sampleOf("outputs.hologram"), credentials, ""))
	require.Equal(t, execd.BufferDisk, sampleOptions.BufferStrategy)
	require.Empty(t, sampleOptions.Urgent)
	sampleOptions.BufferStrategy, sampleOptions.BufferDirectory, sampleOptions.Urgent = options.BufferStrategy, "", nil
	require.Equal(t, options, sampleOptions)
	requireSameOptions(t, plain, sample)
	require.Empty(t, sample.ExtraTopics)
}

// requireSameOptions compares the options of two plugins, except for lists.
func requireSameOptions(t *testing.T, plain, sample any) {
	t.Helper()
	a, b := reflect.Indirect(reflect.ValueOf(plain)), reflect.Indirect(reflect.ValueOf(sample))
	for _, f := range reflect.VisibleFields(a.Type()) {
		if tag := f.Tag.Get("toml"); f.IsExported() && tag != "" && tag != "-" && f.Type.Kind() != reflect.Slice {
			require.Equal(t, a.FieldByIndex(f.Index).Interface(), b.FieldByIndex(f.Index).Interface(), f.Name)
		}
	}
}

func TestSampleConfigDefaultsOfSMS(t *testing.T) {
	load := func(text string) (execd.Options, *hologramsms.HologramSMS) {
		var h *hologramsms.HologramSMS
		cfg, err := execd.Parse([]byte(text), "", execd.Plugins{Outputs: map[string]outputs.Creator{
			"hologram_sms": func() telegraf.Output { h = hologramsms.New(); return h },
		}})
		require.NoError(t, err)
		return cfg.Options, h
	}
	const credentials = `device_key = "ABCDWXYZ"`
	options, plain := load("[[outputs.hologram_sms]]\nbuffer_directory = \"/var/lib/telegraf-hologram/alarm\"\nto = [\"+13125550123\"]\n" + credentials)
	sampleOptions, sample := load(uncomment(sampleOf("outputs.hologram_sms"), credentials, ""))
	require.Empty(t, sampleOptions.Urgent)
	sampleOptions.Urgent = options.Urgent
	require.Equal(t, options, sampleOptions)
	require.Equal(t, plain.Via, sample.Via)
	require.NotEmpty(t, sample.AccountFile)
	require.Equal(t, "15m", sample.Cooldown.String())
	sample.AccountFile, sample.Cooldown = "", nil
	requireSameOptions(t, plain, sample)
}

// Of the input, too, the sample says which values hold without it.
func TestSampleConfigDefaultsOfInput(t *testing.T) {
	load := func(text string) *modemsms.ModemSMS {
		var m *modemsms.ModemSMS
		_, err := execd.Parse([]byte(text), "", execd.Plugins{Inputs: map[string]inputs.Creator{
			"modem_sms": func() telegraf.Input { m = modemsms.New(); return m },
		}})
		require.NoError(t, err)
		return m
	}
	const required = `port = "/dev/ttyUSB2"`
	plain := load("[[inputs.modem_sms]]\n" + required)
	sample := load(uncomment(sampleOf("inputs.modem_sms"), required, ""))
	require.NotEmpty(t, sample.JournalDirectory)
	sample.JournalDirectory = ""
	requireSameOptions(t, plain, sample)
}

// sampleOf returns the sample of a plugin.
func sampleOf(name string) string {
	for _, s := range samples() {
		if s.name == name {
			return s.text
		}
	}
	return ""
}

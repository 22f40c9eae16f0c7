package hologram

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/execd/execdtest"
)

var update = flag.Bool("update", false, "write the expectations of the test cases")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConfig shows what a user gets for right and wrong configurations.
func TestConfig(t *testing.T) {
	execdtest.Configs(t, "testdata/config", execd.Plugins{Inputs: inputs.Inputs}, *update)
}

// The sample says which values hold without it: loading it whole changes nothing but what is by choice.
func TestSampleDefaults(t *testing.T) {
	load := func(options string) *Hologram {
		var h *Hologram
		_, err := execd.Parse([]byte("[[inputs.hologram]]\n"+options), "", execd.Plugins{Inputs: map[string]inputs.Creator{
			"hologram": func() telegraf.Input { h = New(); return h },
		}})
		require.NoError(t, err)
		return h
	}
	required := "  service_address = \":8080\"\n  secret_file = \"/etc/telegraf/hologram.secret\"\n"
	var all strings.Builder
	for line := range strings.Lines(sampleConfig) {
		if option, ok := strings.CutPrefix(line, "  # "); ok && !strings.HasPrefix(option, "buffer_directory") {
			all.WriteString("  " + option)
		}
	}
	require.Contains(t, sampleConfig, required[:strings.Index(required, "\n")+1])
	plain, sample := reflect.ValueOf(load(required)).Elem(), reflect.ValueOf(load(required+all.String())).Elem()
	for i, f := range reflect.VisibleFields(plain.Type()) {
		switch {
		case !f.IsExported() || f.Tag.Get("toml") == "-":
		case f.Type.Kind() == reflect.Slice:
			require.ElementsMatch(t, plain.Field(i).Interface(), sample.Field(i).Interface(), f.Name)
		default:
			require.Equal(t, plain.Field(i).Interface(), sample.Field(i).Interface(), f.Name)
		}
	}
}

// TestCases sends the requests of each directory in testcases, which are in the order of their names, to a plugin with
// its configuration. The answers, and then the metrics, must be those in expected.out.
//
// A request is headers and, behind an empty line, the body; what is missing of the headers that HTTP wants is added.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("testcases/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dir, "telegraf.conf"))
			require.NoError(t, err)
			r := &receiver{out: &sink{}, log: &testLog{}, t: t}
			_, err = execd.Parse(text, "telegraf.conf", execd.Plugins{Inputs: map[string]inputs.Creator{
				"hologram": func() telegraf.Input { r.Hologram = New(); return r.Hologram },
			}})
			require.NoError(t, err)
			r.Hologram.Log = r.log
			r.run()

			requests, err := filepath.Glob(filepath.Join(dir, "*.http"))
			require.NoError(t, err)
			require.NotEmpty(t, requests)
			var got strings.Builder
			for _, name := range requests {
				fmt.Fprintf(&got, "%s: %s\n", filepath.Base(name), r.send(name))
			}
			r.printStatus()
			lines := r.out.data()
			for _, m := range r.out.named(deviceMeasurement) {
				for _, volatile := range []string{"last_seen", "transit"} {
					m.RemoveField(volatile)
				}
				lines = append(lines, fmt.Sprintf("%s %v %v", m.Name(), m.Tags(), m.Fields()))
			}
			got.WriteString("\n" + strings.Join(lines, "\n") + "\n")

			expected := filepath.Join(dir, "expected.out")
			if *update {
				require.NoError(t, os.WriteFile(expected, []byte(got.String()), 0o600))
			}
			want, err := os.ReadFile(expected)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
			requireNoSecret(t, r)
		})
	}
}

// send sends the request in a file, and returns the answer.
func (r *receiver) send(name string) string {
	text, err := os.ReadFile(name)
	require.NoError(r.t, err)
	head, body, ok := bytes.Cut(text, []byte("\n\n"))
	require.True(r.t, ok, "%s has no empty line", name)
	body = bytes.TrimSuffix(body, []byte("\n"))
	lines := strings.Split(string(head), "\n")
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Content-Length:") }) {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	lines = append(lines, "Host: localhost", "Connection: close")
	c, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", r.addr())
	require.NoError(r.t, err)
	defer func() { _ = c.Close() }()
	_, err = c.Write(append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), body...))
	require.NoError(r.t, err)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(r.t, err)
	defer func() { _ = answer.Body.Close() }()
	reason, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	out := answer.Status
	for _, h := range []string{"Retry-After", "Allow"} {
		if v := answer.Header.Get(h); v != "" {
			out += ", " + h + ": " + v
		}
	}
	if len(reason) > 0 {
		out += ": " + strings.TrimSpace(string(reason))
	}
	return out
}

// requireNoSecret fails if the log or a metric has the secret or data.
func requireNoSecret(t *testing.T, r *receiver) {
	t.Helper()
	require.NotContains(t, r.log.String(), testSecret)
	require.NotContains(t, strings.Join(r.out.data(), "\n"), testSecret)
	require.NotContains(t, r.log.String(), "classified")
}

package packages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
)

const (
	binary  = "/usr/bin/telegraf-hologram"
	buffer  = "/var/lib/telegraf-hologram"
	example = "/etc/telegraf/hologram.conf.example"
	dropIn  = "/etc/telegraf/telegraf.d/hologram.conf.example"
	config  = "/etc/telegraf/hologram.conf"
)

// packages is the folder with the folders 1 and 2, which have the packages of the
// versions 1.0.0 and 1.0.1.
func packages(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PACKAGES")
	if dir == "" {
		t.Skip(`PACKAGES is not set: "make packages-test" builds the packages`)
	}
	return dir
}

func deb(t *testing.T, version int, name, arch string) string {
	t.Helper()
	file := filepath.Join(packages(t), strconv.Itoa(version), fmt.Sprintf("%s_1.0.%d_%s.deb", name, version-1, arch))
	require.FileExists(t, file)
	return file
}

func rpm(t *testing.T, version int, name, arch string) string {
	t.Helper()
	file := filepath.Join(packages(t), strconv.Itoa(version), fmt.Sprintf("%s-1.0.%d-1.%s.rpm", name, version-1, arch))
	require.FileExists(t, file)
	return file
}

// try runs a command and returns all that it printed.
func try(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, "", name, args...)
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return out
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
}

// machine is a folder with Debian.
type machine struct {
	t    *testing.T
	root string
}

// newMachine returns a fresh Debian, without a user telegraf. The first one is fetched.
func newMachine(t *testing.T) machine {
	t.Helper()
	packages(t)
	if os.Getuid() != 0 || runtime.GOARCH != "amd64" {
		t.Skip("needs root and amd64")
	}
	const suite = "bookworm"
	cache, err := filepath.Abs("../.cache/debian-" + suite + ".tar")
	require.NoError(t, err)
	if _, err := os.Stat(cache); err != nil {
		need(t, "debootstrap")
		dir := t.TempDir()
		args := []string{"--variant=minbase", suite, dir}
		if mirror := os.Getenv("DEBIAN_MIRROR"); mirror != "" {
			args = append(args, mirror) // in place of debootstrap's own
		}
		if out, err := try(t, "", "debootstrap", args...); err != nil {
			t.Fatalf("debootstrap failed: %v\n%s", err, out)
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(cache), 0o755))
		run(t, "tar", "-C", dir, "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*",
			"--exclude=./usr/share/locale/*", "--exclude=./usr/share/doc/*", "-cf", cache+".new", ".")
		require.NoError(t, os.Rename(cache+".new", cache))
	}
	m := machine{t: t, root: t.TempDir()}
	require.NoError(t, os.Chmod(m.root, 0o755))
	run(t, "tar", "-C", m.root, "-xf", cache)
	require.NotContains(t, m.read("/etc/passwd"), "telegraf")
	return m
}

// run runs a command in the machine, as root.
func (m machine) run(args ...string) string {
	m.t.Helper()
	return run(m.t, "chroot", append([]string{m.root}, args...)...)
}

// dpkg runs dpkg in the machine with packages from outside of it.
func (m machine) dpkg(action string, files ...string) string {
	m.t.Helper()
	args := []string{"dpkg", action}
	for _, file := range files {
		if strings.HasSuffix(file, ".deb") {
			text, err := os.ReadFile(file)
			require.NoError(m.t, err)
			m.write("/tmp/"+filepath.Base(file), string(text))
			file = "/tmp/" + filepath.Base(file)
		}
		args = append(args, file)
	}
	return m.run(args...)
}

func (m machine) path(name string) string { return filepath.Join(m.root, name) }

func (m machine) read(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.path(name))
	require.NoError(m.t, err)
	return string(text)
}

func (m machine) write(name, text string) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(m.path(name), []byte(text), 0o644))
}

// mode is owner, group and mode.
func (m machine) mode(name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("stat", "-c", "%U:%G %a", name))
}

// configure does what the drop-in says: copies both examples, and puts in what has to
// be put in.
func (m machine) configure(address string) {
	m.t.Helper()
	m.run("cp", "-p", example, config)
	m.run("cp", "-p", dropIn, strings.TrimSuffix(dropIn, ".example"))
	text := m.read(config)
	for old, new := range map[string]string{
		`device_key = ""`:       "device_key = \"ABCDWXYZ\"\n  address = \"" + address + "\"",
		`flush_interval = "5m"`: `flush_interval = "1s"`,
	} {
		require.Contains(m.t, text, old)
		text = strings.ReplaceAll(text, old, new)
	}
	// In place: owner and mode are the example's.
	m.write(config, text)
	require.Equal(m.t, "root:telegraf 640", m.mode(config))
}

// telegrafUser is how a command is run as Telegraf would run it.
func (m machine) telegrafUser(stdin string, args ...string) string {
	m.t.Helper()
	out, err := try(m.t, stdin, "chroot", append([]string{"--userspec=telegraf:telegraf", m.root}, args...)...)
	require.NoError(m.t, err, "%v\n%s", args, out)
	return out
}

// waiting is how many metrics wait in the buffer, as status says.
func (m machine) waiting() int {
	m.t.Helper()
	var status struct{ Buffer struct{ Metrics int } }
	require.NoError(m.t, json.Unmarshal([]byte(m.telegrafUser("", binary, "status", "--config", config, "--json")), &status))
	return status.Buffer.Metrics
}

// deliver runs the plugin, with these metrics besides those that wait, until none waits.
func (m machine) deliver(metrics string) {
	m.t.Helper()
	cmd := exec.Command("chroot", "--userspec=telegraf:telegraf", m.root, binary, "--config", config)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	require.NoError(m.t, err)
	require.NoError(m.t, cmd.Start())
	_, err = io.WriteString(stdin, metrics)
	require.NoError(m.t, err)
	// What it was just given need not be in the buffer yet.
	none := 0
	done := assert.Eventually(m.t, func() bool {
		none++
		if m.waiting() > 0 {
			none = 0
		}
		return none > 3
	}, time.Minute, 300*time.Millisecond)
	_ = stdin.Close()
	require.NoError(m.t, cmd.Wait(), "%s", log.String())
	require.True(m.t, done, "%s", log.String())
}

// processes are those that run a program of the machine, even one that was replaced.
func (m machine) processes(program string) (pids []string, links []string) {
	m.t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(m.t, err)
	for _, e := range entries {
		link, err := os.Readlink("/proc/" + e.Name() + "/exe")
		if err == nil && strings.HasPrefix(link, m.path(program)) {
			pids, links = append(pids, e.Name()), append(links, link)
		}
	}
	return pids, links
}

// startTelegraf starts the real Telegraf in the machine, as its package would.
func (m machine) startTelegraf() (stop func()) {
	m.t.Helper()
	log, err := os.OpenFile(m.path("/tmp/telegraf.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(m.t, err)
	cmd := exec.Command("chroot", "--userspec=telegraf:telegraf", m.root, "/usr/bin/telegraf",
		"--config", "/etc/telegraf/telegraf.conf", "--config-directory", "/etc/telegraf/telegraf.d")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(m.t, cmd.Start())
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		timer.Stop()
		_ = log.Close()
	}
	m.t.Cleanup(stop)
	return stop
}

// cloud starts an emulated cloud at an address, with the program of the full package.
func cloud(t *testing.T, address, log string) *lab.Emulator {
	t.Helper()
	e, err := lab.StartEmulatorAt(t.Context(), fullProgram(t), address, log, io.Discard)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = e.Stop() })
	return e
}

// fullProgram unpacks the program of the full package.
func fullProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "dpkg-deb", "-x", deb(t, 1, "telegraf-hologram-full", "amd64"), dir)
	return dir + binary
}

func delivered(t *testing.T, program, log string) []lab.Metric {
	t.Helper()
	if _, err := os.Stat(log); err != nil {
		return nil
	}
	metrics, err := lab.Decode(t.Context(), program, log)
	require.NoError(t, err)
	return metrics
}

func TestLintian(t *testing.T) {
	packages(t)
	need(t, "lintian")
	for _, file := range []string{deb(t, 1, "telegraf-hologram", "amd64"), deb(t, 1, "telegraf-hologram", "armhf"), deb(t, 1, "telegraf-hologram-full", "amd64")} {
		out, err := try(t, "", "lintian", "--fail-on", "error,warning", "--allow-root", file)
		require.NoError(t, err, "%s", out)
		require.NotContains(t, out, "E: ")
	}
}

func TestChecksums(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		cmd := exec.Command("sha256sum", "-c", "--strict", "SHA256SUMS")
		cmd.Dir = filepath.Join(packages(t), version)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		files, err := os.ReadDir(cmd.Dir)
		require.NoError(t, err)
		require.Equal(t, len(files)-1, strings.Count(string(out), ": OK\n"), "not all files have a checksum")
	}
}

// A package is installed where there is no Telegraf yet, used, upgraded, removed,
// installed again and purged; what waits stays until the last.
func TestDebian(t *testing.T) {
	m := newMachine(t)
	log := filepath.Join(t.TempDir(), "events.jsonl")
	e := cloud(t, "127.0.0.1:0", log)
	program := fullProgram(t)

	m.dpkg("-i", deb(t, 1, "telegraf-hologram", "amd64"))
	require.Contains(t, m.run(binary, "version"), "telegraf-hologram v1.0.0 ")
	require.Contains(t, m.run("getent", "passwd", "telegraf"), ":/etc/telegraf:/bin/false")
	require.Equal(t, "telegraf:telegraf 700", m.mode(buffer))
	require.Equal(t, "root:telegraf 640", m.mode(example))
	require.Equal(t, "root:root 644", m.mode(dropIn))
	require.Empty(t, m.run("dpkg", "--verify", "telegraf-hologram"))
	for _, file := range []string{
		"/usr/share/bash-completion/completions/telegraf-hologram", "/usr/share/zsh/vendor-completions/_telegraf-hologram",
		"/usr/share/fish/vendor_completions.d/telegraf-hologram.fish", "/usr/share/man/man1/telegraf-hologram.1.gz",
		"/usr/share/doc/telegraf-hologram/examples/sample.conf", "/usr/share/doc/telegraf-hologram/copyright",
		"/usr/share/doc/telegraf-hologram/changelog.gz",
	} {
		require.FileExists(t, m.path(file))
	}

	// As Telegraf's user, with the examples: checked, and delivered.
	m.configure(e.Address)
	m.telegrafUser("", binary, "check", "--config", config)
	m.telegrafUser("cpu usage=1 1800000000000000000\n", binary, "--config", config)
	_, err := try(t, "", "chroot", "--userspec=nobody:nogroup", m.root, "cat", config)
	require.Error(t, err, "anybody can read the key")
	require.Len(t, delivered(t, program, log), 1)

	// Without the cloud a metric waits.
	_, err = e.Stop()
	require.NoError(t, err)
	m.telegrafUser("cpu usage=2 1800000001000000000\n", binary, "--config", config)
	require.Equal(t, 1, m.waiting())

	// An upgrade leaves what the administrator has changed.
	m.run("chmod", "0750", buffer)
	out := m.dpkg("-i", deb(t, 2, "telegraf-hologram", "amd64"))
	require.Contains(t, out, "until it is restarted")
	require.Contains(t, m.run(binary, "version"), "telegraf-hologram v1.0.1 ")
	require.Equal(t, "telegraf:telegraf 750", m.mode(buffer))
	require.Equal(t, 1, m.waiting())

	m.dpkg("-r", "telegraf-hologram")
	require.NoFileExists(t, m.path(binary))
	require.FileExists(t, m.path(example))
	entries, err := os.ReadDir(m.path(buffer))
	require.NoError(t, err)
	require.NotEmpty(t, entries)

	m.dpkg("-i", deb(t, 2, "telegraf-hologram", "amd64"))
	require.Equal(t, 1, m.waiting())
	cloud(t, e.Address, log)
	m.deliver("cpu usage=3 1800000002000000000\n")
	require.Len(t, delivered(t, program, log), 3)

	m.dpkg("-P", "telegraf-hologram")
	require.NoDirExists(t, m.path(buffer))
	require.NoFileExists(t, m.path(example))
	require.NoFileExists(t, m.path(dropIn))
	require.FileExists(t, m.path(config), "what the administrator wrote is gone")
	require.Contains(t, m.read("/etc/passwd"), "telegraf")
	for _, file := range []string{binary, "/usr/share/doc/telegraf-hologram"} {
		_, err := os.Stat(m.path(file))
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	// Purged twice, and what was never configured, is no failure.
	m.dpkg("-P", "telegraf-hologram")
}

// The one package takes over from the other, with what waits, in both directions.
func TestDebianOther(t *testing.T) {
	m := newMachine(t)
	// A user that was there before, and a decision of the administrator.
	m.run("useradd", "--system", "--home-dir", "/var/lib/other", "--shell", "/bin/sh", "telegraf")
	m.run("dpkg-statoverride", "--add", "root", "root", "0600", example)
	m.dpkg("-i", deb(t, 1, "telegraf-hologram", "amd64"))
	require.Contains(t, m.run("getent", "passwd", "telegraf"), ":/var/lib/other:/bin/sh")
	require.Equal(t, "telegraf:telegraf 700", m.mode(buffer))
	require.Equal(t, "root:root 600", m.mode(example))
	m.write(buffer+"/waits", "x")
	_, err := try(t, "", "chroot", m.root, binary, "decode")
	require.Error(t, err)

	m.dpkg("-i", deb(t, 1, "telegraf-hologram-full", "amd64"))
	m.run(binary, "decode")
	require.NotContains(t, m.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n"), "ii  telegraf-hologram\n")
	m.dpkg("-P", "telegraf-hologram")
	require.FileExists(t, m.path(buffer+"/waits"), "it belongs to the other package now")
	require.FileExists(t, m.path(example))

	m.dpkg("-i", deb(t, 2, "telegraf-hologram", "amd64"))
	m.dpkg("-P", "telegraf-hologram-full")
	require.FileExists(t, m.path(buffer+"/waits"))
	require.FileExists(t, m.path(binary))
	m.dpkg("-P", "telegraf-hologram")
	require.NoDirExists(t, m.path(buffer))
}

// The binary is replaced while Telegraf runs it: nothing stops, and after a restart of
// Telegraf the new version delivers what the old one could not.
func TestUpgradeWhileTelegrafRuns(t *testing.T) {
	m := newMachine(t)
	telegraf, err := lab.BuildTelegraf(t.Context(), "../.cache")
	require.NoError(t, err)
	text, err := os.ReadFile(telegraf)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(m.path("/usr/bin/telegraf"), text, 0o755))
	program := fullProgram(t)
	log := filepath.Join(t.TempDir(), "events.jsonl")
	e := cloud(t, "127.0.0.1:0", log)
	_, err = e.Stop()
	require.NoError(t, err)

	m.dpkg("-i", deb(t, 1, "telegraf-hologram", "amd64"))
	m.configure(e.Address)
	m.write("/etc/telegraf/telegraf.conf", `
[agent]
  interval = "500ms"
  flush_interval = "500ms"
  omit_hostname = true
[[inputs.mock]]
  metric_name = "mock"
  [[inputs.mock.random]]
    name = "value"
    min = 1.0
    max = 100.0
[[outputs.file]]
  files = ["/tmp/written.lp"]
  data_format = "influx"
`)
	stop := m.startTelegraf()
	writtenMore := func(than int) func() bool {
		return func() bool {
			text, err := os.ReadFile(m.path("/tmp/written.lp"))
			return err == nil && bytes.Count(text, []byte("\n")) > than
		}
	}
	require.Eventually(t, writtenMore(4), 30*time.Second, 100*time.Millisecond, "Telegraf writes nothing")
	pids, _ := m.processes(binary)
	require.Len(t, pids, 1, m.read("/tmp/telegraf.log"))

	m.dpkg("-i", deb(t, 2, "telegraf-hologram", "amd64"))
	again, links := m.processes(binary)
	require.Equal(t, pids, again, "the plugin was stopped")
	require.Equal(t, m.path(binary)+" (deleted)", links[0], "the binary was not replaced by rename")
	require.Contains(t, m.run(binary, "version"), "telegraf-hologram v1.0.1 ")
	written := bytes.Count([]byte(m.read("/tmp/written.lp")), []byte("\n"))
	require.Eventually(t, writtenMore(written+3), 30*time.Second, 100*time.Millisecond, "Telegraf has stopped")
	again, _ = m.processes(binary)
	require.Equal(t, pids, again)
	require.Empty(t, delivered(t, program, log))

	stop()
	cloud(t, e.Address, log)
	stop = m.startTelegraf()
	require.Eventually(t, func() bool { return len(delivered(t, program, log)) > written+4 }, 60*time.Second, 500*time.Millisecond, "nothing is delivered:\n%s", m.read("/tmp/telegraf.log"))
	_, links = m.processes(binary)
	require.Equal(t, []string{m.path(binary)}, links)
	// Metrics of the last moment are delivered by the next start.
	stop()
	m.deliver("")
	want, err := lab.ReadMetricsFile(m.path("/tmp/written.lp"))
	require.NoError(t, err)
	require.NotEmpty(t, want)
	difference := lab.Compare(want, delivered(t, program, log), lab.Exact)
	require.True(t, difference.None(), "%s", difference)
}

// The armhf package is for ARMv6 and newer, with hardware floating point.
func TestARM(t *testing.T) {
	qemu := ""
	for _, name := range []string{"qemu-arm-static", "qemu-arm"} {
		if found, err := exec.LookPath(name); err == nil {
			qemu = found
			break
		}
	}
	packages(t)
	if qemu == "" {
		t.Skip("qemu-arm is not installed (Debian: qemu-user-static)")
	}
	dir := t.TempDir()
	file := deb(t, 1, "telegraf-hologram", "armhf")
	require.Equal(t, "armhf\n", run(t, "dpkg-deb", "-f", file, "Architecture"))
	run(t, "dpkg-deb", "-x", file, dir)
	arm := func(args ...string) []string { return append([]string{"-cpu", "arm1176", dir + binary}, args...) }
	require.Contains(t, run(t, qemu, arm("version")...), " linux/arm\n")

	program := fullProgram(t)
	log := filepath.Join(dir, "events.jsonl")
	e := cloud(t, "127.0.0.1:0", log)
	conf := filepath.Join(dir, "hologram.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "[[outputs.hologram]]\n  device_key = \"ABCDWXYZ\"\n  address = %q\n  buffer_directory = %q\n", e.Address, dir+"/buffer"), 0o600))
	out, err := try(t, "cpu usage=98.5 1800000000000000000\n", qemu, arm("--config", conf)...)
	require.NoError(t, err, "%s", out)
	require.Len(t, delivered(t, program, log), 1, "%s", out)
}

// The packages of RPM, by its real program, in a folder with all that their scripts need.
func TestRPM(t *testing.T) {
	packages(t)
	need(t, "rpm")
	one, two := rpm(t, 1, "telegraf-hologram", "x86_64"), rpm(t, 2, "telegraf-hologram", "x86_64")
	require.Equal(t, "telegraf-hologram 1.0.0 1 x86_64 MIT\n", run(t, "rpm", "-qp", "--qf", `%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{LICENSE}\n`, one))
	require.Equal(t, "armv6hl\n", run(t, "rpm", "-qp", "--qf", `%{ARCH}\n`, rpm(t, 1, "telegraf-hologram", "armv6hl")))
	files := run(t, "rpm", "-qp", "--qf", `[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]`, one)
	for _, want := range []string{
		"-rwxr-xr-x root:root " + binary, "-rw-r----- root:telegraf " + example, "-rw-r--r-- root:root " + dropIn, "drwx------ telegraf:telegraf " + buffer,
		"-rw-r--r-- root:root /usr/share/zsh/site-functions/_telegraf-hologram",
	} {
		require.Contains(t, files, want+"\n")
	}
	require.NotContains(t, files, "lintian")

	m := newMachine(t)
	act := func(args ...string) string { return run(t, "rpm", append([]string{"--root", m.root}, args...)...) }
	act("--initdb")
	// What it depends on is there, but not known to RPM: this is Debian.
	act("-i", "--nodeps", one)
	require.Contains(t, m.run(binary, "version"), "telegraf-hologram v1.0.0 ")
	require.Equal(t, "telegraf:telegraf 700", m.mode(buffer))
	require.Equal(t, "root:telegraf 640", m.mode(example))
	require.Empty(t, act("-V", "--nodeps", "telegraf-hologram"))
	log := filepath.Join(t.TempDir(), "events.jsonl")
	e := cloud(t, "127.0.0.1:0", log)
	m.configure(e.Address)
	_, err := e.Stop()
	require.NoError(t, err)
	m.telegrafUser("cpu usage=1 1800000000000000000\n", binary, "--config", config)

	require.Contains(t, act("-U", "--nodeps", two), "until it is restarted")
	require.Contains(t, m.run(binary, "version"), "telegraf-hologram v1.0.1 ")
	act("-e", "telegraf-hologram")
	require.NoFileExists(t, m.path(binary))
	entries, err := os.ReadDir(m.path(buffer))
	require.NoError(t, err)
	require.NotEmpty(t, entries, "what waits was removed")
	act("-i", "--nodeps", two)
	cloud(t, e.Address, log)
	m.deliver("")
	require.Len(t, delivered(t, fullProgram(t), log), 1)
}

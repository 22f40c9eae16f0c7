package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// TelegrafVersion is the release of Telegraf that is built.
const TelegrafVersion = "v1.39.3"

const (
	telegrafModule = "github.com/influxdata/telegraf"
	// telegrafSum is the checksum of the module, as go.sum would hold it. Telegraf
	// is installed by its version and not required by this module, because that
	// would put the more than 500 modules of all its plugins into go.mod. Its own
	// go.mod pins them, and this pins its go.mod.
	telegrafSum = "h1:SauZnzw7fZPkMNFq+GxazjPr7MyGl1/saEYxxKKvdyU="
)

// telegrafPlugins returns the build tags that select Telegraf's plugins. All of
// Telegraf takes ten times as long to build and 3.4 GB of modules.
func telegrafPlugins() []string {
	return []string{
		"inputs.cpu", "inputs.disk", "inputs.diskio", "inputs.execd", "inputs.file", "inputs.mem", "inputs.mock",
		"inputs.nats_consumer", "inputs.net", "inputs.processes", "inputs.swap", "inputs.system", "inputs.tail",
		"outputs.execd", "outputs.file", "outputs.influxdb", "outputs.nats",
		"parsers.influx", "processors.override", "serializers.influx",
	}
}

// BuildTelegraf builds Telegraf with the plugins that are named as its build tags
// name them, or without any with those that are needed here, unless cache holds it
// already, and returns the absolute path of its binary. The first time it downloads
// about 80 MB of modules.
func BuildTelegraf(ctx context.Context, cache string, plugins ...string) (string, error) {
	if len(plugins) == 0 {
		plugins = telegrafPlugins()
	}
	tags := "custom," + strings.Join(plugins, ",")
	cache, err := filepath.Abs(cache)
	if err != nil {
		return "", fmt.Errorf("cannot find the cache for Telegraf: %w", err)
	}
	key := sha256.Sum256([]byte(runtime.Version() + " " + telegrafSum + " " + tags))
	binary := filepath.Join(cache, fmt.Sprintf("telegraf-%s-%s%s", TelegrafVersion, hex.EncodeToString(key[:6]), exeSuffix()))
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot look for a built Telegraf: %w", err)
	}

	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the cache for Telegraf: %w", err)
	}
	// Built beside its place and then renamed: a build that is cut short leaves no
	// half binary, and two builds at the same time do not meet.
	dir, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder to build Telegraf in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", "-tags", tags,
		"-ldflags", "-s -w -X "+telegrafModule+"/internal.Version="+strings.TrimPrefix(TelegrafVersion, "v"),
		telegrafModule+"/cmd/telegraf@"+TelegrafVersion)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if err := runQuietly(cmd); err != nil {
		return "", fmt.Errorf("cannot build Telegraf %s: %w", TelegrafVersion, err)
	}
	built := filepath.Join(dir, "telegraf"+exeSuffix())
	info, err := buildinfo.ReadFile(built)
	if err != nil {
		return "", fmt.Errorf("cannot read what was built as Telegraf: %w", err)
	}
	if info.Main.Sum != telegrafSum {
		return "", fmt.Errorf("the checksum of Telegraf %s is %s, not %s", TelegrafVersion, info.Main.Sum, telegrafSum)
	}
	if err := os.Rename(built, binary); err != nil {
		return "", fmt.Errorf("cannot keep the built Telegraf: %w", err)
	}
	return binary, nil
}

// BuildHologram builds our binary from the module in root into dir, as it is
// shipped, and returns its path.
func BuildHologram(ctx context.Context, root, dir string) (string, error) {
	return build(ctx, root, filepath.Join(dir, "telegraf-hologram"))
}

// BuildEdge builds our binary as it is for devices, without the emulator.
func BuildEdge(ctx context.Context, root, dir string) (string, error) {
	return build(ctx, root, filepath.Join(dir, "telegraf-hologram-edge"), "-tags", "edge")
}

// BuildShim builds the program that runs our plugin under Telegraf's stock shim,
// whose module is in root, into dir and returns its path. The first time it
// downloads about 70 MB of modules.
func BuildShim(ctx context.Context, root, dir string) (string, error) {
	// With a copy of go.mod, which may be updated: our own module, which it requires
	// as it is, may have come to need later versions of something.
	work, err := os.MkdirTemp(dir, "shim-")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder for the shim: %w", err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), text, 0o600)
		}
		if err != nil {
			return "", fmt.Errorf("cannot copy the shim's %s: %w", name, err)
		}
	}
	mod, err := filepath.Abs(filepath.Join(work, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("cannot find the shim's go.mod: %w", err)
	}
	return build(ctx, root, filepath.Join(dir, "shim"), "-mod=mod", "-modfile="+mod)
}

// build builds the program whose module is in root and returns its absolute path.
func build(ctx context.Context, root, binary string, flags ...string) (string, error) {
	binary, err := filepath.Abs(binary + exeSuffix())
	if err != nil {
		return "", fmt.Errorf("cannot find the place of %s: %w", binary, err)
	}
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-trimpath", "-ldflags", "-s -w"}, flags...), "-o", binary, ".")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := runQuietly(cmd); err != nil {
		return "", fmt.Errorf("cannot build %s: %w", filepath.Base(binary), err)
	}
	return binary, nil
}

// runQuietly runs cmd; its output is part of the error, if there is one.
func runQuietly(cmd *exec.Cmd) error {
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	return nil
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

//go:build linux

package bench

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"telegraf-hologram/e2e/internal/lab"
)

const (
	telegrafTags = "custom,inputs.socket_listener,outputs.discard,outputs.execd,outputs.http,outputs.influxdb_v2,outputs.mqtt," +
		"outputs.socket_writer,parsers.influx,serializers.influx"
	// telegrafSum is the checksum of the release of [lab.TelegrafVersion], which
	// is built for the tests with other plugins.
	telegrafSum = "h1:SauZnzw7fZPkMNFq+GxazjPr7MyGl1/saEYxxKKvdyU="
)

// BuildTelegraf builds Telegraf with the outputs that are compared, unless cache
// holds it already, and returns its path.
func BuildTelegraf(ctx context.Context, cache string) (string, error) {
	cache, err := filepath.Abs(cache)
	if err != nil {
		return "", fmt.Errorf("cannot find the cache for Telegraf: %w", err)
	}
	key := sha256.Sum256([]byte(runtime.Version() + " " + telegrafSum + " " + telegrafTags))
	binary := filepath.Join(cache, fmt.Sprintf("telegraf-compare-%s-%x", lab.TelegrafVersion, key[:6]))
	if _, err := os.Stat(binary); !errors.Is(err, fs.ErrNotExist) {
		return binary, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the cache for Telegraf: %w", err)
	}
	dir, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder to build Telegraf in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", "-tags", telegrafTags,
		"-ldflags", "-s -w -X github.com/influxdata/telegraf/internal.Version="+lab.TelegrafVersion[1:],
		"github.com/influxdata/telegraf/cmd/telegraf@"+lab.TelegrafVersion)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build Telegraf %s: %w: %s", lab.TelegrafVersion, err, output)
	}
	built := filepath.Join(dir, "telegraf")
	info, err := buildinfo.ReadFile(built)
	if err != nil {
		return "", fmt.Errorf("cannot read what was built as Telegraf: %w", err)
	}
	if info.Main.Sum != telegrafSum {
		return "", fmt.Errorf("the checksum of Telegraf %s is %s, not %s", lab.TelegrafVersion, info.Main.Sum, telegrafSum)
	}
	return binary, os.Rename(built, binary)
}

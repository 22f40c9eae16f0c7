//go:build linux

package bench

import (
	"context"

	"telegraf-hologram/e2e/internal/lab"
)

// BuildTelegraf builds Telegraf with the outputs that are compared, unless cache
// holds it already, and returns its path.
func BuildTelegraf(ctx context.Context, cache string) (string, error) {
	return lab.BuildTelegraf(ctx, cache, "inputs.socket_listener", "outputs.discard", "outputs.execd", "outputs.http",
		"outputs.influxdb_v2", "outputs.mqtt", "outputs.socket_writer", "parsers.influx", "serializers.influx")
}

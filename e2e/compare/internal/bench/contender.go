//go:build linux

package bench

import (
	"fmt"
	"time"

	"telegraf-hologram/e2e/compare/internal/cloud"
)

// Contender is a way in which Telegraf can send metrics.
type Contender struct {
	Name string // of the row in tables
	// Setting is what it is set to, beyond its defaults.
	Setting string
	// Confirmed says that the far side's program confirms what it has. Without,
	// nothing is noticed, and nothing sent again, when a connection breaks.
	Confirmed bool

	port   int
	config func(s setup) string
	text   form
}

// form is what a sink holds.
type form int

const (
	lines   form = iota // line protocol
	plain               // Socket API messages with line protocol
	compact             // Socket API messages to be decoded
	nowhere             // nothing
)

// setup is what the configuration of a contender depends on.
type setup struct {
	programs Programs
	addr     string
	ca       string
	dir      string
	batch    int
	interval time.Duration
}

// influx is what makes a serializer of line protocol keep the types of numbers.
const influx = "data_format = \"influx\"\n  influx_uint_support = true"

// Contenders are all, this project first.
func Contenders() []Contender {
	execd := func(command string) string {
		return "[[outputs.execd]]\n  command = [" + command + "]\n  " + influx + "\n"
	}
	client := func(port int, batch func(setup) int) func(setup) string {
		return func(s setup) string {
			return execd(fmt.Sprintf("%q, %q, \"%s:%d\", \"%d\"", s.programs.Self, PlainCommand, s.addr, port, batch(s)))
		}
	}
	http := func(port int, scheme string) func(setup) string {
		return func(s setup) string {
			c := fmt.Sprintf("[[outputs.http]]\n  url = \"%s://%s:%d/write\"\n  content_encoding = \"gzip\"\n  %s\n", scheme, s.addr, port, influx)
			if s.interval > nginxKeeps {
				c += "  idle_conn_timeout = \"1s\"\n"
			}
			return c + trust(s, scheme)
		}
	}
	influxdb := func(port int, scheme string) func(setup) string {
		return func(s setup) string {
			return fmt.Sprintf("[[outputs.influxdb_v2]]\n  urls = [\"%s://%s:%d\"]\n  token = \"%s\"\n  organization = \"org\"\n  bucket = \"metrics\"\n  influx_uint_support = true\n",
				scheme, s.addr, port, token) + trust(s, scheme)
		}
	}
	mqtt := func(port int, layout, topic string) func(setup) string {
		return func(s setup) string {
			return fmt.Sprintf("[[outputs.mqtt]]\n  servers = [\"tcp://%s:%d\"]\n  topic = %q\n  qos = 1\n  keep_alive = 60\n  layout = %q\n  %s\n", s.addr, port, topic, layout, influx)
		}
	}
	socket := func(network string, port int) func(setup) string {
		return func(s setup) string {
			return fmt.Sprintf("[[outputs.socket_writer]]\n  address = \"%s://%s:%d\"\n  keep_alive_period = \"0s\"\n  %s\n", network, s.addr, port, influx)
		}
	}
	return []Contender{
		{
			Name: "outputs.hologram (this project)", Setting: "defaults (`max_message_size = 4096`)", Confirmed: true,
			port: cloud.Hologram, config: func(s setup) string {
				return execd(fmt.Sprintf("%q, \"--config\", %q", s.programs.Hologram, pluginConfig(s)))
			}, text: compact,
		},
		{
			Name: "Hologram, a message a batch", Setting: "line protocol, one write, close after the answer", Confirmed: true,
			port: cloud.HologramBatch, config: client(cloud.HologramBatch, func(s setup) int { return s.batch }), text: plain,
		},
		{
			Name: "Hologram, a message a metric", Setting: "the same", Confirmed: true,
			port: cloud.HologramEach, config: client(cloud.HologramEach, func(setup) int { return 1 }), text: plain,
		},
		{Name: "outputs.http, gzip", Setting: "`content_encoding = \"gzip\"`", Confirmed: true, port: cloud.HTTP, config: http(cloud.HTTP, "http")},
		{Name: "outputs.http, gzip, TLS", Setting: "the same, https", Confirmed: true, port: cloud.HTTPS, config: http(cloud.HTTPS, "https")},
		{Name: "outputs.influxdb_v2, gzip", Setting: "defaults (gzip)", Confirmed: true, port: cloud.Influx, config: influxdb(cloud.Influx, "http")},
		{Name: "outputs.influxdb_v2, gzip, TLS", Setting: "the same, https", Confirmed: true, port: cloud.InfluxTLS, config: influxdb(cloud.InfluxTLS, "https")},
		{Name: "outputs.mqtt, a message a batch", Setting: "`qos = 1`, `keep_alive = 60`, `layout = \"batch\"`, one topic", Confirmed: true, port: cloud.MQTTBatch, config: mqtt(cloud.MQTTBatch, "batch", cloud.TopicBatch)},
		{Name: "outputs.mqtt, a message a metric", Setting: "the same, the default layout", Confirmed: true, port: cloud.MQTTEach, config: mqtt(cloud.MQTTEach, "non-batch", cloud.TopicEach)},
		{Name: "outputs.socket_writer, TCP", Setting: "`keep_alive_period = \"0s\"`", port: cloud.TCP, config: socket("tcp", cloud.TCP)},
		{Name: "outputs.socket_writer, UDP", Setting: "defaults", port: cloud.UDP, config: socket("udp", cloud.UDP)},
	}
}

// discard takes the place of a contender for what Telegraf itself needs.
func discard() Contender {
	return Contender{Name: "Telegraf itself (outputs.discard)", text: nowhere, config: func(setup) string { return "[[outputs.discard]]\n" }}
}

const (
	// nginxKeeps is for how long nginx keeps a connection that is idle.
	nginxKeeps = 75 * time.Second
	// token is as long as those that InfluxDB makes.
	token = "A2b4C6d8E0f1G3h5I7j9K1l3M5n7O9p1Q3r5S7t9U1v3W5x7Y9z1A3b5C7d9E1f3G5h7I9j1K3l5M7n9O1p3Q5=="
)

// trust is the options of TLS.
func trust(s setup, scheme string) string {
	if scheme != "https" {
		return ""
	}
	return fmt.Sprintf("  tls_ca = %q\n", s.ca)
}

// Package hologram is the Telegraf input plugin [[inputs.hologram]]: messages that come out of the Hologram cloud become
// the metrics that devices sent. The cloud brings them by webhooks, or the plugin fetches them from the cloud's data log,
// or both.
//
//	webhook ─▶ body ─▶ messages ─┐
//	                             ├▶ intake: decode, drop repeats ▶ store (disk) ▶ printer ▶ stdout
//	data log ─▶ messages ────────┘
//
// A webhook is answered with success when its metrics are on the disk, if there is one for them, and read by Telegraf.
// One write to the disk is for all that waits, however many devices it is from.
package hologram

import (
	"context"
	_ "embed" // for the sample configuration
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"

	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
)

//go:embed sample.conf
var sampleConfig string

// Hologram is the plugin. Its exported fields are the options; sample.conf describes them.
type Hologram struct {
	ServiceAddress       string         `toml:"service_address"`
	Path                 string         `toml:"path"`
	Methods              []string       `toml:"methods"`
	TLSCert              string         `toml:"tls_cert"`
	TLSKey               string         `toml:"tls_key"`
	Secret               string         `toml:"secret"`
	SecretFile           string         `toml:"secret_file"`
	SecretHeader         string         `toml:"secret_header"`
	AllowUnauthenticated bool           `toml:"allow_unauthenticated"`
	AllowedCIDRs         []string       `toml:"allowed_cidrs"`
	TrustedProxies       []string       `toml:"trusted_proxies"`
	BodyLimit            execd.Size     `toml:"body_limit"`
	RateLimit            int            `toml:"rate_limit"`
	MaxConnections       int            `toml:"max_connections"`
	AnswerTimeout        execd.Duration `toml:"answer_timeout"`

	JSONData       string `toml:"json_data"`
	JSONEncoding   string `toml:"json_encoding"`
	JSONDeviceID   string `toml:"json_device_id"`
	JSONDeviceName string `toml:"json_device_name"`
	JSONReceived   string `toml:"json_received"`
	JSONTags       string `toml:"json_tags"`
	JSONRecordID   string `toml:"json_record_id"`

	APIKeyFile       string         `toml:"api_key_file"`
	APIURL           string         `toml:"api_url"`
	PullInterval     execd.Duration `toml:"pull_interval"`
	PullStart        execd.Duration `toml:"pull_start"`
	PullOverlap      execd.Duration `toml:"pull_overlap"`
	PullLimit        int            `toml:"pull_limit"`
	PullOrganization string         `toml:"pull_organization"`
	PullDevices      []string       `toml:"pull_devices"`
	PullTopics       []string       `toml:"pull_topics"`

	TagPrefix        string   `toml:"tag_prefix"`
	IncludeTopics    bool     `toml:"include_topics"`
	OverwriteTags    bool     `toml:"overwrite_tags"`
	ReceivedField    string   `toml:"received_field"`
	Measurement      string   `toml:"measurement"`
	JSONStringFields []string `toml:"json_string_fields"`
	TagKeys          []string `toml:"tag_keys"`
	JSONNameKey      string   `toml:"json_name_key"`
	JSONTimeKey      string   `toml:"json_time_key"`
	JSONTimeFormat   string   `toml:"json_time_format"`

	BufferDirectory string         `toml:"buffer_directory"`
	BufferLimit     execd.Size     `toml:"buffer_limit"`
	DeviceInterval  execd.Duration `toml:"device_interval"`

	Log telegraf.Logger `toml:"-"`

	allowed, proxies []netip.Prefix
	timing           timing

	acc      telegraf.Accumulator
	counters counters
	intake   *intake
	webhook  *webhook
	pull     *pull

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// timing is what tests shorten, and where they look.
type timing struct {
	header, read, idle time.Duration // of a connection
	drain              time.Duration // of Stop
	backoff            time.Duration // after a failure of the REST API
	longestBackoff     time.Duration
	lock               time.Duration // for another process to leave the directory

	hook func(place string)  // where the process is
	wrap func(s store) store // around the store
}

// New returns the plugin with its default options.
func New() *Hologram {
	return &Hologram{
		Path:           "/hologram",
		Methods:        []string{"POST"},
		SecretHeader:   defaultHeader,
		BodyLimit:      1 << 20,
		RateLimit:      1000,
		MaxConnections: 1024,
		AnswerTimeout:  execd.Duration(10 * time.Second),
		JSONEncoding:   encodingBase64,
		APIURL:         "https://dashboard.hologram.io/api/1/csr/data",
		PullInterval:   execd.Duration(time.Minute),
		PullStart:      execd.Duration(24 * time.Hour),
		PullOverlap:    execd.Duration(5 * time.Minute),
		PullLimit:      100,
		TagPrefix:      "hologram_",
		Measurement:    event.DefaultMeasurement,
		BufferLimit:    64 << 20,
		DeviceInterval: execd.Duration(time.Minute),
		timing: timing{
			header: 5 * time.Second, read: 15 * time.Second, idle: time.Minute, drain: 400 * time.Millisecond,
			backoff: 10 * time.Second, longestBackoff: 10 * time.Minute, lock: 5 * time.Second,
		},
	}
}

func init() {
	inputs.Add("hologram", func() telegraf.Input { return New() })
}

// SampleConfig returns the sample configuration.
func (*Hologram) SampleConfig() string { return sampleConfig }

// Start opens the store and the port, and begins to take messages.
func (h *Hologram) Start(acc telegraf.Accumulator) error {
	h.acc = acc
	var err error
	if h.intake, err = h.openIntake(); err != nil {
		return err
	}
	if h.ServiceAddress != "" {
		if h.webhook, err = h.openWebhook(); err != nil {
			return errors.Join(err, h.intake.close())
		}
	}
	if h.APIKeyFile != "" {
		if h.pull, err = h.openPull(); err != nil {
			if h.webhook != nil {
				h.webhook.close()
			}
			return errors.Join(err, h.intake.close())
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.running.Go(func() { h.intake.store(ctx) })
	h.running.Go(func() { h.intake.print(ctx) })
	h.running.Go(func() { h.report(ctx) })
	if h.webhook != nil {
		h.running.Go(h.webhook.serve)
	}
	if h.pull != nil {
		h.running.Go(func() { h.pull.run(ctx) })
	}
	return nil
}

// Gather prints the measurements of the devices and of the receiver, for whoever asks beside device_interval.
func (h *Hologram) Gather(telegraf.Accumulator) error {
	h.printStatus()
	return nil
}

// Stop takes no more messages. What is on the disk and not printed is printed at the next start.
func (h *Hologram) Stop() {
	if h.cancel == nil {
		return
	}
	answered := h.webhook == nil || h.webhook.shutdown(h.timing.drain)
	h.cancel()
	if h.webhook != nil {
		if !answered {
			// Those that wait are told to come again.
			h.webhook.shutdown(h.timing.drain / 4)
		}
		h.webhook.close()
	}
	h.running.Wait()
	if h.pull != nil {
		h.pull.close()
	}
	if err := h.intake.close(); err != nil {
		h.Log.Warnf("%v", err)
	}
}

// report prints the status at each device_interval.
func (h *Hologram) report(ctx context.Context) {
	if h.DeviceInterval == 0 {
		return
	}
	ticker := time.NewTicker(time.Duration(h.DeviceInterval))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.printStatus()
		}
	}
}

// printStatus prints the measurements of the devices that were heard of since the last time, and of the receiver.
func (h *Hologram) printStatus() {
	if h.intake == nil {
		return
	}
	now := time.Now()
	metrics := append(h.intake.devices.metrics(h.TagPrefix, now), h.counters.metric(h.intake, now))
	if err := (printer{h.acc}).print(metrics); err != nil && !errors.Is(err, execd.ErrEnded) {
		h.Log.Debugf("Printing the status: %v", err)
	}
}

// printer prints metrics, and waits until they are printed if the accumulator can tell.
type printer struct{ acc telegraf.Accumulator }

func (p printer) print(metrics []telegraf.Metric) error {
	if out, ok := p.acc.(execd.Printer); ok {
		return out.Print(metrics...)
	}
	for _, m := range metrics {
		p.acc.AddMetric(m)
	}
	return nil
}

// readSecret returns the first line of a file that the option names. The error does not hold it.
func readSecret(option, file string) (string, error) {
	secret, err := execd.ReadFirstLine(file)
	if err == nil && secret == "" {
		err = errors.New("the first line is empty")
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", option, err)
	}
	return secret, nil
}

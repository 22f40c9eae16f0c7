// Package hologramsms is the Telegraf output plugin [[outputs.hologram_sms]]: it
// makes SMS of metrics, a text for people or the metrics themselves for the cloud,
// and sends each at most once, through the Hologram cloud or a modem.
//
// SMS cost money, and too many of them pause the SIM. So limits come before
// everything else: what is sent is counted on the disk before it is sent.
package hologramsms

import (
	"context"
	_ "embed" // for the sample configuration
	"fmt"
	"path/filepath"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"

	"telegraf-hologram/internal/access"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/smslimit"
	"telegraf-hologram/internal/smsout"
	"telegraf-hologram/internal/smstext"
	"telegraf-hologram/internal/socketapi"
)

//go:embed sample.conf
var sampleConfig string

// HologramSMS is the plugin. Its exported fields are the options; sample.conf
// describes them.
type HologramSMS struct {
	Via           []string        `toml:"via"`
	FallbackAfter execd.Duration  `toml:"fallback_after"`
	To            []string        `toml:"to"`
	DataFormat    string          `toml:"data_format"`
	Template      string          `toml:"template"`
	MaxParts      int             `toml:"max_parts"`
	Encoding      string          `toml:"encoding"`
	OnTooLong     string          `toml:"on_too_long"`
	MaxAge        execd.Duration  `toml:"max_age"`
	OnLimit       string          `toml:"on_limit"`
	Cooldown      *execd.Duration `toml:"cooldown"` // nil: that of the data format
	StatusReports bool            `toml:"status_reports"`
	access.SMS
	access.Cloud
	access.Modem

	Log telegraf.Logger `toml:"-"`

	template *smstext.Template // nil: compact
	coding   encode.Coding
	cooldown time.Duration
	dir      string // of the buffer, "" in memory

	client  *socketapi.Client // nil: not via the socket
	outbox  *smsout.Outbox
	account *smslimit.Account
	memory  *memory
	reload  bool // the credentials were refused: read their files again
	polls   int  // tries in a row that waited for the time of another way

	ctx    context.Context //nolint:containedctx // Telegraf's Write has no context; Close ends what Write waits for
	cancel context.CancelFunc

	begin   func()               // before an exchange; nil without a host
	end     func(execd.Exchange) // after it
	sending int                  // metrics in the SMS that is out

	clock  func() time.Time // of the account; nil is the system's
	tuning smsout.Modem     // how long a modem may take, for tests
}

// New returns the plugin with its default options.
func New() *HologramSMS {
	return &HologramSMS{
		Via:           []string{viaSocket},
		FallbackAfter: execd.Duration(5 * time.Minute),
		DataFormat:    formatText,
		Template:      defaultTemplate,
		MaxParts:      1,
		Encoding:      codingAuto,
		OnTooLong:     tooLongRefuse,
		MaxAge:        execd.Duration(time.Hour),
		OnLimit:       limitQueue,
		SMS:           access.DefaultSMS(),
		Cloud:         access.DefaultCloud(),
		Modem:         access.DefaultModem(),
	}
}

func init() {
	outputs.Add("hologram_sms", func() telegraf.Output { return New() })
}

// SampleConfig returns the sample configuration.
func (*HologramSMS) SampleConfig() string { return sampleConfig }

// DefaultOptions has alarms go at once. It implements execd.Defaulter.
func (*HologramSMS) DefaultOptions(o *execd.Options) {
	o.MetricBatchSize = 100
	o.FlushInterval = execd.Duration(time.Second)
	o.RetryBackoffMax = execd.Duration(5 * time.Minute)
}

// memoryName is that of a file in the buffer directory.
const memoryName = "sms-memory"

// UseDirectory implements execd.DirectoryUser.
func (h *HologramSMS) UseDirectory(dir string) error {
	if dir == "" && h.AccountFile == "" {
		return &execd.OptionError{
			Option: "buffer_directory", Problem: "is missing or empty, and so is account_file",
			Want: "one of the two, so that what was sent counts after a restart",
		}
	}
	h.dir = dir
	return nil
}

// Connect reads credentials and PIN, and opens the account and the journal. There
// is nothing to connect before there is an SMS.
func (h *HologramSMS) Connect() error {
	var ways []smsout.Way
	for _, via := range h.Via {
		way, err := h.way(via)
		if err != nil {
			return err
		}
		ways = append(ways, way)
	}
	h.open(ways)
	return nil
}

// open opens the account, the journal and the memory. What cannot be opened is
// tried again with each SMS, none of which is sent before.
func (h *HologramSMS) open(ways []smsout.Way) {
	var err error
	if h.account, err = smslimit.Open(h.AccountPath(h.dir), h.Limits(), h.clock); err != nil {
		h.Log.Errorf("Nothing is sent before this is mended: %v", err)
	}
	cfg := smsout.Config{
		Ways: ways, FallbackAfter: time.Duration(h.FallbackAfter), Account: h.account, Directory: h.OutboxPath(h.dir),
		Unsure:   h.Unsure(),
		MaxParts: h.MaxParts, Log: h.Log, Now: h.clock,
	}
	if h.outbox, err = smsout.Open(cfg); err != nil {
		h.Log.Errorf("Nothing is sent before this is mended: %v", err)
	}
	h.memory = openMemory(h.memoryPath(), h.Log)
	h.resume()
	h.ctx, h.cancel = context.WithCancel(context.Background())
}

func (h *HologramSMS) memoryPath() string {
	if h.dir == "" {
		return ""
	}
	return filepath.Join(h.dir, memoryName)
}

// way returns a way to send.
func (h *HologramSMS) way(via string) (smsout.Way, error) {
	if via == viaSocket {
		client, err := h.Client()
		if err != nil {
			return nil, err
		}
		h.client = client
		return &watched{Way: &smsout.Socket{Client: client, Begin: h.exchangeBegins, End: h.exchangeEnds}, h: h}, nil
	}
	m := h.tuning
	m.Reports, m.Sender.OnReport = h.StatusReports, h.reported
	if err := h.SetWay(&m, h.dir, h.Log); err != nil {
		return nil, err
	}
	return &watched{Way: &m, h: h}, nil
}

// reported logs what became of a part.
func (h *HologramSMS) reported(r gsm.Report) {
	switch {
	case r.Delivered:
		h.Log.Infof("An SMS was delivered")
	case r.Failed:
		h.Log.Warnf("An SMS was not delivered: the network has given it up, with status %d", r.Status)
	default:
		h.Log.Infof("An SMS is not delivered yet: the network goes on trying")
	}
}

// Close ends a Write that is waiting.
func (h *HologramSMS) Close() error {
	if h.outbox == nil {
		return nil
	}
	h.cancel()
	err := h.outbox.Close()
	h.memory.close()
	if err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

// OnExchange sets the functions to call before and after each exchange with the
// cloud. It implements execd.ExchangeReporter.
func (h *HologramSMS) OnExchange(begin func(), end func(execd.Exchange)) {
	h.begin, h.end = begin, end
}

func (h *HologramSMS) exchangeBegins() {
	if h.begin != nil {
		h.begin()
	}
}

func (h *HologramSMS) exchangeEnds(r socketapi.Receipt, delivered bool) {
	if h.end != nil {
		h.end(execd.Exchange{Metrics: h.sending, Sent: r.Sent, Received: r.Received, Delivered: delivered})
	}
}

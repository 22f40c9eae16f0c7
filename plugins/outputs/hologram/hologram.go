// Package hologram is the Telegraf output plugin [[outputs.hologram]]: it sends
// metrics to the Hologram cloud as compact Socket API messages with the
// measurement names as topics.
//
// A message takes as many metrics as fit max_message_size; a message whose fate
// is unknown is sent again as the very same bytes. Waiting, retrying and
// storing is left to the host, Telegraf or package execd.
package hologram

import (
	"context"
	_ "embed" // for the sample configuration
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"

	"telegraf-hologram/internal/access"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

//go:embed sample.conf
var sampleConfig string

// Hologram is the plugin. Its exported fields are the options; sample.conf
// describes them.
type Hologram struct {
	access.Cloud
	FieldNames  string         `toml:"field_names"`
	MessageSize execd.Size     `toml:"max_message_size"`
	Topics      string         `toml:"topics"`
	ExtraTopics []string       `toml:"extra_topics"`
	TopicPrefix string         `toml:"topic_prefix"`
	DataFormat  string         `toml:"data_format"`
	Precision   execd.Duration `toml:"timestamp_precision"`
	FloatDigits int            `toml:"float_digits"`
	Second      Fallback       `toml:"fallback"`

	Log telegraf.Logger `toml:"-"`

	names    socketapi.FieldNames
	client   *socketapi.Client
	ctx      context.Context //nolint:containedctx // Telegraf's Write has no context; Close ends what Write waits for
	cancel   context.CancelFunc
	reload   bool // the credentials were refused: read their files again
	refusals int  // of the credentials in a row
	packer   packer
	sequence payload.Sequence

	begin     func()               // before an exchange; nil without a host
	end       func(execd.Exchange) // after it
	sending   *trace               // of the message that is out
	resume    *trace               // of the message that was out when the process ended
	addresses []socketapi.CachedAddress

	inflight *inflight // may have been taken: sent again before any other
	suspect  *inflight // may be one that the cloud never answers: sent after the others
	ready    *inflight // certainly not taken, and full: it need not be packed again

	dir         string  // of the buffer, "" in memory
	second      *second // nil as long as it was not needed
	smsSequence payload.Sequence

	answerTimeout time.Duration // of the modem for an SMS; 0 is the default, which tests change
}

// New returns the plugin with its default options.
func New() *Hologram {
	return &Hologram{
		Cloud:       access.DefaultCloud(),
		FieldNames:  namesShort,
		MessageSize: defaultMessageSize,
		Topics:      topicsBatch,
		DataFormat:  formatCompact,
		Precision:   execd.Duration(time.Nanosecond),
		Second:      defaultFallback(),
	}
}

func init() {
	outputs.Add("hologram", func() telegraf.Output { return New() })
}

// SampleConfig returns the sample configuration.
func (*Hologram) SampleConfig() string { return sampleConfig }

// Connect reads the credentials. The Socket API takes one message per
// connection, so that there is nothing to connect before there is a message.
func (h *Hologram) Connect() error {
	client, err := h.Client()
	if err != nil {
		return err
	}
	client.FieldNames = h.names
	h.client = client
	h.client.SetAddresses(h.addresses)
	h.packer.credentials = client.Credentials
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return nil
}

// Close ends a Write that is waiting.
func (h *Hologram) Close() error {
	err := h.closeSecond()
	if h.client != nil {
		h.cancel()
		err = errors.Join(err, h.client.Close())
	}
	return err
}

// Encode calls emit with each message that Write would send for the metrics, in
// order and with its terminator, and refuse with the index of each metric that
// no message can carry. It sends nothing, and needs Init but not Connect.
func (h *Hologram) Encode(metrics []telegraf.Metric, refuse func(index int, err error), emit func(message []byte) error) error {
	_, err := h.encode(metrics, false, refuse, emit)
	return err
}

// EncodeBacklog is to Encode what WriteBacklog is to Write: it returns how many
// metrics at the end it has left out.
func (h *Hologram) EncodeBacklog(metrics []telegraf.Metric, refuse func(index int, err error), emit func(message []byte) error) (left int, err error) {
	return h.encode(metrics, true, refuse, emit)
}

func (h *Hologram) encode(metrics []telegraf.Metric, hold bool, refuse func(index int, err error), emit func(message []byte) error) (left int, err error) {
	credentials, err := h.Credentials()
	if err != nil {
		return 0, err
	}
	h.packer.credentials = credentials
	return h.packer.pack(metrics, indicesOf(metrics), h.sequence, hold, refuse, func(m message, _ []int) (payload.Sequence, error) {
		text, err := socketapi.AppendMessage(nil, credentials, h.names, socketapi.Message{Data: m.data, Topics: m.topics})
		if err != nil {
			return h.sequence, fmt.Errorf("making a message: %w", err)
		}
		h.sequence = h.sequence.Next()
		return h.sequence, emit(text)
	})
}

// Package hologram is the Telegraf output plugin [[outputs.hologram]]: it sends
// metrics to the Hologram cloud as compact Socket API messages with the
// measurement names as topics.
//
// A message takes as many metrics as fit max_message_size; a message whose fate
// is unknown is sent again as the very same bytes. Waiting, retrying and
// storing is left to the host, Telegraf or package execd.
package hologram

import (
	"bytes"
	"context"
	_ "embed" // for the sample configuration
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

//go:embed sample.conf
var sampleConfig string

const (
	// closedEarlyTries is how often a message is sent of which the cloud says
	// that it may be fine (code 1) before it counts as delivered.
	closedEarlyTries = 3
	// credentialsRetry is how long refused credentials are left alone at least:
	// every try costs a message and only a person can mend it.
	credentialsRetry = 15 * time.Minute
	// maxKeyFile is how much of a key file is read.
	maxKeyFile = 4096
)

// Hologram is the plugin. Its exported fields are the options; sample.conf
// describes them.
type Hologram struct {
	Address       string         `toml:"address"`
	DeviceKey     string         `toml:"device_key"`
	DeviceKeyFile string         `toml:"device_key_file"`
	SourceID      string         `toml:"source_id"`
	SourceIDFile  string         `toml:"source_id_file"`
	SourceKey     string         `toml:"source_key"`
	SourceKeyFile string         `toml:"source_key_file"`
	FieldNames    string         `toml:"field_names"`
	MessageSize   execd.Size     `toml:"max_message_size"`
	Topics        string         `toml:"topics"`
	ExtraTopics   []string       `toml:"extra_topics"`
	TopicPrefix   string         `toml:"topic_prefix"`
	DataFormat    string         `toml:"data_format"`
	Precision     execd.Duration `toml:"timestamp_precision"`
	FloatDigits   int            `toml:"float_digits"`
	ConnTimeout   execd.Duration `toml:"connect_timeout"`
	AnswerTimeout execd.Duration `toml:"answer_timeout"`
	GracefulClose bool           `toml:"graceful_close"`

	Log telegraf.Logger `toml:"-"`

	names    socketapi.FieldNames
	client   *socketapi.Client
	ctx      context.Context //nolint:containedctx // Telegraf's Write has no context; Close ends what Write waits for
	cancel   context.CancelFunc
	reload   bool // the credentials were refused: read their files again
	packer   packer
	sequence payload.Sequence
	inflight *inflight
}

// inflight is a message that may or may not have been taken, and is sent again
// as it is.
type inflight struct {
	metrics []telegraf.Metric
	message
	closedEarly int // times that the cloud answered code 1
}

// New returns the plugin with its default options.
func New() *Hologram {
	return &Hologram{
		Address:       socketapi.DefaultAddress,
		FieldNames:    namesShort,
		MessageSize:   defaultMessageSize,
		Topics:        topicsBatch,
		DataFormat:    formatCompact,
		Precision:     execd.Duration(time.Nanosecond),
		ConnTimeout:   execd.Duration(socketapi.DefaultConnectTimeout),
		AnswerTimeout: execd.Duration(socketapi.DefaultAnswerTimeout),
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
	credentials, err := h.credentials()
	if err != nil {
		return err
	}
	h.client = &socketapi.Client{
		Address:        h.Address,
		Credentials:    credentials,
		FieldNames:     h.names,
		ConnectTimeout: time.Duration(h.ConnTimeout),
		AnswerTimeout:  time.Duration(h.AnswerTimeout),
		GracefulClose:  h.GracefulClose,
	}
	h.packer.credentials = credentials
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return nil
}

// Close ends a Write that is waiting.
func (h *Hologram) Close() error {
	if h.client == nil {
		return nil
	}
	h.cancel()
	return h.client.Close()
}

// credentials returns the credentials, some of which may be in files.
func (h *Hologram) credentials() (socketapi.Credentials, error) {
	c := socketapi.Credentials{DeviceKey: h.DeviceKey, SourceID: h.SourceID, SourceKey: h.SourceKey}
	for _, f := range []struct {
		option, file string
		value        *string
	}{
		{"device_key_file", h.DeviceKeyFile, &c.DeviceKey},
		{"source_id_file", h.SourceIDFile, &c.SourceID},
		{"source_key_file", h.SourceKeyFile, &c.SourceKey},
	} {
		if f.file == "" {
			continue
		}
		data, err := readKey(f.file)
		if err != nil {
			return c, fmt.Errorf("reading %s: %w", f.option, err)
		}
		*f.value = data
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("checking the credentials: %w", err)
	}
	return c, nil
}

// readKey returns the first line of a file.
func readKey(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	err = errors.Join(err, f.Close())
	if err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return strings.TrimSpace(string(line)), nil
}

// Encode calls emit with each message that Write would send for the metrics, in
// order and with its terminator, and refuse with the index of each metric that
// no message can carry. It sends nothing, and needs Init but not Connect.
func (h *Hologram) Encode(metrics []telegraf.Metric, refuse func(index int, err error), emit func(message []byte) error) error {
	credentials, err := h.credentials()
	if err != nil {
		return err
	}
	h.packer.credentials = credentials
	return h.packer.pack(metrics, indicesOf(metrics), h.sequence, refuse, func(m message, _ []int) (payload.Sequence, error) {
		text, err := socketapi.AppendMessage(nil, credentials, h.names, socketapi.Message{Data: m.data, Topics: m.topics})
		if err != nil {
			return h.sequence, fmt.Errorf("making a message: %w", err)
		}
		h.sequence = h.sequence.Next()
		return h.sequence, emit(text)
	})
}

// Write sends the metrics in as few messages as they fit in. It returns nil
// when the cloud has taken all of them, and otherwise a partial write error
// that says which it has taken, and which it or the plugin has refused for
// good; the others are to be written again, the same ones first.
func (h *Hologram) Write(metrics []telegraf.Metric) error {
	if h.client == nil {
		return errors.New("writing metrics: not connected")
	}
	if h.reload {
		credentials, err := h.credentials()
		if err != nil {
			return fmt.Errorf("writing metrics: %w", err)
		}
		h.client.Credentials, h.packer.credentials, h.reload = credentials, credentials, false
	}
	var done outcome
	if err := h.write(metrics, &done); err != nil {
		return done.partial(err)
	}
	if len(done.reject) > 0 {
		return done.partial(fmt.Errorf("refused %d of %d metrics for good: %w", len(done.reject), len(metrics), done.reasons[0]))
	}
	return nil
}

// write sends what is in flight and then packs the rest.
func (h *Hologram) write(metrics []telegraf.Metric, done *outcome) error {
	todo := indicesOf(metrics)
	if h.inflight != nil {
		indices := h.inflight.find(metrics)
		if indices == nil {
			// The host has given up on some of them.
			h.inflight = nil
		} else {
			if err := h.send(h.inflight, indices, done); err != nil {
				return err
			}
			todo = without(todo, indices)
		}
	}
	return h.packer.pack(metrics, todo, h.sequence, done.refuse, func(m message, indices []int) (payload.Sequence, error) {
		f := &inflight{message: m}
		for _, i := range indices {
			f.metrics = append(f.metrics, metrics[i])
		}
		err := h.send(f, indices, done)
		return h.sequence, err
	})
}

// indicesOf returns the indices of all metrics.
func indicesOf(metrics []telegraf.Metric) []int {
	indices := make([]int, len(metrics))
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// find returns where the metrics of the message are, or nil if one is missing.
func (f *inflight) find(metrics []telegraf.Metric) []int {
	at := make(map[telegraf.Metric]int, len(metrics))
	for i, m := range metrics {
		at[m] = i
	}
	indices := make([]int, len(f.metrics))
	for i, m := range f.metrics {
		j, ok := at[m]
		if !ok {
			return nil
		}
		indices[i] = j
	}
	return indices
}

// without returns the indices that are not among those to remove.
func without(indices, remove []int) []int {
	gone := make(map[int]bool, len(remove))
	for _, i := range remove {
		gone[i] = true
	}
	rest := indices[:0]
	for _, i := range indices {
		if !gone[i] {
			rest = append(rest, i)
		}
	}
	return rest
}

// send makes one try to send a message. It returns an error when the message,
// and with it all after it, has to wait.
func (h *Hologram) send(f *inflight, indices []int, done *outcome) error {
	receipt, err := h.client.Send(h.ctx, socketapi.Message{Data: f.data, Topics: f.topics})
	verdict := socketapi.Delivered
	if failure, ok := errors.AsType[*socketapi.Error](err); ok {
		verdict = failure.Verdict
		if failure.Code == socketapi.CodeClosedEarly {
			if f.closedEarly++; f.closedEarly >= closedEarlyTries {
				verdict = socketapi.Delivered
				h.Log.Warnf("Counting a message of %d metrics as delivered: the cloud answered %d times that it may be fine", len(indices), f.closedEarly)
			}
		}
	} else if err != nil {
		verdict = socketapi.Unknown
	}

	// A number counts as used unless the cloud certainly has not seen it.
	if verdict != socketapi.NotDelivered && verdict != socketapi.RefusedCredentials && h.inflight == nil {
		h.sequence = h.sequence.Next()
	}
	switch verdict {
	case socketapi.Delivered:
		h.inflight = nil
		done.accept = append(done.accept, indices...)
		h.Log.Debugf("Sent %d metrics in a message of %d bytes", len(indices), receipt.Written)
		return nil
	case socketapi.Refused:
		h.inflight = nil
		err = fmt.Errorf("message of %d metrics and %d bytes: %w", len(indices), f.size, err)
		for _, i := range indices {
			done.refuse(i, err)
		}
		return nil
	case socketapi.Unknown:
		h.inflight = f
	case socketapi.RefusedCredentials:
		h.reload = true
		err = &laterError{err, credentialsRetry}
	case socketapi.NotDelivered:
	}
	return fmt.Errorf("sending a message of %d metrics: %w", len(indices), err)
}

// laterError is an error after which trying again soon is useless.
type laterError struct {
	error
	after time.Duration
}

func (e *laterError) Unwrap() error { return e.error }

// RetryAfter returns how long to wait at least.
func (e *laterError) RetryAfter() time.Duration { return e.after }

// outcome collects what became of the metrics of a Write.
type outcome struct {
	accept, reject []int
	reasons        []error
}

func (o *outcome) refuse(index int, err error) {
	o.reject = append(o.reject, index)
	o.reasons = append(o.reasons, err)
}

func (o *outcome) partial(err error) error {
	if len(o.accept) == 0 && len(o.reject) == 0 {
		return err
	}
	return &execd.PartialWriteError{Err: err, MetricsAccept: o.accept, MetricsReject: o.reject, MetricsRejectErrors: o.reasons}
}

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
	"net"
	"os"
	"strconv"
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

// Limits of the options.
const (
	minMessageSize     = 128
	maxMessageSize     = 256 << 10
	maxFloatDigits     = 15
	maxTopicPrefix     = 16
	maxExtraTopics     = 8
	maxKeyFile         = 4096
	defaultMessageSize = 4096

	// closedEarlyTries is how often a message is sent of which the cloud says
	// that it may be fine (code 1) before it counts as delivered.
	closedEarlyTries = 3
	// credentialsRetry is how long refused credentials are left alone at least:
	// every try costs a message and only a person can mend it.
	credentialsRetry = 15 * time.Minute
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

// Values of the options that are enumerations.
const (
	namesShort        = "short"
	namesFull         = "full"
	topicsBatch       = "batch"
	topicsMeasurement = "measurement"
	formatCompact     = "compact"
	formatInflux      = "influx"
	formatJSON        = "json"
)

// Init checks the options. It reads no file and makes no connection.
func (h *Hologram) Init() error {
	if err := h.checkCredentials(); err != nil {
		return err
	}
	if err := h.checkAddress(); err != nil {
		return err
	}
	switch h.FieldNames {
	case namesShort:
		h.names = socketapi.ShortNames
	case namesFull:
		h.names = socketapi.FullNames
	default:
		return unknownValue("field_names", h.FieldNames, namesShort, namesFull)
	}
	if h.MessageSize < minMessageSize || h.MessageSize > maxMessageSize {
		return &execd.OptionError{
			Option: "max_message_size", Value: h.MessageSize.String(), Problem: "is out of range",
			Want: fmt.Sprintf("%d to %d bytes", minMessageSize, maxMessageSize),
		}
	}
	if err := h.checkTopics(); err != nil {
		return err
	}
	if err := h.checkFormat(); err != nil {
		return err
	}
	if h.ConnTimeout <= 0 {
		return &execd.OptionError{Option: "connect_timeout", Value: h.ConnTimeout.String(), Problem: "is not positive", Want: `a duration such as "30s"`}
	}
	if h.AnswerTimeout <= 0 {
		return &execd.OptionError{Option: "answer_timeout", Value: h.AnswerTimeout.String(), Problem: "is not positive", Want: `a duration such as "60s"`}
	}
	h.packer = packer{
		names:       h.names,
		limit:       int(h.MessageSize),
		byName:      h.Topics == topicsMeasurement,
		extra:       h.ExtraTopics,
		prefix:      h.TopicPrefix,
		format:      newFormat(h.DataFormat),
		floatDigits: h.FloatDigits,
		precision:   time.Duration(h.Precision),
	}
	// Credentials that come from files have the same length.
	h.packer.credentials = placeholder
	if h.SourceID != "" || h.SourceIDFile != "" {
		h.packer.credentials = socketapi.Credentials{SourceID: "0000", SourceKey: "0000"}
	}
	return nil
}

// placeholder has the length of every device key.
var placeholder = socketapi.Credentials{DeviceKey: "00000000"}

func unknownValue(option, value string, valid ...string) error {
	return &execd.OptionError{Option: option, Value: value, Problem: "is unknown", Want: `one of "` + strings.Join(valid, `", "`) + `"`}
}

func (h *Hologram) checkAddress() error {
	host, port, err := net.SplitHostPort(h.Address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	problem := ""
	switch {
	case h.Address == "":
		problem = "is empty"
	case strings.Contains(h.Address, "/"):
		problem = "has more than host and port"
	case err != nil && strings.Count(h.Address, ":") > 1:
		problem = "has too many colons (an IPv6 address needs brackets)"
	case err != nil:
		problem = "has no port"
	case host == "":
		problem = "has no host"
	case portErr != nil || number == 0:
		problem = "has a port that is no number from 1 to 65535"
	default:
		if err := (&socketapi.Client{Address: h.Address, Credentials: placeholder}).Validate(); err != nil {
			problem = err.Error()
		}
	}
	if problem == "" {
		return nil
	}
	return &execd.OptionError{Option: "address", Value: h.Address, Problem: problem, Want: `host and port such as "` + socketapi.DefaultAddress + `"`}
}

func (h *Hologram) checkCredentials() error {
	key := h.DeviceKey != "" || h.DeviceKeyFile != ""
	source := h.SourceID != "" || h.SourceIDFile != "" || h.SourceKey != "" || h.SourceKeyFile != ""
	switch {
	case key && source:
		option := "device_key"
		if h.DeviceKey == "" {
			option = "device_key_file"
		}
		return &execd.OptionError{Option: option, Problem: "is given together with a Source ID or Source Key", Want: "one kind of credentials"}
	case !key && !source:
		return &execd.OptionError{Option: "device_key", Problem: "is missing or empty", Want: "device_key, device_key_file, or source_id with source_key"}
	case h.DeviceKey != "" && h.DeviceKeyFile != "":
		return &execd.OptionError{Option: "device_key_file", Value: h.DeviceKeyFile, Problem: "is given together with device_key", Want: "one of the two"}
	case h.SourceID != "" && h.SourceIDFile != "":
		return &execd.OptionError{Option: "source_id_file", Value: h.SourceIDFile, Problem: "is given together with source_id", Want: "one of the two"}
	case h.SourceKey != "" && h.SourceKeyFile != "":
		return &execd.OptionError{Option: "source_key_file", Value: h.SourceKeyFile, Problem: "is given together with source_key", Want: "one of the two"}
	case source && h.SourceID == "" && h.SourceIDFile == "":
		return &execd.OptionError{Option: "source_id", Problem: "is missing or empty beside source_key", Want: "the four characters of the Source ID"}
	case source && h.SourceKey == "" && h.SourceKeyFile == "":
		return &execd.OptionError{Option: "source_key", Problem: "is missing or empty beside source_id", Want: "the four characters of the Source Key"}
	}
	// What is given in the file itself can be checked now; placeholders stand
	// in for what comes from elsewhere.
	for _, c := range []struct {
		option, name, value string
		credentials         socketapi.Credentials
		want                string
	}{
		{"device_key", "device key", h.DeviceKey, socketapi.Credentials{DeviceKey: h.DeviceKey}, "the eight characters of the device key"},
		{"source_id", "source ID", h.SourceID, socketapi.Credentials{SourceID: h.SourceID, SourceKey: "0000"}, "the four characters of the Source ID"},
		{"source_key", "source key", h.SourceKey, socketapi.Credentials{SourceID: "0000", SourceKey: h.SourceKey}, "the four characters of the Source Key"},
	} {
		if c.value == "" {
			continue
		}
		if err := c.credentials.Validate(); err != nil {
			problem := strings.TrimLeft(strings.TrimPrefix(err.Error(), c.name), ": ")
			if strings.HasPrefix(c.value, "$") {
				c.want += `, or "${NAME}" to take them from the environment`
			}
			return &execd.OptionError{Option: c.option, Value: c.value, Problem: problem, Want: c.want}
		}
	}
	return nil
}

func (h *Hologram) checkTopics() error {
	if h.Topics != topicsBatch && h.Topics != topicsMeasurement {
		return unknownValue("topics", h.Topics, topicsBatch, topicsMeasurement)
	}
	if len(h.ExtraTopics) > maxExtraTopics {
		return &execd.OptionError{Option: "extra_topics", Problem: fmt.Sprintf("has %d topics", len(h.ExtraTopics)), Want: fmt.Sprintf("%d at most", maxExtraTopics)}
	}
	const legal = "letters, digits, -, _ and /, not starting with _"
	for _, t := range h.ExtraTopics {
		if problem := topicProblem(t, socketapi.MaxTopicLen); problem != "" {
			return &execd.OptionError{
				Option: "extra_topics", Value: t, Problem: strconv.Quote(t) + " " + problem,
				Want: fmt.Sprintf("1 to %d characters of %s", socketapi.MaxTopicLen, legal),
			}
		}
	}
	if h.TopicPrefix == "" {
		return nil
	}
	if problem := topicProblem(h.TopicPrefix, maxTopicPrefix); problem != "" {
		return &execd.OptionError{Option: "topic_prefix", Value: h.TopicPrefix, Problem: problem, Want: fmt.Sprintf("at most %d characters of %s", maxTopicPrefix, legal)}
	}
	return nil
}

// topicProblem says why a text of at most so many characters is no topic, or
// nothing if it is one.
func topicProblem(s string, longest int) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > longest:
		return fmt.Sprintf("is longer than %d characters", longest)
	case s[0] == '_':
		return "starts with _, as only the cloud's own topics may"
	case socketapi.ValidTopic(s) != nil:
		return "has a character that no topic may have"
	}
	return ""
}

func (h *Hologram) checkFormat() error {
	if newFormat(h.DataFormat) == nil {
		return unknownValue("data_format", h.DataFormat, formatCompact, formatInflux, formatJSON)
	}
	// Precisions that are no power of ten of nanoseconds would round to times
	// that are no shorter.
	switch time.Duration(h.Precision) {
	case time.Nanosecond, time.Microsecond, time.Millisecond, time.Second, time.Minute:
	default:
		return &execd.OptionError{Option: "timestamp_precision", Value: h.Precision.String(), Problem: "is not a known precision", Want: `"1ns", "1us", "1ms", "1s" or "1m"`}
	}
	if h.FloatDigits < 0 || h.FloatDigits > maxFloatDigits {
		return &execd.OptionError{
			Option: "float_digits", Value: h.FloatDigits, Problem: "is out of range",
			Want: fmt.Sprintf("1 to %d significant digits, or 0 for all", maxFloatDigits),
		}
	}
	return nil
}

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
// no message can carry. It sends nothing and needs Init but not Connect, unless
// the credentials are in files.
func (h *Hologram) Encode(metrics []telegraf.Metric, refuse func(index int, err error), emit func(message []byte) error) error {
	credentials, err := h.credentials()
	if err != nil {
		return err
	}
	h.packer.credentials = credentials
	indices := make([]int, len(metrics))
	for i := range indices {
		indices[i] = i
	}
	return h.packer.pack(metrics, indices, h.sequence, refuse, func(m message, _ []int) (payload.Sequence, error) {
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
	todo := make([]int, len(metrics))
	for i := range todo {
		todo[i] = i
	}
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

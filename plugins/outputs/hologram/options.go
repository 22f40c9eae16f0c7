package hologram

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/socketapi"
)

// Limits of the options.
const (
	defaultMessageSize = 4096
	minMessageSize     = 128
	maxMessageSize     = 256 << 10
	maxFloatDigits     = 15
	maxTopicPrefix     = 16
	maxExtraTopics     = 8
)

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

package hologram

import (
	"fmt"
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
	if err := h.Check(); err != nil {
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
	if err := h.Second.check(); err != nil {
		return inTable(err)
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
	// Those that come from files have the same length.
	h.packer.credentials = h.Placeholder()
	return nil
}

func unknownValue(option, value string, valid ...string) error {
	return &execd.OptionError{Option: option, Value: value, Problem: "is unknown", Want: `one of "` + strings.Join(valid, `", "`) + `"`}
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

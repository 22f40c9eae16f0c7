package modemsms

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/metric"
)

// measurement is the name of the metrics of messages.
const measurement = "sms"

// writer makes metrics of messages. It is used by one goroutine.
type writer struct {
	modem         string // the tag
	text, sender  string // showPlain, showHash or showOmit
	key           hashKey
	pdu           bool // give it with each message
	serviceCenter bool // the time is that of the service centre
	format        string
	wanted        senders

	last time.Time // of a metric
}

// metrics returns what becomes of a message: nothing if its sender is not
// wanted, the metric of the message, and the metrics that it holds.
func (w *writer) metrics(j *gsm.Joined, received time.Time) []telegraf.Metric {
	msg := j.Message
	if !w.wanted.wants(msg.Peer.Format()) {
		return nil
	}
	// Two messages of one sender must not have the same time: the later would take
	// the place of the earlier in a database.
	if !received.After(w.last) {
		received = w.last.Add(1)
	}
	w.last = received

	m := metric.New(measurement, w.tags(msg), nil, w.time(msg, received))
	held, problem := w.expand(j, received)
	if len(held) > 0 {
		m.AddField("metrics", int64(len(held)))
	} else {
		w.addBody(m, msg)
	}
	w.addParts(m, j)
	w.addTimes(m, msg, received)
	w.addHeader(m, msg)
	switch {
	case msg.Err != nil:
		m.AddField("error", msg.Err.Error())
	case problem != "":
		m.AddField("error", problem)
	}
	if repaired := msg.Repaired.String(); repaired != "" {
		m.AddField("repaired", repaired)
	}
	if len(j.PDUs) > 0 && (w.pdu || msg.Err != nil && w.text == showPlain && w.sender == showPlain) {
		m.AddField("pdu", strings.Join(j.PDUs, ","))
	}
	return append([]telegraf.Metric{m}, held...)
}

// tags are what tells series apart: nothing that is different in each message.
func (w *writer) tags(msg *gsm.Message) []telegraf.Tag {
	tags := []telegraf.Tag{{Key: "kind", Value: kindOf(msg.Kind)}, {Key: "modem", Value: w.modem}}
	if sender := w.show(w.sender, msg.Peer.Format()); sender != "" {
		tags = append(tags, telegraf.Tag{Key: "sender", Value: tagValue(sender)})
	}
	if msg.Kind == gsm.Deliver {
		tags = append(tags, telegraf.Tag{Key: "encoding", Value: msg.Encoding.String()})
	}
	if msg.Class != gsm.NoClass {
		tags = append(tags, telegraf.Tag{Key: "class", Value: msg.Class.String()})
	}
	return tags
}

// kindOf is the tag kind.
func kindOf(kind gsm.Kind) string {
	switch kind {
	case gsm.Deliver:
		return "message"
	case gsm.StatusReport:
		return "report"
	case gsm.Submit:
		return "submit"
	default:
		return "unknown"
	}
}

// tagValue is a text that a tag can hold: Telegraf loses line ends in tags.
func tagValue(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
}

// show returns what is told of a text.
func (w *writer) show(how, text string) string {
	switch {
	case how == showPlain || text == "":
		return text
	case how == showHash:
		return w.key.hash(text)
	default:
		return ""
	}
}

// time is the time of the metric. A service centre tells no fraction of the
// second; that of the time of receipt keeps the messages of one second apart.
func (w *writer) time(msg *gsm.Message, received time.Time) time.Time {
	if at := msg.Time.Time; w.serviceCenter && !at.IsZero() && !msg.Time.NoZone {
		return at.Truncate(time.Second).Add(time.Duration(received.Nanosecond()))
	}
	return received
}

// addBody adds the text and the data.
func (w *writer) addBody(m *metric.Metric, msg *gsm.Message) {
	if msg.Kind == gsm.StatusReport && msg.Text == "" && len(msg.Data) == 0 {
		return
	}
	text, isText := bodyOf(msg)
	switch {
	case isText:
		m.AddField("length", int64(utf8.RuneCountInString(text)))
	case msg.Data != nil:
		m.AddField("length", int64(len(msg.Data)))
	}
	switch w.text {
	case showPlain:
		if isText {
			m.AddField("text", text)
		}
		if msg.Data != nil {
			m.AddField("data", hex.EncodeToString(msg.Data))
		}
	case showHash:
		if text == "" {
			text = string(msg.Data)
		}
		if text != "" {
			m.AddField("text", w.key.hash(text))
		}
	}
}

// bodyOf returns the text of a message, and whether it has one. 8 bit data is one
// if it can be read: Hologram's own API sends text so.
func bodyOf(msg *gsm.Message) (text string, ok bool) {
	if msg.Data == nil {
		return msg.Text, msg.Kind != gsm.Unknown
	}
	if msg.Encoding != gsm.Octets || msg.Err != nil || !utf8.Valid(msg.Data) {
		return "", false
	}
	text = string(msg.Data)
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\n' && r != '\r' && r != '\t' }) {
		return "", false
	}
	return text, true
}

// addParts adds what is known of the parts.
func (w *writer) addParts(m *metric.Metric, j *gsm.Joined) {
	m.AddField("parts", int64(j.Parts))
	m.AddField("complete", j.Complete())
	if !j.Complete() {
		numbers := make([]string, len(j.Missing))
		for i, n := range j.Missing {
			numbers[i] = strconv.Itoa(n)
		}
		m.AddField("missing", strings.Join(numbers, ","))
	}
	if c := j.Message.Concat; c != nil {
		m.AddField("reference", int64(c.Reference))
	}
}

// addTimes adds the times of the service centre.
func (w *writer) addTimes(m *metric.Metric, msg *gsm.Message, received time.Time) {
	if text := timeText(msg.Time); text != "" {
		m.AddField("service_center_time", text)
		if !msg.Time.NoZone {
			m.AddField("delay", int64(math.Round(received.Sub(msg.Time.Time).Seconds())))
		}
	}
	if msg.Kind == gsm.StatusReport {
		if text := timeText(msg.Discharge); text != "" {
			m.AddField("discharge_time", text)
		}
	}
}

// timeText writes a time with its zone, or without one if that is not known.
func timeText(t gsm.Timestamp) string {
	switch {
	case t.Time.IsZero():
		return ""
	case t.NoZone:
		return t.Time.Format("2006-01-02T15:04:05")
	}
	return t.Time.Format(time.RFC3339)
}

// addHeader adds the rest of the TPDU.
func (w *writer) addHeader(m *metric.Metric, msg *gsm.Message) {
	if msg.Kind == gsm.Unknown {
		return
	}
	if center := msg.SMSC.Format(); center != "" && w.sender == showPlain {
		m.AddField("service_center", center)
	}
	if msg.Kind == gsm.StatusReport {
		m.AddField("reference", int64(msg.Reference))
		m.AddField("status", int64(msg.Status))
		m.AddField("outcome", outcome(msg.Status))
		return
	}
	m.AddField("pid", int64(msg.PID))
	m.AddField("dcs", int64(msg.DCS))
	if p := msg.Ports; p != nil {
		m.AddField("destination_port", int64(p.Destination))
		m.AddField("source_port", int64(p.Source))
	}
	for _, i := range msg.Indications {
		name := i.Waiting.String()
		m.AddField(name+"_waiting", i.Active)
		if i.Count >= 0 {
			m.AddField(name+"_count", int64(i.Count))
		}
	}
}

// outcome says what TP-ST means (3GPP TS 23.040 9.2.3.15).
func outcome(status byte) string {
	switch {
	case status < 0x20:
		return "delivered"
	case status < 0x40:
		return "trying"
	default:
		return "failed"
	}
}

package page

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/influxdata/telegraf"
)

// Outcome is what became of a message.
type Outcome int

// The outcomes.
const (
	Taken Outcome = iota
	Refused
	Lost // not taken, and not answered
)

// Message is what a device sent to the cloud, or tried to.
type Message struct {
	Received time.Time
	Kind     string // "message", "SMS over IP"
	Device   string // empty if it is not known
	Outcome  Outcome
	Status   string // the outcome in a word or two
	Reason   string // why it was not taken
	Fault    string // the failure mode that was applied
	To       string // the number that an SMS goes to
	Topics   []string
	Data     string // any bytes
	// Metrics are what Data was decoded to; DecodeErr is why it was not.
	Metrics   []telegraf.Metric
	DecodeErr error
	// BytesIn and BytesOut are the bytes of the message, with its terminator, and of
	// the answer.
	BytesIn, BytesOut int
	// NoConnection says that it came as an SMS, which costs no bytes.
	NoConnection bool
}

// SMS is one that the modem received or sent, or a status report.
type SMS struct {
	Time        time.Time
	Sent        bool   // by the modem; otherwise it was received
	Peer        string // the sender or the recipient
	Text        string // any bytes
	Part, Parts int    // of a long text
	Reference   int    // TP-MR of what was sent and of a report
	WantsReport bool
	Report      bool // it is a status report, with Status (TP-ST)
	Status      int
}

// What is shown of one item.
const (
	maxData    = 4 << 10 // bytes of the data
	maxMetrics = 12 << 10
	maxTopics  = 16
	maxNames   = 4
	maxShort   = 256
)

// What the IP and TCP headers of one message cost over IPv4 with a client that is
// as careful as ours, measured: 385 bytes in seven packets, with an answer of five
// bytes; each segment after the first is a header and an acknowledgement more.
const (
	wireHeaders = 380
	wireSegment = 1448 // bytes of data, where the path takes 1500
	wireMore    = 104
)

// wire estimates the bytes of a message and its answer on the wire.
func wire(in, out int) int {
	return wireHeaders + in + out + max(in-1, 0)/wireSegment*wireMore
}

// pair is a tag or a field.
type pair struct{ Key, Value string }

// metricView is a metric as it is shown.
type metricView struct {
	Name   string
	Tags   []pair
	Fields []pair
	Time   string
	Full   string // with the date, to the nanosecond
}

// messageView is a message as it is shown: short texts without control characters.
type messageView struct {
	Time, Full    string
	Device, Kind  string
	Outcome       Outcome
	Status        string
	Reason, Fault string
	To            string
	Topics        []string
	MoreTopics    int
	Bytes, Answer int
	Wire          int // 0 if it came by no connection
	Count         int // of the metrics
	Names         string
	Metrics       []metricView
	MoreMetrics   int
	DecodeError   string
	Data          string
	Cut           bool
}

// Class is the CSS class of the outcome.
func (v *messageView) Class() string {
	switch v.Outcome {
	case Refused:
		return "refused"
	case Lost:
		return "lost"
	default:
		return "taken"
	}
}

// size is about what the view takes in memory.
func (v *messageView) size() int {
	n := 512 + len(v.Data) + len(v.Names) + len(v.Reason)
	for _, m := range v.Metrics {
		n += m.size()
	}
	return n
}

func (m metricView) size() int {
	n := 128 + len(m.Name)
	for _, list := range [][]pair{m.Tags, m.Fields} {
		for _, p := range list {
			n += 32 + len(p.Key) + len(p.Value)
		}
	}
	return n
}

// matches tells whether a text, which is in lower case, is in what is shown.
func (v *messageView) matches(text string) bool {
	contains := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	if slices.ContainsFunc([]string{v.Device, v.Kind, v.Status, v.Reason, v.Fault, v.To, v.DecodeError, v.Data}, contains) || slices.ContainsFunc(v.Topics, contains) {
		return true
	}
	has := func(p pair) bool { return contains(p.Key) || contains(p.Value) }
	return slices.ContainsFunc(v.Metrics, func(m metricView) bool {
		return contains(m.Name) || slices.ContainsFunc(m.Tags, has) || slices.ContainsFunc(m.Fields, has)
	})
}

const (
	clock    = "15:04:05.000"
	fullTime = "2006-01-02 15:04:05.000 MST"
)

func (m Message) view() *messageView {
	v := &messageView{
		Time: m.Received.Format(clock), Full: m.Received.Format(fullTime),
		Device: printable(m.Device, maxShort), Kind: printable(m.Kind, maxShort), Outcome: m.Outcome, Status: printable(m.Status, maxShort),
		Reason: printable(m.Reason, maxShort), Fault: printable(m.Fault, maxShort), To: printable(m.To, maxShort),
		Bytes: m.BytesIn, Answer: m.BytesOut,
		Count: len(m.Metrics), Cut: len(m.Data) > maxData,
	}
	if !m.NoConnection {
		v.Wire = wire(m.BytesIn, m.BytesOut)
	}
	for _, t := range m.Topics[:min(len(m.Topics), maxTopics)] {
		v.Topics = append(v.Topics, printable(t, maxShort))
	}
	v.MoreTopics = len(m.Topics) - len(v.Topics)
	if m.DecodeErr != nil {
		v.DecodeError = printable(m.DecodeErr.Error(), maxShort)
	}
	v.Data = printable(m.Data, maxData)
	v.Names = names(m.Metrics)
	left := maxMetrics
	for _, metric := range m.Metrics {
		view := viewMetric(metric)
		if left -= view.size(); left < 0 && len(v.Metrics) > 0 {
			break
		}
		v.Metrics = append(v.Metrics, view)
	}
	v.MoreMetrics = len(m.Metrics) - len(v.Metrics)
	return v
}

// names says which metrics there are: "cpu ×4, mem and 2 more".
func names(metrics []telegraf.Metric) string {
	var order []string
	counts := make(map[string]int)
	for _, m := range metrics {
		if counts[m.Name()]++; counts[m.Name()] == 1 {
			order = append(order, m.Name())
		}
	}
	var b strings.Builder
	for i, name := range order {
		if i == maxNames {
			b.WriteString(" and " + strconv.Itoa(len(order)-maxNames) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(printable(name, 64))
		if n := counts[name]; n > 1 {
			b.WriteString(" ×" + strconv.Itoa(n))
		}
	}
	return b.String()
}

// viewMetric shows at most maxPairs tags and fields.
func viewMetric(m telegraf.Metric) metricView {
	const maxPairs = 64
	v := metricView{
		Name: printable(m.Name(), maxShort),
		Time: m.Time().Local().Format(clock), Full: m.Time().UTC().Format(time.RFC3339Nano),
	}
	for i, t := range m.TagList() {
		if i == maxPairs {
			v.Tags = append(v.Tags, pair{"…", strconv.Itoa(len(m.TagList())-maxPairs) + " more"})
			break
		}
		v.Tags = append(v.Tags, pair{printable(t.Key, maxShort), printable(t.Value, maxShort)})
	}
	fields := slices.Clone(m.FieldList())
	slices.SortFunc(fields, func(a, b *telegraf.Field) int { return strings.Compare(a.Key, b.Key) })
	for i, f := range fields {
		if i == maxPairs {
			v.Fields = append(v.Fields, pair{"…", strconv.Itoa(len(fields)-maxPairs) + " more"})
			break
		}
		v.Fields = append(v.Fields, pair{printable(f.Key, maxShort), fieldValue(f.Value)})
	}
	return v
}

// fieldValue shows a value as line protocol does, so that its type can be seen.
func fieldValue(value any) string {
	switch v := value.(type) {
	case float64:
		if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e15) {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int64:
		return strconv.FormatInt(v, 10) + "i"
	case uint64:
		return strconv.FormatUint(v, 10) + "u"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return `"` + printable(v, maxShort) + `"`
	default:
		return ""
	}
}

// smsView is an SMS as it is shown.
type smsView struct {
	Time, Full  string
	Sent        bool
	Peer        string
	Text        string
	Part, Parts int
	Reference   int
	WantsReport bool
	Report      bool
	Status      string
}

func (m SMS) view() *smsView {
	v := &smsView{
		Time: m.Time.Format("15:04:05"), Full: m.Time.Format(fullTime),
		Sent: m.Sent, Peer: printable(m.Peer, maxShort), Text: printable(m.Text, maxData),
		Part: m.Part, Parts: m.Parts, Reference: m.Reference, WantsReport: m.WantsReport, Report: m.Report,
	}
	if m.Report {
		v.Status = reportStatus(m.Status)
	}
	return v
}

// reportStatus is TP-ST in words (3GPP TS 23.040, 9.2.3.15).
func reportStatus(status int) string {
	text := "reserved"
	switch {
	case status < 0x20:
		text = "delivered"
	case status < 0x40:
		text = "still trying"
	case status < 0x60:
		text = "not delivered"
	case status < 0x80:
		text = "not delivered, given up"
	}
	return text + " (" + strconv.Itoa(status) + ")"
}

// printable returns at most limit bytes of s, in which what cannot be seen, or changes
// how other text is seen, is escaped as in Go: control characters other than a newline,
// the marks of bidirectional text, bytes that are not UTF-8, what is no character. Joined
// emoji stay as they are. "…" shows that something is missing.
func printable(s string, limit int) string {
	const zeroWidthJoiner = '\u200d'
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		text := s[:size]
		switch {
		case r == utf8.RuneError && size == 1:
			text = `\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:]
		case r == '\n' || r == zeroWidthJoiner:
		case !unicode.IsGraphic(r):
			text = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if b.Len()+len(text) > limit {
			return b.String() + "…"
		}
		b.WriteString(text)
		s = s[size:]
	}
	return b.String()
}

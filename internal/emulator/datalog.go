package emulator

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"
)

const (
	// maxDataLogBytes bounds the data in the data log.
	maxDataLogBytes = 64 << 20
	// maxLogLine is what a line of a log file can have: the largest message, in
	// base64, and what is around it.
	maxLogLine = 2 * maxBuffered

	dataLogOrganization = 1
	dataLogTime         = time.DateTime               // UTC
	dataLogReceived     = "2006-01-02T15:04:05+00:00" // UTC
)

// record is one message in the data log.
type record struct {
	id       int64
	received time.Time
	device   int
	topics   []string
	recordID string
	data     string // the event as JSON
	rules    []matchedRule
}

// matchedRule is what the data log tells about one route of a message.
type matchedRule struct {
	RuleID     int    `json:"ruleid"`
	Error      bool   `json:"error"`
	ResultData string `json:"result_data"`
}

// dataLog keeps the latest messages, as what the cloud's API lists.
type dataLog struct {
	max int // records

	mu      sync.Mutex
	records []record // oldest first; their IDs rise
	bytes   int
	last    int64 // the latest ID
}

// add puts an event into the log and returns its ID. That is the time at which
// it was received, in microseconds since 1970, made unique: so IDs rise even
// across restarts, and a log file that is read again brings the same ones.
func (l *dataLog) add(e Event) int64 {
	data := e.logged()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(l.last+1, e.Received.UnixMicro())
	l.records = append(l.records, record{
		id:       l.last,
		received: e.Received,
		device:   e.DeviceID,
		topics:   e.Topics,
		recordID: e.RecordID,
		data:     data,
	})
	l.bytes += len(data)
	drop := 0
	for len(l.records)-drop > l.max || l.bytes > maxDataLogBytes && len(l.records)-drop > 1 {
		l.bytes -= len(l.records[drop].data)
		l.records[drop] = record{} // let go of its data
		drop++
	}
	l.records = l.records[drop:]
	return l.last
}

// logged returns the event as the data log has it: flat, an SMS with its text in
// data as a message's, and with its own form of the time.
func (e Event) logged() string {
	c := e.cloud(true)
	if c.Data == nil {
		c.Data, c.Body = c.Body, nil
	}
	c.Received = e.Received.UTC().Format(dataLogReceived)
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // it has nothing that could not be marshaled
	}
	return string(text)
}

// result notes what has become of a webhook. The record may be gone already.
func (l *dataLog) result(id int64, d Delivery) {
	rule := matchedRule{RuleID: d.Webhook, Error: d.Err != nil, ResultData: fmt.Sprintf("answered %d", d.Status)}
	if d.Err != nil {
		rule.ResultData = d.Err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.at(id)
	if i == len(l.records) || l.records[i].id != id {
		return
	}
	r := &l.records[i]
	// A page that is being written may still have the old ones.
	rules := make([]matchedRule, 0, len(r.rules)+1)
	for _, old := range r.rules {
		if old.RuleID != rule.RuleID {
			rules = append(rules, old)
		}
	}
	r.rules = append(rules, rule)
}

// at returns the place of the first record with this ID or a later one.
func (l *dataLog) at(id int64) int {
	return sort.Search(len(l.records), func(i int) bool { return l.records[i].id >= id })
}

// dataLogQuery says which records are asked for.
type dataLogQuery struct {
	limit   int
	before  int64 // only records with lower IDs; 0 is all
	from    int64 // not before this second since 1970
	to      int64 // not after this second
	devices map[int]bool
	topics  map[string]bool
	failed  bool // only with a rule that failed
}

func (q *dataLogQuery) matches(r *record) bool {
	if at := r.received.Unix(); at < q.from || at > q.to {
		return false
	}
	if q.devices != nil && !q.devices[r.device] {
		return false
	}
	if q.topics != nil {
		found := false
		for _, topic := range r.topics {
			found = found || q.topics[topic]
		}
		if !found {
			return false
		}
	}
	if q.failed {
		for _, rule := range r.rules {
			if rule.Error {
				return true
			}
		}
		return false
	}
	return true
}

// find returns a page of records, newest first, and whether there are more. A
// page ends early when it has more than maxBytes of data.
func (l *dataLog) find(q dataLogQuery, maxBytes int) (page []record, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := len(l.records)
	if q.before > 0 {
		end = l.at(q.before)
	}
	size := 0
	for i := end - 1; i >= 0; i-- {
		r := &l.records[i]
		if !q.matches(r) {
			continue
		}
		if len(page) == q.limit || len(page) > 0 && size+len(r.data) > maxBytes {
			return page, true
		}
		size += len(r.data)
		page = append(page, *r)
	}
	return page, false
}

// LoadLog adds the messages of a log file, as [Log] writes them, to what the API
// lists, the oldest first. It is for a start before the server takes messages.
// Refused and lost messages are left out. Lines that are no events are skipped
// and counted, since a crash may have left one.
func (s *Server) LoadLog(r io.Reader) (loaded, skipped int, err error) {
	if s.api == nil {
		return 0, 0, errors.New("there is no API that would list the messages of a log")
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLogLine)
	for lines.Scan() {
		e, err := parseLogLine(lines.Bytes())
		switch {
		case err != nil:
			skipped++
		case e.Taken:
			s.api.log.add(e)
			loaded++
		}
	}
	if err := lines.Err(); err != nil {
		return loaded, skipped, fmt.Errorf("cannot read the log: %w", err)
	}
	return loaded, skipped, nil
}

// parseLogLine reads an event in either of the log's shapes.
func parseLogLine(line []byte) (Event, error) {
	var c cloudEvent
	if err := json.Unmarshal(line, &c); err != nil {
		return Event{}, err
	}
	received, err := time.Parse(cloudTime, c.Received)
	if err != nil {
		return Event{}, err
	}
	// Outside of these years the time in microseconds would not be one.
	if year := received.Year(); year < 1970 || year > 9999 {
		return Event{}, errors.New("year out of range")
	}
	e := Event{
		RecordID:   c.RecordID,
		Received:   received,
		Kind:       KindMessage,
		DeviceID:   c.DeviceID,
		DeviceName: c.DeviceName,
		Topics:     c.Tags,
		Taken:      c.ErrorCode == 0,
		To:         c.Destination,
	}
	if c.Device != nil {
		e.DeviceID, e.DeviceName = c.Device.ID, c.Device.Name
	}
	encoded := c.Data
	if c.Body != nil {
		e.Kind, encoded = KindSMS, c.Body
	}
	if encoded == nil || c.RecordID == "" {
		return Event{}, errors.New("no data or no ID")
	}
	data, err := base64.StdEncoding.DecodeString(*encoded)
	if err != nil {
		return Event{}, err
	}
	e.Data = string(data)
	for _, topic := range c.Tags {
		if !strings.HasPrefix(topic, "_") {
			e.topics++
		}
	}
	return e, nil
}

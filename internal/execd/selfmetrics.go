package execd

import (
	"strconv"
	"time"

	"telegraf-hologram/internal/ledger"
)

// selfMetric is the name of the measurement that tells how the link and the buffer are.
const selfMetric = "hologram_link"

// holder is what holds records.
type holder interface {
	Len() int
	Bytes() int64
}

// oldestTeller is a queue that knows when its oldest record was taken in; zero when it is empty.
type oldestTeller interface{ Oldest() time.Time }

// appendSelfMetric appends a record of line protocol, without its newline, that tells at the time now what the link has
// cost since the ledger began and how the buffer is. All fields are integers. Those that rarely matter are left out
// while they are 0, because every byte of the record is paid for as well.
func appendSelfMetric(dst []byte, now time.Time, s ledger.State, budget ledger.Budget, q holder) []byte {
	dst = append(dst, selfMetric...)
	separator := byte(' ')
	field := func(name string, value int64) {
		dst = append(dst, separator)
		dst = append(dst, name...)
		dst = append(dst, '=')
		dst = strconv.AppendInt(dst, value, 10)
		dst = append(dst, 'i')
		separator = ','
	}
	rare := func(name string, value int64) {
		if value != 0 {
			field(name, value)
		}
	}

	t, used := s.Total, s.Month(now).Bytes()
	field("bytes_sent", t.Sent)
	field("bytes_received", t.Received)
	field("month_bytes", used)
	field("messages", t.Messages)
	field("tries", t.Tries)
	rare("retries", t.Retries)
	rare("failures", t.Failures)
	field("metrics_taken", t.Taken)
	field("metrics", t.Metrics)
	rare("metrics_doubtful", t.Doubtful)
	rare("refused", t.Refused)
	rare("unparsable", t.Unparsable)
	rare("set_aside", t.SetAside)
	rare("too_long", t.TooLong)
	rare("dropped_full", t.DroppedFull)
	rare("dropped_age", t.DroppedAge)
	rare("lost", t.Lost)
	rare("damaged", t.Damaged)
	field("buffer_metrics", int64(q.Len()))
	field("buffer_bytes", q.Bytes())
	if q, ok := q.(oldestTeller); ok {
		if oldest := q.Oldest(); !oldest.IsZero() {
			field("oldest_age_s", max(0, int64(now.Sub(oldest)/time.Second)))
		}
	}
	if budget.Limit > 0 {
		field("budget_used_percent", budget.Percent(used))
	}
	dst = append(dst, ' ')
	return strconv.AppendInt(dst, now.UnixNano(), 10)
}

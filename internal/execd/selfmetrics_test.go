package execd

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/ledger"
	"telegraf-hologram/internal/queue"
)

func TestSelfMetric(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	l, err := ledger.Open("", func() time.Time { return now })
	require.NoError(t, err)
	q := queue.NewMemory(queue.Limits{Bytes: 1 << 20})
	record := appendSelfMetric([]byte("before"), now, l.Snapshot(), ledger.Budget{}, q)
	require.Equal(t, "before"+"hologram_link bytes_sent=0i,bytes_received=0i,month_bytes=0i,messages=0i,tries=0i,metrics_taken=0i,"+
		"metrics=0i,buffer_metrics=0i,buffer_bytes=0i 1772600767000000008", string(record))

	require.NoError(t, l.Add(ledger.Counters{Sent: 700, Received: 200, Messages: 1, Tries: 2, Retries: 1, Failures: 1, Taken: 12,
		Metrics: 10, Doubtful: 5, DroppedFull: math.MaxInt64}))
	require.NoError(t, q.Append([][]byte{[]byte("cpu value=1"), []byte("cpu value=2")}, now.Add(-90*time.Second)))
	later := now.AddDate(0, 1, 0)
	record = appendSelfMetric(nil, later, l.Snapshot(), ledger.Budget{Limit: 1000}, aged{q, now})
	m, err := ParseRecord(record, time.Time{})
	require.NoError(t, err)
	require.Equal(t, "hologram_link", m.Name())
	require.Empty(t, m.Tags())
	require.Equal(t, later, m.Time().UTC())
	require.Equal(t, map[string]any{
		"bytes_sent": int64(700), "bytes_received": int64(200), "month_bytes": int64(0), "messages": int64(1), "tries": int64(2),
		"retries": int64(1), "failures": int64(1), "metrics_taken": int64(12), "metrics": int64(10), "metrics_doubtful": int64(5),
		"dropped_full": int64(math.MaxInt64), "buffer_metrics": int64(2), "buffer_bytes": q.Bytes(),
		"oldest_age_s": int64(31 * 24 * 60 * 60), "budget_used_percent": int64(0),
	}, m.Fields())

	m, err = ParseRecord(appendSelfMetric(nil, now, l.Snapshot(), ledger.Budget{Limit: 1000}, q), time.Time{})
	require.NoError(t, err)
	require.EqualValues(t, 900, m.Fields()["month_bytes"])
	require.EqualValues(t, 90, m.Fields()["budget_used_percent"])
}

// Every counter is a field, under the name that it has in the command status.
func TestSelfMetricHasEveryCounter(t *testing.T) {
	var c ledger.Counters
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(i) + 1)
	}
	record := appendSelfMetric(nil, time.Now(), ledger.State{Total: c}, ledger.Budget{}, queue.NewMemory(queue.Limits{}))
	m, err := ParseRecord(record, time.Time{})
	require.NoError(t, err)
	for i := range v.NumField() {
		require.EqualValues(t, i+1, m.Fields()[rows[i].name], v.Type().Field(i).Name)
	}
}

// aged is a queue that knows its oldest record.
type aged struct {
	Queue
	oldest time.Time
}

func (a aged) Oldest() time.Time { return a.oldest }

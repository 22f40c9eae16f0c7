package loss_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
	"telegraf-hologram/e2e/internal/loss"
)

// metrics returns so many numbered metrics.
func metrics(t *testing.T, count int) []lab.Metric {
	t.Helper()
	var text []byte
	for n := range count {
		text = loss.AppendMetric(text, n, time.Unix(1_700_000_000, int64(n)))
	}
	list, err := lab.ReadMetrics(bytes.NewReader(text))
	require.NoError(t, err)
	return list
}

func TestCount(t *testing.T) {
	m := metrics(t, 10)
	changed := m[5]
	changed.Exact += "0"
	of := func(data string, numbers ...int) lab.Message {
		message := lab.Message{Data: data, Taken: true}
		for _, n := range numbers {
			message.Metrics = append(message.Metrics, m[n])
		}
		return message
	}
	lost := of("lost", 6, 7)
	lost.Taken = false
	tests := []struct {
		name     string
		messages []lab.Message
		want     loss.Account
	}{
		{"nothing", nil, loss.Account{Sent: 10, Lost: 10, Missing: "0-9"}},
		{
			"all", []lab.Message{of("a", 0, 1, 2, 3, 4), of("b", 5, 6, 7, 8, 9)},
			loss.Account{Sent: 10, Delivered: 10, Messages: 2},
		},
		{
			"a message that was not taken", []lab.Message{of("a", 0, 1, 2, 3, 4, 5, 8, 9), lost},
			loss.Account{Sent: 10, Delivered: 8, Lost: 2, Messages: 1, Missing: "6-7"},
		},
		{
			"the same message again", []lab.Message{of("a", 1, 2, 3), of("a", 1, 2, 3), of("a", 1, 2, 3)},
			loss.Account{Sent: 10, Delivered: 3, Lost: 7, Duplicates: 6, Repeated: 2, Messages: 3, Missing: "0 4-9"},
		},
		{
			"the same metrics in other messages", []lab.Message{of("a", 0, 1, 2), of("b", 2, 3), of("c", 4)},
			loss.Account{Sent: 10, Delivered: 5, Lost: 5, Duplicates: 1, Rewritten: 1, Messages: 3, Missing: "5-9"},
		},
		{
			"the same metrics in one message", []lab.Message{of("a", 0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
			loss.Account{Sent: 10, Delivered: 10, Duplicates: 2, Rewritten: 1, Messages: 1},
		},
		{
			"out of order", []lab.Message{of("a", 0, 1, 8, 9), of("b", 2, 3, 4), of("c", 5, 6, 7)},
			loss.Account{Sent: 10, Delivered: 10, Late: 6, Messages: 3},
		},
		{
			"changed on the way", []lab.Message{{Data: "a", Taken: true, Metrics: []lab.Metric{m[0], changed}}},
			loss.Account{Sent: 10, Delivered: 1, Lost: 9, Invented: 1, Messages: 1, Missing: "1-9"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := loss.Count(m, tt.messages)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// A generator's file that misses a number would hide a loss.
func TestCountWantsAllNumbers(t *testing.T) {
	m := metrics(t, 3)
	_, err := loss.Count([]lab.Metric{m[0], m[2]}, nil)
	require.Error(t, err)
}

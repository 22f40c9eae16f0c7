package hologram

import (
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
)

// TestWriteHints checks what a failed Write says about the next try.
func TestWriteHints(t *testing.T) {
	write := func(faults string, set func(*Hologram)) error {
		c := newCloud(t, faults)
		return connect(t, c, set).Write([]telegraf.Metric{gauge("a", 1)})
	}
	t.Run("no network costs nothing", func(t *testing.T) {
		// A broadcast address has no route for TCP.
		err := write("", func(h *Hologram) { h.Address = "255.255.255.255:9999" })
		require.Equal(t, execd.RetryHint{Poll: noRoutePoll}, hintOf(t, err))
	})
	t.Run("refused connections back off", func(t *testing.T) {
		require.Zero(t, hintOf(t, write("", func(h *Hologram) { h.Address = "127.0.0.1:1" })))
	})
	t.Run("an unknown fate backs off", func(t *testing.T) {
		require.Zero(t, hintOf(t, write("close-without-answer-taken", nil)))
	})
	t.Run("waiting for a late answer counts", func(t *testing.T) {
		err := write("never-answer-taken", func(h *Hologram) {
			h.AnswerTimeout, h.LateAnswer = execd.Duration(50*time.Millisecond), execd.Duration(100*time.Millisecond)
		})
		waited := hintOf(t, err).Waited
		require.GreaterOrEqual(t, waited, 100*time.Millisecond)
		require.Less(t, waited, 5*time.Second)
	})
}

// An answer that comes after answer_timeout, on a connection that was kept
// open, counts: nothing is sent twice.
func TestWriteLateAnswer(t *testing.T) {
	c := newCloud(t, "late-answer=300ms")
	h := connect(t, c, func(h *Hologram) {
		h.AnswerTimeout, h.LateAnswer = execd.Duration(50*time.Millisecond), execd.Duration(10*time.Second)
	})
	require.NoError(t, h.Write([]telegraf.Metric{gauge("a", 1)}))
	require.Len(t, c.taken(), 1)

	c = newCloud(t, "late-answer=300ms:1")
	h = connect(t, c, func(h *Hologram) { h.AnswerTimeout, h.LateAnswer = execd.Duration(50*time.Millisecond), 0 })
	metrics := []telegraf.Metric{gauge("a", 1)}
	require.Error(t, h.Write(metrics), "not waited for")
	require.NoError(t, h.Write(metrics))
	require.Len(t, c.taken(), 2)
	require.Equal(t, c.taken()[0].Data, c.taken()[1].Data)
}

// A message that is never answered lets others pass, and is given up when it
// fails often enough while they do.
func TestWritePoison(t *testing.T) {
	c := newCloud(t, "close-without-answer-lost:3"+strings.Repeat(",ok:1,close-without-answer-lost:1", aloneTries))
	h := connect(t, c, nil)
	poison := []telegraf.Metric{gauge("poison", 1), gauge("poison", 2)}
	for range suspectTries {
		require.Error(t, h.Write(poison))
	}
	require.Empty(t, c.taken())
	for i := range aloneTries {
		metrics := append(poison[:2:2], gauge("other", float64(i)))
		var partial *execd.PartialWriteError
		require.ErrorAs(t, h.Write(metrics), &partial)
		require.Equal(t, []int{2}, partial.MetricsAccept, "others pass")
		if i < aloneTries-1 {
			require.Empty(t, partial.MetricsReject)
			continue
		}
		require.Equal(t, []int{0, 1}, partial.MetricsReject)
		require.ErrorIs(t, partial.MetricsRejectErrors[0], execd.ErrSetAside)
		require.ErrorContains(t, partial.MetricsRejectErrors[0], "8 times while others passed")
	}
	require.Len(t, c.metrics(t), aloneTries)
	require.NoError(t, h.Write([]telegraf.Metric{gauge("after", 1)}))
}

// While nothing else passes, nothing is given up.
func TestWriteNoPoisonAlone(t *testing.T) {
	c := newCloud(t, "close-without-answer-lost:30")
	h := connect(t, c, nil)
	metrics := []telegraf.Metric{gauge("a", 1)}
	for i := range 30 {
		err := h.Write(metrics)
		require.Error(t, err)
		require.NotErrorIs(t, err, execd.ErrSetAside)
		metrics = append(metrics, gauge("b", float64(i)))
	}
	require.NoError(t, h.Write(metrics))
	require.Len(t, c.metrics(t), len(metrics))
}

// WriteBacklog leaves out what would make a message with room for more.
func TestWriteBacklog(t *testing.T) {
	c := newCloud(t, "")
	h := connect(t, c, func(h *Hologram) { h.MessageSize = 600 })
	var exchanges []execd.Exchange
	h.OnExchange(func() {}, func(x execd.Exchange) { exchanges = append(exchanges, x) })
	metrics := metricsOf(t, "tsbs_iot", 60)
	left, err := h.WriteBacklog(metrics)
	require.NoError(t, err)
	require.Positive(t, left)
	requireEqual(t, metrics[:len(metrics)-left], c.metrics(t))
	for _, e := range c.taken() {
		require.Greater(t, int(e.BytesIn), 500)
	}
	require.Len(t, exchanges, len(c.taken()))
	var accepted []int
	for _, x := range exchanges {
		require.True(t, x.Delivered)
		require.Len(t, x.Accepted, x.Metrics)
		require.Greater(t, x.Sent, int64(500))
		require.Positive(t, x.Received)
		accepted = append(accepted, x.Accepted...)
	}
	require.Equal(t, indicesOf(metrics[:len(metrics)-left]), accepted)

	left, err = h.WriteBacklog(metrics[:1])
	require.NoError(t, err)
	require.Zero(t, left, "the first message always goes")
	require.NoError(t, h.Write(metrics[:1]))
}

// While there is no network, a full message is packed once: to look for the
// network costs no more than that.
func TestWritePacksOnce(t *testing.T) {
	c := newCloud(t, "")
	h := connect(t, c, func(h *Hologram) { h.MessageSize = 600 })
	address := h.client.Address
	h.client.Address = "127.0.0.1:1"
	metrics := metricsOf(t, "tsbs_iot", 60)
	require.Error(t, h.Write(metrics))
	once := h.packer.encoded
	for range 5 {
		metrics = append(metrics, gauge("later", 1))
		require.Error(t, h.Write(metrics))
	}
	require.Equal(t, once, h.packer.encoded)
	h.client.Address = address
	require.NoError(t, h.Write(metrics))
	requireEqual(t, metrics, c.metrics(t))
	require.Nil(t, h.ready)
}

// What an exchange tells of tries that came before.
func TestExchanges(t *testing.T) {
	c := newCloud(t, "reset-taken:1,code-2:1")
	h := connect(t, c, nil)
	var exchanges []execd.Exchange
	h.OnExchange(func() {}, func(x execd.Exchange) {
		x.Sent, x.Received = 0, 0
		exchanges = append(exchanges, x)
	})
	metrics := []telegraf.Metric{gauge("a", 1), gauge("b", 1)}
	require.Error(t, h.Write(metrics))
	require.Error(t, h.Write(metrics))
	require.NoError(t, h.Write(metrics))
	require.Equal(t, []execd.Exchange{
		{Metrics: 2},
		{Metrics: 2, Again: true, Doubtful: true},
		{Metrics: 2, Accepted: []int{0, 1}, Delivered: true},
	}, exchanges)
}

// What was out when the process was killed goes out again as the same bytes,
// wherever it is in what is written first.
func TestStateRecalls(t *testing.T) {
	for name, test := range map[string]struct {
		before int // metrics that come first now, as urgent ones do
		kept   int // metrics that the queue still has of the message
		same   bool
	}{
		"the same metrics":         {0, 3, true},
		"one is gone":              {0, 2, false},
		"urgent ones before":       {5, 3, true},
		"as many as are looked at": {recallOffsets, 3, true},
		"more than that":           {recallOffsets + 1, 3, false},
		"before and gone":          {5, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, "ok:1,reset-taken:1")
			var saved any
			first := connect(t, c, nil)
			first.OnExchange(func() { saved = first.GetState() }, func(execd.Exchange) {})
			require.NoError(t, first.Write([]telegraf.Metric{gauge("x", 1)}))
			metrics := []telegraf.Metric{gauge("a", 1), gauge("b", 2), gauge("c", 3)}
			require.Error(t, first.Write(metrics))

			second := connect(t, c, func(h *Hologram) { require.NoError(t, h.SetState(saved)) })
			var all []telegraf.Metric
			for i := range test.before {
				all = append(all, gauge("alarm", float64(i)))
			}
			all = append(all, metrics[3-test.kept:]...)
			all = append(all, gauge("d", 4), gauge("e", 5))
			require.NoError(t, second.Write(all))
			taken := c.taken()
			if test.same {
				require.Len(t, taken, 4)
				require.Equal(t, taken[1].Data, taken[2].Data)
			} else {
				require.Len(t, taken, 3)
				require.NotEqual(t, taken[1].Data, taken[2].Data)
			}
			last, err := event.Decode(taken[len(taken)-1].Data)
			require.NoError(t, err)
			require.Equal(t, len(taken)-2, int(last.Payload.Sequence))
			require.Len(t, c.metrics(t), 1+len(metrics)+len(all))
		})
	}
}

func TestSetStateRefusesOthers(t *testing.T) {
	h := New()
	require.ErrorIs(t, h.SetState(5), errState)
	require.ErrorIs(t, h.SetState(&State{Sequence: 5000}), errState)
	require.NoError(t, h.SetState(&State{Sequence: 4095, Sending: &trace{Metrics: -1}}))
	h.recall([]telegraf.Metric{gauge("a", 1)})
	require.Nil(t, h.inflight)
}

package modem

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/gsm/encode"
)

// What the modem takes from the network is told when it does, part by part, and what
// cannot be read as well.
func TestOnReceived(t *testing.T) {
	got := make(chan Received, 16)
	m := start(t, Config{PIN: "1234", ReportAfter: time.Millisecond, OnReceived: func(r Received) { got <- r }})
	long := strings.Repeat("high water ", 20)
	receive(t, m, long)
	_, err := m.Receive(Message{From: "Hologram", Text: "\x00\xff", Encoding: Data})
	require.NoError(t, err)
	require.NoError(t, m.ReceivePDU([]byte{0, 0x04, 0x05}))
	require.Empty(t, got, "the SIM is locked: all wait in the network")

	c := connect(t, m)
	c.do("AT+CPIN=1234")
	first, second := <-got, <-got
	require.Equal(t, []any{"+15550100", 1, 2, "gsm7", false}, []any{first.From, first.Part, first.Parts, first.Encoding, first.Report})
	require.Equal(t, 2, second.Part)
	require.Equal(t, long, first.Text+second.Text)
	require.WithinDuration(t, time.Now(), second.Time, time.Minute)
	data := <-got
	require.Equal(t, "Hologram", data.From)
	require.Equal(t, []byte("\x00\xff"), data.Data)
	require.Equal(t, []byte{0, 0x04, 0x05}, (<-got).PDU)

	require.NoError(t, m.SetReports(70))
	require.NoError(t, c.submits(encode.Message{From: "+15550101", Text: "x", Report: true}))
	report := <-got
	require.Equal(t, []any{"+15550101", true, byte(1), byte(70), ""}, []any{report.From, report.Report, report.Reference, report.Status, report.Text})
}

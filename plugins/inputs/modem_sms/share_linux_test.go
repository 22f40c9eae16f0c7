package modemsms

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/serial"
	"telegraf-hologram/internal/smsout"
)

// TestSharedPort shows that another process can send through the one port of a
// modem while this one receives, and that neither loses anything.
func TestSharedPort(t *testing.T) {
	m, link := startModem(t, modem.Config{})
	s := newSetUp(t, link, func(m *ModemSMS) {
		m.HoldPort = false
		m.JournalDirectory = t.TempDir()
	}).run()
	way := &smsout.Modem{Port: link, BusyWait: 10 * time.Second}
	defer func() { require.NoError(t, way.Close()) }()
	var texts []string
	for i := range 5 {
		text := fmt.Sprintf("in %d", i)
		send(t, m, text)
		texts = append(texts, text)
		require.NoError(t, way.Send(t.Context(), smsout.Message{To: "+15550199", Text: fmt.Sprintf("out %d", i)}))
		way.Finish(t.Context())
	}
	s.waitTexts(texts...)
	require.Len(t, m.Sent(), 5)
	s.waitState(stateOK)
	require.NotContains(t, s.log.String(), "busy")
	require.NotContains(t, s.log.String(), "W! ")
}

// TestHeldPort shows what whoever sends is told while the port is held.
func TestHeldPort(t *testing.T) {
	_, link := startModem(t, modem.Config{})
	newSetUp(t, link, nil).run().waitState(stateOK)
	way := &smsout.Modem{Port: link, BusyWait: -1}
	err := way.Send(t.Context(), smsout.Message{To: "+15550199", Text: "out"})
	var busy *serial.BusyError
	require.ErrorAs(t, err, &busy)
	var failure *smsout.WayError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, smsout.NotSent, failure.Verdict)
}

package smsout

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/serial"
)

func emulate(t *testing.T, cfg modem.Config) *modem.Modem {
	t.Helper()
	cfg.Link = filepath.Join(t.TempDir(), "modem")
	e, err := modem.Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func wayOf(e *modem.Modem) *Modem {
	return &Modem{
		Port: e.Port(), BusyWait: -1,
		Sender: gsm.SenderConfig{PIN: "1234", AnswerTimeout: 500 * time.Millisecond, SIMTimeout: 100 * time.Millisecond},
		AT:     at.Options{Quiet: 20 * time.Millisecond, Timeout: 2 * time.Second, PromptTimeout: time.Second, ProbeTimeout: time.Second},
	}
}

// sendBy sends by a way as an outbox does.
func sendBy(t *testing.T, w Way, m Message) *WayError {
	t.Helper()
	_, err := w.Plan(m)
	require.NoError(t, err)
	err = w.Send(t.Context(), m)
	if f, ok := w.(Finisher); ok {
		f.Finish(t.Context())
	}
	if err == nil {
		return nil
	}
	failure := new(WayError)
	require.ErrorAs(t, err, &failure)
	for _, private := range []string{"310000202", "secret"} {
		require.NotContains(t, err.Error(), private)
	}
	return failure
}

func TestModem(t *testing.T) {
	e := emulate(t, modem.Config{PIN: "1234", ReportAfter: 5 * time.Millisecond})
	w := wayOf(e)
	require.Nil(t, sendBy(t, w, Message{To: "310000202", Text: "secret"}))
	require.Len(t, e.Sent(), 1)
	require.Equal(t, "310000202", e.Sent()[0].To)

	// Nobody has the port in between.
	port, err := serial.Open(e.Port(), DefaultBaudRate)
	require.NoError(t, err)
	failure := sendBy(t, w, Message{To: "310000202", Text: "secret"})
	require.Equal(t, NotSent, failure.Verdict)
	busy := new(serial.BusyError)
	require.ErrorAs(t, failure, &busy)
	w.BusyWait = 10 * time.Second
	time.AfterFunc(300*time.Millisecond, func() { _ = port.Close() })
	require.Nil(t, sendBy(t, w, Message{To: "310000202", Text: "secret"}))

	// The port is held until the reports are there.
	var reports []gsm.Report
	w = wayOf(e)
	w.Reports = true
	w.Sender.ReportTimeout, w.Sender.OnReport = 10*time.Second, func(r gsm.Report) { reports = append(reports, r) }
	long := Message{To: "+15125550100", Text: strings.Repeat("x", 161), Reference: 200}
	require.Nil(t, sendBy(t, w, long))
	require.Len(t, reports, 2)
	require.Nil(t, w.driver)
	sent := e.Sent()
	require.EqualValues(t, 200, sent[len(sent)-1].PartRef)
	require.NoError(t, w.Close())
}

func TestModemVerdicts(t *testing.T) {
	e := emulate(t, modem.Config{PIN: "1234"})
	w := wayOf(e)
	for _, c := range []struct {
		modem.SendFault
		verdict Verdict
	}{
		{modem.SendFault{Mode: modem.SendError, Code: 38}, NotSent},
		{modem.SendFault{Mode: modem.SendError, Code: 8}, Stopped},
		{modem.SendFault{Mode: modem.SendError, Code: 1}, Refused},
		{modem.SendFault{Mode: modem.SendError, Code: 500}, Unsure},
		{modem.SendFault{Mode: modem.SendMute}, NotSent},
		{modem.SendFault{Mode: modem.SendLost}, Unsure},
	} {
		require.NoError(t, e.FailSending(c.SendFault))
		failure := sendBy(t, w, Message{To: "310000202", Text: "secret"})
		require.NotNil(t, failure, "%v", c)
		require.Equal(t, c.verdict, failure.Verdict, "%v: %v", c, failure)
		if c.verdict == Unsure {
			require.Equal(t, 1, failure.Sent)
		}
		require.Nil(t, w.driver)
	}
	require.NoError(t, e.SetRegistration(2))
	require.Equal(t, NotSent, sendBy(t, w, Message{To: "310000202", Text: "secret"}).Verdict)
	require.NoError(t, e.SetRegistration(1))
	require.Nil(t, sendBy(t, w, Message{To: "310000202", Text: "secret"}))
	require.NoError(t, e.Unplug())
	require.Equal(t, NotSent, sendBy(t, w, Message{To: "310000202", Text: "secret"}).Verdict)
}

// TestModemInPart: of a long text the first part has gone out, and the second is refused.
func TestModemInPart(t *testing.T) {
	for code, want := range map[int]*WayError{
		1:   {Verdict: Unsure, Sent: 1},
		500: {Verdict: Unsure, Sent: 2},
	} {
		sent := make(chan struct{}, 3)
		e := emulate(t, modem.Config{PIN: "1234", OnSent: func(modem.Sent) { sent <- struct{}{} }})
		done := make(chan struct{})
		go func() {
			defer close(done)
			<-sent
			_ = e.FailSending(modem.SendFault{Mode: modem.SendError, Code: code})
		}()
		require.NoError(t, e.FailSending(modem.SendFault{Mode: modem.SendSlow, After: 50 * time.Millisecond}))
		failure := sendBy(t, wayOf(e), Message{To: "310000202", Text: strings.Repeat("secret", 60)})
		<-done
		require.NotNil(t, failure)
		want.Err = failure.Err
		require.Equal(t, want, failure)
		require.Len(t, e.Sent(), 1)
	}
}

func TestModemStopped(t *testing.T) {
	e := emulate(t, modem.Config{PIN: "1234"})
	w := wayOf(e)
	w.Sender.PIN = "9999"
	for range 4 { // with one try of the PIN
		failure := sendBy(t, w, Message{To: "310000202", Text: "secret"})
		require.Equal(t, Stopped, failure.Verdict)
		require.ErrorIs(t, failure, gsm.ErrPINRefused)
	}
	require.Equal(t, "SIM PIN", e.Status().SIM)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	w = &Modem{Port: file}
	require.Equal(t, Stopped, sendBy(t, w, Message{To: "310000202", Text: "secret"}).Verdict)
	w.Port += "none"
	require.Equal(t, NotSent, sendBy(t, w, Message{To: "310000202", Text: "secret"}).Verdict)
}

func TestModemPlan(t *testing.T) {
	w := new(Modem)
	for _, m := range []Message{
		{Text: "x"}, {To: "+", Text: "x"}, {To: "+0123", Text: "x"}, {To: "1", Text: "x"}, {To: "12a", Text: "x"},
		{To: "+1234567890123456", Text: "x"}, {To: "123456789012345678901", Text: "x"}, {To: "310000202"},
		{To: "310000202", Text: strings.Repeat("x", 256*153)},
	} {
		_, err := w.Plan(m)
		require.Error(t, err)
	}
	parts, err := w.Plan(Message{To: "+15125550100", Text: strings.Repeat("x", 161)})
	require.NoError(t, err)
	require.Equal(t, 2, parts)
}

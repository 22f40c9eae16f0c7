package modem

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm/encode"
)

// submits sends what is to go in one SMS.
func (c client) submits(m encode.Message) error {
	c.t.Helper()
	pdus, err := m.Submit()
	require.NoError(c.t, err)
	require.Len(c.t, pdus, 1)
	_, err = c.Prompt(c.t.Context(), fmt.Sprintf("AT+CMGS=%d", len(pdus[0])/2-1), pdus[0], at.Timeout(300*time.Millisecond))
	return err
}

// What was sent is read as what it is.
func TestSentIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := encode.Message{
			From: rapid.StringMatching(`\+?[1-9][0-9]{1,14}`).Draw(t, "to"), Reference: uint16(rapid.Byte().Draw(t, "reference")),
			Report: rapid.Bool().Draw(t, "report"), Validity: time.Duration(rapid.IntRange(0, 1).Draw(t, "hours")) * time.Hour,
		}
		data := rapid.Bool().Draw(t, "data")
		if data {
			m.Data = rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "bytes")
		} else {
			m.Text = rapid.StringN(0, 200, -1).Draw(t, "text")
		}
		pdus, err := m.Submit()
		require.NoError(t, err)
		body := ""
		for i, text := range pdus {
			pdu, err := hex.DecodeString(text)
			require.NoError(t, err)
			s, ok := submitted(pdu)
			require.True(t, ok)
			require.Equal(t, m.From, s.To)
			require.Equal(t, m.Report, s.Report)
			require.Equal(t, []int{i + 1, len(pdus)}, []int{s.Part, s.Parts})
			require.Equal(t, data, s.Data != nil)
			if len(pdus) > 1 {
				require.Equal(t, m.Reference, s.PartRef)
			}
			body += string(s.Body())
			// What is not whole is refused.
			_, ok = submitted(pdu[:len(pdu)-1])
			require.False(t, ok && len(s.Body()) > 0)
		}
		if data {
			require.Equal(t, string(m.Data), body)
		} else {
			require.Equal(t, m.Text, body)
		}
	})
}

func TestSendFaults(t *testing.T) {
	m := start(t, Config{})
	d := at.New(openPort(t, m.Port()), at.Options{Quiet: 20 * time.Millisecond, PromptTimeout: 300 * time.Millisecond, ProbeTimeout: 500 * time.Millisecond})
	t.Cleanup(func() { _ = d.Close() })
	c := client{d, t}
	msg := encode.Message{From: "310000202", Text: "x"}
	for _, f := range []struct {
		SendFault
		err  string // of the faulty ones
		sent int    // of these
	}{
		{SendFault{Mode: SendOK}, "", 1},
		{SendFault{Mode: SendError, Code: 38, Times: 2}, "CMS error 38", 0},
		{SendFault{Mode: SendError, Code: -1}, "answered ERROR", 0},
		{SendFault{Mode: SendRefuse, Code: 302}, "CMS error 302", 0},
		{SendFault{Mode: SendMute}, "in time", 0},
		{SendFault{Mode: SendSlow, After: 50 * time.Millisecond}, "", 1},
		{SendFault{Mode: SendLate, After: 400 * time.Millisecond}, "in time", 1},
		{SendFault{Mode: SendLost}, "in time", 1},
		{SendFault{Mode: SendNever, Times: 2}, "in time", 0},
	} {
		before := m.Status().Sent
		require.NoError(t, m.FailSending(f.SendFault))
		for range max(f.Times, 1) {
			err := c.submits(msg)
			if f.err == "" {
				require.NoError(t, err, f.Mode)
			} else {
				require.ErrorContains(t, err, f.err, f.Mode)
			}
		}
		require.Equal(t, before+f.sent, m.Status().Sent, f.Mode)
		if f.Mode == SendLate {
			// Else its answer would be that of the next one.
			time.Sleep(200 * time.Millisecond)
		}
		require.NoError(t, c.submits(msg), "after %s", f.Mode)
	}
	require.NoError(t, m.FailSending(SendFault{Mode: SendError, Code: 42, Times: -1}))
	for range 3 {
		require.ErrorContains(t, c.submits(msg), "CMS error 42")
	}
	for _, f := range []SendFault{{Mode: "explode"}, {Mode: SendError, Code: -2}, {Mode: SendLate, After: -1}, {Mode: SendError, Code: 70000}} {
		require.Error(t, m.FailSending(f))
	}
}

func TestReportStatus(t *testing.T) {
	m := start(t, Config{ReportAfter: time.Millisecond})
	c := connect(t, m)
	c.do("AT+CNMI=2,1,0,1,0")
	msg := encode.Message{From: "+15550100", Text: "x", Report: true}
	require.NoError(t, m.SetReports(0x46))
	require.NoError(t, c.submits(msg))
	urc := c.urc()
	require.True(t, strings.HasSuffix(urc, "46"), urc)
	require.NoError(t, m.SetReports(NoReports))
	require.NoError(t, c.submits(msg))
	c.silent()
	require.Error(t, m.SetReports(256))
	require.Error(t, m.SetReports(-2))
}

// Each port has its own conversation with the one modem.
func TestTwoPorts(t *testing.T) {
	path := link(t)
	m := start(t, Config{Ports: 2, Link: path, Profile: "quectel", PIN: "1234"})
	first := connect(t, m)
	d := at.New(openPort(t, path+SecondPort), at.Options{Quiet: 20 * time.Millisecond, Timeout: 5 * time.Second})
	t.Cleanup(func() { _ = d.Close() })
	second := client{d, t}
	first.do(`AT+CPIN="1234"`)
	for _, c := range []client{first, second} {
		for c.urc() != "+QIND: PB DONE" {
		}
	}
	second.do("AT+CNMI=2,1,0,0,0")
	receive(t, m, "x")
	require.Equal(t, `+CMTI: "SM",0`, first.urc())
	require.Equal(t, `+CMTI: "SM",0`, second.urc())

	// One waits for the network while the other reads.
	require.NoError(t, m.FailSending(SendFault{Mode: SendSlow, After: 50 * time.Millisecond}))
	sent := make(chan error, 1)
	go func() {
		_, err := first.Prompt(t.Context(), "AT+CMGS=17", "0031000B915121551000F10000AA0361F118")
		sent <- err
	}()
	for len(sent) == 0 && m.Status().Sent == 0 {
		require.Contains(t, second.ask("AT+CMGL=4"), "+CMGL: 0,")
	}
	require.NoError(t, <-sent)

	require.NoError(t, m.Unplug())
	for _, c := range []client{first, second} {
		select {
		case <-c.Done():
		case <-time.After(5 * time.Second):
			require.Fail(t, "the port does not hang up")
		}
	}
	require.NoFileExists(t, path)
	require.NoFileExists(t, path+SecondPort)
	require.NoError(t, m.Replug())
	require.FileExists(t, path+SecondPort)
	_, err := Start(t.Context(), Config{Ports: 3})
	require.ErrorContains(t, err, "not 3")
}

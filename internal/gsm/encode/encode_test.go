package encode_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/gsm/encode"
)

// The PDUs that are in gsm's cases, which come from another encoder, come out
// here too.
func TestCases(t *testing.T) {
	b, err := os.ReadFile("../testdata/cases.jsonl")
	require.NoError(t, err)
	same := 0
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		var c struct {
			ID, PDU, SMSC, Sender, Text, Timestamp, Repaired string
			PID                                              byte
		}
		require.NoError(t, json.Unmarshal(s.Bytes(), &c))
		group, _, _ := strings.Cut(c.ID, "-")
		if c.Repaired != "" || strings.HasPrefix(c.ID, "ucs2-lone") {
			continue
		}
		switch {
		case group == "septets" && !strings.Contains(c.ID, "header"), group == "pid", group == "zone",
			strings.HasPrefix(c.ID, "zone"), strings.HasPrefix(c.ID, "sender-name-special"), strings.HasPrefix(c.ID, "sender-digits-1"):
		case group == "ucs2" && c.Text != "" && strings.ContainsFunc(c.Text, func(r rune) bool { return r > 0x500 }):
		default:
			continue
		}
		at, err := time.Parse(time.RFC3339, c.Timestamp)
		require.NoError(t, err)
		m := encode.Message{SMSC: c.SMSC, From: c.Sender, Time: at, PID: c.PID, Text: c.Text}
		pdus, err := m.Deliver()
		require.NoError(t, err)
		require.Equal(t, []string{c.PDU}, pdus, c.ID)
		same++
	}
	require.Greater(t, same, 150)
}

func TestForms(t *testing.T) {
	at := time.Date(2026, 3, 14, 15, 9, 26, 0, time.FixedZone("", -3*3600))
	class, dcs := 1, byte(0xc8)
	for name, c := range map[string]struct {
		m    encode.Message
		want string
	}{
		"class":    {encode.Message{From: "5", Text: "A", Class: &class}, "000401 81F5 0011 62304151906229 0141"},
		"dcs":      {encode.Message{From: "5", Text: "A", DCS: &dcs}, "000401 81F5 00C8 62304151906229 0141"},
		"data":     {encode.Message{From: "5", Data: []byte{1, 2}}, "000401 81F5 0004 62304151906229 020102"},
		"elements": {encode.Message{From: "5", Text: "A", Elements: []byte{0x70, 0}}, "004401 81F5 0000 62304151906229 05 027000 1004"},
		"ucs2":     {encode.Message{From: "5", Text: "A", UCS2: true}, "000401 81F5 0008 62304151906229 020041"},
	} {
		c.m.Time = at
		pdus, err := c.m.Deliver()
		require.NoError(t, err, name)
		require.Equal(t, []string{strings.ReplaceAll(c.want, " ", "")}, pdus, name)
	}

	m := encode.Message{From: "+4915112345678", Text: "0123456", PartSize: 4}
	pdus, err := m.Submit()
	require.NoError(t, err)
	require.Len(t, pdus, 2)
	require.True(t, strings.HasPrefix(pdus[0], "004100"+"0D91945111325476F8"+"0000"+"0B"+"050003000201"))
	require.True(t, strings.HasPrefix(pdus[1], "004101"+"0D91945111325476F8"+"0000"+"0A"+"050003000202"))

	report, err := encode.StatusReport("+491710760000", "5", 7, at, at, 0x30)
	require.NoError(t, err)
	require.Equal(t, "0791947101670000"+"0607"+"0181F5"+"62304151906229"+"62304151906229"+"30", report)
}

// Escapes and surrogates stay with their character, unless they are to be cut.
func TestCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("€", 100), strings.Repeat("😀", 100)} {
		whole := encode.Message{From: "5", Text: text, PartSize: 7}
		cut := whole
		cut.CutAnywhere = true
		a, err := whole.Deliver()
		require.NoError(t, err)
		b, err := cut.Deliver()
		require.NoError(t, err)
		require.Greater(t, len(a), len(b))
	}
}

func TestRefuses(t *testing.T) {
	for _, m := range []encode.Message{
		{From: "twelve chars"},
		{From: "→"},
		{From: "1", SMSC: "name"},
		{From: "1", SMSC: "+123456789012345678901"},
		{From: "1", Text: strings.Repeat("x", 153*255+1)},
	} {
		_, err := m.Deliver()
		require.Error(t, err)
		_, err = m.Submit()
		require.Error(t, err)
	}
	_, err := encode.StatusReport("x", "1", 0, time.Time{}, time.Time{}, 0)
	require.Error(t, err)
	_, err = encode.StatusReport("", "→", 0, time.Time{}, time.Time{}, 0)
	require.Error(t, err)
}

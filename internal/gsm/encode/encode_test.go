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

package gsm_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/gsm"
)

// vector is a case of testdata/*.jsonl: a PDU and what it says.
type vector struct {
	ID        string  `json:"id"`
	PDU       string  `json:"pdu"`
	Length    int     `json:"length"`
	Kind      string  `json:"kind"`
	SMSC      *string `json:"smsc"`
	Sender    *string `json:"sender"`
	Recipient *string `json:"recipient"`
	Text      *string `json:"text"`
	DataHex   *string `json:"data_hex"`
	Timestamp *string `json:"timestamp"`
	NoZone    bool    `json:"no_zone"`
	Encoding  string  `json:"encoding"`
	Class     *int    `json:"class"`
	PID       *byte   `json:"pid"`
	DCS       *byte   `json:"dcs"`
	MR        *byte   `json:"mr"`
	Status    *byte   `json:"status"`
	Discharge *string `json:"discharge"`
	Repaired  *string `json:"repaired"`
	Error     bool    `json:"error"`
	Cause     string  `json:"cause"`
	Concat    *struct {
		Ref   uint16 `json:"ref"`
		Parts int    `json:"parts"`
		Seq   int    `json:"seq"`
		Bits  int    `json:"bits"`
	} `json:"concat"`
	Ports *struct {
		Dst  uint16 `json:"dst"`
		Src  uint16 `json:"src"`
		Bits int    `json:"bits"`
	} `json:"ports"`
	Indications []string `json:"indications"`
	Group       string   `json:"group"`
	GroupText   string   `json:"group_text"`
}

func readVectors(t testing.TB, name string) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var all []vector
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		var v vector
		require.NoError(t, json.Unmarshal(s.Bytes(), &v), s.Text())
		all = append(all, v)
	}
	return all
}

// check decodes the PDU of a case and compares all that the case tells.
func (v *vector) check(t *testing.T) {
	m := gsm.Decode(v.PDU, v.Length)
	if v.Error || v.Kind == "malformed" {
		require.Error(t, m.Err)
		var de *gsm.DecodeError
		require.ErrorAs(t, m.Err, &de)
		require.LessOrEqual(t, de.Offset, len(v.PDU)/2)
		if v.Cause != "" {
			require.EqualError(t, m.Err, v.Cause)
		}
	} else {
		require.NoError(t, m.Err)
	}
	if v.Kind != "malformed" {
		require.Equal(t, v.Kind, m.Kind.String())
	}
	equal(t, "smsc", v.SMSC, m.SMSC.Format())
	equal(t, "sender", v.Sender, m.Peer.Format())
	equal(t, "recipient", v.Recipient, m.Peer.Format())
	equal(t, "text", v.Text, m.Text)
	equal(t, "data", v.DataHex, hex.EncodeToString(m.Data))
	equal(t, "time", v.Timestamp, format(m.Time))
	require.Equal(t, v.NoZone, m.Time.NoZone)
	equal(t, "discharge", v.Discharge, format(m.Discharge))
	equal(t, "pid", v.PID, m.PID)
	equal(t, "dcs", v.DCS, m.DCS)
	equal(t, "mr", v.MR, m.Reference)
	equal(t, "status", v.Status, m.Status)
	equal(t, "repaired", v.Repaired, m.Repaired.String())
	if v.Encoding != "" {
		require.Equal(t, v.Encoding, m.Encoding.String())
	}
	if v.Class != nil {
		require.Equal(t, gsm.Class0+gsm.Class(*v.Class), m.Class)
	} else if v.Encoding != "" {
		require.Equal(t, gsm.NoClass, m.Class)
	}
	if c := v.Concat; c != nil {
		require.Equal(t, &gsm.Concat{Reference: c.Ref, Bits: c.Bits, Parts: c.Parts, Sequence: c.Seq}, m.Concat)
	} else if !v.Error {
		require.Nil(t, m.Concat)
	}
	if p := v.Ports; p != nil {
		require.Equal(t, &gsm.Ports{Destination: p.Dst, Source: p.Src, Bits: p.Bits}, m.Ports)
	} else if !v.Error {
		require.Nil(t, m.Ports)
	}
	if v.Indications != nil {
		require.Equal(t, v.Indications, indications(m))
	}
}

func equal[T any](t *testing.T, what string, want *T, got T) {
	t.Helper()
	if want != nil {
		require.Equal(t, *want, got, what)
	}
}

func format(ts gsm.Timestamp) string {
	if ts.Time.IsZero() {
		return ""
	}
	// The vectors write a zero offset as one.
	return ts.Time.Format("2006-01-02T15:04:05-07:00")
}

// The vectors of other projects' tests and of reports of their users.
func TestVectors(t *testing.T) {
	vectors := readVectors(t, "sms-vectors.jsonl")
	require.Len(t, vectors, 122)
	for _, v := range vectors {
		t.Run(v.ID, v.check)
	}
}

func TestVectorGroups(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := gsm.NewAssembler(0, 0)
	want, got := map[string]string{}, map[string]string{}
	for i, v := range readVectors(t, "sms-vectors.jsonl") {
		if v.Group == "" {
			continue
		}
		want[v.Group] = v.GroupText
		for _, j := range a.Add(gsm.Decode(v.PDU, 0), gsm.Location{Storage: "SM", Index: i}, now) {
			require.True(t, j.Complete())
			require.Len(t, j.Locations, j.Parts)
			got[v.Group] += j.Message.Text
		}
	}
	require.Zero(t, a.Waiting())
	require.Len(t, want, 9)
	require.Equal(t, want, got)
}

// indications writes the indications of a message as the cases do.
func indications(m *gsm.Message) []string {
	var all []string
	for _, i := range m.Indications {
		all = append(all, fmt.Sprintf("%v active=%t count=%d store=%t", i.Waiting, i.Active, i.Count, i.Store))
	}
	return all
}

package gsm_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/gsm"
)

// groupCase is a case of testdata/groups.jsonl: what is done with an Assembler,
// and all that it gives out, in that order. Times are seconds.
type groupCase struct {
	ID       string `json:"id"`
	Timeout  int    `json:"timeout"`
	MaxParts int    `json:"max_parts"`
	Waiting  int    `json:"waiting"` // parts at the end
	Steps    []struct {
		PDU    string `json:"pdu"`
		At     string `json:"at"` // storage/index, or none
		T      int    `json:"t"`
		Expire int    `json:"expire"`
		Evict  int    `json:"evict"`
	} `json:"steps"`
	Want []groupWant `json:"want"`
}

type groupWant struct {
	Text     string   `json:"text"`
	DataHex  string   `json:"data_hex"`
	Parts    int      `json:"parts"` // 0 is not looked at
	Missing  []int    `json:"missing"`
	At       []string `json:"at"`
	Repeated bool     `json:"repeated"`
	Encoding string   `json:"encoding"` // empty is not looked at
	Port     uint16   `json:"port"`
	Error    bool     `json:"error"`
}

func readGroups(t testing.TB) []groupCase {
	b, err := os.ReadFile("testdata/groups.jsonl")
	require.NoError(t, err)
	var all []groupCase
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var g groupCase
		require.NoError(t, json.Unmarshal(s.Bytes(), &g))
		all = append(all, g)
	}
	require.NoError(t, s.Err())
	return all
}

func location(s string) gsm.Location {
	storage, index, ok := strings.Cut(s, "/")
	if !ok {
		return gsm.Location{}
	}
	n, _ := strconv.Atoi(index)
	return gsm.Location{Storage: storage, Index: n}
}

func TestGroups(t *testing.T) {
	groups := readGroups(t)
	require.Greater(t, len(groups), 60)
	for _, g := range groups {
		t.Run(g.ID, func(t *testing.T) {
			start := time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
			after := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
			a := gsm.NewAssembler(time.Duration(g.Timeout)*time.Second, g.MaxParts)
			var got []*gsm.Joined
			for _, s := range g.Steps {
				switch {
				case s.Expire > 0:
					deadline, waits := a.Deadline()
					j := a.Expire(after(s.Expire))
					require.Equal(t, waits && !after(s.Expire).Before(deadline), len(j) > 0)
					got = append(got, j...)
				case s.Evict > 0:
					j, ok := a.Evict(after(s.Evict))
					require.True(t, ok)
					got = append(got, j)
				default:
					got = append(got, a.Add(gsm.Decode(s.PDU, 0), location(s.At), after(s.T))...)
				}
			}
			require.Len(t, got, len(g.Want))
			for i, w := range g.Want {
				w.check(t, got[i])
			}
			require.Equal(t, g.Waiting, a.Waiting())
			_, waits := a.Deadline()
			require.Equal(t, g.Waiting > 0, waits)
		})
	}
}

func (w groupWant) check(t *testing.T, j *gsm.Joined) {
	t.Helper()
	require.Equal(t, w.Text, j.Message.Text)
	require.Equal(t, w.DataHex, hex.EncodeToString(j.Message.Data))
	require.Equal(t, w.Missing, j.Missing)
	require.Equal(t, len(w.Missing) == 0, j.Complete())
	require.Equal(t, w.Repeated, j.Repeated)
	require.Equal(t, w.Error, j.Message.Err != nil)
	var at []gsm.Location
	for _, s := range w.At {
		at = append(at, location(s))
	}
	require.ElementsMatch(t, at, j.Locations)
	if w.Parts > 0 {
		require.Equal(t, w.Parts, j.Parts)
	}
	if w.Encoding != "" {
		require.Equal(t, w.Encoding, j.Message.Encoding.String())
	}
	if w.Port > 0 {
		require.NotNil(t, j.Message.Ports)
		require.Equal(t, w.Port, j.Message.Ports.Destination)
	}
	if !w.Repeated {
		require.GreaterOrEqual(t, len(j.IDs), j.Parts-len(j.Missing))
	}
}

package gsm_test

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/gsm/gsm7"
)

// A PDU that ends anywhere yields what is before, in the order of its fields,
// and an error as long as anything is missing.
func TestEveryEnd(t *testing.T) {
	m := encode.Message{SMSC: "+491710760000", From: "+4915112345678", Text: "Temperature 21.5 °C"[:16], Time: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)}
	pdus, err := m.Deliver()
	require.NoError(t, err)
	whole := gsm.Decode(pdus[0], 0)
	require.NoError(t, whole.Err)
	sender, at := false, false
	for n := range len(pdus[0]) {
		got := gsm.Decode(pdus[0][:n], 0)
		require.Error(t, got.Err, n)
		var de *gsm.DecodeError
		require.ErrorAs(t, got.Err, &de)
		require.LessOrEqual(t, de.Offset, n/2)
		require.True(t, strings.HasPrefix(whole.Text, got.Text), n)
		// What is known stays known when more is.
		require.True(t, !sender || got.Peer == whole.Peer)
		require.True(t, !at || got.Time == whole.Time)
		sender, at = got.Peer == whole.Peer, got.Time == whole.Time
	}
	require.True(t, sender && at)
}

// What is sent arrives, through all alphabets, in any number of parts, in any
// order and however it is cut.
func TestSentArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("abc €[]{}~\\|^üÄñ@£")), 0, 400, -1),
			rapid.StringOfN(rapid.RuneFrom([]rune("aж漢😀👍🏽\U0010ffff\n")), 0, 300, -1),
			rapid.StringOfN(rapid.RuneFrom([]rune("İışŞğĞ€ abc")), 0, 400, -1)).Draw(t, "text")
		from := rapid.OneOf(rapid.StringMatching(`\+[0-9]{1,20}`), rapid.StringMatching(`[0-9*#abc]{1,20}`), rapid.StringMatching(`[A-Z][a-z .!]{0,10}`)).Draw(t, "from")
		quarters := rapid.IntRange(-48, 56).Draw(t, "quarters")
		m := encode.Message{
			SMSC: rapid.StringMatching(`(\+[0-9]{1,20})?`).Draw(t, "smsc"), From: from, Text: text,
			Time: time.Unix(rapid.Int64Range(86400, 3e9).Draw(t, "time"), 0).In(time.FixedZone("", quarters*15*60)),
			PID:  rapid.Byte().Draw(t, "pid"), UCS2: rapid.Bool().Draw(t, "ucs2"),
			Locking: gsm7.Language(rapid.ByteRange(0, 13).Draw(t, "locking")), Shift: gsm7.Language(rapid.ByteRange(0, 13).Draw(t, "shift")),
			Reference: rapid.Uint16().Draw(t, "reference"), Wide: rapid.Bool().Draw(t, "wide"),
			CutAnywhere: rapid.Bool().Draw(t, "cut anywhere"), PartSize: rapid.IntRange(4, 200).Draw(t, "part size"),
		}
		if rapid.Bool().Draw(t, "data") {
			m.Data = []byte(text)
		}
		pdus, err := m.Deliver()
		if err != nil {
			t.Skip(err)
		}
		a := gsm.NewAssembler(0, 0)
		now := time.Unix(1e9, 0)
		var out []*gsm.Joined
		for _, i := range rapid.Permutation(sequence(len(pdus))).Draw(t, "order") {
			part := gsm.Decode(pdus[i], 0)
			require.NoError(t, part.Err)
			require.Empty(t, part.Repaired.String())
			require.Empty(t, out)
			out = a.Add(part, gsm.Location{Storage: "SM", Index: i}, now)
		}
		require.Len(t, out, 1)
		got := out[0].Message
		if m.Data != nil {
			require.Equal(t, text, string(got.Data))
		} else {
			require.Equal(t, text, got.Text)
		}
		require.Equal(t, m.From, got.Peer.Format())
		require.Equal(t, m.SMSC, got.SMSC.Format())
		require.True(t, m.Time.Equal(got.Time.Time))
		require.Equal(t, m.Time.Format(time.RFC3339), got.Time.Time.Format(time.RFC3339))
		require.Equal(t, m.PID, got.PID)
		require.Len(t, out[0].Locations, len(pdus))
		require.Zero(t, a.Waiting())
	})
}

func sequence(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// The identity is that of the message, not of how it was read.
func TestID(t *testing.T) {
	pdu := plainHex + "0141"
	id := gsm.Decode(pdu, 0).ID
	require.NotZero(t, id)
	require.Len(t, id.String(), 32)
	for name, same := range map[string]string{
		"lower case":        strings.ToLower(pdu),
		"padding":           pdu + "FFFFFF",
		"service centre":    "00" + pdu[len(smscHex):],
		"more messages":     smscHex + "00" + pdu[len(smscHex)+2:],
		"bare, with length": pdu[len(smscHex):],
	} {
		require.Equal(t, id, gsm.Decode(same, (len(pdu)-len(smscHex))/2).ID, name)
	}
	for name, other := range map[string]string{
		"text":                          plainHex + "0142",
		"second":                        strings.Replace(pdu, "906240", "907240", 1),
		"sender":                        strings.Replace(pdu, "5476F8", "5476F9", 1),
		"cut":                           plainHex + "01",
		"reject duplicates of a submit": smscHex + "0500" + pdu[len(smscHex)+2:],
	} {
		require.NotEqual(t, id, gsm.Decode(other, 0).ID, name)
	}
	// It is kept on disk: it must never change.
	require.Equal(t, goldenID, id.String())
}

// Nothing that may be printed by the way has a text or a number in it.
func TestNothingPrinted(t *testing.T) {
	secret := regexp.MustCompile(`4915112345678|Losung|4c6f73756e67|1710760000|123456`)
	m := encode.Message{SMSC: "+491710760000", From: "+4915112345678", Text: "Losung 123456", Reference: 9, PartSize: 7}
	pdus, err := m.Deliver()
	require.NoError(t, err)
	a := gsm.NewAssembler(0, 0)
	for _, pdu := range pdus {
		for n := 0; n <= len(pdu); n++ {
			d := gsm.Decode(pdu[:n], 0)
			for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
				require.NotRegexp(t, secret, fmt.Sprintf(verb, d))
				require.NotRegexp(t, secret, fmt.Sprintf(verb, *d))
				require.NotRegexp(t, secret, fmt.Sprintf(verb, d.Peer))
			}
			if d.Err != nil {
				require.NotRegexp(t, secret, d.Err.Error())
			}
		}
		for _, j := range a.Add(gsm.Decode(pdu, 0), gsm.Location{}, time.Time{}) {
			require.NotRegexp(t, secret, fmt.Sprintf("%v %+v", j, *j))
			require.Equal(t, "Losung 123456", j.Message.Text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"sms-vectors.jsonl", "cases.jsonl"} {
		for _, v := range readVectors(f, name) {
			f.Add(v.PDU, v.Length)
		}
	}
	f.Fuzz(func(t *testing.T, pdu string, length int) {
		m := gsm.Decode(pdu, length)
		require.NotNil(t, m)
		require.Equal(t, m, gsm.Decode(pdu, length))
		require.True(t, m.Err != nil || m.Kind != gsm.Unknown)
		require.LessOrEqual(t, len(m.Data), 255)
		require.LessOrEqual(t, len(m.Text), 4*255)
		require.NotContains(t, m.Kind.String()+m.Encoding.String()+m.Class.String(), "invalid")
		var de *gsm.DecodeError
		if m.Err != nil {
			require.ErrorAs(t, m.Err, &de)
			require.LessOrEqual(t, de.Offset, len(pdu)/2)
		}
		if c := m.Concat; c != nil {
			require.True(t, 1 <= c.Sequence && c.Sequence <= c.Parts && c.Parts <= 255)
		}
		// Octets behind the end of a message change nothing but the note, if
		// the modem tells the length.
		if b, err := hex.DecodeString(pdu); err == nil && m.Err == nil && m.Kind == gsm.Deliver && len(b) < 400 && m.Text+string(m.Data) != "" {
			more := gsm.Decode(pdu+"FFFF", 0)
			if first := gsm.Decode(pdu, 0); first.Err == nil {
				require.Equal(t, first.ID, more.ID)
				require.Equal(t, first.Text, more.Text)
			}
		}
		_ = m.String()
	})
}

// goldenID is FNV-1a of plainHex and 0141 without the service centre and TP-MMS.
const goldenID = "917b02b705a2b5a45e602d7388388403"

package gsm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
)

// What is encoded to be sent is decoded as it was meant, with nothing to repair.
func TestSubmitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringN(0, 500, -1), rapid.StringMatching(`[ -~€äöüß\n\f]{0,600}`), rapid.StringMatching(`[🌊🎉ж中a]{0,200}`)).Draw(t, "text")
		as := rapid.SampledFrom([]encode.Coding{encode.Auto, encode.GSM7, encode.UCS2}).Draw(t, "coding")
		p := encode.PlanText(text, as)
		m := encode.Message{
			From: rapid.StringMatching(`\+?[1-9][0-9]{1,14}`).Draw(t, "to"), Text: p.Text, UCS2: p.UCS2,
			Reference: uint16(rapid.Byte().Draw(t, "reference")), Report: rapid.Bool().Draw(t, "report"),
			Validity: time.Duration(rapid.Int64Range(0, int64(10000*time.Hour)).Draw(t, "validity")),
		}
		pdus, err := m.Submit()
		require.NoError(t, err)
		want := gsm.GSM7
		if p.UCS2 {
			want = gsm.UCS2
		}
		var whole strings.Builder
		for i, pdu := range pdus {
			msg := gsm.Decode(pdu, len(pdu)/2-1)
			require.NoError(t, msg.Err)
			require.Zero(t, msg.Repaired, msg.Repaired.String())
			require.Equal(t, gsm.Submit, msg.Kind)
			require.Equal(t, m.From, msg.Peer.Format())
			require.Equal(t, want, msg.Encoding)
			whole.WriteString(msg.Text) // no character is cut, so that the parts are texts
			if len(pdus) == 1 {
				require.Nil(t, msg.Concat)
				continue
			}
			require.Equal(t, &gsm.Concat{Reference: m.Reference, Bits: 8, Parts: len(pdus), Sequence: i + 1}, msg.Concat)
		}
		require.Equal(t, p.Text, whole.String())
	})
}

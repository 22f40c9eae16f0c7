package gsm_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/warthog618/sms"
	"github.com/warthog618/sms/encoding/pdumode"
	"github.com/warthog618/sms/encoding/tpdu"

	"telegraf-hologram/internal/gsm"
)

// What github.com/warthog618/sms v0.3.0 makes of real messages, and what Decode
// does. These are why Decode reads TPDUs itself.

// The fields before the user data of an SMS-DELIVER from +4915112345678.
const (
	smscHex   = "0791947101670000"
	senderHex = "0D91945111325476F8"
	timeHex   = "62304151906240"
	plainHex  = smscHex + "04" + senderHex + "0000" + timeHex
	headerHex = smscHex + "44" + senderHex + "0000" + timeHex
)

// codec decodes with the codec alone.
func codec(t *testing.T, pdus ...string) (string, error) {
	t.Helper()
	var parts []*tpdu.TPDU
	for _, s := range pdus {
		p, err := pdumode.UnmarshalHexString(s)
		require.NoError(t, err)
		u, err := sms.Unmarshal(p.TPDU)
		if err != nil {
			return "", err
		}
		parts = append(parts, u)
	}
	b, err := sms.Decode(parts)
	return string(b), err
}

// clean decodes a PDU that has no error.
func clean(t *testing.T, pdu string) *gsm.Message {
	t.Helper()
	m := gsm.Decode(pdu, 0)
	require.NoError(t, m.Err)
	require.Equal(t, gsm.Deliver, m.Kind)
	return m
}

func TestDefectA_NationalLanguages(t *testing.T) {
	shift := headerHex + "07" + "03240101" + "D84C01" // an escape and S
	text, err := codec(t, shift)
	require.NoError(t, err)
	require.Equal(t, "S", text, "the codec looks for the elements 24 and 25")
	require.Equal(t, "Ş", clean(t, shift).Text)

	locking := headerHex + "06" + "03250101" + "0002"
	text, err = codec(t, locking)
	require.NoError(t, err)
	require.Equal(t, "¡", text)
	require.Equal(t, "İ", clean(t, locking).Text)
}

func TestDefectB_TimeStamp(t *testing.T) {
	pdu := smscHex + "04" + senderHex + "0000" + "6230415190F240" + "0141"
	_, err := codec(t, pdu)
	require.Error(t, err)
	m := clean(t, pdu)
	require.Equal(t, "A", m.Text)
	require.True(t, m.Time.Time.IsZero())
	require.Equal(t, gsm.RepairedTime, m.Repaired)

	// The codec takes 30 February for 2 March.
	pdu = smscHex + "04" + senderHex + "0000" + "62200351906240" + "0141"
	_, err = codec(t, pdu)
	require.NoError(t, err)
	require.True(t, clean(t, pdu).Time.Time.IsZero())
}

func TestDefectC_OctetsBehindTheEnd(t *testing.T) {
	pdu := plainHex + "0141" + "000000000000000000"
	_, err := codec(t, pdu)
	require.ErrorContains(t, err, "overlength")
	m := clean(t, pdu)
	require.Equal(t, "A", m.Text)
	require.Equal(t, gsm.RepairedSurplus, m.Repaired)
	require.Equal(t, clean(t, plainHex+"0141").ID, m.ID)
}

func TestDefectD_StatusReportWithPadding(t *testing.T) {
	report := smscHex + "0607" + senderHex + timeHex + timeHex + "00"
	pdu := report + strings.Repeat("FF", 120)
	_, err := codec(t, pdu)
	require.ErrorContains(t, err, "underflow")
	m := gsm.Decode(pdu, 0)
	require.NoError(t, m.Err)
	require.Equal(t, gsm.StatusReport, m.Kind)
	require.Equal(t, byte(7), m.Reference)
	require.Equal(t, gsm.RepairedSurplus, m.Repaired)
	require.Equal(t, gsm.Decode(report, 0).ID, m.ID)
}

func TestDefectE_SpareBits(t *testing.T) {
	// "1234567" with a return in the seven bits that are left over.
	pdu := plainHex + "07" + "31D98C56B3DD" + "1A"
	_, err := codec(t, pdu)
	require.ErrorContains(t, err, "overlength")
	m := clean(t, pdu)
	require.Equal(t, "1234567", m.Text)
	require.Equal(t, gsm.RepairedBits, m.Repaired)
}

func TestDefectF_FillDigit(t *testing.T) {
	pdu := smscHex + "04" + "018005" + "0000" + timeHex + "0141"
	_, err := codec(t, pdu)
	require.ErrorContains(t, err, "fill")
	m := clean(t, pdu)
	require.Equal(t, "5", m.Peer.Format())
	require.Equal(t, gsm.RepairedAddress, m.Repaired)
}

func TestDefectG_EscapeInTheSender(t *testing.T) {
	pdu := smscHex + "04" + "04D09B32" + "0000" + timeHex + "0141"
	_, err := codec(t, pdu)
	require.Error(t, err)
	require.Equal(t, "€", clean(t, pdu).Peer.Format())
}

func TestDefectH_SevenCharactersAsFourteen(t *testing.T) {
	pdu := smscHex + "04" + "0ED0D432DBFC96D301" + "0000" + timeHex + "0141"
	p, err := pdumode.UnmarshalHexString(pdu)
	require.NoError(t, err)
	u, err := sms.Unmarshal(p.TPDU)
	require.NoError(t, err)
	require.Equal(t, "Telfort@", u.OA.Addr)
	require.Equal(t, "Telfort", clean(t, pdu).Peer.Format())
}

func TestDefectI_ReservedCodingGroups(t *testing.T) {
	for dcs := 0x80; dcs < 0xc0; dcs++ {
		pdu := smscHex + "04" + senderHex + "00" + hex.EncodeToString([]byte{byte(dcs)}) + timeHex + "0141"
		_, err := codec(t, pdu)
		require.Error(t, err)
		m := clean(t, pdu)
		require.Equal(t, "A", m.Text)
		require.Equal(t, byte(dcs), m.DCS)
		require.Equal(t, gsm.RepairedCoding, m.Repaired)
	}
}

func TestDefectJ_ReservedType(t *testing.T) {
	pdu := smscHex + "07" + senderHex + "0000" + timeHex + "0141"
	_, err := codec(t, pdu)
	require.Error(t, err)
	m := clean(t, pdu)
	require.Equal(t, "A", m.Text)
	require.Equal(t, gsm.RepairedType, m.Repaired)
}

func TestDefectK_LoneSurrogate(t *testing.T) {
	pdu := smscHex + "04" + senderHex + "0008" + timeHex + "04" + "0041D83D"
	_, err := codec(t, pdu)
	require.Error(t, err)
	require.Equal(t, "A\ufffd", clean(t, pdu).Text)
	pdu = smscHex + "04" + senderHex + "0008" + timeHex + "06" + "0041D83D0042"
	text, err := codec(t, pdu)
	require.True(t, err != nil || text != "A\ufffdB")
	require.Equal(t, "A\ufffdB", clean(t, pdu).Text)
}

func TestDefectL_OddUCS2(t *testing.T) {
	pdu := smscHex + "04" + senderHex + "0008" + timeHex + "03" + "041600"
	_, err := codec(t, pdu)
	require.ErrorContains(t, err, "odd")
	m := clean(t, pdu)
	require.Equal(t, "Ж", m.Text)
	require.Equal(t, gsm.RepairedLength, m.Repaired)
}

func TestDefectM_EscapeCutBetweenParts(t *testing.T) {
	parts := []string{
		headerHex + "08" + "0500032A0201" + "36", // an escape
		headerHex + "08" + "0500032A0202" + "CA", // e
	}
	text, err := codec(t, parts...)
	require.NoError(t, err)
	require.Equal(t, " e", text)
	a := gsm.NewAssembler(0, 0)
	require.Empty(t, a.Add(clean(t, parts[0]), gsm.Location{}, time.Time{}))
	out := a.Add(clean(t, parts[1]), gsm.Location{}, time.Time{})
	require.Len(t, out, 1)
	require.Equal(t, "€", out[0].Message.Text)
}

func TestDefectN_Collector(t *testing.T) {
	now := time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
	part := func(header, letter string) *gsm.Message {
		udl := map[int]string{6: "08", 7: "09"}[len(header)/2]
		return clean(t, headerHex+udl+header+letter)
	}
	a := gsm.NewAssembler(0, 0)
	// One reference of 8 and of 16 bits.
	require.Empty(t, a.Add(part("050003070201", "82"), gsm.Location{}, now))
	require.Empty(t, a.Add(part("06080400070201", "41"), gsm.Location{}, now))
	require.Equal(t, 2, a.Waiting())
	// Part numbers that can not be.
	for _, header := range []string{"050003070200", "050003070203", "050003070000"} {
		out := a.Add(part(header, "82"), gsm.Location{}, now)
		require.Len(t, out, 1)
		require.Equal(t, "A", out[0].Message.Text)
	}
	// The same number with another text begins another message.
	require.Empty(t, a.Add(part("050003070201", "84"), gsm.Location{}, now))
	require.Equal(t, 3, a.Waiting())
}

func TestDefectO_Compressed(t *testing.T) {
	pdu := smscHex + "04" + senderHex + "0020" + timeHex + "03" + "0180FF"
	m := clean(t, pdu)
	require.Equal(t, gsm.Compressed, m.Encoding)
	require.Empty(t, m.Text)
	require.Equal(t, []byte{1, 0x80, 0xff}, m.Data)
}

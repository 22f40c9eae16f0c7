package modem

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/warthog618/sms"
	"github.com/warthog618/sms/encoding/pdumode"
	"github.com/warthog618/sms/encoding/tpdu"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/gsm/gsm7"
)

// decoded reads PDUs with another implementation.
func decoded(t require.TestingT, parts []Part) (text string, units []*tpdu.TPDU) {
	for _, p := range parts {
		pdu, err := pdumode.UnmarshalBinary(p.PDU)
		require.NoError(t, err)
		u, err := sms.Unmarshal(pdu.TPDU, sms.AsMT)
		require.NoError(t, err)
		units = append(units, u)
		part, err := sms.Decode([]*tpdu.TPDU{u})
		require.NoError(t, err)
		require.Equal(t, p.Text, string(part))
	}
	all, err := sms.Decode(units)
	require.NoError(t, err)
	return string(all), units
}

func TestEncodeKnown(t *testing.T) {
	parts, err := Encode(Message{
		From: "+31641600986", Text: "How are you?", ServiceCenter: "+31624000000",
		Time: time.Date(2002, 8, 26, 19, 37, 41, 0, time.UTC),
	})
	require.NoError(t, err)
	require.Len(t, parts, 1)
	// A message of 2002 whose zone was "-0", which is 08; ours is 00.
	require.Equal(t, "07911326040000F0040B911346610089F60000208062917314000CC8F71D14969741F977FD07", strings.ToUpper(hex.EncodeToString(parts[0].PDU)))
}

func TestEncodeFields(t *testing.T) {
	at := time.Date(2026, 8, 1, 12, 3, 7, 0, time.FixedZone("", -(9*3600+1800)))
	for _, c := range []struct {
		m    Message
		dcs  byte
		from string
		udh  string
	}{
		{Message{From: "12345", Text: "a"}, 0x00, "12345", ""},
		{Message{From: "Hologram", Text: "a"}, 0x00, "Hologram", ""},
		{Message{From: "+1*#", Text: "a"}, 0x00, "+1*#", ""},
		{Message{From: "1", Text: "a", Class: Flash}, 0x10, "1", ""},
		{Message{From: "1", Text: "a", Class: ToSIM}, 0x12, "1", ""},
		{Message{From: "1", Text: "я"}, 0x08, "1", ""},
		{Message{From: "1", Text: "я", Class: ToTerminal}, 0x1B, "1", ""},
		{Message{From: "1", Text: "a", Encoding: UCS2}, 0x08, "1", ""},
		{Message{From: "1", Text: "a", Encoding: Data}, 0x04, "1", ""},
		{Message{From: "1", Text: "a", DestinationPort: 5000, SourcePort: 6000}, 0x00, "1", "050413881770"},
	} {
		c.m.Time = at
		parts, err := Encode(c.m)
		require.NoError(t, err)
		require.Len(t, parts, 1)
		pdu, err := pdumode.UnmarshalBinary(parts[0].PDU)
		require.NoError(t, err)
		u, err := sms.Unmarshal(pdu.TPDU, sms.AsMT)
		require.NoError(t, err)
		require.Equal(t, c.dcs, byte(u.DCS))
		require.Equal(t, c.from, u.OA.Number())
		require.True(t, at.Equal(u.SCTS.Time), u.SCTS)
		_, offset := u.SCTS.Zone()
		require.Equal(t, -34200, offset)
		udh, err := u.UDH.MarshalBinary()
		require.NoError(t, err)
		if c.udh != "" {
			c.udh = "06" + c.udh
		}
		require.Equal(t, c.udh, hex.EncodeToString(udh))
		require.Equal(t, c.m.Class, classOf(parts[0].PDU))
		require.False(t, isReport(parts[0].PDU))
	}
}

// How many SMS a text needs, where that changes.
func TestEncodeSplits(t *testing.T) {
	for _, c := range []struct {
		text  string
		ref16 bool
		as    Encoding
		parts []int // characters
	}{
		{"", false, Auto, []int{0}},
		{strings.Repeat("a", 160), false, Auto, []int{160}},
		{strings.Repeat("a", 161), false, Auto, []int{153, 8}},
		{strings.Repeat("a", 161), true, Auto, []int{152, 9}},
		{strings.Repeat("a", 159) + "€", false, Auto, []int{153, 7}},
		{strings.Repeat("a", 152) + "€" + strings.Repeat("a", 10), false, Auto, []int{152, 11}},
		{strings.Repeat("€", 77) + "aaaaaaa", false, Auto, []int{76, 8}},
		{strings.Repeat("я", 70), false, Auto, []int{70}},
		{strings.Repeat("я", 71), false, Auto, []int{67, 4}},
		{strings.Repeat("я", 71), true, Auto, []int{66, 5}},
		{strings.Repeat("я", 66) + "🎉" + "яяя", false, Auto, []int{66, 4}},
		{strings.Repeat("🎉", 35), false, Auto, []int{35}},
		{strings.Repeat("🎉", 36), false, Auto, []int{33, 3}},
		{strings.Repeat("a", 140), false, Data, []int{140}},
		{strings.Repeat("a", 141), false, Data, []int{134, 7}},
		{strings.Repeat("a", 141), true, Data, []int{133, 8}},
	} {
		parts, err := Encode(Message{From: "1", Text: c.text, Encoding: c.as, Ref16: c.ref16, Ref: 0x1234})
		require.NoError(t, err)
		var sizes []int
		for _, p := range parts {
			sizes = append(sizes, len([]rune(p.Text)))
		}
		require.Equal(t, c.parts, sizes)
		text, units := decoded(t, parts)
		require.Equal(t, c.text, text)
		for i, u := range units {
			segments, seq, ref, ok := u.ConcatInfo()
			require.Equal(t, len(parts) > 1, ok)
			if !ok {
				continue
			}
			require.Equal(t, []int{len(parts), i + 1}, []int{segments, seq})
			want := 0x34
			if c.ref16 {
				want = 0x1234
			}
			require.Equal(t, want, ref)
		}
	}
}

func TestEncodeAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := []rune("^{}\\[~]|€\f")
		for _, c := range gsm7.Locking(gsm7.Default) {
			if c != 0 {
				alphabet = append(alphabet, c)
			}
		}
		kind := rapid.SampledFrom([]*rapid.Generator[string]{rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 500, -1), rapid.StringN(0, 300, -1)}).Draw(t, "kind")
		m := Message{From: "+15550100", Text: kind.Draw(t, "text"), Ref16: rapid.Bool().Draw(t, "ref16"), Ref: rapid.Uint16().Draw(t, "ref")}
		parts, err := Encode(m)
		require.NoError(t, err)
		text, _ := decoded(t, parts)
		require.Equal(t, m.Text, text)
		for _, p := range parts {
			body, ok := tpduOf(p.PDU)
			require.True(t, ok)
			require.LessOrEqual(t, len(body), 159)
		}
	})
}

func TestEncodeErrors(t *testing.T) {
	for _, m := range []Message{
		{Text: "a"},
		{From: "longer than that", Text: "a"},
		{From: "Жар", Text: "a"},
		{From: "1", Text: "я", Encoding: GSM7},
		{From: "1", Text: "\x1b", Encoding: GSM7},
		{From: "1", Text: "a", Encoding: 9},
		{From: "1", Text: "a", ServiceCenter: "Center"},
		{From: "1", Text: strings.Repeat("a", 153*255+1)},
	} {
		_, err := Encode(m)
		require.Error(t, err)
	}
	parts, err := Encode(Message{From: "1", Text: strings.Repeat("a", 153*255)})
	require.NoError(t, err)
	require.Len(t, parts, 255)
}

// What is taken out of a PDU that need not be whole.
func TestDamagedPDUs(t *testing.T) {
	parts, err := Encode(Message{From: "+15550100", Text: "a", Class: ToSIM, ServiceCenter: "+1"})
	require.NoError(t, err)
	for n := range parts[0].PDU {
		_ = classOf(parts[0].PDU[:n])
		_ = isReport(parts[0].PDU[:n])
		_, _ = report(parts[0].PDU[:n], 1, 0, time.Now())
	}
	require.Equal(t, NoClass, classOf(nil))
}

func TestReport(t *testing.T) {
	submit, err := hex.DecodeString("0021000B915121551000F100000261310A"[:32])
	require.NoError(t, err)
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	pdu, ok := report(submit, 7, 0, at)
	require.True(t, ok)
	require.True(t, isReport(pdu))
	body, err := pdumode.UnmarshalBinary(pdu)
	require.NoError(t, err)
	u, err := sms.Unmarshal(body.TPDU, sms.AsMT)
	require.NoError(t, err)
	require.Equal(t, tpdu.SmsStatusReport, u.SmsType())
	require.Equal(t, byte(7), u.MR)
	require.Equal(t, "+15125501001", u.RA.Number())
	require.True(t, at.Equal(u.DT.Time))
	submit[1] = 0x01
	_, ok = report(submit, 7, 0, at)
	require.False(t, ok, "did not ask for it")
}

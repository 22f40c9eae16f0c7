package modemsms

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
)

var (
	sent     = time.Date(2026, 3, 14, 14, 10, 5, 0, time.FixedZone("", 3600))
	received = time.Date(2026, 3, 14, 13, 10, 8, 123, time.UTC)
)

// text is a message as a modem would give it.
func text(s string) *gsm.Joined {
	return &gsm.Joined{
		Message: &gsm.Message{
			ID: gsm.ID{1}, Kind: gsm.Deliver, Peer: gsm.Address{Type: 0x91, Value: "15550100"}, SMSC: gsm.Address{Type: 0x91, Value: "15559999"},
			Time: gsm.Timestamp{Time: sent}, Text: s,
		},
		Parts: 1, IDs: []gsm.ID{{1}}, PDUs: []string{"07911555"},
	}
}

func plainWriter() *writer {
	return &writer{modem: "ttyUSB2", text: showPlain, sender: showPlain, format: formatText}
}

func linesOf(t *testing.T, metrics []telegraf.Metric) string {
	t.Helper()
	var all []string
	for _, m := range metrics {
		line, err := metric.AppendLine(nil, m)
		require.NoError(t, err)
		all = append(all, string(line))
	}
	return strings.Join(all, "\n")
}

// TestMetrics shows the metrics of messages.
func TestMetrics(t *testing.T) {
	const end = ` 1773493808000000123`
	for _, tt := range []struct {
		name   string
		change func(w *writer, j *gsm.Joined)
		want   string
	}{
		{"text", nil, `sms,encoding=gsm7,kind=message,modem=ttyUSB2,sender=+15550100 length=5i,text="hello",parts=1i,complete=true,` +
			`service_center_time="2026-03-14T14:10:05+01:00",delay=3i,service_center="+15559999",pid=0i,dcs=0i` + end},
		{"hash", func(w *writer, _ *gsm.Joined) { w.text, w.sender = showHash, showHash }, `sms,encoding=gsm7,kind=message,modem=ttyUSB2,sender=` + hashKey{}.hash("+15550100") +
			` length=5i,text="` + hashKey{}.hash("hello") + `",parts=1i,complete=true,service_center_time="2026-03-14T14:10:05+01:00",delay=3i,pid=0i,dcs=0i` + end},
		{"omit", func(w *writer, _ *gsm.Joined) { w.text, w.sender = showOmit, showOmit }, `sms,encoding=gsm7,kind=message,modem=ttyUSB2` +
			` length=5i,parts=1i,complete=true,service_center_time="2026-03-14T14:10:05+01:00",delay=3i,pid=0i,dcs=0i` + end},
		{"the time of the service centre", func(w *writer, _ *gsm.Joined) { w.serviceCenter = true }, `sms,encoding=gsm7,kind=message,modem=ttyUSB2,sender=+15550100 length=5i,text="hello",parts=1i,complete=true,` +
			`service_center_time="2026-03-14T14:10:05+01:00",delay=3i,service_center="+15559999",pid=0i,dcs=0i 1773493805000000123`},
		{"a damaged zone", func(w *writer, j *gsm.Joined) {
			w.serviceCenter = true
			j.Message.Time = gsm.Timestamp{Time: sent.UTC(), NoZone: true}
			j.Message.Repaired = gsm.RepairedTime
		}, `sms,encoding=gsm7,kind=message,modem=ttyUSB2,sender=+15550100 length=5i,text="hello",parts=1i,complete=true,` +
			`service_center_time="2026-03-14T13:10:05",service_center="+15559999",pid=0i,dcs=0i,repaired="` + gsm.RepairedTime.String() + `"` + end},
		{"parts are missing", func(_ *writer, j *gsm.Joined) {
			j.Parts, j.Missing = 4, []int{1, 3}
			j.Message.Concat = &gsm.Concat{Reference: 513, Bits: 16, Parts: 4}
			j.Message.Class = gsm.Class0
		}, `sms,class=0,encoding=gsm7,kind=message,modem=ttyUSB2,sender=+15550100 length=5i,text="hello",parts=4i,complete=false,missing="1,3",reference=513i,` +
			`service_center_time="2026-03-14T14:10:05+01:00",delay=3i,service_center="+15559999",pid=0i,dcs=0i` + end},
		{"8 bit data with ports", func(w *writer, j *gsm.Joined) {
			w.pdu = true
			m := j.Message
			m.Text, m.Data, m.Encoding, m.DCS, m.PID = "", []byte{0, 1, 0xff}, gsm.Octets, 4, 65
			m.Ports = &gsm.Ports{Destination: 2948, Source: 9200, Bits: 16}
			m.SMSC = gsm.Address{}
		}, `sms,encoding=8bit,kind=message,modem=ttyUSB2,sender=+15550100 length=3i,data="0001ff",parts=1i,complete=true,` +
			`service_center_time="2026-03-14T14:10:05+01:00",delay=3i,pid=65i,dcs=4i,destination_port=2948i,source_port=9200i,pdu="07911555"` + end},
		{"text as 8 bit data", func(_ *writer, j *gsm.Joined) {
			m := j.Message
			m.Text, m.Data, m.Encoding, m.DCS = "", []byte("grüß\nGott"), gsm.Octets, 4
		}, `sms,encoding=8bit,kind=message,modem=ttyUSB2,sender=+15550100 length=9i,text="grüß` + "\n" + `Gott",data="6772c3bcc39f0a476f7474",parts=1i,complete=true,` +
			`service_center_time="2026-03-14T14:10:05+01:00",delay=3i,service_center="+15559999",pid=0i,dcs=4i` + end},
		{"a name with control characters, voice mail", func(_ *writer, j *gsm.Joined) {
			j.Message.Peer = gsm.Address{Type: 0xd0, Value: "a b\n\\"}
			j.Message.Indications = []gsm.Indication{{Waiting: gsm.Voicemail, Active: true, Count: 3}, {Waiting: gsm.Fax, Count: -1}}
		}, `sms,encoding=gsm7,kind=message,modem=ttyUSB2,sender=a\ b\  length=5i,text="hello",parts=1i,complete=true,` +
			`service_center_time="2026-03-14T14:10:05+01:00",delay=3i,service_center="+15559999",pid=0i,dcs=0i,` +
			`voicemail_waiting=true,voicemail_count=3i,fax_waiting=false` + end},
		{"report", func(_ *writer, j *gsm.Joined) {
			m := j.Message
			m.Kind, m.Text, m.Reference, m.Status, m.Discharge = gsm.StatusReport, "", 42, 0x46, gsm.Timestamp{Time: sent.Add(time.Second)}
		}, `sms,kind=report,modem=ttyUSB2,sender=+15550100 parts=1i,complete=true,service_center_time="2026-03-14T14:10:05+01:00",delay=3i,` +
			`discharge_time="2026-03-14T14:10:06+01:00",service_center="+15559999",reference=42i,status=70i,outcome="failed"` + end},
		{"nothing can be read", func(_ *writer, j *gsm.Joined) { j.Message = gsm.Decode("zz", 0) },
			`sms,kind=unknown,modem=ttyUSB2 parts=1i,complete=true,error="PDU at octet 0: not hexadecimal",pdu="07911555"` + end},
		{"nothing can be read, omit", func(w *writer, j *gsm.Joined) { w.text, j.Message = showOmit, gsm.Decode("zz", 0) },
			`sms,kind=unknown,modem=ttyUSB2 parts=1i,complete=true,error="PDU at octet 0: not hexadecimal"` + end},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, j := plainWriter(), text("hello")
			if tt.change != nil {
				tt.change(w, j)
			}
			require.Equal(t, tt.want, linesOf(t, w.metrics(j, received)))
		})
	}
}

// No two messages have the same time.
func TestMetricsTimes(t *testing.T) {
	for _, center := range []bool{false, true} {
		w := plainWriter()
		w.serviceCenter = center
		times := make(map[time.Time]bool)
		for range 100 {
			times[w.metrics(text("x"), received)[0].Time()] = true
		}
		require.Len(t, times, 100)
	}
}

func TestSenderNotWanted(t *testing.T) {
	w := plainWriter()
	w.wanted = newSenders(nil, []string{"+1555*"})
	require.Nil(t, w.metrics(text("hello"), received))
}

// TestExpand shows what becomes of bodies that hold metrics.
func TestExpand(t *testing.T) {
	held, err := payload.Encode([]telegraf.Metric{
		metric.New("pump", []telegraf.Tag{{Key: "site", Value: "north"}}, []telegraf.Field{{Key: "rpm", Value: int64(7)}}, time.Unix(1700000000, 0)),
	}, 0)
	require.NoError(t, err)
	damaged := strings.Replace(string(held), string(held[5]), string(held[5]+1), 1)
	const pump = "\npump,site=north rpm=7i 1700000000000000000"
	for _, tt := range []struct {
		name, format, body string
		change             func(*gsm.Joined)
		held, field        string
	}{
		{"compact", formatCompact, string(held), nil, pump, `metrics=1i`},
		{"compact as 8 bit data", formatCompact, "", func(j *gsm.Joined) { j.Message.Encoding, j.Message.Data = gsm.Octets, held }, pump, `metrics=1i`},
		{"not compact", formatCompact, "hello", nil, "", `text="hello",parts=1i|error="not a compact payload"`},
		{"damaged", formatCompact, damaged, nil, "", `error="a compact payload that `},
		{"influx", formatInflux, "pump,site=north rpm=7i 1700000000000000000", nil, pump, `metrics=1i`},
		{"influx, two lines and no time", formatInflux, "pump rpm=7i\r\nvalve open=true\n", nil,
			"\npump rpm=7i 1773493808000000123\nvalve open=true 1773493808000000123", `metrics=2i`},
		{"influx with a newline in a string", formatInflux, "note text=\"a\nb\" 1", nil, "\nnote text=\"a\nb\" 1", `metrics=1i`},
		{"influx, one line of two", formatInflux, "pump rpm=7i\nhello", nil, "", `text="pump rpm=7i` + "\n" + `hello"|error="not line protocol"`},
		{"influx, empty", formatInflux, "", nil, "", `text=""|error="not line protocol"`},
		{"influx, parts are missing", formatInflux, "pump rpm=7i", func(j *gsm.Joined) { j.Parts, j.Missing = 2, []int{2} }, "", `error="parts are missing"`},
		{"influx, report", formatInflux, "", func(j *gsm.Joined) { j.Message.Kind = gsm.StatusReport }, "", `kind=report`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, j := plainWriter(), text(tt.body)
			w.format = tt.format
			if tt.change != nil {
				tt.change(j)
			}
			metrics := w.metrics(j, received)
			require.Equal(t, tt.held, strings.TrimPrefix(linesOf(t, metrics), linesOf(t, metrics[:1])))
			for field := range strings.SplitSeq(tt.field, "|") {
				require.Contains(t, linesOf(t, metrics[:1]), field)
			}
			if tt.held != "" {
				require.NotContains(t, linesOf(t, metrics[:1]), "text=")
				require.NotContains(t, linesOf(t, metrics[:1]), "data=")
			}
		})
	}
}

// A message that holds very much is left as it is.
func TestExpandTooMuch(t *testing.T) {
	var many []telegraf.Metric
	for i := range 20000 {
		many = append(many, metric.New("pump", nil, []telegraf.Field{{Key: "rpm", Value: int64(1)}}, time.Unix(int64(i), 0)))
	}
	held, err := payload.Encode(many, 0)
	require.NoError(t, err)
	require.Less(t, len(held), 10000)
	w := plainWriter()
	w.format = formatCompact
	metrics := w.metrics(text(string(held)), received)
	require.Len(t, metrics, 1)
	require.Equal(t, tooMuch, metrics[0].Fields()["error"])
	require.Equal(t, string(held), metrics[0].Fields()["text"])
}

// The journal takes the largest message.
func TestLargestMessage(t *testing.T) {
	j := text("")
	j.Parts, j.Message.Encoding, j.Message.Data = 255, gsm.Octets, []byte(strings.Repeat("a", 255*134))
	for range 255 {
		j.PDUs = append(j.PDUs, strings.Repeat("A", 2*512))
	}
	w := plainWriter()
	w.pdu = true
	require.Less(t, len(linesOf(t, w.metrics(j, received)))+maxHeld, minJournal)
}

// FuzzMetrics checks that every PDU becomes a line that can be read, and that a
// line without text has none.
func FuzzMetrics(f *testing.F) {
	f.Add("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07")
	f.Add("06005100")
	f.Fuzz(func(t *testing.T, pdu string) {
		a := gsm.NewAssembler(0, 0)
		out := a.Add(gsm.Decode(pdu, 0), gsm.Location{Storage: "SM", Index: 1}, received)
		if j, ok := a.Evict(received); ok {
			out = append(out, j)
		}
		for _, format := range []string{formatText, formatInflux, formatCompact} {
			w := plainWriter()
			w.format = format
			for _, j := range out {
				lines := linesOf(t, w.metrics(j, received))
				back, err := parseLines([]byte(lines), received)
				require.NoError(t, err, "%q", lines)
				require.Equal(t, lines, linesOf(t, back))
			}
		}
		w := plainWriter()
		w.text, w.sender = showOmit, showOmit
		for _, j := range out {
			m := w.metrics(j, received)
			for _, key := range []string{"text", "data", "pdu", "service_center"} {
				require.False(t, m[0].HasField(key))
			}
			require.False(t, m[0].HasTag("sender"))
			if s := hex.EncodeToString(j.Message.Data); len(s) > 24 {
				require.NotContains(t, linesOf(t, m), s)
			}
		}
	})
}

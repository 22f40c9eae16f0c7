package execd

import (
	"testing"
	"time"

	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What Telegraf writes is read as it was, whatever bytes a device has put into it.
func TestParseRecordTakesAllBytes(t *testing.T) {
	serializer := &influx.Serializer{UintSupport: true}
	require.NoError(t, serializer.Init())
	for _, text := range []string{
		"plain", "\xff", "a\xc3", "\xed\xa0\x80", "\x00", "a\x01b\x1f\x7f", "grün\xfc", "\U0010FE41", "\U0010FEFF\xfe\U0010FE00", "\u65e5\x80\u672c",
	} {
		m := metric.New("n"+text, map[string]string{"k" + text: "v" + text}, map[string]any{"f" + text: "s" + text + "\n" + text, "i": int64(1)}, time.Unix(0, 7))
		record, err := serializer.Serialize(m)
		require.NoError(t, err)
		got, err := ParseRecord(record[:len(record)-1], time.Now())
		require.NoError(t, err, "%q", text)
		require.Equal(t, m.Name(), got.Name())
		require.Equal(t, m.Tags(), got.Tags())
		require.Equal(t, m.Fields(), got.Fields())
		require.Equal(t, int64(7), got.Time().UnixNano())
	}
}

func TestStandInsAreUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.StringOf(rapid.RuneFrom([]rune{'a', 0, 0x7f, firstStandIn, lastStandIn, lastStandIn + 1})),
			func(s string) []byte { return []byte(s) })).Draw(t, "text")
		require.Equal(t, string(text), original(standIn(text)))
		require.False(t, needsStandIns(standIn(text)))
	})
}

// The error of a record that is wrong all the same is that of the record itself.
func TestParseRecordErrorWithBadBytes(t *testing.T) {
	_, err := ParseRecord([]byte("cpu,a=\xff value="), time.Now())
	require.ErrorContains(t, err, "no line protocol at byte")
}

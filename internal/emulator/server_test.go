package emulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/socketapi"
)

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want string // empty: valid
	}{
		{"zero", Config{}, ""},
		{"localhost", Config{Address: "localhost:0"}, ""},
		{"IPv6 loopback", Config{Address: "[::1]:0"}, ""},
		{"127.0.0.2", Config{Address: "127.0.0.2:1"}, ""},
		{"all interfaces", Config{Address: ":9999"}, "not on the loopback interface"},
		{"all interfaces by number", Config{Address: "0.0.0.0:9999"}, "not on the loopback interface"},
		{"other host", Config{Address: "192.0.2.1:9999"}, "not on the loopback interface"},
		{"name", Config{Address: "example.org:9999"}, "not on the loopback interface"},
		{"allowed", Config{Address: ":9999", AllowRemote: true}, ""},
		{"no port", Config{Address: "127.0.0.1"}, "not host:port"},
		{"key length", Config{DeviceKeys: []string{key1, "secret"}}, "device key 2 has 6 bytes, not 8"},
		{"key twice", Config{DeviceKeys: []string{key1, key2, key1}}, "device keys 1 and 3 are the same"},
		{"message size", Config{MaxMessageSize: 3}, "not from 16 to"},
		{"idle timeout", Config{IdleTimeout: -1}, "negative"},
		{"connections", Config{MaxConnections: -1}, "negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.cfg)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			for _, key := range c.cfg.DeviceKeys {
				require.NotContains(t, err.Error(), key)
			}
		})
	}
}

func TestServeRefusesForeignListener(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":0")
	require.NoError(t, err)
	s, err := New(Config{})
	require.NoError(t, err)
	var refused *NotLoopbackError
	require.ErrorAs(t, s.Serve(t.Context(), ln), &refused)
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestEvents(t *testing.T) {
	var seen []Event
	s := start(t, func(c *Config) { c.OnEvent = func(e Event) { seen = append(seen, e) } })
	require.Nil(t, s.Events())
	require.Equal(t, "[0,0]", ask(t, s, valid))
	require.Equal(t, "00", ask(t, s, validSMS))
	require.Equal(t, "[0,0]", ask(t, s, `{"k":"ABCDWXYZ","d":"?"}`+"\n\n"))
	require.Equal(t, "[3,0]", ask(t, s, `{"k":"ABCDWXYz","d":"x"}`+"\n\n"))
	require.NoError(t, s.Close())

	require.Len(t, seen, 4)
	require.Equal(t, seen, s.Events())
	e := seen[0]
	require.Equal(t, KindMessage, e.Kind)
	require.Equal(t, []string{"cpu", "mem", "_DEVICE_1_", "_SOCKETAPI_", "_JSONSTRING_"}, e.Topics)
	require.Len(t, e.Metrics, 2)
	require.Equal(t, len(valid), e.BytesIn)
	require.WithinDuration(t, time.Now(), e.Received, time.Minute)
	e = seen[1]
	require.Equal(t, KindSMS, e.Kind)
	require.Equal(t, "+15125550100", e.To)
	require.Equal(t, []string{"_DEVICE_2_", "_SMSOVERIP_", "_SMS_"}, e.Topics)
	require.Error(t, seen[2].DecodeErr)
	require.Equal(t, socketapi.CodeInvalidAuth, seen[3].Code)

	require.Equal(t, Counters{
		Connections: 4, Messages: 2, SMS: 1, Metrics: 2, Undecoded: 1, Refused: 1,
		BytesIn: int64(len(valid) + len(validSMS) + 2*26), BytesOut: 17,
	}, s.Counters())
}

func TestEventsAreBounded(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	for i := range maxKeptEvents + 5 {
		s.deliver(Event{Taken: true, BytesIn: i})
	}
	require.Len(t, s.Events(), maxKeptEvents)
	require.Equal(t, 5, s.Events()[0].BytesIn)
	s.deliver(Event{Data: strings.Repeat("x", maxKeptBytes-1)})
	s.deliver(Event{Data: "yy"})
	require.Len(t, s.Events(), 1)
	require.EqualValues(t, maxKeptEvents+6, s.Counters().Forgotten)
	s.deliver(Event{Data: strings.Repeat("x", maxKeptBytes+1)})
	require.Len(t, s.Events(), 1, "the latest is always there")
}

func TestHalfClose(t *testing.T) {
	s := start(t, nil)
	for text, want := range map[string]string{`{"k":"ABCDWXYZ","d":"x"}` + "\n": "[1,0]", "SABCDWXYZ+1512": "10"} {
		conn := dial(t, s)
		_, err := io.WriteString(conn, text)
		require.NoError(t, err)
		require.NoError(t, conn.CloseWrite())
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, want, string(answer))
	}
	// Half-closed after the terminator is fine.
	conn := dial(t, s)
	_, err := io.WriteString(conn, valid)
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "[0,0]", string(answer))
}

func TestIdle(t *testing.T) {
	s := start(t, func(c *Config) { c.IdleTimeout = 50 * time.Millisecond })
	answer, err := exchange(t, s, strings.TrimRight(valid, "\n"))
	require.NoError(t, err)
	require.Empty(t, answer, "closes without an answer")
	e := s.Events()[0]
	require.False(t, e.Taken)
	require.Equal(t, NoAnswer, e.Code)
	require.Equal(t, "idle for 50ms before the end of the message", e.Reason)

}

// Every byte starts the idle time anew.
func TestNotIdle(t *testing.T) {
	s := start(t, func(c *Config) { c.IdleTimeout = 500 * time.Millisecond })
	conn := dial(t, s)
	for _, part := range []string{valid[:10], valid[10:20], valid[20:]} {
		time.Sleep(200 * time.Millisecond)
		_, err := io.WriteString(conn, part)
		require.NoError(t, err)
	}
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "[0,0]", string(got))
}

func TestEmptyConnection(t *testing.T) {
	s := start(t, nil)
	require.NoError(t, dial(t, s).Close())
	require.Eventually(t, func() bool { return s.Counters().Empty == 1 && s.Counters().Active == 0 }, 5*time.Second, time.Millisecond)
	require.Empty(t, s.Events())
}

func TestByteByByte(t *testing.T) {
	s := start(t, nil)
	for _, text := range []string{valid, validSMS, strings.Replace(valid, "\n\n", "\r\n\r\n", 1)} {
		conn := dial(t, s)
		for i := range len(text) {
			_, err := io.WriteString(conn, text[i:i+1])
			require.NoError(t, err)
		}
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Contains(t, string(answer), "0")
	}
	require.EqualValues(t, 3, s.Counters().Messages+s.Counters().SMS)
}

func TestLargeMessage(t *testing.T) {
	s := start(t, nil)
	frame := len(`{"k":"ABCDWXYZ","d":""}` + "\n\n")
	data := strings.Repeat("x", DefaultMaxMessageSize-frame)
	require.Equal(t, "[0,0]", ask(t, s, `{"k":"ABCDWXYZ","d":"`+data+`"}`+"\n\n"))
	require.Equal(t, data, s.Events()[0].Data)
	require.Equal(t, "[2,0]", ask(t, s, `{"k":"ABCDWXYZ","d":"x`+data+`"}`+"\n\n"))
	require.Zero(t, s.buffered.Load())
}

func TestManyClients(t *testing.T) {
	var order []Event // OnEvent needs no lock
	s := start(t, func(c *Config) {
		c.MaxConnections = 4
		c.OnEvent = func(e Event) { order = append(order, e) }
	})
	var clients sync.WaitGroup
	for i := range 50 {
		clients.Go(func() {
			msg := fmt.Sprintf(`{"k":"ABCDWXYZ","d":"m%d"}`+"\n\n", i)
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, msg)
			if answer, err := io.ReadAll(conn); err != nil || string(answer) != "[0,0]" {
				t.Errorf("client %d: %q, %v", i, answer, err)
			}
		})
	}
	clients.Wait()
	require.NoError(t, s.Close())
	require.Len(t, order, 50)
	require.True(t, isSorted(order))
	require.EqualValues(t, 50, s.Counters().Messages)
	require.Zero(t, s.Counters().Active)
}

func isSorted(events []Event) bool {
	for i := 1; i < len(events); i++ {
		if events[i].Received.Before(events[i-1].Received) {
			return false
		}
	}
	return true
}

// The end of the context ends what waits for whatever reason.
func TestStop(t *testing.T) {
	for _, fault := range []string{"", "never-answer", "late-answer=1h", "slow=1h", "close-unread", "refuse"} {
		t.Run(fault, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s, err := Start(ctx, Config{})
			require.NoError(t, err)
			conn := dial(t, s)
			idle := dial(t, s)
			require.Eventually(t, func() bool { return s.Counters().Connections == 2 }, 5*time.Second, time.Millisecond)
			s.SetFaults(faults(t, fault))
			var waiting net.Conn
			if fault != "" && fault != "refuse" {
				waiting = dial(t, s)
				_, err = io.WriteString(waiting, valid)
				require.NoError(t, err)
				require.Eventually(t, func() bool { return len(s.Events()) == 1 }, 5*time.Second, time.Millisecond)
			}
			_, err = io.WriteString(conn, "{")
			require.NoError(t, err)
			begin := time.Now()
			cancel()
			require.NoError(t, s.Close())
			require.NoError(t, s.Close())
			require.Less(t, time.Since(begin), 5*time.Second)
			_, _ = io.ReadAll(idle) // ends, with or without an error
			require.Zero(t, s.Counters().Active)
		})
	}
}

func TestServeOnceAndListenAndServe(t *testing.T) {
	s, err := New(Config{Address: "127.0.0.1:0"})
	require.NoError(t, err)
	require.Nil(t, s.Addr())
	require.NoError(t, s.Close(), "nothing to close")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.ListenAndServe(ctx) }()
	require.Eventually(t, func() bool { return s.Addr() != nil }, 5*time.Second, time.Millisecond)
	require.Equal(t, "[0,0]", ask(t, s, valid))
	require.ErrorContains(t, s.ListenAndServe(t.Context()), "serves already")
	cancel()
	require.NoError(t, <-done)

	taken, err := New(Config{Address: "127.0.0.1:0"})
	require.NoError(t, err)
	ln, err := taken.listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	_, err = Start(t.Context(), Config{Address: ln.Addr().String()})
	require.ErrorContains(t, err, "cannot listen on "+ln.Addr().String())
}

func TestListenerFails(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	ln, err := s.listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorContains(t, s.Serve(t.Context(), ln), "cannot accept connections")
}

func TestEventString(t *testing.T) {
	at := time.Date(2026, 8, 1, 14, 3, 7, 512_000_000, time.Local)
	metrics, _ := decodeWords("a b c")
	many := strings.Fields(strings.Repeat("t ", 10))
	for want, e := range map[string]Event{
		"14:03:07.512  device-1    message  taken         1026 B     3 metrics  cpu,mem": {
			DeviceName: "device-1", Kind: KindMessage, Taken: true, BytesIn: 1026, Metrics: metrics, decoded: true, Topics: []string{"cpu", "mem", "_DEVICE_1_"}, topics: 2,
		},
		"14:03:07.512  device-1    message  taken           30 B     1 metric   -": {
			DeviceName: "device-1", Kind: KindMessage, Taken: true, BytesIn: 30, Metrics: metrics[:1], decoded: true, Topics: []string{"_DEVICE_1_"},
		},
		"14:03:07.512  device-1    message  taken           30 B     2 characters  t,t,t,t,t,t,t,t and 2 more": {
			DeviceName: "device-1", Kind: KindMessage, Taken: true, BytesIn: 30, Data: "ü!", Topics: many, topics: 10,
		},
		`14:03:07.512  device-1    message  taken           30 B  no metrics (bad \a)  -  (late-answer)`: {
			DeviceName: "device-1", Kind: KindMessage, Taken: true, BytesIn: 30, decoded: true, DecodeErr: &refusal{reason: "bad \a"}, Fault: "late-answer",
		},
		`14:03:07.512  device-12   sms      taken           41 B  to +15125550100: "high \x1b[1m"`: {
			DeviceName: "device-12", Kind: KindSMS, Taken: true, BytesIn: 41, Data: "high \x1b[1m", To: "+15125550100",
		},
		"14:03:07.512  -           message  refused 3       41 B  unknown device key": {
			Kind: KindMessage, Code: 3, BytesIn: 41, Reason: "unknown device key",
		},
		"14:03:07.512  -           unknown  lost             0 B  closed without reading  (accept-close)": {
			Code: NoAnswer, Reason: "closed without reading", Fault: "accept-close",
		},
	} {
		e.Received = at
		require.Equal(t, want, e.String())
	}
}

func TestEventJSON(t *testing.T) {
	s := start(t, nil)
	ask(t, s, valid)
	ask(t, s, validSMS)
	ask(t, s, "N\n\n")
	events := s.Events()
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for i := range events {
		require.Regexp(t, uuid, events[i].RecordID)
		events[i].RecordID = "id"
		events[i].Received = time.Date(2016, 9, 27, 20, 53, 9, 302_915_999, time.FixedZone("", 7200))
	}
	const head = `{"record_id":"id","received":"2016-09-27T18:53:09.302915","authtype":"psk","tags":`
	b64 := base64.StdEncoding.EncodeToString
	nested := func(e Event) string { b, err := json.Marshal(e); require.NoError(t, err); return string(b) }
	flat := func(e Event) string { b, err := e.MarshalFlatJSON(); require.NoError(t, err); return string(b) }

	msg := `["cpu","mem","_DEVICE_1_","_SOCKETAPI_","_JSONSTRING_"]`
	tail := `"errorcode":0,"source":"0001","timestamp":"0","data":"` + b64([]byte("cpu mem")) + `"}`
	require.Equal(t, head+msg+`,"device":{"id":1,"name":"device-1"},`+tail, nested(events[0]))
	require.Equal(t, head+msg+`,"device_id":1,"device_name":"device-1",`+tail, flat(events[0]))
	require.Equal(t, head+`["_DEVICE_2_","_SMSOVERIP_","_SMS_"],"device":{"id":2,"name":"device-2"},"errorcode":0,"source":"0002","timestamp":"0","body":"`+
		b64([]byte("high water"))+`","destination":"+15125550100","direction":"DO","type":"T","status":"delivered"}`, nested(events[1]))
	require.JSONEq(t, head+`[],"errorcode":5,"timestamp":"0","data":""}`, nested(events[2]))
}

func TestKindString(t *testing.T) {
	var b bytes.Buffer
	fmt.Fprint(&b, KindUnknown, KindMessage, KindSMS)
	require.Equal(t, "unknown message sms", b.String())
}

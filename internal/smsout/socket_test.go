package smsout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/smslimit"
	"telegraf-hologram/internal/socketapi"
)

// cloud takes SMS as the Socket API does, over connections within this process.
type cloud struct {
	mu      sync.Mutex
	got     []string
	answers []string // "" closes without one; the last stays
	down    bool
}

var errNoRoute = errors.New("no route")

func (c *cloud) dial(context.Context, string, string) (socketapi.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, errNoRoute
	}
	ours, theirs := net.Pipe()
	go func() {
		defer func() { _ = theirs.Close() }()
		var text strings.Builder
		buf := make([]byte, 100)
		for !strings.HasSuffix(text.String(), "\n\n") {
			n, err := theirs.Read(buf)
			if err != nil {
				return
			}
			text.Write(buf[:n])
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, text.String())
		answer := "00"
		if len(c.answers) > 0 {
			answer = c.answers[0]
			c.answers = c.answers[1:]
		}
		_, _ = theirs.Write([]byte(answer))
	}()
	return ours, nil
}

func (c *cloud) way() *Socket {
	return &Socket{Client: &socketapi.Client{
		Address: "192.0.2.1:9999", Credentials: socketapi.Credentials{DeviceKey: "ABCDWXYZ"}, Dial: c.dial,
	}}
}

func TestSocket(t *testing.T) {
	var c cloud
	w := c.way()
	var calls []string
	w.Begin = func() { calls = append(calls, "begin") }
	w.End = func(r socketapi.Receipt, delivered bool) { calls = append(calls, fmt.Sprint(r.Written, delivered)) }
	m := Message{To: "+13125551212", Text: "Hello, SMS!"}
	parts, err := w.Plan(m)
	require.NoError(t, err)
	require.Equal(t, 1, parts)
	require.NoError(t, w.Send(t.Context(), m))
	require.Equal(t, []string{"SABCDWXYZ+13125551212 Hello, SMS!\n\n"}, c.got)
	require.Equal(t, []string{"begin", "35 true"}, calls)
	require.NoError(t, w.Close())
}

func TestSocketPlan(t *testing.T) {
	w := new(Socket)
	for _, m := range []Message{
		{To: "310000202", Text: "x"}, {To: "+0123456789", Text: "x"}, {To: "+15125550100"}, {To: "+15125550100", Text: "\r\n"},
		{To: "+15125550100", Text: "\xff"}, {To: "+15125550100", Text: strings.Repeat("x", 99*160)},
	} {
		_, err := w.Plan(m)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "5550100")
	}
	for _, c := range []struct {
		text   string
		coding encode.Coding
		parts  int
	}{
		{strings.Repeat("x", 160), encode.Auto, 1},
		{strings.Repeat("x", 161), encode.Auto, 2},
		{strings.Repeat("€", 160), encode.Auto, 3},
		{strings.Repeat("Ж", 160), encode.Auto, 3},
		{strings.Repeat("x", 160), encode.UCS2, 3},
		{"“" + strings.Repeat("x", 158) + "”", encode.GSM7, 1},
		{"“" + strings.Repeat("x", 158) + "”", encode.Auto, 3},
	} {
		parts, err := w.Plan(Message{To: "+15125550100", Text: c.text, Coding: c.coding})
		require.NoError(t, err)
		require.Equal(t, c.parts, parts, "%q %v", c.text, c.coding)
	}
}

// TestSocketVerdicts: what each answer means for the outbox, whose other way must not be used for what may have been
// sent.
func TestSocketVerdicts(t *testing.T) {
	for answer, want := range map[string]string{
		"00": "socket", "0": "socket",
		"10": "unsure", "60": "unsure", "": "unsure", "1": "unsure", "90": "unsure", "3": "unsure", "HTTP/1.1 400": "unsure",
		"20": "modem", "40": "modem", "30": "modem",
	} {
		t.Run(answer, func(t *testing.T) {
			c := cloud{answers: []string{answer}}
			modem := &fakeWay{name: "modem"}
			account, err := smslimit.Open("", smslimit.Limits{Period: 10}, nil)
			require.NoError(t, err)
			o, err := Open(Config{Ways: []Way{c.way(), modem}, Account: account, FallbackAfter: time.Hour, Directory: filepath.Join(t.TempDir(), "sms")})
			require.NoError(t, err)
			defer func() { require.NoError(t, o.Close()) }()
			result, err := o.Send(t.Context(), Message{To: "+15125550100", Text: "secret", Keys: []uint64{1}})
			require.NoError(t, err)
			got := result.Way
			if result.Unsure {
				got = "unsure"
				require.NotContains(t, result.Err.Error(), "secret")
				require.NotContains(t, result.Err.Error(), "5550100")
				require.NotContains(t, result.Err.Error(), "WXYZ")
			}
			require.Equal(t, want, got)
			require.Equal(t, want == "modem", len(modem.sent) == 1)
			require.Len(t, c.got, 1)
			u, err := account.Usage()
			require.NoError(t, err)
			require.Equal(t, 1, u.Period.Used)
		})
	}
}

func TestSocketDown(t *testing.T) {
	c := cloud{down: true}
	err := c.way().Send(t.Context(), Message{To: "+15125550100", Text: "x"})
	failure := new(WayError)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, NotSent, failure.Verdict)
	require.ErrorIs(t, err, errNoRoute)
	w := c.way()
	w.Client.Credentials.DeviceKey = "short"
	require.ErrorAs(t, w.Send(t.Context(), Message{To: "+15125550100", Text: "x"}), &failure)
	require.Equal(t, Stopped, failure.Verdict)
}

// TestSocketRest fails at the second of three texts.
func TestSocketRest(t *testing.T) {
	long := Message{To: "+15125550100", Text: strings.Repeat("0123456789", 40)}
	for _, c := range []struct {
		answers []string
		want    *WayError // nil: sent
		got     int       // texts
	}{
		{[]string{"00", "00", "00"}, nil, 3},
		{[]string{"00", "10"}, &WayError{Verdict: Unsure, Sent: 2}, 2},
		{[]string{"00", "20"}, &WayError{Verdict: Unsure, Sent: 1}, 2},
		{[]string{"00", "30"}, &WayError{Verdict: Unsure, Sent: 1}, 2},
		{[]string{"30"}, &WayError{Verdict: Stopped}, 1},
	} {
		s := cloud{answers: c.answers}
		err := s.way().Send(t.Context(), long)
		require.Len(t, s.got, c.got)
		if c.want == nil {
			require.NoError(t, err)
			continue
		}
		failure := new(WayError)
		require.ErrorAs(t, err, &failure)
		c.want.Err = failure.Err
		require.Equal(t, c.want, failure)
		require.ErrorContains(t, err, fmt.Sprintf("text %d of 3: ", c.got))
	}
}

// TestSocketRestDown: a link that goes down between two texts is given some seconds.
func TestSocketRestDown(t *testing.T) {
	for _, back := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := cloud{}
			w := c.way()
			tries := 0
			w.End = func(socketapi.Receipt, bool) {
				tries++
				c.mu.Lock()
				defer c.mu.Unlock()
				c.down = tries == 1 || tries == 2 || !back
			}
			err := w.Send(t.Context(), Message{To: "+15125550100", Text: strings.Repeat("x", 200)})
			if back {
				require.NoError(t, err)
				require.Len(t, c.got, 2)
				return
			}
			failure := new(WayError)
			require.ErrorAs(t, err, &failure)
			require.Equal(t, &WayError{Verdict: Unsure, Sent: 1, Err: failure.Err}, failure)
			require.Equal(t, 1+restTries, tries)
		})
	}
}

// TestSocketSplit wants that the texts are short enough, are numbered, and have all words.
func TestSocketSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-zЖ€🎉\n]{1,40}|x{100,400}`), 1, 300).Draw(t, "words")
		text := strings.Join(words, " ")
		texts, err := socketSplit(Message{Text: text})
		trimmed := strings.Trim(text, "\r\n")
		if trimmed == "" {
			require.ErrorIs(t, err, errEmpty)
			return
		}
		if err != nil {
			require.ErrorIs(t, err, errTooMany)
			require.Greater(t, utf8.RuneCountInString(trimmed), 99*160/2)
			return
		}
		if len(texts) == 1 {
			require.Equal(t, trimmed, texts[0])
			require.LessOrEqual(t, utf8.RuneCountInString(trimmed), 160)
			return
		}
		var all strings.Builder
		for i, one := range texts {
			require.LessOrEqual(t, utf8.RuneCountInString(one), 160)
			require.True(t, utf8.ValidString(one))
			rest, ok := strings.CutPrefix(one, fmt.Sprintf("%d/%d ", i+1, len(texts)))
			require.True(t, ok)
			all.WriteString(rest)
		}
		without := func(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }
		require.Equal(t, without(trimmed), without(all.String()))
	})
}

func TestSocketSplitWords(t *testing.T) {
	texts, err := socketSplit(Message{Text: strings.Repeat("alarm at the pump ", 10)})
	require.NoError(t, err)
	require.Len(t, texts, 2)
	require.True(t, strings.HasPrefix(texts[0], "1/2 alarm at the pump "), texts[0])
	require.True(t, strings.HasSuffix(texts[0], "pump alarm at the"), texts[0])
	require.True(t, strings.HasPrefix(texts[1], "2/2 pump "), texts[1])
}

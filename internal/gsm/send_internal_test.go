package gsm

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm/encode"
)

// The codes of +CMS ERROR and +CME ERROR, and what else can be wrong.
func TestSendClasses(t *testing.T) {
	want := map[SendClass][]int{
		GiveUp: {1, 21, 29, 30, 95, 96, 97, 99, 111, 0x80, 0x81, 0x82, 0x8f, 0x90, 0x9f, 0xa0, 0xb0, 0xc3, 0xc4, 0xc6, 0xc7, 0xe0, 0xfe, 304, 305},
		Stop:   {8, 10, 28, 50, 69, 0xc1, 303, 310, 311, 312, 313, 315, 316, 317, 318, 330},
		Retry:  {2, 17, 22, 27, 38, 41, 42, 47, 81, 98, 127, 0xc0, 0xc2, 0xd0, 0xd3, 0xff, 301, 302, 314, 320, 321, 322, 331},
		Unsure: {at.NoCode, 0, 0xc5, 300, 332, 340, 500, 512, 517, 65535},
	}
	for class, codes := range want {
		for _, code := range codes {
			err := fmt.Errorf("AT+CMGS: %w", &at.CMSError{Code: code})
			require.Equal(t, class, sendError(err, true).Class, code)
			before := class
			if class == Unsure {
				before = Retry
			}
			require.Equal(t, before, sendError(err, false).Class, code)
		}
	}
	for code := 1; code < 0xc5; code++ {
		require.NotEqual(t, Unsure, sendError(&at.CMSError{Code: code}, true).Class, "a network that has refused has not sent")
	}
	for class, codes := range map[SendClass][]int{
		Retry: {3, 14, 30, 32}, Stop: {4, 5, 10, 11, 12, 13, 15, 16, 40}, GiveUp: {50}, Unsure: {0, 31, 100, at.NoCode},
	} {
		for _, code := range codes {
			require.Equal(t, class, sendError(&at.CMEError{Code: code}, true).Class, code)
		}
	}
	for _, err := range []error{at.ErrTimeout, at.ErrClosed, at.ErrUnresponsive, at.ErrFailed, at.ErrWriteTimeout, errors.New("x")} {
		require.Equal(t, Unsure, sendError(err, true).Class, err)
		require.Equal(t, Retry, sendError(err, false).Class, err)
	}
	require.Equal(t, Retry, sendError(at.ErrNoPrompt, false).Class)
	require.Equal(t, Stop, sendError(at.ErrNotSupported, false).Class)
	for class, name := range map[SendClass]string{Retry: "retry", GiveUp: "give_up", Stop: "stop", Unsure: "unsure"} {
		require.Equal(t, name, class.String())
	}
}

func TestRecipients(t *testing.T) {
	for to, ok := range map[string]bool{
		"+15125550100": true, "310000202": true, "12": true, "+123456789012345": true, strings.Repeat("1", 20): true,
		"": false, "+": false, "1": false, "+1": false, "+1234567890123456": false, strings.Repeat("1", 21): false,
		"+01512": false, "abc": false, "1a2": false, "1 2": false, "+1-512": false, "12*": false, "12\r": false, "\u0663\u0663": false,
	} {
		sub := Submission{To: to, Text: "x"}
		_, err := sub.pdus()
		if ok {
			require.NoError(t, err, to)
			continue
		}
		require.ErrorIs(t, err, ErrRecipient, to)
		require.Equal(t, GiveUp, sendError(err, false).Class)
	}
	sub := Submission{To: "12", Text: strings.Repeat("x", 153*255+1)}
	_, err := sub.pdus()
	require.ErrorIs(t, err, ErrTooLong)
	require.Equal(t, GiveUp, sendError(err, false).Class)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", sub, sub, sub), "x")
}

func TestSameNumber(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"+15125550100", "15125550100", true},
		{"+15125550100", "5125550100", true},
		{"+4915112345678", "015112345678", true},
		{"+4915112345678", "004915112345678", true},
		{"310000202", "310000202", true},
		{"80800", "80800", true},
		{"80800", "800", false},
		{"+15125550100", "+15125550101", false},
		{"+15125550100", "0100", false},
		{"+15125550100", "", false},
	} {
		require.Equal(t, c.same, sameNumber(c.a, c.b), c)
		require.Equal(t, c.same, sameNumber(c.b, c.a), c)
	}
}

// What is awaited is bounded, and a report is taken for the newest with its
// reference; one that tells of further tries leaves it awaited.
func TestAwaited(t *testing.T) {
	var got []Report
	s := NewSender(SenderConfig{OnReport: func(r Report) { got = append(got, r) }})
	for i := range 1000 {
		s.await(byte(i), fmt.Sprintf("+1512555%04d", i))
	}
	require.Len(t, s.awaited, maxAwaited)
	s.await(byte(999&0xff), "+15125550999")
	require.Len(t, s.awaited, maxAwaited, "the same one")
	report := func(status byte) *Message {
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		pdu, err := encode.StatusReport("", "+15125550999", byte(999&0xff), at, at, status)
		require.NoError(t, err)
		return Decode(pdu, 0)
	}
	for _, c := range []struct {
		status            byte
		delivered, failed bool
		left              int
	}{
		{0x20, false, false, maxAwaited},
		{0x3f, false, false, maxAwaited},
		{0x00, true, false, maxAwaited - 1},
	} {
		i := s.find(report(c.status))
		require.GreaterOrEqual(t, i, 0)
		got = nil
		s.report(i, report(c.status))
		require.Equal(t, []bool{c.delivered, c.failed}, []bool{got[0].Delivered, got[0].Failed})
		require.Len(t, s.awaited, c.left)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", got[0], got[0], got[0]), "5550")
	}
	require.Negative(t, s.find(report(0)), "it has come")
	for status, want := range map[byte][2]bool{0x01: {}, 0x02: {true, false}, 0x40: {false, true}, 0x46: {false, true}, 0x7f: {false, true}, 0x80: {}} {
		s.await(byte(999&0xff), "+15125550999")
		s.report(s.find(report(status)), report(status))
		require.Equal(t, want, [2]bool{got[len(got)-1].Delivered, got[len(got)-1].Failed}, status)
	}
}

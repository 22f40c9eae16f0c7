package sms

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
)

// The traces find a message in every form in which a PDU, a journal or a log could
// hold it.
func TestLeaks(t *testing.T) {
	m := message{SMS: lab.SMS{From: "+15125550100"}, token: "hellohello"}
	pdu := "07911326040000F0040B915121550501F000006210808133528A0AE8329BFD4697D9EC37"
	octets, err := hex.DecodeString(pdu)
	require.NoError(t, err)
	all := []message{m}
	for name, data := range map[string]string{
		"text": "I! a hellohello b", "number": "x 15125550100", "pdu": pdu, "octets": string(octets),
		"ucs2": "\x00h\x00e\x00l\x00l\x00o\x00h\x00e\x00l\x00l\x00o", "ucs2 in small letters": "00680065006c006c006f00680065006c006c006f",
		"semi-octets": "\x0b\x91\x51\x21\x55\x05\x01\xf0",
	} {
		n, _ := leaks([]byte(data), all, true, true)
		require.Equal(t, 1, n, name)
	}
	n, _ := leaks([]byte("x 15125550100"), all, true, false)
	require.Zero(t, n)
	n, _ = leaks([]byte("a hello hello b 1512555010"), all, true, true)
	require.Zero(t, n)
}

package sms

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessages(t *testing.T) {
	list := messages(1, 1000, 2, 5)
	require.Equal(t, list, messages(1, 1000, 2, 5), "the same seed makes the same messages")
	require.NotEqual(t, list, messages(2, 1000, 2, 5))
	keys, tokens := make(map[string]bool), make(map[string]bool)
	long := 0
	for _, m := range list {
		require.Contains(t, m.Text, m.token)
		keys[m.key()], tokens[m.token] = true, true
		if m.parts > 1 {
			long++
		}
	}
	require.Len(t, keys, len(list))
	require.Len(t, tokens, len(list))
	require.Equal(t, 333, long)
}

package modemsms

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHash has the vectors of the paper of SipHash (appendix A) and of its authors' implementation.
func TestHash(t *testing.T) {
	key, err := parseHashKey("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	require.Equal(t, "726fdb47dd0e0e31", key.hash(""))
	require.Equal(t, "a129ca6149be45e5", key.hash("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"))
	require.NotEqual(t, key.hash("+15550100"), hashKey{}.hash("+15550100"))

	for _, bad := range []string{"", "0001", "000102030405060708090a0b0c0d0e0g", "000102030405060708090a0b0c0d0e0f00"} {
		_, err := parseHashKey(bad)
		require.ErrorIs(t, err, errHashKey)
	}
}

package inet

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// As package net does it.
func FuzzSplitHostPort(f *testing.F) {
	for _, s := range []string{
		"", ":", "host", "host:", ":9999", "host:9999", "a:b:c", "[::1]:9999", "[::1]", "[::1]9999", "[::1]x:9999",
		"[::1]:99:99", "[::1:9999", "::1]:9999", "[a[b]:1", "[a]b]:1", "a[b:1", "a]b:1", "a:1]", "a:[1", "[]:1", "[a]:]", "[:]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		wantHost, wantPort, wantErr := net.SplitHostPort(s)
		host, port, err := SplitHostPort(s)
		require.Equal(t, wantHost, host)
		require.Equal(t, wantPort, port)
		require.Equal(t, wantErr == nil, err == nil, "%v, want %v", err, wantErr)
		if err != nil && !strings.Contains(wantErr.Error(), "[") && !strings.Contains(wantErr.Error(), "]") {
			require.ErrorContains(t, wantErr, err.Error())
		}
	})
}

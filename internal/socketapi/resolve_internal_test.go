package socketapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The higher of the ages by the wall clock and by the clock of the process
// counts, as one may be set and the other stands still while a device sleeps.
func TestAge(t *testing.T) {
	now := time.Now() // has both clocks
	asleep := func(d time.Duration) time.Time { return now.Round(0).Add(d) }
	k := knownAddress{at: now}
	require.Equal(t, time.Hour, k.age(now.Add(time.Hour)))
	require.Equal(t, 48*time.Hour, k.age(asleep(48*time.Hour)), "slept for two days")
	k.restored = true
	require.Equal(t, addrMaxStale, k.age(asleep(-time.Hour)), "from the future")
	k = knownAddress{at: time.Unix(1e6, 0), restored: true}
	require.Equal(t, addrMaxStale, k.age(time.Unix(1e6+1, 0)), "no clock at all")
}

package hologram

import (
	"encoding/json"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"telegraf-hologram/internal/socketapi"
)

func someState() *State {
	at := time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)
	return &State{Sequence: 4095, Sending: &trace{4094, 100, 0xabcdef}, Addresses: []socketapi.CachedAddress{
		{Host: "cloudsocket.hologram.io", Family: 4, Address: netip.MustParseAddr("192.0.2.1"), LookedUp: at},
		{Host: "cloudsocket.hologram.io", Family: 6, Address: netip.MustParseAddr("2001:db8::1"), LookedUp: at},
	}}
}

func TestStateText(t *testing.T) {
	text, err := someState().MarshalText()
	require.NoError(t, err)
	require.Equal(t, `sequence 4095
sending 4094 100 00abcdef
address 4 192.0.2.1 1795429230 cloudsocket.hologram.io
address 6 2001:db8::1 1795429230 cloudsocket.hologram.io
`, string(text))
	var got State
	require.NoError(t, got.UnmarshalText(text))
	require.Equal(t, someState(), &got)

	// A later version may write more.
	require.NoError(t, got.UnmarshalText([]byte("sequence 7\ncolour red\n\n")))
	require.Equal(t, State{Sequence: 7}, got)
}

// What is not a state is refused, and so is one with something in it that is not readable.
func TestStateTextRefuses(t *testing.T) {
	for _, text := range []string{
		"", "\n", "{}", `{"sequence":7}`, "sequence", "sequence ", "sequence x", "sequence -1", "sequence 65536", "sequence 1 2",
		"sending 1 2 3", "sequence 1\nsequence 2", "sequence 1\nsending 1 2", "sequence 1\nsending x 2 3", "sequence 1\nsending 1 x 3",
		"sequence 1\nsending 1 2 xyz", "sequence 1\nsending 1 2 100000000", "sequence 1\nsending 1 2 3\nsending 1 2 3",
		"sequence 1\naddress", "sequence 1\naddress 4 192.0.2.1 5", "sequence 1\naddress x 192.0.2.1 5 h", "sequence 1\naddress 4 x 5 h",
		"sequence 1\naddress 4 192.0.2.1 x h",
	} {
		require.ErrorIs(t, new(State).UnmarshalText([]byte(text)), errState, text)
	}
}

// Addresses that no lookup gives do not spoil the rest.
func TestStateLeavesOutOddAddresses(t *testing.T) {
	s := someState()
	s.Addresses = append(s.Addresses, socketapi.CachedAddress{}, socketapi.CachedAddress{Address: netip.MustParseAddr("fe80::1%a b")},
		socketapi.CachedAddress{Host: "a\nb", Address: netip.MustParseAddr("192.0.2.1")})
	text, err := s.MarshalText()
	require.NoError(t, err)
	var got State
	require.NoError(t, got.UnmarshalText(text))
	require.Equal(t, someState(), &got)
}

// Telegraf keeps states as JSON.
func TestStateInTelegraf(t *testing.T) {
	text, err := json.Marshal(someState())
	require.NoError(t, err)
	var got *State
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, someState(), got)
}

// The state that a plugin returns is the caller's.
func TestGetStateReturnsACopy(t *testing.T) {
	h := New()
	h.GetState().(*State).Sequence = 99
	require.Zero(t, h.GetState().(*State).Sequence)
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := State{Sequence: rapid.Uint16().Draw(t, "sequence")}
		if rapid.Bool().Draw(t, "sending") {
			s.Sending = &trace{rapid.Uint16().Draw(t, "number"), rapid.Int().Draw(t, "metrics"), rapid.Uint32().Draw(t, "checksum")}
		}
		for range rapid.IntRange(0, 3).Draw(t, "addresses") {
			b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
			a := netip.AddrFrom16([16]byte(b))
			if rapid.Bool().Draw(t, "v4") {
				a = netip.AddrFrom4([4]byte(b))
			}
			s.Addresses = append(s.Addresses, socketapi.CachedAddress{
				Host: rapid.StringMatching(`[^\n]*`).Draw(t, "host"), Family: rapid.Int().Draw(t, "family"), Address: a,
				LookedUp: time.Unix(rapid.Int64Range(math.MinInt32, math.MaxUint32).Draw(t, "looked up"), 0).UTC(),
			})
		}
		text, err := s.MarshalText()
		require.NoError(t, err)
		var got State
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, s, got)
	})
}

// FuzzState reads anything; what is read is written so that it is read again.
func FuzzState(f *testing.F) {
	text, err := someState().MarshalText()
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte("sequence 1\nsending 1 2 3\naddress 4 192.0.2.1 -1 a b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s, again State
		if s.UnmarshalText(text) != nil {
			return
		}
		text, err := s.MarshalText()
		require.NoError(t, err)
		require.NoError(t, again.UnmarshalText(text))
		written, err := again.MarshalText()
		require.NoError(t, err)
		require.Equal(t, string(text), string(written))
	})
}

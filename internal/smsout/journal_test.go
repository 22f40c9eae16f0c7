package smsout

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestState compares what is known of keys with a list.
func TestState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s state
		model := make(map[uint64]uint8)
		for range rapid.IntRange(0, 50).Draw(t, "operations") {
			keys := rapid.SliceOfN(rapid.Uint64Range(0, 20), 0, 6).Draw(t, "keys")
			if rapid.Bool().Draw(t, "forget") {
				s.forget(keys)
				for _, k := range keys {
					delete(model, k)
				}
			} else {
				tries := rapid.Uint8().Draw(t, "tries")
				s.set(keys, tries)
				for _, k := range keys {
					model[k] = tries
				}
			}
			b := appendState(nil, &s)
			require.LessOrEqual(t, len(b), slotSize)
			again, err := decodeState(b)
			require.NoError(t, err)
			require.Len(t, again.records, len(model))
			for k, tries := range model {
				i := again.find(k)
				require.GreaterOrEqual(t, i, 0)
				require.Equal(t, record{k, tries}, again.records[i])
			}
		}
	})
}

func TestLargestState(t *testing.T) {
	s := state{records: make([]record, keptKeys), failing: []failing{{1, 1}, {2, 2}, {3, 3}, {4, 4}}}
	b := appendState(nil, &s)
	require.LessOrEqual(t, len(b), slotSize)
	again, err := decodeState(b)
	require.NoError(t, err)
	require.Equal(t, s, again)
	_, err = decodeState(append(b, 0))
	require.ErrorIs(t, err, errDamaged)
	_, err = decodeState(append(b, make([]byte, recordSize)...))
	require.ErrorIs(t, err, errDamaged)
	_, err = decodeState([]byte{version + 1})
	require.ErrorIs(t, err, errVersion)
}

// FuzzState wants no panic, and of what is read that it is written in the same way.
func FuzzState(f *testing.F) {
	f.Add(appendState(nil, &state{reference: 3, records: []record{{1, 0}, {2, 3}}, failing: []failing{{4, 5}}}))
	f.Add([]byte{version})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			require.True(t, reflect.DeepEqual(state{}, s))
			return
		}
		require.Equal(t, b, appendState(nil, &s))
	})
}

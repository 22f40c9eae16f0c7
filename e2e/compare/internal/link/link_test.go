//go:build linux

package link

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// packet is an IPv4 packet of a protocol with a header of its own.
func packet(protocol byte, fragment uint16, rest ...byte) []byte {
	b := make([]byte, 20, 20+len(rest))
	b[0], b[9] = 0x45, protocol
	b = append(b, rest...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], 77)
	binary.BigEndian.PutUint16(b[6:], fragment)
	return b
}

func TestParse(t *testing.T) {
	tcp := make([]byte, 32+5) // with 12 bytes of options and 5 of data
	binary.BigEndian.PutUint16(tcp, 40000)
	binary.BigEndian.PutUint16(tcp[2:], 9001)
	tcp[12] = 8 << 4
	parts := map[uint16]uint16{}
	p, ok := parse(packet(6, 0, tcp...), true, parts)
	require.True(t, ok)
	require.Equal(t, Packet{Up: true, Port: 9001, Bytes: 57, Data: 5}, p)
	p, ok = parse(packet(6, 0, tcp...), false, parts)
	require.True(t, ok)
	require.Equal(t, Packet{Port: 40000, Bytes: 57, Data: 5}, p)

	// A datagram in two fragments: the second has the port of the first.
	p, ok = parse(packet(17, 0x2000, 0, 1, 0x1f, 0x9f, 0, 0, 0, 0, 'x', 'y'), true, parts)
	require.True(t, ok)
	require.Equal(t, Packet{Up: true, Port: 8095, Bytes: 30, Data: 2}, p)
	p, ok = parse(packet(17, 1, 'z'), true, parts)
	require.True(t, ok)
	require.Equal(t, Packet{Up: true, Port: 8095, Bytes: 21, Data: 1}, p)

	_, ok = parse(packet(1, 0, 8, 0), true, parts)
	require.False(t, ok, "ICMP does not count")
}

func FuzzParse(f *testing.F) {
	f.Add(packet(6, 0, make([]byte, 20)...), true)
	f.Add(packet(17, 0x2000, make([]byte, 8)...), false)
	f.Fuzz(func(t *testing.T, b []byte, up bool) {
		if p, ok := parse(b, up, map[uint16]uint16{}); ok {
			require.LessOrEqual(t, p.Bytes, len(b))
			require.GreaterOrEqual(t, p.Data, 0)
			require.Less(t, p.Data, p.Bytes)
		}
	})
}

package modemsms

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"
)

// hashKeyLen is the length of a hashKey in bytes.
const hashKeyLen = 16

var errHashKey = errors.New("the first line is not 32 hexadecimal digits")

// hashKey makes texts into 16 hexadecimal digits, with SipHash-2-4 (Aumasson and
// Bernstein, 2012).
//
// The zero key is no secret: then a hash tells whether two texts are the same,
// and whoever tries all phone numbers finds the one. With a key that is a secret
// nobody else can.
type hashKey [hashKeyLen]byte

// parseHashKey reads a key of 32 hexadecimal digits.
func parseHashKey(text string) (key hashKey, err error) {
	if len(text) != hex.EncodedLen(hashKeyLen) {
		return key, errHashKey
	}
	if _, err := hex.Decode(key[:], []byte(text)); err != nil {
		return key, errHashKey // not err: it shows a character
	}
	return key, nil
}

// hash returns the hash of a text in hexadecimal.
func (k hashKey) hash(text string) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, k.sum(text)))
}

// sum is SipHash-2-4.
func (k hashKey) sum(text string) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:])
	s := sip{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	length := uint64(len(text))
	for ; len(text) >= 8; text = text[8:] {
		s.add(binary.LittleEndian.Uint64([]byte(text[:8])))
	}
	last := length << 56
	for i := range len(text) {
		last |= uint64(text[i]) << (8 * i)
	}
	s.add(last)
	s[2] ^= 0xff
	for range 4 {
		s.round()
	}
	return s[0] ^ s[1] ^ s[2] ^ s[3]
}

// sip is the state of SipHash.
type sip [4]uint64

func (s *sip) add(word uint64) {
	s[3] ^= word
	s.round()
	s.round()
	s[0] ^= word
}

func (s *sip) round() {
	s[0] += s[1]
	s[2] += s[3]
	s[1] = bits.RotateLeft64(s[1], 13) ^ s[0]
	s[3] = bits.RotateLeft64(s[3], 16) ^ s[2]
	s[0] = bits.RotateLeft64(s[0], 32)
	s[2] += s[1]
	s[0] += s[3]
	s[1] = bits.RotateLeft64(s[1], 17) ^ s[2]
	s[3] = bits.RotateLeft64(s[3], 21) ^ s[0]
	s[2] = bits.RotateLeft64(s[2], 32)
}

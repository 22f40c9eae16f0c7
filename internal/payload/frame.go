package payload

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The frame in front of the compressed columns: four bits of method and twelve
// of sequence number, most significant first, then the low 24 bits of the
// CRC-32 (IEEE) of the sequence number's two bytes and the content.
const (
	frameLen    = 5
	checksumLow = 1<<24 - 1
)

type frame struct {
	method   method
	sequence Sequence
	checksum uint32
	body     []byte
}

func checksum(seq Sequence, content []byte) uint32 {
	var head [2]byte
	binary.BigEndian.PutUint16(head[:], uint16(seq))
	return crc32.Update(crc32.ChecksumIEEE(head[:]), crc32.IEEETable, content) & checksumLow
}

func (f *frame) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(f.method)<<12|uint16(f.sequence))
	dst = append(dst, byte(f.checksum>>16), byte(f.checksum>>8), byte(f.checksum))
	return append(dst, f.body...)
}

func parseFrame(data []byte) (frame, error) {
	if len(data) < frameLen {
		return frame{}, fmt.Errorf("%d bytes are too few", len(data))
	}
	head := binary.BigEndian.Uint16(data)
	return frame{
		method:   method(head >> 12),
		sequence: Sequence(head & (SequenceLimit - 1)),
		checksum: uint32(data[2])<<16 | uint32(data[3])<<8 | uint32(data[4]),
		body:     data[frameLen:],
	}, nil
}

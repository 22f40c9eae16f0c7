package payload

import (
	"errors"
	"fmt"

	"telegraf-hologram/internal/payload/deflate"
	"telegraf-hologram/internal/payload/dictionary"
)

// method is how the content of a frame is compressed.
type method uint8

const (
	methodStored  method = 0 // not at all
	methodDeflate method = 1 // raw DEFLATE (RFC 1951) with dictionary version 1
)

// entropy compresses and reuses its memory.
type entropy struct {
	dict    *deflate.Dictionary
	encoder deflate.Encoder
	buf     []byte
}

// compress returns the shorter of the compressed content and the content.
func (c *entropy) compress(content []byte) (method, []byte) {
	if c.dict == nil {
		c.dict = deflate.NewDictionary(dictionary.Version1())
	}
	c.buf = c.encoder.Append(c.buf[:0], content, c.dict)
	if len(c.buf) >= len(content) {
		return methodStored, content
	}
	return methodDeflate, c.buf
}

func decompress(m method, body, dict []byte) ([]byte, error) {
	switch m {
	case methodStored:
		return body, nil
	case methodDeflate:
		content, rest, err := deflate.Inflate(body, dict, MaxContent)
		switch {
		case errors.Is(err, deflate.ErrTooLong):
			return nil, fmt.Errorf("inflating: content is larger than %d bytes: %w", MaxContent, ErrTooLarge)
		case err != nil:
			return nil, fmt.Errorf("inflating: %w", err)
		case rest > 0:
			return nil, fmt.Errorf("inflating: %d bytes are left over", rest)
		}
		return content, nil
	}
	return nil, errors.New("method is unknown")
}

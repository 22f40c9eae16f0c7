package payload

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

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
		in := bytes.NewReader(body)
		content, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(in, dict), MaxContent+1))
		if err != nil {
			return nil, fmt.Errorf("inflating: %w", err)
		}
		if len(content) > MaxContent {
			return nil, fmt.Errorf("inflating: content is larger than %d bytes: %w", MaxContent, ErrTooLarge)
		}
		if in.Len() > 0 {
			return nil, fmt.Errorf("inflating: %d bytes are left over", in.Len())
		}
		return content, nil
	}
	return nil, errors.New("method is unknown")
}

package payload

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

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
	dict   []byte
	writer *flate.Writer
	buf    bytes.Buffer
}

func (c *entropy) compress(content []byte) (method, []byte) {
	if c.writer == nil {
		if c.dict == nil {
			c.dict = dictionary.Version1()
		}
		c.writer, _ = flate.NewWriterDict(&c.buf, flate.BestCompression, c.dict)
	}
	c.buf.Reset()
	c.writer.Reset(&c.buf)
	c.writer.Write(content)
	c.writer.Close()
	if c.buf.Len() >= len(content) {
		return methodStored, content
	}
	return methodDeflate, c.buf.Bytes()
}

func decompress(m method, body []byte, dict []byte) ([]byte, error) {
	switch m {
	case methodStored:
		return body, nil
	case methodDeflate:
		in := bytes.NewReader(body)
		r := flate.NewReaderDict(in, dict)
		content, err := io.ReadAll(io.LimitReader(r, MaxContent+1))
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

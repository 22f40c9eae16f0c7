// Command gen writes the dictionary into the decoders for other languages.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"

	"telegraf-hologram/internal/payload/deflate"
	"telegraf-hologram/internal/payload/dictionary"
)

// files are the decoders, relative to the folder of package clients.
var files = []string{"python/hologram_payload.py", "javascript/hologram_payload.mjs"}

// width is the number of characters of a line of base64.
const width = 100

func main() {
	for _, name := range files {
		if err := write(name); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// write puts the dictionary into a file, between the line that opens the
// string and the one that ends it.
func write(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading a decoder: %w", err)
	}
	for _, quotes := range []string{`"""`, "`"} {
		before, rest, ok := bytes.Cut(text, []byte("DICTIONARY_1 = "+quotes+"\n"))
		if !ok {
			continue
		}
		end := bytes.Index(rest, []byte(quotes))
		if end < 0 {
			break
		}
		out := append(bytes.Clone(before), "DICTIONARY_1 = "+quotes+"\n"...)
		out = append(append(out, encoded()...), rest[end:]...)
		if err := os.WriteFile(name, out, 0o644); err != nil {
			return fmt.Errorf("writing a decoder: %w", err)
		}
		return nil
	}
	return fmt.Errorf("%s has no place for the dictionary", name)
}

// encoded returns the dictionary as raw DEFLATE in lines of base64. The
// compressor is our own, so that no version of Go writes another text.
func encoded() []byte {
	var e deflate.Encoder
	text := base64.StdEncoding.EncodeToString(e.Append(nil, dictionary.Version1(), nil))
	var out []byte
	for len(text) > 0 {
		n := min(width, len(text))
		out = append(append(out, text[:n]...), '\n')
		text = text[n:]
	}
	return out
}

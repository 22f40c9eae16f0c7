package sms

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// traces are the forms in which something of a message may be somewhere: its word
// and its number as they are, as octets of a PDU, and as those in hexadecimal.
func traces(m message, text, number bool) [][]byte {
	var list [][]byte
	octets := func(b []byte) {
		// In capitals alone: leaks makes capitals of what it looks through.
		list = append(list, b, []byte(strings.ToUpper(hex.EncodeToString(b))))
	}
	word := func(s string) {
		octets([]byte(s))
		var wide []byte
		for _, u := range utf16.Encode([]rune(s)) {
			wide = binary.BigEndian.AppendUint16(wide, u)
		}
		octets(wide)
		for phase := range 8 {
			octets(packed(s, phase))
		}
	}
	if text {
		word(m.token)
	}
	if !number {
		return list
	}
	if digits := strings.TrimPrefix(m.From, "+"); strings.Trim(digits, "0123456789") == "" {
		octets([]byte(digits))
		octets(semiOctets(digits))
	} else {
		word(m.From)
	}
	return list
}

// packed returns the octets that a word fills alone, when it begins so many bits
// into one (3GPP TS 23.038, 6.1.2.1). The word has letters and digits only, which
// are the same in ASCII.
func packed(s string, phase int) []byte {
	bits := make([]byte, phase, phase+7*len(s))
	for i := range len(s) {
		for k := range 7 {
			bits = append(bits, s[i]>>k&1)
		}
	}
	var out []byte
	for i := 0; i+8 <= len(bits); i += 8 {
		var b byte
		for k := range 8 {
			b |= bits[i+k] << k
		}
		out = append(out, b)
	}
	if phase > 0 {
		out = out[1:]
	}
	return out
}

// semiOctets returns digits as an address of a PDU has them, without a last odd one.
func semiOctets(digits string) []byte {
	var out []byte
	for i := 0; i+1 < len(digits); i += 2 {
		out = append(out, digits[i]-'0'|(digits[i+1]-'0')<<4)
	}
	return out
}

// leaks tells of which messages something is in data, and shows the first line in
// which it is.
func leaks(data []byte, list []message, text, number bool) (n int, example string) {
	upper := capitals(data)
	for _, m := range list {
		for _, trace := range traces(m, text, number) {
			i := bytes.Index(data, trace)
			if i < 0 {
				i = bytes.Index(upper, trace)
			}
			if i < 0 {
				continue
			}
			if n++; n == 1 {
				begin := bytes.LastIndexByte(data[:i], '\n') + 1
				line, _, _ := bytes.Cut(data[begin:], []byte("\n"))
				example = fmt.Sprintf("%.300q", line)
			}
			break
		}
	}
	return n, example
}

// capitals makes capitals of the letters of ASCII, and leaves all other bytes alone.
func capitals(data []byte) []byte {
	out := bytes.Clone(data)
	for i, c := range out {
		if c >= 'a' && c <= 'z' {
			out[i] -= 'a' - 'A'
		}
	}
	return out
}

// folderLeaks is leaks for all files below a folder.
func folderLeaks(dir string, list []message, text, number bool) (n int, example string, err error) {
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		found, line := leaks(data, list, text, number)
		if n == 0 && found > 0 {
			example = filepath.Base(name) + ": " + line
		}
		n += found
		return nil
	})
	if err != nil {
		return n, example, fmt.Errorf("cannot look through the folder: %w", err)
	}
	return n, example, nil
}

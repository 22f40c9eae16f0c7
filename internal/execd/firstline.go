package execd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
)

// lineFileMost is how much is read of a file whose first line counts, in bytes.
const lineFileMost = 4096

// ReadFirstLine returns the first line of a file without the space around it: how an option such as device_key_file
// gives a secret.
func ReadFirstLine(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, lineFileMost))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return strings.TrimSpace(string(line)), nil
}

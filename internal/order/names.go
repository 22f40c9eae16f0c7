package order

import (
	"errors"
	"os"
)

// Names returns the names of what is in a directory, in the order of their bytes.
func Names(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	Strings(names)
	return names, nil
}

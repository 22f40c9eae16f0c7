//go:build unix

package fsync

import (
	"errors"
	"os"
)

func dir(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Package fsync waits until a file or a directory is on the disk.
package fsync

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Data waits until the contents of a file are on the disk, and of its other properties what is needed to read them.
func Data(f *os.File) error { return data(f) }

// Dir waits until the names in a directory are on the disk. Where that cannot be waited for, or not by this user, it
// does nothing.
func Dir(name string) error {
	err := dir(name)
	for _, cannot := range []error{syscall.EINVAL, errors.ErrUnsupported, fs.ErrPermission} {
		if errors.Is(err, cannot) {
			return nil
		}
	}
	return err
}

// MkdirAll makes a directory for this user alone, with its parents, and waits until it is on the disk.
func MkdirAll(name string) error {
	name = filepath.Clean(name)
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &os.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(name)
	if parent != name {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(name, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return Dir(parent)
}

//go:build !unix

package fsync

import "errors"

func dir(string) error { return errors.ErrUnsupported }

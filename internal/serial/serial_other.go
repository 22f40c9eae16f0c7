//go:build !linux

package serial

// Port is an open serial port.
type Port struct{}

// Read fails.
func (*Port) Read([]byte) (int, error) { return 0, ErrNotSupported }

// Write fails.
func (*Port) Write([]byte) (int, error) { return 0, ErrNotSupported }

// Close does nothing.
func (*Port) Close() error { return nil }

// Open fails: it works on Linux only.
func Open(string, int) (*Port, error) { return nil, ErrNotSupported }

// Holders returns nothing: it works on Linux only.
func Holders(string) []Holder { return nil }

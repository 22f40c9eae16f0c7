package socketapi

import (
	"errors"
	"fmt"
)

// Lengths of the credentials in characters, each of which is one byte.
const (
	DeviceKeyLen = 8 // Credentials.DeviceKey
	SourceLen    = 4 // Credentials.SourceID and Credentials.SourceKey
)

// Credentials tell the cloud which device a message comes from. Set either
// DeviceKey or both SourceID and SourceKey.
//
// Printing, formatting, logging or marshalling a Credentials never shows what
// is in it.
type Credentials struct {
	// DeviceKey is the device key (in today's dashboard also "webhook key") of
	// eight printable ASCII characters, no spaces.
	DeviceKey string
	// SourceID and SourceKey are the older form, four characters each. Joined
	// they are the eight characters of a device key.
	SourceID, SourceKey string
}

// Validate says what is wrong with the credentials without showing them.
func (c Credentials) Validate() error {
	switch {
	case c.DeviceKey == "" && c.SourceID == "" && c.SourceKey == "":
		return errors.New("no credentials: a device key, or a source ID and a source key, is needed")
	case c.DeviceKey != "" && (c.SourceID != "" || c.SourceKey != ""):
		return errors.New("both a device key and a source ID or source key are given: only one form may be")
	case c.DeviceKey != "":
		return checkSecret("device key", c.DeviceKey, DeviceKeyLen)
	}
	if err := checkSecret("source ID", c.SourceID, SourceLen); err != nil {
		return err
	}
	return checkSecret("source key", c.SourceKey, SourceLen)
}

// checkSecret describes a bad secret by its length and the place of a bad
// character only.
func checkSecret(name, s string, want int) error {
	if len(s) != want {
		return fmt.Errorf("%s has %d bytes, must have exactly %d", name, len(s), want)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return fmt.Errorf("%s: character %d is a space, a control character or not ASCII", name, i+1)
		}
	}
	return nil
}

// joined is the eight characters that the SMS form carries.
func (c Credentials) joined() string {
	if c.DeviceKey != "" {
		return c.DeviceKey
	}
	return c.SourceID + c.SourceKey
}

const redacted = "credentials (hidden)"

// String says that there are credentials, not which.
func (Credentials) String() string { return redacted }

// GoString is String, so that %#v hides them as well.
func (Credentials) GoString() string { return redacted }

// Format makes every verb of package fmt print the same as String.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText hides the credentials from encoders such as encoding/json and log/slog's.
func (Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Package access has the options with which plugins reach the Hologram cloud
// ([Cloud]) and a modem ([Modem]). A plugin embeds them, so that they stand in its
// own table.
package access

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/inet"
	"telegraf-hologram/internal/socketapi"
)

// Cloud are the options of the cloud. The samples of the plugins describe them.
type Cloud struct {
	// Address is the host and port of the Socket API.
	Address string `toml:"address"`
	// DeviceKey is the device key, eight characters, or DeviceKeyFile a file
	// with it in its first line.
	DeviceKey     string `toml:"device_key"`
	DeviceKeyFile string `toml:"device_key_file"`
	// SourceID and SourceKey are the credentials of older accounts, four
	// characters each, or the files have them in their first lines.
	SourceID      string `toml:"source_id"`
	SourceIDFile  string `toml:"source_id_file"`
	SourceKey     string `toml:"source_key"`
	SourceKeyFile string `toml:"source_key_file"`
	// ConnTimeout and AnswerTimeout are how long to wait for a connection and
	// then for the answer, more than 0.
	ConnTimeout   execd.Duration `toml:"connect_timeout"`
	AnswerTimeout execd.Duration `toml:"answer_timeout"`
	// LateAnswer is how much longer to wait for the answer to a message that has
	// arrived; 0 is no longer.
	LateAnswer execd.Duration `toml:"late_answer_timeout"`
	// GracefulClose closes connections with FIN in place of RST.
	GracefulClose bool `toml:"graceful_close"`
}

// DefaultCloud returns the options that hold when a configuration sets none.
func DefaultCloud() Cloud {
	return Cloud{
		Address:       socketapi.DefaultAddress,
		ConnTimeout:   execd.Duration(socketapi.DefaultConnectTimeout),
		AnswerTimeout: execd.Duration(socketapi.DefaultAnswerTimeout),
		LateAnswer:    execd.Duration(socketapi.DefaultLateAnswer),
	}
}

// Check says which option is wrong, as an [*execd.OptionError]. It reads no file
// and makes no connection.
func (o *Cloud) Check() error {
	if err := o.checkCredentials(); err != nil {
		return err
	}
	if err := o.checkAddress(); err != nil {
		return err
	}
	if o.ConnTimeout <= 0 {
		return &execd.OptionError{Option: "connect_timeout", Value: o.ConnTimeout.String(), Problem: "is not positive", Want: `a duration such as "30s"`}
	}
	if o.AnswerTimeout <= 0 {
		return &execd.OptionError{Option: "answer_timeout", Value: o.AnswerTimeout.String(), Problem: "is not positive", Want: `a duration such as "60s"`}
	}
	return nil
}

// Client returns a client for the Socket API. It reads the credentials, which
// may be in files.
func (o *Cloud) Client() (*socketapi.Client, error) {
	credentials, err := o.Credentials()
	if err != nil {
		return nil, err
	}
	late := time.Duration(o.LateAnswer)
	if late == 0 {
		late = -1 // of the client, whose 0 is a default
	}
	return &socketapi.Client{
		Address:        o.Address,
		Credentials:    credentials,
		ConnectTimeout: time.Duration(o.ConnTimeout),
		AnswerTimeout:  time.Duration(o.AnswerTimeout),
		LateAnswer:     late,
		GracefulClose:  o.GracefulClose,
	}, nil
}

// Credentials returns the credentials, some of which may be in files.
func (o *Cloud) Credentials() (socketapi.Credentials, error) {
	c := socketapi.Credentials{DeviceKey: o.DeviceKey, SourceID: o.SourceID, SourceKey: o.SourceKey}
	for _, f := range []struct {
		option, file string
		value        *string
	}{
		{"device_key_file", o.DeviceKeyFile, &c.DeviceKey},
		{"source_id_file", o.SourceIDFile, &c.SourceID},
		{"source_key_file", o.SourceKeyFile, &c.SourceKey},
	} {
		if f.file == "" {
			continue
		}
		data, err := execd.ReadFirstLine(f.file)
		if err != nil {
			return c, fmt.Errorf("reading %s: %w", f.option, err)
		}
		*f.value = data
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("checking the credentials: %w", err)
	}
	return c, nil
}

// Placeholder returns credentials of the kind and length of those that the
// options give.
func (o *Cloud) Placeholder() socketapi.Credentials {
	if o.SourceID != "" || o.SourceIDFile != "" {
		return socketapi.Credentials{SourceID: "0000", SourceKey: "0000"}
	}
	return socketapi.Credentials{DeviceKey: "00000000"}
}

func (o *Cloud) checkAddress() error {
	host, port, err := inet.SplitHostPort(o.Address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	problem := ""
	switch {
	case o.Address == "":
		problem = "is empty"
	case strings.Contains(o.Address, "/"):
		problem = "has more than host and port"
	case err != nil && strings.Count(o.Address, ":") > 1:
		problem = "has too many colons (an IPv6 address needs brackets)"
	case err != nil:
		problem = "has no port"
	case host == "":
		problem = "has no host"
	case portErr != nil || number == 0:
		problem = "has a port that is no number from 1 to 65535"
	default:
		if err := (&socketapi.Client{Address: o.Address, Credentials: o.Placeholder()}).Validate(); err != nil {
			problem = err.Error()
		}
	}
	if problem == "" {
		return nil
	}
	return &execd.OptionError{Option: "address", Value: o.Address, Problem: problem, Want: `host and port such as "` + socketapi.DefaultAddress + `"`}
}

func (o *Cloud) checkCredentials() error {
	key := o.DeviceKey != "" || o.DeviceKeyFile != ""
	source := o.SourceID != "" || o.SourceIDFile != "" || o.SourceKey != "" || o.SourceKeyFile != ""
	switch {
	case key && source:
		option := "device_key"
		if o.DeviceKey == "" {
			option = "device_key_file"
		}
		return &execd.OptionError{Option: option, Problem: "is given together with a Source ID or Source Key", Want: "one kind of credentials"}
	case !key && !source:
		return &execd.OptionError{Option: "device_key", Problem: "is missing or empty", Want: "device_key, device_key_file, or source_id with source_key"}
	case o.DeviceKey != "" && o.DeviceKeyFile != "":
		return &execd.OptionError{Option: "device_key_file", Value: o.DeviceKeyFile, Problem: "is given together with device_key", Want: "one of the two"}
	case o.SourceID != "" && o.SourceIDFile != "":
		return &execd.OptionError{Option: "source_id_file", Value: o.SourceIDFile, Problem: "is given together with source_id", Want: "one of the two"}
	case o.SourceKey != "" && o.SourceKeyFile != "":
		return &execd.OptionError{Option: "source_key_file", Value: o.SourceKeyFile, Problem: "is given together with source_key", Want: "one of the two"}
	case source && o.SourceID == "" && o.SourceIDFile == "":
		return &execd.OptionError{Option: "source_id", Problem: "is missing or empty beside source_key", Want: "the four characters of the Source ID"}
	case source && o.SourceKey == "" && o.SourceKeyFile == "":
		return &execd.OptionError{Option: "source_key", Problem: "is missing or empty beside source_id", Want: "the four characters of the Source Key"}
	}
	// What is given in the file itself can be checked now; placeholders stand
	// in for what comes from elsewhere.
	for _, c := range []struct {
		option, name, value string
		credentials         socketapi.Credentials
		want                string
	}{
		{"device_key", "device key", o.DeviceKey, socketapi.Credentials{DeviceKey: o.DeviceKey}, "the eight characters of the device key"},
		{"source_id", "source ID", o.SourceID, socketapi.Credentials{SourceID: o.SourceID, SourceKey: "0000"}, "the four characters of the Source ID"},
		{"source_key", "source key", o.SourceKey, socketapi.Credentials{SourceID: "0000", SourceKey: o.SourceKey}, "the four characters of the Source Key"},
	} {
		if c.value == "" {
			continue
		}
		if err := c.credentials.Validate(); err != nil {
			problem := strings.TrimLeft(strings.TrimPrefix(err.Error(), c.name), ": ")
			if strings.HasPrefix(c.value, "$") {
				c.want += `, or "${NAME}" to take them from the environment`
			}
			return &execd.OptionError{Option: c.option, Value: c.value, Problem: problem, Want: c.want}
		}
	}
	return nil
}

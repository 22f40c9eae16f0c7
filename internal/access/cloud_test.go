package access_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/access"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/socketapi"
)

func TestClient(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(" ABCDWXYZ\nnotes\n"), 0o600))
	o := access.DefaultCloud()
	o.DeviceKeyFile = file
	o.GracefulClose = true
	require.NoError(t, o.Check())
	c, err := o.Client()
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.Equal(t, socketapi.DefaultAddress, c.Address)
	require.Equal(t, "ABCDWXYZ", c.Credentials.DeviceKey)
	require.Equal(t, 30*time.Second, c.ConnectTimeout)
	require.Equal(t, 60*time.Second, c.AnswerTimeout)
	require.Equal(t, 2*time.Minute, c.LateAnswer)
	require.True(t, c.GracefulClose)

	o.LateAnswer = 0
	c, err = o.Client()
	require.NoError(t, err)
	require.Negative(t, c.LateAnswer, "the client's 0 would be its default")
	require.NoError(t, c.Close())
}

// TestFileErrors shows that an error names the option and never what is in the file.
func TestFileErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	o := access.DefaultCloud()
	o.DeviceKeyFile = file
	_, err := o.Client()
	require.ErrorContains(t, err, "reading device_key_file: ")
	require.NoError(t, os.WriteFile(file, []byte("secret"), 0o600))
	_, err = o.Client()
	require.EqualError(t, err, "checking the credentials: device key has 6 bytes, must have exactly 8")
}

func TestPlaceholder(t *testing.T) {
	for _, o := range []access.Cloud{{DeviceKey: "ABCDWXYZ"}, {DeviceKeyFile: "/a"}, {SourceID: "ABCD", SourceKey: "WXYZ"}, {SourceIDFile: "/a", SourceKeyFile: "/b"}} {
		p := o.Placeholder()
		require.NoError(t, p.Validate())
		require.Equal(t, o.SourceID != "" || o.SourceIDFile != "", p.SourceID != "")
	}
}

// TestCheck shows that what is wrong is an OptionError of its option; the texts are the plugins' test cases.
func TestCheck(t *testing.T) {
	good := func() access.Cloud {
		o := access.DefaultCloud()
		o.DeviceKey = "ABCDWXYZ"
		return o
	}
	for option, spoil := range map[string]func(*access.Cloud){
		"address":         func(o *access.Cloud) { o.Address = "host" },
		"device_key":      func(o *access.Cloud) { o.DeviceKey = "short" },
		"device_key_file": func(o *access.Cloud) { o.DeviceKeyFile = "/a" },
		"source_key":      func(o *access.Cloud) { o.DeviceKey, o.SourceID = "", "ABCD" },
		"connect_timeout": func(o *access.Cloud) { o.ConnTimeout = 0 },
		"answer_timeout":  func(o *access.Cloud) { o.AnswerTimeout = -1 },
	} {
		o := good()
		require.NoError(t, o.Check())
		spoil(&o)
		var e *execd.OptionError
		require.ErrorAs(t, o.Check(), &e)
		require.Equal(t, option, e.Option)
	}
}

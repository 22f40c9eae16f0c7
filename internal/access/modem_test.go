package access_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/access"
	"telegraf-hologram/internal/execd"
)

func TestModemCheck(t *testing.T) {
	good := func() access.Modem {
		m := access.DefaultModem()
		m.Port = "/dev/ttyUSB2"
		return m
	}
	for option, spoil := range map[string]func(*access.Modem){
		"port":          func(m *access.Modem) { m.Port = "ttyUSB2" },
		"baud_rate":     func(m *access.Modem) { m.BaudRate = 0 },
		"init_commands": func(m *access.Modem) { m.InitCommands = []string{"hello"} },
	} {
		m := good()
		require.NoError(t, m.Check())
		spoil(&m)
		var e *execd.OptionError
		require.ErrorAs(t, m.Check(), &e)
		require.Equal(t, option, e.Option)
	}
}

func TestPIN(t *testing.T) {
	m := access.Modem{}
	pin, err := m.PIN()
	require.NoError(t, err)
	require.Empty(t, pin)

	m.PINFile = filepath.Join(t.TempDir(), "pin")
	_, err = m.PIN()
	require.ErrorContains(t, err, "reading pin_file: ")
	for line, ok := range map[string]bool{"1234": true, "12345678\nmine": true, "123": false, "123456789": false, "12a4": false, "": false} {
		require.NoError(t, os.WriteFile(m.PINFile, []byte(line), 0o600))
		_, err = m.PIN()
		if ok {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, "reading pin_file: the first line is not 4 to 8 digits")
		}
	}
}

// TestPINMark shows that a refused PIN is not tried again until its file is changed.
func TestPINMark(t *testing.T) {
	dir := t.TempDir()
	m := access.Modem{PINFile: filepath.Join(dir, "pin")}
	require.NoError(t, m.PINMark(dir).Set(), "there is no such file")
	require.NoError(t, os.WriteFile(m.PINFile, []byte("1234"), 0o600))
	require.False(t, m.PINMark(dir).IsSet())
	require.NoError(t, m.PINMark(dir).Set())
	require.True(t, m.PINMark(dir).IsSet())
	require.False(t, m.PINMark("").IsSet())
	require.NoError(t, m.PINMark("").Set())
	require.NoError(t, os.Chtimes(m.PINFile, time.Time{}, time.Unix(1e9, 0)))
	require.False(t, m.PINMark(dir).IsSet())
}

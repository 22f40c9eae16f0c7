package emulator

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
)

// The modem as the command line runs it, beside the cloud.
func TestCommandModem(t *testing.T) {
	link := filepath.Join(t.TempDir(), "modem")
	var stdout bytes.Buffer
	args := []string{"--modem", link, "--modem-profile", "quectel", "--modem-stores", "SM=5", "--modem-pin", "1234", "--modem-lines"}
	code, stderr := runCommand(t, args, &stdout, func(address string, _ func()) {
		require.Equal(t, "[0,0]", send(t, address, valid))
		var out, errs bytes.Buffer
		require.Eventually(t, func() bool { // the modem is described after the cloud
			_, err := os.Lstat(link + ".control")
			return err == nil
		}, 5*time.Second, time.Millisecond)
		require.Zero(t, Command(t.Context(), []string{"send-sms", "--modem", link, "text"}, &out, &errs, nil), errs.String())
		require.Equal(t, "1 SMS\n", out.String())

		port, err := os.OpenFile(link, os.O_RDWR|syscall.O_NOCTTY, 0)
		require.NoError(t, err)
		d := at.New(port, at.Options{Quiet: 20 * time.Millisecond})
		defer func() { require.NoError(t, d.Close()) }()
		_, err = d.Command(t.Context(), `AT+CPIN="1234"`)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			lines, err := d.Command(t.Context(), "AT+CPMS?")
			return err == nil && len(lines) == 1 && lines[0] == `+CPMS: "SM",1,5,"SM",1,5,"SM",1,5`
		}, 5*time.Second, 10*time.Millisecond)
	})
	require.Zero(t, code, stderr)
	require.Regexp(t, `^listening on 127\.0\.0\.1:\d+
accepting every device key of 8 characters
modem .*/modem \(quectel\) on /dev/pts/\d+, control socket .*/modem\.control
`, stderr)
	require.Contains(t, stderr, "modem > AT+CPMS?\n")
	require.Contains(t, stderr, "modem < +CPMS: ")
	require.Regexp(t, `\d\d:\d\d:\d\d\.\d{3}  modem       received: SM 0\n`, stdout.String())
	require.NoFileExists(t, link)
	require.NoFileExists(t, link+".control")
}

func TestCommandModemAlone(t *testing.T) {
	link := filepath.Join(t.TempDir(), "modem")
	code, stderr := runCommand(t, []string{"--modem", link, "--no-cloud", "--modem-profile", "none"}, &bytes.Buffer{}, nil)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, `unknown modem profile "none"`)
	for i, args := range [][]string{{"--no-cloud"}, {"--modem-pin", "1"}, {"--modem", link, "--modem-stores", "x"}, {"--modem-chatter", "1s"}, {"--control", "x"}} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			code, stderr := runCommand(t, args, &bytes.Buffer{}, nil)
			require.Equal(t, 2, code)
			require.True(t, strings.Contains(stderr, "no meaning without -modem") || strings.Contains(stderr, "are not as SM=10"), stderr)
		})
	}
	for _, args := range [][]string{
		{"--modem", filepath.Join(t.TempDir(), "no", "such"), "--no-cloud"},
		{"--modem", link, "--control", filepath.Join(t.TempDir(), "no", "such"), "--no-cloud"},
		{"--modem", link, "--modem-stores", "XX=1"},
	} {
		code, stderr := runCommand(t, args, &bytes.Buffer{}, nil)
		require.Equal(t, 1, code, stderr)
		require.NoFileExists(t, link)
	}
}

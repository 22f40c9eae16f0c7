package emulator

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm/encode"
)

// The modem as the command line runs it, beside the cloud.
func TestCommandModem(t *testing.T) {
	link := filepath.Join(t.TempDir(), "modem")
	var stdout bytes.Buffer
	args := []string{"--modem", link, "--modem-ports", "2", "--modem-profile", "quectel", "--modem-stores", "SM=5", "--modem-pin", "1234", "--modem-lines"}
	code, stderr := runCommand(t, args, &stdout, func(address string, _ func()) {
		require.Equal(t, "[0,0]", send(t, address, valid))
		var out, errs bytes.Buffer
		require.Eventually(t, func() bool { // the modem is described after the cloud
			_, err := os.Lstat(link + ".control")
			return err == nil
		}, 5*time.Second, time.Millisecond)
		require.Zero(t, Command(t.Context(), []string{"send-sms", "--modem", link, "text"}, &out, &errs, nil), errs.String())
		require.Equal(t, "1 SMS\n", out.String())

		port, err := os.OpenFile(link+".2", os.O_RDWR|syscall.O_NOCTTY, 0)
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
modem .*/modem \(quectel\) on /dev/pts/\d+, .*/modem\.2 on /dev/pts/\d+, control socket .*/modem\.control
`, stderr)
	require.Contains(t, stderr, "modem > AT+CPMS?\n")
	require.Contains(t, stderr, "modem < +CPMS: ")
	require.Regexp(t, `\d\d:\d\d:\d\d\.\d{3}  modem       received: SM 0\n`, stdout.String())
	require.NoFileExists(t, link)
	require.NoFileExists(t, link+".2")
	require.NoFileExists(t, link+".control")
}

// An SMS of the modem to the cloud's number is an event of the cloud, whatever bytes
// are in it; one to another number is not.
func TestCommandModemSMS(t *testing.T) {
	dir := t.TempDir()
	link, log := filepath.Join(dir, "modem"), filepath.Join(dir, "events.jsonl")
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	messages := []encode.Message{
		{From: CloudNumber, Text: "high water €🌊"},
		{From: "+" + CloudNumber, Data: binary[:140]},
		{From: "+15550100", Text: "not for the cloud"},
		{From: CloudNumber, Data: binary[128:]},
		{From: CloudNumber, Text: strings.Repeat("many parts ", 20)},
	}
	var stdout bytes.Buffer
	code, stderr := runCommand(t, []string{"--modem", link, "--log", log}, &stdout, func(string, func()) {
		require.Eventually(t, func() bool {
			_, err := os.Lstat(link + ".control")
			return err == nil
		}, 5*time.Second, time.Millisecond)
		port, err := os.OpenFile(link, os.O_RDWR|syscall.O_NOCTTY, 0)
		require.NoError(t, err)
		d := at.New(port, at.Options{Quiet: 20 * time.Millisecond})
		defer func() { require.NoError(t, d.Close()) }()
		for _, m := range messages {
			pdus, err := m.Submit()
			require.NoError(t, err)
			for _, pdu := range pdus {
				_, err := d.Prompt(t.Context(), "AT+CMGS="+strconv.Itoa(len(pdu)/2-1), pdu)
				require.NoError(t, err)
			}
		}
	})
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "0 SMS, 0 refused")
	require.Contains(t, stderr, ", 5 SMS of the modem")
	require.Contains(t, stdout.String(), `device-1    sms-do   taken           18 B  to 310000202: "high water €🌊"`)

	text, err := os.ReadFile(log)
	require.NoError(t, err)
	var bodies []string
	for line := range bytes.Lines(text) {
		var e struct {
			Tags                                           []string
			Body                                           []byte
			Data                                           *string
			AuthType, Direction, Destination, Type, Status string
			Device                                         struct{ Name string }
		}
		require.NoError(t, json.Unmarshal(line, &e))
		require.Equal(t, []string{"_DEVICE_1_", "_SMS_", "_SMS_DO_"}, e.Tags)
		require.Equal(t, "deviceid DO 310000202 T delivered device-1", strings.Join([]string{e.AuthType, e.Direction, e.Destination, e.Type, e.Status, e.Device.Name}, " "))
		require.Nil(t, e.Data)
		bodies = append(bodies, string(e.Body))
	}
	long := messages[4].Text
	require.Equal(t, []string{messages[0].Text, string(binary[:140]), string(binary[128:]), long[:153], long[153:]}, bodies)
}

func TestCommandModemAlone(t *testing.T) {
	link := filepath.Join(t.TempDir(), "modem")
	code, stderr := runCommand(t, []string{"--modem", link, "--no-cloud", "--modem-profile", "none"}, &bytes.Buffer{}, nil)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, `unknown modem profile "none"`)
	for i, args := range [][]string{{"--no-cloud"}, {"--modem-pin", "1"}, {"--modem", link, "--modem-stores", "x"}, {"--modem-chatter", "1s"}, {"--control", "x"}, {"--modem-ports", "2"}} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			code, stderr := runCommand(t, args, &bytes.Buffer{}, nil)
			require.Equal(t, 2, code)
			require.True(t, strings.Contains(stderr, "no meaning without -modem") || strings.Contains(stderr, "are not as SM=10"), stderr)
		})
	}
	code, stderr = runCommand(t, []string{"--modem", link, "--modem-ports", "3"}, &bytes.Buffer{}, nil)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "1 or 2 ports, not 3")
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

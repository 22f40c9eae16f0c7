package modem

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// peer runs another program, which knows nothing of this modem.
func peer(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := runPeer(t, stdin, name, args...)
	require.NoError(t, err, "%s", out)
	t.Logf("%s %s\n%s", name, strings.Join(args, " "), out)
	return out
}

func needs(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

func runPeer(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+t.TempDir())
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rc")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// texts are what is sent to the modem that peers read. The emoji is read as ?? by
// gnokii.
var texts = []string{"Hello € world [x] {y}", "Жар-птица 中兴", "🎉", strings.Repeat("one of many parts, ", 20) + "end"}

func withTexts(t *testing.T, profile string) *Modem {
	t.Helper()
	// gnokii has little room for the name of a port.
	dir, err := os.MkdirTemp("", "m") //nolint:usetesting // a short name
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	m := start(t, Config{Link: filepath.Join(dir, "tty"), Profile: profile, Chatter: 200 * time.Millisecond})
	for i, text := range texts {
		from := fmt.Sprintf("+1555010%d", i)
		if i == 1 {
			from = "Hologram"
		}
		_, err := m.Receive(Message{From: from, Text: text, ServiceCenter: "+15550199", Time: time.Date(2026, 8, 1, 12, 3, 7, 0, time.UTC)})
		require.NoError(t, err)
	}
	return m
}

func TestGammu(t *testing.T) {
	needs(t, "gammu")
	type seen struct {
		profile       string
		identity, all string
		errs          [2]error
	}
	// gammu waits most of the time, so all profiles have their turn at once.
	results := make([]seen, len(Profiles()))
	var running sync.WaitGroup
	for i, profile := range Profiles() {
		m := withTexts(t, profile)
		rc := configFile(t, "[gammu]\ndevice = "+m.cfg.Link+"\nconnection = at115200\n")
		running.Go(func() {
			r := &results[i]
			r.profile = profile
			r.identity, r.errs[0] = runPeer(t, "", "gammu", "-c", rc, "identify")
			r.all, r.errs[1] = runPeer(t, "", "gammu", "-c", rc, "getallsms")
		})
	}
	running.Wait()
	for _, r := range results {
		t.Run(r.profile, func(t *testing.T) {
			t.Logf("gammu identify\n%s", r.identity)
			require.NoError(t, r.errs[0])
			p, err := ProfileByName(r.profile)
			require.NoError(t, err)
			require.Contains(t, strings.ToLower(r.identity), strings.ToLower(p.Manufacturer[:3]))
			require.Contains(t, r.identity, p.Model)
			require.Contains(t, r.identity, imei)

			t.Logf("gammu getallsms\n%s", r.all)
			if r.profile == "huawei" {
				require.Error(t, r.errs[1], "gammu 1.42 does not know AT+CPMS with three arguments (its issue 908)")
				return
			}
			require.NoError(t, r.errs[1])
			for _, text := range texts[:3] {
				require.Contains(t, r.all, "\n"+text+"\n")
			}
			parts, err := Encode(Message{From: "1", Text: texts[3]})
			require.NoError(t, err)
			require.Len(t, parts, 3)
			for i, part := range parts {
				require.Contains(t, r.all, part.Text)
				require.Contains(t, r.all, fmt.Sprintf("part %d of 3", i+1))
			}
			require.Contains(t, r.all, `Remote number        : "Hologram"`)
			require.Contains(t, r.all, `SMSC number          : "+15550199"`)
			require.Contains(t, r.all, "6 SMS parts in 6 SMS sequences")
		})
	}
}

func TestGnokii(t *testing.T) {
	needs(t, "gnokii")
	m := withTexts(t, "generic")
	rc := configFile(t, "[global]\nmodel = AT\nport = "+m.cfg.Link+"\nconnection = serial\nserial_baudrate = 115200\n")
	identity := peer(t, "", "gnokii", "--config", rc, "--identify")
	for _, want := range []string{imei, "Emulator", "AT modem"} {
		require.Contains(t, identity, want)
	}
	all := peer(t, "", "gnokii", "--config", rc, "--getsms", "SM", "1", "end")
	for _, text := range texts[:2] {
		require.Contains(t, all, "Text:\n"+text+"\n")
	}
	require.Contains(t, all, "Sender: Hologram Msg Center: +15550199")
	require.Contains(t, all, "Date/time: 01/08/2026 12:03:07")
	require.Contains(t, all, "Linked (3/3):")
	peer(t, "", "gnokii", "--config", rc, "--deletesms", "SM", "2")
	require.Equal(t, 1, m.Status().Deleted)
	peer(t, "from gnokii", "gnokii", "--config", rc, "--sendsms", "+15550100")
	require.Len(t, m.Sent(), 1)
}

package emulator

import (
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm/encode"
)

// runLook runs the command with a page, and calls use with the address of the cloud and
// with what asks the page: with a form, it sends that.
func runLook(t *testing.T, args []string, use func(cloud string, ask func(path string, form url.Values) string)) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr lockedBuffer
	done := make(chan int, 1)
	go func() {
		done <- Command(ctx, append([]string{"--address", "127.0.0.1:0", "--http", "127.0.0.1:0"}, args...), io.Discard, &stderr, decodeWords)
	}()
	address := regexp.MustCompile(`(?m)^page on (http://127\.0\.0\.1:\d+/)$`)
	require.Eventually(t, func() bool { return address.MatchString(stderr.String()) }, 5*time.Second, time.Millisecond)
	page := address.FindStringSubmatch(stderr.String())[1]
	cloud := ""
	if first, _, ok := strings.Cut(stderr.String(), "\n"); ok {
		cloud, _ = strings.CutPrefix(first, "listening on ")
	}
	use(cloud, func(path string, form url.Values) string {
		method, body := http.MethodGet, ""
		if form != nil {
			method, body = http.MethodPost, form.Encode()
		}
		r, err := http.NewRequestWithContext(t.Context(), method, page+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Close = true
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode)
		return html.UnescapeString(string(text))
	})
	cancel()
	require.Zero(t, <-done, stderr.String())
	return stderr.String()
}

// What is sent to the cloud and through the modem is on the page, and what is put into
// its box comes out of the modem.
func TestCommandPage(t *testing.T) {
	link := filepath.Join(t.TempDir(), "modem")
	runLook(t, []string{"--modem", link, "--fail", "ok:2,junk:1"}, func(cloud string, ask func(string, url.Values) string) {
		require.Equal(t, "[0,0]", send(t, cloud, valid))
		require.Equal(t, "00", send(t, cloud, validSMS))
		send(t, cloud, valid)
		require.Equal(t, "[5,0]", send(t, cloud, "x\n\n"))
		got := ask("", nil)
		for _, want := range []string{
			"Socket API on <code>" + cloud, `<td class="name">cpu</td>`, "<span>2 metrics</span>", "SMS over IP to +15125550100",
			"high water", `<b class="failed">lost</b> <span class="fault">junk</span>`, `<b class="failed">refused 5</b>`, ">1, 1</dd>",
		} {
			require.Contains(t, got, want)
		}
		require.NotContains(t, got, key1)

		port, err := os.OpenFile(link, os.O_RDWR|syscall.O_NOCTTY, 0)
		require.NoError(t, err)
		d := at.New(port, at.Options{Quiet: 20 * time.Millisecond})
		defer func() { require.NoError(t, d.Close()) }()
		_, err = d.Command(t.Context(), "AT+CMGF=1")
		require.NoError(t, err)
		got = ask("sms", url.Values{"from": {"+15550100"}, "text": {"reboot <now>"}})
		require.Contains(t, got, "<p>reboot <now></p>")
		require.Contains(t, got, "from +15550100")
		require.Contains(t, got, "SM 1/30")
		lines, err := d.Command(t.Context(), "AT+CMGR=1")
		require.NoError(t, err)
		require.Contains(t, strings.Join(lines, "\n"), "reboot <now>")
		_, err = d.Command(t.Context(), "AT+CMGF=0")
		require.NoError(t, err)
		pdus, err := (&encode.Message{From: CloudNumber, Text: "to the cloud"}).Submit()
		require.NoError(t, err)
		_, err = d.Prompt(t.Context(), "AT+CMGS="+strconv.Itoa(len(pdus[0])/2-1), pdus[0])
		require.NoError(t, err)
		got = ask("", nil)
		require.Contains(t, got, "SMS of the modem to 310000202")
		require.Contains(t, got, `class="sms sent"`)
		require.Contains(t, got, "<p>to the cloud</p>")
	})
}

func TestCommandPageOfTheModemAlone(t *testing.T) {
	link := filepath.Join(t.TempDir(), "modem")
	runLook(t, []string{"--modem", link, "--no-cloud"}, func(_ string, ask func(string, url.Values) string) {
		got := ask("sms", url.Values{"from": {"Hologram"}, "text": {strings.Repeat("long ", 40)}})
		require.Contains(t, got, "part 2 of 2")
		require.NotContains(t, got, `id="cloud"`)
	})
}

func TestCommandPageWrong(t *testing.T) {
	for address, want := range map[string]string{"0.0.0.0:0": "not on the loopback interface", ":8080": "not on the loopback interface", "8080": "not host:port"} {
		code, stderr := runCommand(t, []string{"--http", address}, &bytes.Buffer{}, nil)
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "-http: ")
		require.Contains(t, stderr, want)
	}
	s := start(t, nil) // which has the port
	link := filepath.Join(t.TempDir(), "modem")
	for _, more := range [][]string{nil, {"--modem", link, "--no-cloud"}} {
		code, stderr := runCommand(t, append(more, "--http", s.Addr().String()), &bytes.Buffer{}, nil)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "page: cannot listen on")
		require.NoFileExists(t, link)
	}
}

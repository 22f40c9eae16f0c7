package page

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var screenshot = flag.String("screenshot", "", "write a picture of the page to this file")

// What a device sends is on the page at once, decoded; what is put into the box is in the
// modem; and what the modem sends is on the page.
func TestPage(t *testing.T) {
	b := newBrowser(t)
	e := start(t, filepath.Join(t.TempDir(), "modem"), "--address", "127.0.0.1:0", "--http", "127.0.0.1:0")
	b.do(chromedp.Navigate(e.page), chromedp.WaitVisible(chromedp.CSS("#live.on")))
	require.True(t, eval[bool](b, `document.querySelector("#cloud .empty").checkVisibility()`))

	e.metrics("ABCDWXYZ", "weather,city=Austin temperature=31.5,humidity=40i 1785585787000000000\n")
	b.until(`document.querySelectorAll("#messages article").length === 1`)
	require.False(t, eval[bool](b, `document.querySelector("#cloud .empty").checkVisibility()`))
	require.False(t, eval[bool](b, `document.querySelector("#messages table").checkVisibility()`))
	b.do(chromedp.Click(chromedp.CSS("#messages summary")), chromedp.WaitVisible(chromedp.CSS("#messages table")))
	row := eval[string](b, `document.querySelector("#messages tbody tr").innerText`)
	for _, want := range []string{"weather", "city=Austin", "temperature 31.5", "humidity 40i"} {
		require.Contains(t, row, want)
	}
	require.Equal(t, "weather", eval[string](b, `document.querySelector("#messages .topic").innerText`))
	b.until(`document.querySelector("#summary").innerText.includes("Metrics\n1\n")`)

	// What comes leaves what is open as it is.
	require.Equal(t, "[0,0]", e.raw(`{"k":"ABCDWXYZ","d":"hello"}`+"\n\n"))
	require.Equal(t, "[5,0]", e.raw("x\n\n"))
	b.until(`document.querySelectorAll("#messages article").length === 3`)
	require.Contains(t, eval[string](b, `document.querySelector("#messages article").innerText`), "refused 5")
	require.True(t, eval[bool](b, `document.querySelector("#messages table").checkVisibility()`))

	b.do(chromedp.SendKeys(chromedp.CSS(`#send [name=text]`), "high water 🌊"), chromedp.Click(chromedp.CSS("#send button")))
	b.until(`document.querySelector("#sms .received p")?.innerText === "high water 🌊"`)
	b.until(`document.querySelector("#sent").innerText === "Sent in 1 SMS"`)
	b.until(`document.querySelector("#modem-state").innerText.includes("SM 1/30")`)
	require.Empty(t, eval[string](b, `document.querySelector("#send [name=text]").value`))
	require.Contains(t, e.say("AT+CMGF=0;+CMGL=4\r", "OK\r\n"), "00680069006700680020007700610074006500720020D83CDF0A")
	require.Contains(t, e.say("AT+CMGF=1;+CMGS=\"310000202\"\r", "> "), "> ")
	require.Contains(t, e.say("pump is off\x1a", "OK\r\n"), "+CMGS: 1")
	b.until(`document.querySelector("#sms .sent p")?.innerText === "pump is off"`)
	b.until(`document.querySelector("#messages").innerText.includes("SMS of the modem to 310000202")`)

	// The filter is for what is there and for what comes.
	b.do(chromedp.SetValue(chromedp.CSS("#filter select"), "failed"))                                                                                       // which fires change
	b.until(`location.search.includes("show=failed") && document.querySelector("#live.on") && document.querySelectorAll("#messages article").length === 2`) // refused, and without metrics
	e.metrics("ABCDWXYZ", "cpu usage=1\n")
	e.raw("y\n\n")
	b.until(`document.querySelectorAll("#messages article").length === 3`)
	require.NotContains(t, eval[string](b, `document.querySelector("#messages").innerText`), "cpu")
	require.Empty(t, b.takeTroubles())
}

// Nothing that anybody sends runs, or becomes an element.
func TestNothingRuns(t *testing.T) {
	b := newBrowser(t)
	e := start(t, filepath.Join(t.TempDir(), "modem"), "--address", "127.0.0.1:0", "--http", "127.0.0.1:0")
	attacks := []string{
		`<script>window.run=1;alert(1)</script>`, `"><img src=x onerror="window.run=1;alert(1)">`, `</pre></textarea></script><svg onload="window.run=1">`,
		`<iframe srcdoc="<script>parent.run=1</script>">`, `<form action=//evil.example><button id=messages>`, `<base href=//evil.example><style>*{display:none}</style>`,
	}
	attack := func() {
		escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		name := strings.NewReplacer(`,`, `\,`, ` `, `\ `, `=`, `\=`)
		for _, a := range attacks {
			line := name.Replace(a) + ",tag=" + name.Replace(a) + " " + name.Replace(a) + `="` + escape.Replace(a) + `"`
			e.metrics("ABCDWXYZ", line+"\n", "--topics", "batch")
			require.Equal(t, "[0,0]", e.raw(`{"k":"ABCDWXYZ","d":"`+escape.Replace(a)+`"}`+"\n\n"))
			require.Equal(t, "00", e.raw("SABCDWXYZ+15125550100 "+a+"\n\n"))
			e.run("", "emulator", "send-sms", "--modem", e.link, "--from", "<b>x</b>", a)
		}
	}
	attack() // what is on the page when it is loaded,
	b.do(chromedp.Navigate(e.page), chromedp.WaitVisible(chromedp.CSS("#live.on")))
	n := len(attacks)
	b.until(`document.querySelectorAll("#messages article").length === ` + strconv.Itoa(3*n))
	attack() // and what comes
	b.until(`document.querySelectorAll("#messages article").length === ` + strconv.Itoa(6*n) + ` && document.querySelectorAll("#sms article").length === ` + strconv.Itoa(2*n))
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
	require.Equal(t, "undefined", eval[string](b, `typeof window.run`))
	require.Equal(t, 1, eval[int](b, `document.querySelectorAll("script, iframe, img, base, style, [onload], [onerror]").length`), "our own script")
	for _, a := range attacks[:2] {
		require.Greater(t, eval[int](b, "document.body.innerText.split("+strconv.Quote(a)+").length"), 10, "shown as text")
	}
	require.Empty(t, b.takeTroubles())

	// And if it were an element, the policy would keep it from running.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#messages").insertAdjacentHTML("beforeend", '<svg><animate onbegin="window.run=1" attributeName=x dur=1s></svg><img src="icon.svg" onload="window.run=1">')`))
	b.until(`document.querySelector("#messages img").complete`)
	require.Equal(t, "undefined", eval[string](b, `typeof window.run`))
	require.Contains(t, strings.Join(b.takeTroubles(), "\n"), "Content Security Policy")
}

func TestWithoutScript(t *testing.T) {
	b := newBrowser(t)
	e := start(t, filepath.Join(t.TempDir(), "modem"), "--address", "127.0.0.1:0", "--http", "127.0.0.1:0")
	e.metrics("ABCDWXYZ", "weather,city=Austin temperature=31.5\n")
	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), chromedp.Navigate(e.page))
	require.Contains(t, b.text(), "city=Austin")
	require.Contains(t, b.text(), "reload for what is new")
	b.do(chromedp.SendKeys(chromedp.CSS(`#send [name=text]`), "reboot"), chromedp.Click(chromedp.CSS("#send button")), chromedp.WaitVisible(chromedp.CSS("#sms .received")))
	require.Contains(t, b.text(), "<p>reboot</p>")
	require.Contains(t, e.say("AT+CMGF=1;+CMGL=\"ALL\"\r", "OK\r\n"), "reboot")
	b.do(chromedp.SetValue(chromedp.CSS("#filter select"), "sms"), chromedp.Click(chromedp.CSS("#filter button")), chromedp.WaitVisible(chromedp.CSS(".empty a")))
	require.NotContains(t, b.text(), "city=Austin")
	require.Contains(t, b.text(), "Nothing matches")
}

// A page that is left open goes on with the emulator that comes after.
func TestRestart(t *testing.T) {
	b := newBrowser(t)
	link := filepath.Join(t.TempDir(), "modem")
	e := start(t, link, "--address", "127.0.0.1:0", "--http", "127.0.0.1:0")
	e.metrics("ABCDWXYZ", "before v=1\n")
	b.do(chromedp.Navigate(e.page), chromedp.WaitVisible(chromedp.CSS("#live.on")))
	e.stop()
	b.until(`document.querySelector("#live").innerText === "connecting …"`)
	again := start(t, link, "--address", e.cloud, "--http", strings.Trim(strings.TrimPrefix(e.page, "http:"), "/"))
	again.metrics("ABCDWXYZ", "after v=1\n")
	b.until(`document.querySelector("#live.on") && document.querySelector("#messages").innerText.startsWith("after") || document.querySelector("#messages .names")?.innerText === "after"`)
	require.Equal(t, 1, eval[int](b, `document.querySelectorAll("#messages article").length`))
}

// The page is as wide as the screen, and a picture of it is in the documents.
func TestLook(t *testing.T) {
	b := newBrowser(t)
	e := start(t, filepath.Join(t.TempDir(), "modem"), "--address", "127.0.0.1:0", "--http", "127.0.0.1:0", "--device-key", "ABCDWXYZ", "--device-key", "EFGHSTUV")
	e.run("", "emulator", "send-sms", "--modem", e.link, "--from", "+15125550100", "pump on")
	e.say("AT+CMGF=1;+CMGS=\"+15125550100\"\r", "> ")
	e.say("pump is on, 2.1 bar\x1a", "OK\r\n")
	for i := range 40 {
		e.metrics([]string{"ABCDWXYZ", "EFGHSTUV"}[i%2], host(1+i%2, i, 1+i*i%7), "--topics", "batch")
	}
	e.raw("SABCDWXYZ+15125550100 high water at pump 2\n\n")
	e.raw(`{"k":"nobody00","d":"x"}` + "\n\n")
	e.metrics("ABCDWXYZ", host(1, 40, 1)+"weather,city=Austin,sensor=roof temperature=31.5,humidity=40i,rain=false 1785585787000000000\n", "--topics", "batch")
	for _, width := range []int64{320, 375, 768, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.do(
				command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}),
				chromedp.EmulateViewport(width, 860), chromedp.Navigate(e.page), chromedp.WaitVisible(chromedp.CSS("#live.on")), chromedp.Click(chromedp.CSS("#messages summary")), chromedp.WaitVisible(chromedp.CSS("#messages table")),
			)
			require.LessOrEqual(t, eval[int64](b, `document.documentElement.scrollWidth`), width, "nothing is wider than the screen")
			if *screenshot != "" && width == 1280 && scheme == "light" {
				require.NoError(t, os.WriteFile(*screenshot, run(b, chromedp.CaptureScreenshot()), 0o644))
			}
		}
	}
	require.Empty(t, b.takeTroubles())
}

// host returns what a host tells at one time, with some processors.
func host(number, at, processors int) string {
	name, when := ",host=edge-"+strconv.Itoa(number), " "+strconv.Itoa(1785585747+at)+"000000000\n"
	lines := "mem" + name + " used_percent=" + strconv.Itoa(40+at%9) + ".25,available=" + strconv.Itoa(512340992-at*4096) + "i" + when +
		"disk" + name + ",path=/ used_percent=17.5,free=" + strconv.Itoa(7340032000-at*8192) + "i" + when
	for i := range processors {
		lines += "cpu" + name + ",cpu=cpu" + strconv.Itoa(i) + " usage_idle=" + strconv.Itoa(80+(at+i)%17) + ".25,usage_system=" + strconv.Itoa(1+(at*i)%5) + ".5" + when
	}
	return lines
}

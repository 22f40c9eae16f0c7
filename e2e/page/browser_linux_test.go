package page

import (
	"context"
	"html"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a tab of Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp's tab is a context

	mu       sync.Mutex
	troubles []string // dialogs, exceptions and messages of the console
}

// newBrowser opens a tab. Without Chromium the test is skipped.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("chromium is not installed: passed over")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.DisableGPU, chromedp.WSURLReadTimeout(time.Minute))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which root cannot have
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	b := &browser{t: t}
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(func(event any) {
		switch event := event.(type) {
		case *cdppage.EventJavascriptDialogOpening:
			b.trouble("dialog: " + event.Message)
		case *runtime.EventExceptionThrown:
			b.trouble("exception: " + event.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			b.trouble("console: " + event.Entry.Text + " " + event.Entry.URL)
		}
	}))
	t.Cleanup(cancel)
	b.do(command(log.Enable, cdp.Empty{}))
	return b
}

func (b *browser) trouble(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, text)
}

// takeTroubles returns what went wrong since it was last called.
func (b *browser) takeTroubles() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.troubles
	b.troubles = nil
	return all
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// run returns what a step has found.
func run[T any](b *browser, step chromedp.Action[T]) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, step)
	require.NoError(b.t, err)
	return value
}

// command is a step that is a command of the protocol of the developer tools.
func command[P any](c cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// eval returns what an expression of JavaScript is on the page.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](expression))
}

// until waits until an expression of JavaScript is true on the page.
func (b *browser) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		// While the page is loaded anew, there is an error.
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")); err == nil && ok {
			return
		}
	}
	require.Fail(b.t, "it has not come true", "%s\ntroubles: %q\n%s", expression, b.takeTroubles(), eval[string](b, "document.body.innerText"))
}

// text is the HTML of the page, which can be had without script, too.
func (b *browser) text() string {
	b.t.Helper()
	return html.UnescapeString(run(b, chromedp.OuterHTML(chromedp.CSS("html"))))
}

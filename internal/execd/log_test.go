package execd

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
)

func TestLogOfOutputs(t *testing.T) {
	var out, errs output
	l := newLogger(kindOutputs, telegraf.Debug)
	l.Warn("before")
	require.Equal(t, []string{"before"}, l.warnings())
	l.attach(&out, &errs)
	l.Error("an ", "error")
	l.Warnf("a %s", "warning")
	l.Info("an info")
	l.Debugf("x=%d", 1)
	l.Trace("nothing")
	l.Info("two\nlines\r\n\x00\x1b[31m\xff ")
	l.AddAttribute("modem", 7)
	l.Info("with")
	l.detach()
	require.Equal(t, "an error\n", errs.String())
	require.Equal(t, "W! before\nW! a warning\nan info\nD! x=1\ntwo lines  ??[31m?\nwith modem=7\n", out.String())
	require.Equal(t, telegraf.Debug, l.Level())
}

func TestLogOfInputs(t *testing.T) {
	var out, errs output
	l := newLogger(kindInputs, telegraf.Info)
	l.attach(&out, &errs)
	l.Error("e")
	l.Warn("w")
	l.Info("i")
	l.Debug("d")
	l.detach()
	require.Empty(t, out.String())
	require.Equal(t, "E! e\nW! w\nI! i\n", errs.String())
}

func TestLogLineIsShort(t *testing.T) {
	for _, text := range []string{strings.Repeat("é", 5000), strings.Repeat("x", maxLine), "x" + strings.Repeat("€", 5000)} {
		var out output
		l := newLogger(kindOutputs, telegraf.Info)
		l.attach(&out, &out)
		l.Warn(text)
		l.detach()
		line := out.String()
		require.LessOrEqual(t, len(line), maxLine)
		require.True(t, strings.HasSuffix(line, "…\n"))
		require.True(t, strings.HasPrefix(line, "W! "))
		require.Equal(t, 1, strings.Count(line, "\n"))
		require.NotContains(t, line, "\ufffd")
	}
}

func TestLogRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs output
		l := newLogger(kindOutputs, telegraf.Info)
		l.attach(io.Discard, &errs)
		for range 90 {
			l.Error("same")
			time.Sleep(time.Second)
		}
		l.Error("other")
		for i := range 2 * maxRepeats { // more than are watched
			l.Errorf("%d", i)
			synctest.Wait()
		}
		l.detach()
		require.True(t, strings.HasPrefix(errs.String(), "same\n(59 times more) same\nsame\nother\n0\n1\n"), errs.String())
		require.True(t, strings.HasSuffix(errs.String(), fmt.Sprintf("\n%d\n(29 times more) same\n", 2*maxRepeats-1)), errs.String())
		require.Equal(t, 2*maxRepeats+5, strings.Count(errs.String(), "\n"))
	})
}

// TestLogNeverBlocks logs to a reader that takes nothing for a while.
func TestLogNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		l := newLogger(kindOutputs, telegraf.Info)
		l.attach(w, w)
		for i := range 1000 {
			l.Infof("%d", i)
		}
		start := time.Now()
		l.detach()
		require.Equal(t, detachWait, time.Since(start))
		require.NoError(t, r.Close())
	})
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		l := newLogger(kindOutputs, telegraf.Info)
		l.attach(w, w)
		for i := range 1000 {
			l.Infof("%d", i)
		}
		got := make(chan string)
		go func() {
			b, _ := io.ReadAll(r)
			got <- string(b)
		}()
		synctest.Wait()
		l.Info("end")
		l.detach()
		require.NoError(t, w.Close())
		text := <-got
		require.True(t, strings.HasPrefix(text, "0\n1\n2\n"))
		require.Contains(t, text, "log lines dropped because nobody read them\nend\n")
	})
}

package gsm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
)

// dialFor opens the port of an emulated modem for the test.
func dialFor(t *testing.T, e *modem.Modem) *at.Driver { return dialPath(t, e.Port()) }

func dialPath(t *testing.T, path string) *at.Driver {
	t.Helper()
	port, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	d := at.New(port, at.Options{Quiet: 20 * time.Millisecond, Timeout: 2 * time.Second, PromptTimeout: time.Second, ProbeTimeout: time.Second})
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// reports keeps what comes.
type reports []gsm.Report

func (r *reports) take(one gsm.Report) { *r = append(*r, one) }

func sender(r *reports, log *logger) *gsm.Sender {
	return gsm.NewSender(gsm.SenderConfig{
		PIN: "1234", AnswerTimeout: time.Second, ReportTimeout: 3 * time.Second, OnReport: r.take, Log: log,
	})
}

// arrived joins what was sent, as its recipients would.
func arrived(e *modem.Modem) (all []string) {
	var text strings.Builder
	for _, s := range e.Sent() {
		text.Write(s.Body())
		if s.Part == s.Parts {
			all = append(all, s.To+" "+text.String())
			text.Reset()
		}
	}
	return all
}

// settings are what another user of the modem depends on.
func settings(t *testing.T, d *at.Driver) (text string) {
	t.Helper()
	for _, cmd := range []string{"AT+CPMS?", "AT+CNMI?"} {
		lines, err := d.Command(t.Context(), cmd)
		require.NoError(t, err)
		text += strings.Join(lines, " ") + " "
	}
	return text
}

var texts = []string{
	"short", "Tür [offen] {€} \\ ~ ^ |", "wässrig 🌊 und mehr", strings.Repeat("extension € and so on ", 20), strings.Repeat("🎉 Жар ", 30),
}

func TestSendProfiles(t *testing.T) {
	for _, profile := range modem.Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			e := emulate(t, modem.Config{Profile: profile, PIN: "1234", Chatter: 20 * time.Millisecond, SIMBusy: 200 * time.Millisecond, ReportAfter: 5 * time.Millisecond})
			var got reports
			log := &logger{}
			s := sender(&got, log)
			d := dialFor(t, e)
			require.NoError(t, s.Init(t.Context(), d))
			send(t, e, modem.Message{Text: "not for the sender"})
			before := settings(t, d)
			var want []string
			parts := 0
			for i, text := range texts {
				to := []string{"+15125550100", "310000202"}[i%2]
				want = append(want, to+" "+text)
				r, err := s.Send(t.Context(), d, gsm.Submission{To: to, Text: text, Report: true, Reference: byte(i)})
				require.NoError(t, err)
				require.Equal(t, encode.PlanText(text, encode.Auto).Parts, r.Sent)
				require.Len(t, r.References, r.Sent)
				parts += r.Sent
			}
			require.NoError(t, s.Wait(t.Context(), d))
			require.Zero(t, s.Awaited())
			require.Equal(t, want, arrived(e))
			require.Len(t, got, parts)
			references := make(map[byte]bool)
			for _, r := range got {
				require.True(t, r.Delivered && !r.Failed)
				require.WithinDuration(t, time.Now(), r.Discharge, time.Minute)
				references[r.Reference] = true
			}
			require.Len(t, references, parts)

			// Nothing is left, and what is not the sender's is as it was: selected, and
			// not marked as read.
			used := 0
			for _, u := range e.Status().Stores {
				used += u.Used
			}
			require.Equal(t, 1, used)
			after := settings(t, d)
			require.Equal(t, before[:strings.Index(before, "+CNMI")], after[:strings.Index(after, "+CNMI")])
			lines, err := d.Command(t.Context(), "AT+CMGL=0")
			require.NoError(t, err)
			require.Len(t, lines, 2, "unread")

			// The next ones need no more than before.
			require.NoError(t, e.SetReports(0x46))
			got = nil
			r, err := s.Send(t.Context(), d, gsm.Submission{To: "+15125550100", Text: "x", Report: true})
			require.NoError(t, err)
			require.NoError(t, s.Wait(t.Context(), d))
			require.Len(t, got, 1)
			require.True(t, got[0].Failed && !got[0].Delivered)
			require.Equal(t, []byte{got[0].Reference}, r.References)
			require.Equal(t, byte(0x46), got[0].Status)
			for _, private := range []string{"5550100", "310000202", "short", "Jar"} {
				require.NotContains(t, log.all(), private)
			}
		})
	}
}

// asSendError returns the error of a sender.
func asSendError(t *testing.T, err error) *gsm.SendError {
	t.Helper()
	require.Error(t, err)
	sendErr, ok := errors.AsType[*gsm.SendError](err)
	require.True(t, ok, "%T %v", err, err)
	for _, private := range []string{"310000202", "secret"} {
		require.NotContains(t, err.Error(), private)
	}
	return sendErr
}

// What a failure to send means, and whether the emulated network has the SMS. After
// each of them the next SMS is sent, on the same port.
func TestSendFaults(t *testing.T) {
	for _, profile := range modem.Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			e := emulate(t, modem.Config{Profile: profile, PIN: "1234", Chatter: 20 * time.Millisecond})
			s := sender(&reports{}, &logger{})
			d := dialFor(t, e)
			for i, c := range []struct {
				modem.SendFault
				class gsm.SendClass
				sent  int
			}{
				{modem.SendFault{Mode: modem.SendError, Code: 38}, gsm.Retry, 0},
				{modem.SendFault{Mode: modem.SendError, Code: 8}, gsm.Stop, 0},
				{modem.SendFault{Mode: modem.SendError, Code: 1}, gsm.GiveUp, 0},
				{modem.SendFault{Mode: modem.SendError, Code: 332}, gsm.Unsure, 0},
				{modem.SendFault{Mode: modem.SendError, Code: 500}, gsm.Unsure, 0},
				{modem.SendFault{Mode: modem.SendError, Code: -1}, gsm.Unsure, 0},
				{modem.SendFault{Mode: modem.SendRefuse, Code: 500}, gsm.Retry, 0},
				{modem.SendFault{Mode: modem.SendRefuse, Code: -1}, gsm.Retry, 0},
				{modem.SendFault{Mode: modem.SendRefuse, Code: 330}, gsm.Stop, 0},
				{modem.SendFault{Mode: modem.SendMute}, gsm.Retry, 0},
				{modem.SendFault{Mode: modem.SendSlow, After: 3 * time.Second}, gsm.Retry, 0},
				{modem.SendFault{Mode: modem.SendLate, After: 1500 * time.Millisecond}, gsm.Unsure, 1},
				{modem.SendFault{Mode: modem.SendLost}, gsm.Unsure, 1},
				{modem.SendFault{Mode: modem.SendNever}, gsm.Unsure, 0},
			} {
				name := fmt.Sprintf("%s %d", c.Mode, c.Code)
				before := e.Status().Sent
				require.NoError(t, e.FailSending(c.SendFault))
				sub := gsm.Submission{To: "310000202", Text: fmt.Sprintf("secret %d", i)}
				r, err := s.Send(t.Context(), d, sub)
				require.Error(t, err, name)
				require.Equal(t, c.class, asSendError(t, err).Class, "%s: %v", name, err)
				if c.Mode == modem.SendLate {
					time.Sleep(c.After) // a modem that is at it answers nothing else before
				}
				require.Zero(t, r.Sent, name)
				require.Equal(t, before+c.sent, e.Status().Sent, name)
				r, err = s.Send(t.Context(), d, sub)
				require.NoError(t, err, "after %s", name)
				require.Equal(t, 1, r.Sent)
				require.Equal(t, before+c.sent+1, e.Status().Sent, "after %s", name)
			}
			// A little slow is no failure.
			require.NoError(t, e.FailSending(modem.SendFault{Mode: modem.SendSlow, After: 100 * time.Millisecond}))
			_, err := s.Send(t.Context(), d, gsm.Submission{To: "310000202", Text: "secret"})
			require.NoError(t, err)
		})
	}
}

// The parts of a long text: one that is refused for the moment is tried again, and
// what is left can be sent later.
func TestSendParts(t *testing.T) {
	t.Parallel()
	var refused atomic.Int32
	e := emulate(t, modem.Config{PIN: "1234", OnEvent: func(text string) {
		if text == "sending fails: cms-error" {
			refused.Add(1)
		}
	}})
	s := sender(&reports{}, &logger{})
	d := dialFor(t, e)
	sub := gsm.Submission{To: "+15125550100", Text: strings.Repeat("0123456789", 40), Reference: 77}

	// The first is not tried again.
	require.NoError(t, e.FailSending(modem.SendFault{Mode: modem.SendError, Code: 42}))
	_, err := s.Send(t.Context(), d, sub)
	require.Equal(t, &gsm.SendError{Class: gsm.Retry, Err: errors.Unwrap(err)}, err)
	require.Empty(t, e.Sent())

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	fail := func(f modem.SendFault) {
		go func() {
			for len(e.Sent()) < 1 && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			_ = e.FailSending(f)
		}()
	}
	// The answer of the second comes slowly enough for the fault to be there.
	fail(modem.SendFault{Mode: modem.SendError, Code: 42, Times: 1})
	require.NoError(t, e.FailSending(modem.SendFault{Mode: modem.SendSlow, After: 50 * time.Millisecond}))
	r, err := s.Send(t.Context(), d, sub)
	require.NoError(t, err)
	require.Equal(t, 3, r.Sent)
	require.EqualValues(t, 2, refused.Load())
	require.Equal(t, []string{"+15125550100 " + sub.Text}, arrived(e))
	for _, p := range e.Sent() {
		require.EqualValues(t, 77, p.PartRef)
	}

	// Two parts were sent before.
	sub.Skip = 2
	r, err = s.Send(t.Context(), d, sub)
	require.NoError(t, err)
	require.Equal(t, 1, r.Sent)
	require.Len(t, e.Sent(), 4)
	require.Equal(t, e.Sent()[2].Text, e.Sent()[3].Text)
}

func TestSendNotRegistered(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{PIN: "1234"})
	s := sender(&reports{}, &logger{})
	d := dialFor(t, e)
	require.NoError(t, s.Init(t.Context(), d))
	for _, stat := range []int{0, 2, 3, 4, 8, 11} {
		require.NoError(t, e.SetRegistration(stat))
		_, err := s.Send(t.Context(), d, gsm.Submission{To: "310000202", Text: "secret"})
		require.Equal(t, gsm.Retry, asSendError(t, err).Class)
		require.ErrorIs(t, err, gsm.ErrNotRegistered)
	}
	require.NoError(t, e.SetRegistration(1))
	_, err := s.Send(t.Context(), d, gsm.Submission{To: "310000202", Text: "secret"})
	require.NoError(t, err)
	require.Len(t, e.Sent(), 1)
}

// TestSendBefore shows when Before is called, and that its error keeps all from going.
func TestSendBefore(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{PIN: "1234"})
	s := sender(&reports{}, &logger{})
	d := dialFor(t, e)
	calls := 0
	sub := gsm.Submission{To: "310000202", Text: strings.Repeat("secret ", 50), Before: func() error {
		calls++
		require.Empty(t, e.Sent())
		return errBefore
	}}
	require.NoError(t, e.SetRegistration(0))
	_, err := s.Send(t.Context(), d, sub)
	require.ErrorIs(t, err, gsm.ErrNotRegistered)
	require.Zero(t, calls, "there is no network to send to")
	require.NoError(t, e.SetRegistration(1))
	_, err = s.Send(t.Context(), d, sub)
	require.ErrorIs(t, err, errBefore)
	require.Equal(t, gsm.Retry, asSendError(t, err).Class)
	require.Equal(t, 1, calls)
	require.Empty(t, e.Sent())
	sub.Before = func() error { return nil }
	_, err = s.Send(t.Context(), d, sub)
	require.NoError(t, err)
	require.Len(t, e.Sent(), 3)
}

var errBefore = errors.New("the disk is full")

func TestSendSIM(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pin  string
		want error
	}{
		"no PIN":    {"", gsm.ErrPIN},
		"wrong PIN": {"9999", gsm.ErrPINRefused},
	} {
		e := emulate(t, modem.Config{PIN: "1234"})
		s := gsm.NewSender(gsm.SenderConfig{PIN: c.pin, SIMTimeout: 100 * time.Millisecond})
		d := dialFor(t, e)
		for range 3 { // no try more than one
			_, err := s.Send(t.Context(), d, gsm.Submission{To: "310000202", Text: "secret"})
			require.ErrorIs(t, err, c.want, name)
			require.Equal(t, gsm.Stop, asSendError(t, err).Class, name)
		}
		require.Equal(t, "SIM PIN", e.Status().SIM, name)
	}
	e := emulate(t, modem.Config{SIMBusy: time.Minute})
	err := gsm.NewSender(gsm.SenderConfig{SIMTimeout: 100 * time.Millisecond}).Init(t.Context(), dialFor(t, e))
	require.ErrorIs(t, err, gsm.ErrSIMBusy)
	require.Equal(t, gsm.Retry, asSendError(t, err).Class)
	e = emulate(t, modem.Config{TextOnly: true})
	err = gsm.NewSender(gsm.SenderConfig{}).Init(t.Context(), dialFor(t, e))
	require.ErrorIs(t, err, gsm.ErrTextModeOnly)
	require.Equal(t, gsm.Stop, asSendError(t, err).Class)
}

// A modem that is unplugged, frozen or given up, before the data and after it.
func TestSendConnectionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(e *modem.Modem, cancel func()){
		"unplug": func(e *modem.Modem, _ func()) { _ = e.Unplug() },
		"freeze": func(e *modem.Modem, _ func()) { _ = e.Freeze() },
		"cancel": func(_ *modem.Modem, cancel func()) { cancel() },
	} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %v", name, after), func(t *testing.T) {
				t.Parallel()
				e := emulate(t, modem.Config{PIN: "1234"})
				s := gsm.NewSender(gsm.SenderConfig{PIN: "1234", AnswerTimeout: 2 * time.Second})
				d := dialFor(t, e)
				require.NoError(t, s.Init(t.Context(), d))
				f := modem.SendFault{Mode: modem.SendMute}
				if after {
					f = modem.SendFault{Mode: modem.SendLost}
				}
				require.NoError(t, e.FailSending(f))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan struct{})
				go func() {
					defer close(done)
					for range 500 {
						if after == (len(e.Sent()) > 0) {
							break
						}
						time.Sleep(time.Millisecond)
					}
					if !after {
						time.Sleep(100 * time.Millisecond)
					}
					end(e, cancel)
				}()
				_, err := s.Send(ctx, d, gsm.Submission{To: "310000202", Text: "secret"})
				<-done
				want := gsm.Retry
				if after {
					want = gsm.Unsure
				}
				require.Equal(t, want, asSendError(t, err).Class, err)
				if name == "cancel" {
					require.ErrorIs(t, err, context.Canceled)
				}
			})
		}
	}
}

// A modem that another owner has told to hand reports over is left as it is, and what
// it hands over is acknowledged where it wants that.
func TestSendDirectReports(t *testing.T) {
	t.Parallel()
	for _, service := range []int{0, 1} {
		e := emulate(t, modem.Config{PIN: "1234", ReportAfter: time.Millisecond, AckTimeout: 500 * time.Millisecond})
		var got reports
		s := sender(&got, &logger{})
		d := dialFor(t, e)
		require.NoError(t, s.Init(t.Context(), d))
		for _, cmd := range []string{fmt.Sprintf("AT+CSMS=%d", service), "AT+CNMI=2,1,0,1,0"} {
			_, err := d.Command(t.Context(), cmd)
			require.NoError(t, err)
		}
		for i := range 5 {
			_, err := s.Send(t.Context(), d, gsm.Submission{To: "+15125550100", Text: "x", Report: true})
			require.NoError(t, err)
			require.NoError(t, s.Wait(t.Context(), d))
			require.Len(t, got, i+1)
		}
		time.Sleep(600 * time.Millisecond)
		require.Equal(t, [5]int{2, 1, 0, 1, 0}, e.Status().CNMI, "all were acknowledged")
		require.Zero(t, e.Status().Network)
	}
}

// Without a report Wait ends in time, and a modem that tells of none still has it.
func TestSendWithoutReport(t *testing.T) {
	t.Parallel()
	e := emulate(t, modem.Config{Profile: "quectel", ReportAfter: time.Millisecond})
	var got reports
	s := gsm.NewSender(gsm.SenderConfig{ReportTimeout: 300 * time.Millisecond, OnReport: got.take})
	d := dialFor(t, e)
	require.NoError(t, s.Init(t.Context(), d))
	require.NoError(t, s.Wait(t.Context(), d), "nothing was sent")
	require.NoError(t, e.SetReports(modem.NoReports))
	_, err := s.Send(t.Context(), d, gsm.Submission{To: "+15125550100", Text: "x", Report: true})
	require.NoError(t, err)
	start := time.Now()
	require.NoError(t, s.Wait(t.Context(), d))
	require.InDelta(t, 0.3, time.Since(start).Seconds(), 0.25)
	require.Empty(t, got)

	// URCs that go to another port.
	_, err = d.Command(t.Context(), `AT+QURCCFG="urcport","usbmodem"`)
	require.NoError(t, err)
	require.NoError(t, e.SetReports(0))
	_, err = s.Send(t.Context(), d, gsm.Submission{To: "+15125550100", Text: "x", Report: true})
	require.NoError(t, err)
	require.NoError(t, s.Wait(t.Context(), d))
	require.Len(t, got, 1)
	require.True(t, empty(e))
}

// After a reset the modem is initialised again, whether it tells of it or not.
func TestSendAfterReset(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"generic", "quectel"} {
		e := emulate(t, modem.Config{PIN: "1234", Profile: profile})
		s := sender(&reports{}, &logger{})
		d := dialFor(t, e)
		_, err := s.Send(t.Context(), d, gsm.Submission{To: "310000202", Text: "before"})
		require.NoError(t, err)
		require.NoError(t, e.Reset())
		_, err = s.Send(t.Context(), d, gsm.Submission{To: "310000202", Text: "after"})
		require.NoError(t, err)
		require.Equal(t, []string{"310000202 before", "310000202 after"}, arrived(e))
	}
}

// A Modem reads on one port what a Sender sends on the other. Both get what is theirs,
// but for the status reports, which come to one of them.
func TestSendWhileAnotherReads(t *testing.T) {
	for _, profile := range modem.Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			e := emulate(t, modem.Config{Profile: profile, Ports: 2, Chatter: 20 * time.Millisecond, ReportAfter: time.Millisecond})
			b := newInbox()
			cfg := b.config()
			cfg.PollInterval = 100 * time.Millisecond // not all tell of what is in SR
			r := run(t, e, gsm.NewModem(cfg))
			r.ready()
			var got reports
			s := gsm.NewSender(gsm.SenderConfig{AnswerTimeout: 2 * time.Second, ReportTimeout: 300 * time.Millisecond, OnReport: got.take})
			d := dialPath(t, e.Status().Second)
			var received, sent []string
			parts := 0
			for i := range 10 {
				received = append(received, fmt.Sprintf("received %d", i))
				send(t, e, modem.Message{Text: received[i]})
				sub := gsm.Submission{To: "310000202", Text: fmt.Sprintf("sent %d ", i) + strings.Repeat("and more ", 20*(i%3)), Report: i%2 == 0}
				sent = append(sent, "310000202 "+sub.Text)
				res, err := s.Send(t.Context(), d, sub)
				require.NoError(t, err)
				if sub.Report {
					parts += res.Sent
				}
			}
			require.NoError(t, s.Wait(t.Context(), d))
			require.Equal(t, sent, arrived(e))
			eventually(t, "all", func() bool { return b.count()+len(got) >= len(received)+parts && empty(e) })
			var texts []string
			reports := len(got)
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, j := range b.got {
				if j.Message.Kind == gsm.StatusReport {
					reports++
				} else {
					texts = append(texts, j.Message.Text)
				}
			}
			require.ElementsMatch(t, received, texts)
			require.GreaterOrEqual(t, reports, parts)
		})
	}
}

package at

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The line is brought to a known state before the first command: what an earlier
// owner has asked for does not answer ours.
func TestFirstCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, always(lines("+CSQ: 20,99", "OK")))
		f.say(lines("+CSQ: 1,1", "OK", "+CPMS: 1,2", "OK", `+CMTI: "SM",1`))
		got, err := d.Command(t.Context(), "AT+CSQ")
		require.NoError(t, err)
		require.Equal(t, []string{"+CSQ: 20,99"}, got)
		require.Equal(t, []URC{{Name: "+CMTI", Args: `"SM",1`}}, waiting(d))
		require.EqualValues(t, 1, d.Stats().Resyncs)
	})
}

// slow is a modem that answers in order, each command after its own delay, while
// it goes on reading.
func slow(f *fake, delay func(line string) time.Duration, answer func(string) string) (stop func()) {
	type job struct {
		delay time.Duration
		text  string
	}
	jobs := make(chan job, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for j := range jobs {
			time.Sleep(j.delay)
			f.say(j.text)
		}
	}()
	f.all = func(line string) { jobs <- job{delay(line), answer(line)} }
	return func() {
		f.end() // which ends all
		close(jobs)
		<-done
	}
}

func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, nil)
		late := 12 * time.Second
		stop := slow(f, func(line string) time.Duration {
			if strings.HasPrefix(line, "AT+CPMS") {
				return late
			}
			return 10 * time.Millisecond
		}, func(line string) string {
			switch line {
			case "AT":
				return lines("OK")
			case "AT+CMEE?":
				return lines("+CMEE: 1", "OK")
			case "AT+CPMS?":
				return lines(`+CPMS: "SM",1,10,"SM",1,10,"SM",1,10`, "OK")
			default:
				return lines("+CSQ: 20,99", "OK")
			}
		})
		_, err := d.Command(t.Context(), "AT+CSQ")
		require.NoError(t, err)
		_, err = d.Command(t.Context(), "AT+CPMS?")
		require.ErrorIs(t, err, ErrTimeout)
		for range 5 {
			got, err := d.Command(t.Context(), "AT+CSQ")
			require.NoError(t, err)
			require.Equal(t, []string{"+CSQ: 20,99"}, got)
		}
		require.Empty(t, waiting(d), "the late answer is no URC")

		// Later than both tries: the port is closed.
		late = time.Hour
		_, err = d.Command(t.Context(), "AT+CPMS?")
		require.ErrorIs(t, err, ErrTimeout)
		_, err = d.Command(t.Context(), "AT+CSQ")
		require.ErrorIs(t, err, ErrUnresponsive)
		require.ErrorIs(t, err, ErrClosed)
		<-d.Done()
		stop()
	})
}

// A cancelled command leaves an answer behind, as one that has timed out.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, nil)
		f.answers(func(string) string {
			time.Sleep(time.Second)
			return lines("+CSQ: 1,1", "OK")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		_, err := d.Command(ctx, "AT+CSQ")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		f.answers(always(lines("+CSQ: 2,2", "OK")))
		got, err := d.Command(t.Context(), "AT+CSQ")
		require.NoError(t, err)
		require.Equal(t, []string{"+CSQ: 2,2"}, got)

		_, err = d.Command(ctx, "AT+CSQ")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualValues(t, 2, d.Stats().Resyncs, "nothing was sent")
	})
}

// A modem that knows no AT+CMEE, and one on which another program's AT+CMEE? was
// given up.
func TestProbeCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, nil)
		f.all = func(line string) {
			switch line {
			case "AT":
				f.say(lines("OK"))
			case "AT+CMEE?", "AT+CMGF?":
				f.say(lines("ERROR"))
			case "":
			default:
				f.say(lines("+CSQ: 2,2", "OK"))
			}
		}
		_, err := d.Command(t.Context(), "AT+CSQ")
		require.NoError(t, err)
	})
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, nil)
		var seen []string
		f.all = func(line string) {
			seen = append(seen, line)
			switch line {
			case "AT":
				f.say(lines("OK"))
			case "AT+CMGF?":
				f.say(lines("+CMGF: 0", "OK"))
			case "AT+CMEE?":
				if len(seen) < 4 {
					f.say(lines("+CMEE: 0", "OK"))
				}
			}
		}
		_, err := d.Command(t.Context(), "AT+CMEE?")
		require.ErrorIs(t, err, ErrTimeout)
		_, err = d.Command(t.Context(), "AT")
		require.NoError(t, err)
		require.Equal(t, []string{"", "AT", "AT+CMEE?", "AT+CMEE?", "", "AT", "AT+CMGF?", "AT"}, seen)
	})
}

// A modem that never falls silent is spoken to in the end.
func TestDrainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, always(lines("OK")))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 50 {
				f.say("rubbish\r\n")
				time.Sleep(100 * time.Millisecond)
			}
		}()
		_, err := d.Command(t.Context(), "ATE0")
		require.NoError(t, err)
		<-done
	})
}

// Whatever the delays, an answer that is returned is the command's own, and OK
// means that the modem has done what it was told.
func TestNoAnswerOfAnother(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type step struct {
			delay, gap time.Duration
			bare       bool
			fails      bool
		}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				delay: time.Duration(rapid.SampledFrom([]int{0, 1, 50, 290, 310, 900, 1100, 1290, 1310, 1500, 1700, 2500}).Draw(rt, "delay")) * time.Millisecond,
				gap:   time.Duration(rapid.SampledFrom([]int{0, 0, 1, 100, 299, 301, 500, 1000}).Draw(rt, "gap")) * time.Millisecond,
				bare:  rapid.Bool().Draw(rt, "bare"),
				fails: rapid.Bool().Draw(rt, "fails"),
			}
		}), 1, 12).Draw(rt, "steps")
		probeDelay := time.Duration(rapid.SampledFrom([]int{0, 10, 200, 310, 900}).Draw(rt, "probe delay")) * time.Millisecond
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			near, f := newFake(t)
			stop := slow(f, func(line string) time.Duration {
				var i int
				if n, _ := fmt.Sscanf(line, "AT+X=%d", &i); n == 1 {
					return steps[i].delay
				}
				return probeDelay
			}, func(line string) string {
				var i int
				n, _ := fmt.Sscanf(line, "AT+X=%d", &i)
				switch {
				case line == "":
					return ""
				case line == "AT+CMEE?":
					return lines("+CMEE: 1", "OK")
				case n == 0:
					return lines("OK")
				case steps[i].fails:
					return lines(fmt.Sprintf("+CME ERROR: %d", 1000+i))
				case steps[i].bare:
					return lines("OK")
				default:
					return lines(fmt.Sprintf("+X: %d", i), "OK")
				}
			})
			d := New(near, Options{Timeout: time.Second, ProbeTimeout: time.Second})
			for i, s := range steps {
				start := time.Now()
				got, err := d.Command(t.Context(), fmt.Sprintf("AT+X=%d", i))
				cme, refused := errors.AsType[*CMEError](err)
				switch {
				case refused:
					if cme.Code != 1000+i {
						wrong = fmt.Sprintf("command %d got the error of %d", i, cme.Code-1000)
					}
				case err == nil && s.fails:
					wrong = fmt.Sprintf("command %d succeeded", i)
				case err == nil && !s.bare && (len(got) != 1 || got[0] != fmt.Sprintf("+X: %d", i)):
					wrong = fmt.Sprintf("command %d got %q", i, got)
				case err == nil && time.Since(start) < s.delay:
					wrong = fmt.Sprintf("command %d got an OK after %s, its own comes after %s", i, time.Since(start), s.delay)
				}
				time.Sleep(s.gap)
				if wrong != "" || d.Err() != nil {
					break
				}
			}
			_ = d.Close()
			stop()
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

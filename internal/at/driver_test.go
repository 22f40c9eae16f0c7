package at

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const pdu = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"

// What is the answer, what a URC and what noise, for each form that modems are
// known to use.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		cmd    string
		answer string
		lines  []string
		err    error
		urcs   []URC
		noise  int64
	}{
		{name: "plain", cmd: "AT+CSQ", answer: lines("+CSQ: 20,99", "OK"), lines: []string{"+CSQ: 20,99"}},
		{name: "nothing but OK", cmd: "ATE0", answer: lines("OK")},
		{name: "only CR", cmd: "AT+CSQ", answer: "+CSQ: 20,99\rOK\r", lines: []string{"+CSQ: 20,99"}},
		{name: "CR CR LF", cmd: "AT+CSQ", answer: "AT+CSQ\r\r\n+CSQ: 20,99\r\r\nOK\r\r\n", lines: []string{"+CSQ: 20,99"}},
		{name: "echo", cmd: "AT+CSQ", answer: "AT+CSQ\r" + lines("+CSQ: 20,99", "OK"), lines: []string{"+CSQ: 20,99"}},
		{name: "echo of a command without a name", cmd: "ATI", answer: "ATI\r" + lines("Quectel", "EC25", "OK"), lines: []string{"Quectel", "EC25"}},
		{name: "URC before the echo", cmd: "AT+CSQ", answer: lines("^RSSI:12") + "AT+CSQ\r" + lines("+CSQ: 20,99", "OK"), lines: []string{"+CSQ: 20,99"}, urcs: []URC{{Name: "^RSSI", Args: "12"}}},
		{name: "URC between lines", cmd: "AT+CSQ", answer: lines(`+CMTI: "SM",3`, "+CSQ: 20,99", "+CMT: ,30", pdu, `+CMTI:"ME",4`, "OK"), lines: []string{"+CSQ: 20,99"},
			urcs: []URC{{Name: "+CMTI", Args: `"SM",3`}, {Name: "+CMT", Args: ",30", Data: pdu}, {Name: "+CMTI", Args: `"ME",4`}}},
		{name: "listing", cmd: "AT+CMGL=4", answer: lines("+CMGL: 1,0,,24", pdu, `+CMGL: 2,1,"",24`, pdu, "OK"), lines: []string{"+CMGL: 1,0,,24", pdu, `+CMGL: 2,1,"",24`, pdu}},
		{name: "URCs between a header and its PDU", cmd: "AT+CMGL=4", answer: lines("+CMGL: 1,0,,24", `+CMTI: "SM",2`, "+CDS: 30", "00", "RING", pdu, "OK"), lines: []string{"+CMGL: 1,0,,24", pdu},
			urcs: []URC{{Name: "+CMTI", Args: `"SM",2`}, {Name: "+CDS", Args: "30", Data: "00"}, {Name: "RING"}}},
		{name: "damaged PDU stays with its header", cmd: "AT+CMGR=1", answer: lines("+CMGR: 0,,24", "07?1", "OK"), lines: []string{"+CMGR: 0,,24", "07?1"}},
		{name: "noise is no PDU", cmd: "AT+CMGL=4", answer: lines("nonsense", "+CMGL: 1,0,,24", pdu, "nonsense", "OK"), lines: []string{"+CMGL: 1,0,,24", pdu}, noise: 16},
		{name: "empty slot", cmd: "AT+CMGR=7", answer: lines(`+CMGR: 0,"",0`, "OK"), lines: []string{`+CMGR: 0,"",0`}},
		{name: "two-line URC with a blank line", cmd: "AT", answer: "+CMT: 30\r\n\r\n" + pdu + "\r\nOK\r\n", urcs: []URC{{Name: "+CMT", Args: "30", Data: pdu}}},
		{name: "two-line URC without its second line", cmd: "AT", answer: lines("+CMT: ,30", "OK"), urcs: []URC{{Name: "+CMT", Args: ",30"}}},
		{name: "two of them", cmd: "AT", answer: lines("+CDS: ,30", "+CBM: 88", "00ff", "OK"), urcs: []URC{{Name: "+CDS", Args: ",30"}, {Name: "+CBM", Args: "88", Data: "00ff"}}},
		{name: "registration in the middle", cmd: "AT+CREG?", answer: lines("+CREG: 5", `+CREG: 2,"00C3","1A2B"`, "+CREG: 2,00C3,1A2B", "+CREG: 2,1", "OK"), lines: []string{"+CREG: 2,1"},
			urcs: []URC{{Name: "+CREG", Args: "5"}, {Name: "+CREG", Args: `2,"00C3","1A2B"`}, {Name: "+CREG", Args: "2,00C3,1A2B"}}},
		{name: "registration with location", cmd: "AT+CEREG?", answer: lines(`+CEREG: 2,5,"00C3","01A2B3C4",7`, "OK"), lines: []string{`+CEREG: 2,5,"00C3","01A2B3C4",7`}},
		{name: "registration test", cmd: "AT+CREG=?", answer: lines("+CREG: (0-2)", "OK"), lines: []string{"+CREG: (0-2)"}},
		{name: "several commands", cmd: "AT+CMEE=1;+CSQ;+CREG?", answer: lines("+CSQ: 1,99", "+CREG: 0,1", "OK"), lines: []string{"+CSQ: 1,99", "+CREG: 0,1"}},
		{name: "identity with a name", cmd: "AT+CGMI", answer: lines(`+CGMI: "huawei"`, "^BOOT:1,0,0,0,20", "OK"), lines: []string{`+CGMI: "huawei"`}, urcs: []URC{{Name: "^BOOT", Args: "1,0,0,0,20"}}},
		{name: "capabilities in ATI", cmd: "ATI", answer: lines("Manufacturer: huawei", "+GCAP: +CGSM,+DS,+ES", "OK"), lines: []string{"Manufacturer: huawei", "+GCAP: +CGSM,+DS,+ES"}},
		{name: "bare ICCID", cmd: "AT+CCID", answer: lines("89310410106543789301", "OK"), lines: []string{"89310410106543789301"}},
		{name: "lower case", cmd: "at+csq", answer: lines("+CSQ: 20,99", "OK"), lines: []string{"+CSQ: 20,99"}},
		{name: "unknown URC", cmd: "AT+CSQ", answer: lines("%NEW: 1", "+NOBODY", "+CSQ: 20,99", "OK"), lines: []string{"+CSQ: 20,99"}, urcs: []URC{{Name: "%NEW", Args: "1"}, {Name: "+NOBODY"}}},
		{name: "ERROR", cmd: "AT+CSQ", answer: lines("ERROR"), err: ErrFailed},
		{name: "Huawei's", cmd: "AT+CSQ", answer: lines("COMMAND NOT SUPPORT"), err: ErrNotSupported},
		{name: "CME number", cmd: "AT+CPIN?", answer: lines("+CME ERROR: 14"), err: &CMEError{14, "SIM busy"}},
		{name: "CME text", cmd: "AT+CPIN?", answer: lines("+CME ERROR: SIM Busy"), err: &CMEError{14, "SIM busy"}},
		{name: "CME unknown", cmd: "AT+CPIN?", answer: lines("+CME ERROR: 4242"), err: &CMEError{4242, ""}},
		{name: "CMS number", cmd: "AT+CMGR=9", answer: lines("+CMS ERROR: 321"), err: &CMSError{321, "invalid memory index"}},
		{name: "CMS unknown text", cmd: "AT+CMGR=9", answer: lines("+CMS ERROR: out of luck"), err: &CMSError{NoCode, "out of luck"}},
		{name: "CMS alone", cmd: "AT+CMGR=9", answer: lines("+CMS ERROR"), err: &CMSError{NoCode, ""}},
		{name: "lines before an error", cmd: "AT+CMGL=4", answer: lines("+CMGL: 1,0,,24", pdu, "+CMS ERROR: 320"), lines: []string{"+CMGL: 1,0,,24", pdu}, err: &CMSError{320, "memory failure"}},
		{name: "a call of somebody else ends", cmd: "AT+CSQ", answer: lines("NO CARRIER", "+CSQ: 20,99", "OK"), lines: []string{"+CSQ: 20,99"}, urcs: []URC{{Name: "NO CARRIER"}}},
		{name: "our call ends", cmd: "ATD*99#", answer: lines("NO CARRIER"), err: ErrNoCarrier},
		{name: "noise before a line", cmd: "AT+CSQ", answer: "\x00\xFF\xFE+CSQ: 20,99\r\n\x00OK\r\n", lines: []string{"+CSQ: 20,99"}, noise: 4},
		{name: "too long a line", cmd: "AT+CSQ", answer: strings.Repeat("x", 5000) + lines("+CSQ: 20,99", "OK"), lines: []string{"+CSQ: 20,99"}, noise: 5000},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, chunk := range []int{1 << 20, 1} {
				synctest.Test(t, func(t *testing.T) {
					d, f := pair(t, Options{}, nil)
					f.answers(func(string) string {
						for i := 0; i < len(c.answer); i += chunk {
							f.say(c.answer[i:min(i+chunk, len(c.answer))])
						}
						return ""
					})
					if c.cmd == "AT" { // which the fake answers by itself
						c.cmd = "ATE0"
					}
					got, err := d.Command(t.Context(), c.cmd)
					require.Equal(t, c.lines, got)
					if c.err == nil {
						require.NoError(t, err)
					} else {
						require.ErrorContains(t, err, nameForErrors(c.cmd)+": "+c.err.Error())
						require.Equal(t, c.err, errors.Unwrap(err))
					}
					synctest.Wait()
					require.Equal(t, c.urcs, waiting(d))
					require.Equal(t, c.noise, d.Stats().Noise)
				})
			}
		})
	}
}

func TestOptionsOfACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := pair(t, Options{}, always(lines("+ICCID: 8931", "free text", "+OTHER: 1", "OK")))
		got, err := d.Command(t.Context(), "AT+XYZ", Name("+ICCID"))
		require.NoError(t, err)
		require.Equal(t, []string{"+ICCID: 8931"}, got)
		got, err = d.Command(t.Context(), "AT+XYZ", AnyLine())
		require.NoError(t, err)
		require.Equal(t, []string{"+ICCID: 8931", "free text", "+OTHER: 1"}, got)
	})
}

func TestURCsWithoutCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, always(lines("OK")))
		_, err := d.Command(t.Context(), "ATE0")
		require.NoError(t, err)
		f.say(lines("SMS Ready", "rubbish", "+CMT: ,30", pdu, "OK", "+CREG: 1", "+WHATEVER: 1"))
		require.Equal(t, []URC{{Name: "SMS Ready"}, {Name: "+CMT", Args: ",30", Data: pdu}, {Name: "+CREG", Args: "1"}, {Name: "+WHATEVER", Args: "1"}}, urcs(t, d, 4))
		require.EqualValues(t, 1, d.Stats().Stray)
		require.EqualValues(t, len("rubbish"), d.Stats().Noise)
		f.say("+CMT: ,30\r\n")
		synctest.Wait()
		require.Empty(t, waiting(d), "waits for its second line")
		require.NoError(t, d.Close())
		require.Equal(t, []URC{{Name: "+CMT", Args: ",30"}}, waiting(d), "and does without in the end")
	})
}

func TestURCsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{URCs: 500}, nil)
		f.answers(func(string) string {
			var b strings.Builder
			for i := range 250 {
				fmt.Fprintf(&b, "\r\n+CMTI: \"SM\",%d\r\n\r\n+CMT: ,%d\r\n%04X\r\n", i, i, i)
			}
			return b.String() + lines("OK")
		})
		_, err := d.Command(t.Context(), "AT+CNMI=2,1,0,0,0")
		require.NoError(t, err)
		for i, u := range urcs(t, d, 500) {
			want := URC{Name: "+CMTI", Args: fmt.Sprintf(`"SM",%d`, i/2)}
			if i%2 == 1 {
				want = URC{Name: "+CMT", Args: fmt.Sprintf(",%d", i/2), Data: fmt.Sprintf("%04X", i/2)}
			}
			require.Equal(t, want, u)
		}
	})
}

// Without a reader of the URCs, nothing stops, and the reader learns of the gap.
func TestURCsNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{URCs: 2}, always(lines("+CMTI: 1", "+CMTI: 2", "+CMTI: 3", "+CMTI: 4", "OK")))
		_, err := d.Command(t.Context(), "ATE0")
		require.NoError(t, err)
		require.Equal(t, []URC{{Name: "+CMTI", Args: "1"}, {Name: "+CMTI", Args: "2"}}, urcs(t, d, 2))
		f.say(lines("+CMTI: 5"))
		require.Equal(t, []URC{{Name: "+CMTI", Args: "5", Missed: 2}}, urcs(t, d, 1))
		require.EqualValues(t, 2, d.Stats().Missed)
	})
}

func TestURCHidesText(t *testing.T) {
	u := URC{Name: "+CMT", Args: `"+15125550100",30`, Data: pdu}
	for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
		text := fmt.Sprintf(format, u)
		require.Contains(t, text, "+CMT")
		require.NotContains(t, text, "5125550100")
		require.NotContains(t, text, pdu)
	}
}

func TestParams(t *testing.T) {
	for text, want := range map[string][]string{
		"":                             nil,
		" ":                            nil,
		`"SM",3`:                       {"SM", "3"},
		` "SM" , 3 `:                   {"SM", "3"},
		",30":                          {"", "30"},
		`"a,b",,"c"`:                   {"a,b", "", "c"},
		`("SM","ME"),("SM"),(0-2)`:     {`("SM","ME")`, `("SM")`, "(0-2)"},
		`"unfinished,1`:                {`"unfinished,1`},
		`)),1,(`:                       {"))", "1", "("},
		`(("SM","BM","SR"),("SM"))`:    {`(("SM","BM","SR"),("SM"))`},
		`0,"",25`:                      {"0", "", "25"},
		`,-1`:                          {"", "-1"},
		`"a"b"`:                        {`"a"b"`},
		`"+CIND: (""battery"",(0-5))"`: {`"+CIND: (""battery"",(0-5))"`},
	} {
		require.Equal(t, want, URC{Args: text}.Params(), text)
	}
}

func TestInvalidCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, always(lines("OK")))
		for _, cmd := range []string{"", "A", "+CSQ", "AT\r", "AT+CMGS=1\x1A", "AT" + strings.Repeat("x", 2000)} {
			_, err := d.Command(t.Context(), cmd)
			require.ErrorIs(t, err, ErrInvalid, cmd)
		}
		_, err := d.Prompt(t.Context(), "AT+CMGS=1", "00\x1A")
		require.ErrorIs(t, err, ErrInvalid)
		require.Empty(t, f.commands())
	})
}

// Errors and traces say which command, and not with what.
func TestErrorsHideParameters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var traced strings.Builder
		d, _ := pair(t, Options{Trace: func(_ bool, line string) { traced.WriteString(line + "\n") }}, always(lines("ERROR")))
		for cmd, want := range map[string]string{
			`AT+CPIN="1234"`:          "AT+CPIN: ",
			`at+clck="SC",0,"1234"`:   "at+clck: ",
			`AT+CPWD="SC","1234","0"`: "AT+CPWD: ",
			`AT^CPIN="1234"`:          "AT^CPIN: ",
		} {
			_, err := d.Command(t.Context(), cmd)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "1234")
		}
		require.NotContains(t, traced.String(), "1234")
		require.Contains(t, traced.String(), "AT+CPIN=…\n")
		_, err := d.Command(t.Context(), `AT+CMGS="+15125550100"`)
		require.NotContains(t, err.Error(), "5550100")
		_, err = d.Command(t.Context(), `ATD+15125550100;`)
		require.NotContains(t, err.Error(), "5550100")
	})
}

func TestPrompt(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(string) string
		lines  []string
		err    error
		after  time.Duration // how long it takes
	}{
		{name: "works", answer: func(line string) string {
			if strings.HasPrefix(line, "AT") {
				return "\r\n> "
			}
			return lines("+CMGS: 7", "OK")
		}, lines: []string{"+CMGS: 7"}},
		{name: "echo, and a URC on the line of the prompt", answer: func(line string) string {
			if strings.HasPrefix(line, "AT") {
				return line + "\r\n>" + lines(`+CMTI: "SM",1`)
			}
			return line + lines(`+CMTI: "SM",2`, "+CMGS: 7", "OK")
		}, lines: []string{"+CMGS: 7"}},
		{name: "refused at once", answer: always(lines("+CMS ERROR: 304")), err: &CMSError{304, "invalid PDU mode parameter"}},
		{name: "refused by the network", answer: func(line string) string {
			if strings.HasPrefix(line, "AT") {
				return "\r\n> "
			}
			return lines("+CMS ERROR: 38")
		}, err: &CMSError{38, "network out of order"}},
		{name: "no prompt but OK", answer: always(lines("OK")), err: ErrNoPrompt},
		{name: "silence", answer: always(""), err: ErrTimeout, after: 5 * time.Second},
		{name: "silence after the data", answer: func(line string) string {
			if strings.HasPrefix(line, "AT") {
				return "\r\n> "
			}
			return ""
		}, err: ErrTimeout, after: 60 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, f := pair(t, Options{}, c.answer)
				_, err := d.Command(t.Context(), "AT")
				require.NoError(t, err)
				start := time.Now()
				sent := false
				got, err := d.Prompt(t.Context(), "AT+CMGS=24", pdu, DataSent(&sent))
				require.Equal(t, c.lines, got)
				require.Equal(t, slices.Contains(f.commands(), pdu+"\x1A"), sent)
				if c.err == nil {
					require.NoError(t, err)
					require.Equal(t, []string{"AT+CMGS=24", pdu + "\x1A"}, f.commands())
				} else {
					require.Equal(t, c.err, errors.Unwrap(err))
				}
				require.Equal(t, c.after, time.Since(start))
				got, err = d.Command(t.Context(), "AT")
				require.NoError(t, err)
				require.Empty(t, got)
			})
		})
	}
}

// A ">" that is not a prompt is a character like others.
func TestNoPromptWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := pair(t, Options{}, always(lines("> a text", "OK")))
		got, err := d.Command(t.Context(), "AT+CMGR=1", AnyLine())
		require.NoError(t, err)
		require.Equal(t, []string{"> a text"}, got)
	})
}

// A listing may take long as long as something comes, and URCs are nothing.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{}, nil)
		_, err := d.Command(t.Context(), "AT")
		require.NoError(t, err)

		f.answers(func(string) string {
			for i := range 10 {
				time.Sleep(8 * time.Second)
				f.say(lines(fmt.Sprintf("+CMGL: %d,0,,24", i), pdu))
			}
			return lines("OK")
		})
		got, err := d.Command(t.Context(), "AT+CMGL=4")
		require.NoError(t, err)
		require.Len(t, got, 20)

		got, err = d.Command(t.Context(), "AT+CMGL=4", Limit(20*time.Second))
		require.ErrorIs(t, err, ErrTimeout)
		require.Len(t, got, 4, "what has come")
		time.Sleep(2 * time.Minute)

		f.answers(func(string) string {
			for range 20 {
				time.Sleep(time.Second)
				f.say(lines("^RSSI:12"))
			}
			return lines("OK")
		})
		start := time.Now()
		_, err = d.Command(t.Context(), "AT+CMGD=1", Timeout(12*time.Second))
		require.ErrorIs(t, err, ErrTimeout)
		require.Less(t, time.Since(start), 15*time.Second)
		require.EqualValues(t, 2, d.Stats().Timeout)
	})
}

func TestAnswerTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, f := pair(t, Options{MaxAnswer: 1000}, nil)
		f.answers(func(string) string {
			for i := range 100 {
				f.say(lines(fmt.Sprintf("+CMGL: %d,0,,24", i), pdu))
			}
			return lines("OK")
		})
		_, err := d.Command(t.Context(), "AT+CMGL=4")
		require.ErrorIs(t, err, ErrTooLong)
		f.answers(always(lines("+CSQ: 20,99", "OK")))
		got, err := d.Command(t.Context(), "AT+CSQ")
		require.NoError(t, err)
		require.Equal(t, []string{"+CSQ: 20,99"}, got)
		require.Empty(t, waiting(d))
	})
}

// Commands of several goroutines go one after the other.
func TestOneInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inFlight, most int
		d, f := pair(t, Options{}, nil)
		f.answers(func(line string) string {
			inFlight++
			most = max(most, inFlight)
			time.Sleep(time.Second)
			inFlight--
			return lines("+X: "+strings.TrimPrefix(line, "AT+X="), "OK")
		})
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				got, err := d.Command(t.Context(), fmt.Sprintf("AT+X=%d", i))
				require.NoError(t, err)
				require.Equal(t, []string{fmt.Sprintf("+X: %d", i)}, got)
			})
		}
		all.Wait()
		require.Equal(t, 1, most)

		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		all.Go(func() { _, _ = d.Command(t.Context(), "AT+X=1") })
		synctest.Wait()
		_, err := d.Command(ctx, "AT+X=2")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		all.Wait()
		require.Zero(t, d.Stats().Timeout)
		require.EqualValues(t, 1, d.Stats().Resyncs, "who waited for a turn has left nothing behind")
	})
}

func TestClose(t *testing.T) {
	t.Run("ends a command", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, _ := pair(t, Options{}, always(""))
			done := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := d.Command(t.Context(), "ATZ")
					done <- err
				}()
			}
			time.Sleep(2 * time.Second)
			require.NoError(t, d.Err())
			require.NoError(t, d.Close())
			for range 2 {
				require.ErrorIs(t, <-done, ErrClosed)
			}
			require.Equal(t, ErrClosed, d.Err())
			<-d.Done()
			_, open := <-d.URCs()
			require.False(t, open)
			require.NoError(t, d.Close(), "again")
			_, err := d.Command(t.Context(), "AT")
			require.ErrorIs(t, err, ErrClosed)
		})
	})
	t.Run("the port fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, f := pair(t, Options{}, nil)
			f.answers(func(string) string {
				_ = f.conn.Close()
				return ""
			})
			_, err := d.Command(t.Context(), "ATZ")
			require.ErrorIs(t, err, ErrClosed)
			require.ErrorIs(t, err, io.EOF)
			require.ErrorIs(t, d.Err(), io.EOF)
			<-d.Done()
		})
	})
	t.Run("the port's own error", func(t *testing.T) {
		boom := errors.New("boom")
		closed := make(chan struct{})
		d := New(port{
			read:  func([]byte) (int, error) { <-closed; return 0, io.EOF },
			write: func(b []byte) (int, error) { return len(b), nil },
			close: func() error { close(closed); return boom },
		}, Options{})
		require.ErrorIs(t, d.Close(), boom)
		require.NoError(t, d.Close())
	})
	t.Run("a port that does not let go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			d := New(port{
				read:  func([]byte) (int, error) { <-release; return 0, io.EOF },
				write: func(b []byte) (int, error) { return len(b), nil },
				close: func() error { return nil },
			}, Options{})
			require.ErrorContains(t, d.Close(), "still being read")
			close(release)
			synctest.Wait()
			require.NoError(t, d.Close())
		})
	})
}

func TestWriteFails(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name  string
		write func(closed chan struct{}) func([]byte) (int, error)
		want  error
	}{
		{"error", func(chan struct{}) func([]byte) (int, error) { return func([]byte) (int, error) { return 0, boom } }, boom},
		{"short", func(chan struct{}) func([]byte) (int, error) { return func([]byte) (int, error) { return 1, nil } }, io.ErrShortWrite},
		{"never", func(closed chan struct{}) func([]byte) (int, error) {
			return func([]byte) (int, error) { <-closed; return 0, io.ErrClosedPipe }
		}, ErrWriteTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed := make(chan struct{})
				d := New(port{
					read:  func([]byte) (int, error) { <-closed; return 0, io.EOF },
					write: c.write(closed),
					close: func() error { close(closed); return nil },
				}, Options{})
				_, err := d.Command(t.Context(), "AT")
				require.ErrorIs(t, err, c.want)
				require.ErrorIs(t, err, ErrClosed)
				require.NoError(t, d.Close())
			})
		})
	}
}

// Ports with a read timeout return nothing now and then; one that returns nothing
// without waiting is gone.
func TestEmptyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		pause := 100 * time.Millisecond
		var mu sync.Mutex
		d := New(port{
			read: func([]byte) (int, error) {
				mu.Lock()
				wait := pause
				mu.Unlock()
				select {
				case <-closed:
					return 0, io.EOF
				default:
				}
				time.Sleep(wait)
				return 0, nil
			},
			write: func(b []byte) (int, error) { return len(b), nil },
			close: func() error { close(closed); return nil },
		}, Options{})
		time.Sleep(time.Hour)
		require.NoError(t, d.Err())
		mu.Lock()
		pause = 0
		mu.Unlock()
		<-d.Done()
		require.ErrorIs(t, d.Err(), io.ErrNoProgress)
		require.NoError(t, d.Close())
	})
}

func TestErrorTexts(t *testing.T) {
	require.EqualError(t, &CMEError{14, "SIM busy"}, "CME error 14: SIM busy")
	require.EqualError(t, &CMSError{999, ""}, "CMS error 999")
	require.EqualError(t, &CMSError{NoCode, ""}, "CMS error")
	require.EqualError(t, &CMSError{NoCode, "odd"}, "CMS error: odd")
}

package emulator

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/socketapi"
)

// TestFaults looks at each failure mode from the client's side, with a valid
// message.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault  string
		answer string
		sms    string // answer to an SMS
		reset  bool   // RST instead of FIN
		taken  bool
		code   socketapi.Code
	}{
		{"ok", "[0,0]", "00", false, true, 0},
		{"close-without-answer", "", "", false, false, NoAnswer},
		{"close-without-answer-lost", "", "", false, false, NoAnswer},
		{"close-without-answer-taken", "", "", false, true, NoAnswer},
		{"partial-answer", "[0,", "0", false, true, 0},
		{"partial-answer-reset", "[0,", "0", true, true, 0},
		{"reset", "", "", true, false, NoAnswer},
		{"reset-lost", "", "", true, false, NoAnswer},
		{"reset-taken", "", "", true, true, NoAnswer},
		{"answer-reset", "[0,0]", "00", true, true, 0},
		{"late-answer=50ms", "[0,0]", "00", false, true, 0},
		{"slow=10ms", "[0,0]", "00", false, true, 0},
		{"junk", junkAnswer, junkAnswer, false, false, NoAnswer},
		{"junk-taken", junkAnswer, junkAnswer, false, true, NoAnswer},
		{"idle-limit=5s", "[0,0]", "00", false, true, 0},
		{"code-1", "[1,0]", "10", false, false, 1},
		{"code-1-taken", "[1,0]", "10", false, true, 1},
		{"code-2", "[2,0]", "20", false, false, 2},
		{"code-3", "[3,0]", "30", false, false, 3},
		{"code-4", "[4,0]", "40", false, false, 4},
		{"code-5", "[5,0]", "50", false, false, 5},
		{"code-6", "[6,0]", "60", false, false, 6},
		{"code-6-taken", "[6,0]", "60", false, true, 6},
		{"code-7", "[7,0]", "70", false, false, 7},
		{"code-8", "[8,0]", "80", false, false, 8},
		{"code-9", "[9,0]", "90", false, false, 9},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(cfg *Config) { cfg.Faults = faults(t, c.fault) })
			for text, want := range map[string]string{valid: c.answer, validSMS: c.sms} {
				answer, err := exchange(t, s, text)
				require.Equal(t, want, answer)
				require.Equal(t, c.reset, isReset(err), "%v", err)
				if !c.reset {
					require.NoError(t, err)
				}
				events := s.Events()
				e := events[len(events)-1]
				require.Equal(t, c.taken, e.Taken)
				require.Equal(t, c.taken, e.Reason == "")
				require.Equal(t, c.code, e.Code)
				require.Equal(t, len(want), e.BytesOut)
				if c.fault != "ok" {
					name, _, _ := strings.Cut(c.fault, "=")
					require.Equal(t, name, e.Fault)
				}
			}
			require.EqualValues(t, 2, s.Counters().Connections, "for good")
		})
	}
}

// A fault does not let through what would be refused.
func TestFaultsDoNotTakeInvalidMessages(t *testing.T) {
	s := start(t, nil)
	for fault, want := range map[string]string{"late-answer=1ms": "[3,0]", "partial-answer": "[3,", "close-without-answer-taken": "", "code-6-taken": "[6,0]", "ok": "[3,0]"} {
		s.SetFaults(faults(t, fault))
		require.Equal(t, want, ask(t, s, strings.Replace(valid, "%", "!", 1)), fault)
	}
	require.Zero(t, s.Counters().Messages)
}

func TestNeverAnswer(t *testing.T) {
	for fault, taken := range map[string]int64{"never-answer": 1, "never-answer-lost": 0} {
		s := start(t, func(c *Config) { c.Faults = faults(t, fault) })
		conn := dial(t, s)
		_, err := io.WriteString(conn, valid)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(s.Events()) == 1 }, 5*time.Second, time.Millisecond)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, taken, s.Counters().Messages)
		require.EqualValues(t, 1, s.Counters().Active)
		require.NoError(t, conn.Close())
		require.Eventually(t, func() bool { return s.Counters().Active == 0 }, 5*time.Second, time.Millisecond)
	}
}

func TestAcceptClose(t *testing.T) {
	s := start(t, func(c *Config) { c.Faults = faults(t, "accept-close") })
	for range 20 {
		answer, err := exchange(t, s, valid)
		require.Empty(t, answer)
		require.True(t, isReset(err), "%v", err)
	}
	e := s.Events()[0]
	require.Zero(t, e.BytesIn)
	require.False(t, e.Taken)
	require.EqualValues(t, 20, s.Counters().Lost)
	require.NoError(t, dial(t, s).Close())
	require.Eventually(t, func() bool { return s.Counters().Empty == 1 }, 5*time.Second, time.Millisecond)
}

func TestCloseUnread(t *testing.T) {
	s := start(t, func(c *Config) { c.Faults = faults(t, "close-unread") })
	conn := dial(t, s)
	n, err := conn.Read(make([]byte, 1)) // without having sent anything
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
	answer, err := exchange(t, s, valid)
	require.NoError(t, err)
	require.Empty(t, answer)
	require.Zero(t, s.Counters().Messages)
}

func TestLateAndSlowAnswer(t *testing.T) {
	s := start(t, func(c *Config) { c.Faults = faults(t, "late-answer=300ms:1,slow=60ms:1") })
	for range 2 {
		begin := time.Now()
		require.Equal(t, "[0,0]", ask(t, s, valid))
		require.GreaterOrEqual(t, time.Since(begin), 290*time.Millisecond)
	}
	// Who gives up too early has a message taken all the same.
	s.SetFaults(faults(t, "late-answer=200ms"))
	conn := dial(t, s)
	_, err := io.WriteString(conn, valid)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, conn.Close())
	require.EqualValues(t, 3, s.Counters().Messages)
}

func TestIdleLimit(t *testing.T) {
	s := start(t, func(c *Config) { c.Faults = faults(t, "idle-limit=30ms") })
	conn := dial(t, s)
	_, err := io.WriteString(conn, valid[:10])
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Empty(t, answer)
	require.Contains(t, s.Events()[0].Reason, "idle for 30ms")
}

func TestFaultSequence(t *testing.T) {
	s := start(t, func(c *Config) { c.Faults = faults(t, "ok:1,reset:3,code-6:2") })
	got := make([]string, 0, 8)
	for range 8 {
		answer, err := exchange(t, s, valid)
		if isReset(err) {
			answer = "reset"
		}
		got = append(got, answer)
	}
	require.Equal(t, []string{"[0,0]", "reset", "reset", "reset", "[6,0]", "[6,0]", "[0,0]", "[0,0]"}, got)
	s.SetFaults(faults(t, "code-8"))
	require.Equal(t, "[8,0]", ask(t, s, valid))
	s.SetFaults(Faults{})
	require.Equal(t, "[0,0]", ask(t, s, valid))
}

func TestRandomFaultsAreRepeatable(t *testing.T) {
	draw := func(seed uint64) (names []string) {
		p := newPlan(seed)
		p.set(faults(t, "reset:20%,code-6:30%,ok:2"))
		require.Equal(t, "ok", p.next().name)
		require.Equal(t, "ok", p.next().name)
		for range 1000 {
			names = append(names, p.next().name)
		}
		return names
	}
	first := draw(1)
	require.Equal(t, first, draw(1))
	require.NotEqual(t, first, draw(2))
	count := map[string]int{}
	for _, name := range first {
		count[name]++
	}
	require.InDelta(t, 200, count["reset"], 50)
	require.InDelta(t, 300, count["code-6"], 50)
	require.InDelta(t, 500, count[""], 70)
}

func dialErr(t *testing.T, s *Server) error {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		return err
	}
	return conn.Close()
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// isServing tries to send, and if it can connect at all expects the answer.
func isServing(t *testing.T, s *Server, want string) bool {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, valid)
	answer, _ := io.ReadAll(conn)
	return string(answer) == want
}

func TestRefuse(t *testing.T) {
	t.Run("for a time", func(t *testing.T) {
		s := start(t, func(c *Config) { c.Faults = faults(t, "refuse=200ms,code-6:1") })
		require.Eventually(t, func() bool { return isRefused(dialErr(t, s)) }, 5*time.Second, time.Millisecond)
		require.Eventually(t, func() bool { return dialErr(t, s) == nil }, 5*time.Second, 10*time.Millisecond)
		s.SetFaults(Faults{})
		require.Equal(t, "[0,0]", ask(t, s, valid))
	})
	t.Run("between connections", func(t *testing.T) {
		s := start(t, func(c *Config) { c.Faults = faults(t, "code-6:1,refuse=300ms,code-8:1") })
		require.Equal(t, "[6,0]", ask(t, s, valid))
		require.Eventually(t, func() bool { return isRefused(dialErr(t, s)) }, 5*time.Second, time.Millisecond)
		require.Eventually(t, func() bool { return isServing(t, s, "[8,0]") }, 5*time.Second, 20*time.Millisecond)
		require.Equal(t, "[0,0]", ask(t, s, valid))
	})
	t.Run("until told otherwise", func(t *testing.T) {
		s := start(t, nil)
		address := s.Addr().String()
		for range 3 {
			require.Equal(t, "[0,0]", ask(t, s, valid))
			s.SetFaults(faults(t, "refuse"))
			require.Eventually(t, func() bool { return isRefused(dialErr(t, s)) }, 5*time.Second, time.Millisecond)
			s.SetFaults(faults(t, "ok"))
			require.Eventually(t, func() bool { return dialErr(t, s) == nil }, 5*time.Second, time.Millisecond)
			require.Equal(t, address, s.Addr().String())
		}
	})
	t.Run("at random", func(t *testing.T) {
		s := start(t, func(c *Config) { c.Faults = faults(t, "refuse=100ms:100%") })
		require.Equal(t, "[0,0]", ask(t, s, valid))
		require.Eventually(t, func() bool { return isRefused(dialErr(t, s)) }, 5*time.Second, time.Millisecond)
	})
}

func TestParseFaults(t *testing.T) {
	for _, text := range []string{
		"", "ok", "reset", "reset:3,code-6:2", "reset:3,code-6", "late-answer=1m30s:2", "slow=5ms:2.5%,junk:97.5%",
		"never-answer-lost:1,refuse=3s,ok:2", "refuse", "refuse:1", "refuse=1s:10%", "code-9:1", "idle-limit=1s", "close-unread:7,accept-close:1%",
	} {
		f, err := ParseFaults(text)
		require.NoError(t, err, text)
		require.Equal(t, text, f.String())
	}
	f, err := ParseFaults(" reset:1 , junk:2 ")
	require.NoError(t, err)
	require.Equal(t, "reset:1,junk:2", f.String())

	for text, want := range map[string]string{
		"rest":                  `unknown failure mode "rest", want one of ok, never-answer, never-answer-taken, never-answer-lost, close-without-answer,`,
		"code-0":                "unknown failure mode",
		"code-2-taken":          "unknown failure mode",
		"reset,":                `unknown failure mode ""`,
		"reset:0":               `count "0" of failure mode "reset" is neither`,
		"reset:-1":              "is neither a whole number from 1",
		"reset:":                "is neither a whole number from 1",
		"reset:1.5":             "is neither a whole number from 1",
		"reset:0%":              `percentage "0%" of failure mode "reset" is not above 0% and up to 100%`,
		"reset:101%":            "is not above 0% and up to 100%",
		"reset:NaN%":            "is not above 0% and up to 100%",
		"reset:60%,junk:50%":    "sum up to 110, more than 100",
		"reset,junk":            `"reset" and "junk" both have neither a count nor a percentage`,
		"reset,junk:10%":        `"reset" stays for good`,
		"reset=5s":              `failure mode "reset" takes no duration`,
		"late-answer=8":         `duration "8" of failure mode "late-answer" is not one like 200ms or 8s`,
		"late-answer=-1s":       "is not one like",
		"late-answer=2h":        "up to 1h0m0s",
		"late-answer=":          "is not one like",
		"refuse:2":              "measured in time, not in connections",
		"refuse=1s,refuse=1s:3": "measured in time, not in connections",
	} {
		_, err := ParseFaults(text)
		require.ErrorContains(t, err, want, text)
	}
	for _, name := range Modes() {
		_, err := ParseFaults(name)
		require.NoError(t, err)
	}
}

func FuzzParseFaults(f *testing.F) {
	for _, seed := range []string{"reset:3,code-6:2", "late-answer=8s:2.5%", "refuse=3s", "refuse:1", ",", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseFaults(text)
		if err != nil {
			return
		}
		again, err := ParseFaults(parsed.String())
		require.NoError(t, err)
		require.Equal(t, parsed, again)
	})
}

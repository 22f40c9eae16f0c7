package gsm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-hologram/internal/at"
	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inbox is a consumer with a journal, which survives a Modem.
type inbox struct {
	mu     sync.Mutex
	got    []*gsm.Joined
	ids    map[gsm.ID]bool
	parts  []gsm.Part
	refuse error
	after  func() // is called when a message is in the journal
}

func newInbox() *inbox { return &inbox{ids: make(map[gsm.ID]bool)} }

func (b *inbox) handle(_ context.Context, j *gsm.Joined) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	b.got = append(b.got, j)
	for _, id := range j.IDs {
		b.ids[id] = true
	}
	b.parts = slices.DeleteFunc(b.parts, func(p gsm.Part) bool { return slices.Contains(j.IDs, p.ID) })
	if b.after != nil {
		b.after()
	}
	return nil
}

func (b *inbox) known(id gsm.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ids[id]
}

func (b *inbox) keepPart(_ context.Context, p gsm.Part) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.parts = append(b.parts, p)
	return nil
}

func (b *inbox) refuses(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = err
}

func (b *inbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

func (b *inbox) texts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, j := range b.got {
		all = append(all, j.Message.Text)
	}
	return all
}

func (b *inbox) config() gsm.Config {
	return gsm.Config{Handle: b.handle, Known: b.known, PollInterval: time.Minute}
}

// logger keeps what is logged.
type logger struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logger) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}

func (l *logger) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logger) Debugf(format string, args ...any) { l.add("D! "+format, args...) }
func (l *logger) Infof(format string, args ...any)  { l.add("I! "+format, args...) }
func (l *logger) Warnf(format string, args ...any)  { l.add("W! "+format, args...) }

// kept is a message in a fake's storage.
type kept struct {
	stat int
	pdu  string
}

// fake is a modem that does what a test says. It is for what the emulated modem
// does not do.
type fake struct {
	conn net.Conn

	mu       sync.Mutex
	stores   map[string]map[int]kept
	size     int
	selected string
	cmgl     string // the header of a listing, of index, state and length
	cmgr     string // that of a reading, of state and length
	special  map[string]string
	hook     func(cmd string) // before a command is answered, with mu held
	seen     []string
}

// ok is the answer to a command that is taken.
const ok = "OK"

// newFake makes a fake with empty storages.
func newFake(storages ...string) *fake {
	f := &fake{stores: make(map[string]map[int]kept), size: 20, cmgl: "%d,%d,,%d", cmgr: "%d,,%d", special: make(map[string]string)}
	for _, s := range storages {
		f.stores[s] = make(map[int]kept)
	}
	return f
}

func (f *fake) put(storage string, index int, pdus ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, pdu := range pdus {
		f.stores[storage][index+i] = kept{pdu: pdu}
	}
}

func (f *fake) used() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.stores {
		n += len(s)
	}
	return n
}

// commands returns the commands that begin so.
func (f *fake) commands(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []string
	for _, c := range f.seen {
		if strings.HasPrefix(c, prefix) {
			found = append(found, c)
		}
	}
	return found
}

func (f *fake) serve() {
	var line []byte
	buf := make([]byte, 512)
	for {
		n, err := f.conn.Read(buf)
		if err != nil {
			return
		}
		for _, c := range buf[:n] {
			switch c {
			case '\r':
				if len(line) > 0 {
					f.say(f.do(string(line)))
				}
				line = line[:0]
			case '\x1B':
			default:
				line = append(line, c)
			}
		}
	}
}

func (f *fake) say(lines ...string) {
	for _, l := range lines {
		if l != "" {
			_, _ = io.WriteString(f.conn, "\r\n"+strings.ReplaceAll(l, "|", "\r\n")+"\r\n")
		}
	}
}

// do answers a command: what is special first, the longest match of it.
func (f *fake) do(cmd string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, cmd)
	if f.hook != nil {
		f.hook(cmd)
	}
	best := ""
	for prefix := range f.special {
		if strings.HasPrefix(cmd, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best != "" {
		return f.special[best]
	}
	names := slices.Sorted(maps.Keys(f.stores))
	name, args, _ := strings.Cut(cmd, "=")
	switch {
	case cmd == "AT+CPIN?":
		return "+CPIN: READY|OK"
	case cmd == "AT+CMGF?":
		return "+CMGF: 0|OK"
	case cmd == "AT+CMEE?":
		return "+CMEE: 1|OK"
	case cmd == "AT+CPMS=?":
		list := `("` + strings.Join(names, `","`) + `")`
		return "+CPMS: " + list + "," + list + "," + list + "|OK"
	case cmd == "AT+CPMS?":
		if f.selected == "" {
			f.selected = names[0]
		}
		one := fmt.Sprintf(`"%s",%d,%d`, f.selected, len(f.stores[f.selected]), f.size)
		return "+CPMS: " + one + "," + one + "," + one + "|OK"
	case name == "AT+CPMS":
		storage := strings.Trim(strings.Split(args, ",")[0], `"`)
		if f.stores[storage] == nil {
			return "+CMS ERROR: 302"
		}
		f.selected = storage
		return fmt.Sprintf("+CPMS: %d,%d,0,%d,0,%d|OK", len(f.stores[storage]), f.size, f.size, f.size)
	case name == "AT+CMGL":
		var answer strings.Builder
		store := f.stores[f.selected]
		for _, i := range slices.Sorted(maps.Keys(store)) {
			fmt.Fprintf(&answer, "+CMGL: "+f.cmgl+"|%s|", i, store[i].stat, length(store[i].pdu), store[i].pdu)
		}
		return answer.String() + ok
	case name == "AT+CMGR":
		index, _ := strconv.Atoi(args)
		m, there := f.stores[f.selected][index]
		switch {
		case !there:
			return "+CMS ERROR: 321"
		case strings.Count(f.cmgr, "%d") == 1:
			return fmt.Sprintf("+CMGR: "+f.cmgr+"|%s|OK", length(m.pdu), m.pdu)
		}
		return fmt.Sprintf("+CMGR: "+f.cmgr+"|%s|OK", m.stat, length(m.pdu), m.pdu)
	case name == "AT+CMGD":
		index, err := strconv.Atoi(args)
		if err != nil {
			return "+CMS ERROR: 305"
		}
		delete(f.stores[f.selected], index)
		return ok
	case cmd == "AT", name == "AT+CMEE", cmd == "ATE0", name == "AT+CMGF", name == "AT+CNMI":
		return ok
	}
	return "ERROR"
}

// length is that of the TPDU.
func length(pdu string) int {
	smsc, err := strconv.ParseUint(pdu[:min(2, len(pdu))], 16, 8)
	if err != nil {
		return 0
	}
	return len(pdu)/2 - 1 - int(smsc)
}

// on runs a Modem on a fake for the test, and returns what waits for its end.
func on(t *testing.T, f *fake, m *gsm.Modem) (end func() error) {
	t.Helper()
	near, far := net.Pipe()
	f.conn = far
	var served sync.WaitGroup
	served.Go(f.serve)
	d := at.New(near, at.Options{})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := m.Run(ctx, d)
		_ = d.Close()
		done <- err
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		for range done {
		}
		_ = far.Close()
		served.Wait()
	})
	return func() error {
		err := <-done
		served.Wait() // as the port is closed
		return err
	}
}

func pdus(t *testing.T, m encode.Message) []string {
	t.Helper()
	if m.From == "" {
		m.From = "+15550100"
	}
	if m.Time.IsZero() {
		m.Time = time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
	}
	all, err := m.Deliver()
	require.NoError(t, err)
	return all
}

// In a bubble, the modem has done what there is to do.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestPartsInSeveralStorages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Repeat("0123456789", 40)
		p := pdus(t, encode.Message{Text: text, Reference: 7})
		f := newFake("SM", "ME", "SR", "BM")
		f.put("ME", 0, p[2])
		f.put("SM", 4, p[0], p[1])
		f.put("SR", 0, pdus(t, encode.Message{Text: "in SR"})...)
		f.put("BM", 0, "00")
		b := newInbox()
		m := gsm.NewModem(b.config())
		on(t, f, m)
		settle(time.Second)
		require.ElementsMatch(t, []string{text, "in SR"}, b.texts())
		require.Equal(t, 1, f.used(), "BM has broadcasts")
		require.Equal(t, []gsm.Usage{{"SM", 0, 20}, {"ME", 0, 20}, {"SR", 0, 20}}, m.Status().Storages)
		require.Len(t, f.commands("AT+CMGD"), 4)
	})
}

// The forms of headers, with which modems tell more or less.
func TestHeaders(t *testing.T) {
	for _, headers := range [][2]string{
		{"%d,%d,,%d", "%d,,%d"},
		{`%d,%d,"",%d`, `%d,"",%d`},
		{"%d, %d, , %d", "%d, , %d"},
		{"%d,%d,%d", "%d,%d"},
		{"%d,%d,,%d", ",,%d"},
		{"", ",,%d"}, // no listing
		{"", "%d,,%d"},
	} {
		t.Run(headers[0]+" "+headers[1], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("SM")
				f.cmgl, f.cmgr = headers[0], headers[1]
				if f.cmgl == "" {
					f.special["AT+CMGL"] = "ERROR"
				}
				var want []string
				for i := range 5 {
					want = append(want, fmt.Sprint("message ", i))
					f.put("SM", 3*i, pdus(t, encode.Message{Text: want[i]})...)
				}
				b := newInbox()
				on(t, f, gsm.NewModem(b.config()))
				settle(time.Second)
				require.Equal(t, want, b.texts())
				require.Zero(t, f.used())
			})
		})
	}
}

// What a listing does not have, though the storage counts it, is read record by
// record; but not over and over when there is nothing.
func TestIncompleteListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		f.put("SM", 20, pdus(t, encode.Message{Text: "not listed"})...)
		f.special["AT+CMGL"] = ok
		b := newInbox()
		on(t, f, gsm.NewModem(b.config()))
		settle(time.Second)
		require.Equal(t, []string{"not listed"}, b.texts())

		f.mu.Lock()
		f.special["AT+CPMS?"] = `+CPMS: "SM",5,20,"SM",5,20,"SM",5,20|OK`
		f.mu.Unlock()
		settle(10 * time.Minute)
		require.Len(t, f.commands("AT+CMGR"), 21+1+21)
	})
}

// A record that cannot be decoded is handed out once, and does not keep others
// from being received.
func TestUndecodable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := pdus(t, encode.Message{Text: "a secret text", From: "+4915100000"})[0]
		f := newFake("SM")
		f.put("SM", 1, whole[:len(whole)-6], "07", "ZZ", pdus(t, encode.Message{Text: "after"})[0])
		b := newInbox()
		cfg := b.config()
		log := &logger{}
		cfg.Log = log
		m := gsm.NewModem(cfg)
		on(t, f, m)
		settle(time.Hour)
		require.Len(t, b.texts(), 4)
		require.Contains(t, b.texts(), "after")
		require.Zero(t, f.used())
		require.EqualValues(t, 3, m.Status().Undecodable)
		require.Equal(t, 3, strings.Count(log.all(), "cannot be decoded"))
		require.NotContains(t, log.all(), "secret")
		require.NotContains(t, log.all(), "49151")
	})
}

// A line that was damaged on its way is read again.
func TestDamagedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pdu := pdus(t, encode.Message{Text: "whole"})[0]
		f := newFake("SM")
		f.put("SM", 1, pdu)
		f.special["AT+CMGL"] = "+CMGL: 1,1,,24|" + pdu[:20] + pdu[21:] + "|OK"
		b := newInbox()
		on(t, f, gsm.NewModem(b.config()))
		settle(500 * time.Millisecond)
		require.Empty(t, b.texts())
		require.Equal(t, 1, f.used())
		f.mu.Lock()
		delete(f.special, "AT+CMGL")
		f.mu.Unlock()
		settle(2 * time.Second)
		require.Equal(t, []string{"whole"}, b.texts())
		require.Zero(t, f.used())
	})
}

// A record that is used again between listing and deletion is not deleted.
func TestRecordUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		f.put("SM", 1, pdus(t, encode.Message{Text: "first"})...)
		second := pdus(t, encode.Message{Text: "second"})
		b := newInbox()
		b.after = func() {
			if len(b.got) == 1 {
				f.put("SM", 1, second...)
			}
		}
		on(t, f, gsm.NewModem(b.config()))
		settle(time.Second)
		require.Equal(t, []string{"first", "second"}, b.texts())
		require.Zero(t, f.used())
		require.Equal(t, []string{"AT+CMGD=1"}, f.commands("AT+CMGD"))
	})
}

// Messages that were or will be sent are not ours.
func TestSentMessagesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		submit, err := (&encode.Message{From: "+15550100", Text: "draft"}).Submit()
		require.NoError(t, err)
		f := newFake("SM")
		f.stores["SM"][0] = kept{stat: 2, pdu: submit[0]}
		f.stores["SM"][1] = kept{stat: 3, pdu: submit[0]}
		f.stores["SM"][2] = kept{stat: 0, pdu: submit[0]}
		f.put("SM", 3, pdus(t, encode.Message{Text: "ours"})...)
		b := newInbox()
		on(t, f, gsm.NewModem(b.config()))
		settle(5 * time.Minute)
		require.Equal(t, []string{"ours"}, b.texts())
		require.Equal(t, 3, f.used())
		require.Len(t, f.commands("AT+CMGR"), 1)
	})
}

// A storage that is full of what is not ours is no reason to give out parts.
func TestFullOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		submit, err := (&encode.Message{From: "+15550100", Text: "sent"}).Submit()
		require.NoError(t, err)
		f := newFake("SM", "ME")
		f.size = 3
		for i := range f.size {
			f.stores["SM"][i] = kept{stat: 3, pdu: submit[0]}
		}
		p := pdus(t, encode.Message{Text: strings.Repeat("0123456789", 30)})
		f.put("ME", 0, p[0])
		b := newInbox()
		on(t, f, gsm.NewModem(b.config()))
		settle(time.Minute)
		require.Zero(t, b.count())
		f.put("ME", 1, p[1])
		settle(time.Minute)
		require.Equal(t, 1, b.count())
		require.True(t, b.got[0].Complete())
	})
}

// Parts whose others do not come are given out after the timeout, and deleted
// then.
func TestMultipartTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pdus(t, encode.Message{Text: strings.Repeat("0123456789", 40)})
		f := newFake("SM")
		f.put("SM", 0, p[0], p[2])
		b := newInbox()
		cfg := b.config()
		cfg.PollInterval = time.Hour
		m := gsm.NewModem(cfg)
		on(t, f, m)
		settle(gsm.DefaultTimeout - time.Second)
		require.Zero(t, b.count())
		require.Equal(t, 2, f.used())
		require.Equal(t, 2, m.Status().Waiting)
		settle(2 * time.Second)
		require.Equal(t, 1, b.count())
		require.Equal(t, []int{2}, b.got[0].Missing)
		require.Zero(t, f.used())
		require.Zero(t, m.Status().Waiting)
		require.EqualValues(t, 1, m.Status().Incomplete)
	})
}

// A message that was announced and is not listed yet is looked for again soon.
func TestAnnouncedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		b := newInbox()
		m := gsm.NewModem(b.config())
		on(t, f, m)
		settle(10 * time.Second)
		f.say(`+CMTI: "SM",1`)
		settle(100 * time.Millisecond)
		f.put("SM", 1, pdus(t, encode.Message{Text: "late"})...)
		settle(time.Second)
		require.Equal(t, []string{"late"}, b.texts())
	})
}

// Without anything to do, the modem is asked once in a poll interval.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM", "ME")
		m := gsm.NewModem(newInbox().config())
		on(t, f, m)
		settle(time.Second)
		start, commands := m.Status().Sweeps, len(f.commands(""))
		settle(time.Hour)
		require.EqualValues(t, 60, m.Status().Sweeps-start)
		// +CMGF?, +CMPS? and +CPMS=, and two listings.
		require.Equal(t, 60*5, len(f.commands(""))-commands)
	})
}

func TestFullURCs(t *testing.T) {
	for _, urc := range []string{`^SMMEMFULL:"SM"`, `+QIND: "smsfull","SM"`, "+CIEV: 8,1", "#SMSFULL", "+CMTI: ,-1", `+CDSI: "SM",0`} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("SM")
			f.special["AT+CIND=?"] = `+CIND: ("battchg",(0-5)),("signal",(0-5)),("service",(0,1)),("sounder",(0,1)),("message",(0,1)),("call",(0,1)),("roam",(0,1)),("smsfull",(0,1))|OK`
			b := newInbox()
			on(t, f, gsm.NewModem(b.config()))
			settle(time.Second)
			f.put("SM", 1, pdus(t, encode.Message{Text: "there"})...)
			f.say("^RSSI: 3", "+CIEV: 2,1", "+CIEV: 8,0", "RING")
			settle(time.Second)
			require.Zero(t, b.count())
			f.say(urc)
			settle(time.Second)
			require.Equal(t, 1, b.count(), urc)
		})
	}
}

// How modems take AT+CPMS.
func TestCPMS(t *testing.T) {
	for name, c := range map[string]struct {
		special map[string]string
		want    string
	}{
		"three":                   {nil, `AT+CPMS="SM","SM","SM"`},
		"two":                     {map[string]string{`AT+CPMS="SM","SM","SM"`: "ERROR"}, `AT+CPMS="SM","SM"`},
		"one":                     {map[string]string{`AT+CPMS="SM",`: "+CMS ERROR: 302"}, `AT+CPMS="SM"`},
		"no test, no query":       {map[string]string{"AT+CPMS=?": "ERROR", "AT+CPMS?": "ERROR"}, `AT+CPMS="SM","SM","SM"`},
		"not at all":              {map[string]string{"AT+CPMS": "ERROR"}, ""},
		"in parentheses":          {map[string]string{"AT+CPMS=?": `+CPMS: (("SM","BM","SR"),("SM"))|OK`}, `AT+CPMS="SM","SM","SM"`},
		"alone":                   {map[string]string{"AT+CPMS=?": `+CPMS: "SM"|OK`}, `AT+CPMS="SM","SM","SM"`},
		"blanks":                  {map[string]string{"AT+CPMS=?": `+CPMS: ( "SM" , "SR" ) , ("SM")|OK`}, `AT+CPMS="SM","SM","SM"`},
		"empty list":              {map[string]string{"AT+CPMS=?": `+CPMS: (),(),()|OK`}, `AT+CPMS="SM","SM","SM"`},
		"names in the answer":     {map[string]string{`AT+CPMS="SM"`: `+CPMS: "SM",1,20,"SM",1,20,"SM",1,20|OK`}, `AT+CPMS="SM","SM","SM"`},
		"nothing in the answer":   {map[string]string{`AT+CPMS="SM"`: ok, "AT+CPMS?": ok}, `AT+CPMS="SM","SM","SM"`},
		"receives in both":        {map[string]string{"AT+CPMS?": `+CPMS: "SM",1,20,"SM",1,20,"MT",1,40|OK`}, `AT+CPMS="SM","MT","MT"`},
		"receives in both, equal": {map[string]string{"AT+CPMS?": `+CPMS: "SM",1,20,"SM",1,20,"MT",1,40|OK`, `AT+CPMS="SM","MT"`: "ERROR"}, `AT+CPMS="SM","SM","SM"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("SM")
				f.selected = "SM"
				f.put("SM", 1, pdus(t, encode.Message{Text: "there"})...)
				f.special = c.special
				b := newInbox()
				m := gsm.NewModem(b.config())
				on(t, f, m)
				settle(time.Second)
				require.Equal(t, gsm.Ready, m.Status().State)
				require.Equal(t, []string{"there"}, b.texts())
				require.Zero(t, f.used())
				var taken []string
				for _, cmd := range f.commands(`AT+CPMS="`) {
					if !strings.Contains(f.do(cmd), "ERROR") {
						taken = append(taken, cmd)
					}
				}
				if c.want == "" {
					require.Empty(t, taken)
				} else {
					require.Contains(t, taken, c.want)
				}
			})
		})
	}
}

func TestStorageConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM", "ME")
		f.put("SM", 1, pdus(t, encode.Message{Text: "not read"})...)
		f.put("ME", 1, pdus(t, encode.Message{Text: "read"})...)
		b := newInbox()
		cfg := b.config()
		cfg.Storages = []string{"ME", "XX"}
		log := &logger{}
		cfg.Log = log
		on(t, f, gsm.NewModem(cfg))
		settle(time.Second)
		require.Equal(t, []string{"read"}, b.texts())
		require.Contains(t, log.all(), "W! The modem has no storage XX")
	})
	synctest.Test(t, func(t *testing.T) {
		cfg := newInbox().config()
		cfg.Storages = []string{"XX"}
		m := gsm.NewModem(cfg)
		require.ErrorIs(t, on(t, newFake("SM"), m)(), gsm.ErrStorage)
		require.Equal(t, gsm.NoStorage, m.Status().State)
	})
}

// Which AT+CNMI is asked for first, and that another is when it is refused.
func TestCNMI(t *testing.T) {
	for offered, want := range map[string][]string{
		"(0-2),(0-3),(0,2),(0-2),(0,1)":       {"2,1,0,2,0"},
		"(0,1),(0,1),(0,2),(0,1),(1)":         {"1,1,0,1,1"},
		"(2),(0-3),(0),(0),(0)":               {"2,1,0,0,0"},
		"(0-3), (0-3), (0-3), (0-2), (0, 1)":  {"2,1,0,2,0"},
		"":                                    {"2,1,0,2,0"},
		"(0,2),(0,2),(0),(0),(0)":             {}, // nothing is announced
		"(0-2),(0-3),(0,2),(0-2),(0,1)!2":     {"2,1,0,2,0", "1,1,0,2,0"},
		"(0-2),(0-3),(0,2),(0,1),(0,1)!2!1":   {"2,1,0,1,0", "1,1,0,1,0", "2,1,0,0,0", "1,1,0,0,0", "2,1,0,1,1", "1,1,0,1,1", "2,1,0,0,1", "1,1,0,0,1"},
		"(99999999999999999999),(1),(),(),()": {"2,1,0,2,0"},
	} {
		t.Run(offered, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("SM")
				list, refused, _ := strings.Cut(offered, "!")
				f.special["AT+CNMI=?"] = "+CNMI: " + list + "|OK"
				for mode := range strings.SplitSeq(refused, "!") {
					if mode != "" {
						f.special["AT+CNMI="+mode] = "+CMS ERROR: 303"
					}
				}
				b := newInbox()
				m := gsm.NewModem(b.config())
				on(t, f, m)
				settle(time.Second)
				got := []string{}
				for _, cmd := range f.commands("AT+CNMI=")[1:] {
					got = append(got, strings.TrimPrefix(cmd, "AT+CNMI="))
				}
				require.Equal(t, want, got)
				// Polling finds it in any case.
				f.put("SM", 1, pdus(t, encode.Message{Text: "there"})...)
				settle(time.Minute)
				require.Equal(t, 1, b.count())
			})
		})
	}
}

// The settings that are gone bring a new initialisation, such as <mt> that a
// modem sets to 0 after an acknowledgement that it has missed.
func TestSettingsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		f.special["AT+CNMI?"] = "+CNMI: 2,1,0,2,0|OK"
		m := gsm.NewModem(newInbox().config())
		on(t, f, m)
		settle(5 * time.Minute)
		require.Len(t, f.commands("AT+CNMI=2"), 1)
		f.mu.Lock()
		f.special["AT+CNMI?"] = "+CNMI: 2,0,0,0,0|OK"
		f.hook = func(cmd string) {
			if strings.HasPrefix(cmd, "AT+CNMI=2") {
				f.special["AT+CNMI?"] = "+CNMI: 2,1,0,2,0|OK"
			}
		}
		f.mu.Unlock()
		settle(5 * time.Minute)
		require.Len(t, f.commands("AT+CNMI=2"), 2)
		require.EqualValues(t, 1, m.Status().Resets)
	})
}

// A modem that says that it has started is initialised again, whatever it answers.
func TestBooted(t *testing.T) {
	for _, urc := range []string{"RDY", "^SYSSTART"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("SM")
			m := gsm.NewModem(newInbox().config())
			on(t, f, m)
			settle(time.Second)
			require.Len(t, f.commands("ATE0"), 1)
			f.say(urc)
			settle(time.Second)
			require.Len(t, f.commands("ATE0"), 2)
			require.EqualValues(t, 1, m.Status().Resets)
			require.Equal(t, gsm.Ready, m.Status().State)
		})
	}
}

// The last try is not made, whichever command tells how many are left.
func TestPINTries(t *testing.T) {
	for cmd, answer := range map[string]string{
		`AT+CPINR="SIM PIN"`: "+CPINR: SIM PIN,%d,3",
		"AT^CPIN?":           "^CPIN: SIM PIN,,10,%d,10,3",
		"AT+UPINCNT?":        "+UPINCNT: %d,3,10,10",
		`AT+QPINC="SC"`:      `+QPINC: "SC",%d,10`,
		"AT+SPIC":            "+SPIC: %d,10,0,10",
		"AT#PCT":             "#PCT: %d",
	} {
		for left, sent := range map[int]int{1: 0, 0: 0, 2: 1, 3: 1} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("SM")
				f.special["AT+CPIN?"] = "+CPIN: SIM PIN|OK"
				f.special["AT+CPIN="] = "+CME ERROR: 16"
				f.special[cmd] = fmt.Sprintf(answer, left) + "|OK"
				cfg := newInbox().config()
				cfg.PIN = "1234"
				m := gsm.NewModem(cfg)
				err := on(t, f, m)()
				require.ErrorIs(t, err, gsm.ErrPIN)
				require.NotContains(t, err.Error(), "1234")
				if sent == 0 {
					require.ErrorIs(t, err, gsm.ErrPINLastTry)
				} else {
					require.ErrorIs(t, err, gsm.ErrPINRefused)
				}
				for range 3 { // reconnects
					require.ErrorIs(t, on(t, f, m)(), gsm.ErrPIN)
				}
				require.Len(t, f.commands("AT+CPIN="), sent, cmd)
			})
		}
	}
}

// A PIN that was sent twice without an answer is not sent a third time.
func TestPINUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		f.special["AT+CPIN?"] = "+CPIN: SIM PIN|OK"
		f.special["AT+CPIN="] = ""
		cfg := newInbox().config()
		cfg.PIN = "1234"
		m := gsm.NewModem(cfg)
		for range 5 {
			require.Error(t, on(t, f, m)())
		}
		require.Len(t, f.commands("AT+CPIN="), 2)
		require.Equal(t, gsm.NeedsPIN, m.Status().State)
	})
}

// What keeps a modem from being used.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		special map[string]string
		pin     string
		want    error
		state   string
	}{
		"no SMS":         {map[string]string{"AT+CMGF": "ERROR"}, "", gsm.ErrNoSMS, "no_sms"},
		"text mode only": {map[string]string{"AT+CMGF=0": "ERROR", "AT+CMGF?": "+CMGF: 1|OK"}, "", gsm.ErrTextModeOnly, "text_mode_only"},
		"no SIM":         {map[string]string{"AT+CPIN?": "+CME ERROR: 10"}, "", gsm.ErrNoSIM, "no_sim"},
		"no SIM, by CMS": {map[string]string{"AT+CPMS": "+CMS ERROR: 310"}, "", gsm.ErrNoSIM, "no_sim"},
		"busy":           {map[string]string{"AT+CPIN?": "+CME ERROR: 14"}, "", gsm.ErrSIMBusy, "sim_busy"},
		"busy, by CMS":   {map[string]string{"AT+CNMI": "+CMS ERROR: 314"}, "", gsm.ErrSIMBusy, "sim_busy"},
		"PUK":            {map[string]string{"AT+CPIN?": "+CPIN: SIM PUK|OK"}, "1234", gsm.ErrPUK, "puk"},
		"PUK, by CME":    {map[string]string{"AT+CPIN?": "+CME ERROR: 12"}, "1234", gsm.ErrPUK, "puk"},
		"bad PIN":        {map[string]string{"AT+CPIN?": "+CPIN: SIM PIN|OK"}, `12"4`, gsm.ErrPIN, "pin"},
		"PIN, then PUK":  {map[string]string{"AT+CPIN?": "+CPIN: SIM PIN|OK", "AT+CPIN=": "+CME ERROR: 12"}, "1234", gsm.ErrPUK, "puk"},
		"not inserted":   {map[string]string{"AT+CPIN?": "+CPIN: NOT INSERTED|OK"}, "", gsm.ErrNoSIM, "no_sim"},
		"not ready":      {map[string]string{"AT+CPIN?": "+CPIN: NOT READY|OK"}, "", gsm.ErrSIMBusy, "sim_busy"},
		"busy listing":   {map[string]string{"AT+CMGL": "+CMS ERROR: 314"}, "", gsm.ErrSIMBusy, "sim_busy"},
		"no storage":     {map[string]string{`AT+CPMS="`: "+CMS ERROR: 302"}, "", gsm.ErrStorage, "no_storage"},
		"silent":         {map[string]string{"AT": ""}, "", gsm.ErrNoAnswer, "no_answer"},
		"silent to CMGL": {map[string]string{"AT+CMGL": ""}, "", gsm.ErrNoAnswer, "no_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("SM")
				f.special = c.special
				cfg := newInbox().config()
				cfg.PIN = c.pin
				m := gsm.NewModem(cfg)
				start := time.Now()
				err := on(t, f, m)()
				require.ErrorIs(t, err, c.want)
				require.Less(t, time.Since(start), 3*time.Minute)
				require.Equal(t, c.state, m.Status().State.String())
				require.Equal(t, err, m.Status().Err)
				if c.pin != "" {
					require.NotContains(t, err.Error(), c.pin)
				}
			})
		})
	}
}

// Locks that do not keep messages from being read do not matter, and neither do
// commands that are not there.
func TestPoorModem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		for _, cmd := range []string{"ATE0", "AT+CMEE", "AT+CSMS", "AT+CNMI", "AT+CIND", "AT+CMGF?"} {
			f.special[cmd] = "COMMAND NOT SUPPORT"
		}
		f.special["AT+CPIN?"] = "+CPIN: PH-NET PIN|OK"
		f.put("SM", 1, pdus(t, encode.Message{Text: "there"})...)
		b := newInbox()
		cfg := b.config()
		log := &logger{}
		cfg.Log, cfg.InitCommands = log, []string{`AT+QURCCFG="urcport","usbat"`, "not a command"}
		m := gsm.NewModem(cfg)
		on(t, f, m)
		settle(time.Second)
		require.Equal(t, 1, b.count())
		require.Contains(t, log.all(), "I! The modem does not tell of new messages: they are looked for every 1m0s")
		require.Equal(t, 2, strings.Count(log.all(), "W! An init command was refused"))
		require.NotContains(t, log.all(), "usbat")
	})
}

// A +CMT is handled although it was not asked for, with one acknowledgement at
// most, and what the network delivers again is not handled again.
func TestDirectUnasked(t *testing.T) {
	for _, service := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("SM")
			f.special["AT+CSMS?"] = fmt.Sprintf("+CSMS: %d,1,1,1|OK", service)
			f.special["AT+CNMA"] = "+CMS ERROR: 340"
			b := newInbox()
			m := gsm.NewModem(b.config())
			on(t, f, m)
			settle(time.Second)
			pdu := pdus(t, encode.Message{Text: "direct"})[0]
			for range 2 {
				f.say(fmt.Sprintf("+CMT: ,%d|%s", length(pdu), pdu))
			}
			settle(time.Second)
			require.Equal(t, []string{"direct"}, b.texts())
			require.Len(t, f.commands("AT+CNMA"), 2*service)
			require.EqualValues(t, 1, m.Status().Duplicates)
			f.say("+CMT: ,24", "RING") // without its PDU
			settle(time.Second)
			require.Equal(t, gsm.Ready, m.Status().State)
		})
	}
}

func TestStatusReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		b := newInbox()
		on(t, f, gsm.NewModem(b.config()))
		settle(time.Second)
		when := time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
		direct, err := encode.StatusReport("+15550199", "+15550100", 7, when, when, 0)
		require.NoError(t, err)
		stored, err := encode.StatusReport("+15550199", "+15550100", 8, when, when, 0)
		require.NoError(t, err)
		f.say(fmt.Sprintf("+CDS: ,%d|%s", length(direct), direct))
		f.put("SM", 1, stored)
		f.say(`+CDSI: "SM",0`)
		settle(time.Second)
		require.Equal(t, 2, b.count())
		require.Equal(t, gsm.StatusReport, b.got[0].Message.Kind)
		require.EqualValues(t, 7, b.got[0].Message.Reference)
		require.EqualValues(t, 8, b.got[1].Message.Reference)
		require.Zero(t, f.used())
	})
}

// What Handle refuses of what is in no storage is kept until it takes it.
func TestDirectRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		b := newInbox()
		b.refuses(errors.New("no space left"))
		m := gsm.NewModem(b.config())
		on(t, f, m)
		settle(time.Second)
		pdu := pdus(t, encode.Message{Text: "direct"})[0]
		f.say(fmt.Sprintf("+CMT: ,%d|%s", length(pdu), pdu), fmt.Sprintf("+CMT: ,%d|%s", length(pdu), pdu))
		settle(time.Second)
		require.Equal(t, 1, m.Status().Offered)
		b.refuses(nil)
		settle(2 * time.Minute)
		require.Equal(t, []string{"direct"}, b.texts())
		require.Zero(t, m.Status().Offered)
	})
}

// A modem that refuses to delete is not asked to again and again by one sweep,
// nor is its message handled again.
func TestDeleteRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		f.special["AT+CMGD"] = "+CMS ERROR: 500"
		f.put("SM", 1, pdus(t, encode.Message{Text: "stays"})...)
		b := newInbox()
		cfg := b.config()
		log := &logger{}
		cfg.Log, cfg.Known = log, nil
		m := gsm.NewModem(cfg)
		on(t, f, m)
		settle(10*time.Minute + time.Second)
		require.Equal(t, []string{"stays"}, b.texts())
		require.EqualValues(t, 11, m.Status().DeleteFailed)
		require.Equal(t, 1, strings.Count(log.all(), "cannot be deleted"))
	})
}

// An answer that is too long is not asked for again.
func TestTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		f.special["AT+CMGL"] = strings.Repeat("+CMGL: 1,1,,24|"+strings.Repeat("0", 4000)+"|", 300) + ok
		f.put("SM", 1, pdus(t, encode.Message{Text: "there"})...)
		b := newInbox()
		on(t, f, gsm.NewModem(b.config()))
		settle(time.Minute)
		require.Equal(t, []string{"there"}, b.texts())
		require.Zero(t, f.used())
		require.Len(t, f.commands("AT+CMGL"), 1)
	})
}

// What a modem tells of its network.
func TestNetwork(t *testing.T) {
	unknown := gsm.Network{Circuit: -1, Packet: -1, EPS: -1, Technology: -1}
	for name, c := range map[string]struct {
		special map[string]string
		want    func(n *gsm.Network)
		reg     string
	}{
		"nothing": {nil, func(*gsm.Network) {}, ""},
		"GSM": {
			map[string]string{"AT+CSQ": "+CSQ: 31,0|OK", "AT+CREG?": "+CREG: 0,1|OK", "AT+COPS?": `+COPS: 0,2,"00101"|OK`},
			func(n *gsm.Network) {
				n.Signal, n.Circuit, n.Operator = gsm.Signal{Known: true, Raw: 31, DBm: -51}, 1, "00101"
			}, "home",
		},
		"LTE": {
			map[string]string{
				"AT+CSQ": "+CSQ: 0,99|OK", "AT+CESQ": "+CESQ: 99,99,255,255,20,80|OK",
				"AT+CREG?": "+CREG: 2,0|OK", "AT+CEREG?": `+CEREG: 2,5,"00C3","01A2B3C4",7|OK`, "AT+COPS?": `+COPS: 0,0,"A, B",7|OK`,
			},
			func(n *gsm.Network) {
				n.Signal = gsm.Signal{Known: true, Raw: 0, DBm: -113, BER: 99}
				n.LTE = gsm.LTESignal{Known: true, RawRSRP: 80, RSRP: -61, RawRSRQ: 20, RSRQ: -10}
				n.Circuit, n.EPS, n.Operator, n.Technology = 0, 5, "A, B", 7
			}, "roaming",
		},
		"no network": {
			map[string]string{"AT+CSQ": "+CSQ: 99,99|OK", "AT+CESQ": "+CESQ: 99,99,255,255,255,255|OK", "AT+CREG?": "+CREG: 0,3|OK", "AT+CGREG?": "+CGREG: 0,0|OK", "AT+COPS?": "+COPS: 0|OK"},
			func(n *gsm.Network) { n.Circuit, n.Packet = 3, 0 }, "denied",
		},
		"3G signal": {map[string]string{"AT+CSQ": "+CSQ: 150,99|OK"}, func(n *gsm.Network) { n.Signal = gsm.Signal{Known: true, Raw: 150, DBm: -66, BER: 99} }, ""},
		"refused":   {map[string]string{"AT+CSQ": "+CME ERROR: 30", "AT+COPS?": "ERROR", "AT+CESQ": "+CESQ: 1|OK"}, func(*gsm.Network) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("SM")
				f.special = c.special
				m := gsm.NewModem(newInbox().config())
				on(t, f, m)
				settle(time.Second)
				got, err := m.Network(t.Context())
				require.NoError(t, err)
				want := unknown
				c.want(&want)
				require.Equal(t, want, got)
				require.Equal(t, c.reg, got.Registration().String())
				require.Equal(t, c.reg == "home" || c.reg == "roaming", got.Registered())
			})
		})
	}
}

func TestIdentify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("SM")
		f.special = map[string]string{"AT+CGMI": "Maker|OK", "AT+CGMM": `+CGMM: "Model"|OK`, "AT+CGSN": "350000000000006|OK"}
		m := gsm.NewModem(newInbox().config())
		_, err := m.Identify(t.Context())
		require.ErrorIs(t, err, gsm.ErrNotReady)
		on(t, f, m)
		settle(time.Second)
		require.Empty(t, f.commands("AT+CGSN"), "only when it is asked for")
		id, err := m.Identify(t.Context())
		require.NoError(t, err)
		require.Equal(t, gsm.Identity{Manufacturer: "Maker", Model: "Model", SerialNumber: "350000000000006"}, id)
	})
}

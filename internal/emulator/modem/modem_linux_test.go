package modem

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/at"
)

func TestCommands(t *testing.T) {
	m := start(t, Config{})
	c := connect(t, m)
	c.do("AT", "ATE0", "AT+CMEE=1", "ATE0V1&D2&C1S0=0", "AT+CMGF=0;+CSCS=\"GSM\"")
	for cmd, want := range map[string]string{
		"ATI":                          "Emulator|AT modem|Revision: 1.0",
		"AT+CGMI":                      "Emulator",
		"AT+CGMM":                      "AT modem",
		"AT+CGMR":                      "1.0",
		"AT+CGSN":                      "866758045439136",
		"at+cimi":                      "234500000000001",
		"AT+CCID":                      "+CCID: 8944500000000000017",
		"AT+GCAP":                      "+GCAP: +CGSM",
		"AT+CMEE?":                     "+CMEE: 1",
		"AT+CMEE=?":                    "+CMEE: (0-2)",
		"AT+CPIN?":                     "+CPIN: READY",
		"AT+CLCK=\"SC\",2":             "+CLCK: 0",
		"AT+CFUN?":                     "+CFUN: 1",
		"AT+CSCS?":                     `+CSCS: "GSM"`,
		"AT+CSMS?":                     "+CSMS: 0,1,1,1",
		"AT+CSMS=?":                    "+CSMS: (0,1)",
		"AT+CMGF?":                     "+CMGF: 0",
		"AT+CMGF=?":                    "+CMGF: (0,1)",
		"AT+CPMS=?":                    `+CPMS: ("SM","ME","MT"),("SM","ME","MT"),("SM","ME","MT")`,
		"AT+CPMS?":                     `+CPMS: "SM",0,30,"SM",0,30,"SM",0,30`,
		"AT+CNMI=?":                    "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)",
		"AT+CNMI?":                     "+CNMI: 0,0,0,0,0",
		"AT+CMGL=?":                    "+CMGL: (0-4)",
		"AT+CMGL":                      "",
		"AT+CMGL=4":                    "",
		"AT+CMGR=1":                    "",
		"AT+CMGD=?":                    "+CMGD: (),(0-4)",
		"AT+CMGD=1":                    "",
		"AT+CSCA?":                     `+CSCA: "+447797704000",145`,
		"AT+CREG?":                     "+CREG: 0,5",
		"AT+CREG=?":                    "+CREG: (0-2)",
		"AT+CSQ":                       "+CSQ: 20,99",
		"AT+CESQ":                      "+CESQ: 40,99,255,255,20,40",
		"AT+COPS?":                     `+COPS: 0,0,"Emulator",7`,
		"AT+COPS=3,2;+COPS?;+COPS=3,0": `+COPS: 0,2,"00101",7`,
		"AT+CIND?":                     "+CIND: 5,3,1,0,0,0,1,0",
		"AT+CPAS":                      "+CPAS: 0",
	} {
		require.Equal(t, want, c.ask(cmd), cmd)
	}
	for cmd, want := range map[string]string{
		"AT+NONE":        "the modem answered ERROR",
		"AT+CMEE=7":      "CME error 50",
		"AT+CPMS=\"XX\"": "CMS error 302: operation not allowed",
		"AT+CMGR=0":      "CMS error 321: invalid memory index",
		"AT+CMGR=31":     "CMS error 321: invalid memory index",
		"AT+CMGR=x":      "CMS error 321: invalid memory index",
		"AT+CNMI=9":      "CMS error 303: operation not supported",
		"AT+CSMS=7":      "CMS error 303: operation not supported",
		"AT+CNMA":        "CMS error 302: operation not allowed",
		"AT+CMGS=1":      "CMS error 304: invalid PDU mode parameter",
		"AT+CPIN=\"1\"":  "CME error 3: operation not allowed",
		"ATD*99#":        "no carrier",
		"AT+CMEE=7;+CSQ": "CME error 50",
	} {
		require.Contains(t, c.refused(cmd), want, cmd)
	}
	c.do("AT+CMEE=2")
	require.Contains(t, c.refused("AT+CMEE=7"), "incorrect parameters")
	c.do("AT+CMEE=0")
	require.Contains(t, c.refused("AT+CMEE=7"), "answered ERROR")
	c.silent()
}

func TestReceive(t *testing.T) {
	m := start(t, Config{})
	c := connect(t, m)
	c.do("ATE0", "AT+CNMI=2,1,0,2,0")
	n, err := m.Receive(Message{From: "+15550100", Text: strings.Repeat("long text ", 20), ServiceCenter: "+15550199"})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, `+CMTI: "SM",1`, c.urc())
	require.Equal(t, `+CMTI: "SM",2`, c.urc())
	require.Equal(t, `+CPMS: "SM",2,30,"SM",2,30,"SM",2,30`, c.ask("AT+CPMS?"))
	require.Empty(t, c.ask("AT+CMGL=1"), "none is read")
	lines := strings.Split(c.ask("AT+CMGL"), "|")
	require.Len(t, lines, 4)
	require.Equal(t, "+CMGL: 1,0,,157", lines[0])
	require.Empty(t, c.ask("AT+CMGL=0"), "now they are")
	require.Equal(t, "+CMGR: 1,,157|"+lines[1], c.ask("AT+CMGR=1"))
	require.Equal(t, "+CMGD: (1,2),(0-4)", c.ask("AT+CMGD=?"))
	c.do("AT+CMGD=1")
	receive(t, m, "short")
	require.Equal(t, `+CMTI: "SM",1`, c.urc(), "the place is used again")
	c.do("AT+CMGD=0,4")
	require.Equal(t, `+CPMS: "SM",0,30,"SM",0,30,"SM",0,30`, c.ask("AT+CPMS?"))
	s := m.Status()
	require.Equal(t, []int{3, 3, 0}, []int{s.Received, s.Deleted, s.Network})

	// A malformed PDU is stored as any other.
	require.NoError(t, m.ReceivePDU([]byte{0x07, 0x91, 0x00}))
	require.Equal(t, `+CMTI: "SM",1`, c.urc())
	require.Equal(t, "+CMGR: 0,,3|079100", c.ask("AT+CMGR=1"))
}

// MT is both stores as one, and classes choose theirs.
func TestStores(t *testing.T) {
	m := start(t, Config{Stores: map[string]int{"SM": 2, "ME": 2}})
	c := connect(t, m)
	c.do("AT+CNMI=2,1", `AT+CPMS="MT","MT","MT"`)
	for _, want := range []string{`"MT",1`, `"MT",2`, `"MT",3`, `"MT",4`} {
		receive(t, m, "text")
		require.Equal(t, "+CMTI: "+want, c.urc())
	}
	require.Equal(t, `+CPMS: "MT",4,4,"MT",4,4,"MT",4,4`, c.ask("AT+CPMS?"))
	c.do(`AT+CPMS="SM","SM","SM"`, "AT+CMGD=1,4", `AT+CPMS="ME"`, "AT+CMGD=1,4")
	for class, want := range map[Class]string{ToME: `"ME",1`, ToSIM: `"SM",1`} {
		_, err := m.Receive(Message{From: "1", Text: "a", Class: class})
		require.NoError(t, err)
		require.Equal(t, "+CMTI: "+want, c.urc())
	}
	_, err := Start(t.Context(), Config{Stores: map[string]int{"XX": 2}})
	require.ErrorContains(t, err, `no store "XX"`)
	_, err = Start(t.Context(), Config{Stores: map[string]int{"SM": -1}})
	require.ErrorContains(t, err, "cannot have -1 places")
	_, err = Start(t.Context(), Config{Profile: "nokia"})
	require.ErrorContains(t, err, `unknown modem profile "nokia", want one of generic, quectel`)
}

// Nothing is lost when there is no room: it waits in the network.
func TestFull(t *testing.T) {
	m := start(t, Config{Stores: map[string]int{"SM": 3}})
	c := connect(t, m)
	c.do("AT+CNMI=2,1", "AT+CMER=3,0,0,1")
	n, err := m.Fill("SM", 1)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for i := range 3 {
		receive(t, m, strconv.Itoa(i))
	}
	require.Equal(t, "+CIEV: 8,1", c.urc())
	require.Equal(t, `+CMTI: "SM",3`, c.urc())
	require.Equal(t, "+CIND: 5,3,1,0,1,0,1,1", c.ask("AT+CIND?"))
	require.Equal(t, 2, m.Status().Network)
	c.silent()
	c.do("AT+CMGD=2")
	require.Equal(t, "+CIEV: 8,1", c.urc())
	require.Equal(t, `+CMTI: "SM",2`, c.urc())
	c.do("AT+CMGD=1,4")
	require.Equal(t, `+CMTI: "SM",1`, c.urc())
	require.Zero(t, m.Status().Network)
	_, err = m.Fill("XX", 0)
	require.ErrorContains(t, err, `no store "XX"`)
	_, err = m.Fill("", 0)
	require.NoError(t, err)
	require.NoError(t, m.Clear())
	require.Zero(t, m.Status().Stores[0].Used)
}

// +CMT and its acknowledgement (3GPP TS 27.005, 3.4.4).
func TestDirect(t *testing.T) {
	m := start(t, Config{AckTimeout: 200 * time.Millisecond})
	c := connect(t, m)
	c.do("AT+CNMI=2,2,0,1,0")
	receive(t, m, "one")
	receive(t, m, "two")
	one, two := c.urc(), c.urc()
	require.Regexp(t, `^\+CMT: ,20\|00040891`, one)
	require.NotEqual(t, one, two, "without AT+CSMS=1 there is no acknowledgement")
	_, err := m.Receive(Message{From: "1", Text: "for the SIM", Class: ToSIM})
	require.NoError(t, err)
	require.Equal(t, `+CMTI: "SM",1`, c.urc(), "class 2 is stored all the same")

	c.do("AT+CSMS=1")
	require.Contains(t, c.refused("AT+CNMA"), "CMS error 340")
	receive(t, m, "three")
	receive(t, m, "four")
	three := c.urc()
	c.silent()
	c.do("AT+CNMA")
	four := c.urc()
	require.NotEqual(t, three, four)
	require.Equal(t, [5]int{2, 2, 0, 1, 0}, m.Status().CNMI)
	time.Sleep(300 * time.Millisecond)
	require.Equal(t, [5]int{2, 0, 0, 0, 0}, m.Status().CNMI, "not acknowledged in time")
	require.Equal(t, "+CMGR: 0,,21|"+strings.SplitN(four, "|", 2)[1], c.ask("AT+CMGR=2"), "the network delivers it again")
	c.silent()

	c.do("AT+CNMI=2,2,0,1,0")
	receive(t, m, "five")
	five := c.urc()
	c.do("AT+CNMA=2")
	require.Equal(t, five, c.urc(), "refused: it comes again")
	c.do("AT+CNMA=1")
	require.NoError(t, m.ReceivePDU([]byte{0, 0x06, 1, 2, 0x81, 0xF1}))
	require.Equal(t, "+CDS: 5|0006010281F1", c.urc())
	c.do("AT+CNMA")
}

// In mode 0, indications wait.
func TestIndicationsWait(t *testing.T) {
	m := start(t, Config{})
	c := connect(t, m)
	c.do("AT+CNMI=0,1,0,0,0")
	receive(t, m, "one")
	c.silent()
	c.do("AT+CNMI=2,1,0,0,0")
	require.Equal(t, `+CMTI: "SM",1`, c.urc())
	c.do("AT+CNMI=0,1,0,0,0")
	receive(t, m, "two")
	c.do("AT+CNMI=2,1,0,0,1")
	c.silent()
	c.do("AT+CNMI=2,0,0,0,1")
	receive(t, m, "three")
	c.silent()
}

func TestSend(t *testing.T) {
	m := start(t, Config{ReportAfter: 20 * time.Millisecond})
	c := connect(t, m)
	c.do("AT+CNMI=2,1,0,2,0")
	const pdu = "0031000B915121551000F10000AA0361F118"
	lines, err := c.Prompt(t.Context(), "AT+CMGS=17", pdu)
	require.NoError(t, err)
	require.Equal(t, []string{"+CMGS: 1"}, lines)
	require.Equal(t, pdu, fmt.Sprintf("%X", m.Sent()[0].PDU))
	require.Equal(t, `+CDSI: "SM",1`, c.urc(), "its status report")
	_, err = c.Prompt(t.Context(), "AT+CMGS=18", pdu)
	require.ErrorContains(t, err, "CMS error 304")
	require.NoError(t, m.SetRegistration(3))
	_, err = c.Prompt(t.Context(), "AT+CMGS=17", pdu)
	require.ErrorContains(t, err, "CMS error 331")
	require.Len(t, m.Sent(), 1)

	// ESC gives it up.
	port := openPort(t, m.Port())
	defer func() { require.NoError(t, port.Close()) }()
	require.NoError(t, c.Close())
	_, err = port.WriteString("ATE0\rAT+CMGS=17\r0031\x1BAT+CSQ\r")
	require.NoError(t, err)
	require.Equal(t, []string{"OK", ">", "OK", "+CSQ: 20,99", "OK"}, readLines(t, port, 5))
}

// readLines reads n lines that are not empty, without echo.
func readLines(t *testing.T, port *os.File, n int) (lines []string) {
	t.Helper()
	require.NoError(t, port.SetReadDeadline(time.Now().Add(5*time.Second)))
	var text string
	buf := make([]byte, 1024)
	for {
		lines = slices.DeleteFunc(strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }), func(s string) bool { return strings.HasPrefix(s, "AT") })
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		if len(lines) >= n && strings.HasSuffix(text, "\n") {
			return lines
		}
		k, err := port.Read(buf)
		require.NoError(t, err)
		text += string(buf[:k])
	}
}

func TestTextMode(t *testing.T) {
	m := start(t, Config{})
	c := connect(t, m)
	c.do("AT+CMGF=1", "AT+CNMI=2,1")
	at2 := time.Date(2026, 8, 1, 12, 3, 7, 0, time.FixedZone("", 5400))
	_, err := m.Receive(Message{From: "+15550100", Text: "hello", Time: at2})
	require.NoError(t, err)
	c.urc()
	require.Equal(t, `+CMGL: 1,"REC UNREAD","+15550100",,"26/08/01,12:03:07+06"|hello`, c.ask(`AT+CMGL="ALL"`))
	require.Equal(t, `+CMGL: ("REC UNREAD","REC READ","STO UNSENT","STO SENT","ALL")`, c.ask("AT+CMGL=?"))
	c.do("AT+CSDH=1")
	require.Equal(t, `+CMGR: "REC READ","+15550100",,"26/08/01,12:03:07+06",145,5|hello`, c.ask("AT+CMGR=1"))
	c.do(`AT+CSCS="UCS2"`)
	require.Equal(t, `+CMGR: "REC READ","002B00310035003500350030003100300030",,"26/08/01,12:03:07+06",145,5|00680065006C006C006F`, c.ask("AT+CMGR=1"))
	require.Contains(t, c.refused("AT+CMGL=4"), "CMS error 303")
	lines, err := c.Prompt(t.Context(), `AT+CMGS="+15550101"`, "a text")
	require.NoError(t, err)
	require.Equal(t, []string{"+CMGS: 1"}, lines)
	sent := m.Sent()
	require.Len(t, sent, 1)
	require.WithinDuration(t, time.Now(), sent[0].Time, time.Minute)
	sent[0].Time = time.Time{}
	require.Equal(t, Sent{To: "+15550101", Text: "a text", Encoding: "gsm7", Part: 1, Parts: 1, Reference: 1}, sent[0])

	only := connect(t, start(t, Config{TextOnly: true}))
	require.Contains(t, only.refused("AT+CMGF=0"), "answered ERROR")
	require.Equal(t, "+CMGF: 1", only.ask("AT+CMGF?"))
	require.Equal(t, "+CMGF: (1)", only.ask("AT+CMGF=?"))
}

func TestPIN(t *testing.T) {
	m := start(t, Config{PIN: "1234", PUK: "87654321", Profile: "quectel"})
	c := connect(t, m)
	c.do("AT+CMEE=1")
	require.Equal(t, "+CPIN: SIM PIN", c.ask("AT+CPIN?"))
	require.Contains(t, c.refused("AT+CMGL=4"), "CMS error 311")
	require.Contains(t, c.refused("AT+CIMI"), "CME error 11")
	receive(t, m, "waits")
	require.Equal(t, 1, m.Status().Network)
	for c.urc() != "+CFUN: 1" { // the end of the start
	}
	for range 2 {
		require.Contains(t, c.refused(`AT+CPIN="0000"`), "CME error 16")
	}
	c.do(`AT+CPIN="1234"`)
	require.Equal(t, "+CPIN: READY", c.urc())
	require.Contains(t, c.ask("AT+CPIN?"), "+CPIN: READY") // the URC of that name may be in it
	require.Equal(t, "+CLCK: 1", c.ask(`AT+CLCK="SC",2`))
	require.Equal(t, "+CMGL: 0,0,,22", strings.SplitN(c.ask("AT+CMGL=4"), "|", 2)[0])
	require.NoError(t, m.Reset())
	c.do("AT+CMEE=1")
	for range 3 {
		require.Contains(t, c.refused(`AT+CPIN="0000"`), "CME error 16")
	}
	require.Equal(t, "+CPIN: SIM PUK", c.ask("AT+CPIN?"))
	require.Contains(t, c.refused("AT+CPMS?"), "CMS error 316")
	require.Contains(t, c.refused(`AT+CPIN="1234"`), "CME error 16")
	c.do(`AT+CPIN="87654321","4321"`)
	require.Contains(t, c.ask("AT+CPIN?"), "+CPIN: READY") // the URC of that name may be in it
	require.Contains(t, c.refused(`AT+CLCK="SC",0,"1234"`), "CME error 16")
	c.do(`AT+CLCK="SC",0,"4321"`)
	require.NoError(t, m.Reset())
	require.Contains(t, c.ask("AT+CPIN?"), "+CPIN: READY") // the URC of that name may be in it
}

func TestSIMBusy(t *testing.T) {
	m := start(t, Config{SIMBusy: 300 * time.Millisecond, Profile: "simcom"})
	c := connect(t, m)
	c.do("AT+CMEE=1")
	require.Contains(t, c.refused("AT+CPIN?"), "CME error 14")
	require.Contains(t, c.refused("AT+CPMS?"), "CMS error 314")
	require.Contains(t, c.refused("AT+CNMI=1,1"), "CMS error 314")
	receive(t, m, "waits")
	for c.urc() != "PB DONE" {
	}
	require.Equal(t, "+CPIN: READY", c.ask("AT+CPIN?"))
	require.Equal(t, `+CPMS: "ME",1,100,"ME",1,100,"ME",1,100`, c.ask("AT+CPMS?"))
}

func TestRegistration(t *testing.T) {
	m := start(t, Config{})
	c := connect(t, m)
	c.do("AT+CREG=1", "AT+CEREG=2")
	require.NoError(t, m.SetRegistration(2))
	require.Equal(t, "+CREG: 2", c.urc())
	require.Equal(t, "+CEREG: 2", c.urc())
	require.Equal(t, "+COPS: 0", c.ask("AT+COPS?"))
	receive(t, m, "waits")
	require.Equal(t, 1, m.Status().Network)
	require.NoError(t, m.SetRegistration(1))
	require.Equal(t, "+CREG: 1", c.urc())
	require.Equal(t, `+CEREG: 1,"00C3","01A2B3C4",7`, c.urc())
	require.Equal(t, `+CEREG: 2,1,"00C3","01A2B3C4",7`, c.ask("AT+CEREG?"))
	require.Zero(t, m.Status().Network)
	c.do("AT+CFUN=4")
	require.Equal(t, "+CREG: 0", c.urc())
	require.Equal(t, "+CEREG: 0", c.urc())
	require.Equal(t, "+CFUN: 4", c.ask("AT+CFUN?"))
	c.do("AT+CFUN=1")
	require.Equal(t, "+CREG: 1", c.urc())
	require.Error(t, m.SetRegistration(12))
	require.NoError(t, m.SetSignal(99))
	require.Equal(t, "+CSQ: 99,99", c.ask("AT+CSQ"))
	require.Error(t, m.SetSignal(32))
	_, err := c.Command(t.Context(), "AT+CFUN=1,1")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return c.ask("AT+CREG?") == "+CREG: 0,1" }, 5*time.Second, 10*time.Millisecond, "what was set is lost")
}

// Unplugging hangs up and takes the link away; what comes meanwhile waits, and
// what is stored stays.
func TestUnplug(t *testing.T) {
	path := link(t)
	m := start(t, Config{Link: path})
	c := connect(t, m)
	c.do("ATE0", "AT+CNMI=2,1")
	receive(t, m, "stored")
	to, err := os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, m.Port(), to)

	require.NoError(t, m.Unplug())
	<-c.Done()
	require.ErrorIs(t, c.Err(), at.ErrClosed)
	_, err = os.Lstat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, m.Port())
	require.Error(t, m.Unplug())
	require.Error(t, m.Reset())
	receive(t, m, "waits")
	require.NoError(t, c.Close())

	require.NoError(t, m.Replug())
	require.Error(t, m.Replug())
	to, err = os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, m.Port(), to)
	c = connect(t, m)
	require.Equal(t, "+CNMI: 0,0,0,0,0", c.ask("AT+CNMI?"), "lost with the power")
	require.Len(t, strings.Split(c.ask("AT+CMGL=4"), "|"), 4)
	require.NoError(t, m.Close())
	_, err = os.Lstat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, m.Freeze(), ErrClosed)
	require.Equal(t, Status{}, m.Status())
}

func TestLink(t *testing.T) {
	path := link(t)
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := Start(t.Context(), Config{Link: path})
	require.ErrorContains(t, err, "there is something else")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink("/dev/null", path))
	_, err = Start(t.Context(), Config{Link: path})
	require.ErrorContains(t, err, "there is something else")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink("/dev/pts/99999", path))
	m := start(t, Config{Link: path})
	to, err := os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, m.Port(), to, "what a modem has left behind is replaced")
	_, err = Start(t.Context(), Config{Link: filepath.Join(t.TempDir(), "no", "such")})
	require.ErrorContains(t, err, "cannot make the link")
}

// What a frozen modem was asked, it answers late; the driver does not take that
// for something else.
func TestFreeze(t *testing.T) {
	m := start(t, Config{})
	c := connect(t, m)
	c.do("ATE0", "AT+CNMI=2,1")
	require.NoError(t, m.Freeze())
	require.True(t, m.Status().Frozen)
	_, err := c.Command(t.Context(), "AT+CPMS?", at.Timeout(100*time.Millisecond))
	require.ErrorIs(t, err, at.ErrTimeout)
	receive(t, m, "waits")
	require.NoError(t, m.Noise([]byte("held\r\n")))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = c.Command(ctx, "AT+CSQ")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, m.Unfreeze())
	require.NoError(t, m.Unfreeze())
	require.Equal(t, "+CSQ: 20,99", c.ask("AT+CSQ"))
	require.Equal(t, `+CMTI: "SM",1`, c.urc())
}

func TestNoise(t *testing.T) {
	m := start(t, Config{})
	c := connect(t, m)
	c.do("ATE0")
	for i := range 50 {
		require.NoError(t, m.Noise([]byte{0, 0xFF, 0xFE, 'x', byte(i), '\r', 0x80}))
		require.NoError(t, m.URC("^RSSI:12", i%2 == 0))
		require.Equal(t, "+CSQ: 20,99", c.ask("AT+CSQ"))
		require.Equal(t, "^RSSI: 12", c.urc())
	}
	// Even between a header and its PDU.
	receive(t, m, "text")
	require.NoError(t, m.URC("+CDS: 5\r\n0006010281F1", true))
	require.Regexp(t, `^\+CMGL: 1,0,,\d+\|0004[0-9A-F]+$`, c.ask("AT+CMGL=4"))
	require.Equal(t, "+CDS: 5|0006010281F1", c.urc())
}

// A port that nobody reads does not stop the modem.
func TestNobodyReads(t *testing.T) {
	events := &traffic{}
	m := start(t, Config{OnEvent: func(text string) { events.add(false, text) }})
	require.NoError(t, m.Noise([]byte(strings.Repeat("x", 256<<10))))
	require.Contains(t, strings.Join(events.all(), "\n"), "nobody reads the port")
	require.NotEmpty(t, m.Port())
}

// Echo, A/ and what is not for the modem.
func TestLines(t *testing.T) {
	lines := &traffic{}
	m := start(t, Config{Trace: lines.add})
	port := openPort(t, m.Port())
	defer func() { require.NoError(t, port.Close()) }()
	_, err := io.WriteString(port, "nonsense\rAT+CSX\bQ\r\nA/\rgarbageATE0\rAT+CSQ\r")
	require.NoError(t, err)
	require.Equal(t, []string{"nonsense", "+CSQ: 20,99", "OK", "A/", "+CSQ: 20,99", "OK", "garbageATE0", "OK", "+CSQ: 20,99", "OK"}, readLines(t, port, 10))
	require.Equal(t, "> nonsense", lines.all()[0])
}

func TestChatter(t *testing.T) {
	m := start(t, Config{Profile: "huawei", Chatter: 20 * time.Millisecond})
	c := connect(t, m)
	for range 20 {
		require.Equal(t, "+CSQ: 20,99", c.ask("AT+CSQ"))
		time.Sleep(10 * time.Millisecond)
	}
	for range 6 {
		require.Contains(t, "^RSSI: 18 ^HCSQ: \"LTE\",46,42,131,20 ^MODE: 5,4 ^BOOT: 31416926,0,0,0,6 ^SYSSTART ^SRVST: 2 ^SIMST: 1", c.urc())
	}
	c.do("AT^CURC=0")
	for len(c.URCs()) > 0 {
		<-c.URCs()
	}
	c.silent()
}

func TestDelay(t *testing.T) {
	m := start(t, Config{Delay: 100 * time.Millisecond})
	c := connect(t, m)
	c.do("AT")
	begin := time.Now()
	c.do("AT")
	require.GreaterOrEqual(t, time.Since(begin), 100*time.Millisecond)
}
